//! Measurements: what is started, how it is observed, and what is reported.

pub mod boundaries;
pub mod comet;
pub mod decay;
pub mod disk;
pub mod exec;
pub mod idle;
pub mod join;
pub mod load;
pub mod machine;
pub mod network;
pub mod procfs;
pub mod reference;
pub mod report;
pub mod rpc;
pub mod stats;
pub mod worst;
