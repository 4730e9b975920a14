//! Where dividends live, all in `def`.
//!
//! | Key | Value |
//! |---|---|
//! | `div/month/ ‖ be32(month)` | [`Snapshot`] |
//! | `div/auto/ ‖ be64(time) ‖ owner ‖ be32(id)` | mark: when the position is compounded next |

use defchain_base::{
    Address, Amount, CodecError, Decode, Encode, Height, Month, Reader, StateKey, Substore, Timestamp, U256,
};
use defchain_staking::{PositionId, records::Mark};

const VERSION: u8 = 1;

/// A month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotKey(pub Month);

impl SnapshotKey {
    /// What the keys begin with.
    pub const PREFIX: &'static [u8] = b"div/month/";
}

impl StateKey for SnapshotKey {
    type Value = Snapshot;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(Self::PREFIX);
        out.extend(self.0.0.to_be_bytes());
    }
}

/// A position's place in the auto-compound queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AutoKey(pub Timestamp, pub Address, pub PositionId);

impl AutoKey {
    /// What the keys begin with.
    pub const PREFIX: &'static [u8] = b"div/auto/";

    /// Reads a key back.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(key: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(key.get(Self::PREFIX.len()..).unwrap_or_default());
        let at = Timestamp(reader.u64("auto-compound key")?);
        let owner = Address::from(reader.array::<20>("auto-compound key")?);
        let id = PositionId(reader.u32("auto-compound key")?);
        reader.finish()?;
        Ok(Self(at, owner, id))
    }
}

impl StateKey for AutoKey {
    type Value = Mark;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(Self::PREFIX);
        out.extend(self.0.0.to_be_bytes());
        out.extend_from_slice(self.1.as_slice());
        out.extend(self.2.0.to_be_bytes());
    }
}

/// What was fixed at the first block of a month (D26).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// That block.
    pub height: Height,
    /// Its time.
    pub time: Timestamp,
    /// Balance of the dividend pool.
    pub pool: Amount,
    /// β: Σ amount × multiplier, rounded up.
    pub beta: U256,
    /// Multipliers by term: governance may change them during the month.
    pub multipliers: [u32; 12],
    /// Claimed and compounded so far; never above `pool`.
    pub claimed: Amount,
    /// By how many positions.
    pub claims: u64,
}

impl Snapshot {
    /// Multiplier of a term; 0 years is the locked part of an ended position, which earns once (D24).
    #[must_use]
    pub fn multiplier(&self, years: u8) -> u32 {
        match usize::from(years).checked_sub(1) {
            None => 1,
            Some(at) => self.multipliers.get(at).copied().unwrap_or(0),
        }
    }
}

impl Encode for Snapshot {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.height.0.to_be_bytes());
        out.extend(self.time.0.to_be_bytes());
        out.extend(self.pool.wei().to_be_bytes());
        out.extend(self.beta.to_be_bytes::<32>());
        for multiplier in self.multipliers {
            out.extend(multiplier.to_be_bytes());
        }
        out.extend(self.claimed.wei().to_be_bytes());
        out.extend(self.claims.to_be_bytes());
    }
}

impl Decode for Snapshot {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "month";
        input.version(VERSION, WHAT)?;
        let (height, time) = (Height(input.u64(WHAT)?), Timestamp(input.u64(WHAT)?));
        let (pool, beta) = (input.amount(WHAT)?, U256::from_be_bytes(input.array::<32>(WHAT)?));
        let mut multipliers = [0; 12];
        for multiplier in &mut multipliers {
            *multiplier = input.u32(WHAT)?;
        }
        let (claimed, claims) = (input.amount(WHAT)?, input.u64(WHAT)?);
        Ok(Self { height, time, pool, beta, multipliers, claimed, claims })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use defchain_base::read_exact_value;

    use super::*;

    #[test]
    fn encodings_are_frozen() {
        assert_eq!(SnapshotKey(Month(202_611)).to_key(), b"div/month/\x00\x03\x17\x73");
        let key = AutoKey(Timestamp(1), Address::repeat_byte(0x11), PositionId(2));
        let bytes = [&b"div/auto/\x00\x00\x00\x00\x00\x00\x00\x01"[..], &[0x11; 20], &[0, 0, 0, 2]].concat();
        assert_eq!(key.to_key(), bytes);
        assert_eq!(AutoKey::read(&bytes).unwrap(), key);
        let snapshot = Snapshot {
            height: Height(7),
            time: Timestamp(8),
            pool: Amount::from_wei(9),
            beta: U256::from(10),
            multipliers: [1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 16, 20],
            claimed: Amount::from_wei(3),
            claims: 1,
        };
        let bytes = snapshot.to_bytes();
        assert_eq!(bytes.len(), 137);
        assert_eq!(read_exact_value::<Snapshot>(&bytes).unwrap(), snapshot);
    }
}
