//! What must hold between blocks. Slow full scans, for the simulator and tests.

use std::collections::BTreeSet;

use defchain_base::{
    Address, AgeMillis, Amount, BlockEnv, StateError, StateRead, Substore, read_exact_value, system::Pool,
};

use crate::{
    AccountRecord,
    governed::exempt,
    keys::{ExpiryKey, SweptKey},
    state::TokenRead,
};

/// Entries read at once.
const PAGE: usize = 10_000;

/// Every invariant of this module that does not hold, in words.
///
/// # Errors
/// When the store fails.
pub fn check<S: StateRead + ?Sized>(state: &S, env: &BlockEnv) -> Result<Vec<String>, StateError> {
    let mut broken = Vec::new();
    let params = state.token_params()?;
    let (mut held, mut places, mut listed) = (Amount::ZERO, BTreeSet::new(), Vec::new());
    each(state, Substore::Evm, b"a", b"b", |key, value| {
        let address = Address::try_from(key.get(1..).unwrap_or_default())
            .map_err(|_| StateError::Invariant(format!("account key {key:?}")))?;
        let record = read_exact_value::<AccountRecord>(value)
            .map_err(|e| StateError::Invariant(format!("record of {address}: {e}")))?;
        held = held.checked_add(record.nominal_balance(&params)?)?;
        let next = record.portions.next_expiry(&params)?;
        if record.sweep_at.0 != 0 {
            places.insert((record.sweep_at, address));
        }
        if next.is_some_and(|next| record.sweep_at.0 == 0 || record.sweep_at > next) {
            broken.push(format!(
                "INV-TOKEN-02: {address} stands at {:?} in the expiry index, its first portion ends at {next:?}",
                record.sweep_at
            ));
        }
        if record.no_decay {
            listed.push(address);
        }
        Ok(())
    })?;
    for pool in Pool::ALL {
        held = held.checked_add(state.pool(pool)?)?;
    }
    let supply = state.total_supply()?;
    if supply != held {
        broken.push(format!("INV-TOKEN-01: supply is {supply} wei, accounts and pools hold {held} wei"));
    }
    let mut standing = BTreeSet::new();
    each(state, Substore::Def, b"token/expiry/", b"token/expiry0", |key, _| {
        let entry = ExpiryKey::parse(key).ok_or_else(|| StateError::Invariant(format!("expiry key {key:?}")))?;
        standing.insert((entry.at, entry.address));
        Ok(())
    })?;
    for (at, address) in standing.symmetric_difference(&places) {
        broken.push(format!("INV-TOKEN-03: {address} at {at:?} stands in the index or in its record, not in both"));
    }
    let cursor = defchain_base::StateReadExt::read(state, &SweptKey)?.unwrap_or_default();
    if let Some((at, address)) = standing.first().filter(|first| **first <= (cursor.at, cursor.address)) {
        let swept = cursor.at;
        broken.push(format!("INV-TOKEN-04: {address} stands at {at:?}, the sweep has passed {swept:?}"));
    }
    if cursor.at > env.age.max(AgeMillis(0)) {
        broken.push(format!("INV-TOKEN-04: the sweep stands at {:?}, the age clock at {:?}", cursor.at, env.age));
    }
    if exempt(state, None, usize::MAX)? != listed {
        broken.push("INV-TOKEN-05: the list of those who do not decay differs from their records".to_owned());
    }
    Ok(broken)
}

/// Calls `visit` for every entry from `from` to before `to`.
fn each<S: StateRead + ?Sized>(
    state: &S,
    substore: Substore,
    from: &[u8],
    to: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let mut from = from.to_vec();
    loop {
        let page = state.range_raw(substore, &from, to, PAGE)?;
        for (key, value) in &page {
            visit(key, value)?;
        }
        match page.last() {
            Some((last, _)) if page.len() == PAGE => {
                from = last.to_vec();
                from.push(0);
            }
            _ => return Ok(()),
        }
    }
}
