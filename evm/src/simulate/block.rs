//! Blocks that are only pretended (`eth_simulateV1`): calls whose effects stay for the calls and blocks after them.
//!
//! The caller runs the block's own steps on [`BlockSimulator::overlay_mut`], so that they stand in one place only.

use alloy_eips::eip7825::MAX_TX_GAS_LIMIT_OSAKA;
use defchain_base::{Overlay, StateRead};

use super::{
    BlockOverrides, CallRequest, SimOutcome, StateOverrides, call_env, check_fees, outcome,
    overrides::{override_block, pretend_block, pretend_state},
};
use crate::{
    BlockEnv, ExecError, Executor, Interrupt, Registry, TxOutcome,
    env::to_revm,
    journal::Payment,
    validity::{InvalidTx, Sender, check_funds, cost},
};

/// By which rules the calls run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimRules {
    /// As a block would judge them: nonces, base fee, senders without code. Otherwise only what cannot be paid for is
    /// refused.
    pub validation: bool,
    /// Logs every movement of native money under 0xeeee… as an ERC-20 transfer.
    pub transfer_logs: bool,
    /// Ends everything when it lasts too long.
    pub interrupt: Option<Interrupt>,
}

/// A call that was executed, with what it left open filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimTx {
    /// The call, its sender, nonce and gas set.
    pub request: CallRequest,
    /// How it ended.
    pub outcome: SimOutcome,
    /// What it changed in money.
    pub effect: TxOutcome,
}

/// Executes pretended blocks, one after the other.
pub struct BlockSimulator<S: StateRead> {
    executor: Executor<S>,
    rules: SimRules,
}

impl<S: StateRead> core::fmt::Debug for BlockSimulator<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BlockSimulator").field("executor", &self.executor).field("rules", &self.rules).finish()
    }
}

impl<S: StateRead> BlockSimulator<S> {
    /// On a state whose block is over.
    ///
    /// # Errors
    /// When the store fails.
    pub fn new(state: S, env: BlockEnv, registry: &Registry, rules: SimRules) -> Result<Self, ExecError> {
        let mut executor = Executor::new(Overlay::new(state), env, registry)?;
        executor.set_interrupt(rules.interrupt.clone());
        executor.evm.ctx.journaled_state.transfer_logs = rules.transfer_logs;
        let lax = !rules.validation;
        executor.evm.ctx.modify_cfg(|cfg| {
            // Nonces are judged in `call`, with our words.
            cfg.disable_nonce_check = true;
            cfg.disable_eip3607 = true;
            cfg.disable_block_gas_limit = true;
            if lax {
                cfg.tx_gas_limit_cap = Some(u64::MAX);
            }
        });
        Ok(Self { executor, rules })
    }

    /// Begins another block; says which one it is after what is pretended about it.
    pub fn set_block(&mut self, mut env: BlockEnv, block: &BlockOverrides) -> BlockEnv {
        override_block(&mut env, block);
        self.executor.evm.ctx.block = to_revm(&env);
        self.executor.db_mut().env = env;
        pretend_block(&mut self.executor, block);
        env
    }

    /// Pretends accounts, from here on.
    ///
    /// # Errors
    /// When the store fails, or a precompile is moved that is none.
    pub fn pretend(&mut self, state: &StateOverrides) -> Result<(), ExecError> {
        pretend_state(&mut self.executor, state)?;
        self.executor.overlay_mut().commit();
        Ok(())
    }

    /// The state, for the steps of the block.
    pub fn overlay_mut(&mut self) -> &mut Overlay<S> {
        self.executor.overlay_mut()
    }

    /// Executes a call; what it does stays.
    ///
    /// # Errors
    /// [`ExecError::Invalid`] when it could not stand here; [`ExecError::State`] when state cannot be read.
    pub fn call(&mut self, request: &CallRequest, gas_left: u64) -> Result<SimTx, ExecError> {
        let request = self.complete(request, gas_left)?;
        let env = *self.executor.env();
        let (from, nonce, gas) =
            (request.from.unwrap_or_default(), request.nonce.unwrap_or_default(), request.gas.unwrap_or_default());
        let free = request.fee_cap() == 0 && !self.rules.validation;
        self.executor.evm.ctx.modify_cfg(|cfg| cfg.disable_base_fee = free);
        let tx = call_env(&request, from, nonce, gas, env.chain_id);
        let price = match request.gas_price {
            Some(price) => price,
            None => {
                let tip = request.max_priority_fee_per_gas.unwrap_or(0);
                request.fee_cap().min(tip.saturating_add(u128::from(env.base_fee)))
            }
        };
        let checkpoint = self.executor.overlay_mut().checkpoint();
        let done = self.executor.run(tx, Payment::default()).and_then(|result| {
            let outcome = outcome(result.clone());
            Ok((outcome, self.executor.keep(from, price, result)?))
        });
        match done {
            Ok((outcome, effect)) => {
                self.executor.overlay_mut().commit();
                Ok(SimTx { request, outcome, effect })
            }
            Err(error) => {
                self.executor.undo(checkpoint);
                Err(error)
            }
        }
    }

    /// Fills in what the call leaves open, and judges it.
    fn complete(&mut self, request: &CallRequest, gas_left: u64) -> Result<CallRequest, ExecError> {
        let env = *self.executor.env();
        let from = request.from.unwrap_or_default();
        let (sender, demand) = self.executor.parties(from, request)?;
        let cap = if self.rules.validation { MAX_TX_GAS_LIMIT_OSAKA } else { u64::MAX };
        let gas = request.gas.unwrap_or_else(|| gas_left.min(cap));
        if gas > gas_left {
            return Err(InvalidTx::BlockGas { have: gas, limit: gas_left }.into());
        }
        let nonce = request.nonce.unwrap_or(sender.nonce);
        if self.rules.validation {
            self.check_strictly(request, &sender, gas, nonce)?;
        }
        check_fees(request, from, env.base_fee)?;
        check_funds(from, &sender, cost(gas, request.fee_cap(), &demand)?, &demand)?;
        Ok(CallRequest { from: Some(from), nonce: Some(nonce), gas: Some(gas), ..request.clone() })
    }

    fn check_strictly(&self, request: &CallRequest, sender: &Sender, gas: u64, nonce: u64) -> Result<(), ExecError> {
        let address = request.from.unwrap_or_default();
        let base_fee = self.executor.env().base_fee;
        let max_fee = request.fee_cap();
        let refused = if nonce < sender.nonce {
            InvalidTx::NonceTooLow { address, tx: nonce, state: sender.nonce }
        } else if nonce > sender.nonce {
            InvalidTx::NonceTooHigh { address, tx: nonce, state: sender.nonce }
        } else if sender.is_contract {
            InvalidTx::SenderIsContract(address)
        } else if max_fee < u128::from(base_fee) {
            InvalidTx::FeeTooLow { address, max_fee, base_fee }
        } else if gas > MAX_TX_GAS_LIMIT_OSAKA {
            InvalidTx::GasCap { have: gas, cap: MAX_TX_GAS_LIMIT_OSAKA }
        } else {
            return Ok(());
        };
        Err(refused.into())
    }
}
