//! Records of state and of the database: what a node reads back, or takes from a snapshot.

use defchain_base::{CodecError, Decode, Encode, read_exact_value};
use defchain_chain::{
    ChainHead, fuzzing as chain,
    params::ChainParams,
    records::{Header, Receipts},
    upgrade::UpgradePlan,
};
use defchain_evm::keys::StorageWord;
use defchain_store::fuzzing::DECODERS;
use defchain_token::{
    AccountRecord, TokenParams,
    keys::{AmountRecord, Present, SweptTo},
};
use defchain_validators::ValidatorSet;

use crate::{Memory, SMALL, Target};

pub(super) const TARGETS: &[Target] = &[
    Target::again("account", again::<AccountRecord>),
    Target::again("amount", again::<AmountRecord>),
    Target::again("token-params", again::<TokenParams>),
    Target::again("token-mark", again::<Present>),
    Target::again("swept-to", again::<SweptTo>),
    Target::again("storage-word", again::<StorageWord>).open(),
    Target::again("chain-head", again::<ChainHead>),
    Target::again("validator-set", again::<ValidatorSet>),
    Target::again("chain-params", again::<ChainParams>),
    Target::again("upgrade-plan", again::<UpgradePlan>),
    Target::again("rules-version", chain::rules_version),
    Target::again("header", again::<Header>),
    Target::again("receipts", again::<Receipts>),
    // Edits end where the record does: a beginning of them is a shorter list.
    Target::again("edits", chain::edits).open().memory(Memory { base: 64 << 10, per_byte: 64 }),
];

/// Those whose last part is as long as there are bytes.
const OPEN: [&str; 4] = ["value", "past-value", "tree-node", "restore-record"];

/// The store's own.
pub(super) fn of_store() -> impl Iterator<Item = Target> {
    DECODERS.iter().map(|(name, judge)| {
        let target = Target::again(name, *judge);
        // A short edge of a chunk unfolds to sixteen places a node.
        let target = if *name == "chunk" { target.memory(Memory { per_byte: 256, ..SMALL }) } else { target };
        if OPEN.contains(name) { target.open() } else { target }
    })
}

fn again<T: Decode + Encode>(data: &[u8]) -> Result<Vec<u8>, CodecError> {
    read_exact_value::<T>(data).map(|value| value.to_bytes())
}
