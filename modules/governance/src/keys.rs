//! Where governance keeps what it knows. All in `def`; parameters in `sys` under `params/governance`.
//!
//! | Key | Value | Example |
//! |---|---|---|
//! | `gov/next` | number of the next proposal | |
//! | `gov/prop/ ‖ be64(id)` | [`Proposal`] | `676f762f70726f702f 0000000000000001` |
//! | `gov/progress/ ‖ be64(id)` | [`Progress`] | |
//! | `gov/vote/ ‖ be64(id) ‖ voter` | [`Vote`] | |
//! | `gov/due/ ‖ be64(time) ‖ be64(id)` | nothing: the queue of next steps | |
//! | `gov/approval/ ‖ be64(id)` | [`Addresses`] of signers | |
//! | `gov/signers` | [`Addresses`], nine or none | |

use defchain_base::{Address, CodecError, Decode, Encode, Reader, StateKey, Substore, Timestamp};

use crate::proposal::{Addresses, Progress, Proposal, Vote};

/// Number of the next proposal.
#[derive(Debug, Clone, Copy)]
pub struct NextKey;

/// A proposal.
#[derive(Debug, Clone, Copy)]
pub struct ProposalKey(pub u64);

/// Its progress.
#[derive(Debug, Clone, Copy)]
pub struct ProgressKey(pub u64);

/// A vote on it.
#[derive(Debug, Clone, Copy)]
pub struct VoteKey(pub u64, pub Address);

/// The queue of next steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueKey(pub Timestamp, pub u64);

/// Approvals of a spending.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalKey(pub u64);

/// The signers in office.
#[derive(Debug, Clone, Copy)]
pub struct SignersKey;

/// A number as a record: version byte, 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub u64);

/// A record that is there or not: version byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark;

pub(crate) const DUE: &[u8] = b"gov/due/";
pub(crate) const VOTE: &[u8] = b"gov/vote/";

macro_rules! def_key {
    ($key:ty, $value:ty, |$this:ident, $out:ident| $encode:expr) => {
        impl StateKey for $key {
            type Value = $value;
            const SUBSTORE: Substore = Substore::Def;

            fn encode_key(&self, $out: &mut Vec<u8>) {
                let $this = self;
                $encode
            }
        }
    };
}

def_key!(NextKey, Number, |_this, out| out.extend(b"gov/next"));
def_key!(ProposalKey, Proposal, |this, out| {
    out.extend(b"gov/prop/");
    out.extend(this.0.to_be_bytes());
});
def_key!(ProgressKey, Progress, |this, out| {
    out.extend(b"gov/progress/");
    out.extend(this.0.to_be_bytes());
});
def_key!(VoteKey, Vote, |this, out| {
    out.extend(VOTE);
    out.extend(this.0.to_be_bytes());
    out.extend(this.1);
});
def_key!(DueKey, Mark, |this, out| {
    out.extend(DUE);
    out.extend(this.0.0.to_be_bytes());
    out.extend(this.1.to_be_bytes());
});
def_key!(ApprovalKey, Addresses, |this, out| {
    out.extend(b"gov/approval/");
    out.extend(this.0.to_be_bytes());
});
def_key!(SignersKey, Addresses, |_this, out| out.extend(b"gov/signers"));

impl DueKey {
    pub(crate) fn parse(key: &[u8]) -> Result<Self, CodecError> {
        let mut input = Reader::new(key);
        input.take(DUE.len(), "due key")?;
        let found = Self(Timestamp(input.u64("due key")?), input.u64("due key")?);
        input.finish()?;
        Ok(found)
    }
}

impl Encode for Number {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.extend(self.0.to_be_bytes());
    }
}

impl Decode for Number {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(1, "number")?;
        input.u64("number").map(Self)
    }
}

impl Encode for Mark {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
    }
}

impl Decode for Mark {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(1, "mark").map(|()| Self)
    }
}
