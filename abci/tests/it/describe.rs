//! Every field of a decoded message as JSON, named as CometBFT's protobuf files name it.
//!
//! The messages are taken apart with exhaustive patterns, so a field that tendermint-proto gains or loses does not
//! compile here.

use defchain_abci::types::*;
use serde_json::{Value, json};
use tendermint_proto::google::protobuf::{Duration, Timestamp};
use tendermint_proto::v0_38::crypto::{ProofOps, PublicKey, public_key};
use tendermint_proto::v0_38::types::ConsensusParams;

pub fn request(value: &request::Value) -> Value {
    use request::Value as V;
    match value {
        V::Echo(RequestEcho { message }) => json!({ "message": message }),
        V::Flush(RequestFlush {}) | V::Commit(RequestCommit {}) | V::ListSnapshots(RequestListSnapshots {}) => {
            json!({})
        }
        V::Info(RequestInfo { version, block_version, p2p_version, abci_version }) => json!({
            "version": version, "block_version": block_version, "p2p_version": p2p_version,
            "abci_version": abci_version,
        }),
        V::InitChain(RequestInitChain {
            time: at,
            chain_id,
            consensus_params,
            validators,
            app_state_bytes,
            initial_height,
        }) => json!({
            "time": time(at), "chain_id": chain_id, "consensus_params": params(consensus_params),
            "validators": list(validators, update), "app_state_bytes": hex(app_state_bytes),
            "initial_height": initial_height,
        }),
        V::Query(RequestQuery { data, path, height, prove }) => json!({
            "data": hex(data), "path": path, "height": height, "prove": prove,
        }),
        V::CheckTx(RequestCheckTx { tx, r#type }) => json!({ "tx": hex(tx), "type": r#type }),
        V::OfferSnapshot(RequestOfferSnapshot { snapshot: offered, app_hash }) => json!({
            "snapshot": offered.as_ref().map(snapshot), "app_hash": hex(app_hash),
        }),
        V::LoadSnapshotChunk(RequestLoadSnapshotChunk { height, format, chunk }) => json!({
            "height": height, "format": format, "chunk": chunk,
        }),
        V::ApplySnapshotChunk(RequestApplySnapshotChunk { index, chunk, sender }) => json!({
            "index": index, "chunk": hex(chunk), "sender": sender,
        }),
        V::InsertTx(RequestInsertTx { tx }) => json!({ "tx": hex(tx) }),
        V::ReapTxs(RequestReapTxs { max_bytes, max_gas }) => json!({
            "max_bytes": max_bytes, "max_gas": max_gas,
        }),
        V::VerifyVoteExtension(RequestVerifyVoteExtension { hash, validator_address, height, vote_extension }) => {
            json!({
                "hash": hex(hash), "validator_address": hex(validator_address), "height": height,
                "vote_extension": hex(vote_extension),
            })
        }
        V::PrepareProposal(_) | V::ProcessProposal(_) | V::ExtendVote(_) | V::FinalizeBlock(_) => block_request(value),
    }
}

fn block_request(value: &request::Value) -> Value {
    use request::Value as V;
    match value {
        V::PrepareProposal(RequestPrepareProposal {
            max_tx_bytes,
            txs,
            local_last_commit,
            misbehavior: bad,
            height,
            time: at,
            next_validators_hash,
            proposer_address,
        }) => json!({
            "max_tx_bytes": max_tx_bytes, "txs": list(txs, hex),
            "local_last_commit": local_last_commit.as_ref().map(extended_commit),
            "misbehavior": list(bad, misbehavior), "height": height, "time": time(at),
            "next_validators_hash": hex(next_validators_hash), "proposer_address": hex(proposer_address),
        }),
        V::ProcessProposal(RequestProcessProposal {
            txs,
            proposed_last_commit,
            misbehavior: bad,
            hash,
            height,
            time: at,
            next_validators_hash,
            proposer_address,
        }) => json!({
            "txs": list(txs, hex), "proposed_last_commit": proposed_last_commit.as_ref().map(commit),
            "misbehavior": list(bad, misbehavior), "hash": hex(hash), "height": height, "time": time(at),
            "next_validators_hash": hex(next_validators_hash), "proposer_address": hex(proposer_address),
        }),
        V::ExtendVote(RequestExtendVote {
            hash,
            height,
            time: at,
            txs,
            proposed_last_commit,
            misbehavior: bad,
            next_validators_hash,
            proposer_address,
        }) => json!({
            "txs": list(txs, hex), "proposed_last_commit": proposed_last_commit.as_ref().map(commit),
            "misbehavior": list(bad, misbehavior), "hash": hex(hash), "height": height, "time": time(at),
            "next_validators_hash": hex(next_validators_hash), "proposer_address": hex(proposer_address),
        }),
        V::FinalizeBlock(RequestFinalizeBlock {
            txs,
            decided_last_commit,
            misbehavior: bad,
            hash,
            height,
            time: at,
            next_validators_hash,
            proposer_address,
        }) => json!({
            "txs": list(txs, hex), "decided_last_commit": decided_last_commit.as_ref().map(commit),
            "misbehavior": list(bad, misbehavior), "hash": hex(hash), "height": height, "time": time(at),
            "next_validators_hash": hex(next_validators_hash), "proposer_address": hex(proposer_address),
        }),
        other => panic!("{} carries no block", other.call()),
    }
}

pub fn response(value: &response::Value) -> Value {
    use response::Value as V;
    match value {
        V::Exception(ResponseException { error }) => json!({ "error": error }),
        V::Echo(ResponseEcho { message }) => json!({ "message": message }),
        V::Flush(ResponseFlush {}) => json!({}),
        V::Info(ResponseInfo { data, version, app_version, last_block_height, last_block_app_hash }) => json!({
            "data": data, "version": version, "app_version": app_version,
            "last_block_height": last_block_height, "last_block_app_hash": hex(last_block_app_hash),
        }),
        V::InitChain(ResponseInitChain { consensus_params, validators, app_hash }) => json!({
            "consensus_params": params(consensus_params), "validators": list(validators, update),
            "app_hash": hex(app_hash),
        }),
        V::Query(ResponseQuery { code, log, info, index, key, value, proof_ops, height, codespace }) => json!({
            "code": code, "log": log, "info": info, "index": index, "key": hex(key), "value": hex(value),
            "proof_ops": proof_ops.as_ref().map(proof), "height": height, "codespace": codespace,
        }),
        V::CheckTx(ResponseCheckTx { code, data, log, info, gas_wanted, gas_used, events, codespace }) => json!({
            "code": code, "data": hex(data), "log": log, "info": info, "gas_wanted": gas_wanted,
            "gas_used": gas_used, "events": list(events, event), "codespace": codespace,
        }),
        V::Commit(ResponseCommit { retain_height }) => json!({ "retain_height": retain_height }),
        V::ListSnapshots(ResponseListSnapshots { snapshots }) => json!({ "snapshots": list(snapshots, snapshot) }),
        V::OfferSnapshot(ResponseOfferSnapshot { result }) => json!({ "result": result }),
        V::LoadSnapshotChunk(ResponseLoadSnapshotChunk { chunk }) => json!({ "chunk": hex(chunk) }),
        V::ApplySnapshotChunk(ResponseApplySnapshotChunk { result, refetch_chunks, reject_senders }) => json!({
            "result": result, "refetch_chunks": refetch_chunks, "reject_senders": reject_senders,
        }),
        V::PrepareProposal(ResponsePrepareProposal { txs }) | V::ReapTxs(ResponseReapTxs { txs }) => json!({
            "txs": list(txs, hex),
        }),
        V::ProcessProposal(ResponseProcessProposal { status }) => json!({ "status": status }),
        V::ExtendVote(ResponseExtendVote { vote_extension }) => json!({ "vote_extension": hex(vote_extension) }),
        V::VerifyVoteExtension(ResponseVerifyVoteExtension { status }) => json!({ "status": status }),
        V::FinalizeBlock(ResponseFinalizeBlock {
            events,
            tx_results,
            validator_updates,
            consensus_param_updates,
            app_hash,
        }) => json!({
            "events": list(events, event), "tx_results": list(tx_results, tx_result),
            "validator_updates": list(validator_updates, update),
            "consensus_param_updates": params(consensus_param_updates), "app_hash": hex(app_hash),
        }),
        V::InsertTx(ResponseInsertTx { code }) => json!({ "code": code }),
    }
}

fn hex<T: AsRef<[u8]>>(bytes: &T) -> Value {
    hex::encode(bytes).into()
}

fn list<T>(items: &[T], each: impl Fn(&T) -> Value) -> Value {
    items.iter().map(each).collect()
}

fn time(at: &Option<Timestamp>) -> Value {
    json!(at.as_ref().map(|Timestamp { seconds, nanos }| json!({ "seconds": seconds, "nanos": nanos })))
}

fn validator(v: &Validator) -> Value {
    let Validator { address, power } = v;
    json!({ "address": hex(address), "power": power })
}

fn update(u: &ValidatorUpdate) -> Value {
    let ValidatorUpdate { pub_key, power } = u;
    let key = pub_key.as_ref().map(|PublicKey { sum }| match sum {
        Some(public_key::Sum::Ed25519(key)) => json!({ "sum": { "ed25519": hex(key) } }),
        Some(public_key::Sum::Secp256k1(key)) => json!({ "sum": { "secp256k1": hex(key) } }),
        None => json!({ "sum": null }),
    });
    json!({ "pub_key": key, "power": power })
}

/// `authority` is always null: our types do not have it (see `wire.rs`).
fn params(params: &Option<ConsensusParams>) -> Value {
    json!(params.as_ref().map(|ConsensusParams { block, evidence, validator, version, abci }| json!({
        "block": block.as_ref().map(|b| json!({ "max_bytes": b.max_bytes, "max_gas": b.max_gas })),
        "evidence": evidence.as_ref().map(|e| json!({
            "max_age_num_blocks": e.max_age_num_blocks,
            "max_age_duration": e.max_age_duration.as_ref()
                .map(|Duration { seconds, nanos }| json!({ "seconds": seconds, "nanos": nanos })),
            "max_bytes": e.max_bytes,
        })),
        "validator": validator.as_ref().map(|v| json!({ "pub_key_types": v.pub_key_types })),
        "version": version.as_ref().map(|v| json!({ "app": v.app })),
        "abci": abci.as_ref()
            .map(|a| json!({ "vote_extensions_enable_height": a.vote_extensions_enable_height })),
        "authority": null,
    })))
}

fn commit(c: &CommitInfo) -> Value {
    let CommitInfo { round, votes } = c;
    let vote = |VoteInfo { validator: v, block_id_flag }: &VoteInfo| json!({ "validator": v.as_ref().map(validator), "block_id_flag": block_id_flag });
    json!({ "round": round, "votes": list(votes, vote) })
}

fn extended_commit(c: &ExtendedCommitInfo) -> Value {
    let ExtendedCommitInfo { round, votes } = c;
    let vote = |v: &ExtendedVoteInfo| {
        let ExtendedVoteInfo { validator: who, vote_extension, extension_signature, block_id_flag } = v;
        json!({
            "validator": who.as_ref().map(validator), "vote_extension": hex(vote_extension),
            "extension_signature": hex(extension_signature), "block_id_flag": block_id_flag,
        })
    };
    json!({ "round": round, "votes": list(votes, vote) })
}

fn misbehavior(m: &Misbehavior) -> Value {
    let Misbehavior { r#type, validator: who, height, time: at, total_voting_power } = m;
    json!({
        "type": r#type, "validator": who.as_ref().map(validator), "height": height, "time": time(at),
        "total_voting_power": total_voting_power,
    })
}

fn snapshot(s: &Snapshot) -> Value {
    let Snapshot { height, format, chunks, hash, metadata } = s;
    json!({
        "height": height, "format": format, "chunks": chunks, "hash": hex(hash), "metadata": hex(metadata),
    })
}

fn event(e: &Event) -> Value {
    let Event { r#type, attributes } = e;
    let attribute =
        |EventAttribute { key, value, index }: &EventAttribute| json!({ "key": key, "value": value, "index": index });
    json!({ "type": r#type, "attributes": list(attributes, attribute) })
}

fn tx_result(r: &ExecTxResult) -> Value {
    let ExecTxResult { code, data, log, info, gas_wanted, gas_used, events, codespace } = r;
    json!({
        "code": code, "data": hex(data), "log": log, "info": info, "gas_wanted": gas_wanted,
        "gas_used": gas_used, "events": list(events, event), "codespace": codespace,
    })
}

fn proof(p: &ProofOps) -> Value {
    let each = |op: &tendermint_proto::v0_38::crypto::ProofOp| json!({ "type": op.r#type, "key": hex(&op.key), "data": hex(&op.data) });
    json!({ "ops": list(&p.ops, each) })
}
