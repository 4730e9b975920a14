//! What the validators and slashing modules do to a validator's book: epochs, income, slashes. All O(1) in delegators.

use defchain_base::{Address, Amount, Bps, Month, StateRead, U256, native::Host, system::Pool};

use crate::{
    BookId, Desk, PositionId, StakingError,
    abi::IStaking,
    book::BookAtSnapshot,
    keys::{GenerationKey, JoinedKey, SlashedKey},
    math::{MIN_INDEX, add, mul_div_floor, one},
    msg::emit,
    records::{Joined, Number, Slashed},
};

/// A part of a whole, `num / den`, at most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    /// Numerator.
    pub num: u128,
    /// Denominator, not zero.
    pub den: u128,
}

/// Takes `fraction` of all that is bound to `operator`: own and delegated, joining, unbinding, and the locked part of ended
/// positions (D24, D34, D35). O(1). The wei that are returned leave the books but stay in the staking pool: the caller pays or
/// burns exactly that sum out of the pool in the same step.
///
/// # Errors
/// When the fraction is none, or the store fails.
pub fn slash<H: Host + ?Sized>(host: &mut H, operator: Address, fraction: Fraction) -> Result<Amount, StakingError> {
    let Fraction { num, den } = fraction;
    let Some(keep) = den.checked_sub(num).filter(|_| den != 0) else {
        return Err(StakingError::Fraction { num, den });
    };
    let mut desk = Desk::open(host)?;
    let id = desk.book_of(host, operator)?;
    let (today, month) = (desk.clock.day, desk.clock.month);
    if id == BookId::UNBOUND || num == 0 {
        return Ok(Amount::ZERO);
    }
    let book = desk.book(host, id)?;
    if book.count == 0 || book.index == 0 {
        return Ok(Amount::ZERO);
    }
    let before = book.index;
    let left = Amount::from_wei(before).mul_div_floor(keep, den)?.wei();
    let after = if left < MIN_INDEX { 0 } else { left };
    let lost = U256::from(before.saturating_sub(after));
    let slashed = Amount::try_from(mul_div_floor(book.slashable_units(today)?, lost, one())?)?;
    if book.snapshot.month != month || month == Month(0) {
        book.snapshot = BookAtSnapshot { month, index: before, slashes: book.slashes };
    }
    let number = book.slashes;
    book.index = after;
    book.slashes = number.saturating_add(1);
    book.held = book.held.checked_sub(slashed)?;
    desk.slashed.replace(SlashedKey(id, number), None, Some(Slashed { day: today, index: after }));
    if after == 0 {
        // Nothing is left of this book; what is bound from now on stands in the next one.
        let next = Number(id.generation.saturating_add(1));
        *desk.generations.get(host, GenerationKey(operator))? = Some(next);
    }
    desk.flush(host)?;
    let event = IStaking::Slashed {
        validator: operator,
        amount: slashed.to_u256(),
        numerator: U256::from(num),
        denominator: U256::from(den),
    };
    emit(host, &event)?;
    Ok(slashed)
}

/// An epoch begins for `operator`: when it `counts` (is active), what joined is counted from now on; else it goes on waiting.
/// Genesis calls it once for every first validator.
///
/// # Errors
/// When the store fails.
pub fn start_epoch<H: Host + ?Sized>(host: &mut H, operator: Address, counts: bool) -> Result<(), StakingError> {
    if !counts {
        return Ok(());
    }
    let mut desk = Desk::open(host)?;
    let id = desk.book_of(host, operator)?;
    let book = desk.book(host, id)?;
    if book.joining_count == 0 {
        return Ok(());
    }
    let (sequence, count) = (book.join_seq, book.joining_count);
    let joined = Joined { count, accumulators: book.accumulators };
    book.join_seq = sequence.saturating_add(1);
    (book.joining, book.joining_count) = Default::default();
    desk.joined.replace(JoinedKey(id, sequence), None, Some(joined));
    desk.flush(host)
}

/// Shares a validator's income, which lies in the validators' pool already, among its counted positions by weight (D36).
/// Returns what the operator keeps of the delegators' part by its commission: that stays in the pool for the caller to account
/// for. With nobody to share among, the income burns. What rounding leaves stays with the book and burns with it. O(1).
///
/// # Errors
/// When the commission is above the whole, or the store fails.
pub fn add_income<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    income: Amount,
    commission: Bps,
) -> Result<Amount, StakingError> {
    const WHOLE: u128 = 10_000;
    let Some(keep) = WHOLE.checked_sub(u128::from(commission.0)) else {
        return Err(StakingError::Commission(commission.0));
    };
    if income.is_zero() {
        return Ok(Amount::ZERO);
    }
    let mut desk = Desk::open(host)?;
    let id = desk.book_of(host, operator)?;
    let book = desk.book(host, id)?;
    let (own, delegated) = book.counted()?;
    let weight = add(own, delegated)?;
    if weight.is_zero() {
        host.burn(Pool::Validators, income)?;
        return Ok(Amount::ZERO);
    }
    let whole = U256::from(WHOLE);
    let each = mul_div_floor(income.to_u256(), U256::ONE.wrapping_shl(128), weight)?;
    let each_delegated = mul_div_floor(each, U256::from(keep), whole)?;
    let accumulators = &mut book.accumulators;
    accumulators.own = add(accumulators.own, each)?;
    accumulators.delegated = add(accumulators.delegated, each_delegated)?;
    let gross = Amount::try_from(mul_div_floor(income.to_u256(), delegated, weight)?)?;
    let kept = gross.mul_div_floor(u128::from(commission.0), WHOLE)?;
    book.income = book.income.checked_add(income.checked_sub(kept)?)?;
    desk.flush(host)?;
    Ok(kept)
}

/// Pays a position's income to its owner out of the validators' pool.
///
/// # Errors
/// When there is none, or no such position.
pub fn claim_rewards<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<Amount, StakingError> {
    let mut desk = Desk::open(host)?;
    let amount = take_rewards(&mut desk, host, owner, id)?;
    if amount.is_zero() {
        return Err(StakingError::Nothing { id, what: "claim of the income" });
    }
    desk.flush(host)?;
    host.pay(Pool::Validators, owner, amount)?;
    emit(host, &IStaking::IncomeClaimed { owner, id: U256::from(id.0), amount: amount.to_u256() })?;
    Ok(amount)
}

/// Pays the income of all positions of an owner. Returns the sum; zero when there is none.
///
/// # Errors
/// When the store fails.
pub fn claim_all_rewards<H: Host + ?Sized>(host: &mut H, owner: Address) -> Result<Amount, StakingError> {
    let mut desk = Desk::open(host)?;
    let ids = desk.ids(host, owner)?;
    host.elements(ids.len())?;
    let (mut sum, mut claimed) = (Amount::ZERO, Vec::new());
    for id in ids {
        let amount = take_rewards(&mut desk, host, owner, id)?;
        if !amount.is_zero() {
            sum = sum.checked_add(amount)?;
            claimed.push((id, amount));
        }
    }
    if sum.is_zero() {
        return Ok(sum);
    }
    desk.flush(host)?;
    host.pay(Pool::Validators, owner, sum)?;
    for (id, amount) in claimed {
        emit(host, &IStaking::IncomeClaimed { owner, id: U256::from(id.0), amount: amount.to_u256() })?;
    }
    Ok(sum)
}

fn take_rewards<H: Host + ?Sized>(
    desk: &mut Desk,
    host: &H,
    owner: Address,
    id: PositionId,
) -> Result<Amount, StakingError> {
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    let amount = core::mem::take(&mut lifted.position.rewards);
    let book = desk.book(host, lifted.position.book)?;
    book.income = book.income.checked_sub(amount)?;
    desk.lower(host, lifted)?;
    Ok(amount)
}

/// Income of a position that is not claimed yet.
///
/// # Errors
/// When there is no such position, or the store fails.
pub fn rewards<S: StateRead + ?Sized>(state: &S, owner: Address, id: PositionId) -> Result<Amount, StakingError> {
    Ok(Desk::open(state)?.lift(state, owner, id)?.position.rewards)
}
