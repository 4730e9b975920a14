//! Ends work that nobody waits for any more.
//!
//! Gas bounds a call, but not its time: a node may allow calls a thousand times the gas of a block. A loop cannot go on
//! without JUMPDEST, and a tree of calls not without CALL or CREATE, so only these instructions and reads of state ask
//! whether to go on. This crate knows no clock: who asks for the work says when it has lasted too long.

use core::fmt;
use std::sync::Arc;

use defchain_base::{StateError, StateRead};
use revm::{
    bytecode::opcode::{CALL, CALLCODE, CREATE, CREATE2, DELEGATECALL, JUMPDEST, STATICCALL},
    context_interface::context::ContextError,
    handler::instructions::EthInstructions,
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult, InstructionResult, instructions::contract,
        interpreter::EthInterpreter,
    },
};

use crate::{error::DbError, precompiles::ChainContext};

/// Says whether to stop. Asked every some 10 µs of work, from the thread that works.
#[derive(Clone)]
pub struct Interrupt(Arc<dyn Fn() -> bool + Send + Sync>);

impl Interrupt {
    /// Stops once `stop` says so.
    #[must_use]
    pub fn new(stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(stop))
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupt")
    }
}

impl PartialEq for Interrupt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Interrupt {}

/// Work between two questions, in ticks: a JUMPDEST is one.
const PATIENCE: u32 = 2_048;
/// What a read of state or a call counts: each may take some microseconds.
const HEAVY: u32 = 64;

/// Counts work and asks. In a block there is nothing to ask.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    interrupt: Option<Interrupt>,
    ticks: u32,
}

impl Guard {
    pub fn set(&mut self, interrupt: Option<Interrupt>) {
        *self = Self { interrupt, ticks: 0 };
    }

    fn tick(&mut self, weight: u32) -> Result<(), DbError> {
        let Some(interrupt) = &self.interrupt else { return Ok(()) };
        self.ticks = self.ticks.saturating_add(weight);
        if self.ticks < PATIENCE {
            return Ok(());
        }
        self.ticks = 0;
        if (interrupt.0)() { Err(DbError(StateError::Interrupted)) } else { Ok(()) }
    }

    /// Before state is read.
    pub fn read(&mut self) -> Result<(), DbError> {
        self.tick(HEAVY)
    }
}

type Step<'a, S> = InstructionContext<'a, ChainContext<S>, EthInterpreter>;

fn ask<S: StateRead>(host: &mut ChainContext<S>, weight: u32) -> InstructionExecResult {
    host.journaled_state.inner.database.guard.tick(weight).map_err(|error| {
        host.error = Err(ContextError::Db(error));
        InstructionResult::FatalExternalError
    })
}

fn jumpdest<S: StateRead>(step: Step<'_, S>) -> InstructionExecResult {
    ask(step.host, 1)
}

fn call<const KIND: u8, S: StateRead>(step: Step<'_, S>) -> InstructionExecResult {
    ask(step.host, HEAVY)?;
    contract::call::<KIND, _, _>(step)
}

fn create<const IS_CREATE2: bool, S: StateRead>(step: Step<'_, S>) -> InstructionExecResult {
    ask(step.host, HEAVY)?;
    contract::create::<IS_CREATE2, _, _>(step)
}

/// Puts the questions into an instruction table. Gas stays what it is.
pub(crate) fn install<S: StateRead>(instructions: &mut EthInstructions<EthInterpreter, ChainContext<S>>) {
    let asking: [(u8, Instruction<EthInterpreter, ChainContext<S>>); 7] = [
        (JUMPDEST, Instruction::new(jumpdest::<S>)),
        (CALL, Instruction::new(call::<CALL, S>)),
        (CALLCODE, Instruction::new(call::<CALLCODE, S>)),
        (DELEGATECALL, Instruction::new(call::<DELEGATECALL, S>)),
        (STATICCALL, Instruction::new(call::<STATICCALL, S>)),
        (CREATE, Instruction::new(create::<false, S>)),
        (CREATE2, Instruction::new(create::<true, S>)),
    ];
    let table = instructions.instruction_table_mut();
    for (opcode, instruction) in asking {
        if let Some(place) = table.get_mut(usize::from(opcode)) {
            *place = instruction;
        }
    }
}
