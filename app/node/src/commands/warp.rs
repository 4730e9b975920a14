//! `dev warp`: moves the clock of a running development chain and makes a block there, so that its money is as old as the
//! time says (D3: dev time travel moves both clocks).

use std::time::Duration;

use alloy_primitives::U64;
use anyhow::{Result, bail};
use clap::Subcommand;
use defchain_sdk::{BlockNumberOrTag, Blocking, Client, SdkError};
use serde_json::{Value, json};

use super::tx::said;
use crate::{duration, output::Output};

/// JSON-RPC's code for a method that does not exist.
const NO_METHOD: i64 = -32601;

/// What can be done with a running development chain.
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Let time pass at once: balances decay, terms end, months turn
    #[command(
        after_help = "Examples:\n  defchain-app dev warp 8d\n  defchain-app dev warp 12h\n  defchain-app dev warp 1d12h --rpc \
                            http://127.0.0.1:8545"
    )]
    Warp {
        /// How much: 8d, 12h, 5m, 90s, 2w, 1d12h
        #[arg(value_parser = duration::parse)]
        span: Duration,
        /// The development chain's RPC
        #[arg(long, default_value = "http://127.0.0.1:8545")]
        rpc: String,
    },
}

pub(super) fn run(command: &DevCommand, output: Output) -> Result<()> {
    let DevCommand::Warp { span, rpc } = command;
    if span.is_zero() {
        bail!("0 s is no time to let pass: give a span such as 8d");
    }
    let (before, after) = Blocking::new(rpc)?.run(async |client| -> Result<_> {
        let before = newest(client).await?;
        ask(client, "evm_increaseTime", json!([U64::from(span.as_secs())])).await?;
        ask(client, "evm_mine", json!([])).await?;
        Ok((before, newest(client).await?))
    })?;
    let passed = after.1.saturating_sub(before.1);
    output.print(
        format!(
            "{} passed: block {} at {}, was block {} at {}",
            duration::shown(passed),
            after.0,
            after.1,
            before.0,
            before.1
        ),
        || json!({ "seconds": passed, "height": after.0, "timestamp": after.1 }),
    );
    Ok(())
}

/// Height and time of the newest block.
async fn newest(client: &Client) -> Result<(u64, u64)> {
    match client.block(BlockNumberOrTag::Latest.into()).await.map_err(said)? {
        Some(block) => Ok((block.header.number, block.header.timestamp)),
        None => bail!("the node at {} has no newest block", client.url()),
    }
}

async fn ask(client: &Client, method: &str, params: Value) -> Result<Value> {
    match client.request(method, &params).await {
        Err(SdkError::Rpc { error, .. }) if error.code == NO_METHOD => {
            bail!("the node at {} is no development chain: nobody can turn the clock of a network", client.url())
        }
        answer => Ok(answer.map_err(said)?),
    }
}

/// A time as people read it, in UTC: `2026-11-21 09:41:05`.
pub(super) fn clock(seconds: u64) -> String {
    let Ok(time) = i64::try_from(seconds)
        .map_err(|_| ())
        .and_then(|s| tendermint::Time::from_unix_timestamp(s, 0).map_err(|_| ()))
    else {
        return seconds.to_string();
    };
    time.to_rfc3339().replace('T', " ").trim_end_matches('Z').to_owned()
}
