//! revm's flow of a transaction with the one step that differs here: fees are not paid to the beneficiary transaction
//! by transaction. The block sums them and D19 distributes them once.

use core::marker::PhantomData;

use defchain_base::StateRead;
use revm::{
    context::{
        Evm,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    handler::{EthFrame, FrameResult, Handler, instructions::EthInstructions},
    inspector::InspectorHandler,
    interpreter::interpreter::EthInterpreter,
};

use crate::{
    error::DbError,
    inspect::Watcher,
    precompiles::{ChainContext, ChainPrecompiles},
};

pub(crate) type ChainEvm<S> =
    Evm<ChainContext<S>, Watcher, EthInstructions<EthInterpreter, ChainContext<S>>, ChainPrecompiles, EthFrame>;

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
