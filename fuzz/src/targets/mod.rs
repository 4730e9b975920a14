//! The list of targets.

mod abci;
mod genesis;
mod node;
mod records;
mod rpc;
mod snapshots;
mod wire;

use crate::Target;

/// Every target, in the order of the documentation.
#[must_use]
pub fn targets() -> Vec<Target> {
    let lists = [
        wire::TARGETS,
        abci::TARGETS,
        snapshots::TARGETS,
        genesis::TARGETS,
        rpc::TARGETS,
        node::TARGETS,
        records::TARGETS,
    ];
    lists.into_iter().flatten().copied().chain(records::of_store()).collect()
}
