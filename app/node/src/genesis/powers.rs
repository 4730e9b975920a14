//! Weights to voting powers (D27).

/// Every network's total voting power.
pub const TOTAL_POWER: u64 = 1_000_000_000_000_000_000;

/// Shares of [`TOTAL_POWER`] by weight: by largest remainder, ties to the one that comes first. The sum is exact.
/// Nothing when all weights are zero.
#[must_use]
pub fn normalise(weights: &[u64]) -> Option<Vec<u64>> {
    let sum: u128 = weights.iter().map(|w| u128::from(*w)).sum();
    if sum == 0 {
        return None;
    }
    let total = u128::from(TOTAL_POWER);
    // u64 times 10^18 fits 128 bits.
    let mut shares: Vec<(u64, u128)> = weights
        .iter()
        .map(|w| {
            let product = u128::from(*w) * total;
            (u64::try_from(product / sum).unwrap_or(u64::MAX), product % sum)
        })
        .collect();
    let given: u64 = shares.iter().map(|(share, _)| share).sum();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(shares.get(*i).map(|(_, remainder)| *remainder)));
    let missing = usize::try_from(TOTAL_POWER - given).unwrap_or(usize::MAX);
    for i in order.into_iter().take(missing) {
        if let Some((share, _)) = shares.get_mut(i) {
            *share += 1;
        }
    }
    Some(shares.into_iter().map(|(share, _)| share).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn shares_add_up_exactly_whatever_the_weights() {
        for weights in [vec![1, 1, 1], vec![7; 195], vec![u64::MAX; 3], vec![19, 24, 27, 30], vec![1, u64::MAX]] {
            let shares = normalise(&weights).unwrap();
            assert_eq!(shares.iter().map(|s| u128::from(*s)).sum::<u128>(), u128::from(TOTAL_POWER), "{weights:?}");
        }
        assert_eq!(normalise(&[0, 0]), None);
    }

    #[test]
    fn the_remainder_goes_to_the_first_of_equals() {
        let third = TOTAL_POWER / 3;
        assert_eq!(normalise(&[1, 1, 1]).unwrap(), [third + 1, third, third]);
        assert_eq!(normalise(&[19, 81]).unwrap(), [TOTAL_POWER / 100 * 19, TOTAL_POWER / 100 * 81]);
    }
}
