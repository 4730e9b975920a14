//! Calls to addresses that run native code: Ethereum's precompiles and the registry's system addresses.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, Log};
use defchain_base::{
    Amount, StateError, StateRead, StateWrite,
    native::{Mutability, NativeCall, NativeError, NativeHost, Reached, SystemEntry},
    system::Pool,
};
use revm::{
    context::{BlockEnv as RevmBlockEnv, CfgEnv, Context, TxEnv},
    context_interface::{ContextTr, JournalTr, context::ContextError},
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, CallScheme, Gas, InstructionResult, InterpreterResult},
    primitives::{AddressSet, hardfork::SpecId},
};

use crate::{BlockEnv, Registry, db::ChainDb, error::DbError, journal::ChainJournal, validity::SPEC};

/// The context in which transactions of this chain run.
pub(crate) type ChainContext<S> = Context<RevmBlockEnv, TxEnv, CfgEnv, ChainDb<S>, ChainJournal<S>, ()>;

pub(crate) struct ChainPrecompiles {
    ethereum: EthPrecompiles,
    pub registry: Registry,
    warm: AddressSet,
    /// Where a simulation pretends precompiles to be: new place to old.
    moved: BTreeMap<Address, Address>,
}

impl ChainPrecompiles {
    pub fn new(registry: Registry) -> Self {
        let ethereum = EthPrecompiles::new(SPEC);
        let warm = ethereum.warm_addresses().iter().chain(registry.addresses()).copied().collect();
        Self { ethereum, registry, warm, moved: BTreeMap::new() }
    }

    /// Pretends that the precompile at `from` is at `to`; whether there is one.
    pub fn pretend_moved(&mut self, from: Address, to: Address) -> bool {
        if !self.warm.contains(&from) {
            return false;
        }
        self.moved.insert(to, from);
        self.warm.insert(to);
        true
    }

    /// The address whose precompile runs at `address`: another one where a simulation moved it, none where it left.
    fn place(&self, address: &Address) -> Option<Address> {
        match self.moved.get(address) {
            Some(from) => Some(*from),
            None if self.moved.values().any(|from| from == address) => None,
            None => Some(*address),
        }
    }
}

impl<S: StateRead> PrecompileProvider<ChainContext<S>> for ChainPrecompiles {
    type Output = InterpreterResult;

    /// The rules never change while a process runs: there is nothing to set anew.
    fn set_spec(&mut self, _: SpecId) -> bool {
        false
    }

    fn run(&mut self, context: &mut ChainContext<S>, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        if !self.moved.is_empty() {
            let Some(place) = self.place(&inputs.bytecode_address) else { return Ok(None) };
            let moved = CallInputs { bytecode_address: place, ..inputs.clone() };
            return self.run_at(context, &moved);
        }
        self.run_at(context, inputs)
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.warm
    }
}

impl ChainPrecompiles {
    fn run_at<S: StateRead>(
        &mut self,
        context: &mut ChainContext<S>,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let Some(entry) = self.registry.get(&inputs.bytecode_address) else {
            return PrecompileProvider::<ChainContext<S>>::run(&mut self.ethereum, context, inputs);
        };
        let input = inputs.input.bytes(context);
        if entry.yields_to_precompile(&input) && !inputs.transfers_value() {
            return PrecompileProvider::<ChainContext<S>>::run(&mut self.ethereum, context, inputs);
        }
        run_native(context, entry, inputs, &input).map(Some)
    }
}

/// Runs a function of a system address inside the frame that revm has opened: on anything but success revm takes the
/// frame's checkpoint back, and with it every native write.
fn run_native<S: StateRead>(
    context: &mut ChainContext<S>,
    entry: &SystemEntry,
    inputs: &CallInputs,
    input: &Bytes,
) -> Result<InterpreterResult, String> {
    let how = Reached { plain: inputs.scheme == CallScheme::Call, is_static: inputs.is_static };
    let value = inputs.transfer_value().unwrap_or_default();
    let args = input.get(4..).unwrap_or_default();
    let parties = (entry.address, inputs.caller);
    // A value that revm could move fits the balance it came from, and so 128 bits.
    let value = Amount::try_from(value).unwrap_or(Amount::MAX);
    let before = context.journal_mut().inner.database.overlay.set_read_only(inputs.is_static);
    let mut lent = Lent(&mut *context);
    let mut call = NativeCall::new(&mut lent, inputs.gas_limit, parties, value, args, inputs.is_static);
    let mut acted = false;
    let result = entry.function(input, value, how).and_then(|function| {
        acted = function.mutability != Mutability::View;
        call.charge(function.gas)?;
        (function.run)(&mut call)
    });
    let (result, left) = call.finish(result);
    context.journal_mut().inner.database.overlay.set_read_only(before);
    if acted {
        context.journal_mut().native_wrote();
    }

    let (result, output, left) = match result {
        Ok(output) => (InstructionResult::Return, output, left),
        Err(NativeError::Revert(reason)) => (InstructionResult::Revert, reason, left),
        Err(NativeError::OutOfGas) => (InstructionResult::PrecompileOOG, Bytes::new(), 0),
        Err(NativeError::State(StateError::StaticWrite)) => {
            (InstructionResult::StateChangeDuringStaticCall, Bytes::new(), 0)
        }
        Err(NativeError::State(e @ (StateError::Corrupt { .. } | StateError::Store(_) | StateError::Interrupted))) => {
            // Nothing can go on above a damaged store, or without whoever asked: the transaction and the block end.
            *context.error() = Err(ContextError::Db(DbError(e)));
            (InstructionResult::FatalExternalError, Bytes::new(), 0)
        }
        Err(NativeError::State(e)) => match NativeError::revert(e.to_string()) {
            NativeError::Revert(reason) => (InstructionResult::Revert, reason, left),
            _ => (InstructionResult::Revert, Bytes::new(), left),
        },
    };
    let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
    gas.set_remaining(left);
    Ok(InterpreterResult::new(result, output, gas))
}

/// The EVM as native functions see it.
struct Lent<'a, S: StateRead>(&'a mut ChainContext<S>);

impl<S: StateRead> NativeHost for Lent<'_, S> {
    fn state(&mut self) -> &mut dyn StateWrite {
        &mut self.0.journaled_state.inner.database.overlay
    }

    fn state_ref(&self) -> &dyn StateRead {
        &self.0.journaled_state.inner.database.overlay
    }

    fn env(&self) -> &BlockEnv {
        &self.0.journaled_state.inner.database.env
    }

    fn balance(&mut self, address: Address) -> Result<(Amount, bool), StateError> {
        let load = self.0.journaled_state.load_account(address).map_err(|e| e.0)?;
        Ok((Amount::try_from(load.data.info.balance)?, load.is_cold))
    }

    fn pay(&mut self, from: Pool, to: Address, amount: Amount) -> Result<bool, StateError> {
        let cold = self.0.journaled_state.load_account(to).map_err(|e| e.0)?.is_cold;
        match self.0.journaled_state.transfer(from.address(), to, amount.to_u256()).map_err(|e| e.0)? {
            None => Ok(cold),
            Some(_) => Err(StateError::Invariant(format!("the {} pool holds less than {amount} wei", from.name()))),
        }
    }

    fn burn(&mut self, from: Pool, amount: Amount) -> Result<(), StateError> {
        self.0.journaled_state.burn(from.address(), amount)
    }

    fn settle(&mut self, account: Address) -> Result<(Amount, Amount), StateError> {
        self.0.journaled_state.settle(account)
    }

    fn log(&mut self, log: Log) {
        self.0.journaled_state.log(log);
    }
}
