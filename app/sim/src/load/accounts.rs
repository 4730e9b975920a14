use alloy_primitives::{Address, keccak256};
use rayon::prelude::*;
use secp256k1::{SECP256K1, SecretKey};

use super::LoadError;

/// Deterministic accounts: the first are senders with keys, the rest only receive, so their addresses cost one hash.
#[derive(Debug, Clone)]
pub struct Accounts {
    keys: Vec<SecretKey>,
    senders: Vec<Address>,
    total: u64,
}

impl Accounts {
    /// `senders` accounts with keys among `total`.
    ///
    /// # Errors
    /// When there are no senders, or fewer accounts than senders.
    pub fn derive(senders: u64, total: u64) -> Result<Self, LoadError> {
        if senders == 0 || total < senders.max(2) {
            let text = format!("{senders} senders among {total} accounts: there must be a sender and a receiver");
            return Err(LoadError::Plan(text));
        }
        let keys = (0..senders).into_par_iter().map(secret).collect::<Result<Vec<_>, _>>()?;
        let senders = keys.par_iter().map(address_of).collect();
        Ok(Self { keys, senders, total })
    }

    /// How many can send.
    #[must_use]
    pub const fn senders(&self) -> u64 {
        self.keys.len() as u64
    }

    /// How many there are.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The key of a sender.
    #[must_use]
    pub fn key(&self, index: u64) -> Option<&SecretKey> {
        self.keys.get(usize::try_from(index).ok()?)
    }

    /// The address of any account.
    #[must_use]
    pub fn address(&self, index: u64) -> Address {
        let sender = usize::try_from(index).ok().and_then(|at| self.senders.get(at));
        sender.copied().unwrap_or_else(|| Address::from_word(seeded(b"defchain/bench/receiver", index)))
    }

    /// All addresses, ascending, each with its index: the order of a genesis file.
    #[must_use]
    pub fn ascending(&self) -> Vec<(Address, u64)> {
        let mut all: Vec<_> = (0..self.total).into_par_iter().map(|i| (self.address(i), i)).collect();
        all.par_sort_unstable();
        all
    }
}

fn seeded(domain: &[u8], index: u64) -> alloy_primitives::B256 {
    keccak256([domain, &index.to_be_bytes()].concat())
}

fn secret(index: u64) -> Result<SecretKey, LoadError> {
    SecretKey::from_byte_array(seeded(b"defchain/bench/sender", index).0).map_err(|_| LoadError::Key(index))
}

fn address_of(key: &SecretKey) -> Address {
    let public = key.public_key(SECP256K1).serialize_uncompressed();
    let (_tag, point) = public.split_at(1);
    Address::from_word(keccak256(point))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn accounts_are_the_same_in_every_run_and_all_different() {
        let accounts = Accounts::derive(3, 50).unwrap();
        let again = Accounts::derive(5, 50).unwrap();
        assert_eq!(accounts.address(1), again.address(1), "more senders leave the first as they are");
        let ascending = accounts.ascending();
        assert_eq!(ascending.len(), 50);
        assert!(ascending.is_sorted_by(|a, b| a.0 < b.0), "strictly");
        for (address, index) in ascending {
            assert_eq!(accounts.address(index), address);
            assert_eq!(accounts.key(index).is_some(), index < 3);
        }
    }

    #[test]
    fn a_network_without_sender_or_receiver_is_refused() {
        assert!(Accounts::derive(0, 5).is_err());
        assert!(Accounts::derive(1, 1).is_err());
        assert!(Accounts::derive(6, 5).is_err());
    }
}
