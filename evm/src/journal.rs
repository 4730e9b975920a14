//! One journal for EVM and native state.
//!
//! revm's journal does all that concerns the EVM. Around it, each checkpoint also marks the overlay (native writes) and
//! the list of value movements; a revert takes all three back together, so a reverted frame undoes native state exactly
//! as it undoes storage. The movements that survive a transaction are applied to portions afterwards, in their order.
//!
//! Every movement of value is judged here, and nowhere else, by what its parties are at that moment (D17, D17a): what it
//! costs leaves the payer's balance with it, so a reverted frame refunds its commission. The shares of pools are not
//! credited before the end of the block.
//!
//! revm opens and closes checkpoints strictly as a stack, so the marks need no place in revm's own checkpoint type.

mod money;

use alloy_primitives::{Address, B256, Log, U256, map::AddressMap, map::HashSet};
use defchain_base::{Amount, Checkpoint, StateError, StateRead};
use defchain_token::{Movement, Party};
use revm::{
    bytecode::Bytecode,
    context::journal::{Journal, JournalEntry},
    context_interface::{
        JournalTr,
        cfg::gas::InitialAndFloorGas,
        context::{SStoreResult, SelfDestructResult, StateLoad},
        journaled_state::{
            AccountInfoLoad, AccountLoad, JournalCheckpoint, JournalLoadError, TransferError, account::JournaledAccount,
        },
    },
    inspector::JournalExt,
    primitives::{AddressSet, StorageKey, StorageValue, hardfork::SpecId},
    state::{Account, EvmState},
};

use crate::{db::ChainDb, error::DbError};

/// Where native state stood when a checkpoint was taken.
#[derive(Debug, Clone, Copy)]
struct Mark {
    overlay: Checkpoint,
    movements: usize,
    credit: Amount,
}

/// How the present transaction is paid for, where that is not what revm does by itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Payment {
    /// Whether the gas may come out of what the transaction releases (D26a): what the sender lacks is advanced.
    pub self_paying: bool,
    /// What was advanced.
    pub advanced: U256,
    /// Commission on top of the value, for calls that pretend to own it.
    pub on_top: U256,
    /// Gas due before the first instruction, where it does not follow from the input (type 100).
    pub intrinsic: Option<InitialAndFloorGas>,
}

pub(crate) struct ChainJournal<S: StateRead> {
    pub inner: Journal<ChainDb<S>>,
    pub payment: Payment,
    marks: Vec<Mark>,
    movements: Vec<Movement>,
    /// What was charged on top in this transaction and no deduction has used yet (D17: nobody is charged twice).
    credit: Amount,
    /// What a call's recipient really got, when that is less than its value (an EIP-7702 account's CALLVALUE).
    pub net_value: Option<U256>,
    /// Whether native code wrote state in this transaction: account records that were read may then be stale.
    native_wrote: bool,
    /// Whether each movement of native money leaves a log, as `eth_simulateV1` may ask.
    pub transfer_logs: bool,
    /// The first failure inside a method that cannot return one. The executor looks here before anything is kept.
    failed: Option<StateError>,
}

type Load<T> = Result<StateLoad<T>, DbError>;
type SkipLoad<T> = Result<StateLoad<T>, JournalLoadError<DbError>>;

impl<S: StateRead> ChainJournal<S> {
    /// The movements of the transaction that just ended.
    pub fn take_movements(&mut self) -> Result<Vec<Movement>, StateError> {
        (self.credit, self.net_value, self.native_wrote) = (Amount::ZERO, None, false);
        match self.failed.take() {
            Some(e) => Err(e),
            None => Ok(core::mem::take(&mut self.movements)),
        }
    }

    /// Forgets a transaction that will not be kept.
    pub fn forget(&mut self) {
        self.marks.clear();
        self.movements.clear();
        (self.credit, self.net_value, self.native_wrote) = (Amount::ZERO, None, false);
        self.failed = None;
        let _ = self.inner.finalize();
        self.inner.database.records.clear();
    }

    /// Native code that may write has run: records are read again from here on.
    pub fn native_wrote(&mut self) {
        self.native_wrote = true;
        self.inner.database.records.clear();
    }

    fn open_mark(&mut self) {
        let overlay = self.inner.database.overlay.checkpoint();
        self.marks.push(Mark { overlay, movements: self.movements.len(), credit: self.credit });
    }

    fn close_mark(&mut self) {
        if self.marks.pop().is_none() {
            self.fail(StateError::Invariant("a checkpoint was closed that was never opened".to_owned()));
        }
    }

    fn revert_mark(&mut self) {
        let Some(mark) = self.marks.pop() else {
            return self.fail(StateError::Invariant("a checkpoint was reverted that was never opened".to_owned()));
        };
        self.inner.database.overlay.revert(mark.overlay);
        self.movements.truncate(mark.movements);
        self.credit = mark.credit;
        if self.native_wrote {
            self.inner.database.records.clear();
        }
    }

    fn fail(&mut self, e: StateError) {
        self.failed.get_or_insert(e);
    }
}

impl<S: StateRead> JournalTr for ChainJournal<S> {
    type Database = ChainDb<S>;
    type State = EvmState;
    type JournaledAccount<'a>
        = JournaledAccount<'a, ChainDb<S>, JournalEntry>
    where
        S: 'a;

    fn new(database: ChainDb<S>) -> Self {
        Self {
            inner: Journal::new(database),
            payment: Payment::default(),
            marks: Vec::with_capacity(16),
            movements: Vec::new(),
            credit: Amount::ZERO,
            net_value: None,
            native_wrote: false,
            transfer_logs: false,
            failed: None,
        }
    }

    // What touches checkpoints or value.

    fn checkpoint(&mut self) -> JournalCheckpoint {
        self.open_mark();
        self.inner.checkpoint()
    }

    fn checkpoint_commit(&mut self) {
        self.close_mark();
        self.inner.checkpoint_commit();
    }

    fn checkpoint_revert(&mut self, checkpoint: JournalCheckpoint) {
        self.revert_mark();
        self.inner.checkpoint_revert(checkpoint);
    }

    fn create_account_checkpoint(
        &mut self,
        caller: Address,
        address: Address,
        balance: U256,
        spec_id: SpecId,
    ) -> Result<JournalCheckpoint, TransferError> {
        let due = match Amount::try_from(balance) {
            _ if balance.is_zero() => None,
            Err(_) => return Err(TransferError::OutOfFunds),
            // What is created runs its init code: it counts as a contract.
            Ok(amount) => match self.due(caller, Party::Contract, amount).and_then(|due| Ok((due, due.gross()?))) {
                Ok((due, gross)) if gross.to_u256() <= self.balance_of(&caller) => Some(due),
                Ok(_) => return Err(TransferError::OutOfFunds),
                Err(e) => {
                    self.fail(e);
                    return Err(TransferError::OutOfFunds);
                }
            },
        };
        // On an error revm takes its own checkpoint back before it returns; ours is only opened on success.
        let checkpoint = self.inner.create_account_checkpoint(caller, address, balance, spec_id)?;
        self.open_mark();
        if let Some(due) = due
            && let Err(e) = self.record(caller, address, caller, &due)
        {
            self.fail(e);
        }
        Ok(checkpoint)
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) -> Result<Option<TransferError>, DbError> {
        self.inner.load_account(from)?;
        self.inner.load_account(to)?;
        Ok(self.transfer_loaded(from, to, value))
    }

    fn transfer_loaded(&mut self, from: Address, to: Address, value: U256) -> Option<TransferError> {
        if value.is_zero() {
            return self.inner.transfer_loaded(from, to, value);
        }
        self.pay(from, to, value).unwrap_or_else(|e| {
            self.fail(e);
            Some(TransferError::OutOfFunds)
        })
    }

    fn selfdestruct(
        &mut self,
        address: Address,
        target: Address,
        skip_cold_load: bool,
    ) -> SkipLoad<SelfDestructResult> {
        let (balance, created) = self
            .inner
            .state
            .get(&address)
            .map_or((U256::ZERO, false), |account| (account.info.balance, account.is_created_locally()));
        let result = self.inner.selfdestruct(address, target, skip_cold_load)?;
        if balance.is_zero() {
            return Ok(result);
        }
        if address != target {
            if let Err(e) = self.bequeathed(address, target, balance) {
                self.fail(e);
            }
        } else if created {
            // EIP-6780 with itself as heir in its creating transaction: destroyed value is burned (D4).
            match Amount::try_from(balance) {
                Ok(amount) => self.burned(address, amount),
                Err(e) => self.fail(e.into()),
            }
        }
        Ok(result)
    }

    /// Money from nowhere: nothing in this chain may do that.
    fn balance_incr(&mut self, address: Address, balance: U256) -> Result<(), DbError> {
        if balance.is_zero() {
            return Ok(());
        }
        Err(StateError::Invariant(format!("{balance} wei were to appear at {address} from nowhere")).into())
    }

    fn commit_tx(&mut self) {
        if !self.marks.is_empty() {
            let open = self.marks.len();
            self.fail(StateError::Invariant(format!("{open} checkpoints open at the end of a transaction")));
        }
        self.marks.clear();
        self.inner.commit_tx();
    }

    fn discard_tx(&mut self) {
        self.marks.clear();
        self.movements.clear();
        (self.credit, self.net_value) = (Amount::ZERO, None);
        self.inner.discard_tx();
    }

    fn finalize(&mut self) -> EvmState {
        self.inner.finalize()
    }

    // The rest is revm's own.

    fn db_and_state(&self) -> (&ChainDb<S>, &EvmState) {
        self.inner.db_and_state()
    }

    fn db_and_state_mut(&mut self) -> (&mut ChainDb<S>, &mut EvmState) {
        self.inner.db_and_state_mut()
    }

    fn sload(&mut self, address: Address, key: StorageKey) -> Load<StorageValue> {
        self.inner.sload(address, key)
    }

    fn sload_skip_cold_load(&mut self, address: Address, key: StorageKey, skip: bool) -> SkipLoad<StorageValue> {
        self.inner.sload_skip_cold_load(address, key, skip)
    }

    fn sstore(&mut self, address: Address, key: StorageKey, value: StorageValue) -> Load<SStoreResult> {
        self.inner.sstore(address, key, value)
    }

    fn sstore_skip_cold_load(
        &mut self,
        address: Address,
        key: StorageKey,
        value: StorageValue,
        skip: bool,
    ) -> SkipLoad<SStoreResult> {
        self.inner.sstore_skip_cold_load(address, key, value, skip)
    }

    fn tload(&mut self, address: Address, key: StorageKey) -> StorageValue {
        self.inner.tload(address, key)
    }

    fn tstore(&mut self, address: Address, key: StorageKey, value: StorageValue) {
        self.inner.tstore(address, key, value);
    }

    fn log(&mut self, log: Log) {
        self.inner.log(log);
    }

    fn take_logs(&mut self) -> Vec<Log> {
        self.inner.take_logs()
    }

    fn logs(&self) -> &[Log] {
        self.inner.logs()
    }

    fn warm_access_list(&mut self, access_list: AddressMap<HashSet<StorageKey>>) {
        self.inner.warm_access_list(access_list);
    }

    fn warm_coinbase_account(&mut self, address: Address) {
        self.inner.warm_coinbase_account(address);
    }

    fn warm_precompiles(&mut self, addresses: &AddressSet) {
        self.inner.warm_precompiles(addresses);
    }

    fn precompile_addresses(&self) -> &AddressSet {
        self.inner.precompile_addresses()
    }

    fn set_spec_id(&mut self, spec_id: SpecId) {
        self.inner.set_spec_id(spec_id);
    }

    fn set_eip7708_config(&mut self, disabled: bool, delayed_clear_disabled: bool) {
        self.inner.set_eip7708_config(disabled, delayed_clear_disabled);
    }

    fn touch_account(&mut self, address: Address) {
        self.inner.touch_account(address);
    }

    #[expect(deprecated, reason = "part of the trait")]
    fn caller_accounting_journal_entry(&mut self, address: Address, old_balance: U256, bump_nonce: bool) {
        self.inner.caller_accounting_journal_entry(address, old_balance, bump_nonce);
    }

    #[expect(deprecated, reason = "part of the trait")]
    fn nonce_bump_journal_entry(&mut self, address: Address) {
        self.inner.nonce_bump_journal_entry(address);
    }

    fn load_account(&mut self, address: Address) -> Load<&Account> {
        self.inner.load_account(address)
    }

    fn load_account_with_code(&mut self, address: Address) -> Load<&Account> {
        self.inner.load_account_with_code(address)
    }

    fn load_account_delegated(&mut self, address: Address) -> Load<AccountLoad> {
        self.inner.load_account_delegated(address)
    }

    fn load_account_mut_skip_cold_load(
        &mut self,
        address: Address,
        skip: bool,
    ) -> SkipLoad<Self::JournaledAccount<'_>> {
        self.inner.load_account_mut_skip_cold_load(address, skip)
    }

    fn load_account_mut_optional_code(&mut self, address: Address, code: bool) -> Load<Self::JournaledAccount<'_>> {
        self.inner.load_account_mut_optional_code(address, code)
    }

    fn set_code_with_hash(&mut self, address: Address, code: Bytecode, hash: B256) {
        self.inner.set_code_with_hash(address, code, hash);
    }

    fn depth(&self) -> usize {
        self.inner.depth()
    }

    fn load_account_info_skip_cold_load(
        &mut self,
        address: Address,
        load_code: bool,
        skip: bool,
    ) -> Result<AccountInfoLoad<'_>, JournalLoadError<DbError>> {
        self.inner.load_account_info_skip_cold_load(address, load_code, skip)
    }
}

impl<S: StateRead> JournalExt for ChainJournal<S> {
    fn journal(&self) -> &[JournalEntry] {
        self.inner.journal()
    }
}
