//! Slashing at genesis: parameters, and the chain id that votes are signed for.

use defchain_base::{StateError, native::Host, params::ModuleParams};
use serde::{Deserialize, Serialize};

use crate::{SlashingParams, state::SlashingWrite};

/// What genesis says about slashing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Parameters.
    pub params: SlashingParams,
}

impl Section {
    /// Everything that is wrong, each with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.params.problems().into_iter().map(|p| format!("slashing.params: {p}")).collect()
    }

    /// Writes it. `chain_id` is CometBFT's: votes of another chain prove nothing here.
    ///
    /// # Errors
    /// When the store fails.
    pub fn apply<H: Host + ?Sized>(&self, host: &mut H, chain_id: &str) -> Result<(), StateError> {
        self.params.store(host)?;
        host.put_chain_id(chain_id)
    }
}
