//! Accounts that sign, and a chain that answers for them. Used by the tests and by the `pool` example.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Signature, TxKind};
use defchain_base::{Address, Bytes, Height, Timestamp, U256, keccak256, tx::RecoveredTx};
use defchain_evm::validity::{Demand, InvalidTx, Limits, Sender};
use defchain_mempool::{PoolContext, PoolView, Unjudged, ViewError};
use secp256k1::{Message, SECP256K1, SecretKey};

pub const CHAIN_ID: u64 = 35_679;
pub const GWEI: u128 = 1_000_000_000;
pub const BLOCK_GAS: u64 = 400_000_000;

/// A key pair made from a number.
#[derive(Clone)]
pub struct Wallet {
    key: SecretKey,
    pub address: Address,
}

/// A transfer of nothing that pays this.
#[derive(Debug, Clone, Copy)]
pub struct Fees {
    pub cap: u128,
    pub tip: u128,
}

impl Fees {
    pub const fn gwei(cap: u128, tip: u128) -> Self {
        Self { cap: cap * GWEI, tip: tip * GWEI }
    }
}

impl Wallet {
    pub fn new(number: u64) -> Self {
        let key = SecretKey::from_byte_array(keccak256(number.to_be_bytes()).0).unwrap();
        let public = key.public_key(SECP256K1).serialize_uncompressed();
        Self { key, address: Address::from_word(keccak256(&public[1..])) }
    }

    pub fn transfer(&self, nonce: u64, fees: Fees) -> Bytes {
        self.sign(TxEip1559 { value: U256::ZERO, ..Self::template(nonce, fees) })
    }

    pub fn template(nonce: u64, fees: Fees) -> TxEip1559 {
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: fees.cap,
            max_priority_fee_per_gas: fees.tip,
            to: TxKind::Call(Address::repeat_byte(0x77)),
            ..TxEip1559::default()
        }
    }

    pub fn sign(&self, tx: TxEip1559) -> Bytes {
        let hash = tx.signature_hash();
        let (parity, compact) =
            SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), &self.key).serialize_compact();
        let signature = Signature::from_bytes_and_parity(&compact, i32::from(parity) == 1);
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }
}

/// A chain whose next state is whatever was set; views are frozen copies of it.
#[derive(Clone)]
pub struct Chain {
    pub accounts: HashMap<Address, Sender>,
    pub base_fee: u64,
    pub height: u64,
    pub reads: Arc<AtomicU64>,
    /// Recipients for whom commission is paid on top.
    pub contracts: HashSet<Address>,
    /// Calls to it may pay for themselves.
    pub releasing: Address,
    /// Whose calls do.
    pub released: HashSet<Address>,
}

impl Chain {
    /// Each with that many wei.
    pub fn with(wallets: &[Wallet], wei: u128) -> Self {
        let balance = U256::from(wei);
        let funded = Sender { nonce: 0, spendable: balance, nominal: balance, is_contract: false };
        Self {
            accounts: wallets.iter().map(|wallet| (wallet.address, funded)).collect(),
            base_fee: 1_000_000_000,
            height: 1,
            reads: Arc::default(),
            contracts: HashSet::new(),
            releasing: Address::repeat_byte(0x88),
            released: HashSet::new(),
        }
    }

    pub fn view(&self) -> Arc<dyn PoolView> {
        Arc::new(self.clone())
    }

    pub fn account(&mut self, wallet: &Wallet) -> &mut Sender {
        self.accounts.entry(wallet.address).or_default()
    }
}

impl PoolView for Chain {
    fn context(&self) -> PoolContext {
        PoolContext {
            limits: Limits { chain_id: CHAIN_ID, block_gas: BLOCK_GAS, latched: false },
            base_fee: self.base_fee,
            height: Height(self.height),
            time: Timestamp(self.height * 1_000),
        }
    }

    fn sender(&self, address: &Address) -> Result<Sender, ViewError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(self.accounts.get(address).copied().unwrap_or_default())
    }

    fn demand(&self, tx: &RecoveredTx) -> Result<Demand, Unjudged> {
        let releases = tx.tx.to().to().is_some_and(|to| *to == self.releasing);
        let on_top = if self.contracts.contains(&tx.tx.to().to().copied().unwrap_or_default()) {
            tx.tx.value() / U256::from(20)
        } else {
            U256::ZERO
        };
        Ok(Demand { value: tx.tx.value(), on_top, releases })
    }

    fn try_out(&self, tx: &RecoveredTx) -> Result<(), Unjudged> {
        let account = self.accounts.get(&tx.sender).copied().unwrap_or_default();
        if tx.tx.nonce() != account.nonce {
            return Err(InvalidTx::NonceTooHigh { address: tx.sender, tx: tx.tx.nonce(), state: account.nonce }.into());
        }
        if self.released.contains(&tx.sender) {
            return Ok(());
        }
        let have = account.spendable;
        Err(InvalidTx::NotSelfPaid { address: tx.sender, have, want: U256::from(1) }.into())
    }
}
