//! Governance at genesis: parameters, and the treasury's first signers.

use defchain_base::{Address, StateError, native::Host, params::ModuleParams};
use serde::{Deserialize, Serialize};

use crate::{GovernanceParams, GovernanceWrite, action::signers_problem};

/// What genesis says about governance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Parameters.
    pub params: GovernanceParams,
    /// The treasury's signers: nine, or none until governance elects them.
    pub signers: Vec<Address>,
}

impl Section {
    /// Everything that is wrong, each with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let params = self.params.problems().into_iter().map(|p| format!("governance.params: {p}"));
        let signers = (!self.signers.is_empty()).then(|| signers_problem(&self.signers)).flatten();
        params.chain(signers.map(|p| format!("governance.signers: {p}"))).collect()
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn apply<H: Host + ?Sized>(&self, host: &mut H) -> Result<(), StateError> {
        self.params.store(host)?;
        if self.signers.is_empty() { Ok(()) } else { host.put_signers(self.signers.clone()) }
    }
}
