//! revm's flow of a transaction with the steps that differ here: a frame's CALLVALUE is what its recipient really got
//! (D17), and fees are not paid to the beneficiary transaction by transaction; the block sums them and D19 distributes
//! them once.

use core::marker::PhantomData;

use alloy_primitives::U256;
use defchain_base::StateRead;
use revm::{
    context::{
        Evm,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    context_interface::{
        Block, ContextTr, FrameStack, JournalTr, Transaction, cfg::gas::InitialAndFloorGas,
        journaled_state::account::JournaledAccountTr,
    },
    handler::{
        EthFrame, EvmTr, FrameInitOrResult, FrameResult, Handler, ItemOrResult, MainnetHandler,
        evm::{ContextDbError, FrameInitResult},
        instructions::EthInstructions,
        pre_execution,
    },
    inspector::{InspectorEvmTr, InspectorHandler},
    interpreter::{interpreter::EthInterpreter, interpreter_action::FrameInit},
};

use crate::{
    error::DbError,
    inspect::Watcher,
    precompiles::{ChainContext, ChainPrecompiles},
};

type RevmEvm<S> =
    Evm<ChainContext<S>, Watcher, EthInstructions<EthInterpreter, ChainContext<S>>, ChainPrecompiles, EthFrame>;

/// revm's machine with one step of its own: a frame whose recipient got less than was sent sees what it got (D17).
pub(crate) struct ChainEvm<S: StateRead>(pub RevmEvm<S>);

impl<S: StateRead> core::ops::Deref for ChainEvm<S> {
    type Target = RevmEvm<S>;

    fn deref(&self) -> &RevmEvm<S> {
        &self.0
    }
}

impl<S: StateRead> core::ops::DerefMut for ChainEvm<S> {
    fn deref_mut(&mut self) -> &mut RevmEvm<S> {
        &mut self.0
    }
}

impl<S: StateRead> EvmTr for ChainEvm<S> {
    type Context = ChainContext<S>;
    type Instructions = EthInstructions<EthInterpreter, ChainContext<S>>;
    type Precompiles = ChainPrecompiles;
    type Frame = EthFrame;

    fn all(&self) -> (&Self::Context, &Self::Instructions, &Self::Precompiles, &FrameStack<Self::Frame>) {
        self.0.all()
    }

    fn all_mut(
        &mut self,
    ) -> (&mut Self::Context, &mut Self::Instructions, &mut Self::Precompiles, &mut FrameStack<Self::Frame>) {
        self.0.all_mut()
    }

    fn frame_init(
        &mut self,
        frame_input: FrameInit,
    ) -> Result<FrameInitResult<'_, Self::Frame>, ContextDbError<Self::Context>> {
        self.0.ctx.journaled_state.net_value = None;
        // Asked in two steps for the borrow checker: the frame is on top of the stack.
        if let ItemOrResult::Result(result) = self.0.frame_init(frame_input)? {
            return Ok(ItemOrResult::Result(result));
        }
        let net = self.0.ctx.journaled_state.net_value.take();
        let frame = self.0.frame_stack.get();
        if let Some(net) = net {
            frame.interpreter.input.call_value = net;
        }
        Ok(ItemOrResult::Item(frame))
    }

    fn frame_run(&mut self) -> Result<FrameInitOrResult<Self::Frame>, ContextDbError<Self::Context>> {
        self.0.frame_run()
    }

    fn frame_return_result(
        &mut self,
        result: FrameResult,
    ) -> Result<Option<FrameResult>, ContextDbError<Self::Context>> {
        self.0.frame_return_result(result)
    }
}

impl<S: StateRead> InspectorEvmTr for ChainEvm<S> {
    type Inspector = Watcher;

    fn all_inspector(
        &self,
    ) -> (&Self::Context, &Self::Instructions, &Self::Precompiles, &FrameStack<Self::Frame>, &Watcher) {
        self.0.all_inspector()
    }

    fn all_mut_inspector(
        &mut self,
    ) -> (&mut Self::Context, &mut Self::Instructions, &mut Self::Precompiles, &mut FrameStack<Self::Frame>, &mut Watcher)
    {
        self.0.all_mut_inspector()
    }
}

pub(crate) type ChainError = EVMError<DbError, InvalidTransaction>;

pub(crate) struct ChainHandler<S>(PhantomData<S>);

impl<S> Default for ChainHandler<S> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<S: StateRead> Handler for ChainHandler<S> {
    type Evm = ChainEvm<S>;
    type Error = ChainError;
    type HaltReason = HaltReason;

    fn validate_initial_tx_gas(&self, evm: &mut Self::Evm) -> Result<InitialAndFloorGas, ChainError> {
        match evm.ctx.journaled_state.payment.intrinsic {
            // Held against the limit by `validity::check_static`.
            Some(gas) => Ok(gas),
            None => MainnetHandler::<Self::Evm, ChainError, EthFrame>::default().validate_initial_tx_gas(evm),
        }
    }

    /// revm's step; but gas that the transaction itself is to release is advanced as far as the sender lacks it, and a
    /// call that pretends to own its value owns the commission on it too.
    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _: &mut InitialAndFloorGas,
    ) -> Result<(), ChainError> {
        let payment = evm.ctx.journaled_state.payment;
        if !payment.self_paying {
            pre_execution::validate_against_state_and_deduct_caller::<_, ChainError>(&mut evm.ctx)?;
            if !payment.on_top.is_zero() && evm.ctx.cfg.disable_balance_check {
                let (from, least) = (evm.ctx.tx.caller, evm.ctx.tx.value.saturating_add(payment.on_top));
                let mut caller = evm.ctx.journaled_state.load_account_mut(from)?;
                let held = *caller.data.balance();
                caller.data.set_balance(held.max(least));
            }
            return Ok(());
        }
        let (block, tx, cfg, journal, _, _) = evm.ctx.all_mut();
        let price = tx.effective_gas_price(u128::from(block.basefee()));
        let cost = U256::from(tx.gas_limit()).saturating_mul(U256::from(price));
        let mut caller = journal.load_account_with_code_mut(tx.caller())?.data;
        pre_execution::validate_account_nonce_and_code_with_components(&caller.account().info, tx, cfg)?;
        let held = *caller.balance();
        caller.set_balance(held.saturating_sub(cost));
        caller.bump_nonce();
        journal.payment.advanced = cost.saturating_sub(held);
        Ok(())
    }

    fn reward_beneficiary(&self, _: &mut Self::Evm, _: &mut FrameResult) -> Result<(), ChainError> {
        Ok(())
    }
}

impl<S: StateRead> InspectorHandler for ChainHandler<S> {
    type IT = EthInterpreter;
}

/// Runs the transaction that is set: plainly, unless somebody looks on.
pub(crate) fn drive<S: StateRead>(evm: &mut ChainEvm<S>) -> Result<ExecutionResult, ChainError> {
    let mut handler = ChainHandler::default();
    if evm.inspector.is_nobody() { handler.run(evm) } else { handler.inspect_run(evm) }
}
