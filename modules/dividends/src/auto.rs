//! Auto-compounding: a queue by time, worked off at the end of blocks within a bound (D26).

use defchain_base::{
    Address, Calendar, StateWriteExt, Substore, Timestamp, U256,
    native::{Host, encode_log},
    system,
};
use defchain_staking::{Desk, Lifted, PositionId, StakingError, abi::IStaking, records::Mark};

use crate::{
    DividendError,
    claim::{Batch, due, present},
    keys::AutoKey,
};

/// Switches auto-compounding of a running position.
///
/// # Errors
/// When its term is over, or there is no such position.
pub fn set_auto_compound<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
    on: bool,
) -> Result<(), DividendError> {
    let mut desk = Desk::open(host)?;
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    let before = lifted.position.compound_at;
    if before.is_some() == on {
        return Ok(());
    }
    let (end_day, today) = (lifted.position.end_day, desk.clock.day);
    if on && lifted.position.unlocking.is_some() {
        return Err(StakingError::Ended { id, end_day, today }.into());
    }
    lifted.position.compound_at = on.then_some(first(host, &desk, &lifted)?);
    let after = lifted.position.compound_at;
    desk.lower(host, lifted)?;
    desk.flush(host)?;
    requeue(host, owner, id, before, after)?;
    host.emit(encode_log(system::STAKING, &IStaking::AutoCompoundSet { owner, id: U256::from(id.0), on }))?;
    Ok(())
}

fn requeue<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<(), DividendError> {
    if let Some(at) = from {
        host.remove(&AutoKey(at, owner, id))?;
    }
    if let Some(at) = to {
        host.write(&AutoKey(at, owner, id), &Mark)?;
    }
    Ok(())
}

/// The first time a newly flagged position is looked at: this month when it still has a dividend, once it is old enough.
fn first<H: Host + ?Sized>(host: &H, desk: &Desk, lifted: &Lifted) -> Result<Timestamp, DividendError> {
    let (now, calendar) = (host.block().time, desk.calendar(host)?);
    let this_month = match present(host, desk) {
        Ok(present) => match due(host, desk, &present, now, lifted) {
            Ok(_) | Err(DividendError::TooYoung { .. }) => true,
            Err(e @ (DividendError::State(_) | DividendError::Invariant(_))) => return Err(e),
            Err(_) => false,
        },
        Err(DividendError::NoMonth) => false,
        Err(e) => return Err(e),
    };
    let from = if this_month { now } else { next_month(&calendar, now) };
    Ok(from.max(of_age(desk, &calendar, lifted)))
}

/// When a position is old enough for dividends.
fn of_age(desk: &Desk, calendar: &Calendar, lifted: &Lifted) -> Timestamp {
    let least = u64::from(desk.params.dividend_min_days).saturating_mul(calendar.day_millis());
    Timestamp(lifted.position.start.0.saturating_add(least))
}

/// When the month after that of `now` begins.
pub(crate) fn next_month(calendar: &Calendar, now: Timestamp) -> Timestamp {
    let today = calendar.day_of(now);
    if let Some(month) = today.checked_div(calendar.month_days) {
        return calendar.start_of_day(month.saturating_add(1).saturating_mul(calendar.month_days));
    }
    let month = calendar.month_of(now);
    // No month is longer than 31 days.
    let days = (1..=31_u32).map(|n| calendar.start_of_day(today.saturating_add(n)));
    days.into_iter().find(|day| calendar.month_of(*day) != month).unwrap_or(now)
}

/// Compounds what is due, at most `compound_per_block` positions. Each is looked at once a month; one that has no dividend then
/// waits for the next month, one whose term is over leaves the queue.
///
/// # Errors
/// When the store fails.
pub(crate) fn work<H: Host + ?Sized>(host: &mut H) -> Result<(), DividendError> {
    let now = host.block().time;
    let from = AutoKey::PREFIX.to_vec();
    let to = [AutoKey::PREFIX, &now.0.saturating_add(1).to_be_bytes()].concat();
    // Almost every block ends here, without having read the parameters.
    if host.range_raw(Substore::Def, &from, &to, 1)?.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::open(host)?;
    let limit = usize::try_from(batch.desk.params.compound_per_block).unwrap_or(usize::MAX);
    let found = host.range_raw(Substore::Def, &from, &to, limit)?;
    let calendar = batch.desk.calendar(host)?;
    let mut moves = Vec::with_capacity(found.len());
    for (key, _) in &found {
        let AutoKey(at, owner, id) =
            AutoKey::read(key).map_err(|e| DividendError::Invariant(format!("a key does not decode: {e}")))?;
        let mut next = None;
        match batch.desk.lift(host, owner, id) {
            Ok(mut lifted) => {
                batch.desk.finish_unbinding(host, &mut lifted)?;
                next = step(&mut batch, host, &calendar, &mut lifted)?;
                lifted.position.compound_at = next;
                let closed = batch.desk.lower(host, lifted)?;
                next = next.filter(|_| !closed);
            }
            // Closed since.
            Err(StakingError::NoPosition { .. }) => {}
            Err(e) => return Err(e.into()),
        }
        moves.push((owner, id, at, next));
    }
    batch.flush(host)?;
    moves.into_iter().try_for_each(|(owner, id, at, next)| requeue(host, owner, id, Some(at), next))
}

fn step<H: Host + ?Sized>(
    batch: &mut Batch,
    host: &H,
    calendar: &Calendar,
    lifted: &mut Lifted,
) -> Result<Option<Timestamp>, DividendError> {
    if lifted.position.unlocking.is_some() {
        return Ok(None);
    }
    let now = host.block().time;
    let wait = match batch.compound(host, lifted) {
        Err(e @ (DividendError::State(_) | DividendError::Invariant(_))) => return Err(e),
        Err(DividendError::TooYoung { .. }) => now,
        Ok(_) | Err(_) => next_month(calendar, now),
    };
    // Later than now in any case: a queue that comes back to the same position would never end.
    let next = wait.max(of_age(&batch.desk, calendar, lifted));
    Ok(Some(Timestamp(next.0.max(now.0.saturating_add(1)))))
}
