//! Doing what was decided.
//!
//! Every action is checked twice by the same code: when it is proposed, so that nobody votes on what cannot be, and when it is
//! executed, because a week has passed. A check comes before the first write: an action happens whole or not at all, and one
//! that cannot happen any more fails with its reason instead of stopping the chain.

use defchain_base::{
    Address, Height, StateError, StateRead,
    native::Host,
    params::{ModuleParams, ParamError},
};
use defchain_geo::{GeoError, state::GeoRead};
use defchain_token::{BurnTable, TokenError, state::TokenRead};

use crate::{GovernanceError, GovernanceWrite, action::Action, events};

/// Done, or refused in words; an error is a failing store.
pub type Verdict = Result<Result<(), String>, StateError>;

/// What governance cannot do itself, because it does not know the application: parameters by name, and upgrades.
///
/// The functions stand without a value, because a function of a system address is a plain `fn`: the application names its type
/// when it makes the [entry](crate::abi::entry).
pub trait Executor: 'static {
    /// Whether a parameter can take a value now.
    ///
    /// # Errors
    /// When the store fails.
    fn check_param(state: &dyn StateRead, module: &str, key: &str, value: &[u8]) -> Verdict;

    /// Sets it. Refuses whatever [`Self::check_param`] refuses, before it writes.
    ///
    /// # Errors
    /// When the store fails.
    fn set_param(host: &mut dyn Host, module: &str, key: &str, value: &[u8]) -> Verdict;

    /// Whether a change of rules could be scheduled in this block.
    ///
    /// # Errors
    /// When the store fails.
    fn check_upgrade(host: &dyn Host, height: Height, app_version: u64, name: &str) -> Verdict;

    /// Schedules it. Refuses whatever [`Self::check_upgrade`] refuses, before it writes.
    ///
    /// # Errors
    /// When the store fails.
    fn schedule_upgrade(host: &mut dyn Host, height: Height, app_version: u64, name: &str) -> Verdict;

    /// Takes the scheduled one back; refused when there is none.
    ///
    /// # Errors
    /// When the store fails.
    fn cancel_upgrade(host: &mut dyn Host) -> Verdict;
}

/// Parameters that genesis alone sets: records of every module count days and months, and would mean other dates after a change.
const FIXED: [(&str, &str); 2] = [("token", "day_seconds"), ("staking", "month_days")];

/// Whether the value can be set: for [`Executor::check_param`], one arm for each module.
///
/// # Errors
/// When the store fails.
pub fn check_module<P: ModuleParams>(state: &dyn StateRead, key: &str, value: &[u8]) -> Verdict {
    Ok(changed::<P>(state, key, value)?.map(drop))
}

/// Sets a module's parameter: for [`Executor::set_param`], one arm for each module.
///
/// # Errors
/// When the store fails.
pub fn set_module<P: ModuleParams>(host: &mut dyn Host, key: &str, value: &[u8]) -> Verdict {
    match changed::<P>(&&*host, key, value)? {
        Ok(params) => params.store(host).map(Ok),
        Err(why) => Ok(Err(why)),
    }
}

fn changed<P: ModuleParams>(state: &dyn StateRead, key: &str, value: &[u8]) -> Result<Result<P, String>, StateError> {
    let Ok(number) = <[u8; 16]>::try_from(value) else {
        return Ok(Err(format!("{}.{key} is a number of 16 bytes, {} bytes were given", P::MODULE, value.len())));
    };
    let with = P::load(state)?.with(key, u128::from_be_bytes(number));
    Ok(with.map_err(|e: ParamError| e.to_string()))
}

/// Whether the action could be executed now.
pub(crate) fn check<E: Executor>(host: &dyn Host, action: &Action) -> Result<Result<(), String>, GovernanceError> {
    Ok(match action {
        Action::Text | Action::Signers { .. } => Ok(()),
        Action::Param { module, key, value } => check_param::<E>(host, module, key, value)?,
        Action::BurnTable { preserved } => check_table(host, preserved, false)?,
        Action::LowerBurn { preserved } => check_table(host, preserved, true)?,
        Action::Exempt { account, exempt } => check_exempt(host, *account, *exempt)?,
        Action::Verifier { verifier, accredited, .. } => check_verifier(host, *verifier, *accredited)?,
        Action::Spend { pool, amount, .. } => {
            let held = host.pool(*pool)?;
            let short = || format!("the {} pool holds {held} wei, {amount} wei are asked for", pool.name());
            if *amount <= held { Ok(()) } else { Err(short()) }
        }
        Action::Slash { validator } => defchain_slashing::check_censorship(host, *validator)?,
        Action::Upgrade { height, app_version, name } => E::check_upgrade(host, *height, *app_version, name)?,
        // An upgrade may be scheduled while this one is voted on: only the execution can tell.
        Action::CancelUpgrade => Ok(()),
    })
}

/// Executes what proposal `id` decided.
pub(crate) fn run<E: Executor>(
    host: &mut dyn Host,
    id: u64,
    action: &Action,
) -> Result<Result<(), String>, GovernanceError> {
    if let Err(why) = check::<E>(host, action)? {
        return Ok(Err(why));
    }
    let done = match action {
        Action::Text => Ok(()),
        Action::Param { module, key, value } => E::set_param(host, module, key, value)?,
        Action::BurnTable { preserved } | Action::LowerBurn { preserved } => {
            token(defchain_token::add_burn_table(host, BurnTable(*preserved)).map(drop))?
        }
        Action::Exempt { account, exempt } => token(defchain_token::set_exempt(host, *account, *exempt).map(drop))?,
        Action::Verifier { verifier, name, accredited: true } => {
            geo(defchain_geo::add_verifier(host, *verifier, name))?
        }
        Action::Verifier { verifier, .. } => geo(defchain_geo::remove_verifier(host, *verifier))?,
        Action::Spend { pool, to, amount } => {
            host.pay(*pool, *to, *amount)?;
            Ok(())
        }
        Action::Slash { validator } => defchain_slashing::punish_censorship(host, *validator, id)?,
        Action::Signers { signers } => {
            host.put_signers(signers.to_vec())?;
            Ok(())
        }
        Action::Upgrade { height, app_version, name } => E::schedule_upgrade(host, *height, *app_version, name)?,
        Action::CancelUpgrade => E::cancel_upgrade(host)?,
    };
    if done.is_ok() {
        events::executed(host, id, action)?;
    }
    Ok(done)
}

fn check_param<E: Executor>(host: &dyn Host, module: &str, key: &str, value: &[u8]) -> Verdict {
    if FIXED.contains(&(module, key)) {
        return Ok(Err(format!("{module}.{key} is set by genesis alone: dates on record are counted in it")));
    }
    E::check_param(&host, module, key, value)
}

/// A table that is another one; in an emergency one that burns on no day more than the one in force (YP 8.5.3).
fn check_table(host: &dyn Host, preserved: &[u8; 9], emergency: bool) -> Verdict {
    let params = host.token_params()?;
    // The last one counts: it may hold only from the next hour on.
    let Some(current) = params.tables.last().map(|t| t.preserved) else {
        return Ok(Err("there is no burn table in force".to_owned()));
    };
    if current == BurnTable::PLAIN {
        return Ok(Err("money on this chain does not age: there is no burn table to change".to_owned()));
    }
    if current.0 == *preserved {
        return Ok(Err(format!("the burn table {preserved:?} is in force already")));
    }
    if emergency && let Some(day) = current.0.iter().zip(preserved).position(|(now, then)| then < now) {
        return Ok(Err(format!(
            "an emergency table never burns more than the one in force: after {day} days {} % would be preserved, now it is {} %",
            preserved.get(day).copied().unwrap_or_default(),
            current.0.get(day).copied().unwrap_or_default()
        )));
    }
    Ok(Ok(()))
}

fn check_exempt(host: &dyn Host, account: Address, exempt: bool) -> Verdict {
    let listed = defchain_token::is_exempt(host, &account)?;
    Ok(match (listed, exempt) {
        (true, true) => Err(format!("{account} is on the list of addresses that do not decay already")),
        (false, false) => Err(format!("{account} is not on the list of addresses that do not decay")),
        _ => Ok(()),
    })
}

fn check_verifier(host: &dyn Host, verifier: Address, accredited: bool) -> Verdict {
    let known = host.verifier(verifier)?.is_some_and(|v| v.removed_at.is_none());
    Ok(match (known, accredited) {
        (true, true) => Err(GeoError::AlreadyVerifier(verifier).to_string()),
        (false, false) => Err(GeoError::NotVerifier(verifier).to_string()),
        _ => Ok(()),
    })
}

/// Splits what a module refuses, which it does before it writes, from a failing store.
fn geo(result: Result<(), GeoError>) -> Verdict {
    match result {
        Err(GeoError::State(e)) => Err(e),
        other => Ok(other.map_err(|e| e.to_string())),
    }
}

fn token(result: Result<(), TokenError>) -> Verdict {
    match result {
        Err(TokenError::State(e)) => Err(e),
        other => Ok(other.map_err(|e| e.to_string())),
    }
}
