use alloy_primitives::{Address, Bytes, U256};
use defchain_base::{Amount, Checkpoint, Overlay, StateError, StateRead, tx::RecoveredTx, tx::TxBody, tx::TxError};
use defchain_token::{Movement, events};
use revm::{
    context::{
        Evm, TxEnv,
        result::{ExecutionResult, InvalidTransaction, Output},
    },
    context_interface::{ContextSetters, FrameStack, JournalTr},
    handler::instructions::EthInstructions,
    state::EvmState,
};

use crate::{
    BlockEnv, ExecError, Registry, TxOutcome,
    db::ChainDb,
    demand::{Ask, ask, demand_of},
    env::{cfg, limits, to_revm},
    handler::{ChainError, ChainEvm, drive},
    inspect::{
        Watcher,
        interrupt::{self, Interrupt},
    },
    journal::Payment,
    precompiles::{ChainContext, ChainPrecompiles},
    settle::{self, GasPayment},
    tx_env::{native_env, tx_env},
    validity::{self, InvalidTx, Limits, SPEC, Sender},
};

/// Executes the transactions of one block, one after the other, on one overlay. Made once per block: the EVM, its
/// memory and analysed code are used again by every transaction.
pub struct Executor<S: StateRead> {
    pub(crate) evm: ChainEvm<S>,
    /// Whether transactions that nobody signed are executed: on a development chain alone.
    unsigned: bool,
    /// Whether the chain still waits for its validators (D32).
    latched: bool,
}

impl<S: StateRead> core::fmt::Debug for Executor<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Executor").field("env", &self.db().env).field("overlay", &self.db().overlay).finish()
    }
}

impl<S: StateRead> Executor<S> {
    /// For a block whose [`crate::begin_block`] has run on the overlay.
    ///
    /// # Errors
    /// When the store fails or holds no genesis.
    pub fn new(overlay: Overlay<S>, env: BlockEnv, registry: &Registry) -> Result<Self, StateError> {
        let db = ChainDb::new(overlay, env)?;
        let context = ChainContext::<S>::new(db, SPEC).with_block(to_revm(&env)).with_cfg(cfg(&env));
        let instructions = EthInstructions::new_mainnet_with_spec(SPEC);
        let precompiles = ChainPrecompiles::new(registry.clone());
        let mut evm = ChainEvm(Evm::new_with_inspector(context, Watcher::Nobody, instructions, precompiles));
        // Frames hold 32 KiB of stack each; deeper ones are made when a call needs them.
        evm.frame_stack = FrameStack::new_prealloc(1);
        Ok(Self { evm, unsigned: false, latched: false })
    }

    /// Executes unsigned transactions too (see `defchain_base::tx`), contracts' included: what a development chain
    /// does for accounts that it impersonates. No network's block is executed like this.
    pub const fn allow_unsigned(&mut self) {
        self.unsigned = true;
    }

    /// Executes only what may be before enough validators are active (D32).
    pub const fn set_latched(&mut self, latched: bool) {
        self.latched = latched;
    }

    /// Lets `interrupt` end what is executed from now on: for work that is only asked for. A block is never interrupted.
    pub fn set_interrupt(&mut self, interrupt: Option<Interrupt>) {
        if interrupt.is_some() {
            interrupt::install(&mut self.evm.instruction);
        }
        self.db_mut().guard.set(interrupt);
    }

    /// The state with what was executed so far.
    pub fn overlay(&self) -> &Overlay<S> {
        &self.db().overlay
    }

    /// The same, to be written by steps of the block between transactions.
    pub fn overlay_mut(&mut self) -> &mut Overlay<S> {
        &mut self.evm.ctx.journaled_state.inner.database.overlay
    }

    /// Ends with the state.
    pub fn into_overlay(self) -> Overlay<S> {
        let ChainEvm(evm) = self.evm;
        evm.ctx.journaled_state.inner.database.overlay
    }

    /// The block.
    pub fn env(&self) -> &BlockEnv {
        &self.db().env
    }

    fn db(&self) -> &ChainDb<S> {
        &self.evm.ctx.journaled_state.inner.database
    }

    pub(crate) fn db_mut(&mut self) -> &mut ChainDb<S> {
        &mut self.evm.ctx.journaled_state.inner.database
    }

    /// The sender's side as [`validity`] judges it, at this point of the block.
    ///
    /// # Errors
    /// When the store fails.
    pub fn sender(&mut self, address: Address) -> Result<Sender, StateError> {
        let result = sender_in(self.db_mut(), address);
        self.db_mut().records.clear();
        result
    }

    /// Executes a transaction that may use at most `gas_left`.
    ///
    /// # Errors
    /// [`ExecError::Invalid`]: the transaction has no place here, state is untouched. [`ExecError::State`]: state
    /// cannot be read or an invariant broke; the block cannot go on.
    pub fn execute(&mut self, tx: &RecoveredTx, gas_left: u64) -> Result<TxOutcome, ExecError> {
        let env = self.db().env;
        validity::check_static(&tx.tx, &Limits { latched: self.latched, ..limits(&env) })?;
        if tx.tx.gas_limit() > gas_left {
            return Err(InvalidTx::BlockGas { have: tx.tx.gas_limit(), limit: gas_left }.into());
        }
        // Recovery has refused it long before; this keeps it true whoever calls.
        if tx.tx.is_unsigned() && !self.unsigned {
            return Err(InvalidTx::from(TxError::Signature).into());
        }
        self.evm.ctx.cfg.disable_eip3607 = tx.tx.is_unsigned();
        let ask = ask(&tx.tx, &self.evm.precompiles.registry)?;
        let payment = match self.judge(tx, &ask, env.base_fee) {
            Ok(payment) => payment,
            Err(e) => {
                self.db_mut().records.clear();
                return Err(e);
            }
        };
        // check_account has refused what does not reach the base fee.
        let price = tx.tx.effective_tip(env.base_fee).unwrap_or(0).saturating_add(u128::from(env.base_fee));
        let tx_env = match tx.tx.body() {
            TxBody::Ethereum(envelope) => tx_env(envelope, tx.sender, env.chain_id),
            TxBody::Native(native) => native_env(&native.tx, tx.sender, ask),
        };
        let checkpoint = self.db_mut().overlay.checkpoint();
        let outcome = self.run(tx_env, payment).and_then(|result| self.keep(tx.sender, price, result));
        if outcome.is_err() {
            self.undo(checkpoint);
        } else {
            self.db_mut().overlay.commit();
        }
        outcome
    }

    /// Judges the sender's side, and says how the transaction is paid for.
    fn judge(&mut self, tx: &RecoveredTx, ask: &Ask, base_fee: u64) -> Result<Payment, ExecError> {
        let ChainEvm(evm) = &mut self.evm;
        let db = &mut evm.ctx.journaled_state.inner.database;
        let demand = demand_of(db, &evm.precompiles.registry, tx.sender, ask)?;
        let sender = sender_in(db, tx.sender)?;
        let intrinsic = tx.tx.ethereum().is_none().then(|| validity::intrinsic_gas(&tx.tx));
        let payment = Payment { intrinsic, ..Payment::default() };
        match validity::check_account(&tx.tx, tx.sender, &sender, &demand, base_fee) {
            Ok(()) => Ok(payment),
            Err(e) if validity::may_pay_itself(&e, &demand, tx.tx.gas_limit()) => {
                Ok(Payment { self_paying: true, ..payment })
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Takes back whatever a transaction left in the EVM and in the overlay.
    pub(crate) fn undo(&mut self, checkpoint: Checkpoint) {
        self.evm.ctx.error = Ok(());
        self.evm.ctx.journaled_state.forget();
        self.db_mut().overlay.set_read_only(false);
        self.db_mut().overlay.revert(checkpoint);
    }

    /// Runs revm; its changes stand in the journal, native writes in the overlay.
    pub(crate) fn run(&mut self, tx: TxEnv, payment: Payment) -> Result<ExecutionResult, ExecError> {
        self.evm.ctx.journaled_state.payment = payment;
        self.evm.ctx.set_tx(tx);
        drive(&mut self.evm).map_err(|e| match e {
            ChainError::Database(e) => ExecError::State(e.0),
            ChainError::Transaction(e) => refused(e).into(),
            ChainError::Header(e) => StateError::Invariant(format!("block header: {e}")).into(),
            ChainError::Custom(e) => StateError::Invariant(format!("EVM: {e}")).into(),
            ChainError::CustomAny(e) => StateError::Invariant(format!("EVM: {e}")).into(),
        })
    }

    /// Applies what revm left in the journal to state. `price` is what the sender pays, wei per gas.
    pub(crate) fn keep(
        &mut self,
        sender: Address,
        price: u128,
        result: ExecutionResult,
    ) -> Result<TxOutcome, ExecError> {
        // Only a simulated call can pay less than the base fee.
        let base_fee = u128::from(self.db().env.base_fee).min(price);
        let gas_used = result.tx_gas_used();
        let gas = Amount::from_wei(u128::from(gas_used));
        let tip = gas.mul_div_floor(price.saturating_sub(base_fee), 1).map_err(StateError::from)?;
        let base_fee = gas.mul_div_floor(base_fee, 1).map_err(StateError::from)?;
        let paid = base_fee.checked_add(tip).map_err(StateError::from)?;

        let ChainEvm(evm) = &mut self.evm;
        let journal = &mut evm.ctx.journaled_state;
        let movements = journal.take_movements()?;
        let mut evm_state = journal.finalize();
        if journal.payment.self_paying {
            take_back(&mut evm_state, sender, journal.payment.advanced, paid)?;
        }
        evm.inspector.ended(&result, &evm_state);
        let gas =
            GasPayment { payment: Movement::Gas { from: sender, amount: paid }, last: journal.payment.self_paying };
        let effects = settle::apply(&mut journal.inner.database, evm_state, gas, &movements)?;

        let success = result.is_success();
        let (output, mut logs, created) = match result {
            ExecutionResult::Success { logs, output: Output::Call(output), .. } => (output, logs, None),
            ExecutionResult::Success { logs, output: Output::Create(output, created), .. } => (output, logs, created),
            ExecutionResult::Revert { output, .. } => (output, Vec::new(), None),
            ExecutionResult::Halt { .. } => (Bytes::new(), Vec::new(), None),
        };
        logs.extend(effects.settled.iter().map(|(account, taken)| events::settled(*account, taken)));
        logs.extend(effects.ended.iter().map(|(account, amount)| events::burned(*account, *amount)));
        let shares = effects.shares;
        Ok(TxOutcome { success, gas_used, output, logs, created, effective_gas_price: price, base_fee, tip, shares })
    }
}

/// Takes back what was advanced for gas (D26a): what the call released must cover what it used.
fn take_back(state: &mut EvmState, sender: Address, advanced: U256, paid: Amount) -> Result<(), InvalidTx> {
    let held = state.get(&sender).map_or(U256::ZERO, |account| account.info.balance);
    let want = paid.to_u256();
    match (held.checked_sub(advanced), state.get_mut(&sender)) {
        (Some(left), Some(account)) => {
            account.info.balance = left;
            Ok(())
        }
        _ => {
            let have = held.saturating_add(want).saturating_sub(advanced);
            Err(InvalidTx::NotSelfPaid { address: sender, have, want })
        }
    }
}

/// For a signed transaction validity has judged before: a refusal here means that the two disagree, and the stricter
/// wins. For a simulation this is the judgement.
fn refused(e: InvalidTransaction) -> InvalidTx {
    match e {
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            InvalidTx::IntrinsicGas { have: gas_limit, want: initial_gas }
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            InvalidTx::FloorGas { have: gas_limit, want: gas_floor }
        }
        other => InvalidTx::Refused(other.to_string()),
    }
}

/// The sender as of the block's time.
pub(crate) fn sender_in<S: StateRead>(db: &mut ChainDb<S>, address: Address) -> Result<Sender, StateError> {
    let (record, spendable) = db.account(address).map_err(|e| e.0)?;
    let Some(record) = record else {
        return Ok(Sender { spendable: spendable.to_u256(), ..Sender::default() });
    };
    let (nonce, is_contract) = (record.nonce, record.is_contract());
    let nominal = match db.records.get(&address) {
        Some(Some(record)) => record.nominal_balance(&db.params)?,
        _ => Amount::ZERO,
    };
    Ok(Sender { nonce, spendable: spendable.to_u256(), nominal: nominal.to_u256(), is_contract })
}
