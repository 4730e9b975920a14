//! The modules of the application: the one place that names them all.

use defchain_evm::Registry;

/// Every system address of this chain, with the entry of the module that answers there (D10).
#[must_use]
pub fn registry() -> Registry {
    Registry::new(defchain_evm::ENTRIES.iter().copied())
}
