//! The boundary of epochs (D28): what seats, queues, stakes and attestations have become is made into the next set.

use defchain_base::{Address, AgeMillis, StateRead, U256, native::Host, params::ModuleParams};
use defchain_geo::{Country, GeoParams};
use defchain_staking as staking;

use crate::{
    Epoch, JailKind, Member, PowerUpdate, Status, ValidatorParams, ValidatorRecord, ValidatorsError,
    abi::{consensus, country as code, emit, events, key},
    jail::put_in_jail,
    records::Latch,
    removals::{change_set, weigh},
    state::{ValidatorsRead, ValidatorsWrite},
};

/// Candidates of one country that are looked at in one boundary. Those found invalid leave the queue, so that the next
/// boundary begins with others.
const PROMOTION_SCAN: usize = 32;

/// A seat while the boundary works on it.
struct Seat {
    country: Country,
    operator: Address,
    record: ValidatorRecord,
    changed: bool,
}

/// The last step of an epoch's last block: decides the next epoch's set.
pub(crate) fn turn<H: Host + ?Sized>(
    host: &mut H,
    params: &ValidatorParams,
    before: &Epoch,
) -> Result<Vec<PowerUpdate>, ValidatorsError> {
    if params.min_stake != before.min_stake {
        hold_to_minimum(host, params)?;
    }
    let mut seats = load_seats(host)?;
    for seat in &mut seats {
        judge(host, params, seat)?;
    }
    leave(host, &mut seats)?;
    let mut kept = Vec::with_capacity(seats.len());
    for mut seat in seats {
        let free = freed(host, params, &seat)?;
        rotate(host, &mut seat)?;
        if seat.changed {
            host.put_validator(seat.operator, &seat.record)?;
        }
        if free {
            host.put_seat(seat.country, None)?;
            emit(host, &events::SeatFreed { country: code(seat.country), operator: seat.operator })?;
        } else {
            kept.push(seat);
        }
    }
    promote(host, params, &mut kept)?;
    begin_epoch(host, params, before, &kept)
}

fn load_seats<H: Host + ?Sized>(host: &H) -> Result<Vec<Seat>, ValidatorsError> {
    let mut seats = Vec::new();
    for (country, operator) in host.seats()? {
        let record = host.validator(operator)?.ok_or(ValidatorsError::NotFound(operator))?;
        seats.push(Seat { country, operator, record, changed: false });
    }
    Ok(seats)
}

/// A changed minimum binds the operators' own stakes anew. All operators: at most as many as minima fit into the supply.
fn hold_to_minimum<H: Host + ?Sized>(host: &mut H, params: &ValidatorParams) -> Result<(), ValidatorsError> {
    let mut cursor = Address::ZERO;
    loop {
        let page = host.validators_after(cursor, 256)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        cursor = *last;
        for (operator, record) in page {
            if record.status != Status::Exited && !record.released {
                staking::set_own_minimum(host, operator, params.min_stake)?;
            }
        }
    }
}

/// Attestation and own stake of one seat's holder.
fn judge<H: Host + ?Sized>(host: &mut H, params: &ValidatorParams, seat: &mut Seat) -> Result<(), ValidatorsError> {
    if !matches!(seat.record.status, Status::Active | Status::Inactive) {
        return Ok(());
    }
    let (operator, age) = (seat.operator, host.block().age);
    let now = host.block().time.seconds();
    let until = attested_until(host, &seat.record)?;
    if until <= now {
        put_in_jail(host, operator, &mut seat.record, age, JailKind::Attestation)?;
        seat.changed = true;
        return Ok(());
    }
    let warning = GeoParams::load(host)?.warning;
    if !seat.record.attested.warned && until.saturating_sub(now) <= warning {
        emit(host, &events::AttestationExpiring { operator, attestedUntil: until })?;
        seat.record.attested.warned = true;
        seat.changed = true;
    }
    let own = staking::own_bound(host, operator)?;
    if own >= params.min_stake {
        if seat.record.status == Status::Inactive {
            seat.record.status = Status::Active;
            seat.changed = true;
            emit(host, &events::Activated { operator, country: code(seat.country) })?;
        }
        return Ok(());
    }
    let topping_up = seat.record.slashed_at.is_some_and(|at| age < plus(at, params.top_up));
    if seat.record.status == Status::Active && !topping_up {
        seat.record.status = Status::Inactive;
        seat.record.inactive_since = age;
        seat.changed = true;
        let event = events::Deactivated { operator, ownStake: own.to_u256(), minimum: params.min_stake.to_u256() };
        emit(host, &event)?;
    }
    Ok(())
}

/// Until when an operator's attestation holds, seconds since 1970.
pub(crate) fn attested_until<S: StateRead + ?Sized>(
    state: &S,
    record: &ValidatorRecord,
) -> Result<u64, ValidatorsError> {
    Ok(defchain_geo::valid_until(state, record.attested.verifier, record.attested.expires_at)?)
}

pub(crate) const fn plus(age: AgeMillis, seconds: u64) -> AgeMillis {
    AgeMillis(age.0.saturating_add(seconds.saturating_mul(1_000)))
}

/// Lets those go who asked to, unless nobody would be left: then all of them stay for another epoch (D28).
fn leave<H: Host + ?Sized>(host: &mut H, seats: &mut [Seat]) -> Result<(), ValidatorsError> {
    if !seats.iter().any(|s| s.record.leaving) {
        return Ok(());
    }
    let mut somebody_stays = false;
    for seat in seats.iter().filter(|s| s.record.status == Status::Active && !s.record.leaving) {
        somebody_stays |= !weight(host, seat.operator)?.is_zero();
    }
    for seat in seats.iter_mut().filter(|s| s.record.leaving) {
        if seat.record.status == Status::Active && !somebody_stays {
            continue;
        }
        seat.record.leaving = false;
        seat.changed = true;
        release(host, seat.operator, &mut seat.record)?;
    }
    Ok(())
}

/// Ends a validator's service on a record that the caller writes: own positions begin to unbind.
pub(crate) fn release<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    record: &mut ValidatorRecord,
) -> Result<(), ValidatorsError> {
    if record.status != Status::Tombstoned {
        record.status = Status::Exited;
    }
    record.released = true;
    staking::release_own(host, operator)?;
    Ok(emit(host, &events::Exited { operator })?)
}

/// Whether a seat is free (D31): by exit, tombstone, jail, an expired attestation, and by lasting inactivity.
fn freed<H: Host + ?Sized>(host: &H, params: &ValidatorParams, seat: &Seat) -> Result<bool, ValidatorsError> {
    let (age, now) = (host.block().age, host.block().time.seconds());
    let record = &seat.record;
    Ok(match record.status {
        Status::Active => false,
        Status::Queued | Status::Tombstoned | Status::Exited => true,
        Status::Inactive => age > plus(record.inactive_since, params.seat_inactive),
        Status::Jailed => {
            let too_long = record.jail.is_some_and(|j| age > plus(j.since, params.seat_jail));
            too_long || now >= attested_until(host, record)?.saturating_add(params.seat_expired)
        }
    })
}

/// Puts an announced consensus key into force (D31).
fn rotate<H: Host + ?Sized>(host: &mut H, seat: &mut Seat) -> Result<(), ValidatorsError> {
    let Some(next) = seat.record.next_key.take() else { return Ok(()) };
    seat.record.consensus_key = next;
    seat.changed = true;
    let event = events::KeyRotated {
        operator: seat.operator,
        newKey: key(next),
        consensusAddress: consensus(seat.record.consensus_address()),
    };
    Ok(emit(host, &event)?)
}

/// Gives each free seat to the oldest valid candidate of its country (D31).
fn promote<H: Host + ?Sized>(
    host: &mut H,
    params: &ValidatorParams,
    kept: &mut Vec<Seat>,
) -> Result<(), ValidatorsError> {
    let mut country = None;
    while let Some(first) = host.queue_after(country)? {
        country = Some(first.country);
        if kept.binary_search_by_key(&first.country, |s| s.country).is_ok() {
            continue;
        }
        let Some(seat) = oldest_valid(host, params, first.country)? else { continue };
        let at = kept.partition_point(|s| s.country < seat.country);
        kept.insert(at, seat);
    }
    Ok(())
}

fn oldest_valid<H: Host + ?Sized>(
    host: &mut H,
    params: &ValidatorParams,
    country: Country,
) -> Result<Option<Seat>, ValidatorsError> {
    let now = host.block().time.seconds();
    for candidate in host.queue(country, PROMOTION_SCAN)? {
        let operator = candidate.operator;
        let mut record = host.validator(operator)?.ok_or(ValidatorsError::NotFound(operator))?;
        host.dequeue(operator, &record)?;
        let valid = attested_until(host, &record)? > now && staking::own_bound(host, operator)? >= params.min_stake;
        if !valid {
            record.status = Status::Inactive;
            record.inactive_since = host.block().age;
            host.put_validator(operator, &record)?;
            emit(host, &events::Dequeued { operator, country: code(country) })?;
            continue;
        }
        record.status = Status::Active;
        host.put_validator(operator, &record)?;
        host.put_seat(country, Some(operator))?;
        emit(host, &events::Activated { operator, country: code(country) })?;
        return Ok(Some(Seat { country, operator, record, changed: false }));
    }
    Ok(None)
}

/// W: what the next epoch counts (D27).
fn weight<H: Host + ?Sized>(host: &H, operator: Address) -> Result<U256, ValidatorsError> {
    let weights = staking::book_weights(host, operator)?;
    Ok(weights.own.saturating_add(weights.delegated))
}

fn begin_epoch<H: Host + ?Sized>(
    host: &mut H,
    params: &ValidatorParams,
    before: &Epoch,
    seats: &[Seat],
) -> Result<Vec<PowerUpdate>, ValidatorsError> {
    let mut members = Vec::with_capacity(seats.len());
    let mut active = 0_u64;
    for Seat { operator, record, .. } in seats.iter().filter(|s| s.record.status == Status::Active) {
        staking::start_epoch(host, *operator, true)?;
        let weight = weight(host, *operator)?;
        active = active.saturating_add(1);
        members.push(Member { operator: *operator, key: record.consensus_key, weight, power: 0 });
    }
    let mut set = weigh(members);
    if set.0.is_empty() {
        // D28: never the last validator. Whoever signs goes on, without income, until somebody is active.
        set = host.latest_set()?;
    } else if !host.removals()?.is_empty() {
        // Everybody in the new set is active: what waited for the boundary is done.
        host.put_removals(Vec::new())?;
    }
    let height = host.block().height.next();
    let total_weight = set.0.iter().fold(U256::ZERO, |sum, m| sum.saturating_add(m.weight));
    let epoch = Epoch {
        number: before.number.saturating_add(1),
        start: height,
        blocks: params.epoch_blocks,
        total_weight,
        removed_weight: U256::ZERO,
        min_stake: params.min_stake,
    };
    host.put_epoch(&epoch)?;
    let validators = u64::try_from(set.0.len()).unwrap_or(u64::MAX);
    let event = events::EpochStarted { number: epoch.number, height: height.0, validators, totalWeight: total_weight };
    emit(host, &event)?;
    open(host, params, active)?;
    change_set(host, set)
}

/// Opens the chain when enough validators are active: a latch that never opens again (D32).
pub(crate) fn open<H: Host + ?Sized>(
    host: &mut H,
    params: &ValidatorParams,
    active: u64,
) -> Result<(), ValidatorsError> {
    if active < u64::from(params.activation_threshold) || host.latch()?.is_some() {
        return Ok(());
    }
    let (height, time) = (host.block().height, host.block().time);
    host.put_latch(&Latch { height, time })?;
    Ok(emit(host, &events::ChainOpened { height: height.0, validators: active })?)
}
