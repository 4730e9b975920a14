//! Reading and writing evidence: the only code that touches [`crate::keys`].

use defchain_base::{
    Address, ConsensusAddress, Height, StateError, StateRead, StateReadExt, StateWrite, StateWriteExt, Substore,
};

use crate::{
    SlashingError,
    keys::{
        BY_OPERATOR, ByOperatorKey, ChainId, ChainKey, EvidenceKey, HOUR, HourKey, Mark, MinuteKey, NextKey, Number,
        PastKey, SpentKey, WarnedKey,
    },
    records::{Evidence, Standing},
};

/// The first eight bytes after a prefix, as a number.
fn number_at(key: &[u8], from: usize) -> Result<u64, StateError> {
    key.get(from..)
        .and_then(|rest| rest.first_chunk::<8>())
        .map(|n| u64::from_be_bytes(*n))
        .ok_or_else(|| StateError::Invariant(format!("a slashing key of {} bytes", key.len())))
}

/// Reads.
pub trait SlashingRead: StateRead {
    /// The number that the next evidence gets; the first is 1.
    ///
    /// # Errors
    /// When the store fails.
    fn next_evidence(&self) -> Result<u64, StateError> {
        Ok(self.read(&NextKey)?.map_or(1, |n| n.0))
    }

    /// A punished fault.
    ///
    /// # Errors
    /// When there is none of that number, or the store fails.
    fn evidence(&self, id: u64) -> Result<Evidence, SlashingError> {
        match self.read(&EvidenceKey(id))? {
            Some(found) => Ok(found),
            None => Err(SlashingError::NoEvidence { id, newest: self.next_evidence()?.saturating_sub(1) }),
        }
    }

    /// Up to `limit` numbers of a validator's evidence above `above`, ascending.
    ///
    /// # Errors
    /// When the store fails.
    fn evidence_of(&self, operator: Address, above: u64, limit: usize) -> Result<Vec<u64>, StateError> {
        let prefix = [BY_OPERATOR, operator.as_slice()].concat();
        let from = [prefix.as_slice(), &above.saturating_add(1).to_be_bytes()].concat();
        let to = [prefix.as_slice(), &[0xff; 9]].concat();
        let found = self.range_raw(Substore::Def, &from, &to, limit)?;
        found.iter().map(|(key, _)| number_at(key, prefix.len())).collect()
    }

    /// What is remembered of a validator.
    ///
    /// # Errors
    /// When the store fails.
    fn standing(&self, operator: Address) -> Result<Standing, StateError> {
        Ok(self.read(&PastKey(operator))?.unwrap_or_default())
    }

    /// The evidence that compromised a key.
    ///
    /// # Errors
    /// When the store fails.
    fn spent_by(&self, consensus: ConsensusAddress) -> Result<Option<u64>, StateError> {
        Ok(self.read(&SpentKey(consensus))?.map(|n| n.0))
    }

    /// Since when a validator was absent as it was last warned.
    ///
    /// # Errors
    /// When the store fails.
    fn warned(&self, operator: Address) -> Result<Option<u64>, StateError> {
        Ok(self.read(&WarnedKey(operator))?.map(|n| n.0))
    }

    /// The first height on record in `hour` of the age clock or later.
    ///
    /// # Errors
    /// When the store fails.
    fn first_height_since(&self, hour: u64) -> Result<Option<Height>, StateError> {
        let Some(found) = self.hours(hour, u64::MAX, 1)?.first().copied() else { return Ok(None) };
        Ok(self.read(&HourKey(found))?.map(|n| Height(n.0)))
    }

    /// Up to `limit` hours on record, `from` to before `to`.
    ///
    /// # Errors
    /// When the store fails.
    fn hours(&self, from: u64, to: u64, limit: usize) -> Result<Vec<u64>, StateError> {
        let key = |hour: u64| [HOUR, &hour.to_be_bytes()].concat();
        let found = self.range_raw(Substore::Def, &key(from), &key(to), limit)?;
        found.iter().map(|(key, _)| number_at(key, HOUR.len())).collect()
    }

    /// The minute of the last check of absences.
    ///
    /// # Errors
    /// When the store fails.
    fn checked_minute(&self) -> Result<Option<u64>, StateError> {
        Ok(self.read(&MinuteKey)?.map(|n| n.0))
    }

    /// CometBFT's chain id.
    ///
    /// # Errors
    /// When the store fails or there is none: genesis was not applied.
    fn comet_chain_id(&self) -> Result<String, StateError> {
        let found = self.read(&ChainKey)?.map(|c| c.0);
        found.ok_or_else(|| StateError::Invariant("slashing: no chain id in state: genesis was not applied".to_owned()))
    }
}

impl<S: StateRead + ?Sized> SlashingRead for S {}

/// Writes.
pub(crate) trait SlashingWrite: StateWrite {
    fn put_evidence(&mut self, id: u64, evidence: &Evidence) -> Result<(), StateError> {
        self.write(&NextKey, &Number(id.saturating_add(1)))?;
        self.write(&EvidenceKey(id), evidence)?;
        self.write(&ByOperatorKey(evidence.operator, id), &Mark)
    }

    fn put_standing(&mut self, operator: Address, standing: &Standing) -> Result<(), StateError> {
        self.write(&PastKey(operator), standing)
    }

    fn spend_key(&mut self, consensus: ConsensusAddress, evidence: u64) -> Result<(), StateError> {
        self.write(&SpentKey(consensus), &Number(evidence))
    }

    fn put_warned(&mut self, operator: Address, since: u64) -> Result<(), StateError> {
        self.write(&WarnedKey(operator), &Number(since))
    }

    fn put_hour(&mut self, hour: u64, height: Height) -> Result<(), StateError> {
        self.write(&HourKey(hour), &Number(height.0))
    }

    fn remove_hour(&mut self, hour: u64) -> Result<(), StateError> {
        self.remove(&HourKey(hour))
    }

    fn put_checked_minute(&mut self, minute: u64) -> Result<(), StateError> {
        self.write(&MinuteKey, &Number(minute))
    }

    fn put_chain_id(&mut self, chain_id: &str) -> Result<(), StateError> {
        self.write(&ChainKey, &ChainId(chain_id.to_owned()))
    }
}

impl<S: StateWrite + ?Sized> SlashingWrite for S {}
