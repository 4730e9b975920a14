//! Verifiers at genesis.

use std::collections::BTreeSet;

use defchain_base::{Address, native::Host, params::ModuleParams, system};
use serde::{Deserialize, Serialize};

use crate::{GeoError, GeoParams, keys::MAX_NAME, msg::add_verifier, state::MAX_VERIFIERS};

/// What genesis says about geography.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Parameters.
    pub params: GeoParams,
    /// Who may attest.
    pub verifiers: Vec<GenesisVerifier>,
}

/// A verifier at genesis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisVerifier {
    /// Address of its signing key.
    pub address: Address,
    /// For people.
    #[serde(default)]
    pub name: String,
}

impl Section {
    /// Everything that is wrong, each with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found: Vec<String> = self.params.problems().into_iter().map(|p| format!("geo.params: {p}")).collect();
        if self.verifiers.len() > MAX_VERIFIERS {
            found.push(format!("geo.verifiers: {} entries, at most {MAX_VERIFIERS}", self.verifiers.len()));
        }
        let mut seen = BTreeSet::new();
        for (i, verifier) in self.verifiers.iter().enumerate() {
            let GenesisVerifier { address, name } = verifier;
            if !seen.insert(address) {
                found.push(format!("geo.verifiers[{i}]: {address} is listed twice"));
            }
            if address.is_zero() || system::is_reserved(address) {
                found.push(format!("geo.verifiers[{i}]: {address} can sign nothing"));
            }
            if name.len() > MAX_NAME || name.chars().any(char::is_control) {
                found.push(format!(
                    "geo.verifiers[{i}].name: {} bytes, at most {MAX_NAME} and no control characters are taken",
                    name.len()
                ));
            }
        }
        found
    }

    /// Writes it.
    ///
    /// # Errors
    /// When [`Self::problems`] were not heeded, or the store fails.
    pub fn apply<H: Host + ?Sized>(&self, host: &mut H) -> Result<(), GeoError> {
        self.params.store(host)?;
        self.verifiers.iter().try_for_each(|v| add_verifier(host, v.address, &v.name))
    }
}
