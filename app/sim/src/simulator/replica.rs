//! One replica: the real application on a disk that loses things, called in ABCI's order, dying at any call.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
    time::Duration,
};

use defchain_base::Address;
use defchain_chain::{Chain, ChainConfig};
use defchain_mempool::PoolConfig;
use defchain_store::{ModelDisk, Store, StoreOptions, WriteFault, WriteRecord};

use super::{
    audit::{Audit, Digest, Event},
    failure::{Failure, Phase, Wrong},
    order::Order,
    traffic::Wallet,
};

/// When a replica dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the call reaches it.
    Before,
    /// When it has answered and nobody has heard.
    After,
    /// In a write of the call.
    Write(WriteFault),
    /// No read of the call reaches the disk. It may get by without: what it answers is nobody's to hear.
    Reads,
}

/// At which call it dies: the first of the kind at that height or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// Height.
    pub height: u64,
    /// Call.
    pub phase: Phase,
    /// When.
    pub moment: Moment,
}

/// Where a call stands in the run.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Height that it is about.
    pub height: u64,
    /// Round.
    pub round: u32,
}

/// Why a call has no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The replica died, as planned.
    Died,
    /// Something is wrong.
    Failed(Box<Failure>),
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// A replica, alive or not.
pub struct Replica {
    /// Its number.
    pub index: usize,
    /// Newest block in its CometBFT's store.
    pub saved: u64,
    /// Newest height whose Commit was answered.
    pub acknowledged: u64,
    /// When it dies next.
    pub death: Option<Death>,
    /// Writes since they were last asked for.
    pub writes: Vec<WriteRecord>,
    disk: ModelDisk,
    chain: Option<Chain>,
    order: Order,
}

fn config() -> ChainConfig {
    let pool = PoolConfig {
        max_transactions: 400,
        max_queued: 100,
        max_per_sender: 40,
        gossip_workers: 1,
        remembered_senders: 2_048,
        event_capacity: 16,
        ..PoolConfig::default()
    };
    // No deadline: the machine's speed must not show in what is proposed.
    ChainConfig { pool, build_time: Duration::from_secs(86_400), ..ChainConfig::default() }
}

impl Replica {
    /// A replica that was never started.
    #[must_use]
    pub fn new(index: usize) -> Self {
        Self {
            index,
            saved: 0,
            acknowledged: 0,
            death: None,
            writes: Vec::new(),
            disk: ModelDisk::new(),
            chain: None,
            order: Order::connected(),
        }
    }

    /// Its application, when it runs.
    #[must_use]
    pub const fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// Its disk.
    #[must_use]
    pub const fn disk(&self) -> &ModelDisk {
        &self.disk
    }

    /// Whether it runs.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.chain.is_some()
    }

    /// Newest height that its application holds.
    #[must_use]
    pub fn height(&self) -> u64 {
        let latest = self.chain.as_ref().and_then(|chain| chain.store().latest());
        latest.map_or(0, |commit| commit.height.0)
    }

    /// A failure of this replica.
    #[must_use]
    pub const fn failure(&self, height: u64, phase: Phase, what: Wrong) -> Failure {
        Failure { height, phase, replica: self.index, what }
    }

    /// Starts the process: opens the store on what the disk holds.
    pub fn open(&mut self, audit: &mut Audit, place: Place, clock: u64) -> Result<(), Failure> {
        let options = StoreOptions { cache_bytes: 1 << 20, sync: true, ..StoreOptions::default() };
        let opened = Store::open_on_model(&self.disk, options)
            .map_err(|e| e.to_string())
            .and_then(|store| Chain::open(store, config()).map_err(|e| e.to_string()));
        let chain = opened.map_err(|why| self.failure(place.height, Phase::Open, Wrong::Open(why)))?;
        chain.pool().set_clock(clock);
        self.chain = Some(chain);
        self.order = Order::connected();
        self.note(audit, place, Phase::Open, 0, self.height());
        Ok(())
    }

    /// Ends the process: memory is gone, and the last `lose` writes that were not synced.
    pub fn die(&mut self, audit: &mut Audit, place: Place, lose: u64) {
        if let Some(chain) = self.chain.take() {
            chain.shutdown();
        }
        self.death = None;
        let lost = self.disk.crash(lose);
        self.note(audit, place, Phase::Crash, lose, lost);
    }

    /// What the handshake's Info answered.
    pub fn informed(&mut self, height: u64) {
        self.order.answered_info(height);
        self.order.handshake_done();
    }

    fn note(&self, audit: &mut Audit, place: Place, phase: Phase, request: u64, answer: u64) {
        let Place { height, round } = place;
        audit.note(Event { height, round, replica: self.index, phase, request, answer, writes: 0 });
    }

    /// One call. `digest` hashes the answer.
    pub fn call<R>(
        &mut self,
        audit: &mut Audit,
        place: Place,
        (phase, request): (Phase, u64),
        run: impl FnOnce(&Chain) -> R,
        digest: impl FnOnce(&R) -> u64,
    ) -> Result<R, NoAnswer> {
        let Place { height, round } = place;
        if self.chain.is_none() {
            return Err(NoAnswer::Died);
        }
        self.order.call(phase, height, round).map_err(|why| self.failure(height, phase, Wrong::Order(why)))?;
        let moment = self.death.filter(|d| d.phase == phase && d.height <= height).map(|d| d.moment);
        if moment == Some(Moment::Before) {
            self.die(audit, place, u64::MAX);
            return Err(NoAnswer::Died);
        }
        let (Some(chain), disk) = (&self.chain, &self.disk) else { return Err(NoAnswer::Died) };
        if let Some(Moment::Write(fault)) = moment {
            disk.plan(0, fault);
        }
        if moment == Some(Moment::Reads) {
            disk.fail_reads(true);
            drop(quietly(|| run(chain)));
            disk.fail_reads(false);
            drop(disk.take_log());
            self.die(audit, place, u64::MAX);
            return Err(NoAnswer::Died);
        }
        let outcome = quietly(|| run(chain));
        let log = disk.take_log();
        let writes = log.iter().fold(Digest::default(), |d, w| d.number(w.digest).number(u64::from(w.synced)));
        let writes = if log.is_empty() { 0 } else { writes.get() };
        let answer = outcome.as_ref().map_or(0, digest);
        audit.note(Event { height, round, replica: self.index, phase, request, answer, writes });
        self.writes.extend(log);
        match (outcome, moment) {
            (Ok(answer), None) => Ok(answer),
            // The call had nothing to write: InitChain on a store that holds this genesis.
            (Ok(answer), Some(Moment::Write(_))) if disk.unplan() => {
                self.death = None;
                Ok(answer)
            }
            (Ok(_), Some(Moment::Write(fault))) => {
                let what = format!("the write failed ({fault:?}), and the call was answered");
                Err(self.failure(height, phase, Wrong::Lost(what)).into())
            }
            (Err(_), Some(Moment::Write(fault))) => {
                // What was written and not synced may survive or not.
                let lose = if fault == WriteFault::PowerBeforeSync { request % 2 } else { u64::MAX };
                self.die(audit, place, lose);
                Err(NoAnswer::Died)
            }
            (Ok(_), Some(_)) => {
                self.die(audit, place, u64::MAX);
                Err(NoAnswer::Died)
            }
            (Err(message), _) => Err(self.failure(height, phase, Wrong::Panicked(message)).into()),
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(chain) = self.chain.take() {
            chain.shutdown();
        }
    }
}

impl Wallet for Replica {
    fn next_nonce(&self, address: &Address) -> u64 {
        self.chain.as_ref().and_then(|chain| chain.pool().pending_nonce(address).ok()).unwrap_or(0)
    }
}

thread_local! {
    /// The message of the panic that [`quietly`] waits for; `None` outside of it.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs something that may panic, and gives back the message instead of printing it. Panics of other threads and
/// elsewhere are printed as ever.
fn quietly<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let expected = CAUGHT.with_borrow_mut(|caught| match caught {
                Some(message) => {
                    *message = info.to_string();
                    true
                }
                None => false,
            });
            if !expected {
                usual(info);
            }
        }));
    });
    CAUGHT.set(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(run));
    let message = CAUGHT.take().unwrap_or_default();
    outcome.map_err(|_| message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_message() {
        assert_eq!(quietly(|| 5), Ok(5));
        let caught: Result<(), String> = quietly(|| panic!("disk {}", 7));
        assert!(caught.is_err_and(|message| message.contains("disk 7")));
    }
}
