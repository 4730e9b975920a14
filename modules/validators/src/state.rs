//! Reading and writing validators: the only code that touches [`crate::keys`].

use alloy_primitives::hex;
use bytes::Bytes;
use defchain_base::{
    Address, Amount, ConsensusAddress, Decode, Height, StateError, StateRead, StateReadExt, StateWrite, StateWriteExt,
    Substore, Timestamp, read_exact_value,
};
use defchain_geo::Country;
use defchain_token::keys::AmountRecord;

use crate::{
    keys::{
        BlsKeyKey, ConsensusKey, DownKey, EpochKey, KeyTermKey, LatchKey, OPERATORS, OWED, OutKey, OwedKey, OwedSumKey,
        QUEUES, QueueKey, RecordKey, SEATS, SETS, SeatKey, SetKey, TallyKey,
    },
    pop::BlsKey,
    records::{
        Down, DownList, Epoch, KeyTerm, Latch, MAX_SET, Operator, Removal, Removals, Tally, ValidatorRecord,
        ValidatorSet,
    },
};

/// Sets that can be in state at once: before a block, from it on, and for the two after.
const MAX_SETS: usize = 8;

/// The first key after all that begin with `prefix`.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    // Prefixes end with a letter or '/', never with 0xff.
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    end
}

/// An entry of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// Where.
    pub country: Country,
    /// Since when.
    pub registered_at: Timestamp,
    /// Who.
    pub operator: Address,
}

fn split<'k, const N: usize>(key: &'k [u8], prefix: &[u8]) -> Result<(&'k [u8; N], &'k [u8]), StateError> {
    key.get(prefix.len()..)
        .and_then(|rest| rest.split_first_chunk::<N>())
        .ok_or_else(|| StateError::Invariant(format!("key 0x{} is too short", hex::encode(key))))
}

fn decode<T: Decode>(substore: Substore, (key, value): &(Bytes, Bytes)) -> Result<T, StateError> {
    read_exact_value(value).map_err(|source| StateError::Corrupt { substore, key: hex::encode(key), source })
}

/// Reads.
pub trait ValidatorsRead: StateRead {
    /// A validator.
    ///
    /// # Errors
    /// When the store fails.
    fn validator(&self, operator: Address) -> Result<Option<ValidatorRecord>, StateError> {
        self.read(&RecordKey(operator))
    }

    /// Up to `limit` validators with operators above `after`, ascending.
    ///
    /// # Errors
    /// When the store fails.
    fn validators_after(&self, operator: Address, limit: usize) -> Result<Vec<(Address, ValidatorRecord)>, StateError> {
        let from = [OPERATORS, operator.as_slice(), &[0]].concat();
        let found = self.range_raw(Substore::Def, &from, &after(OPERATORS), limit)?;
        found
            .iter()
            .map(|entry| {
                let (address, _) = split::<20>(&entry.0, OPERATORS)?;
                Ok((Address::new(*address), decode(Substore::Def, entry)?))
            })
            .collect()
    }

    /// Whose a consensus address is, or was: an old key stays slashable (D31).
    ///
    /// # Errors
    /// When the store fails.
    fn operator_of(&self, address: ConsensusAddress) -> Result<Option<Address>, StateError> {
        Ok(self.read(&ConsensusKey(address))?.map(|o| o.0))
    }

    /// The heights at which a consensus key had power; none for one that never was in the set.
    ///
    /// # Errors
    /// When the store fails.
    fn key_term(&self, address: ConsensusAddress) -> Result<Option<KeyTerm>, StateError> {
        self.read(&KeyTermKey(address))
    }

    /// Whose a BLS key is, or was.
    ///
    /// # Errors
    /// When the store fails.
    fn operator_of_bls(&self, key: &BlsKey) -> Result<Option<Address>, StateError> {
        Ok(self.read(&BlsKeyKey::of(key))?.map(|o| o.0))
    }

    /// Who holds a country's seat.
    ///
    /// # Errors
    /// When the store fails.
    fn seat(&self, country: Country) -> Result<Option<Address>, StateError> {
        Ok(self.read(&SeatKey(country))?.map(|o| o.0))
    }

    /// All seats that are held, by country.
    ///
    /// # Errors
    /// When the store fails.
    fn seats(&self) -> Result<Vec<(Country, Address)>, StateError> {
        let found = self.range_raw(Substore::Def, SEATS, &after(SEATS), MAX_SET)?;
        found
            .iter()
            .map(|entry| {
                let (code, _) = split::<2>(&entry.0, SEATS)?;
                let country = Country::new(*code).map_err(StateError::from)?;
                Ok((country, decode::<Operator>(Substore::Def, entry)?.0))
            })
            .collect()
    }

    /// Up to `limit` candidates for a country's seat, the oldest first.
    ///
    /// # Errors
    /// When the store fails.
    fn queue(&self, country: Country, limit: usize) -> Result<Vec<Queued>, StateError> {
        let prefix = [QUEUES, &country.code()].concat();
        let found = self.range_raw(Substore::Def, &prefix, &after(&prefix), limit)?;
        found.iter().map(queued).collect()
    }

    /// The first candidate of any country above `country`, or of any at all.
    ///
    /// # Errors
    /// When the store fails.
    fn queue_after(&self, country: Option<Country>) -> Result<Option<Queued>, StateError> {
        let from = country.map_or_else(|| QUEUES.to_vec(), |c| after(&[QUEUES, &c.code()].concat()));
        self.range_raw(Substore::Def, &from, &after(QUEUES), 1)?.first().map(queued).transpose()
    }

    /// What a validator did.
    ///
    /// # Errors
    /// When the store fails.
    fn tally(&self, operator: Address) -> Result<Tally, StateError> {
        Ok(self.read(&TallyKey(operator))?.unwrap_or_default())
    }

    /// Commission that an operator may claim.
    ///
    /// # Errors
    /// When the store fails.
    fn commission_owed(&self, operator: Address) -> Result<Amount, StateError> {
        Ok(self.read(&OwedKey(operator))?.unwrap_or_default().0)
    }

    /// Sum of what operators may claim.
    ///
    /// # Errors
    /// When the store fails.
    fn commissions_owed(&self) -> Result<Amount, StateError> {
        Ok(self.read(&OwedSumKey())?.unwrap_or_default().0)
    }

    /// Every operator to whom commission is owed: a full scan, for invariants.
    ///
    /// # Errors
    /// When the store fails.
    fn all_owed(&self) -> Result<Vec<Amount>, StateError> {
        let found = self.range_raw(Substore::Def, OWED, &after(OWED), usize::MAX)?;
        found.iter().map(|entry| Ok(decode::<AmountRecord>(Substore::Def, entry)?.0)).collect()
    }

    /// Who is absent, by operator.
    ///
    /// # Errors
    /// When the store fails.
    fn absent(&self) -> Result<Vec<Down>, StateError> {
        Ok(self.read(&DownKey())?.unwrap_or_default().0)
    }

    /// Whose removal from the set waits, by operator.
    ///
    /// # Errors
    /// When the store fails.
    fn removals(&self) -> Result<Vec<Removal>, StateError> {
        Ok(self.read(&OutKey())?.unwrap_or_default().0)
    }

    /// The sets in state with the heights from which they hold, ascending.
    ///
    /// # Errors
    /// When the store fails.
    fn sets(&self) -> Result<Vec<(Height, ValidatorSet)>, StateError> {
        let found = self.range_raw(Substore::Sys, SETS, &after(SETS), MAX_SETS)?;
        found
            .iter()
            .map(|entry| {
                let (height, _) = split::<8>(&entry.0, SETS)?;
                Ok((Height(u64::from_be_bytes(*height)), decode(Substore::Sys, entry)?))
            })
            .collect()
    }

    /// The heights from which those sets hold, ascending.
    ///
    /// # Errors
    /// When the store fails.
    fn set_heights(&self) -> Result<Vec<Height>, StateError> {
        let found = self.range_raw(Substore::Sys, SETS, &after(SETS), MAX_SETS)?;
        found.iter().map(|(key, _)| split::<8>(key, SETS).map(|(h, _)| Height(u64::from_be_bytes(*h)))).collect()
    }

    /// CometBFT's set of a height from the present one to two above it (D28).
    ///
    /// # Errors
    /// When the store fails.
    fn set_at(&self, height: Height) -> Result<Option<ValidatorSet>, StateError> {
        Ok(self.sets()?.into_iter().rev().find(|(from, _)| *from <= height).map(|(_, set)| set))
    }

    /// The last set that was given to CometBFT.
    ///
    /// # Errors
    /// When the store fails.
    fn latest_set(&self) -> Result<ValidatorSet, StateError> {
        let found = self.range_raw(Substore::Sys, SETS, &after(SETS), MAX_SETS)?;
        found.last().map_or_else(|| Ok(ValidatorSet::default()), |entry| decode(Substore::Sys, entry))
    }

    /// The epoch; absent before genesis.
    ///
    /// # Errors
    /// When the store fails.
    fn epoch(&self) -> Result<Option<Epoch>, StateError> {
        self.read(&EpochKey())
    }

    /// When the chain opened, if it did (D32).
    ///
    /// # Errors
    /// When the store fails.
    fn latch(&self) -> Result<Option<Latch>, StateError> {
        self.read(&LatchKey())
    }
}

impl<S: StateRead + ?Sized> ValidatorsRead for S {}

fn queued((key, _): &(Bytes, Bytes)) -> Result<Queued, StateError> {
    let (code, rest) = split::<2>(key, QUEUES)?;
    let country = Country::new(*code).map_err(StateError::from)?;
    let (time, operator) = split::<8>(rest, &[])?;
    let (operator, _) = split::<20>(operator, &[])?;
    Ok(Queued { country, registered_at: Timestamp(u64::from_be_bytes(*time)), operator: Address::new(*operator) })
}

/// Writes.
pub(crate) trait ValidatorsWrite: StateWrite {
    fn put_validator(&mut self, operator: Address, record: &ValidatorRecord) -> Result<(), StateError> {
        self.write(&RecordKey(operator), record)
    }

    fn put_consensus_key(&mut self, key: &[u8; 32], operator: Address) -> Result<(), StateError> {
        self.write(&ConsensusKey(ConsensusAddress::of_ed25519(key)), &Operator(operator))
    }

    /// A key joins CometBFT's set at a height.
    fn begin_key_term(&mut self, address: ConsensusAddress, at: Height) -> Result<(), StateError> {
        let from = self.key_term(address)?.map_or(at, |term| term.from);
        self.write(&KeyTermKey(address), &KeyTerm { from, until: None })
    }

    /// A key is in CometBFT's set up to the height below `at`.
    fn end_key_term(&mut self, address: ConsensusAddress, at: Height) -> Result<(), StateError> {
        let from = self.key_term(address)?.map_or(at, |term| term.from);
        self.write(&KeyTermKey(address), &KeyTerm { from, until: Some(Height(at.0.saturating_sub(1))) })
    }

    fn put_bls_key(&mut self, key: &BlsKey, operator: Address) -> Result<(), StateError> {
        self.write(&BlsKeyKey::of(key), &Operator(operator))
    }

    fn put_seat(&mut self, country: Country, operator: Option<Address>) -> Result<(), StateError> {
        match operator {
            Some(operator) => self.write(&SeatKey(country), &Operator(operator)),
            None => self.remove(&SeatKey(country)),
        }
    }

    fn enqueue(&mut self, operator: Address, record: &ValidatorRecord) -> Result<(), StateError> {
        self.write(&QueueKey(record.country, record.registered_at, operator), &Operator(operator))
    }

    fn dequeue(&mut self, operator: Address, record: &ValidatorRecord) -> Result<(), StateError> {
        self.remove(&QueueKey(record.country, record.registered_at, operator))
    }

    fn put_tally(&mut self, operator: Address, tally: &Tally) -> Result<(), StateError> {
        self.write(&TallyKey(operator), tally)
    }

    fn put_absent(&mut self, list: Vec<Down>) -> Result<(), StateError> {
        if list.is_empty() { self.remove(&DownKey()) } else { self.write(&DownKey(), &DownList(list)) }
    }

    fn put_removals(&mut self, list: Vec<Removal>) -> Result<(), StateError> {
        if list.is_empty() { self.remove(&OutKey()) } else { self.write(&OutKey(), &Removals(list)) }
    }

    fn put_set(&mut self, from: Height, set: &ValidatorSet) -> Result<(), StateError> {
        self.write(&SetKey(from), set)
    }

    fn remove_set(&mut self, from: Height) -> Result<(), StateError> {
        self.remove(&SetKey(from))
    }

    fn put_epoch(&mut self, epoch: &Epoch) -> Result<(), StateError> {
        self.write(&EpochKey(), epoch)
    }

    fn put_latch(&mut self, latch: &Latch) -> Result<(), StateError> {
        self.write(&LatchKey(), latch)
    }

    fn owe(&mut self, operator: Address, more: Amount) -> Result<(), StateError> {
        if more.is_zero() {
            return Ok(());
        }
        let owed = self.commission_owed(operator)?.checked_add(more)?;
        let sum = self.commissions_owed()?.checked_add(more)?;
        self.write(&OwedKey(operator), &AmountRecord(owed))?;
        self.write(&OwedSumKey(), &AmountRecord(sum))
    }

    /// What was owed, which is nothing from now on.
    fn take_owed(&mut self, operator: Address) -> Result<Amount, StateError> {
        let owed = self.commission_owed(operator)?;
        let sum = self.commissions_owed()?.checked_sub(owed)?;
        self.remove(&OwedKey(operator))?;
        self.write(&OwedSumKey(), &AmountRecord(sum))?;
        Ok(owed)
    }
}

impl<S: StateWrite + ?Sized> ValidatorsWrite for S {}
