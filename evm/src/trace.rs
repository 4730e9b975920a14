//! Traces as geth's `debug_*` methods give them, made by revm-inspectors.
//!
//! ```text
//!  options ─▶ Tracer (checked once) ─▶ Recorder (one per transaction) ─▶ GethTrace
//!                                        looks on while the same `execute` runs that a block runs
//! ```
//!
//! What a recorder holds is bounded: one transaction can take millions of steps with a thousand words on the stack.
//! Balances in traces are those of the EVM: what could be spent at the block's time (D20).

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use alloy_rpc_types_trace::geth::{GethDebugBuiltInTracerType, GethDebugTracerType};
use defchain_base::{StateError, StateRead, tx::RecoveredTx};
use revm::{
    DatabaseRef, Inspector,
    bytecode::Bytecode,
    context::result::ResultAndState,
    context_interface::context::ContextError,
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter, interpreter_types::LoopControl},
    state::{AccountInfo, EvmState},
};
use revm_inspectors::tracing::{DebugInspector, DebugInspectorError, TransactionContext};

use crate::{
    BlockEnv, CallRequest, ExecError, Executor, Registry, SimOptions, SimOutcome, TxOutcome, db::ChainDb,
    error::DbError, inspect::Watcher, precompiles::ChainContext, simulate::Simulator, state::EvmRead,
};

pub use alloy_rpc_types_trace::geth::{GethDebugTracingOptions as TraceOptions, GethTrace};

/// What a step takes beside its stack and memory.
const STEP_BYTES: usize = 256;
/// What a frame takes beside its input.
const FRAME_BYTES: usize = 1_024;
/// What a log takes beside its data.
const LOG_BYTES: usize = 256;

/// Why there is no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The transaction cannot be executed, or state cannot be read.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// No such tracer.
    #[error(
        "tracer {0:?} is not known here: use callTracer, prestateTracer, 4byteTracer, flatCallTracer, muxTracer, \
         erc7562Tracer or noopTracer, or none for the struct logger; JavaScript tracers are not run"
    )]
    Unknown(String),
    /// The tracer's own options.
    #[error("tracerConfig: {0}")]
    Config(String),
    /// It would not fit.
    #[error(
        "the trace of one transaction takes more than {limit} bytes: ask for less (disableStack, disableStorage, limit, \
         onlyTopCall)"
    )]
    TooLarge {
        /// Most bytes of a recording.
        limit: usize,
    },
}

impl From<StateError> for TraceError {
    fn from(e: StateError) -> Self {
        Self::Exec(e.into())
    }
}

/// Where a transaction that is traced stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TracePlace {
    /// Hash of its block.
    pub block_hash: Option<B256>,
    /// Its place in the block.
    pub index: Option<usize>,
    /// Its hash.
    pub tx_hash: Option<B256>,
}

/// What to record, checked.
#[derive(Debug, Clone)]
pub struct Tracer {
    options: TraceOptions,
    max_bytes: usize,
}

impl Tracer {
    /// A tracer whose recording of one transaction may take so many bytes of memory.
    ///
    /// # Errors
    /// When there is no such tracer, or its options are wrong.
    pub fn new(options: TraceOptions, max_bytes: usize) -> Result<Self, TraceError> {
        let tracer = Self { options, max_bytes };
        tracer.inspector()?;
        Ok(tracer)
    }

    fn inspector(&self) -> Result<DebugInspector, TraceError> {
        DebugInspector::new(self.options.clone()).map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &DebugInspectorError) -> TraceError {
        let name = self.options.tracer.as_ref().map(GethDebugTracerType::as_str).unwrap_or_default();
        match error {
            DebugInspectorError::JsTracerNotEnabled | DebugInspectorError::UnsupportedTracer => {
                TraceError::Unknown(name.chars().take(64).collect())
            }
            DebugInspectorError::InvalidTracerConfig => {
                TraceError::Config(format!("{} is not the configuration of {name}", self.options.tracer_config.0))
            }
            other => TraceError::Config(other.to_string()),
        }
    }

    fn recorder(&self) -> Result<Recorder, TraceError> {
        let config = &self.options.config;
        let steps = match &self.options.tracer {
            None => true,
            Some(tracer) => {
                let with_steps = GethDebugTracerType::BuiltInTracer(GethDebugBuiltInTracerType::Erc7562Tracer);
                tracer.as_str().is_empty() || *tracer == with_steps
            }
        };
        Ok(Recorder {
            inspector: self.inspector()?,
            ended: None,
            counts: Counts {
                steps,
                stack: steps && config.is_stack_enabled(),
                memory: steps && config.is_memory_enabled(),
                steps_left: config.limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX),
            },
            recorded: 0,
            limit: self.max_bytes,
        })
    }
}

/// What of a step counts.
#[derive(Debug, Clone, Copy)]
struct Counts {
    steps: bool,
    stack: bool,
    memory: bool,
    steps_left: u64,
}

/// An inspector with a bound.
#[derive(Debug)]
pub(crate) struct Recorder {
    inspector: DebugInspector,
    /// How the transaction ended, before that was applied to state.
    pub ended: Option<ResultAndState>,
    counts: Counts,
    recorded: usize,
    limit: usize,
}

impl Recorder {
    const fn is_full(&self) -> bool {
        self.recorded > self.limit
    }

    const fn add(&mut self, bytes: usize) {
        self.recorded = self.recorded.saturating_add(bytes);
    }

    fn count_step(&mut self, interpreter: &Interpreter) {
        if !self.counts.steps || self.counts.steps_left == 0 {
            return;
        }
        self.counts.steps_left = self.counts.steps_left.saturating_sub(1);
        let stack = if self.counts.stack { interpreter.stack.len().saturating_mul(32) } else { 0 };
        let memory = if self.counts.memory { interpreter.memory.len() } else { 0 };
        self.add(STEP_BYTES.saturating_add(stack).saturating_add(memory));
    }

    /// The trace, of what was recorded.
    fn finish<S: StateRead>(&mut self, executor: &Executor<S>, place: TracePlace) -> Result<GethTrace, TraceError> {
        let Some(ended) = self.ended.take() else {
            return Err(StateError::Invariant("a transaction was traced that never ended".to_owned()).into());
        };
        let context = &executor.evm.ctx;
        let mut before = Before { state: &ended.state, db: &context.journaled_state.inner.database };
        let place = TransactionContext { block_hash: place.block_hash, tx_index: place.index, tx_hash: place.tx_hash };
        self.inspector.get_result(Some(place), &context.tx, &context.block, &ended, &mut before).map_err(|error| {
            match error {
                DebugInspectorError::Database(DbError(error)) => error.into(),
                other => TraceError::Config(other.to_string()),
            }
        })
    }
}

impl<S: StateRead> Inspector<ChainContext<S>> for Recorder {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut ChainContext<S>) {
        self.inspector.initialize_interp(interpreter, context);
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut ChainContext<S>) {
        self.count_step(interpreter);
        self.inspector.step(interpreter, context);
        if self.is_full() && context.error.is_ok() {
            context.error = Err(ContextError::Db(DbError(StateError::Interrupted)));
            interpreter.bytecode.reset_action();
            interpreter.halt_fatal();
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut ChainContext<S>) {
        self.inspector.step_end(interpreter, context);
    }

    fn log(&mut self, context: &mut ChainContext<S>, log: Log) {
        self.add(LOG_BYTES.saturating_add(log.data.data.len()));
        self.inspector.log(context, log);
    }

    fn call(&mut self, context: &mut ChainContext<S>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.add(FRAME_BYTES.saturating_add(inputs.input.len()));
        self.inspector.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut ChainContext<S>, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.add(outcome.result.output.len());
        self.inspector.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut ChainContext<S>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.add(FRAME_BYTES.saturating_add(inputs.init_code().len()));
        self.inspector.create(context, inputs)
    }

    fn create_end(&mut self, context: &mut ChainContext<S>, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.add(outcome.result.output.len());
        self.inspector.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        Inspector::<ChainContext<S>>::selfdestruct(&mut self.inspector, contract, target, value);
    }
}

/// The accounts of a transaction as they were before it: revm keeps what it loaded.
struct Before<'a, S> {
    state: &'a EvmState,
    db: &'a ChainDb<S>,
}

impl<S: StateRead> DatabaseRef for Before<'_, S> {
    type Error = DbError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, DbError> {
        let original = self.state.get(&address).map(|account| account.original_info());
        Ok(original.map(|info| AccountInfo { code: None, ..info }))
    }

    /// Code is kept by its hash and never changes: the state after the transaction has it too.
    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, DbError> {
        let code: Bytes = self.db.overlay.code_by_hash(code_hash)?;
        Ok(Bytecode::new_raw(code))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, DbError> {
        let slot = self.state.get(&address).and_then(|account| account.storage.get(&index));
        Ok(slot.map_or(U256::ZERO, |slot| slot.original_value))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, DbError> {
        Ok(crate::begin::block_hash(&self.db.overlay, number)?)
    }
}

impl<S: StateRead> Executor<S> {
    /// Executes a transaction as [`Executor::execute`] does, and records it.
    ///
    /// # Errors
    /// As there; and when the recording grows too large.
    pub fn trace(
        &mut self,
        tx: &RecoveredTx,
        gas_left: u64,
        tracer: &Tracer,
        place: TracePlace,
    ) -> Result<(TxOutcome, GethTrace), TraceError> {
        self.recorded(tracer, place, |executor| executor.execute(tx, gas_left))
    }

    fn recorded<T>(
        &mut self,
        tracer: &Tracer,
        place: TracePlace,
        work: impl FnOnce(&mut Self) -> Result<T, ExecError>,
    ) -> Result<(T, GethTrace), TraceError> {
        self.evm.inspector = Watcher::Recorder(Box::new(tracer.recorder()?));
        let worked = work(self);
        let Watcher::Recorder(mut recorder) = core::mem::take(&mut self.evm.inspector) else {
            return Err(StateError::Invariant("the recorder is gone".to_owned()).into());
        };
        if recorder.is_full() {
            return Err(TraceError::TooLarge { limit: recorder.limit });
        }
        let worked = worked?;
        let trace = recorder.finish(self, place)?;
        Ok((worked, trace))
    }
}

/// Simulates a call as [`crate::simulate()`] does, and records it.
///
/// # Errors
/// As there; and when the recording grows too large.
pub fn trace_call<S: StateRead>(
    state: S,
    env: BlockEnv,
    registry: &Registry,
    request: &CallRequest,
    options: &SimOptions,
    tracer: &Tracer,
) -> Result<(SimOutcome, GethTrace), TraceError> {
    let mut simulator = Simulator::new(state, env, registry, request, options)?;
    let gas = simulator.default_gas(env.gas_limit)?;
    simulator.executor.evm.inspector = Watcher::Recorder(Box::new(tracer.recorder()?));
    let outcome = simulator.run(gas);
    let Watcher::Recorder(mut recorder) = core::mem::take(&mut simulator.executor.evm.inspector) else {
        return Err(StateError::Invariant("the recorder is gone".to_owned()).into());
    };
    if recorder.is_full() {
        return Err(TraceError::TooLarge { limit: recorder.limit });
    }
    let outcome = outcome?;
    let trace = recorder.finish(&simulator.executor, TracePlace::default())?;
    Ok((outcome, trace))
}
