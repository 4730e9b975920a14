//! What must hold at every block.

use defchain_base::{BlockEnv, StateError, StateRead, params::ModuleParams};

use crate::{GeoParams, state::GeoRead};

/// Every broken invariant, in words.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn check<S: StateRead + ?Sized>(state: &S, env: &BlockEnv) -> Result<Vec<String>, StateError> {
    let mut broken: Vec<String> =
        GeoParams::load(state)?.problems().into_iter().map(|p| format!("INV-GEO-01: {p}")).collect();
    for (address, verifier) in state.verifiers()? {
        let removed = verifier.removed_at.unwrap_or(env.time);
        if verifier.added_at > env.time || removed > env.time || removed < verifier.added_at {
            broken
                .push(format!("INV-GEO-02: verifier {address} has dates out of order: {verifier:?} at {:?}", env.time));
        }
    }
    Ok(broken)
}
