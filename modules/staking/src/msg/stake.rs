use defchain_base::{Address, Amount, U256, native::Host};

use crate::{
    BookId, Desk, PositionId, StakingError,
    abi::IStaking,
    msg::emit,
    position::{Bond, term},
    terms::MAX_YEARS,
};

/// The positions that one stake opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionIds {
    /// The term asked for.
    pub main: PositionId,
    /// The 12-year part of a shorter stake (D22).
    pub attention: Option<PositionId>,
}

/// Stakes `amount`, which lies in the staking pool already (D22). No commission; below 12 years a hundredth opens a second
/// position of 12 years. An operator's positions of validators' terms are bound to it (D31).
///
/// # Errors
/// When the amount is below the minimum, the term is not 1 to 12 years, or the owner has too many positions.
pub fn stake<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    amount: Amount,
    years: u64,
) -> Result<PositionIds, StakingError> {
    let mut desk = Desk::open(host)?;
    let ids = open(&mut desk, host, owner, None, amount, years)?;
    desk.flush(host)?;
    announce(host, owner, &ids)?;
    Ok(ids.ids)
}

/// A stake that was put on the desk, to be announced when the desk is flushed.
pub(super) struct Opened {
    pub(super) ids: PositionIds,
    parts: [Option<(PositionId, Amount, u8, Address)>; 2],
}

/// Opens the positions of a stake: bound to `operator`, or where the owner's positions go.
pub(super) fn open<H: Host + ?Sized>(
    desk: &mut Desk,
    host: &H,
    owner: Address,
    operator: Option<Address>,
    amount: Amount,
    years: u64,
) -> Result<Opened, StakingError> {
    let min = desk.params.min_stake;
    let main_years = term(years)?;
    if amount < min {
        return Err(StakingError::TooLittle { amount, min });
    }
    let attention = if main_years < MAX_YEARS {
        amount.mul_div_floor(u128::from(desk.params.attention.0), 10_000)?
    } else {
        Amount::ZERO
    };
    let (open, max) = (desk.owner(host, owner)?.open, desk.params.max_positions);
    let more = if attention.is_zero() { 1 } else { 2 };
    if open.saturating_add(more) > max {
        return Err(StakingError::TooMany { owner, open, more, max });
    }
    let main = open_one(desk, host, owner, operator, amount.checked_sub(attention)?, main_years)?;
    let second =
        if attention.is_zero() { None } else { Some(open_one(desk, host, owner, operator, attention, MAX_YEARS)?) };
    let ids = PositionIds { main: main.0, attention: second.map(|(id, ..)| id) };
    Ok(Opened { ids, parts: [Some(main), second] })
}

fn open_one<H: Host + ?Sized>(
    desk: &mut Desk,
    host: &H,
    owner: Address,
    operator: Option<Address>,
    amount: Amount,
    years: u8,
) -> Result<(PositionId, Amount, u8, Address), StakingError> {
    let mut position = desk.fresh(host, amount, u64::from(years))?;
    let to = match operator {
        Some(operator) => Some(operator),
        None if years >= desk.params.min_validator_years && desk.owner(host, owner)?.operator.is_some() => Some(owner),
        None => None,
    };
    if let Some(operator) = to {
        position.book = desk.book_of(host, operator)?;
        position.bond = Bond::Joining(desk.book(host, position.book)?.join_seq);
    }
    let id = desk.add(host, owner, position)?;
    Ok((id, amount, years, to.unwrap_or(BookId::UNBOUND.operator)))
}

pub(super) fn announce<H: Host + ?Sized>(host: &mut H, owner: Address, opened: &Opened) -> Result<(), StakingError> {
    for (id, amount, years, validator) in opened.parts.iter().flatten() {
        let event = IStaking::Staked {
            owner,
            id: U256::from(id.0),
            amount: amount.to_u256(),
            numYears: U256::from(*years),
            validator: *validator,
        };
        emit(host, &event)?;
    }
    Ok(())
}
