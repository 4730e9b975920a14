//! The development chain as a developer commands it. Commands come from RPC threads and from the thread that makes
//! blocks; one lock keeps them apart.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy_primitives::U256;
use defchain_base::{Address, B256, Bytes, Overlay, StateReadExt};
use parking_lot::Mutex;

use super::{DevDriver, DriverError, Edit, Mining, revert::Taken};
use crate::{
    Chain,
    declared::{Declared, DevClock, ForNext},
    params::PARAMS_KEY,
    pool_view::View,
    reader::StateAt,
    shared::Head,
};

/// Most accounts that are impersonated by name.
const MAX_IMPERSONATED: usize = 100_000;

/// What `anvil_nodeInfo` and `anvil_metadata` tell beside the newest block.
#[derive(Debug, Clone)]
pub struct DevInfo {
    /// What makes blocks.
    pub mining: Mining,
    /// Id, height and block hash of each snapshot.
    pub snapshots: Vec<(u64, u64, B256)>,
    /// Differs with each start and reset.
    pub instance: B256,
}

/// A development chain. Clones of its [`Arc`] are all it needs.
pub struct DevNode {
    pub(super) driver: DevDriver,
    pub(super) state: Mutex<State>,
    halted: AtomicBool,
}

/// What is behind the lock.
pub(super) struct State {
    pub mining: Mining,
    pub clock: DevClock,
    pub coinbase: Option<Address>,
    pub next: ForNext,
    pub impersonated: BTreeSet<Address>,
    pub auto_impersonate: bool,
    pub snapshots: Vec<Taken>,
    pub next_snapshot: u64,
    pub resets: u64,
}

/// Notes a panic inside a command: the chain halted, and the process must end.
struct Watch<'a>(&'a AtomicBool);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

impl DevNode {
    /// Commands a chain that was opened with [`Chain::open_dev`].
    ///
    /// # Errors
    /// [`DriverError::NotDev`] for any other.
    pub fn new(driver: DevDriver, mining: Mining) -> Result<Arc<Self>, DriverError> {
        if !driver.chain().inner.shared.declared().dev {
            return Err(DriverError::NotDev);
        }
        let mut clock = DevClock::default();
        // A chain that was kept and had travelled goes on from where it was.
        clock.follow(driver.chain().reader().latest()?.time, crate::declared::system_now());
        let state = State {
            mining,
            clock,
            coinbase: None,
            next: ForNext::default(),
            impersonated: BTreeSet::new(),
            auto_impersonate: false,
            snapshots: Vec::new(),
            next_snapshot: 0,
            resets: 0,
        };
        let node = Self { driver, state: Mutex::new(state), halted: AtomicBool::new(false) };
        node.declare(&node.state.lock());
        Ok(Arc::new(node))
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        self.driver.chain()
    }

    /// Runs a command; afterwards [`Self::halted`] says whether the chain panicked in it.
    pub fn watch<R>(&self, command: impl FnOnce(&Self) -> R) -> R {
        let _watch = Watch(&self.halted);
        command(self)
    }

    /// Whether the chain halted: what it said is in the log, and it goes on no more.
    #[must_use]
    pub fn halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }

    /// Where it stands.
    #[must_use]
    pub fn info(&self) -> DevInfo {
        let state = self.state.lock();
        let genesis = self.chain().store().latest().map(|commit| commit.genesis_hash).unwrap_or_default();
        let instance = defchain_base::keccak256([genesis.as_slice(), &state.resets.to_be_bytes()].concat());
        let snapshots = state.snapshots.iter().map(|taken| (taken.id, taken.height.0, taken.hash)).collect();
        DevInfo { mining: state.mining, snapshots, instance }
    }

    /// Sets things by hand, all or none: at once for whoever reads, in the chain with the next block.
    ///
    /// # Errors
    /// When one of them is nothing that state may have.
    pub fn edit(&self, edits: &[Edit]) -> Result<(), DriverError> {
        let mut state = self.state.lock();
        let head = self.head()?;
        let base = StateAt::Latest(head.snapshot.clone());
        let before = self.current(&mut state, &head).edits.as_ref().map(|edited| edited.delta().clone());
        let mut overlay = Overlay::with_delta(base, before.unwrap_or_default());
        for edit in edits {
            edit.apply(&mut overlay, head.header.age)?;
        }
        overlay.commit();
        if let Some(params) = overlay.read(&PARAMS_KEY)?.filter(|params| *params != head.params) {
            let Head { header, snapshot, active, next, .. } = &*head;
            let (header, snapshot, next) = (header.clone(), snapshot.clone(), next.clone());
            self.chain().inner.shared.set_head(Head { header, snapshot, params, active: *active, next });
        }
        state.next.edits = Some(Arc::new(overlay));
        self.declare(&state);
        Ok(())
    }

    /// Sets the base fee of the next block, wei per gas; later ones follow from it.
    ///
    /// # Errors
    /// When the chain has no genesis or the fee needs more than 64 bits.
    pub fn set_next_base_fee(&self, fee: U256) -> Result<(), DriverError> {
        let fee = u64::try_from(fee)
            .map_err(|_| DriverError::Edit(format!("base fee of {fee} wei per gas, at most 2^64 - 1")))?;
        self.for_next(|next| next.base_fee = Some(fee))
    }

    /// Sets `PREVRANDAO` of the next block.
    ///
    /// # Errors
    /// When the chain has no genesis.
    pub fn set_prev_randao(&self, word: B256) -> Result<(), DriverError> {
        self.for_next(|next| next.prev_randao = Some(word))
    }

    /// Sets who earns what blocks earn, from the next on.
    ///
    /// # Errors
    /// When the chain has no genesis.
    pub fn set_coinbase(&self, address: Address) -> Result<(), DriverError> {
        let mut state = self.state.lock();
        let head = self.head()?;
        // Bound to the head, so that a pending block that was built before is seen to be another.
        self.current(&mut state, &head);
        state.coinbase = Some(address);
        self.declare(&state);
        Ok(())
    }

    fn for_next(&self, change: impl FnOnce(&mut ForNext)) -> Result<(), DriverError> {
        let mut state = self.state.lock();
        let head = self.head()?;
        change(self.current(&mut state, &head));
        self.declare(&state);
        Ok(())
    }

    /// Lets transactions of an account in without its signature.
    ///
    /// # Errors
    /// When too many are impersonated.
    pub fn impersonate(&self, address: Address) -> Result<(), DriverError> {
        let mut state = self.state.lock();
        let held = state.impersonated.len();
        if held >= MAX_IMPERSONATED && !state.impersonated.contains(&address) {
            return Err(DriverError::Edit(format!(
                "{held} accounts are impersonated, at most {MAX_IMPERSONATED}; stop some, or impersonate all (autoImpersonateAccount)"
            )));
        }
        state.impersonated.insert(address);
        Ok(())
    }

    /// Ends that; whether it was so.
    pub fn stop_impersonating(&self, address: &Address) -> bool {
        self.state.lock().impersonated.remove(address)
    }

    /// Impersonates every account, or no more.
    pub fn auto_impersonate(&self, on: bool) {
        self.state.lock().auto_impersonate = on;
    }

    /// Whether an account's transactions need no signature.
    #[must_use]
    pub fn impersonates(&self, address: &Address) -> bool {
        let state = self.state.lock();
        state.auto_impersonate || state.impersonated.contains(address)
    }

    /// Puts a transaction that nobody signed into the pool.
    ///
    /// # Errors
    /// Why the pool does not take it.
    pub fn send_unsigned(&self, raw: Bytes) -> Result<B256, DriverError> {
        Ok(self.chain().pool().add_unsigned(raw)?)
    }

    /// Makes a last block of what was set by hand since the newest one, so that a kept chain has it after a restart.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub fn flush(&self) -> Result<(), DriverError> {
        let edited = {
            let mut state = self.state.lock();
            let head = self.head()?;
            self.current(&mut state, &head).edits.is_some()
        };
        if edited { self.mine(1, Duration::ZERO).map(drop) } else { Ok(()) }
    }

    pub(super) fn head(&self) -> Result<Arc<Head>, DriverError> {
        Ok(self.chain().inner.shared.head().ok_or(crate::ReadError::NotStarted)?)
    }

    /// What is declared for the child of `head`.
    pub(super) fn current<'a>(&self, state: &'a mut State, head: &Head) -> &'a mut ForNext {
        if state.next.on != head.header.hash {
            state.next = ForNext { on: head.header.hash, ..ForNext::default() };
        }
        &mut state.next
    }

    /// Makes it known to blocks, readers and the pool.
    pub(super) fn declare(&self, state: &State) {
        let inner = &self.chain().inner;
        let declared = Declared { dev: true, clock: state.clock, coinbase: state.coinbase, next: state.next.clone() };
        inner.shared.declare(declared);
        // What was proposed before was executed without it.
        inner.optimistic.clear();
        inner.pool.rebase(View::new(&inner.shared));
    }
}
