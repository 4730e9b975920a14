//! CometBFT's side of validators: keys, the set of every height, and what becomes of it by the application's updates.
//!
//! An update that block `H` returns is in force from `H + 2` (D28). What CometBFT would refuse ends the run: a key twice,
//! the removal of a key that is not there, too much power, an empty set.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use alloy_primitives::keccak256;
use bytes::Bytes;
use defchain_abci::types::{Validator, ValidatorUpdate};
use defchain_base::{ConsensusAddress, Power};
use ed25519_consensus::SigningKey;
use tendermint_proto::v0_38::crypto::public_key::Sum;

/// Keys that each operator has in the course of a run.
pub const GENERATIONS: usize = 6;
/// Operators with keys.
pub const OPERATORS: usize = 40;
/// `MaxTotalVotingPower`.
const MAX_TOTAL: u64 = (i64::MAX / 8) as u64;

/// A consensus key.
pub struct Key {
    /// Whose: the operator's number. Operators below the number of replicas run the replica of that number; the others'
    /// machines are not simulated: they sign whatever the replicas accept, and never propose.
    pub owner: usize,
    /// Its secret.
    pub secret: SigningKey,
    /// Its public part.
    pub public: [u8; 32],
    /// Its address.
    pub address: ConsensusAddress,
}

/// All keys, made once in a process: by address, and addresses by owner and generation.
struct Keys {
    by_address: BTreeMap<ConsensusAddress, Key>,
    by_owner: BTreeMap<(usize, usize), ConsensusAddress>,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let mut keys = Keys { by_address: BTreeMap::new(), by_owner: BTreeMap::new() };
        for (owner, generation) in (0..OPERATORS).flat_map(|owner| (0..GENERATIONS).map(move |g| (owner, g))) {
            let number = (generation * OPERATORS + owner) as u64;
            let seed = keccak256([&b"defchain/sim/validator"[..], &number.to_be_bytes()].concat());
            let secret = SigningKey::from(seed.0);
            let public = secret.verification_key().to_bytes();
            let address = ConsensusAddress::of_ed25519(&public);
            keys.by_address.insert(address, Key { owner, secret, public, address });
            keys.by_owner.insert((owner, generation), address);
        }
        keys
    })
}

/// The key at an address.
#[must_use]
pub fn key_at(address: &ConsensusAddress) -> Option<&'static Key> {
    keys().by_address.get(address)
}

/// An operator's key of a generation; the last when it has no more.
#[must_use]
pub fn key_of(owner: usize, generation: usize) -> Option<&'static Key> {
    key_at(keys().by_owner.get(&(owner, generation.min(GENERATIONS - 1)))?)
}

/// A set, in CometBFT's order: by power descending, then by address.
pub type Set = Vec<(ConsensusAddress, Power)>;

/// The sets of all heights.
#[derive(Debug, Clone, Default)]
pub struct Comet {
    sets: BTreeMap<u64, Set>,
}

fn in_order(set: impl IntoIterator<Item = (ConsensusAddress, Power)>) -> Set {
    let mut set: Set = set.into_iter().collect();
    set.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    set
}

/// Updates by address.
fn read(updates: &[ValidatorUpdate]) -> Result<BTreeMap<ConsensusAddress, Power>, String> {
    let mut found = BTreeMap::new();
    for update in updates {
        let key = match update.pub_key.as_ref().and_then(|key| key.sum.as_ref()) {
            Some(Sum::Ed25519(key)) => <[u8; 32]>::try_from(key.as_slice()).ok(),
            _ => None,
        };
        let key = key.ok_or("an update without an ed25519 key")?;
        let address = ConsensusAddress::of_ed25519(&key);
        let power = u64::try_from(update.power).map_err(|_| format!("{address} gets power {}", update.power))?;
        if found.insert(address, Power(power)).is_some() {
            return Err(format!("{address} is updated twice in one block"));
        }
    }
    Ok(found)
}

impl Comet {
    /// What InitChain answered: the whole first set.
    ///
    /// # Errors
    /// When CometBFT would refuse it.
    pub fn start(&mut self, updates: &[ValidatorUpdate]) -> Result<(), String> {
        let first = in_order(read(updates)?);
        check(&first)?;
        for height in 0..=2 {
            self.sets.insert(height, first.clone());
        }
        Ok(())
    }

    /// What block `height` returned.
    ///
    /// # Errors
    /// When CometBFT would refuse it.
    pub fn update(&mut self, height: u64, updates: &[ValidatorUpdate]) -> Result<(), String> {
        let before: BTreeMap<_, _> = self.at(height + 1).iter().copied().collect();
        let mut next = before.clone();
        for (address, power) in read(updates)? {
            if power.0 == 0 {
                next.remove(&address).ok_or(format!("{address} is removed and is not in the set"))?;
            } else {
                next.insert(address, power);
            }
        }
        let next = in_order(next);
        check(&next)?;
        self.sets.insert(height + 2, next);
        Ok(())
    }

    /// The set of a height.
    #[must_use]
    pub fn at(&self, height: u64) -> &[(ConsensusAddress, Power)] {
        self.sets.get(&height).map_or(&[], Vec::as_slice)
    }

    /// Power of all.
    #[must_use]
    pub fn total(&self, height: u64) -> u64 {
        self.at(height).iter().map(|(_, power)| power.0).sum()
    }

    /// Whether these have more than two thirds of a height's power.
    #[must_use]
    pub fn decides(&self, height: u64, who: &BTreeSet<ConsensusAddress>) -> bool {
        let power: u64 = self.at(height).iter().filter(|(a, _)| who.contains(a)).map(|(_, power)| power.0).sum();
        u128::from(power) * 3 > u128::from(self.total(height)) * 2
    }

    /// A validator as ABCI names it, with its power at a height.
    #[must_use]
    pub fn validator(&self, height: u64, address: &ConsensusAddress) -> Validator {
        let power = self.at(height).iter().find(|(a, _)| a == address).map_or(0, |(_, power)| power.0);
        Validator { address: Bytes::copy_from_slice(&address.0), power: i64::try_from(power).unwrap_or(i64::MAX) }
    }

    /// Stands for the hash of a set.
    #[must_use]
    pub fn hash(&self, height: u64) -> Bytes {
        let set = self.at(height).iter();
        let bytes: Vec<u8> = set.flat_map(|(a, power)| [&a.0[..], &power.0.to_be_bytes()].concat()).collect();
        Bytes::copy_from_slice(keccak256(bytes).as_slice())
    }
}

fn check(set: &[(ConsensusAddress, Power)]) -> Result<(), String> {
    let total: u128 = set.iter().map(|(_, power)| u128::from(power.0)).sum();
    if total > u128::from(MAX_TOTAL) {
        return Err(format!("the set has power {total}, CometBFT takes {MAX_TOTAL}"));
    }
    if set.is_empty() || total == 0 {
        return Err("the set is empty: CometBFT would stop for good".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use tendermint_proto::v0_38::crypto::PublicKey;

    use super::*;

    fn update(owner: usize, power: i64) -> ValidatorUpdate {
        let key = key_of(owner, 0).unwrap().public.to_vec();
        ValidatorUpdate { pub_key: Some(PublicKey { sum: Some(Sum::Ed25519(key)) }), power }
    }

    #[test]
    fn an_update_is_in_force_two_heights_later() {
        let mut comet = Comet::default();
        comet.start(&[update(0, 5), update(1, 6)]).unwrap();
        comet.update(1, &[update(2, 7)]).unwrap();
        comet.update(2, &[update(0, 0)]).unwrap();
        let sizes: Vec<usize> = (1..=4).map(|height| comet.at(height).len()).collect();
        assert_eq!(sizes, [2, 2, 3, 2]);
        assert_eq!(comet.at(3)[0], (key_of(2, 0).unwrap().address, Power(7)), "the most powerful first");
    }

    #[test]
    fn what_cometbft_refuses_is_refused() {
        let mut comet = Comet::default();
        assert!(comet.start(&[]).unwrap_err().contains("empty"));
        comet.start(&[update(0, 5)]).unwrap();
        for (updates, why) in [
            (vec![update(0, 0)], "empty"),
            (vec![update(1, 0)], "not in the set"),
            (vec![update(0, 1), update(0, 2)], "twice"),
            (vec![update(0, -1)], "power -1"),
            (vec![update(1, i64::MAX / 8)], "CometBFT takes"),
        ] {
            let said = comet.clone().update(1, &updates).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
