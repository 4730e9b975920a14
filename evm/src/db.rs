//! State as revm's database: balances are effective at the block's age (D20), everything else as stored.

use alloy_primitives::{Address, B256, U256, map::AddressMap, map::B256Map};
use defchain_base::{Amount, Overlay, StateError, StateRead, system::Pool};
use defchain_token::{AccountRecord, TokenParams, state::TokenRead};
use revm::{Database, bytecode::Bytecode, primitives::KECCAK_EMPTY, state::AccountInfo};

use crate::{BlockEnv, begin, error::DbError, inspect::interrupt::Guard, state::EvmRead};

/// Analysed code is kept for a block's later transactions up to this many bytes; above it the cache starts anew. A
/// block could otherwise load gigabytes of different code for 2,600 gas a contract.
const CODE_CACHE_BYTES: usize = 64 << 20;

/// What a simulation pretends about storage (eth_call's overrides).
#[derive(Debug, Default)]
pub(crate) struct StorageOverride {
    /// Nothing below is seen: the account has only these slots.
    pub replaces: bool,
    pub slots: std::collections::BTreeMap<U256, U256>,
}

pub(crate) struct ChainDb<S> {
    pub overlay: Overlay<S>,
    pub env: BlockEnv,
    pub params: TokenParams,
    /// Records read by the present transaction, to be settled without reading them again.
    pub records: AddressMap<Option<AccountRecord>>,
    pub overrides: AddressMap<StorageOverride>,
    /// Hashes that a simulation pretends blocks to have.
    pub hashes: std::collections::BTreeMap<u64, B256>,
    pub guard: Guard,
    codes: B256Map<Bytecode>,
    codes_bytes: usize,
}

impl<S: StateRead> ChainDb<S> {
    pub fn new(overlay: Overlay<S>, env: BlockEnv) -> Result<Self, StateError> {
        let params = overlay.token_params()?;
        Ok(Self {
            overlay,
            env,
            params,
            records: AddressMap::default(),
            overrides: AddressMap::default(),
            hashes: std::collections::BTreeMap::new(),
            guard: Guard::default(),
            codes: B256Map::default(),
            codes_bytes: 0,
        })
    }

    /// The record of an account, as it was before this transaction.
    pub fn record(&mut self, address: Address) -> Result<Option<&AccountRecord>, StateError> {
        let Self { overlay, records, .. } = self;
        let record = match records.entry(address) {
            alloy_primitives::map::Entry::Occupied(entry) => entry.into_mut(),
            alloy_primitives::map::Entry::Vacant(entry) => entry.insert(overlay.account(&address)?),
        };
        Ok(record.as_ref())
    }

    /// The record and effective balance of an account; a pool's address shows the pool's balance.
    pub fn account(&mut self, address: Address) -> Result<(Option<&AccountRecord>, Amount), DbError> {
        let Self { overlay, env, params, records, .. } = self;
        let record = match records.entry(address) {
            alloy_primitives::map::Entry::Occupied(entry) => entry.into_mut(),
            alloy_primitives::map::Entry::Vacant(entry) => entry.insert(overlay.account(&address)?),
        };
        let balance = match (Pool::by_address(&address), &record) {
            (Some(pool), _) => overlay.pool(pool)?,
            (None, Some(record)) => record.effective_balance(params, env.age)?,
            (None, None) => Amount::ZERO,
        };
        Ok((record.as_ref(), balance))
    }

    pub fn bytecode(&mut self, hash: B256) -> Result<Bytecode, DbError> {
        if hash == KECCAK_EMPTY || hash.is_zero() {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.codes.get(&hash) {
            return Ok(code.clone());
        }
        let bytes = self.overlay.code_by_hash(hash)?;
        let size = bytes.len();
        let code = Bytecode::new_raw_checked(bytes)
            .map_err(|e| StateError::Invariant(format!("code of hash {hash} does not decode: {e}")))?;
        self.codes_bytes = self.codes_bytes.saturating_add(size);
        if self.codes_bytes > CODE_CACHE_BYTES {
            self.codes.clear();
            self.codes_bytes = size;
        }
        self.codes.insert(hash, code.clone());
        Ok(code)
    }
}

impl<S: StateRead> Database for ChainDb<S> {
    type Error = DbError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, DbError> {
        self.guard.read()?;
        let (record, balance) = self.account(address)?;
        let (nonce, code_hash) = record.map_or((0, KECCAK_EMPTY), |r| (r.nonce, r.code_hash));
        // D15: whether an account is empty is judged by what it is worth now, not by when it was last settled.
        if nonce == 0 && code_hash == KECCAK_EMPTY && balance.is_zero() {
            return Ok(None);
        }
        Ok(Some(AccountInfo { balance: balance.to_u256(), nonce, code_hash, account_id: None, code: None }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, DbError> {
        self.bytecode(code_hash)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, DbError> {
        self.guard.read()?;
        if let Some(pretended) = self.overrides.get(&address) {
            match pretended.slots.get(&index) {
                Some(value) => return Ok(*value),
                None if pretended.replaces => return Ok(U256::ZERO),
                None => {}
            }
        }
        Ok(self.overlay.storage(address, index)?)
    }

    /// revm asks only for the last 256 blocks; the history contract holds the last 8191 (EIP-2935).
    fn block_hash(&mut self, number: u64) -> Result<B256, DbError> {
        match self.hashes.get(&number) {
            Some(pretended) => Ok(*pretended),
            None => Ok(begin::block_hash(&self.overlay, number)?),
        }
    }
}
