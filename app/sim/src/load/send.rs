use core::{
    pin::pin,
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    time::Duration,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy_primitives::B256;
use defchain_sdk::Client;
use futures::stream::{FuturesUnordered, StreamExt};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Answer, Batch, Lane, LoadError, Refusal, read_answer};

/// Rules of the pool that pass when blocks have made room, so that the transfer is offered again: 303 full, 304 too many
/// behind gaps, 305 too many of one sender, 308 busy.
const PASSING_RULES: [u64; 4] = [303, 304, 305, 308];
/// How long a lane rests when the backlog is full, or after a refusal that passes.
const REST: Duration = Duration::from_millis(2);
/// Most requests of a lane that wait for their answer, when load comes at a rate: what a node that is too slow then
/// sees is many clients, not one that waits for it.
const MAX_FLYING: usize = 64;
/// Most samples of latency that wait for their receipt.
const MAX_SAMPLES: usize = 256;

/// How fast transfers are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as the node takes them, with at most so many sent and in no block yet.
    Backlog(u64),
    /// So many a second over all lanes, whatever the node says.
    Rate(u64),
}

/// What all lanes and the watcher know together.
#[derive(Debug, Default)]
pub struct Progress {
    stop: AtomicBool,
    offered: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    outstanding: AtomicI64,
    refusals: Mutex<BTreeMap<String, u64>>,
    samples: Mutex<VecDeque<(B256, Instant)>>,
}

/// Counts at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sent {
    /// Transfers sent, those sent again included.
    pub offered: u64,
    /// Transfers the node took.
    pub accepted: u64,
    /// Transfers the node refused.
    pub refused: u64,
    /// Why, and how many of each.
    pub refusals: BTreeMap<String, u64>,
}

impl Progress {
    /// Ends all lanes after their current batch.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sent, not refused, and in no block yet.
    #[must_use]
    pub fn outstanding(&self) -> i64 {
        self.outstanding.load(Ordering::Relaxed)
    }

    /// Blocks took so many.
    pub(super) fn included(&self, count: u64) {
        self.outstanding.fetch_sub(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Counts until now.
    #[must_use]
    pub fn sent(&self) -> Sent {
        Sent {
            offered: self.offered.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            refusals: self.refusals.lock().clone(),
        }
    }

    /// Hashes whose receipt is still looked for, oldest first.
    pub(super) fn samples(&self, most: usize) -> Vec<(B256, Instant)> {
        self.samples.lock().iter().take(most).copied().collect()
    }

    pub(super) fn found(&self, hashes: &BTreeSet<B256>) {
        self.samples.lock().retain(|(hash, _)| !hashes.contains(hash));
    }

    fn sample(&self, hash: B256, at: Instant) {
        let mut samples = self.samples.lock();
        if samples.len() < MAX_SAMPLES {
            samples.push_back((hash, at));
        }
    }

    fn offer(&self, count: u64) {
        self.offered.fetch_add(count, Ordering::Relaxed);
        self.outstanding.fetch_add(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    fn answered(&self, answer: &Answer) {
        self.accepted.fetch_add(answer.accepted, Ordering::Relaxed);
        if answer.refused.is_empty() {
            return;
        }
        let count = answer.refused.len() as u64;
        self.refused.fetch_add(count, Ordering::Relaxed);
        self.included(count);
        let mut refusals = self.refusals.lock();
        for refusal in &answer.refused {
            *refusals.entry(kind(refusal)).or_default() += 1;
        }
    }
}

/// The message without what differs from one transaction to the next.
fn kind(refusal: &Refusal) -> String {
    let rule = refusal.error.rule().map_or(String::new(), |rule| format!(" (rule {rule})"));
    let words = refusal.error.message.split([':', ';']).next().unwrap_or_default();
    format!("{words}{rule}")
}

/// Sends one lane until it is empty or [`Progress::stop`]; says whether it was empty.
///
/// # Errors
/// When the node cannot be reached or answers something else than JSON-RPC.
pub async fn send(
    client: &Client,
    lane: &Lane,
    lanes: u64,
    pace: Pace,
    progress: &Progress,
) -> Result<bool, LoadError> {
    let started = Instant::now();
    let mut own = 0;
    let mut again = Again::default();
    let size = lane.batches.first().map_or(0, |batch| batch.count);
    let mut queue = lane.batches.iter();
    let mut flying = FuturesUnordered::new();
    while !progress.stopped() {
        // A refused transfer leaves a gap in its sender's nonces, so it goes first.
        let Some(batch) = again.take(size).or_else(|| queue.next().cloned()) else { return Ok(true) };
        let most = match pace {
            Pace::Backlog(most) => {
                wait_for_room(progress, batch.count, most).await;
                0
            }
            Pace::Rate(rate) => {
                let mut due = pin!(sleep_until(started + due(own * lanes, rate)));
                loop {
                    tokio::select! {
                        biased;
                        Some(answered) = flying.next() => again.keep(answered?),
                        () = &mut due => break,
                    }
                }
                MAX_FLYING
            }
        };
        own += batch.count;
        flying.push(post(client, batch, progress));
        while flying.len() > most {
            let Some(answered) = flying.next().await else { break };
            again.keep(answered?);
        }
    }
    Ok(false)
}

/// Sends one batch and counts its answer; returns what was refused.
async fn post(client: &Client, batch: Batch, progress: &Progress) -> Result<(Batch, Vec<Refusal>), LoadError> {
    progress.offer(batch.count);
    let at = Instant::now();
    let answer = client.post("eth_sendRawTransaction", batch.body.clone()).await?;
    let answer = read_answer(&answer, batch.count)?;
    progress.answered(&answer);
    if answer.refused.is_empty() && !batch.last.is_zero() {
        progress.sample(batch.last, at);
    }
    Ok((batch, answer.refused))
}

/// Calls that were refused for a reason that passes, as they were sent.
#[derive(Debug, Default)]
struct Again {
    calls: VecDeque<Box<RawValue>>,
}

#[derive(Deserialize)]
struct CallId {
    id: u64,
}

impl Again {
    fn keep(&mut self, (batch, refused): (Batch, Vec<Refusal>)) {
        let passing = |refusal: &&Refusal| refusal.error.rule().is_some_and(|rule| PASSING_RULES.contains(&rule));
        let ids: BTreeSet<u64> = refused.iter().filter(passing).map(|refusal| refusal.id).collect();
        if ids.is_empty() {
            return;
        }
        let calls: Vec<Box<RawValue>> = serde_json::from_slice(&batch.body).unwrap_or_default();
        let wanted = |call: &RawValue| serde_json::from_str(call.get()).is_ok_and(|CallId { id }| ids.contains(&id));
        self.calls.extend(calls.into_iter().filter(|call| wanted(call)));
    }

    /// The oldest of them, at most `size`.
    fn take(&mut self, size: u64) -> Option<Batch> {
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(self.calls.len());
        let calls: Vec<_> = self.calls.drain(..size).collect();
        if calls.is_empty() {
            return None;
        }
        let body = serde_json::to_vec(&calls).unwrap_or_default();
        // Its receipt is not sampled: the time from the first offer is not known here.
        Some(Batch { body: body.into(), count: calls.len() as u64, last: B256::ZERO })
    }
}

async fn wait_for_room(progress: &Progress, count: u64, most: u64) {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    while !progress.stopped() && progress.outstanding() > 0 && progress.outstanding().saturating_add(count) > most {
        sleep(REST).await;
    }
}

fn due(sent: u64, rate: u64) -> Duration {
    Duration::from_micros(sent.saturating_mul(1_000_000) / rate.max(1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use defchain_sdk::RpcError;
    use serde_json::{Value, json};

    use super::*;

    fn refusal(id: u64, rule: u64, message: &str) -> Refusal {
        Refusal { id, error: RpcError { code: -32000, message: message.to_owned(), data: Some(json!({"rule": rule})) } }
    }

    fn batch() -> Batch {
        let calls: Vec<Value> = (10..14).map(|id| json!({"id": id, "params": [format!("0x{id}")]})).collect();
        Batch { body: serde_json::to_vec(&calls).unwrap().into(), count: 4, last: B256::repeat_byte(1) }
    }

    #[test]
    fn what_was_refused_for_want_of_room_is_sent_again_as_it_was_and_nothing_else() {
        let mut again = Again::default();
        let refused = vec![refusal(11, 303, "full"), refusal(12, 201, "nonce too low"), refusal(13, 308, "busy")];
        again.keep((batch(), refused));
        let second = again.take(200).unwrap();
        let calls: Vec<Value> = serde_json::from_slice(&second.body).unwrap();
        assert_eq!(second.count, 2);
        assert_eq!((&calls[0]["params"][0], &calls[1]["id"]), (&json!("0x11"), &json!(13)));
        assert!(again.take(200).is_none(), "once");
    }

    #[test]
    fn a_request_of_transfers_sent_again_is_no_larger_than_the_others() {
        let mut again = Again::default();
        again.keep((batch(), (10..14).map(|id| refusal(id, 303, "full")).collect()));
        assert_eq!(again.take(3).unwrap().count, 3);
        assert_eq!(again.take(3).unwrap().count, 1);
        assert!(again.take(3).is_none());
    }

    #[test]
    fn what_is_outstanding_is_what_no_block_and_no_refusal_has_taken() {
        let progress = Progress::default();
        progress.offer(10);
        let refused = vec![refusal(1, 303, "txpool is full: 5 held"), refusal(2, 303, "txpool is full: 6 held")];
        progress.answered(&Answer { accepted: 8, refused });
        assert_eq!(progress.outstanding(), 8);
        progress.included(5);
        assert_eq!(progress.outstanding(), 3);
        let sent = progress.sent();
        assert_eq!((sent.offered, sent.accepted, sent.refused), (10, 8, 2));
        assert_eq!(sent.refusals["txpool is full (rule 303)"], 2, "counted by kind");
    }

    #[test]
    fn a_rate_says_when_each_batch_is_due() {
        assert_eq!(due(0, 4_000), Duration::ZERO);
        assert_eq!(due(2_000, 4_000), Duration::from_millis(500));
    }
}
