//! Voting power: D27.

use alloy_primitives::U512;

/// Splits `total` in proportion to weights: each gets its share rounded down, and what is left goes one by one to the
/// largest remainders, ties by ascending id. Weights of zero get nothing. All zero: nobody gets anything.
#[must_use]
pub fn normalise(weights: &[(u64, u128)], total: u64) -> Vec<(u64, u64)> {
    let wide = |w: u128| U512::from(w);
    let sum = weights.iter().fold(U512::ZERO, |sum, (_, w)| sum + wide(*w));
    if sum.is_zero() {
        return Vec::new();
    }
    // (id, whole share, remainder)
    let mut shares: Vec<(u64, u64, U512)> = weights
        .iter()
        .filter(|(_, w)| *w > 0)
        .map(|(id, w)| {
            let exact = wide(*w) * U512::from(total);
            (*id, (exact / sum).to::<u64>(), exact % sum)
        })
        .collect();
    let given: u64 = shares.iter().map(|(_, share, _)| share).sum();
    shares.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
    for share in shares.iter_mut().take((total - given) as usize) {
        share.1 += 1;
    }
    let mut powers: Vec<(u64, u64)> = shares.into_iter().map(|(id, share, _)| (id, share)).collect();
    powers.sort_unstable();
    powers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CometBFT's limit is `(2^63 − 1) / 8`; the chain's total stands below it.
    const REAL_TOTAL: u64 = 1_000_000_000_000_000_000;

    /// Every list of up to four weights from 0 to 7.
    fn small_sets() -> impl Iterator<Item = Vec<(u64, u128)>> {
        (0..8_u32.pow(4)).map(|n| (0..4).map(|i| (u64::from(i), u128::from(n / 8_u32.pow(i) % 8))).collect())
    }

    #[test]
    fn powers_sum_exactly_follow_weights_and_are_off_by_less_than_one() {
        for weights in small_sets() {
            let sum: u128 = weights.iter().map(|(_, w)| w).sum();
            for total in [1, 7, 10, 100, REAL_TOTAL] {
                let powers = normalise(&weights, total);
                if sum == 0 {
                    assert!(powers.is_empty());
                    continue;
                }
                assert_eq!(powers.iter().map(|(_, p)| p).sum::<u64>(), total, "{weights:?}");
                for (id, power) in &powers {
                    let weight = weights.iter().find(|(i, _)| i == id).map_or(0, |(_, w)| *w);
                    let exact = weight * u128::from(total);
                    assert!((u128::from(*power) * sum).abs_diff(exact) < sum, "{weights:?} {total}: {powers:?}");
                    for (other, other_power) in &powers {
                        let other_weight = weights.iter().find(|(i, _)| i == other).map_or(0, |(_, w)| *w);
                        assert!(weight <= other_weight || power >= other_power, "{weights:?} {total}: {powers:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_order_in_which_validators_are_listed_does_not_show() {
        for weights in small_sets() {
            let mut turned = weights.clone();
            turned.reverse();
            assert_eq!(normalise(&weights, 100), normalise(&turned, 100));
        }
    }
}
