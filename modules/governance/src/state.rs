//! Reading and writing proposals: the only code that touches [`crate::keys`].

use defchain_base::{
    Address, CodecError, StateError, StateRead, StateReadExt, StateWrite, StateWriteExt, Substore, Timestamp,
    read_exact_value,
};

use crate::{
    GovernanceError,
    keys::{ApprovalKey, DUE, DueKey, Mark, NextKey, Number, ProgressKey, ProposalKey, SignersKey, VOTE, VoteKey},
    proposal::{Addresses, Progress, Proposal, Vote},
};

/// Reads.
pub trait GovernanceRead: StateRead {
    /// The number that the next proposal gets; the first is 1.
    ///
    /// # Errors
    /// When the store fails.
    fn next_proposal(&self) -> Result<u64, StateError> {
        Ok(self.read(&NextKey)?.map_or(1, |n| n.0))
    }

    /// A proposal with its progress.
    ///
    /// # Errors
    /// When there is none of that number, or the store fails.
    fn proposal(&self, id: u64) -> Result<(Proposal, Progress), GovernanceError> {
        let found = self.read(&ProposalKey(id))?.zip(self.read(&ProgressKey(id))?);
        match found {
            Some(found) => Ok(found),
            None => Err(GovernanceError::Unknown { id, newest: self.next_proposal()?.saturating_sub(1) }),
        }
    }

    /// How an account voted.
    ///
    /// # Errors
    /// When the store fails.
    fn vote(&self, id: u64, voter: Address) -> Result<Option<Vote>, StateError> {
        self.read(&VoteKey(id, voter))
    }

    /// Up to `limit` votes of a proposal, by voter, after `after`.
    ///
    /// # Errors
    /// When the store fails.
    fn votes(&self, id: u64, after: Option<Address>, limit: usize) -> Result<Vec<(Address, Vote)>, StateError> {
        let prefix = [VOTE, &id.to_be_bytes()].concat();
        let end = [VOTE, &id.saturating_add(1).to_be_bytes()].concat();
        let from = match after {
            // The least key that is greater.
            Some(voter) => [prefix.as_slice(), voter.as_slice(), &[0]].concat(),
            None => prefix.clone(),
        };
        let found = self.range_raw(Substore::Def, &from, &end, limit)?;
        found
            .iter()
            .map(|(key, value)| {
                let voter = key
                    .get(prefix.len()..)
                    .and_then(|rest| Address::try_from(rest).ok())
                    .ok_or_else(|| corrupt(key, CodecError::NotCanonical("vote key")))?;
                Ok((voter, read_exact_value(value).map_err(|e| corrupt(key, e))?))
            })
            .collect()
    }

    /// The signers of the treasury, in the order they were elected; none before the first election.
    ///
    /// # Errors
    /// When the store fails.
    fn signers(&self) -> Result<Vec<Address>, StateError> {
        Ok(self.read(&SignersKey)?.unwrap_or_default().0)
    }

    /// Who approved a spending, in office or not.
    ///
    /// # Errors
    /// When the store fails.
    fn approvals(&self, id: u64) -> Result<Vec<Address>, StateError> {
        Ok(self.read(&ApprovalKey(id))?.unwrap_or_default().0)
    }

    /// The first `limit` steps that are due at `now`, oldest deadline first.
    ///
    /// # Errors
    /// When the store fails.
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueKey>, StateError> {
        let end = [DUE, &now.0.saturating_add(1).to_be_bytes()].concat();
        let found = self.range_raw(Substore::Def, DUE, &end, limit)?;
        found.iter().map(|(key, _)| DueKey::parse(key).map_err(|e| corrupt(key, e))).collect()
    }
}

impl<S: StateRead + ?Sized> GovernanceRead for S {}

fn corrupt(key: &[u8], source: CodecError) -> StateError {
    StateError::Corrupt { substore: Substore::Def, key: alloy_primitives::hex::encode(key), source }
}

/// Writes.
pub trait GovernanceWrite: StateWrite {
    /// Opens a proposal and queues the end of its vote.
    ///
    /// # Errors
    /// When the store fails.
    fn open_proposal(&mut self, id: u64, proposal: &Proposal, progress: &Progress) -> Result<(), StateError> {
        self.write(&NextKey, &Number(id.saturating_add(1)))?;
        self.write(&ProposalKey(id), proposal)?;
        self.write(&ProgressKey(id), progress)?;
        self.write(&DueKey(progress.due, id), &Mark)
    }

    /// Writes progress and moves the proposal's place in the queue.
    ///
    /// # Errors
    /// When the store fails.
    fn advance(&mut self, id: u64, before: Timestamp, progress: &Progress) -> Result<(), StateError> {
        self.remove(&DueKey(before, id))?;
        if progress.status.is_pending() {
            self.write(&DueKey(progress.due, id), &Mark)?;
        }
        self.write(&ProgressKey(id), progress)
    }

    /// Writes the sums of a vote.
    ///
    /// # Errors
    /// When the store fails.
    fn put_progress(&mut self, id: u64, progress: &Progress) -> Result<(), StateError> {
        self.write(&ProgressKey(id), progress)
    }

    /// Writes a vote.
    ///
    /// # Errors
    /// When the store fails.
    fn put_vote(&mut self, id: u64, voter: Address, vote: &Vote) -> Result<(), StateError> {
        self.write(&VoteKey(id, voter), vote)
    }

    /// Writes who approved a spending.
    ///
    /// # Errors
    /// When the store fails.
    fn put_approvals(&mut self, id: u64, list: Vec<Address>) -> Result<(), StateError> {
        self.write(&ApprovalKey(id), &Addresses(list))
    }

    /// Puts signers into office.
    ///
    /// # Errors
    /// When the store fails.
    fn put_signers(&mut self, list: Vec<Address>) -> Result<(), StateError> {
        self.write(&SignersKey, &Addresses(list))
    }
}

impl<S: StateWrite + ?Sized> GovernanceWrite for S {}
