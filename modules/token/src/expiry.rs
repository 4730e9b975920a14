//! D15: what nobody touches any more leaves both supply and state.
//!
//! Each account with money that ages stands at one place of an index, at or before the end of its first portion. At the
//! end of a block the accounts whose place has come are settled, at most `sweep_limit` of them, and stand at their next
//! place if they still hold something. A transfer leaves the places alone: an account that spends what it had stays
//! where it stands, and is given its next place when the old one comes. So an account costs the index two writes in
//! eight days, however much it moves.
//!
//! ```text
//!  token/expiry/  ── swept, gone ──┤ cursor ├── due now … limit ──┤── due, next block ──┤ now ├── later …
//! ```
//! The cursor stands at the last entry taken: a store that keeps marks of deleted keys never walks over them again.
//! Places lie after the present always, so none is ever set before the cursor.

use defchain_base::{Address, AgeMillis, StateRead, StateReadExt, StateWrite, StateWriteExt, Substore};

use crate::{
    AccountRecord, Effects, Ledger, TokenError, TokenParams,
    error::TokenError::Invariant,
    keys::{ExpiryKey, Present, SweptKey, SweptTo},
    state::TokenWrite,
};

/// Writes an account as it shall be, with its place in the expiry index; one without anything is removed. For genesis and
/// the edits of development chains; everything else goes through a [`Ledger`].
///
/// # Errors
/// When the store fails.
pub fn open_account<S: StateWrite + ?Sized>(
    state: &mut S,
    params: &TokenParams,
    address: &Address,
    mut record: AccountRecord,
) -> Result<(), TokenError> {
    if record.is_void() {
        leave(state, address, &mut record)?;
        return Ok(state.remove_account(address)?);
    }
    keep_place(state, params, address, &mut record, true)?;
    Ok(state.put_account(address, &record)?)
}

/// Gives an account its place, if it needs another than it has. `aged`: money came that is older than what it had.
pub(crate) fn keep_place<S: StateWrite + ?Sized>(
    state: &mut S,
    params: &TokenParams,
    address: &Address,
    record: &mut AccountRecord,
    aged: bool,
) -> Result<(), TokenError> {
    let placed = record.sweep_at.0 != 0;
    // What arrives fresh ends after all that was there, unless a changed table shortens its life.
    if placed && !aged && params.tables.len() == 1 {
        return Ok(());
    }
    let Some(next) = record.portions.next_expiry(params)? else { return Ok(()) };
    if placed && record.sweep_at <= next {
        return Ok(());
    }
    leave(state, address, record)?;
    record.sweep_at = next;
    Ok(state.write(&ExpiryKey { at: next, address: *address }, &Present)?)
}

/// Takes an account off its place.
pub(crate) fn leave<S: StateWrite + ?Sized>(
    state: &mut S,
    address: &Address,
    record: &mut AccountRecord,
) -> Result<(), TokenError> {
    if record.sweep_at.0 != 0 {
        state.remove(&ExpiryKey { at: record.sweep_at, address: *address })?;
        record.sweep_at = AgeMillis(0);
    }
    Ok(())
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many accounts were settled.
    pub accounts: u32,
    /// What they lost.
    pub effects: Effects,
}

/// Settles the accounts whose place has come, at most `params.sweep_limit`, earliest first.
///
/// # Errors
/// When the store fails or holds what is no entry.
pub fn sweep<S: StateWrite + ?Sized>(state: &mut S, params: &TokenParams, now: AgeMillis) -> Result<Swept, TokenError> {
    let due = due(state, now, usize::try_from(params.sweep_limit).unwrap_or(usize::MAX))?;
    let Some(last) = due.last().copied() else { return Ok(Swept::default()) };
    let mut ledger = Ledger::new(params, now);
    let mut accounts = 0_u32;
    for entry in due {
        state.remove(&entry)?;
        if ledger.sweep(state, &entry.address, entry.at)? {
            accounts = accounts.saturating_add(1);
        }
    }
    let effects = ledger.write(state)?;
    state.write(&SweptKey, &SweptTo { at: last.at, address: last.address })?;
    Ok(Swept { accounts, effects })
}

/// The entries up to now that were not taken yet.
fn due<S: StateRead + ?Sized>(state: &S, now: AgeMillis, limit: usize) -> Result<Vec<ExpiryKey>, TokenError> {
    let from = match state.read(&SweptKey)? {
        Some(SweptTo { at, address }) => {
            // The first key after that one: the same with another byte.
            let mut key = defchain_base::StateKey::to_key(&ExpiryKey { at, address });
            key.push(0);
            key
        }
        None => ExpiryKey::first_at(AgeMillis(0)),
    };
    let to = ExpiryKey::first_at(AgeMillis(now.0.saturating_add(1)));
    let found = state.range_raw(Substore::Def, &from, &to, limit)?;
    found
        .iter()
        .map(|(key, _)| {
            ExpiryKey::parse(key).ok_or_else(|| Invariant(format!("{key:?} is no entry of the expiry index")))
        })
        .collect()
}
