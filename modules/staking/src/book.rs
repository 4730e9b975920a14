//! Books: what positions stand in, and the sums over them.

use defchain_base::{Address, Amount, CodecError, Decode, Encode, Month, Reader, U256};

use crate::{
    StakingError,
    math::{ONE, mul_div_ceil, mul_div_floor, one, put_amount, put_uint, sub, take_amount, take_u128, take_uint},
    terms::{Classes, Terms},
};

const VERSION: u8 = 1;

/// A book: a validator's, or the one of all that is bound to nobody.
///
/// A slash of everything ends a book: it stays with an index of zero until its positions are gone, and what is bound to the
/// operator later stands in the next generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BookId {
    /// The validator; zero for none.
    pub operator: Address,
    /// Counts slashes of everything.
    pub generation: u32,
}

impl BookId {
    /// Of what is bound to nobody.
    pub const UNBOUND: Self = Self { operator: Address::ZERO, generation: 0 };
}

impl Encode for BookId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.operator);
        out.extend(self.generation.to_be_bytes());
    }
}

impl Decode for BookId {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let operator = Address::from(input.array::<20>("book")?);
        Ok(Self { operator, generation: input.u32("book")? })
    }
}

/// Income for one unit × year since the book began, times 2^128 (D36).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accumulators {
    /// Of the operator's own positions.
    pub own: U256,
    /// Of delegated ones, commission taken off.
    pub delegated: U256,
}

impl Accumulators {
    /// That of an own or a delegated position.
    #[must_use]
    pub const fn of(&self, own: bool) -> U256 {
        if own { self.own } else { self.delegated }
    }
}

impl Encode for Accumulators {
    fn encode(&self, out: &mut Vec<u8>) {
        put_uint(out, self.own);
        put_uint(out, self.delegated);
    }
}

impl Decode for Accumulators {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { own: take_uint(input, "accumulators")?, delegated: take_uint(input, "accumulators")? })
    }
}

/// Units by term, of own and of delegated positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sides {
    /// The operator's own.
    pub own: Terms,
    /// Its delegators'.
    pub delegated: Terms,
}

impl Sides {
    pub(crate) const fn side(&mut self, own: bool) -> &mut Terms {
        if own { &mut self.own } else { &mut self.delegated }
    }

    pub(crate) fn sub_all(&mut self, other: &Self) -> Result<(), StakingError> {
        self.own.sub_all(&other.own)?;
        self.delegated.sub_all(&other.delegated)
    }
}

impl Encode for Sides {
    fn encode(&self, out: &mut Vec<u8>) {
        self.own.encode(out);
        self.delegated.encode(out);
    }
}

impl Decode for Sides {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { own: Terms::decode(input)?, delegated: Terms::decode(input)? })
    }
}

/// The book as it was at the month's snapshot, kept when a slash follows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BookAtSnapshot {
    /// The month; 0 for none.
    pub month: Month,
    /// Slash index.
    pub index: u128,
    /// Number of slashes.
    pub slashes: u32,
}

/// A book. Sums are in units: amount × 10^27 / index at the position's last touch, rounded up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// What is left of one that was never slashed, times 10^27.
    pub index: u128,
    /// How often it was slashed; each has a record.
    pub slashes: u32,
    /// Wei of the staking pool that belong to its positions.
    pub held: Amount,
    /// Wei of the validators' pool that belong to its positions.
    pub income: Amount,
    /// Its positions.
    pub count: u64,
    /// Those of them whose units were rounded up.
    pub rounded: u64,
    /// Units of running positions: they earn dividends and can be slashed.
    pub running: Terms,
    /// Those that have weight, joining ones included.
    pub part: Sides,
    /// Those that wait for the next epoch.
    pub joining: Sides,
    /// Their number.
    pub joining_count: u64,
    /// Epochs that found somebody joining.
    pub join_seq: u64,
    /// Income so far.
    pub accumulators: Accumulators,
    /// What unlocks after its term.
    pub classes: Classes,
    /// Before the first slash after the month's snapshot.
    pub snapshot: BookAtSnapshot,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            index: ONE,
            slashes: 0,
            held: Amount::ZERO,
            income: Amount::ZERO,
            count: 0,
            rounded: 0,
            running: Terms::default(),
            part: Sides::default(),
            joining: Sides::default(),
            joining_count: 0,
            join_seq: 0,
            accumulators: Accumulators::default(),
            classes: Classes::default(),
            snapshot: BookAtSnapshot::default(),
        }
    }
}

impl Book {
    /// Units × years that earn income now: own and delegated.
    pub(crate) fn counted(&self) -> Result<(U256, U256), StakingError> {
        let weigh = |part: &Terms, joining: &Terms| sub(part.weighted(u32::from)?, joining.weighted(u32::from)?);
        Ok((weigh(&self.part.own, &self.joining.own)?, weigh(&self.part.delegated, &self.joining.delegated)?))
    }

    /// Wei of `units`, rounded down.
    pub(crate) fn value_floor(&self, units: U256) -> Result<U256, StakingError> {
        mul_div_floor(units, U256::from(self.index), one())
    }

    /// Units that a slash can take on a day: never more than the positions' own, whatever was rounded.
    pub(crate) fn slashable_units(&self, today: u32) -> Result<U256, StakingError> {
        let all = crate::math::add(self.running.total()?, self.classes.locked_floor(today)?)?;
        Ok(all.saturating_sub(U256::from(self.rounded)))
    }

    /// The book as of the month's snapshot: slash index and number of slashes.
    #[must_use]
    pub fn at_snapshot(&self, month: Month) -> (u128, u32) {
        if self.snapshot.month == month {
            (self.snapshot.index, self.snapshot.slashes)
        } else {
            (self.index, self.slashes)
        }
    }

    /// What this book adds to the sums over all books: wei times 2^64.
    pub(crate) fn contribution(&self) -> Result<(Terms, Classes), StakingError> {
        let scaled = U256::from(self.index).wrapping_shl(64);
        let running = self.running.map(|units| mul_div_ceil(units, scaled, one()))?;
        let mut classes = Classes::default();
        for class in self.classes.as_slice() {
            classes.add_raw(&crate::terms::Class {
                days: class.days,
                // Locked is by_day − n × units: up and down make it round up.
                units: mul_div_floor(class.units, scaled, one())?,
                by_day: mul_div_ceil(class.by_day, scaled, one())?,
            })?;
        }
        Ok((running, classes))
    }
}

impl Encode for Book {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_uint(out, U256::from(self.index));
        out.extend(self.slashes.to_be_bytes());
        put_amount(out, self.held);
        put_amount(out, self.income);
        put_uint(out, U256::from(self.count));
        put_uint(out, U256::from(self.rounded));
        self.running.encode(out);
        self.part.encode(out);
        self.joining.encode(out);
        put_uint(out, U256::from(self.joining_count));
        put_uint(out, U256::from(self.join_seq));
        self.accumulators.encode(out);
        self.classes.encode(out);
        out.extend(self.snapshot.month.0.to_be_bytes());
        put_uint(out, U256::from(self.snapshot.index));
        out.extend(self.snapshot.slashes.to_be_bytes());
    }
}

impl Decode for Book {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "book";
        input.version(VERSION, WHAT)?;
        Ok(Self {
            index: take_u128(input, WHAT)?,
            slashes: input.u32(WHAT)?,
            held: take_amount(input, WHAT)?,
            income: take_amount(input, WHAT)?,
            count: take_u64(input)?,
            rounded: take_u64(input)?,
            running: Terms::decode(input)?,
            part: Sides::decode(input)?,
            joining: Sides::decode(input)?,
            joining_count: take_u64(input)?,
            join_seq: take_u64(input)?,
            accumulators: Accumulators::decode(input)?,
            classes: Classes::decode(input)?,
            snapshot: BookAtSnapshot {
                month: Month(input.u32(WHAT)?),
                index: take_u128(input, WHAT)?,
                slashes: input.u32(WHAT)?,
            },
        })
    }
}

pub(crate) fn take_u64(input: &mut Reader<'_>) -> Result<u64, CodecError> {
    let value = take_uint(input, "count")?;
    u64::try_from(value).map_err(|_| crate::error::invalid("count", format!("{value} does not fit 64 bits")))
}
