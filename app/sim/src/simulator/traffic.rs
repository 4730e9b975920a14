//! Random Ethereum traffic: what users, tools and attackers send, valid and not.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use defchain_base::tx::{NativeKind, NativeTx};
use secp256k1::{Message, SECP256K1, SecretKey};

use super::{
    contracts::{BURNS_ITS_MONEY, CONTRACTS, SHORT_LIVED, STILLBORN, creation},
    script::Sent,
    stream::Stream,
};

/// EVM chain id of the simulated network.
pub const CHAIN_ID: u64 = 35_679;
/// Wei.
pub const GWEI: u128 = 1_000_000_000;
/// Accounts with money and a key.
const USERS: usize = 24;
/// Accounts with a key and no money.
const PAUPERS: usize = 3;
/// Deployed contracts that are remembered for later calls.
const MAX_TARGETS: usize = 64;

/// A key of a simulated user. Derived once per process: every run has the same users.
pub struct User {
    key: SecretKey,
    /// Its address.
    pub address: Address,
}

impl User {
    /// `None` for a number whose hash is no key, which is as rare as a collision.
    fn new(number: u64) -> Option<Self> {
        Self::labelled(b"defchain/sim/user", number)
    }

    /// One of the people of the economy, who are not the senders of this traffic.
    pub fn person(number: u64) -> Option<Self> {
        Self::labelled(b"defchain/sim/person", number)
    }

    fn labelled(label: &[u8], number: u64) -> Option<Self> {
        let seed = keccak256([label, &number.to_be_bytes()].concat());
        let key = SecretKey::from_byte_array(seed.0).ok()?;
        let public = key.public_key(SECP256K1).serialize_uncompressed();
        let address = Address::from_word(keccak256(public.get(1..).unwrap_or_default()));
        Some(Self { key, address })
    }

    /// Its signature of a hash.
    pub fn sign_hash(&self, hash: B256) -> Signature {
        let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), &self.key);
        let (id, bytes) = signature.serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
    }

    /// A signed transaction.
    pub fn sign<T>(&self, tx: T) -> Bytes
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.sign_hash(tx.signature_hash());
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }
}

/// A transaction of the script, signed, with this nonce.
#[must_use]
pub fn envelope(user: &User, sent: &Sent, nonce: u64) -> Bytes {
    let Sent { to, value, input, gas, cap, tip, kind, .. } = sent.clone();
    let (chain_id, gas_limit) = (CHAIN_ID, gas);
    let to = to.map_or(TxKind::Create, TxKind::Call);
    let access_list = AccessList::default();
    match kind {
        0 => user.sign(TxLegacy { chain_id: Some(chain_id), nonce, gas_price: cap, gas_limit, to, value, input }),
        1 => user.sign(TxEip2930 { chain_id, nonce, gas_price: cap, gas_limit, to, value, access_list, input }),
        100 => {
            let tx = NativeTx {
                kind: NativeKind::Staking,
                chain_id,
                nonce,
                max_priority_fee_per_gas: tip,
                max_fee_per_gas: cap,
                gas_limit,
                payload: input,
            };
            let signature = user.sign_hash(tx.signature_hash());
            tx.into_signed(signature).encoded().into()
        }
        _ => user.sign(TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: cap,
            max_priority_fee_per_gas: tip,
            to,
            value,
            access_list,
            input,
        }),
    }
}

/// What the traffic wants to know of the node it is sent to.
pub trait Wallet {
    /// The nonce that a wallet would use next.
    fn next_nonce(&self, address: &Address) -> u64;
}

/// Makes transactions.
pub struct Traffic {
    stream: Stream,
    users: Vec<User>,
    /// Contracts that were or will be created.
    targets: Vec<Address>,
    /// What was sent, for repetitions.
    sent: Vec<Bytes>,
}

struct Plan {
    nonce: u64,
    to: TxKind,
    value: U256,
    input: Bytes,
    gas: u64,
    fee_cap: u128,
    tip: u128,
}

impl Traffic {
    /// The traffic of a run.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let users = (0..(USERS + PAUPERS) as u64).filter_map(User::new).collect();
        Self { stream: Stream::new(seed, "traffic"), users, targets: Vec::new(), sent: Vec::new() }
    }

    /// Who has money at genesis.
    pub fn rich(&self) -> impl Iterator<Item = Address> {
        self.users.iter().take(USERS).map(|user| user.address)
    }

    /// The next transaction, as a user of `wallet` would send it.
    pub fn next(&mut self, wallet: &impl Wallet) -> Bytes {
        let raw = match self.stream.below(1_000) {
            0..15 => {
                let len = self.stream.index(200);
                self.stream.bytes(len).into()
            }
            15..30 => self.again(),
            30..45 => self.damaged(wallet),
            _ => self.signed(wallet),
        };
        if self.sent.len() < 256 {
            self.sent.push(raw.clone());
        } else {
            let at = self.stream.index(self.sent.len());
            if let Some(slot) = self.sent.get_mut(at) {
                *slot = raw.clone();
            }
        }
        raw
    }

    /// Something that was sent before.
    fn again(&mut self) -> Bytes {
        self.stream.pick(&self.sent).cloned().unwrap_or_default()
    }

    /// A transaction with one bit turned.
    fn damaged(&mut self, wallet: &impl Wallet) -> Bytes {
        let mut raw = self.signed(wallet).to_vec();
        let at = self.stream.index(raw.len());
        let bit = self.stream.below(8);
        if let Some(byte) = raw.get_mut(at) {
            *byte ^= 1 << bit;
        }
        raw.into()
    }

    fn signed(&mut self, wallet: &impl Wallet) -> Bytes {
        let sender = self.stream.index(self.users.len());
        let Some(from) = self.users.get(sender).map(|user| user.address) else { return Bytes::new() };
        let mut plan = self.plan(wallet.next_nonce(&from));
        if plan.to == TxKind::Create && self.targets.len() < MAX_TARGETS {
            self.targets.push(from.create(plan.nonce));
        }
        self.disturb(&mut plan);
        self.envelope(sender, plan, wallet)
    }

    /// What it does.
    fn plan(&mut self, nonce: u64) -> Plan {
        let tip = GWEI / 10 * u128::from(self.stream.between(1, 40));
        let mut plan = Plan {
            nonce,
            to: TxKind::Call(Address::ZERO),
            value: U256::ZERO,
            input: Bytes::new(),
            gas: 21_000,
            fee_cap: 100 * GWEI + tip,
            tip,
        };
        match self.stream.below(100) {
            0..45 => {
                plan.to = TxKind::Call(self.somebody());
                plan.value = U256::from(self.stream.below(1_000_000_000_000));
                plan.gas = self.stream.between(21_000, 60_000);
            }
            45..57 => self.plan_creation(&mut plan),
            57..90 => self.plan_call(&mut plan),
            90..95 => self.plan_precompile(&mut plan),
            _ => {
                // A large part of what there is, so that balances run dry.
                plan.to = TxKind::Call(self.somebody());
                plan.value = U256::from(self.stream.below(400)) * U256::from(10u128.pow(18));
            }
        }
        plan
    }

    fn somebody(&mut self) -> Address {
        match self.stream.below(10) {
            0 => Address::from_word(B256::from(U256::from(self.stream.between(1 << 20, 1 << 24)))),
            1 => self.stream.pick(&self.targets).copied().unwrap_or_default(),
            _ => {
                let at = self.stream.index(self.users.len());
                self.users.get(at).map(|user| user.address).unwrap_or_default()
            }
        }
    }

    fn plan_creation(&mut self, plan: &mut Plan) {
        plan.to = TxKind::Create;
        plan.gas = self.stream.between(53_000, 250_000);
        plan.input = match self.stream.below(10) {
            0 => Bytes::from_static(SHORT_LIVED),
            1 => Bytes::from_static(BURNS_ITS_MONEY),
            2 => Bytes::from_static(STILLBORN),
            _ => creation(self.stream.pick(&CONTRACTS).map(|c| c.code).unwrap_or_default()),
        };
        if self.stream.chance(300) {
            plan.value = U256::from(self.stream.below(1_000_000_000));
        }
    }

    fn plan_call(&mut self, plan: &mut Plan) {
        plan.to = TxKind::Call(self.stream.pick(&self.targets).copied().unwrap_or_default());
        plan.gas = self.stream.between(25_000, 180_000);
        plan.input = match self.stream.below(4) {
            // Something to create, for the factory.
            0 => creation(self.stream.pick(&CONTRACTS).map(|c| c.code).unwrap_or_default()),
            // An address, for the forwarder and the destructor.
            1 => self.somebody().into_word().to_vec().into(),
            // A slot and a value, sometimes zero, for the mapping.
            2 => {
                let (slot, value) = (self.stream.below(8), self.stream.below(3));
                [B256::from(U256::from(slot)), B256::from(U256::from(value))].concat().into()
            }
            _ => {
                let len = self.stream.index(96);
                self.stream.bytes(len).into()
            }
        };
        if self.stream.chance(400) {
            plan.value = U256::from(self.stream.below(1_000_000));
        }
    }

    /// Precompiles and the addresses that the protocol keeps.
    fn plan_precompile(&mut self, plan: &mut Plan) {
        let number =
            if self.stream.chance(600) { self.stream.between(1, 0x20) } else { self.stream.between(0x100, 0x1100) };
        plan.to = TxKind::Call(Address::from_word(B256::from(U256::from(number))));
        plan.gas = self.stream.between(22_000, 200_000);
        let len = self.stream.index(300);
        plan.input = self.stream.bytes(len).into();
        if self.stream.chance(200) {
            plan.value = U256::from(self.stream.below(1_000));
        }
    }

    /// What goes wrong between a wallet and a node.
    fn disturb(&mut self, plan: &mut Plan) {
        match self.stream.below(100) {
            // A gap, filled or not.
            0..5 => plan.nonce += self.stream.between(1, 3),
            // A replacement, dear enough or not.
            5..13 => {
                plan.nonce = plan.nonce.saturating_sub(self.stream.between(1, 2));
                let raise = u128::from(self.stream.between(90, 150));
                (plan.fee_cap, plan.tip) = (plan.fee_cap * raise / 100, plan.tip * raise / 100);
            }
            13..15 => plan.value = U256::MAX >> self.stream.index(130),
            15..17 => plan.fee_cap = u128::from(self.stream.below(2_000_000_000)),
            17..19 => plan.tip = plan.fee_cap + 1,
            19..21 => plan.gas = self.stream.below(21_000),
            21..22 => plan.gas = u64::MAX >> self.stream.index(40),
            22..24 => {
                let len = self.stream.index(60_000);
                plan.input = self.stream.bytes(len).into();
                plan.gas = 2_500_000;
            }
            24..26 => plan.nonce = u64::MAX - self.stream.below(2),
            _ => {}
        }
    }

    fn envelope(&mut self, sender: usize, plan: Plan, wallet: &impl Wallet) -> Bytes {
        let kind = self.stream.below(100);
        let chain_id = if self.stream.chance(10) { CHAIN_ID + 1 } else { CHAIN_ID };
        let access_list = if self.stream.chance(250) { self.access_list() } else { AccessList::default() };
        let authorizations = match plan.to {
            TxKind::Call(_) if kind >= 90 => self.authorizations(wallet),
            _ => Vec::new(),
        };
        let Some(user) = self.users.get(sender) else { return Bytes::new() };
        let Plan { nonce, to, value, input, gas: gas_limit, fee_cap, tip } = plan;
        match (kind, to) {
            (0..20, _) => {
                let chain_id = (!kind.is_multiple_of(4)).then_some(chain_id);
                user.sign(TxLegacy { chain_id, nonce, gas_price: fee_cap, gas_limit, to, value, input })
            }
            (20..30, _) => {
                let gas_price = fee_cap;
                user.sign(TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input })
            }
            (90.., TxKind::Call(to)) => user.sign(TxEip7702 {
                chain_id,
                nonce,
                gas_limit: gas_limit.saturating_add(60_000),
                max_fee_per_gas: fee_cap,
                max_priority_fee_per_gas: tip,
                to,
                value,
                access_list,
                authorization_list: authorizations,
                input,
            }),
            _ => user.sign(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: fee_cap,
                max_priority_fee_per_gas: tip,
                to,
                value,
                access_list,
                input,
            }),
        }
    }

    fn access_list(&mut self) -> AccessList {
        let items = (0..self.stream.index(3)).map(|_| AccessListItem {
            address: self.somebody(),
            storage_keys: (0..self.stream.below(3)).map(|slot| B256::from(U256::from(slot))).collect(),
        });
        AccessList(items.collect::<Vec<_>>())
    }

    /// Delegations, with the right nonce or not, for this chain, any, or another.
    fn authorizations(&mut self, wallet: &impl Wallet) -> Vec<SignedAuthorization> {
        let count = self.stream.between(1, 3);
        let mut list = Vec::new();
        for _ in 0..count {
            let at = self.stream.index(self.users.len());
            let address = match self.stream.below(4) {
                0 => Address::ZERO,
                _ => self.stream.pick(&self.targets).copied().unwrap_or_default(),
            };
            let chain = match self.stream.below(10) {
                0 => CHAIN_ID + 1,
                1 => 0,
                _ => CHAIN_ID,
            };
            let Some(user) = self.users.get(at) else { continue };
            let nonce = wallet.next_nonce(&user.address) + u64::from(self.stream.chance(200));
            let authorization = Authorization { chain_id: U256::from(chain), address, nonce };
            let signature = user.sign_hash(authorization.signature_hash());
            list.push(authorization.into_signed(signature));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;

    use super::*;

    struct Fresh;

    impl Wallet for Fresh {
        fn next_nonce(&self, _address: &Address) -> u64 {
            5
        }
    }

    #[test]
    fn the_traffic_of_a_seed_repeats_and_has_every_type() {
        let take = |seed| {
            let mut traffic = Traffic::new(seed);
            (0..600).map(|_| traffic.next(&Fresh)).collect::<Vec<_>>()
        };
        let txs = take(3);
        assert_eq!(txs, take(3));
        assert_ne!(txs, take(4));
        let mut kinds: BTreeMap<Option<u8>, u32> = BTreeMap::new();
        for raw in &txs {
            let decoded = defchain_base::tx::decode(defchain_base::Bytes::from(raw.0.clone()), usize::MAX);
            *kinds.entry(decoded.ok().map(|tx| tx.kind())).or_default() += 1;
        }
        for kind in [None, Some(0), Some(1), Some(2), Some(4)] {
            assert!(kinds.get(&kind).is_some_and(|n| *n > 5), "{kind:?} of {kinds:?}");
        }
    }
}
