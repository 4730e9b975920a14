//! `tx`: makes, signs and sends transactions, and says what became of them.
//!
//! ```text
//!   arguments ─▶ TxKind, value, input ─▶ nonce, gas, fees from the node ─▶ dry run: printed
//!                                                                      └▶ signed (keystore, environment, remote) ─▶ sent ─▶ awaited
//! ```

pub mod args;
mod encode;
pub mod native;
pub(in crate::commands) mod signer;

use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, utils::format_ether};
use anyhow::{Result, bail};
use defchain_sdk::{
    BlockId, BlockNumberOrTag, Blocking, Client, Fees, Outgoing, SdkError, TransactionReceipt, TransactionRequest,
    events,
};
use serde_json::{Value, json};

use self::{
    args::{SendArgs, TxArgs, TxCommand},
    signer::Account,
};
use crate::{
    home::Home,
    output::{EXIT_UNREACHABLE, Output, coded},
};

pub(super) fn run(home: &Home, args: &TxArgs, output: Output) -> Result<()> {
    let node = Blocking::new(&args.rpc)?;
    let what = match &args.command {
        TxCommand::Raw { raw, wait } => {
            return node.run(async |client| {
                let hash = client.send_raw(raw).await.map_err(said)?;
                sent(client, hash, json!({}), wait.limit(), output).await
            });
        }
        TxCommand::Status { hash, wait } => {
            return node.run(async |client| status(client, *hash, wait.limit(), output).await);
        }
        TxCommand::Native(command) => {
            return transact(home, &node, command.send(), output, async |client, from| {
                command.outgoing(home, client, from).await
            });
        }
        TxCommand::Transfer { to, amount, send } => (TxKind::Call(*to), *amount, Bytes::new(), send),
        TxCommand::Call { to, data, value, send } => (TxKind::Call(*to), *value, encode::call_data(data)?, send),
        TxCommand::Deploy { code, constructor, args, value, send } => {
            (TxKind::Create, *value, encode::code(code, constructor.as_deref(), args)?, send)
        }
    };
    let (to, value, input, send) = what;
    transact(home, &node, send, output, async |_, _| {
        Ok(Outgoing { to, value: U256::from(value), input: input.clone(), gas_limit: None })
    })
}

/// Makes a transaction for an account, then shows it or signs and sends it.
fn transact(
    home: &Home,
    node: &Blocking,
    send: &SendArgs,
    output: Output,
    what: impl AsyncFn(&Client, Address) -> Result<Outgoing>,
) -> Result<()> {
    // Before the node is asked: a missing account is the caller's mistake.
    let account = Account::of(home, &send.account)?;
    node.run(async |client| {
        let Outgoing { to, value, input, .. } = what(client, account.address()).await?;
        let made = make(client, &account, to, value, input, send).await?;
        if send.dry_run {
            return dry_run(client, &account, made, output).await;
        }
        let facts = json!({
            "from": account.address(),
            "nonce": made.nonce,
            "gas_limit": made.gas_limit,
            "max_fee_per_gas": made.max_fee_per_gas.to_string(),
            "max_priority_fee_per_gas": made.max_priority_fee_per_gas.to_string(),
        });
        let signed = account.sign(home, &send.account, made).await?;
        let hash = client.send_raw(&signed.raw).await.map_err(said)?;
        if hash != signed.hash {
            bail!(
                "the node calls the transaction {hash}, it is {}: is {} a node of this chain?",
                signed.hash,
                client.url()
            );
        }
        sent(client, hash, facts, send.wait.limit(), output).await
    })
}

/// The client's errors with the exit code that tells whether trying again helps.
pub(super) fn said(error: SdkError) -> anyhow::Error {
    match error {
        error @ (SdkError::Unreachable { .. } | SdkError::Timeout { .. }) => {
            coded(EXIT_UNREACHABLE, format!("{error} --rpc names another"))
        }
        other => other.into(),
    }
}

/// The transaction, with everything that the caller left open.
async fn make(
    client: &Client,
    account: &Account,
    to: TxKind,
    value: U256,
    input: Bytes,
    args: &SendArgs,
) -> Result<TxEip1559> {
    let chain_id = client.chain_id().await.map_err(said)?;
    let suggested = client.fees().await.map_err(said)?;
    let tip = args.tip.unwrap_or_else(|| suggested.max_priority_fee_per_gas.min(args.max_fee.unwrap_or(u128::MAX)));
    let lifted = suggested.max_fee_per_gas.saturating_sub(suggested.max_priority_fee_per_gas).saturating_add(tip);
    let fees = Fees { max_fee_per_gas: args.max_fee.unwrap_or(lifted), max_priority_fee_per_gas: tip };
    if fees.max_priority_fee_per_gas > fees.max_fee_per_gas {
        bail!(
            "--tip {} is above --max-fee {} (wei per gas): the tip is part of it",
            fees.max_priority_fee_per_gas,
            fees.max_fee_per_gas
        );
    }
    let from = account.address();
    let nonce = match args.nonce {
        Some(nonce) => nonce,
        None => client.nonce(from, BlockNumberOrTag::Pending.into()).await.map_err(said)?,
    };
    let gas_limit = match args.gas_limit {
        Some(limit) => limit,
        None => client.estimate_gas(&request(from, to, value, &input)).await.map_err(said)?,
    };
    Ok(TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: fees.max_fee_per_gas,
        max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
        to,
        value,
        input,
        ..Default::default()
    })
}

fn request(from: Address, to: TxKind, value: U256, input: &Bytes) -> TransactionRequest {
    let mut request = TransactionRequest::default().from(from).value(value);
    request.to = Some(to);
    request.input = input.clone().into();
    request
}

/// Runs it at the newest block and prints what it would return and at most cost.
async fn dry_run(client: &Client, account: &Account, tx: TxEip1559, output: Output) -> Result<()> {
    let from = account.address();
    let latest: BlockId = BlockNumberOrTag::Latest.into();
    let returned = client.call(&request(from, tx.to, tx.value, &tx.input), latest).await.map_err(said)?;
    let balance = client.balance(from, latest).await.map_err(said)?;
    let fee = U256::from(tx.max_fee_per_gas).saturating_mul(U256::from(tx.gas_limit));
    let most = fee.saturating_add(tx.value);
    let enough = balance >= most;
    let shown = if returned.len() > 64 { format!("{} bytes", returned.len()) } else { returned.to_string() };
    output.print(
        format!(
            "Dry run: nothing was signed or sent.\n  from      {from} (balance {} DEF{})\n  to        {}\n  value     {} DEF\n  \
             nonce     {}\n  gas       {}\n  price     at most {} wei per gas, tip {}\n  cost      at most {} DEF\n  returns   \
             {shown}",
            format_ether(balance),
            if enough { "" } else { ": NOT ENOUGH" },
            tx.to.to().map_or_else(|| "(a new contract)".to_owned(), ToString::to_string),
            format_ether(tx.value),
            tx.nonce,
            tx.gas_limit,
            tx.max_fee_per_gas,
            tx.max_priority_fee_per_gas,
            format_ether(most),
        ),
        || {
            json!({
                "dry_run": true,
                "from": from,
                "to": tx.to.to(),
                "value": tx.value.to_string(),
                "input": tx.input,
                "nonce": tx.nonce,
                "gas_limit": tx.gas_limit,
                "max_fee_per_gas": tx.max_fee_per_gas.to_string(),
                "max_priority_fee_per_gas": tx.max_priority_fee_per_gas.to_string(),
                "most_wei": most.to_string(),
                "balance": balance.to_string(),
                "enough": enough,
                "returned": returned,
            })
        },
    );
    Ok(())
}

/// Prints the hash, or with a limit waits for the block.
async fn sent(client: &Client, hash: B256, facts: Value, limit: Option<Duration>, output: Output) -> Result<()> {
    let Some(limit) = limit else {
        output.print(format!("{hash}\nSent. See what becomes of it: defchain-app tx status {hash} --wait"), || {
            merged(facts, json!({ "hash": hash, "status": "sent" }))
        });
        return Ok(());
    };
    let receipt = client.wait_receipt(hash, limit).await.map_err(said)?;
    included(client, &receipt, facts, output).await
}

fn merged(facts: Value, more: Value) -> Value {
    match (facts, more) {
        (Value::Object(mut all), Value::Object(more)) => {
            all.extend(more);
            Value::Object(all)
        }
        (_, more) => more,
    }
}

/// Prints a receipt. A failed transaction is an error: it cost its gas and did nothing.
async fn included(client: &Client, receipt: &TransactionReceipt, facts: Value, output: Output) -> Result<()> {
    let hash = receipt.transaction_hash;
    let block = receipt.block_number.unwrap_or_default();
    if !receipt.status() {
        let why = reason(client, receipt).await;
        bail!("transaction {hash} is in block {block} and failed{why}; it used {} gas", receipt.gas_used);
    }
    let contract = receipt.contract_address;
    let made = contract.map(|address| format!("\n  contract  {address}")).unwrap_or_default();
    let paid = U256::from(receipt.effective_gas_price).saturating_mul(U256::from(receipt.gas_used));
    let events: Vec<_> = receipt.inner.logs().iter().filter_map(|log| events::describe(&log.inner)).collect();
    let told: String = events
        .iter()
        .map(|(name, args)| {
            let args: Vec<_> = args.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("\n  {name}: {}", args.join(", "))
        })
        .collect();
    output.print(
        format!(
            "{hash}\n  block     {block}\n  gas       {}\n  fee       {} DEF{made}{told}",
            receipt.gas_used,
            format_ether(paid)
        ),
        || {
            let known = json!({
                "hash": hash,
                "status": "included",
                "block": block,
                "block_hash": receipt.block_hash,
                "gas_used": receipt.gas_used,
                "fee": paid.to_string(),
                "contract": contract,
                "logs": receipt.inner.logs().len(),
                "events": events.iter().map(event_json).collect::<Vec<_>>(),
            });
            merged(facts, known)
        },
    );
    Ok(())
}

fn event_json((name, args): &(String, Vec<(String, String)>)) -> Value {
    let args: serde_json::Map<_, _> = args.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({ "event": name, "args": args })
}

/// Why it failed, as far as the same call on the state before its block says so.
async fn reason(client: &Client, receipt: &TransactionReceipt) -> String {
    let Ok(Some(tx)) = client.transaction(receipt.transaction_hash).await else { return String::new() };
    let call = request_of(&tx, receipt.from);
    let before = receipt.block_number.unwrap_or(1).saturating_sub(1);
    match client.call(&call, BlockNumberOrTag::Number(before).into()).await {
        Err(SdkError::Rpc { error, .. }) => format!(" ({error})"),
        _ => String::new(),
    }
}

fn request_of(tx: &impl alloy_consensus::Transaction, from: Address) -> TransactionRequest {
    request(from, tx.kind(), tx.value(), tx.input()).gas_limit(tx.gas_limit())
}

async fn status(client: &Client, hash: B256, limit: Option<Duration>, output: Output) -> Result<()> {
    if let Some(limit) = limit {
        let receipt = client.wait_receipt(hash, limit).await.map_err(said)?;
        return included(client, &receipt, json!({}), output).await;
    }
    if let Some(receipt) = client.receipt(hash).await.map_err(said)? {
        return included(client, &receipt, json!({}), output).await;
    }
    if client.transaction(hash).await.map_err(said)?.is_none() {
        bail!("the node knows no transaction {hash}: it was never sent there, was dropped, or its block was pruned");
    }
    output.print(format!("{hash}\n  waits in the node's pool"), || json!({ "hash": hash, "status": "pending" }));
    Ok(())
}
