//! Who proposes: D33.

use alloy_primitives::{U512, keccak256};

/// A validator as the draw sees it: consensus address and voting power.
pub type Weighted = ([u8; 20], u64);

/// What stands for the previous block's hash at the first height.
#[must_use]
pub fn first_hash(chain_id: &str) -> [u8; 32] {
    keccak256([b"defchain/genesis", chain_id.as_bytes()].concat()).0
}

/// The seed of a round.
#[must_use]
pub fn seed(height: u64, round: u64, previous: &[u8; 32]) -> [u8; 32] {
    keccak256([&height.to_be_bytes()[..], &round.to_be_bytes(), previous].concat()).0
}

/// The seed as a number, modulo total power.
#[must_use]
pub fn target(seed: &[u8; 32], total: u64) -> u64 {
    // By hand: one byte after the other, as one divides on paper.
    let total = u128::from(total);
    seed.iter().fold(0_u128, |rest, byte| (rest * 256 + u128::from(*byte)) % total) as u64
}

/// Walks by power, then address; the first whose cumulative power exceeds the target.
#[must_use]
pub fn at(validators: &[Weighted], target: u64) -> Option<[u8; 20]> {
    let mut order = validators.to_vec();
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut cumulative = U512::ZERO;
    order.into_iter().find_map(|(address, power)| {
        cumulative += U512::from(power);
        (cumulative > U512::from(target)).then_some(address)
    })
}

/// The proposer of a round.
#[must_use]
pub fn proposer(validators: &[Weighted], height: u64, round: u64, previous: &[u8; 32]) -> Option<[u8; 20]> {
    let total = validators.iter().map(|(_, power)| power).sum();
    if total == 0 { None } else { at(validators, target(&seed(height, round, previous), total)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set of up to four validators with powers from 0 to 5.
    fn small_sets() -> impl Iterator<Item = Vec<Weighted>> {
        (0..6_u64.pow(4)).map(|n| (0..4).map(|i| ([i as u8; 20], n / 6_u64.pow(i) % 6)).collect())
    }

    #[test]
    fn over_all_targets_each_validator_is_drawn_as_often_as_it_has_power() {
        // YP 11.2.1, property 5: not nearly proportional but exactly.
        for set in small_sets() {
            let total: u64 = set.iter().map(|(_, power)| power).sum();
            let drawn: Vec<_> = (0..total).map(|target| at(&set, target)).collect();
            assert!(drawn.iter().all(Option::is_some), "somebody always proposes: {set:?}");
            for (address, power) in &set {
                let times = drawn.iter().filter(|d| **d == Some(*address)).count();
                assert_eq!(times as u64, *power, "{set:?}");
            }
        }
    }

    #[test]
    fn every_node_draws_the_same_however_it_lists_the_set() {
        for set in small_sets() {
            let total: u64 = set.iter().map(|(_, power)| power).sum();
            let turned: Vec<_> = set.iter().rev().copied().collect();
            for target in 0..total {
                assert_eq!(at(&set, target), at(&turned, target));
            }
        }
    }

    #[test]
    fn rounds_and_heights_are_drawn_anew() {
        // Ten thousand rounds of a set of 1 : 2 : 3 : 4. A share that strays by a tenth of itself would be ten times
        // what chance does.
        let set: Vec<Weighted> = (1..=4).map(|i| ([i as u8; 20], i * 100)).collect();
        let mut previous = first_hash("a chain");
        let mut times = [0_u32; 5];
        for height in 1..=2_500 {
            for round in 0..4 {
                let drawn = proposer(&set, height, round, &previous).map_or(0, |a| a[0]);
                times[usize::from(drawn)] += 1;
            }
            previous = seed(height, 9, &previous);
        }
        for i in 1..=4_u32 {
            assert!(times[i as usize].abs_diff(1_000 * i) < 100 * i, "{times:?}");
        }
    }
}
