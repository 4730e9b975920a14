//! Transfers at a steady rate, sent as a careful wallet does: to another node when one is down, and again until they
//! are in a block.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{JoinHandle, sleep},
    time::{Duration, Instant},
};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use anyhow::{Context, Result, ensure};
use defchain_localnet::{Node, Rpc, RpcError};
use defchain_sdk::Wallet;
use serde_json::{Value, json};

use super::watch::Watch;

/// The development accounts' phrase.
const PHRASE: &str = "test test test test test test test test test test test junk";
/// EVM chain id of a local network.
const CHAIN_ID: u64 = 35_679;
/// How long a node may take to answer a sender.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// A transfer in no block after so long is sent again, with those behind it.
const AGAIN: Duration = Duration::from_secs(5);
/// Most transfers of a sender in no block yet.
const WINDOW: usize = 400;
/// Most sent again at a time.
const BATCH: usize = 100;

/// Counts of all senders.
#[derive(Debug, Default)]
struct Counts {
    stop: AtomicBool,
    /// Nodes said yes to so many different transfers.
    acknowledged: AtomicU64,
    again: AtomicU64,
    waiting: AtomicU64,
}

/// Running senders.
#[derive(Debug)]
pub struct Load {
    counts: Arc<Counts>,
    threads: Vec<JoinHandle<Result<()>>>,
}

/// What was sent in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Different transfers that a node said yes to. All are in blocks.
    pub acknowledged: u64,
    /// How often one was sent again.
    pub again: u64,
}

struct Flying {
    hash: String,
    raw: String,
    acknowledged: bool,
}

struct Sender {
    wallet: Wallet,
    nodes: Vec<Rpc>,
    /// The node that answered last.
    to: usize,
    nonce: u64,
    flying: VecDeque<Flying>,
    /// When the first of them moved on.
    moved: Instant,
    watch: Arc<Watch>,
    counts: Arc<Counts>,
}

impl Load {
    /// A sender per node, together so many transfers a second.
    #[must_use]
    pub fn start(nodes: &[Node], watch: &Arc<Watch>, rate: u64) -> Self {
        let counts = Arc::new(Counts::default());
        let senders = nodes.len() as u64;
        let pause = Duration::from_micros(1_000_000 * senders / rate.max(1));
        let threads = nodes.iter().map(|node| {
            let (watch, counts) = (watch.clone(), counts.clone());
            let rpcs = nodes.iter().map(|n| Rpc::with_patience(n.rpc_url(), PATIENCE)).collect();
            let (index, account) = (node.index, u32::try_from(node.index).unwrap_or(0));
            std::thread::spawn(move || {
                let wallet = Wallet::from_mnemonic(PHRASE, account, CHAIN_ID).context("the sender's wallet")?;
                let flying = VecDeque::new();
                let moved = Instant::now();
                Sender { wallet, nodes: rpcs, to: index, nonce: 0, flying, moved, watch, counts }.run(pause)
            })
        });
        Self { threads: threads.collect(), counts }
    }

    /// Ends when every transfer is in a block that some node showed.
    ///
    /// # Errors
    /// When that takes longer than `patience`: acknowledged transfers are lost.
    pub fn finish(self, patience: Duration) -> Result<Sent> {
        self.counts.stop.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + patience;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
            sleep(Duration::from_millis(100));
        }
        let left = self.threads.iter().filter(|thread| !thread.is_finished()).count();
        let waiting = self.counts.waiting.load(Ordering::SeqCst);
        ensure!(
            left == 0,
            "{left} senders still wait for transfers after {} s, the last for {waiting}: acknowledged, sent again and \
             in no block",
            patience.as_secs()
        );
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        let figure = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Ok(Sent { acknowledged: figure(&self.counts.acknowledged), again: figure(&self.counts.again) })
    }

    /// Ends the senders where they are.
    pub fn abandon(&self) {
        self.counts.stop.store(true, Ordering::SeqCst);
    }
}

impl Sender {
    fn run(mut self, pause: Duration) -> Result<()> {
        loop {
            self.confirm();
            let stopping = self.counts.stop.load(Ordering::SeqCst);
            if stopping && (self.flying.is_empty() || self.watch.stopped()) {
                return Ok(());
            }
            if self.moved.elapsed() >= AGAIN && !self.flying.is_empty() {
                self.send_again();
            }
            if !stopping && self.flying.len() < WINDOW {
                self.send_next()?;
            }
            sleep(pause);
        }
    }

    /// Forgets what is in blocks. A sender's transfers are included in the order of their nonces.
    fn confirm(&mut self) {
        let ledger = self.watch.ledger();
        while self.flying.front().is_some_and(|first| ledger.included(&first.hash).is_some()) {
            self.flying.pop_front();
            self.moved = Instant::now();
        }
        drop(ledger);
        self.counts.waiting.store(self.flying.len() as u64, Ordering::SeqCst);
    }

    fn send_next(&mut self) -> Result<()> {
        let receiver = u8::try_from(self.nonce % 200).unwrap_or(0) + 20;
        let signed = self.wallet.sign(TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 1_000_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: TxKind::Call(Address::with_last_byte(receiver)),
            value: U256::from(self.nonce + 1),
            ..Default::default()
        })?;
        if self.flying.is_empty() {
            self.moved = Instant::now();
        }
        self.nonce += 1;
        let acknowledged = false;
        self.flying.push_back(Flying { hash: signed.hash.to_string(), raw: signed.raw.to_string(), acknowledged });
        self.post(self.flying.len() - 1);
        Ok(())
    }

    fn send_again(&mut self) {
        for at in 0..self.flying.len().min(BATCH) {
            self.counts.again.fetch_add(1, Ordering::SeqCst);
            if !self.post(at) {
                break;
            }
        }
        self.moved = Instant::now();
    }

    /// Sends one of those that fly. Turns to the next node when this one does not answer.
    fn post(&mut self, at: usize) -> bool {
        let (Some(tx), Some(rpc)) = (self.flying.get_mut(at), self.nodes.get(self.to)) else { return false };
        match rpc.call("eth_sendRawTransaction", json!([tx.raw])) {
            Ok(answer) => {
                if answer.as_str() != Some(tx.hash.as_str()) {
                    let what = format!("node{} acknowledged {} with {answer}", self.to, tx.hash);
                    self.watch.ledger().violation(what);
                }
                if !tx.acknowledged {
                    tx.acknowledged = true;
                    self.counts.acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                true
            }
            // It is there already, or the pool has no room now: it is sent again if it does not arrive.
            Err(RpcError::Answer(..)) => true,
            Err(RpcError::Transport(_)) => {
                self.to = (self.to + 1) % self.nodes.len().max(1);
                false
            }
        }
    }
}

/// Whether a node knows a transaction as the ledger does: in the same block.
///
/// # Errors
/// When the node does not answer.
pub fn receipt_height(rpc: &Rpc, hash: &str) -> Result<Option<u64>, RpcError> {
    let receipt = rpc.call("eth_getTransactionReceipt", json!([hash]))?;
    let number = receipt.get("blockNumber").and_then(Value::as_str);
    Ok(number.and_then(|n| u64::from_str_radix(n.trim_start_matches("0x"), 16).ok()))
}
