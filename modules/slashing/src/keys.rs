//! Where slashing keeps what it knows. All in `def`; parameters in `sys` under `params/slashing`.
//!
//! | Key | Value | Example |
//! |---|---|---|
//! | `slash/next` | number of the next evidence | |
//! | `slash/ev/ ‖ be64(id)` | [`Evidence`] | `736c6173682f65762f 0000000000000001` |
//! | `slash/by/ ‖ operator ‖ be64(id)` | nothing: the evidence of a validator | |
//! | `slash/past/ ‖ operator` | [`Standing`] | |
//! | `slash/key/ ‖ consensus address` | number: the evidence that compromised the key | |
//! | `slash/warned/ ‖ operator` | number: since when it was absent as it was warned | |
//! | `slash/hour/ ‖ be64(hour of the age clock)` | number: the first height of the hour | |
//! | `slash/minute` | number: the minute of the age clock of the last check of absences | |
//! | `slash/chain` | CometBFT's chain id | |

use defchain_base::{Address, CodecError, ConsensusAddress, Decode, Encode, Reader, StateKey, Substore};

use crate::records::{Evidence, Standing};

const MAX_CHAIN_ID_BYTES: usize = 50;

/// Number of the next evidence.
#[derive(Debug, Clone, Copy)]
pub struct NextKey;

/// A punished fault.
#[derive(Debug, Clone, Copy)]
pub struct EvidenceKey(pub u64);

/// A validator's evidence.
#[derive(Debug, Clone, Copy)]
pub struct ByOperatorKey(pub Address, pub u64);

/// What is remembered of a validator.
#[derive(Debug, Clone, Copy)]
pub struct PastKey(pub Address);

/// A compromised key.
#[derive(Debug, Clone, Copy)]
pub struct SpentKey(pub ConsensusAddress);

/// A warned validator.
#[derive(Debug, Clone, Copy)]
pub struct WarnedKey(pub Address);

/// The first height of an hour.
#[derive(Debug, Clone, Copy)]
pub struct HourKey(pub u64);

/// The last check of absences.
#[derive(Debug, Clone, Copy)]
pub struct MinuteKey;

/// CometBFT's chain id.
#[derive(Debug, Clone, Copy)]
pub struct ChainKey;

/// A number as a record: version byte, 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub u64);

/// A record that is there or not: version byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark;

/// A chain id as a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainId(pub String);

pub(crate) const HOUR: &[u8] = b"slash/hour/";
pub(crate) const BY_OPERATOR: &[u8] = b"slash/by/";

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

def_key!(NextKey, Number, |_this, out| out.extend(b"slash/next"));
def_key!(EvidenceKey, Evidence, |this, out| {
    out.extend(b"slash/ev/");
    out.extend(this.0.to_be_bytes());
});
def_key!(ByOperatorKey, Mark, |this, out| {
    out.extend(BY_OPERATOR);
    out.extend(this.0);
    out.extend(this.1.to_be_bytes());
});
def_key!(PastKey, Standing, |this, out| {
    out.extend(b"slash/past/");
    out.extend(this.0);
});
def_key!(SpentKey, Number, |this, out| {
    out.extend(b"slash/key/");
    out.extend(this.0.0);
});
def_key!(WarnedKey, Number, |this, out| {
    out.extend(b"slash/warned/");
    out.extend(this.0);
});
def_key!(HourKey, Number, |this, out| {
    out.extend(HOUR);
    out.extend(this.0.to_be_bytes());
});
def_key!(MinuteKey, Number, |_this, out| out.extend(b"slash/minute"));
def_key!(ChainKey, ChainId, |_this, out| out.extend(b"slash/chain"));

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

impl Encode for ChainId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(self.0.as_bytes());
    }
}

impl Decode for ChainId {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(1, "chain id")?;
        let bytes = input.bytes(MAX_CHAIN_ID_BYTES, "chain id")?;
        String::from_utf8(bytes.to_vec())
            .map(Self)
            .map_err(|e| CodecError::Invalid { what: "chain id", why: e.to_string() })
    }
}
