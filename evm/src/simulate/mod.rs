//! `eth_call` and what builds on it: the block's EVM on an overlay that is thrown away.

pub(crate) mod block;
mod overrides;

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256};
use defchain_base::{Overlay, StateRead, tx::TxError};
use revm::{
    context::{TxEnv, result::ExecutionResult},
    context_interface::JournalTr,
};

pub use self::overrides::{AccountOverride, BlockOverrides, StateOverrides};
use self::overrides::{override_block, pretend_block, pretend_state};
use crate::{
    BlockEnv, ExecError, Executor, Interrupt, Registry, begin_block,
    demand::{Ask, demand_of},
    executor::sender_in,
    journal::Payment,
    tx_env::recover_all,
    validity::{Demand, InvalidTx, MAX_SELF_PAID_GAS, Sender, check_funds, cost, may_pay_itself},
};

/// A call that nobody signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallRequest {
    /// Caller; the zero address when absent.
    pub from: Option<Address>,
    /// Callee; creation when absent.
    pub to: Option<Address>,
    /// Most gas; what is allowed when absent.
    pub gas: Option<u64>,
    /// Wei per gas of types 0 and 1.
    pub gas_price: Option<u128>,
    /// Most wei per gas of types 2 and 4.
    pub max_fee_per_gas: Option<u128>,
    /// Most tip of types 2 and 4.
    pub max_priority_fee_per_gas: Option<u128>,
    /// Native money sent along.
    pub value: U256,
    /// Input, or init code.
    pub data: Bytes,
    /// EIP-2930.
    pub access_list: Option<AccessList>,
    /// EIP-7702.
    pub authorization_list: Vec<SignedAuthorization>,
    /// Nonce; the account's when absent. Not checked.
    pub nonce: Option<u64>,
    /// Chain it is meant for; checked when present.
    pub chain_id: Option<u64>,
}

impl CallRequest {
    /// Most wei per gas it would pay; 0 when it names no price.
    #[must_use]
    pub fn fee_cap(&self) -> u128 {
        self.max_fee_per_gas.or(self.gas_price).unwrap_or(0)
    }

    /// The EIP-2718 type that a transaction with these fields has.
    #[must_use]
    pub const fn tx_type(&self) -> u8 {
        match (self.authorization_list.is_empty(), self.gas_price.is_some(), self.access_list.is_some()) {
            (false, ..) => 4,
            (true, true, true) => 1,
            (true, true, false) => 0,
            (true, false, _) => 2,
        }
    }
}

/// How a call is simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimOptions {
    /// Pretended accounts.
    pub state: StateOverrides,
    /// Pretended block.
    pub block: BlockOverrides,
    /// Most gas of any call, whatever it asks for: what bounds the work of a node.
    pub gas_cap: u64,
    /// Lets a caller send what it does not own.
    pub skip_balance_check: bool,
    /// For a block that was not executed yet: the hash of its parent.
    pub parent_hash: Option<B256>,
    /// Ends the call when it lasts too long: [`defchain_base::StateError::Interrupted`].
    pub interrupt: Option<Interrupt>,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            state: StateOverrides::new(),
            block: BlockOverrides::default(),
            gas_cap: 50_000_000,
            skip_balance_check: false,
            parent_hash: None,
            interrupt: None,
        }
    }
}

/// How a simulated call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimResult {
    /// It would succeed.
    Success,
    /// It would revert; the data is the output.
    Revert,
    /// It would fail and use all its gas, for this reason.
    Halt {
        /// In words.
        reason: String,
        /// Whether more gas might help.
        out_of_gas: bool,
    },
}

/// What a simulated call would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimOutcome {
    /// How it ended.
    pub result: SimResult,
    /// Returned or revert data.
    pub output: Bytes,
    /// Gas used, refunds taken off.
    pub gas_used: u64,
    /// Gas refunded.
    pub refund: u64,
    /// Logs.
    pub logs: Vec<Log>,
}

impl SimOutcome {
    /// Whether it would succeed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.result == SimResult::Success
    }
}

/// Simulates a call at a block. State is only read.
///
/// # Errors
/// [`ExecError::Invalid`] when no transaction could do that; [`ExecError::State`] when state cannot be read.
pub fn simulate<S: StateRead>(
    state: S,
    env: BlockEnv,
    registry: &Registry,
    request: &CallRequest,
    options: &SimOptions,
) -> Result<SimOutcome, ExecError> {
    let mut simulator = Simulator::new(state, env, registry, request, options)?;
    let gas = simulator.default_gas(env.gas_limit)?;
    simulator.run(gas)
}

/// A prepared call that can be run again with other gas limits.
pub(crate) struct Simulator<'r, S: StateRead> {
    pub executor: Executor<S>,
    request: &'r CallRequest,
    options: &'r SimOptions,
    from: Address,
    pub sender: Sender,
    demand: Demand,
}

impl<'r, S: StateRead> Simulator<'r, S> {
    pub fn new(
        state: S,
        mut env: BlockEnv,
        registry: &Registry,
        request: &'r CallRequest,
        options: &'r SimOptions,
    ) -> Result<Self, ExecError> {
        let mut overlay = Overlay::new(state);
        if let Some(parent) = options.parent_hash {
            begin_block(&mut overlay, &env, parent)?;
        }
        override_block(&mut env, &options.block);
        if let Some(found) = request.chain_id.filter(|id| *id != env.chain_id) {
            return Err(InvalidTx::from(TxError::WrongChain { found, expected: env.chain_id }).into());
        }
        let mut executor = Executor::new(overlay, env, registry)?;
        pretend_block(&mut executor, &options.block);
        pretend_state(&mut executor, &options.state)?;
        executor.set_interrupt(options.interrupt.clone());
        let price_named = request.fee_cap() > 0;
        executor.evm.ctx.modify_cfg(|cfg| {
            cfg.disable_nonce_check = true;
            cfg.disable_eip3607 = true;
            cfg.disable_block_gas_limit = true;
            // Judged below, with figures; here it would only stop calls that pretend.
            cfg.disable_balance_check = true;
            cfg.disable_base_fee = !price_named;
            cfg.tx_gas_limit_cap = Some(u64::MAX);
        });
        let from = request.from.unwrap_or_default();
        let (sender, demand) = executor.parties(from, request)?;
        check_fees(request, from, env.base_fee)?;
        Ok(Self { executor, request, options, from, sender, demand })
    }

    /// Gas of a call that names none: all that is allowed and, when it names a price, can be paid.
    pub fn default_gas(&self, block_gas: u64) -> Result<u64, ExecError> {
        let cap = self.options.gas_cap.max(1);
        if let Some(gas) = self.request.gas {
            return Ok(gas.min(cap));
        }
        Ok(block_gas.min(cap).min(self.affordable_gas()?))
    }

    /// Gas that the sender can pay beside the value; everything when no price is named.
    pub fn affordable_gas(&self) -> Result<u64, ExecError> {
        let price = U256::from(self.request.fee_cap());
        if price.is_zero() || self.options.skip_balance_check {
            return Ok(u64::MAX);
        }
        let want = cost(0, 0, &self.demand)?;
        let Some(left) = self.sender.spendable.checked_sub(want) else {
            return Err(check_funds(self.from, &self.sender, want, &self.demand)
                .err()
                .map_or_else(|| InvalidTx::CostOverflow.into(), ExecError::Invalid));
        };
        let gas = u64::try_from(left.checked_div(price).unwrap_or_default()).unwrap_or(u64::MAX);
        // D26a: what the call releases may pay for it.
        Ok(if self.demand.releases { gas.max(MAX_SELF_PAID_GAS) } else { gas })
    }

    /// Runs the call with a gas limit; afterwards everything is as before.
    pub fn run(&mut self, gas: u64) -> Result<SimOutcome, ExecError> {
        let mut payment = Payment { on_top: self.demand.on_top, ..Payment::default() };
        if !self.options.skip_balance_check {
            let want = cost(gas, self.request.fee_cap(), &self.demand)?;
            match check_funds(self.from, &self.sender, want, &self.demand) {
                Err(e) if may_pay_itself(&e, &self.demand, gas) => payment.self_paying = true,
                other => other?,
            }
        }
        let nonce = self.request.nonce.unwrap_or(self.sender.nonce);
        let tx = call_env(self.request, self.from, nonce, gas, self.executor.env().chain_id);
        let checkpoint = self.executor.overlay_mut().checkpoint();
        let mut result = self.executor.run(tx, payment);
        if payment.self_paying
            && let Ok(ended) = &result
            && let Err(e) = self.executor.paid_itself(self.from, self.request, ended)
        {
            result = Err(e.into());
        }
        if let Ok(result) = &result
            && !self.executor.evm.inspector.is_nobody()
        {
            let state = self.executor.evm.ctx.journaled_state.finalize();
            self.executor.evm.inspector.ended(result, &state);
        }
        let failed = self.executor.evm.ctx.journaled_state.take_movements().err();
        self.executor.undo(checkpoint);
        match failed {
            Some(e) => Err(e.into()),
            None => result.map(outcome),
        }
    }
}

impl<S: StateRead> Executor<S> {
    /// The caller's side of a call, and what the call demands of it.
    fn parties(&mut self, from: Address, request: &CallRequest) -> Result<(Sender, Demand), ExecError> {
        let to = request.to.map_or(TxKind::Create, TxKind::Call);
        let ask = Ask { to, value: request.value, input: request.data.clone() };
        let crate::handler::ChainEvm(evm) = &mut self.evm;
        let db = &mut evm.ctx.journaled_state.inner.database;
        let sender = sender_in(db, from)?;
        let demand = demand_of(db, &evm.precompiles.registry, from, &ask)?;
        db.records.clear();
        Ok((sender, demand))
    }

    /// Whether what a call released covers the gas it used (D26a): looked up before its state is taken back.
    fn paid_itself(&self, from: Address, request: &CallRequest, ended: &ExecutionResult) -> Result<(), InvalidTx> {
        let journal = &self.evm.ctx.journaled_state;
        let held = journal.inner.state.get(&from).map_or(U256::ZERO, |account| account.info.balance);
        if held >= journal.payment.advanced {
            return Ok(());
        }
        let tip = request.max_priority_fee_per_gas.unwrap_or(0);
        let base_fee = u128::from(self.env().base_fee);
        let price = if request.gas_price.is_some() {
            request.fee_cap()
        } else {
            request.fee_cap().min(base_fee.saturating_add(tip))
        };
        let want = U256::from(ended.tx_gas_used()).saturating_mul(U256::from(price));
        let have = held.saturating_add(want).saturating_sub(journal.payment.advanced);
        Err(InvalidTx::NotSelfPaid { address: from, have, want })
    }
}

/// The call as revm takes it.
fn call_env(r: &CallRequest, caller: Address, nonce: u64, gas_limit: u64, chain_id: u64) -> TxEnv {
    let tx_type = r.tx_type();
    TxEnv {
        tx_type,
        caller,
        gas_limit,
        gas_price: r.fee_cap(),
        kind: r.to.map_or(TxKind::Create, TxKind::Call),
        value: r.value,
        data: r.data.clone(),
        nonce,
        chain_id: Some(chain_id),
        access_list: r.access_list.clone().unwrap_or_default(),
        gas_priority_fee: (tx_type == 2 || tx_type == 4).then(|| r.max_priority_fee_per_gas.unwrap_or(0)),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: recover_all(&r.authorization_list, chain_id),
    }
}

fn outcome(result: ExecutionResult) -> SimOutcome {
    let (gas_used, refund) = (result.tx_gas_used(), result.gas().final_refunded());
    let (result, output, logs) = match result {
        ExecutionResult::Success { logs, output, .. } => (SimResult::Success, output.into_data(), logs),
        ExecutionResult::Revert { output, .. } => (SimResult::Revert, output, Vec::new()),
        ExecutionResult::Halt { reason, .. } => {
            let out_of_gas = matches!(reason, revm::context::result::HaltReason::OutOfGas(_));
            let reason = if out_of_gas { "out of gas".to_owned() } else { reason.to_string() };
            (SimResult::Halt { reason, out_of_gas }, Bytes::new(), Vec::new())
        }
    };
    SimOutcome { result, output, gas_used, refund, logs }
}

fn check_fees(request: &CallRequest, address: Address, base_fee: u64) -> Result<(), ExecError> {
    let max_fee = request.fee_cap();
    let tip = request.max_priority_fee_per_gas.unwrap_or(0);
    if max_fee == 0 && tip == 0 {
        return Ok(());
    }
    if tip > max_fee {
        return Err(InvalidTx::TipAboveFee { tip, max_fee }.into());
    }
    if max_fee < u128::from(base_fee) {
        return Err(InvalidTx::FeeTooLow { address, max_fee, base_fee }.into());
    }
    Ok(())
}
