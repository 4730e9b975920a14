//! What the transactions of a load do, and the contracts that genesis must hold for it.
//!
//! | work | transaction | contracts |
//! |---|---|---|
//! | transfers | plain value to any account of state | none |
//! | erc20 | `transfer` of OpenZeppelin's ERC-20 to any account of state: half of the receivers hold none yet | one token |
//! | swaps | `swap` of a constant-product pair, either way: two token transfers, product check, price update, two events | two tokens, one pair |
//!
//! The contracts' code is `contracts/bench.json`, made from `contracts/Bench.sol` by `contracts/compile.js`.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, address, hex, keccak256};
use defchain_base::Amount;
use defchain_chain::genesis::GenesisAccount;
use serde::Deserialize;

use super::{Accounts, LoadError};

/// Address of the first token; the second and the pair follow it. `Bench.sol` has the same.
const TOKENS: [Address; 2] =
    [address!("0x000000000000000000000000000000000000be01"), address!("0x000000000000000000000000000000000000be02")];
const PAIR: Address = address!("0x000000000000000000000000000000000000be03");

/// Tokens of every second account at genesis, units.
const HOLDING: u64 = 1_000_000_000_000;
/// Either reserve of the pair: large, so that the price hardly moves.
const RESERVE: u128 = 1_000_000_000_000_000_000;
/// The most accounts whose tokens genesis lists: each takes a storage slot in one line of the accounts' file.
const MAX_HOLDERS: u64 = 200_000;

/// A thousandth of a DEF.
const TRANSFER_WEI: u64 = 1_000_000_000_000_000;
const TRANSFER_GAS: u64 = 21_000;
const ERC20_GAS: u64 = 80_000;
const SWAP_GAS: u64 = 200_000;

/// Kinds of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Plain transfers of value
    #[default]
    Transfers,
    /// Transfers of an ERC-20
    Erc20,
    /// Swaps on a constant-product pair
    Swaps,
}

/// One call, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkCall {
    /// Whom.
    pub to: Address,
    /// Wei.
    pub value: u64,
    /// Input.
    pub input: Bytes,
    /// Gas limit.
    pub gas: u64,
}

impl Work {
    /// What each transaction moves: wei enough that commission is due on it, or one unit of a token.
    #[must_use]
    pub const fn value(self) -> u64 {
        match self {
            Self::Transfers => TRANSFER_WEI,
            Self::Erc20 | Self::Swaps => 1,
        }
    }

    /// The call that moves `amount` to `receiver`; number `id` of its sender's lane.
    #[must_use]
    pub fn call(self, receiver: Address, amount: u64, id: u64) -> WorkCall {
        match self {
            Self::Transfers => WorkCall { to: receiver, value: amount, input: Bytes::new(), gas: TRANSFER_GAS },
            Self::Erc20 => {
                let input = call("transfer(address,uint256)", [receiver.into_word(), word(amount)]);
                WorkCall { to: TOKENS[0], value: 0, input, gas: ERC20_GAS }
            }
            Self::Swaps => {
                // Amounts differ, so that no two swaps are the same work.
                let input = call("swap(bool,uint256)", [word(id & 1), word(1_000 + id % 997)]);
                WorkCall { to: PAIR, value: 0, input, gas: SWAP_GAS }
            }
        }
    }

    /// What genesis must hold beside the accounts, ascending by address.
    ///
    /// # Errors
    /// When there are more senders than genesis can list.
    pub fn contracts(self, accounts: &Accounts) -> Result<Vec<GenesisAccount>, LoadError> {
        let artifacts = Artifacts::read();
        match self {
            Self::Transfers => Ok(Vec::new()),
            Self::Erc20 => {
                let mut token = Token::default();
                for index in holders(accounts)? {
                    token.hold(accounts.address(index), U256::from(HOLDING));
                }
                Ok(vec![token.account(TOKENS[0], &artifacts)])
            }
            Self::Swaps => {
                let senders: Vec<Address> = (0..accounts.senders()).map(|i| accounts.address(i)).collect();
                check_holders(accounts.senders().saturating_mul(2))?;
                let mut found: Vec<GenesisAccount> = TOKENS
                    .into_iter()
                    .map(|at| {
                        let mut token = Token::default();
                        for sender in &senders {
                            token.hold(*sender, U256::from(HOLDING));
                            token.allow(*sender, PAIR);
                        }
                        token.hold(PAIR, U256::from(RESERVE));
                        token.account(at, &artifacts)
                    })
                    .collect();
                // Both reserves lie in slot 0, 112 bits each; the time above them is 0. Slot 3 is the lock, 1 when open.
                let reserves = U256::from(RESERVE) | (U256::from(RESERVE) << 112);
                let storage = [(slot(0), B256::from(reserves)), (slot(3), word(1))];
                found.push(contract(PAIR, artifacts.pair.code, storage.into()));
                Ok(found)
            }
        }
    }
}

/// The code of an OpenZeppelin ERC-20.
#[must_use]
pub fn token_code() -> Bytes {
    Artifacts::read().token.code
}

/// Senders all, and every second of the others: so half of the transfers give somebody a first balance.
fn holders(accounts: &Accounts) -> Result<impl Iterator<Item = u64>, LoadError> {
    let (senders, total) = (accounts.senders(), accounts.total());
    check_holders(senders)?;
    let others = (senders..total).step_by(2).take(usize::try_from(MAX_HOLDERS - senders).unwrap_or(0));
    Ok((0..senders).chain(others))
}

fn check_holders(needed: u64) -> Result<(), LoadError> {
    if needed > MAX_HOLDERS {
        let text =
            format!("this work needs {needed} storage slots of a token at genesis, at most {MAX_HOLDERS} are made");
        return Err(LoadError::Plan(text + ": fewer --senders"));
    }
    Ok(())
}

/// Storage of an OpenZeppelin ERC-20: balances at slot 0, allowances at 1, supply at 2.
#[derive(Default)]
struct Token {
    storage: BTreeMap<B256, B256>,
    supply: U256,
}

impl Token {
    fn hold(&mut self, owner: Address, units: U256) {
        self.storage.insert(mapping(owner, slot(0)), units.into());
        self.supply += units;
    }

    fn allow(&mut self, owner: Address, spender: Address) {
        self.storage.insert(mapping(spender, mapping(owner, slot(1))), U256::MAX.into());
    }

    fn account(mut self, at: Address, artifacts: &Artifacts) -> GenesisAccount {
        self.storage.insert(slot(2), self.supply.into());
        contract(at, artifacts.token.code.clone(), self.storage)
    }
}

fn contract(address: Address, code: Bytes, storage: BTreeMap<B256, B256>) -> GenesisAccount {
    GenesisAccount { address, balance: Amount::default(), nonce: 1, code, storage }
}

fn slot(number: u8) -> B256 {
    B256::with_last_byte(number)
}

/// Solidity's place of a mapping's value.
fn mapping(key: Address, at: B256) -> B256 {
    keccak256([key.into_word().0, at.0].concat())
}

fn word(number: u64) -> B256 {
    U256::from(number).into()
}

fn call(signature: &str, words: [B256; 2]) -> Bytes {
    let hash = keccak256(signature);
    let (selector, _) = hash.split_at(4);
    [selector, words[0].as_slice(), words[1].as_slice()].concat().into()
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(deserialize_with = "hex_code")]
    code: Bytes,
}

#[derive(Deserialize)]
struct Artifacts {
    #[serde(rename = "BenchToken")]
    token: Artifact,
    #[serde(rename = "BenchPair")]
    pair: Artifact,
}

impl Artifacts {
    #[allow(clippy::expect_used, reason = "a file of this crate, read by a test")]
    fn read() -> Self {
        serde_json::from_str(include_str!("../../contracts/bench.json")).expect("contracts/bench.json is ours")
    }
}

fn hex_code<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn genesis_gets_what_the_work_needs_in_ascending_order() {
        let accounts = Accounts::derive(3, 9).unwrap();
        assert!(Work::Transfers.contracts(&accounts).unwrap().is_empty());
        let token = Work::Erc20.contracts(&accounts).unwrap();
        // Three senders, every second of six others, and the supply.
        assert_eq!((token.len(), token[0].storage.len()), (1, 3 + 3 + 1));
        let supply = U256::from(6 * HOLDING);
        assert_eq!(token[0].storage[&slot(2)], B256::from(supply));
        let swaps = Work::Swaps.contracts(&accounts).unwrap();
        assert_eq!(swaps.iter().map(|a| a.address).collect::<Vec<_>>(), [TOKENS[0], TOKENS[1], PAIR]);
        assert_eq!(swaps[0].storage.len(), 2 * 3 + 1 + 1, "balances, allowances, the pair's reserve, supply");
    }

    #[test]
    fn more_holders_than_a_line_of_the_accounts_file_takes_are_refused_with_the_figures() {
        assert!(check_holders(MAX_HOLDERS).is_ok());
        let error = check_holders(MAX_HOLDERS + 1).unwrap_err().to_string();
        assert!(error.contains("200001") && error.contains("200000"), "{error}");
    }
}
