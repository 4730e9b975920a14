use core::fmt;

use alloy_primitives::hex;
use serde::{Deserialize, Serialize};

/// Block height. Block 0 is synthetic (D8): the genesis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Height(pub u64);

impl Height {
    /// The height after this one; the last height stays where it is.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The height before this one; 0 stays 0.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Voting power of a validator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Power(pub u64);

impl Power {
    /// CometBFT's greatest total voting power, 2^63 / 8 rounded down.
    pub const MAX_TOTAL: Self = Self(1_152_921_504_606_846_975);
}

/// Consensus time: milliseconds since 1970, from the block header (D3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Whole seconds since 1970: what the EVM's `TIMESTAMP` shows (D3).
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000
    }

    /// Milliseconds from `earlier` to this; 0 when `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The age clock (D3): milliseconds since activation, on which portions age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgeMillis(pub u64);

/// Hundredths of a percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bps(pub u16);

/// A validator's address in CometBFT: the first 20 bytes of the SHA-256 of its ed25519 key.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsensusAddress(pub [u8; 20]);

impl ConsensusAddress {
    /// The address of an ed25519 public key.
    #[must_use]
    pub fn of_ed25519(key: &[u8; 32]) -> Self {
        use sha2::Digest;
        let hash: [u8; 32] = sha2::Sha256::digest(key).into();
        let mut address = [0; 20];
        for (to, from) in address.iter_mut().zip(hash) {
            *to = from;
        }
        Self(address)
    }
}

impl TryFrom<&[u8]> for ConsensusAddress {
    type Error = core::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

impl fmt::Display for ConsensusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

impl fmt::Debug for ConsensusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ConsensusAddress {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConsensusAddress {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        hex::decode_to_array(&text).map(Self).map_err(|e| serde::de::Error::custom(format!("{text:?}: {e}")))
    }
}
