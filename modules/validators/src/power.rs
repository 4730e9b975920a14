//! Voting power from weights (D27): whole units, a fixed total, nothing lost to rounding.

use defchain_base::{ConsensusAddress, U256};

/// The sum of all voting power: 10^18, below CometBFT's 2^63 / 8.
pub const TOTAL_POWER: u64 = 1_000_000_000_000_000_000;
const _: () = assert!(TOTAL_POWER <= defchain_base::Power::MAX_TOTAL.0);

/// Powers for these weights, in their order. Each gets the whole part of its share of [`TOTAL_POWER`]; what is left goes
/// one by one to the largest remainders, ties by ascending consensus address. The sum is exactly [`TOTAL_POWER`]; all are
/// zero when all weights are. Weights are below 2^192, which Σ amount × years of a 128-bit supply never reaches.
#[must_use]
pub fn normalise(weights: &[(ConsensusAddress, U256)]) -> Vec<u64> {
    let total = weights.iter().fold(U256::ZERO, |sum, (_, w)| sum.saturating_add(*w));
    if total.is_zero() {
        return vec![0; weights.len()];
    }
    let mut left = TOTAL_POWER;
    let mut shares: Vec<(usize, u64, U256)> = Vec::with_capacity(weights.len());
    for (i, (_, weight)) in weights.iter().enumerate() {
        let (whole, remainder) = weight.saturating_mul(U256::from(TOTAL_POWER)).div_rem(total);
        // A share of the total is at most the total.
        let whole = u64::try_from(whole).unwrap_or(TOTAL_POWER);
        left = left.saturating_sub(whole);
        shares.push((i, whole, remainder));
    }
    let address = |i: usize| weights.get(i).map(|(a, _)| *a);
    shares.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| address(a.0).cmp(&address(b.0))));
    for (_, power, _) in &mut shares {
        // The remainders sum to less than one unit each: `left` is below the number of those that are not zero.
        if left == 0 {
            break;
        }
        *power = power.saturating_add(1);
        left = left.saturating_sub(1);
    }
    shares.sort_by_key(|(i, ..)| *i);
    shares.into_iter().map(|(_, power, _)| power).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn address(n: u8) -> ConsensusAddress {
        ConsensusAddress([n; 20])
    }

    fn weights(of: &[u128]) -> Vec<(ConsensusAddress, U256)> {
        of.iter().enumerate().map(|(i, w)| (address(u8::try_from(i).unwrap()), U256::from(*w))).collect()
    }

    #[test]
    fn d27_largest_remainders_get_the_rest_ties_by_ascending_address() {
        assert_eq!(normalise(&weights(&[1, 1])), [TOTAL_POWER / 2; 2]);
        let third = TOTAL_POWER / 3;
        assert_eq!(normalise(&weights(&[5, 5, 5])), [third + 1, third, third]);
        // The same with addresses the other way round.
        let mut reversed = weights(&[5, 5, 5]);
        (reversed[0].0, reversed[2].0) = (reversed[2].0, reversed[0].0);
        assert_eq!(normalise(&reversed), [third, third, third + 1]);
        // 2/7 leaves the larger remainder: 10^18 mod 7 = 1, so shares 1/7 and 2/7 and 4/7 leave 1/7, 2/7 and 4/7.
        let seventh = TOTAL_POWER / 7;
        assert_eq!(TOTAL_POWER % 7, 1);
        assert_eq!(normalise(&weights(&[1, 2, 4])), [seventh, 2 * seventh, 4 * seventh + 1]);
    }

    #[test]
    fn no_weight_is_no_power() {
        assert_eq!(normalise(&[]), Vec::<u64>::new());
        assert_eq!(normalise(&weights(&[0, 0])), [0, 0]);
        assert_eq!(normalise(&weights(&[0, 3])), [0, TOTAL_POWER]);
        // Too little for one unit.
        assert_eq!(normalise(&weights(&[1, u128::MAX])), [0, TOTAL_POWER]);
        assert_eq!(normalise(&weights(&[u128::MAX, u128::MAX])), [TOTAL_POWER / 2; 2]);
    }

    proptest! {
        #[test]
        fn d27_195_powers_sum_to_the_total_and_no_share_is_off_by_a_unit(
            of in prop::collection::vec(prop_oneof![any::<u128>(), 0..1_000_u128], 1..=195),
        ) {
            let weights = weights(&of);
            let powers = normalise(&weights);
            let total = weights.iter().fold(U256::ZERO, |s, (_, w)| s + w);
            if total.is_zero() {
                prop_assert!(powers.iter().all(|p| *p == 0));
                return Ok(());
            }
            prop_assert_eq!(powers.iter().map(|p| u128::from(*p)).sum::<u128>(), u128::from(TOTAL_POWER));
            for ((_, weight), power) in weights.iter().zip(&powers) {
                let exact = weight * U256::from(TOTAL_POWER);
                let floor = exact / total;
                prop_assert!(U256::from(*power) == floor || U256::from(*power) == floor + U256::ONE);
                // Without a remainder nothing is added.
                prop_assert!(!(exact % total).is_zero() || U256::from(*power) == floor);
            }
            // Whoever weighs more never has less.
            for i in 0..weights.len() {
                for j in 0..weights.len() {
                    prop_assert!(weights[i].1 <= weights[j].1 || powers[i] >= powers[j]);
                }
            }
        }

        #[test]
        fn d27_powers_do_not_depend_on_the_order_of_the_list(of in prop::collection::vec(any::<u128>(), 1..40), turn in 0..40_usize) {
            let weights = weights(&of);
            let mut turned = weights.clone();
            turned.rotate_left(turn % of.len());
            let mut expected: Vec<_> = weights.iter().zip(normalise(&weights)).map(|((a, _), p)| (*a, p)).collect();
            expected.rotate_left(turn % of.len());
            let found: Vec<_> = turned.iter().zip(normalise(&turned)).map(|((a, _), p)| (*a, p)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
