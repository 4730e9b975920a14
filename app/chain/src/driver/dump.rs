//! All accounts as JSON, in the shape that anvil's dumps have when unpacked: to carry a state from one development chain
//! to another. Balances are nominal; they begin to age anew where they are loaded.

use std::collections::BTreeMap;

use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use alloy_primitives::{U256, hex};
use defchain_base::{Address, B256, Bytes, StateRead, Substore, read_exact_value, system::is_reserved};
use defchain_evm::{keys::StorageWord, state::EvmRead};
use defchain_token::{AccountRecord, state::TokenRead};
use serde::{Deserialize, Serialize};

use super::{DevNode, DriverError, Edit};
use crate::reader::StateAt;

/// Whether an account is the protocol's own: its addresses, and the contracts that hold this chain's own past.
fn is_ours(address: &Address) -> bool {
    is_reserved(address) || [HISTORY_STORAGE_ADDRESS, BEACON_ROOTS_ADDRESS].contains(address)
}

/// Entries that are read at a time.
const PAGE: usize = 1_024;
/// Length of a storage key: its mark, an address, a slot.
const STORAGE_KEY: usize = 53;

/// One account of a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDump {
    /// Next nonce.
    #[serde(default)]
    pub nonce: u64,
    /// Nominal balance, wei.
    #[serde(default)]
    pub balance: U256,
    /// Code.
    #[serde(default)]
    pub code: Bytes,
    /// Words that are not zero.
    #[serde(default)]
    pub storage: BTreeMap<B256, B256>,
}

/// A dump.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDump {
    /// Where it was taken: number and timestamp of the newest block. Not loaded.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub block: serde_json::Value,
    /// The accounts.
    pub accounts: BTreeMap<Address, AccountDump>,
}

impl DevNode {
    /// All accounts but the protocol's own.
    ///
    /// # Errors
    /// When state cannot be read.
    pub fn dump(&self) -> Result<StateDump, DriverError> {
        let (header, state) = self.chain().reader().latest_state()?;
        let params = state.token_params()?;
        let mut accounts = BTreeMap::new();
        each(&state, b'a', |key, value| {
            let Ok(address) = Address::try_from(key) else { return Ok(()) };
            if is_ours(&address) {
                return Ok(());
            }
            let record: AccountRecord = read_exact_value(value).map_err(|e| DriverError::Dump(e.to_string()))?;
            let code = state.code_by_hash(record.code_hash)?;
            let balance = record.nominal_balance(&params)?.to_u256();
            let account = AccountDump { nonce: record.nonce, balance, code, storage: BTreeMap::new() };
            accounts.insert(address, account);
            Ok(())
        })?;
        each(&state, b's', |key, value| {
            let (Some(Ok(address)), Some(Ok(slot))) =
                (key.get(..20).map(Address::try_from), key.get(20..).map(B256::try_from))
            else {
                return Ok(());
            };
            let word: StorageWord = read_exact_value(value).map_err(|e| DriverError::Dump(e.to_string()))?;
            if !is_ours(&address) {
                accounts.entry(address).or_default().storage.insert(slot, word.0.into());
            }
            Ok(())
        })?;
        let block = serde_json::json!({ "number": header.height.0, "timestamp": header.time.seconds() });
        Ok(StateDump { block, accounts })
    }

    /// Sets every account of a dump by hand; others stay as they are.
    ///
    /// # Errors
    /// When one of them is nothing that state may have; nothing is changed then.
    pub fn load(&self, dump: &StateDump) -> Result<(), DriverError> {
        let mut edits = Vec::new();
        for (address, account) in &dump.accounts {
            if is_ours(address) {
                continue;
            }
            edits.push(Edit::Balance(*address, account.balance));
            edits.push(Edit::Nonce(*address, account.nonce));
            edits.push(Edit::Code(*address, account.code.clone()));
            for (slot, word) in &account.storage {
                edits.push(Edit::Storage(*address, U256::from_be_bytes(slot.0), U256::from_be_bytes(word.0)));
            }
        }
        self.edit(&edits)
    }
}

impl StateDump {
    /// Reads a dump.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, DriverError> {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Err(DriverError::Dump("it is packed (gzip), as anvil's are; unpack it first".to_owned()));
        }
        serde_json::from_slice(bytes).map_err(|e| {
            let start = hex::encode(bytes.get(..8).unwrap_or(bytes));
            DriverError::Dump(format!("{} bytes beginning with 0x{start}: {e}", bytes.len()))
        })
    }
}

/// Goes through the entries of `evm` whose keys begin with a mark; `visit` gets the rest of the key.
fn each(
    state: &StateAt,
    mark: u8,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), DriverError>,
) -> Result<(), DriverError> {
    let end = [mark.saturating_add(1)];
    let mut from = vec![mark];
    loop {
        let page = state.range_raw(Substore::Evm, &from, &end, PAGE)?;
        for (key, value) in &page {
            visit(key.get(1..).unwrap_or_default(), value)?;
        }
        match page.last() {
            Some((last, _)) if page.len() >= PAGE => {
                // The least key above the last one; none is longer than a storage key.
                from = last.to_vec();
                from.push(0);
                debug_assert!(from.len() <= STORAGE_KEY.saturating_add(1));
            }
            _ => return Ok(()),
        }
    }
}
