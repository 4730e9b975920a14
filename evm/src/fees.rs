//! The base fee of the next block (EIP-1559, D8a).

/// The target is this part of the gas limit.
const ELASTICITY: u64 = 2;
/// A full or empty block that is 12 s apart moves the fee by this part.
const DENOMINATOR: u128 = 8;
/// Ethereum's slot, in milliseconds: blocks closer together move the fee less.
const SLOT_MILLIS: u64 = 12_000;

/// The base fee after a block.
///
/// EIP-1559's step, scaled by `min(millis_since_parent, 12 s) / 12 s`, since blocks come many a second (D8a):
///
/// ```text
/// target = gas_limit / 2
/// step   = floor(parent_base_fee × |parent_gas_used − target| × dt / (target × 8 × 12000))
/// next   = max(parent_base_fee ± step, min_base_fee)
/// ```
///
/// One division at the end, rounded down, so that scaling loses nothing twice. EIP-1559 raises the fee by at least one
/// wei for a block above the target; so does this for any such block with `dt > 0`. `millis_since_parent` is the time
/// from the parent to the block whose fee this is.
#[must_use]
pub fn next_base_fee(
    parent_base_fee: u64,
    parent_gas_used: u64,
    gas_limit: u64,
    min_base_fee: u64,
    millis_since_parent: u64,
) -> u64 {
    let target = (gas_limit / ELASTICITY).max(1);
    let dt = u128::from(millis_since_parent.min(SLOT_MILLIS));
    let off = u128::from(parent_gas_used.abs_diff(target));
    // Below 2^64 × 2^64: fits. Times dt (< 2^14) it may not, so the product is taken in 256 bits.
    let amount = defchain_base::Amount::from_wei(u128::from(parent_base_fee).saturating_mul(off));
    let divisor = u128::from(target).saturating_mul(DENOMINATOR).saturating_mul(u128::from(SLOT_MILLIS));
    let step = amount.mul_div_floor(dt, divisor).map_or(u128::MAX, defchain_base::Amount::wei);
    let step = u64::try_from(step).unwrap_or(u64::MAX);
    let next = if parent_gas_used > target {
        parent_base_fee.saturating_add(if dt == 0 { 0 } else { step.max(1) })
    } else {
        parent_base_fee.saturating_sub(step)
    };
    next.max(min_base_fee)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    const GWEI: u64 = 1_000_000_000;

    #[test]
    fn a_full_slot_moves_the_fee_as_eip_1559_does() {
        // The vectors of the EIP: fee, limit, used, next.
        for (fee, limit, used, next) in [
            (1_000_000_000, 20_000_000, 10_000_000, 1_000_000_000),
            (1_000_000_000, 20_000_000, 9_000_000, 987_500_000),
            (1_000_000_000, 20_000_000, 11_000_000, 1_012_500_000),
            (1_000_000_000, 20_000_000, 20_000_000, 1_125_000_000),
            (1_000_000_000, 20_000_000, 0, 875_000_000),
            (1, 20_000_000, 10_000_001, 2),
        ] {
            assert_eq!(next_base_fee(fee, used, limit, 0, 12_000), next);
            assert_eq!(next_base_fee(fee, used, limit, 0, 1_000_000), next, "more than a slot counts as one");
        }
    }

    #[test]
    fn a_quarter_second_moves_it_by_a_forty_eighth_of_that() {
        assert_eq!(next_base_fee(96 * GWEI, 400, 400, GWEI, 250), 96 * GWEI + 12 * GWEI / 48);
        assert_eq!(next_base_fee(96 * GWEI, 0, 400, GWEI, 250), 96 * GWEI - 12 * GWEI / 48);
        assert_eq!(next_base_fee(96 * GWEI, 400, 400, GWEI, 0), 96 * GWEI);
    }

    #[test]
    fn the_fee_never_falls_below_its_minimum() {
        assert_eq!(next_base_fee(GWEI, 0, 400, GWEI, 12_000), GWEI);
        assert_eq!(next_base_fee(0, 0, 0, 7, 12_000), 7);
    }

    proptest! {
        #[test]
        fn no_input_breaks_it_and_the_direction_is_right(fee: u64, used: u64, limit: u64, min: u64, dt: u64) {
            let next = next_base_fee(fee, used, limit, min, dt);
            prop_assert!(next >= min);
            if used > (limit / 2).max(1) { prop_assert!(next >= fee); } else { prop_assert!(next <= fee.max(min)); }
        }

        #[test]
        fn many_short_blocks_move_about_as_much_as_one_slot(fee in GWEI..10_000 * GWEI) {
            let once = next_base_fee(fee, 400, 400, 0, 12_000);
            let mut many = fee;
            for _ in 0..48 { many = next_base_fee(many, 400, 400, 0, 250); }
            // 1.125 against (1 + 1/384)^48 = 1.1331: compounding, never more than one percent.
            prop_assert!(many >= once && many - once <= once / 100);
        }
    }
}
