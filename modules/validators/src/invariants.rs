//! What must hold after every block. Full scans: for the simulator and tests.

use std::collections::{BTreeMap, BTreeSet};

use defchain_base::{Address, BlockEnv, Height, StateError, StateRead, params::ModuleParams, system::Pool};
use defchain_token::state::TokenRead;

use crate::{
    Status, TOTAL_POWER, ValidatorParams, ValidatorRecord, performance, removals::above_a_third, state::ValidatorsRead,
};

/// Every broken invariant, in words. `env` is the last executed block.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn check<S: StateRead + ?Sized>(state: &S, env: &BlockEnv) -> Result<Vec<String>, StateError> {
    let mut broken = Vec::new();
    let records: BTreeMap<Address, ValidatorRecord> =
        state.validators_after(Address::ZERO, usize::MAX)?.into_iter().collect();
    seats(state, &records, &mut broken)?;
    sets(state, env, &mut broken)?;
    keys(state, &records, &mut broken)?;
    queue(state, &records, &mut broken)?;
    money(state, &mut broken)?;
    epoch(state, env, &mut broken)?;
    presence(state, &records, env, &mut broken)?;
    Ok(broken)
}

fn seats<S: StateRead + ?Sized>(
    state: &S,
    records: &BTreeMap<Address, ValidatorRecord>,
    broken: &mut Vec<String>,
) -> Result<(), StateError> {
    let seats = state.seats()?;
    for (country, operator) in &seats {
        match records.get(operator) {
            // Left or tombstoned since the last boundary: the seat is free at the next.
            Some(r) if r.country == *country && r.status != Status::Queued => {}
            other => broken.push(format!(
                "INV-VAL-01: the seat of {country} is held by {operator}, who is {:?}",
                other.map(|r| (r.country, r.status))
            )),
        }
    }
    let holders: BTreeSet<_> = seats.iter().map(|(_, operator)| operator).collect();
    if holders.len() != seats.len() {
        broken.push(format!("INV-VAL-01: {} seats are held by {} operators", seats.len(), holders.len()));
    }
    for (operator, record) in records {
        if record.status == Status::Active && !holders.contains(operator) {
            broken.push(format!("INV-VAL-01: {operator} is active without a seat"));
        }
    }
    Ok(())
}

fn sets<S: StateRead + ?Sized>(state: &S, env: &BlockEnv, broken: &mut Vec<String>) -> Result<(), StateError> {
    for (from, set) in state.sets()? {
        let sum = set.0.iter().fold(0_u128, |sum, m| sum.saturating_add(u128::from(m.power)));
        if sum != u128::from(TOTAL_POWER) || set.0.iter().any(|m| m.power == 0) {
            broken.push(format!("INV-VAL-02: the set from height {from} has power {sum}: {:?}", set.0));
        }
        let keys: BTreeSet<_> = set.0.iter().map(|m| m.key).collect();
        if keys.len() != set.0.len() || !set.0.is_sorted_by(|a, b| a.operator < b.operator) {
            broken.push(format!("INV-VAL-02: the set from height {from} names somebody twice: {:?}", set.0));
        }
    }
    if state.epoch()?.is_some() {
        for height in [env.height, env.height.next(), env.height.next().next()] {
            // Before the first block there is a set from that block on.
            if height > Height(0) && state.set_at(height)?.is_none() && env.height > Height(0) {
                broken.push(format!("INV-VAL-03: there is no set of height {height}"));
            }
        }
    }
    Ok(())
}

fn keys<S: StateRead + ?Sized>(
    state: &S,
    records: &BTreeMap<Address, ValidatorRecord>,
    broken: &mut Vec<String>,
) -> Result<(), StateError> {
    for (operator, record) in records {
        let next = record.next_key.map(|k| defchain_base::ConsensusAddress::of_ed25519(&k));
        for address in [Some(record.consensus_address()), next].into_iter().flatten() {
            let found = state.operator_of(address)?;
            if found != Some(*operator) {
                broken.push(format!("INV-VAL-04: consensus address {address} of {operator} leads to {found:?}"));
            }
        }
        let found = state.operator_of_bls(&record.bls_key)?;
        if found != Some(*operator) {
            broken.push(format!("INV-VAL-04: the BLS key of {operator} leads to {found:?}"));
        }
    }
    for (from, set) in state.sets()? {
        for member in &set.0 {
            if state.operator_of(member.consensus_address())? != Some(member.operator) {
                broken
                    .push(format!("INV-VAL-04: the set from height {from} has an unknown key of {}", member.operator));
            }
        }
    }
    Ok(())
}

fn queue<S: StateRead + ?Sized>(
    state: &S,
    records: &BTreeMap<Address, ValidatorRecord>,
    broken: &mut Vec<String>,
) -> Result<(), StateError> {
    let mut queued = BTreeSet::new();
    let mut country = None;
    while let Some(first) = state.queue_after(country)? {
        country = Some(first.country);
        for entry in state.queue(first.country, usize::MAX)? {
            let right = records.get(&entry.operator).is_some_and(|r| {
                r.status == Status::Queued && r.country == entry.country && r.registered_at == entry.registered_at
            });
            if !right || !queued.insert(entry.operator) {
                broken.push(format!("INV-VAL-05: {entry:?} has no place in the queue"));
            }
        }
    }
    for (operator, record) in records {
        if record.status == Status::Queued && !queued.contains(operator) {
            broken.push(format!("INV-VAL-05: {operator} is queued and not in the queue of {}", record.country));
        }
    }
    Ok(())
}

fn money<S: StateRead + ?Sized>(state: &S, broken: &mut Vec<String>) -> Result<(), StateError> {
    let (sum, mut each) = (state.commissions_owed()?, defchain_base::Amount::ZERO);
    for owed in state.all_owed()? {
        each = each.checked_add(owed)?;
    }
    if sum != each {
        broken.push(format!("INV-VAL-06: commissions owed sum to {each} wei, {sum} wei are recorded"));
    }
    let income = defchain_staking::unclaimed_income(state).map_err(StateError::from)?;
    let (needed, held) = (sum.checked_add(income)?, state.pool(Pool::Validators)?);
    if held < needed {
        broken.push(format!(
            "INV-VAL-06: the validators' pool holds {held} wei, {sum} wei of commission and {income} wei of income are owed"
        ));
    }
    Ok(())
}

fn epoch<S: StateRead + ?Sized>(state: &S, env: &BlockEnv, broken: &mut Vec<String>) -> Result<(), StateError> {
    broken.extend(ValidatorParams::load(state)?.problems().into_iter().map(|p| format!("INV-VAL-08: {p}")));
    let Some(epoch) = state.epoch()? else { return Ok(()) };
    if above_a_third(epoch.removed_weight, epoch.total_weight) {
        broken.push(format!("INV-VAL-07: {} of weight {} was removed", epoch.removed_weight, epoch.total_weight));
    }
    let next = env.height.next();
    if next < epoch.start && env.height > Height(0) || next >= epoch.end() {
        broken.push(format!("INV-VAL-08: the next height {next} is not in {epoch:?}"));
    }
    Ok(())
}

fn presence<S: StateRead + ?Sized>(
    state: &S,
    records: &BTreeMap<Address, ValidatorRecord>,
    env: &BlockEnv,
    broken: &mut Vec<String>,
) -> Result<(), StateError> {
    for down in state.absent()? {
        if !records.contains_key(&down.operator) || down.from >= env.height || down.since > env.age {
            broken.push(format!("INV-VAL-09: {down:?} at height {} and age {}", env.height, env.age.0));
        }
    }
    for operator in records.keys() {
        let done = performance::of(state, *operator, env.height)?;
        let heights = state.tally(*operator)?.heights_before(env.height);
        if done.missed > heights {
            broken.push(format!("INV-VAL-09: {operator} missed {} of {heights} heights", done.missed));
        }
    }
    Ok(())
}
