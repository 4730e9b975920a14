//! Who is absent, whose removal waits, what was counted.

use defchain_base::{Address, AgeMillis, CodecError, Decode, Encode, Height, Reader};
use serde::{Deserialize, Serialize};

use super::{MAX_SET, VERSION, flag, option, put_option};

/// A validator that is absent since some height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// Who.
    pub operator: Address,
    /// The first height whose commit lacks it.
    pub from: Height,
    /// The age clock when that was seen: its last sign of life.
    pub since: AgeMillis,
}

/// All that are absent, by ascending operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DownList(pub Vec<Down>);

impl Encode for DownList {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        for Down { operator, from, since } in &self.0 {
            out.extend(operator);
            out.extend(from.0.to_be_bytes());
            out.extend(since.0.to_be_bytes());
        }
    }
}

impl Decode for DownList {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "absent validators")?;
        let count = input.count(MAX_SET, "absent validators")?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(Down {
                operator: Address::new(input.array("operator")?),
                from: Height(input.u64("absent from")?),
                since: AgeMillis(input.u64("absent since")?),
            });
        }
        if !list.is_sorted_by(|a, b| a.operator < b.operator) {
            return Err(CodecError::NotCanonical("absent validators"));
        }
        Ok(Self(list))
    }
}

/// Removals from the set that wait, by ascending operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removals(pub Vec<Removal>);

/// A removal from the set that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// Who.
    pub operator: Address,
    /// Whether D28 made it wait for the boundary, which was said in an event.
    pub deferred: bool,
}

impl Encode for Removals {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        for Removal { operator, deferred } in &self.0 {
            out.extend(operator);
            out.push(u8::from(*deferred));
        }
    }
}

impl Decode for Removals {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "removals")?;
        let count = input.count(MAX_SET, "removals")?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(Removal { operator: Address::new(input.array("operator")?), deferred: flag(input, "deferred")? });
        }
        if !list.is_sorted_by(|a, b| a.operator < b.operator) {
            return Err(CodecError::NotCanonical("removals"));
        }
        Ok(Self(list))
    }
}

/// What a validator did, kept so that a block writes it only for its proposer and for who comes, goes, or returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blocks it proposed.
    pub proposed: u64,
    /// Heights it was to sign in earlier memberships of the set.
    pub earlier: u64,
    /// Heights it missed in absences that ended.
    pub missed: u64,
    /// Since when it is in the newest set, if it is.
    pub member_from: Option<Height>,
    /// The end of the last of the earlier memberships, which may lie two heights ahead.
    pub last_end: Height,
}

impl Tally {
    /// Heights below `height` that it was to sign.
    #[must_use]
    pub const fn heights_before(&self, height: Height) -> u64 {
        let ahead = self.last_end.0.saturating_sub(height.0);
        let member = match self.member_from {
            Some(from) => height.0.saturating_sub(from.0),
            None => 0,
        };
        self.earlier.saturating_sub(ahead).saturating_add(member)
    }
}

impl Encode for Tally {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.proposed.to_be_bytes());
        out.extend(self.earlier.to_be_bytes());
        out.extend(self.missed.to_be_bytes());
        put_option(out, self.member_from.map(|h| h.0.to_be_bytes()));
        out.extend(self.last_end.0.to_be_bytes());
    }
}

impl Decode for Tally {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "tally")?;
        Ok(Self {
            proposed: input.u64("proposed")?,
            earlier: input.u64("earlier")?,
            missed: input.u64("missed")?,
            member_from: option(input, "member from")?.map(|b| Height(u64::from_be_bytes(b))),
            last_end: Height(input.u64("last end")?),
        })
    }
}

/// An operator's address as a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator(pub Address);

impl Encode for Operator {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.0);
    }
}

impl Decode for Operator {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "operator")?;
        input.array("operator").map(|b| Self(Address::new(b)))
    }
}
