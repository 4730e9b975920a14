use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Signature, TxKind, U256, hex};
use bytes::Bytes;
use rayon::prelude::*;
use secp256k1::{Message, SECP256K1, SecretKey, ecdsa::RecoveryId};

use super::{Accounts, LoadError, Work, WorkCall};

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferPlan {
    /// What each transaction does.
    pub work: Work,
    /// EVM chain id.
    pub chain_id: u64,
    /// How many transfers, over all lanes; each lane gets whole batches.
    pub count: u64,
    /// Transfers of one HTTP request.
    pub batch: u64,
    /// Connections, each with senders of its own.
    pub lanes: u64,
    /// Most for a unit of gas, wei: high, so that a rising base fee refuses nothing.
    pub max_fee_per_gas: u128,
    /// Tip, wei.
    pub max_priority_fee_per_gas: u128,
    /// Wei, or units of a token, moved by each.
    pub value: u64,
}

/// One HTTP request, ready to be sent. The calls' ids are the transfers' numbers in their lane.
#[derive(Debug, Clone)]
pub struct Batch {
    /// JSON-RPC.
    pub body: Bytes,
    /// How many transfers.
    pub count: u64,
    /// Hash of the last of them: its receipt shows that the batch arrived.
    pub last: B256,
}

/// The requests of one connection, in order.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    /// Requests.
    pub batches: Vec<Batch>,
}

impl TransferPlan {
    fn check(&self, accounts: &Accounts) -> Result<(), LoadError> {
        let senders = accounts.senders();
        if self.batch == 0 || self.lanes == 0 || self.lanes > senders {
            let Self { batch, lanes, .. } = self;
            let text = format!("batches of {batch} over {lanes} lanes of {senders} senders: each lane needs a sender");
            return Err(LoadError::Plan(text));
        }
        Ok(())
    }
}

/// Signs and encodes everything that will be sent, on all cores.
///
/// # Errors
/// When the plan does not fit the accounts.
pub fn sign_ahead(accounts: &Accounts, plan: &TransferPlan) -> Result<Vec<Lane>, LoadError> {
    plan.check(accounts)?;
    let batches = plan.count.div_ceil(plan.batch * plan.lanes);
    let lane = |lane| {
        let batch = |number| sign_batch(accounts, plan, lane, number);
        (0..batches).into_par_iter().map(batch).collect::<Result<Vec<_>, _>>().map(|batches| Lane { batches })
    };
    (0..plan.lanes).map(lane).collect()
}

fn sign_batch(accounts: &Accounts, plan: &TransferPlan, lane: u64, number: u64) -> Result<Batch, LoadError> {
    // Senders lane, lane + lanes, lane + 2·lanes, … belong to the lane.
    let own = (accounts.senders() - lane).div_ceil(plan.lanes);
    let mut body = Vec::with_capacity(usize::try_from(plan.batch * 340).unwrap_or_default());
    let mut last = B256::ZERO;
    for id in number * plan.batch..(number + 1) * plan.batch {
        let sender = lane + (id % own) * plan.lanes;
        let receiver = receiver(accounts.total(), lane, id, sender);
        let call = plan.work.call(accounts.address(receiver), plan.value, id);
        let envelope = envelope(accounts, plan, sender, id / own, call)?;
        last = *envelope.tx_hash();
        body.push(if body.is_empty() { b'[' } else { b',' });
        let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_sendRawTransaction","params":["0x"#);
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(hex::encode(envelope.encoded_2718()).as_bytes());
        body.extend_from_slice(br#""]}"#);
    }
    body.push(b']');
    body.shrink_to_fit();
    Ok(Batch { body: body.into(), count: plan.batch, last })
}

/// Signs one call of a sender, with the plan's chain and fees.
///
/// # Errors
/// When the sender has no key.
pub fn sign_call(
    accounts: &Accounts,
    plan: &TransferPlan,
    sender: u64,
    nonce: u64,
    call: WorkCall,
) -> Result<alloy_primitives::Bytes, LoadError> {
    envelope(accounts, plan, sender, nonce, call).map(|envelope| envelope.encoded_2718().into())
}

fn envelope(
    accounts: &Accounts,
    plan: &TransferPlan,
    sender: u64,
    nonce: u64,
    call: WorkCall,
) -> Result<TxEnvelope, LoadError> {
    let WorkCall { to, value, input, gas } = call;
    let tx = TxEip1559 {
        chain_id: plan.chain_id,
        nonce,
        gas_limit: gas,
        max_fee_per_gas: plan.max_fee_per_gas,
        max_priority_fee_per_gas: plan.max_priority_fee_per_gas,
        to: TxKind::Call(to),
        value: U256::from(value),
        input,
        ..Default::default()
    };
    let key = accounts.key(sender).ok_or(LoadError::Key(sender))?;
    let signature = sign(key, &tx.signature_hash());
    Ok(TxEnvelope::from(tx.into_signed(signature)))
}

/// Spread over all accounts, never the sender itself.
fn receiver(total: u64, lane: u64, id: u64, sender: u64) -> u64 {
    let receiver = mix(id ^ lane.rotate_left(48)) % (total - 1);
    if receiver >= sender { receiver + 1 } else { receiver }
}

/// splitmix64: spreads consecutive numbers evenly.
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn sign(key: &SecretKey, hash: &B256) -> Signature {
    let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), key);
    let (parity, bytes) = signature.serialize_compact();
    let (r, s) = bytes.split_at(32);
    Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), parity == RecoveryId::One)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::collections::BTreeMap;

    use defchain_base::tx::{MAX_TX_BYTES, decode};
    use serde_json::Value;

    use super::*;

    const PLAN: TransferPlan = TransferPlan {
        work: Work::Transfers,
        chain_id: 35_679,
        count: 95,
        batch: 10,
        lanes: 2,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 1,
        value: 3,
    };

    #[test]
    fn every_batch_is_json_rpc_whose_transactions_the_node_attributes_to_their_senders_in_nonce_order() {
        let accounts = Accounts::derive(7, 20).unwrap();
        let lanes = sign_ahead(&accounts, &PLAN).unwrap();
        assert_eq!(lanes.iter().map(|l| l.batches.len()).collect::<Vec<_>>(), [5, 5], "95 need 5 batches in each lane");
        let senders: BTreeMap<_, _> = (0..7).map(|i| (accounts.address(i), i)).collect();
        let mut nonces = BTreeMap::<u64, u64>::new();
        for (number, lane) in lanes.iter().enumerate() {
            let mut id = 0;
            for batch in &lane.batches {
                let calls: Vec<Value> = serde_json::from_slice(&batch.body).unwrap();
                assert_eq!(calls.len() as u64, batch.count);
                for call in &calls {
                    assert_eq!((&call["jsonrpc"], &call["method"]), (&"2.0".into(), &"eth_sendRawTransaction".into()));
                    assert_eq!(call["id"], id);
                    id += 1;
                    let raw: alloy_primitives::Bytes = call["params"][0].as_str().unwrap().parse().unwrap();
                    let tx = decode(raw, MAX_TX_BYTES).unwrap().into_recovered().unwrap();
                    tx.tx.check_chain(PLAN.chain_id).unwrap();
                    let sender = senders[&tx.sender];
                    assert_eq!(sender % 2, number as u64, "a sender belongs to one lane");
                    let next = nonces.entry(sender).or_default();
                    assert_eq!(tx.tx.nonce(), *next);
                    *next += 1;
                    assert_ne!(tx.tx.to().to(), Some(&tx.sender));
                    assert_eq!((tx.tx.value(), tx.tx.gas_limit()), (U256::from(3), 21_000));
                }
                let last: alloy_primitives::Bytes = calls[9]["params"][0].as_str().unwrap().parse().unwrap();
                assert_eq!(batch.last, alloy_primitives::keccak256(last));
            }
        }
        assert_eq!(nonces.values().sum::<u64>(), 100);
        assert_eq!(nonces.len(), 7, "everybody sends");
    }

    #[test]
    fn receivers_are_spread_over_all_accounts() {
        let mut hits = [0u64; 10];
        for id in 0..10_000 {
            hits[usize::try_from(receiver(10, 0, id, 4)).unwrap()] += 1;
        }
        assert_eq!(hits[4], 0, "never the sender");
        assert!(hits.iter().enumerate().all(|(i, n)| i == 4 || (900..1_350).contains(n)), "{hits:?}");
    }

    #[test]
    fn a_plan_without_senders_for_each_lane_is_refused() {
        let accounts = Accounts::derive(2, 20).unwrap();
        for plan in
            [TransferPlan { lanes: 3, ..PLAN }, TransferPlan { lanes: 0, ..PLAN }, TransferPlan { batch: 0, ..PLAN }]
        {
            assert!(matches!(sign_ahead(&accounts, &plan), Err(LoadError::Plan(_))));
        }
    }
}
