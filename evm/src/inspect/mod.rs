//! What may look on while the EVM runs. In a block nobody does, and nothing is asked: revm's plain loop runs.

pub(crate) mod interrupt;

use alloy_primitives::{Address, Log, U256};
use defchain_base::StateRead;
use revm::{
    Inspector,
    context::result::{ExecutionResult, ResultAndState},
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter},
    state::EvmState,
};
use revm_inspectors::access_list::AccessListInspector;

use crate::{precompiles::ChainContext, trace::Recorder};

/// Who looks on.
#[derive(Debug, Default)]
pub(crate) enum Watcher {
    /// Nobody.
    #[default]
    Nobody,
    /// A tracer.
    Recorder(Box<Recorder>),
    /// Notes the accounts and slots that are touched.
    AccessList(Box<AccessListInspector>),
}

impl Watcher {
    /// Whether revm's plain loop serves.
    pub const fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody)
    }

    /// A transaction ended: what it left, before it is applied to state.
    pub fn ended(&mut self, result: &ExecutionResult, state: &EvmState) {
        if let Self::Recorder(recorder) = self {
            recorder.ended = Some(ResultAndState::new(result.clone(), state.clone()));
        }
    }

    fn inner<S: StateRead>(&mut self) -> Option<&mut dyn Inspector<ChainContext<S>>> {
        match self {
            Self::Nobody => None,
            Self::Recorder(recorder) => Some(recorder.as_mut()),
            Self::AccessList(inspector) => Some(inspector.as_mut()),
        }
    }
}

impl<S: StateRead> Inspector<ChainContext<S>> for Watcher {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut ChainContext<S>) {
        if let Some(inner) = self.inner() {
            inner.initialize_interp(interpreter, context);
        }
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut ChainContext<S>) {
        if let Some(inner) = self.inner() {
            inner.step(interpreter, context);
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut ChainContext<S>) {
        if let Some(inner) = self.inner() {
            inner.step_end(interpreter, context);
        }
    }

    fn log(&mut self, context: &mut ChainContext<S>, log: Log) {
        if let Some(inner) = self.inner() {
            inner.log(context, log);
        }
    }

    fn call(&mut self, context: &mut ChainContext<S>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.inner()?.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut ChainContext<S>, inputs: &CallInputs, outcome: &mut CallOutcome) {
        if let Some(inner) = self.inner() {
            inner.call_end(context, inputs, outcome);
        }
    }

    fn create(&mut self, context: &mut ChainContext<S>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.inner()?.create(context, inputs)
    }

    fn create_end(&mut self, context: &mut ChainContext<S>, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        if let Some(inner) = self.inner() {
            inner.create_end(context, inputs, outcome);
        }
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if let Some(inner) = self.inner::<S>() {
            inner.selfdestruct(contract, target, value);
        }
    }
}
