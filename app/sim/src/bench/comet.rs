//! Block times from CometBFT's headers: consensus time to the nanosecond, where Ethereum's has seconds.

use core::time::Duration;

use anyhow::{Context, Result, ensure};
use defchain_sdk::Client;
use serde::Deserialize;
use serde_json::json;
use tendermint::Time;

/// CometBFT answers at most so many headers at a time.
const PAGE: u64 = 20;

#[derive(Deserialize)]
struct Page {
    block_metas: Vec<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    header: Header,
}

#[derive(Deserialize)]
struct Header {
    height: String,
    time: String,
}

/// The times of blocks `first..=last`, as durations since 1970.
///
/// # Errors
/// When CometBFT does not have all of them.
pub async fn block_times(url: &str, first: u64, last: u64) -> Result<Vec<Duration>> {
    let client = Client::new(url)?;
    let mut times = Vec::new();
    let mut from = first;
    while from <= last {
        let to = last.min(from + PAGE - 1);
        let params = json!({"minHeight": from.to_string(), "maxHeight": to.to_string()});
        let mut page: Page = client.request("blockchain", &params).await?;
        page.block_metas.reverse();
        for (height, meta) in (from..=to).zip(&page.block_metas) {
            ensure!(
                meta.header.height == height.to_string(),
                "CometBFT sent block {} for {height}",
                meta.header.height
            );
            times.push(time(&meta.header.time)?);
        }
        from = to + 1;
    }
    let expected = last + 1 - first;
    ensure!(times.len() as u64 == expected, "CometBFT has {} of the blocks {first} to {last}", times.len());
    Ok(times)
}

fn time(text: &str) -> Result<Duration> {
    let time = Time::parse_from_rfc3339(text).with_context(|| format!("block time {text:?}"))?;
    Ok(Duration::from_nanos(u64::try_from(time.unix_timestamp_nanos())?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_header_s_time_keeps_its_nanoseconds() {
        let later = time("2026-11-21T03:44:14.250000001Z").unwrap();
        let sooner = time("2026-11-21T03:44:14Z").unwrap();
        assert_eq!((later - sooner).as_nanos(), 250_000_001);
        assert!(time("yesterday").is_err());
    }
}
