//! The smaller records: what happens on a day, what lazily settled positions look up, owners, and the sums over all books.

use defchain_base::{Amount, CodecError, Decode, Encode, Month, Reader, U256};

use crate::{
    StakingError,
    book::{Accumulators, Sides, take_u64},
    error::invalid,
    math::{add, mul_div_ceil, put_amount, put_uint, take_amount, take_u128},
    terms::{Classes, Terms},
};

const VERSION: u8 = 1;

/// What leaves a book's sums on a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayEnd {
    /// Units whose term ends.
    pub running: Terms,
    /// Those of them that have weight.
    pub part: Sides,
    /// Those of them that were waiting for the next epoch when `join_seq` was the book's.
    pub joining: Sides,
    /// Their number.
    pub joining_count: u64,
    /// When `joining` holds; with another number in the book they are counted by now.
    pub join_seq: u64,
    /// Positions whose term ends.
    pub count: u64,
    /// Units whose unlocking ends.
    pub classes: Classes,
}

impl Encode for DayEnd {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.running.encode(out);
        self.part.encode(out);
        self.joining.encode(out);
        put_uint(out, U256::from(self.joining_count));
        put_uint(out, U256::from(self.join_seq));
        put_uint(out, U256::from(self.count));
        self.classes.encode(out);
    }
}

impl Decode for DayEnd {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "ends of a day")?;
        Ok(Self {
            running: Terms::decode(input)?,
            part: Sides::decode(input)?,
            joining: Sides::decode(input)?,
            joining_count: take_u64(input)?,
            join_seq: take_u64(input)?,
            count: take_u64(input)?,
            classes: Classes::decode(input)?,
        })
    }
}

/// A book at the end of terms that positions have not taken note of yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many positions have not.
    pub count: u64,
    /// The book's slash index.
    pub index: u128,
    /// The book's number of slashes.
    pub slashes: u32,
    /// The book's `join_seq`.
    pub join_seq: u64,
    /// The book's accumulators: later income is not theirs.
    pub accumulators: Accumulators,
    /// Days over which one year's worth of term unlocks.
    pub unlock_days_per_year: u32,
}

impl Encode for Ended {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_uint(out, U256::from(self.count));
        put_uint(out, U256::from(self.index));
        out.extend(self.slashes.to_be_bytes());
        put_uint(out, U256::from(self.join_seq));
        self.accumulators.encode(out);
        out.extend(self.unlock_days_per_year.to_be_bytes());
    }
}

impl Decode for Ended {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "ended terms";
        input.version(VERSION, WHAT)?;
        Ok(Self {
            count: take_u64(input)?,
            index: take_u128(input, WHAT)?,
            slashes: input.u32(WHAT)?,
            join_seq: take_u64(input)?,
            accumulators: Accumulators::decode(input)?,
            unlock_days_per_year: input.u32(WHAT)?,
        })
    }
}

/// A book's accumulators when an epoch began to count positions that have not taken note of it yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Joined {
    /// How many have not.
    pub count: u64,
    /// From where they earn.
    pub accumulators: Accumulators,
}

impl Encode for Joined {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_uint(out, U256::from(self.count));
        self.accumulators.encode(out);
    }
}

impl Decode for Joined {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "joined")?;
        Ok(Self { count: take_u64(input)?, accumulators: Accumulators::decode(input)? })
    }
}

/// A slash of a book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slashed {
    /// Staking's day.
    pub day: u32,
    /// The book's slash index after it.
    pub index: u128,
}

impl Encode for Slashed {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.day.to_be_bytes());
        put_uint(out, U256::from(self.index));
    }
}

impl Decode for Slashed {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "slash";
        input.version(VERSION, WHAT)?;
        Ok(Self { day: input.u32(WHAT)?, index: take_u128(input, WHAT)? })
    }
}

/// Who has or had positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// Number of its next position.
    pub next: u32,
    /// Open positions.
    pub open: u32,
    /// Set for operators: their positions of validators' terms are bound, and this much stays (D31, D23).
    pub operator: Option<Amount>,
}

impl Encode for Owner {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.next.to_be_bytes());
        out.extend(self.open.to_be_bytes());
        match self.operator {
            None => out.push(0),
            Some(minimum) => {
                out.push(1);
                put_amount(out, minimum);
            }
        }
    }
}

impl Decode for Owner {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "owner";
        input.version(VERSION, WHAT)?;
        Ok(Self {
            next: input.u32(WHAT)?,
            open: input.u32(WHAT)?,
            operator: match input.u8(WHAT)? {
                0 => None,
                1 => Some(take_amount(input, WHAT)?),
                other => return Err(invalid(WHAT, format!("flag {other}"))),
            },
        })
    }
}

/// Sums over all books; what is worth wei times 2^64, so that slashed books add exactly enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Global {
    /// Running, by term.
    pub running: Terms,
    /// Unlocking.
    pub classes: Classes,
    /// Wei of the staking pool.
    pub held: Amount,
    /// Wei of the validators' pool.
    pub income: Amount,
    /// Positions.
    pub count: u64,
}

impl Global {
    /// β times nothing else: Σ amount × `factor` of its term, and × 1 of what is locked, rounded up.
    pub(crate) fn weighted(&self, factor: impl Fn(u8) -> u32, locked_on: Option<u32>) -> Result<U256, StakingError> {
        let running = self.running.weighted(factor)?;
        let locked = locked_on.map_or(Ok(U256::ZERO), |today| self.classes.locked_ceil(today))?;
        mul_div_ceil(add(running, locked)?, U256::ONE, U256::ONE.wrapping_shl(64))
    }
}

impl Encode for Global {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.running.encode(out);
        self.classes.encode(out);
        put_amount(out, self.held);
        put_amount(out, self.income);
        put_uint(out, U256::from(self.count));
    }
}

impl Decode for Global {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "sums of staking";
        input.version(VERSION, WHAT)?;
        Ok(Self {
            running: Terms::decode(input)?,
            classes: Classes::decode(input)?,
            held: take_amount(input, WHAT)?,
            income: take_amount(input, WHAT)?,
            count: take_u64(input)?,
        })
    }
}

/// Staking's present day and month: what the sums are as of. Set before a block's transactions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// The day.
    pub day: u32,
    /// The month; 0 before the first block.
    pub month: Month,
    /// The day on which the month began here: its first block's.
    pub month_day: u32,
}

impl Encode for Clock {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.day.to_be_bytes());
        out.extend(self.month.0.to_be_bytes());
        out.extend(self.month_day.to_be_bytes());
    }
}

impl Decode for Clock {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "clock of staking";
        input.version(VERSION, WHAT)?;
        Ok(Self { day: input.u32(WHAT)?, month: Month(input.u32(WHAT)?), month_day: input.u32(WHAT)? })
    }
}

/// A number as a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Number(pub u32);

impl Encode for Number {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.0.to_be_bytes());
    }
}

impl Decode for Number {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "number")?;
        input.u32("number").map(Self)
    }
}

/// A record that says all by being there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark;

impl Encode for Mark {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
    }
}

impl Decode for Mark {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "mark")?;
        Ok(Self)
    }
}
