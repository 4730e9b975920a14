//! `def_getProof`: a value or its absence, provable against a block's `stateRoot` (D6).

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use defchain_base::{StateKey, StateRead, Substore};
use defchain_evm::keys::StorageKey;
use defchain_token::keys::AccountKey;
use serde::{Deserialize, Serialize};

use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::view_at,
};

pub(crate) const METHODS: &[Method] = &[Method::new("def_getProof", Cost::Read, proof)];

/// Longest key that is looked up: the longest that exists has 53 bytes.
const MAX_KEY_BYTES: usize = 256;

/// A value, or its absence, provable against a block's `stateRoot`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProofView {
    height: U64,
    block_hash: B256,
    /// The app hash: what the signed header of the next block carries.
    state_root: B256,
    substore: &'static str,
    /// Root of the substore's tree.
    root: Option<B256>,
    key: Bytes,
    /// Null when the key is absent.
    value: Option<Bytes>,
    /// ICS-23 commitment proof (protobuf) of the key under `root`; null for an empty tree.
    proof: Option<Bytes>,
    /// ICS-23 commitment proof (protobuf) of `root` under `stateRoot`.
    root_proof: Bytes,
}

/// What is to be proven: a substore by name, whose key follows, or something of an account.
#[derive(Deserialize)]
#[serde(untagged)]
enum Target {
    Substore(String),
    Account(AccountTarget),
}

/// An account's record, or one of its storage slots.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountTarget {
    account: Address,
    slot: Option<U256>,
}

impl AccountTarget {
    fn key(&self) -> (Substore, Bytes) {
        match self.slot {
            None => (AccountKey::SUBSTORE, AccountKey(self.account).to_key().into()),
            Some(slot) => (StorageKey::SUBSTORE, StorageKey { address: self.account, slot }.to_key().into()),
        }
    }
}

fn substore_by_name(name: &str) -> Result<Substore, RpcError> {
    Substore::by_name(name).ok_or_else(|| {
        let names: Vec<_> = Substore::ALL.iter().map(|s| s.name()).collect();
        RpcError::argument(1, "substore", format!("{name:?} is none of {}", names.join(", ")))
    })
}

fn proof(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: BlockId = params.required("block")?;
    let target: serde_json::Value = params.required("substore")?;
    let target = serde_json::from_value(target).map_err(|_| {
        RpcError::argument(1, "substore", "neither the name of a substore nor {\"account\": …, \"slot\": …}")
    })?;
    let (substore, key) = match target {
        Target::Substore(name) => (substore_by_name(&name)?, params.required("key")?),
        Target::Account(target) => target.key(),
    };
    params.end()?;
    if id == BlockId::pending() {
        return Err(RpcError::argument(0, "block", "the pending block has no root to prove against"));
    }
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(RpcError::argument(2, "key", format!("{} bytes, must be 1 to {MAX_KEY_BYTES}", key.len())));
    }
    let view = view_at(api, Some(id))?;
    let value = view.state.get_raw(substore, &key)?;
    let proof = api.ctx.reader.prove(view.header.height, substore, &key)?;
    json(&ProofView {
        height: U64::from(view.header.height.0),
        block_hash: view.header.hash,
        state_root: view.header.state_root,
        substore: substore.name(),
        root: proof.root(),
        key,
        value: value.map(Bytes::from),
        proof: proof.inner_bytes().map(Bytes::from),
        root_proof: proof.outer_bytes().into(),
    })
}
