//! What the driver of a development chain declares for the next block, beside what ABCI carries: time travel, edits of
//! state, a base fee. Empty on every network.
//!
//! ```text
//!  driver::DevNode ──declare──▶ Shared.declared ──▶ BlockRun (edits first, then the block's own steps), pool, readers
//! ```
//!
//! Only [`crate::Chain::open_dev`] makes a chain that takes declarations, and such a chain ends itself when CometBFT
//! says hello: nothing of this can reach a network. What is declared for one block is bound to its parent's hash, is
//! part of the block's hash, and is stored with the block, so that the block can be executed again from its records.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use defchain_base::{
    Address, AgeMillis, B256, CodecError, Decode, Encode, Overlay, Reader, StateDelta, Substore, Timestamp, keccak256,
};
use defchain_evm::BlockEnv;

use crate::{reader::StateAt, records::Header};

const EDITS_VERSION: u8 = 1;

/// This node's clock. Never part of consensus: only a guess of the next block's time.
pub(crate) fn system_now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// The clock by which blocks get their time: the system's, moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DevClock {
    /// Milliseconds that it is ahead of the system's clock; negative when behind.
    pub offset_ms: i64,
    /// The next block's time, if it was set.
    pub exact: Option<Timestamp>,
    /// Milliseconds from each block to the next, if that was set.
    pub step_ms: Option<u64>,
}

impl DevClock {
    /// What it shows when the system's clock shows `system`.
    #[must_use]
    pub const fn at(&self, system: Timestamp) -> Timestamp {
        Timestamp(system.0.saturating_add_signed(self.offset_ms))
    }

    /// The time of the block after `parent`, if it came now: always later than the parent's.
    #[must_use]
    pub fn next_block(&self, parent: Timestamp, system: Timestamp) -> Timestamp {
        let wanted = match (self.exact, self.step_ms) {
            (Some(exact), _) => exact,
            (None, Some(step)) => Timestamp(parent.0.saturating_add(step)),
            (None, None) => self.at(system),
        };
        wanted.max(Timestamp(parent.0.saturating_add(1)))
    }

    /// Follows a block: what was set for it alone is used up, and the clock goes on from a time that was not its own.
    pub(crate) fn follow(&mut self, block: Timestamp, system: Timestamp) {
        let set = self.exact.take().is_some() || self.step_ms.is_some();
        if set || block > self.at(system) {
            self.offset_ms = difference(block, system);
        }
    }
}

/// `a - b` in milliseconds.
pub(crate) fn difference(a: Timestamp, b: Timestamp) -> i64 {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    signed(a.0).saturating_sub(signed(b.0))
}

/// For one block.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForNext {
    /// Its parent: for the child of any other block it says nothing.
    pub on: B256,
    /// State with what was set by hand; its delta opens the block.
    pub edits: Option<Arc<Overlay<StateAt>>>,
    /// Base fee, wei per gas.
    pub base_fee: Option<u64>,
    /// `PREVRANDAO`.
    pub prev_randao: Option<B256>,
}

/// All declarations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    /// Whether this is a development chain at all.
    pub dev: bool,
    /// When blocks are made.
    pub clock: DevClock,
    /// Who earns what blocks earn, instead of the proposer's operator.
    pub coinbase: Option<Address>,
    /// For the next block.
    pub next: ForNext,
}

impl Declared {
    /// What was declared for the child of the block of this hash.
    pub fn after(&self, parent: &B256) -> Option<&ForNext> {
        (self.dev && self.next.on == *parent).then_some(&self.next)
    }

    /// The newest state as edited, if it was.
    pub fn edits(&self, parent: &B256) -> Option<&Arc<Overlay<StateAt>>> {
        self.after(parent)?.edits.as_ref()
    }

    /// The next block's environment with what was declared for it.
    pub fn apply(&self, parent: &Header, mut env: BlockEnv) -> BlockEnv {
        if self.dev {
            // Dev time travel moves both clocks (D3): money ages by the whole jump, not by a block's drift. Genesis may lie
            // long before the first block: that block ages by what was travelled alone.
            let elapsed = env.time.millis_since(parent.time);
            let travelled = u64::try_from(self.clock.offset_ms).unwrap_or(0);
            let aged = if parent.height.0 == 0 { elapsed.min(travelled) } else { elapsed };
            env.age = AgeMillis(parent.age.0.saturating_add(aged));
        }
        if let Some(coinbase) = self.coinbase {
            env.beneficiary = coinbase;
        }
        if let Some(next) = self.after(&parent.hash) {
            env.base_fee = next.base_fee.unwrap_or(env.base_fee);
            env.prev_randao = next.prev_randao.unwrap_or(env.prev_randao);
        }
        env
    }

    /// What the store keeps of it: the edits, for whoever executes the block again.
    pub fn record(&self, parent: &B256) -> Vec<u8> {
        self.edits(parent).map_or_else(Vec::new, |edited| Edits(edited.delta().clone()).to_bytes())
    }

    /// What the block's hash must depend on; none when nothing was declared.
    pub fn digest(&self, parent: &B256) -> Option<B256> {
        let next = self.after(parent);
        let mut bytes = self.record(parent);
        let words = [
            self.coinbase.map(|address| address.into_word()),
            next.and_then(|next| next.base_fee).map(|fee| B256::left_padding_from(&fee.to_be_bytes())),
            next.and_then(|next| next.prev_randao),
        ];
        if bytes.is_empty() && words.iter().all(Option::is_none) {
            return None;
        }
        for word in words {
            bytes.push(u8::from(word.is_some()));
            bytes.extend_from_slice(word.unwrap_or_default().as_slice());
        }
        Some(keccak256(bytes))
    }
}

/// Edits of state as they are stored: version ‖ (substore ‖ key length ‖ key ‖ 0, or 1 ‖ length ‖ value) …
pub(crate) struct Edits(pub StateDelta);

impl Encode for Edits {
    fn encode(&self, out: &mut Vec<u8>) {
        let length = |out: &mut Vec<u8>, n: usize| out.extend(u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes());
        out.push(EDITS_VERSION);
        for (substore, changes) in self.0.iter() {
            for (key, value) in changes {
                out.push(substore as u8);
                length(out, key.len());
                out.extend_from_slice(key);
                out.push(u8::from(value.is_some()));
                if let Some(value) = value {
                    length(out, value.len());
                    out.extend_from_slice(value);
                }
            }
        }
    }
}

impl Decode for Edits {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "edits of a development block";
        input.version(EDITS_VERSION, WHAT)?;
        let mut delta = StateDelta::default();
        let mut last = None;
        while input.left() > 0 {
            let number = input.u8(WHAT)?;
            let substore = Substore::ALL.into_iter().find(|substore| *substore as u8 == number);
            let substore = substore
                .ok_or_else(|| CodecError::Invalid { what: WHAT, why: format!("substore {number} does not exist") })?;
            let bytes = |input: &mut Reader<'_>| {
                let length = usize::try_from(input.u32(WHAT)?).unwrap_or(usize::MAX);
                input.take(length, WHAT).map(<[u8]>::to_vec)
            };
            let key = bytes(input)?;
            let value = match input.u8(WHAT)? {
                0 => None,
                1 => Some(bytes(input)?.into()),
                _ => return Err(CodecError::NotCanonical(WHAT)),
            };
            // One encoding of one set of edits (D8b): ascending, each key once.
            let place = Some((number, key.clone()));
            if last >= place {
                return Err(CodecError::NotCanonical(WHAT));
            }
            last = place;
            delta.set(substore, key, value);
        }
        Ok(Self(delta))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use defchain_base::read_exact_value;

    use super::*;

    #[test]
    fn edits_travel_round_and_their_bytes_are_frozen() {
        let mut delta = StateDelta::default();
        delta.set(Substore::Evm, b"ab".to_vec(), Some(b"xyz".to_vec().into()));
        delta.set(Substore::Evm, b"c".to_vec(), None);
        let bytes = Edits(delta.clone()).to_bytes();
        let number = Substore::Evm as u8;
        let mut expected = vec![1, number, 0, 0, 0, 2, b'a', b'b', 1, 0, 0, 0, 3, b'x', b'y', b'z'];
        expected.extend([number, 0, 0, 0, 1, b'c', 0]);
        assert_eq!(bytes, expected);
        assert_eq!(read_exact_value::<Edits>(&bytes).unwrap().0, delta);
        assert!(read_exact_value::<Edits>(&[1, 99, 0, 0, 0, 0, 0]).is_err());
        assert!(read_exact_value::<Edits>(&[1, number, 0xff, 0xff, 0xff, 0xff]).is_err());
        let (first, second) = (&expected[1..16], &expected[16..]);
        for twisted in [[&[1], second, first].concat(), [&[1], first, first].concat()] {
            assert_eq!(
                read_exact_value::<Edits>(&twisted).err(),
                Some(CodecError::NotCanonical("edits of a development block"))
            );
        }
        assert!(read_exact_value::<Edits>(&[1, number, 0, 0, 0, 1, b'c', 2]).is_err(), "neither set nor deleted");
    }

    #[test]
    fn blocks_never_stand_still_and_the_clock_goes_on_from_a_time_that_was_set() {
        let (parent, system) = (Timestamp(10_000), Timestamp(20_000));
        let mut clock = DevClock::default();
        assert_eq!(clock.next_block(parent, system), system);
        assert_eq!(clock.next_block(Timestamp(30_000), system), Timestamp(30_001));
        clock.exact = Some(Timestamp(100_000));
        assert_eq!(clock.next_block(parent, system), Timestamp(100_000));
        clock.follow(Timestamp(100_000), system);
        assert_eq!((clock.exact, clock.at(Timestamp(20_500))), (None, Timestamp(100_500)));
        clock.step_ms = Some(3_000);
        assert_eq!(clock.next_block(Timestamp(100_000), Timestamp(99_000_000)), Timestamp(103_000));
    }
}
