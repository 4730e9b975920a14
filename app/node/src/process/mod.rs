//! Processes: who they are, that only one of a kind runs, and the supervisor of a node's two halves.

pub mod child;
pub mod clock;
pub mod disk;
pub mod guard;
pub mod identity;
pub mod lock;
pub mod log;
pub mod notify;
pub mod supervisor;
