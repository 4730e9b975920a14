//! The genesis section of native money beside its parameters and accounts.

use std::collections::BTreeSet;

use defchain_base::{Address, native::Host, system};
use serde::{Deserialize, Serialize};

use crate::{TokenError, set_exempt};

/// What genesis says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Addresses that do not decay (D16).
    pub exempt: BTreeSet<Address>,
}

impl Section {
    /// What is wrong with it, in words.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let system = self.exempt.iter().filter(|address| system::is_reserved(address) || address.is_zero());
        system.map(|address| format!("exempt: {}", TokenError::NotListable(*address))).collect()
    }

    /// Writes it, when accounts and parameters stand.
    ///
    /// # Errors
    /// When an address cannot be on the list, or the store fails.
    pub fn apply<H: Host + ?Sized>(&self, host: &mut H) -> Result<(), TokenError> {
        self.exempt.iter().try_for_each(|address| set_exempt(host, *address, true).map(|_| ()))
    }
}
