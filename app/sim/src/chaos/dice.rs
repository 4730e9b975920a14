//! Chance from a seed.

/// Chance from a seed: the same seed, the same faults.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice of one scenario: each has its own, so that another scenario before it changes nothing.
    #[must_use]
    pub fn new(seed: u64, scenario: &str) -> Self {
        let mut state = seed;
        for byte in scenario.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        Self { state }
    }

    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub const fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.next() % n }
    }

    /// One of the numbers below `n`.
    pub fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or(0)
    }
}

/// The finisher of splitmix64.
const fn mix(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_and_each_scenario_its_own() {
        let draw = |seed, name| {
            let mut dice = Dice::new(seed, name);
            (0..20).map(|_| dice.below(8)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "kill"), draw(1, "kill"));
        assert_ne!(draw(1, "kill"), draw(2, "kill"));
        assert_ne!(draw(1, "kill"), draw(1, "pause"));
        let mut seen = draw(3, "kill");
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 4, "eight faces, twenty throws: {seen:?}");
    }
}
