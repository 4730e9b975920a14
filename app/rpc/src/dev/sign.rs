//! Sending and signing for the caller. The keys are published: nothing is lost by using them for whoever asks. For an
//! impersonated account nobody signs.

use alloy_consensus::{SignableTransaction, TxEnvelope, TypedTransaction};
use alloy_dyn_abi::TypedData;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer::{Signer, SignerSync};
use alloy_signer_local::PrivateKeySigner;
use defchain_base::tx::unsigned_signature;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{node, settle};
use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    eth::{
        call::{call_request, estimate_next},
        fee::suggested_tip,
    },
    methods::Method,
    params::Params,
    tags::next_env,
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("eth_requestAccounts", Cost::Quick, accounts),
    Method::new("eth_sendTransaction", Cost::Heavy, send),
    Method::new("eth_sendUnsignedTransaction", Cost::Heavy, send_unsigned),
    Method::new("eth_signTransaction", Cost::Heavy, sign_transaction),
    Method::new("eth_sign", Cost::Read, sign),
    Method::new("personal_sign", Cost::Read, personal_sign),
    Method::new("eth_signTypedData", Cost::Read, sign_typed_data),
    Method::new("eth_signTypedData_v3", Cost::Read, sign_typed_data),
    Method::new("eth_signTypedData_v4", Cost::Read, sign_typed_data),
];

fn key_of(api: &Api, address: Address) -> Result<&PrivateKeySigner, RpcError> {
    api.config.dev_keys.iter().find(|key| Signer::address(*key) == address).ok_or_else(|| unknown(&address))
}

fn has_key(api: &Api, address: &Address) -> bool {
    api.config.dev_keys.iter().any(|key| Signer::address(key) == *address)
}

fn unknown(address: &Address) -> RpcError {
    RpcError::Refused(format!("unknown account: {address} is not in eth_accounts"))
}

fn sender(request: &TransactionRequest) -> Result<Address, RpcError> {
    request.from.ok_or_else(|| RpcError::argument(0, "transaction", "no from address"))
}

fn accounts(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&api.config.dev_keys.iter().map(Signer::address).collect::<Vec<Address>>())
}

fn signing_failed(error: impl core::fmt::Display) -> RpcError {
    RpcError::Internal(format!("cannot sign: {error}"))
}

fn send(api: &Api, mut params: Params<'_>) -> RpcResult {
    let request: TransactionRequest = params.required("transaction")?;
    params.end()?;
    let from = sender(&request)?;
    if has_key(api, &from) {
        let hash: B256 = {
            // One at a time, so that two calls do not take the same nonce.
            let _turn = api.dev_turn.lock();
            api.ctx.pool.add_local(fill_and_sign(api, request)?.encoded_2718().into())?
        };
        settle(api);
        return json(&hash);
    }
    match &api.ctx.dev {
        Some(dev) if dev.impersonates(&from) => send_for(api, request, from),
        Some(_) => Err(RpcError::Refused(format!(
            "unknown account: {from} is not in eth_accounts and not impersonated; \
             call anvil_impersonateAccount or hardhat_impersonateAccount first"
        ))),
        None => Err(unknown(&from)),
    }
}

/// Sends for any account, impersonated or not.
fn send_unsigned(api: &Api, mut params: Params<'_>) -> RpcResult {
    let request: TransactionRequest = params.required("transaction")?;
    params.end()?;
    let from = sender(&request)?;
    send_for(api, request, from)
}

/// Puts a transaction that nobody signs into the pool, in the sender's name.
fn send_for(api: &Api, request: TransactionRequest, from: Address) -> RpcResult {
    let dev = node(api)?;
    let hash = {
        let _turn = api.dev_turn.lock();
        let typed = fill(api, request)?;
        let tx: TxEnvelope = typed.into_signed(unsigned_signature(from)).into();
        dev.send_unsigned(tx.encoded_2718().into())?
    };
    settle(api);
    json(&hash)
}

#[derive(Serialize)]
struct SignedView {
    raw: Bytes,
    tx: TxEnvelope,
}

fn sign_transaction(api: &Api, mut params: Params<'_>) -> RpcResult {
    let request: TransactionRequest = params.required("transaction")?;
    params.end()?;
    let tx = fill_and_sign(api, request)?;
    json(&SignedView { raw: tx.encoded_2718().into(), tx })
}

/// Fills in what the caller left out, and signs.
fn fill_and_sign(api: &Api, request: TransactionRequest) -> Result<TxEnvelope, RpcError> {
    let key = key_of(api, sender(&request)?)?;
    sign_typed(key, fill(api, request)?)
}

/// Fills in what the caller left out.
fn fill(api: &Api, mut request: TransactionRequest) -> Result<TypedTransaction, RpcError> {
    let wrong = |why: String| RpcError::argument(0, "transaction", why);
    let from = sender(&request)?;
    let chain_id = api.ctx.reader.params().evm_chain_id;
    if let Some(other) = request.chain_id.filter(|id| *id != chain_id) {
        return Err(wrong(format!("chainId is {other}, this is chain {chain_id}")));
    }
    request.chain_id = Some(chain_id);
    // Checks what contradicts itself, before anything is filled in.
    let mut call = call_request(request.clone()).map_err(wrong)?;
    if request.nonce.is_none() {
        let nonce = api.ctx.pool.pending_nonce(&from).map_err(|e| RpcError::Internal(e.to_string()))?;
        request.nonce = Some(nonce);
    }
    if request.gas.is_none() {
        call.nonce = request.nonce;
        request.gas = Some(estimate_next(api, call)?);
    }
    fill_fees(api, &mut request)?;
    request.to = Some(request.to.unwrap_or_default());
    request.input = request.input.into_input().map(Into::into).unwrap_or_default();
    request.build_typed_tx().map_err(|_| wrong("fields do not make a transaction".to_owned()))
}

fn fill_fees(api: &Api, request: &mut TransactionRequest) -> Result<(), RpcError> {
    if request.gas_price.is_some() {
        return Ok(());
    }
    let tip = match (request.max_priority_fee_per_gas, request.max_fee_per_gas) {
        (Some(tip), _) => tip,
        (None, Some(max_fee)) => suggested_tip(api)?.min(max_fee),
        (None, None) => suggested_tip(api)?,
    };
    request.max_priority_fee_per_gas = Some(tip);
    if request.max_fee_per_gas.is_none() {
        let base_fee = u128::from(next_env(api, &*api.ctx.reader.latest()?)?.base_fee);
        // Twice the base fee: room for it to rise while the transaction waits.
        request.max_fee_per_gas = Some(base_fee.saturating_mul(2).saturating_add(tip));
    }
    Ok(())
}

fn sign_typed(key: &PrivateKeySigner, typed: TypedTransaction) -> Result<TxEnvelope, RpcError> {
    let hash = typed.signature_hash();
    let signature = key.sign_hash_sync(&hash).map_err(signing_failed)?;
    Ok(typed.into_signed(signature).into())
}

fn sign(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let data: Bytes = params.required("data")?;
    params.end()?;
    sign_message(api, address, &data)
}

fn personal_sign(api: &Api, mut params: Params<'_>) -> RpcResult {
    let data: Bytes = params.required("data")?;
    let address: Address = params.required("address")?;
    // Wallets pass a password here; there is none.
    let _: Option<String> = params.optional("password")?;
    params.end()?;
    sign_message(api, address, &data)
}

fn sign_message(api: &Api, address: Address, data: &[u8]) -> RpcResult {
    let signature = key_of(api, address)?.sign_message_sync(data).map_err(signing_failed)?;
    json(&Bytes::from(signature.as_bytes()))
}

fn sign_typed_data(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let raw: &RawValue = params.required("typed data")?;
    params.end()?;
    let data = typed_data(raw).map_err(|e| RpcError::argument(1, "typed data", e))?;
    let hash = data.eip712_signing_hash().map_err(|e| RpcError::argument(1, "typed data", e))?;
    let signature = key_of(api, address)?.sign_hash_sync(&hash).map_err(signing_failed)?;
    json(&Bytes::from(signature.as_bytes()))
}

/// Typed data as an object, or as a string that holds one: wallets send both.
fn typed_data(raw: &RawValue) -> Result<TypedData, serde_json::Error> {
    if raw.get().starts_with('"') {
        let text: String = serde_json::from_str(raw.get())?;
        return serde_json::from_str(&text);
    }
    serde_json::from_str(raw.get())
}
