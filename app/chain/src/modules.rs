//! The modules of the application: the one place that names them all.

use std::sync::LazyLock;

use defchain_base::{
    Height, StateError, StateRead,
    native::{Function, Host, Registry, Role, SystemEntry},
};
use defchain_evm::BlockEnv;

use crate::{executive::Executive, genesis::Modules};

/// Every system address of this chain, with the entry of the module that answers there (D10).
#[must_use]
pub fn registry() -> Registry {
    REGISTRY.clone()
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let modules = [
        defchain_staking::POD_WEIGHT_ENTRY,
        defchain_staking::POSITIONS_ENTRY,
        defchain_dividends::CALCULATOR_ENTRY,
        defchain_dividends::ENTRY,
        validators(),
        defchain_governance::entry::<Executive>(),
    ];
    Registry::new(defchain_evm::ENTRIES.iter().copied().chain(modules))
});

/// 0x…0106: validators, and the evidence against them.
fn validators() -> SystemEntry {
    let functions: Vec<Function> = [defchain_validators::FUNCTIONS, defchain_slashing::FUNCTIONS].concat();
    let interface = [defchain_validators::INTERFACE, defchain_slashing::INTERFACE].join("\n");
    // Once in a process: the registry is made once.
    SystemEntry {
        role: Role::Active(Box::leak(functions.into_boxed_slice())),
        interface: Box::leak(interface.into_boxed_str()),
        ..defchain_validators::ENTRY
    }
}

/// Why the modules' part of a genesis cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// State.
    #[error(transparent)]
    State(#[from] StateError),
    /// Native money.
    #[error(transparent)]
    Token(#[from] defchain_token::TokenError),
    /// Staking.
    #[error(transparent)]
    Staking(#[from] defchain_staking::StakingError),
    /// Dividends.
    #[error(transparent)]
    Dividends(#[from] defchain_dividends::DividendError),
    /// Verifiers.
    #[error(transparent)]
    Geo(#[from] defchain_geo::GeoError),
    /// Validators.
    #[error(transparent)]
    Validators(#[from] defchain_validators::ValidatorsError),
}

/// Writes what the modules start with. Stakes come before the validators whose weight they make.
///
/// # Errors
/// When a section contradicts another, or the store fails.
pub(crate) fn write_genesis(host: &mut dyn Host, modules: &Modules, chain_id: &str) -> Result<(), ModuleError> {
    modules.money.apply(host)?;
    modules.staking.apply(host)?;
    modules.geo.apply(host)?;
    modules.pod.apply(host, Height(1))?;
    modules.dividends.apply(host)?;
    modules.slashing.apply(host, chain_id)?;
    modules.governance.apply(host)?;
    Ok(())
}

/// Everything that every module finds wrong with a state between blocks; `env` is the newest block's. Reads all of it: for
/// simulators and tests.
///
/// # Errors
/// When the store fails.
pub fn broken_invariants<S: StateRead>(state: &S, env: &BlockEnv) -> Result<Vec<String>, StateError> {
    Ok([
        defchain_token::invariants::check(state, env)?,
        defchain_staking::invariants::check(state, env)?,
        defchain_dividends::invariants::check(state, env)?,
        defchain_geo::invariants::check(state, env)?,
        defchain_validators::invariants::check(state, env)?,
        defchain_slashing::invariants::check(state, env)?,
        defchain_governance::invariants::check(state, env)?,
    ]
    .concat())
}
