//! Random numbers from one seed. Each concern draws from a stream of its own, so that a change in how much one of them
//! draws leaves the others as they were.

/// A stream of random numbers (splitmix64). Same seed and label, same numbers.
#[derive(Debug, Clone)]
pub struct Stream(u64);

impl Stream {
    /// The stream of a concern.
    #[must_use]
    pub fn new(seed: u64, label: &str) -> Self {
        let mut stream = Self(seed);
        for byte in label.bytes() {
            stream.0 = stream.next_u64() ^ u64::from(byte);
        }
        Self(stream.next_u64())
    }

    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias is 2^-64 × end: nothing here could tell.
        u64::try_from((u128::from(self.next_u64()) * u128::from(end)) >> 64).unwrap_or(0)
    }

    /// An index into something of that length.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A number of `from..=to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of these; `None` of none.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.index(list.len()))
    }

    /// Any order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.index(last + 1));
        }
    }

    /// Random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next_u64() as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_seed_and_label() {
        let take = |seed, label| {
            let mut stream = Stream::new(seed, label);
            (0..8).map(|_| stream.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(take(1, "time"), take(1, "time"));
        assert_ne!(take(1, "time"), take(2, "time"));
        assert_ne!(take(1, "time"), take(1, "traffic"));
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut stream = Stream::new(7, "range");
        let drawn: std::collections::BTreeSet<u64> = (0..1_000).map(|_| stream.between(3, 9)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), (3..=9).collect::<Vec<_>>());
        assert_eq!((stream.below(0), stream.index(0), stream.pick::<u8>(&[])), (0, 0, None));
        let hits = (0..10_000).filter(|_| stream.chance(250)).count();
        assert!((2_200..2_800).contains(&hits), "{hits}");
    }
}
