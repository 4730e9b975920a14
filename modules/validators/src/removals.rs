//! Changes of CometBFT's set, and removals inside an epoch (D28).

use defchain_base::{Address, ConsensusAddress, Height, U256, native::Host};

use crate::{
    Epoch, Member, PowerUpdate, ValidatorSet, ValidatorsError,
    abi::{consensus, emit, events},
    performance,
    power::normalise,
    records::Removal,
    state::{ValidatorsRead, ValidatorsWrite},
};

/// The height from which a change decided in this block holds: CometBFT applies it two later.
pub(crate) fn acts_at<H: Host + ?Sized>(host: &H) -> Height {
    host.block().height.next().next()
}

/// Whether `removed` of `total` weight is more than a third.
pub(crate) fn above_a_third(removed: U256, total: U256) -> bool {
    removed.saturating_mul(U256::from(3)) > total
}

/// A set with the powers of these weights; whoever has no power is not in it.
pub(crate) fn weigh(mut members: Vec<Member>) -> ValidatorSet {
    members.sort_by_key(|m| m.operator);
    let weights: Vec<_> = members.iter().map(|m| (m.consensus_address(), m.weight)).collect();
    for (member, power) in members.iter_mut().zip(normalise(&weights)) {
        member.power = power;
    }
    members.retain(|m| m.power > 0);
    ValidatorSet(members)
}

/// Removes whom slashing queued, as far as D28 allows: never the last validator, and no more than a third of the epoch's
/// weight before its boundary. Who must wait stays queued.
pub(crate) fn apply<H: Host + ?Sized>(host: &mut H, mut epoch: Epoch) -> Result<Vec<PowerUpdate>, ValidatorsError> {
    let queued = host.removals()?;
    if queued.is_empty() {
        return Ok(Vec::new());
    }
    let mut members = host.latest_set()?.0;
    let before = members.len();
    let mut waiting = Vec::new();
    for Removal { operator, deferred } in queued.iter().copied() {
        let Ok(at) = members.binary_search_by_key(&operator, |m| m.operator) else { continue };
        let weight = members.get(at).map_or(U256::ZERO, |m| m.weight);
        let removed = epoch.removed_weight.saturating_add(weight);
        if members.len() == 1 || above_a_third(removed, epoch.total_weight) {
            if !deferred {
                emit(host, &events::RemovalDeferred { operator })?;
            }
            waiting.push(Removal { operator, deferred: true });
            continue;
        }
        members.remove(at);
        epoch.removed_weight = removed;
    }
    if waiting != queued {
        host.put_removals(waiting)?;
    }
    if members.len() == before {
        return Ok(Vec::new());
    }
    host.put_epoch(&epoch)?;
    change_set(host, weigh(members))
}

/// Makes `new` CometBFT's set from two heights on, and returns what differs from the set before.
pub(crate) fn change_set<H: Host + ?Sized>(
    host: &mut H,
    new: ValidatorSet,
) -> Result<Vec<PowerUpdate>, ValidatorsError> {
    let old = host.latest_set()?;
    if old == new {
        return Ok(Vec::new());
    }
    let from = acts_at(host);
    let mut updates = Vec::new();
    for Member { operator, key, power, .. } in &new.0 {
        let before = old.get(*operator);
        if before.is_none_or(|b| b.key != *key || b.power != *power) {
            updates.push(PowerUpdate { key: *key, power: *power });
            announce(host, *operator, *key, *power, from)?;
        }
        if before.is_none_or(|b| b.key != *key) {
            host.begin_key_term(ConsensusAddress::of_ed25519(key), from)?;
        }
        if before.is_none() {
            performance::joins(host, *operator, from)?;
        }
    }
    for Member { operator, key, .. } in &old.0 {
        let after = new.get(*operator);
        if after.is_none_or(|a| a.key != *key) {
            updates.push(PowerUpdate { key: *key, power: 0 });
            host.end_key_term(ConsensusAddress::of_ed25519(key), from)?;
            announce(host, *operator, *key, 0, from)?;
        }
        if after.is_none() {
            performance::leaves(host, *operator, from)?;
        }
    }
    prune(host)?;
    host.put_set(from, &new)?;
    // By key, so that the answer does not depend on how the sets were walked.
    updates.sort_by_key(|u| u.key);
    Ok(updates)
}

fn announce<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    key: [u8; 32],
    power: u64,
    from: Height,
) -> Result<(), ValidatorsError> {
    let address = consensus(ConsensusAddress::of_ed25519(&key));
    Ok(emit(host, &events::PowerChanged { operator, consensusAddress: address, power, height: from.0 })?)
}

/// Forgets the sets that no height from the present one on needs. Done at a change, so that a block without one reads none.
fn prune<H: Host + ?Sized>(host: &mut H) -> Result<(), ValidatorsError> {
    let height = host.block().height;
    let mut past: Vec<Height> = host.set_heights()?.into_iter().filter(|from| *from <= height).collect();
    // The last of them holds now.
    past.pop();
    past.into_iter().try_for_each(|from| Ok(host.remove_set(from)?))
}
