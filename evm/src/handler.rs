//! revm's flow of a transaction with the one step that differs here: fees are not paid to the beneficiary transaction
//! by transaction. The block sums them and D19 distributes them once.

use core::marker::PhantomData;

use defchain_base::StateRead;
use revm::{
    context::{
        Evm,
        result::{EVMError, HaltReason, InvalidTransaction},
    },
    handler::{EthFrame, FrameResult, Handler, instructions::EthInstructions},
    interpreter::interpreter::EthInterpreter,
};

use crate::{
    error::DbError,
    precompiles::{ChainContext, ChainPrecompiles},
};

pub(crate) type ChainEvm<S> =
    Evm<ChainContext<S>, (), EthInstructions<EthInterpreter, ChainContext<S>>, ChainPrecompiles, EthFrame>;

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
