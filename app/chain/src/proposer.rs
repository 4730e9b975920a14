//! Who proposes (D33): the same draw that the modified CometBFT makes, for queries and tests.
//!
//! Known weakness, stated in the docs: the previous proposer can grind the block hash. [`seed`] is the one function to
//! replace when seeds come from BLS signatures.

use alloy_primitives::U512;
use defchain_base::{B256, ConsensusAddress, Height, Power, U256, keccak256};

/// What stands for the previous block's hash at the initial height.
#[must_use]
pub fn genesis_hash(chain_id: &str) -> B256 {
    let mut input = b"defchain/genesis".to_vec();
    input.extend_from_slice(chain_id.as_bytes());
    keccak256(input)
}

/// The seed of a round.
#[must_use]
pub fn seed(height: Height, round: u64, previous: &B256) -> B256 {
    let mut input = [0; 48];
    let (numbers, hash) = input.split_at_mut(16);
    let (h, r) = numbers.split_at_mut(8);
    h.copy_from_slice(&height.0.to_be_bytes());
    r.copy_from_slice(&round.to_be_bytes());
    hash.copy_from_slice(previous.as_slice());
    keccak256(input)
}

/// The proposer of a round: `None` only for a set without power.
#[must_use]
pub fn draw(
    validators: &[(ConsensusAddress, Power)],
    height: Height,
    round: u64,
    previous: &B256,
) -> Option<ConsensusAddress> {
    let mut order = validators.to_vec();
    order.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let total = order.iter().fold(U512::ZERO, |sum, (_, power)| sum.saturating_add(U512::from(power.0)));
    let target = U512::from(U256::from_be_bytes(seed(height, round, previous).0)).checked_rem(total)?;
    let mut cumulative = U512::ZERO;
    for (address, power) in order {
        cumulative = cumulative.saturating_add(U512::from(power.0));
        if cumulative > target {
            return Some(address);
        }
    }
    None
}
