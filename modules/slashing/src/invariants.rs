//! What must hold after every block. Slow: for the simulator and tests.

use defchain_base::{Amount, BlockEnv, StateError, StateRead, params::ModuleParams};

use crate::{Kind, SlashingParams, records::Split, state::SlashingRead};

/// Every broken invariant, in words.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn check<S: StateRead + ?Sized>(state: &S, env: &BlockEnv) -> Result<Vec<String>, StateError> {
    let mut broken: Vec<String> =
        SlashingParams::load(state)?.problems().into_iter().map(|p| format!("INV-SLASH-05: {p}")).collect();
    let mut pairs = std::collections::BTreeSet::new();
    for id in 1..state.next_evidence()? {
        let e = state.evidence(id)?;
        let Split { slashed, burned, treasury, reward } = e.split;
        if burned.checked_add(treasury)?.checked_add(reward)? != slashed {
            broken.push(format!("INV-SLASH-01: evidence {id} slashed {slashed} wei: {burned} + {treasury} + {reward}"));
        }
        if Split::of(slashed, !reward.is_zero())? != e.split && slashed != Amount::ZERO {
            broken.push(format!("INV-SLASH-01: evidence {id} is not split 50/30/20: {:?}", e.split));
        }
        if e.fault_height > e.height || e.height > env.height || e.age > env.age {
            broken.push(format!("INV-SLASH-02: evidence {id} is dated ahead: {e:?}"));
        }
        if !e.proof.is_zero() && !pairs.insert((e.operator, e.kind, e.proof)) {
            broken.push(format!("INV-SLASH-03: evidence {id} punishes a proof again: {}", e.proof));
        }
        let past = state.standing(e.operator)?;
        let past = past.of(e.kind);
        if past.evidence < id || past.count == 0 {
            broken.push(format!("INV-SLASH-04: evidence {id} is newer than what is remembered of {}", e.operator));
        }
    }
    let operators = (1..state.next_evidence()?).map(|id| state.evidence(id).map(|e| e.operator));
    for operator in operators.collect::<Result<std::collections::BTreeSet<_>, _>>()? {
        let listed = state.evidence_of(operator, 0, usize::MAX >> 8)?.len();
        let standing = state.standing(operator)?;
        let counted: u64 = Kind::ALL.iter().map(|k| u64::from(standing.of(*k).count)).fold(0, u64::saturating_add);
        if u64::try_from(listed) != Ok(counted) {
            broken.push(format!("INV-SLASH-04: {operator} has {listed} evidence, {counted} faults are remembered"));
        }
    }
    Ok(broken)
}
