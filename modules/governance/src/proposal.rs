//! The records of proposals and votes.

use alloy_primitives::U256;
use defchain_base::{Address, Amount, CodecError, Decode, Encode, Reader, Timestamp};

use crate::{
    action::{Action, address, text},
    params::{MAX_DESCRIPTION_BYTES, MAX_REASON_BYTES, SIGNERS},
};

const VERSION: u8 = 1;

/// What a proposal is; written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Who made it and gets the deposit back.
    pub proposer: Address,
    /// What was deposited.
    pub deposit: Amount,
    /// Only positions opened before this vote.
    pub start: Timestamp,
    /// From this time on no vote is taken.
    pub end: Timestamp,
    /// β_PoD at the start: what the quorum is a third of.
    pub beta_pod: U256,
    /// What is executed.
    pub action: Action,
    /// For people.
    pub description: String,
}

/// Where a proposal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Open for votes.
    Voting,
    /// Passed; executed at its due time.
    Passed,
    /// Passed and past its timelock, but short of signers; given up at its due time.
    AwaitingSigners,
    /// Done.
    Executed,
    /// Passed, but what it asks for was not possible any more.
    Failed(String),
    /// Not enough yes.
    Rejected,
    /// Too few voted.
    NoQuorum,
    /// A third was against its being asked at all: the deposit is burned.
    Vetoed,
    /// The signers did not sign in time.
    Expired,
}

impl Status {
    /// Its number in encodings, views and events.
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::Voting => 0,
            Self::Passed => 1,
            Self::AwaitingSigners => 2,
            Self::Executed => 3,
            Self::Failed(_) => 4,
            Self::Rejected => 5,
            Self::NoQuorum => 6,
            Self::Vetoed => 7,
            Self::Expired => 8,
        }
    }

    /// Its name, as in queries.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Voting => "voting",
            Self::Passed => "passed",
            Self::AwaitingSigners => "awaitingSigners",
            Self::Executed => "executed",
            Self::Failed(_) => "failed",
            Self::Rejected => "rejected",
            Self::NoQuorum => "noQuorum",
            Self::Vetoed => "vetoed",
            Self::Expired => "expired",
        }
    }

    /// Whether something is still to come.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Voting | Self::Passed | Self::AwaitingSigners)
    }
}

/// The weights of a vote, in wei × years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// For it.
    pub yes: U256,
    /// Against it.
    pub no: U256,
    /// Neither; counts for the quorum only.
    pub abstain: U256,
    /// Against its being asked.
    pub veto: U256,
}

/// What changes about a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Where it stands.
    pub status: Status,
    /// When the next step is due; the last step's time when none is.
    pub due: Timestamp,
    /// The votes so far.
    pub tally: Tally,
}

/// How one votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Choice {
    /// For it.
    Yes = 1,
    /// Against it.
    No = 2,
    /// Neither.
    Abstain = 3,
    /// Against its being asked.
    Veto = 4,
}

impl Choice {
    /// The choice of that number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Yes,
            2 => Self::No,
            3 => Self::Abstain,
            4 => Self::Veto,
            _ => return None,
        })
    }

    /// Its name, as in queries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Abstain => "abstain",
            Self::Veto => "veto",
        }
    }
}

/// One account's vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// How.
    pub choice: Choice,
    /// With how much.
    pub weight: U256,
}

/// Addresses, ascending by nothing: signers in the order elected, approvals in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<Address>);

fn word(input: &mut Reader<'_>, what: &'static str) -> Result<U256, CodecError> {
    input.array::<32>(what).map(U256::from_be_bytes)
}

impl Encode for Proposal {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.proposer);
        out.extend(self.deposit.wei().to_be_bytes());
        out.extend(self.start.0.to_be_bytes());
        out.extend(self.end.0.to_be_bytes());
        out.extend(self.beta_pod.to_be_bytes::<32>());
        self.action.encode(out);
        out.extend(u32::try_from(self.description.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(self.description.as_bytes());
    }
}

impl Decode for Proposal {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "proposal";
        input.version(VERSION, WHAT)?;
        Ok(Self {
            proposer: address(input)?,
            deposit: input.amount(WHAT)?,
            start: Timestamp(input.u64(WHAT)?),
            end: Timestamp(input.u64(WHAT)?),
            beta_pod: word(input, WHAT)?,
            action: Action::decode(input)?,
            description: text(input, MAX_DESCRIPTION_BYTES)?,
        })
    }
}

impl Encode for Progress {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.status.number());
        if let Status::Failed(reason) = &self.status {
            out.extend(u32::try_from(reason.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend(reason.as_bytes());
        }
        out.extend(self.due.0.to_be_bytes());
        for sum in [self.tally.yes, self.tally.no, self.tally.abstain, self.tally.veto] {
            out.extend(sum.to_be_bytes::<32>());
        }
    }
}

impl Decode for Progress {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "progress of a proposal";
        input.version(VERSION, WHAT)?;
        let status = match input.u8(WHAT)? {
            0 => Status::Voting,
            1 => Status::Passed,
            2 => Status::AwaitingSigners,
            3 => Status::Executed,
            4 => Status::Failed(text(input, MAX_REASON_BYTES)?),
            5 => Status::Rejected,
            6 => Status::NoQuorum,
            7 => Status::Vetoed,
            8 => Status::Expired,
            n => return Err(CodecError::Invalid { what: WHAT, why: format!("no status {n}") }),
        };
        let due = Timestamp(input.u64(WHAT)?);
        let mut next = || word(input, WHAT);
        let tally = Tally { yes: next()?, no: next()?, abstain: next()?, veto: next()? };
        Ok(Self { status, due, tally })
    }
}

impl Encode for Vote {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.choice as u8);
        out.extend(self.weight.to_be_bytes::<32>());
    }
}

impl Decode for Vote {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "vote")?;
        let number = input.u8("vote")?;
        let choice = Choice::from_number(number)
            .ok_or_else(|| CodecError::Invalid { what: "vote", why: format!("no choice {number}") })?;
        Ok(Self { choice, weight: word(input, "vote")? })
    }
}

impl Encode for Addresses {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.iter().for_each(|a| out.extend(a));
    }
}

impl Decode for Addresses {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "addresses")?;
        let count = input.count(SIGNERS, "addresses")?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(address(input)?);
        }
        Ok(Self(list))
    }
}
