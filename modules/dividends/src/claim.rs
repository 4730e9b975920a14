//! Claiming and compounding a month's dividend (D26).

use defchain_base::{
    Address, Amount, Month, StateRead, StateReadExt, StateWriteExt, Timestamp, U256,
    native::{Host, encode_log},
    system::{self, Pool},
};
use defchain_staking::{Desk, Lifted, PositionId, abi::IStaking};

use crate::{
    DividendError,
    keys::{Snapshot, SnapshotKey},
};

/// The present month with what was fixed at its begin.
///
/// # Errors
/// When no month began yet, or the store fails.
pub(crate) fn present<S: StateRead + ?Sized>(state: &S, desk: &Desk) -> Result<(Month, Snapshot), DividendError> {
    let month = desk.clock.month;
    let snapshot = state.read(&SnapshotKey(month))?.ok_or(DividendError::NoMonth)?;
    Ok((month, snapshot))
}

/// What a lifted position may claim at `now`, or why nothing.
pub(crate) fn due<S: StateRead + ?Sized>(
    state: &S,
    desk: &Desk,
    (month, snapshot): &(Month, Snapshot),
    now: Timestamp,
    lifted: &Lifted,
) -> Result<Amount, DividendError> {
    let (id, position) = (lifted.id, &lifted.position);
    let (_, claimed) = position.claimed_in(*month);
    if !claimed.is_zero() {
        return Err(DividendError::Claimed { id, month: *month, amount: claimed });
    }
    let at = &position.snapshot;
    if at.month != *month || at.amount.is_zero() {
        return Err(DividendError::NotInSnapshot { id, month: *month });
    }
    let least = u64::from(desk.params.dividend_min_days).saturating_mul(desk.calendar(state)?.day_millis());
    let age = now.millis_since(position.start);
    if age < least {
        return Err(DividendError::TooYoung { id, age: age / 1_000, least: least / 1_000 });
    }
    let multiplier = snapshot.multiplier(at.years);
    let weight = at.amount.to_u256().saturating_mul(U256::from(multiplier));
    let amount = share(weight, snapshot)?;
    if amount.is_zero() {
        let (pool, beta) = (snapshot.pool, snapshot.beta);
        return Err(DividendError::Nothing { id, month: *month, pool, beta, weight });
    }
    Ok(amount)
}

/// `weight × pool / β`, rounded down; nothing when β is zero.
fn share(weight: U256, snapshot: &Snapshot) -> Result<Amount, DividendError> {
    let product = weight
        .checked_mul(snapshot.pool.to_u256())
        .ok_or_else(|| DividendError::Invariant(format!("{weight} x {} wei exceeds 256 bits", snapshot.pool)))?;
    Ok(Amount::try_from(product.checked_div(snapshot.beta).unwrap_or_default())?)
}

/// Marks a dividend as taken: on the position and on the month.
fn take((month, snapshot): &mut (Month, Snapshot), lifted: &mut Lifted, amount: Amount) -> Result<(), DividendError> {
    lifted.position.enter_month(*month);
    lifted.position.claimed_dividends = amount;
    snapshot.claimed = snapshot.claimed.checked_add(amount)?;
    snapshot.claims = snapshot.claims.saturating_add(1);
    if snapshot.claimed > snapshot.pool {
        return Err(DividendError::Invariant(format!(
            "{} wei claimed of a snapshot of {} wei",
            snapshot.claimed, snapshot.pool
        )));
    }
    Ok(())
}

/// Pays a position's dividend of the present month to its owner. Anyone may ask for it (D26a).
///
/// # Errors
/// When there is none: taken, too young, not in the snapshot, no such position.
pub fn claim<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<Amount, DividendError> {
    let (sum, _) = pay(host, owner, &[id], true)?;
    Ok(sum)
}

/// Pays the dividends of all positions of an owner that have one.
///
/// # Errors
/// When none has.
pub fn claim_all<H: Host + ?Sized>(host: &mut H, owner: Address) -> Result<Amount, DividendError> {
    let ids = Desk::open(host)?.ids(host, owner)?;
    host.elements(ids.len())?;
    let (sum, month) = pay(host, owner, &ids, false)?;
    if sum.is_zero() {
        return Err(DividendError::NothingAtAll { positions: ids.len(), month });
    }
    Ok(sum)
}

fn pay<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    ids: &[PositionId],
    strict: bool,
) -> Result<(Amount, Month), DividendError> {
    let mut desk = Desk::open(host)?;
    let mut present = present(host, &desk)?;
    let now = host.block().time;
    let (mut sum, mut paid) = (Amount::ZERO, Vec::with_capacity(ids.len()));
    for id in ids {
        let mut lifted = desk.lift(host, owner, *id)?;
        desk.finish_unbinding(host, &mut lifted)?;
        match due(host, &desk, &present, now, &lifted) {
            Ok(amount) => {
                take(&mut present, &mut lifted, amount)?;
                sum = sum.checked_add(amount)?;
                paid.push((*id, amount));
            }
            Err(e @ (DividendError::State(_) | DividendError::Invariant(_))) => return Err(e),
            Err(e) if strict => return Err(e),
            Err(_) => {}
        }
        desk.lower(host, lifted)?;
    }
    let (month, snapshot) = present;
    if sum.is_zero() {
        return Ok((sum, month));
    }
    desk.flush(host)?;
    host.write(&SnapshotKey(month), &snapshot)?;
    host.pay(Pool::Dividend, owner, sum)?;
    for (id, amount) in paid {
        let (id, amount, month) = (U256::from(id.0), amount.to_u256(), U256::from(month.0));
        let event = IStaking::DividendsClaimed { owner, id, month, amount };
        host.emit(encode_log(system::STAKING, &event))?;
    }
    Ok((sum, month))
}

/// Dividends that are to be compounded together.
pub(crate) struct Batch {
    pub(crate) desk: Desk,
    pub(crate) present: (Month, Snapshot),
    added: Vec<(Address, PositionId, Amount)>,
}

impl Batch {
    pub(crate) fn open<S: StateRead + ?Sized>(state: &S) -> Result<Self, DividendError> {
        let desk = Desk::open(state)?;
        let present = present(state, &desk)?;
        Ok(Self { desk, present, added: Vec::new() })
    }

    /// Adds a lifted position's dividend to it.
    pub(crate) fn compound<H: Host + ?Sized>(
        &mut self,
        host: &H,
        lifted: &mut Lifted,
    ) -> Result<Amount, DividendError> {
        let amount = due(host, &self.desk, &self.present, host.block().time, lifted)?;
        self.desk.grow(host, lifted, amount)?;
        take(&mut self.present, lifted, amount)?;
        self.added.push((lifted.owner, lifted.id, amount));
        Ok(amount)
    }

    pub(crate) fn flush<H: Host + ?Sized>(self, host: &mut H) -> Result<(), DividendError> {
        let (month, snapshot) = self.present;
        self.desk.flush(host)?;
        if self.added.is_empty() {
            return Ok(());
        }
        host.write(&SnapshotKey(month), &snapshot)?;
        let sum = self.added.iter().try_fold(Amount::ZERO, |sum, (_, _, amount)| sum.checked_add(*amount))?;
        host.pay(Pool::Dividend, Pool::Staking.address(), sum)?;
        for (owner, id, amount) in self.added {
            let (id, amount, month) = (U256::from(id.0), amount.to_u256(), U256::from(month.0));
            host.emit(encode_log(system::STAKING, &IStaking::Compounded { owner, id, month, amount }))?;
        }
        Ok(())
    }
}

/// Adds a position's dividend of the present month to it: amount and initial amount grow (D26). Anyone may ask for it (D26a).
///
/// # Errors
/// As [`claim`], and when the term is over.
pub fn compound<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<Amount, DividendError> {
    let mut batch = Batch::open(host)?;
    let mut lifted = batch.desk.lift(host, owner, id)?;
    batch.desk.finish_unbinding(host, &mut lifted)?;
    let amount = batch.compound(host, &mut lifted)?;
    batch.desk.lower(host, lifted)?;
    batch.flush(host)?;
    Ok(amount)
}
