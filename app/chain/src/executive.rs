//! What governance leaves to the application: parameters by module and name, and upgrades (D36a).

use defchain_base::{
    Height, StateError, StateRead,
    native::Host,
    params::{ModuleParams, ParamBound, ParamError},
};
use defchain_geo::GeoParams;
use defchain_governance::{
    GovernanceParams,
    execute::{Executor, Verdict, check_module, set_module},
};
use defchain_slashing::SlashingParams;
use defchain_staking::StakingParams;
use defchain_token::{
    TokenParams,
    state::{TokenRead, TokenWrite},
};
use defchain_validators::ValidatorParams;

use crate::{
    params::ChainParams,
    upgrade::{self, ScheduleError, UpgradePlan},
};

/// Parameters that genesis alone sets, beside those that governance itself names.
const GENESIS_ONLY: [(&str, &str, &str); 2] = [
    ("chain", "evm_chain_id", "every signed transaction names it (D5)"),
    ("chain", "initial_base_fee", "it concerns block 1 alone"),
];

/// The parameters of every module with their bounds, by module.
///
/// # Errors
/// When the store fails.
pub fn all_params<S: StateRead + ?Sized>(state: &S) -> Result<Vec<(&'static str, Vec<ParamBound>)>, StateError> {
    Ok(vec![
        (ChainParams::MODULE, ChainParams::load(state)?.bounds()),
        ("token", state.token_params()?.bounds()),
        (StakingParams::MODULE, StakingParams::load(state)?.bounds()),
        (GeoParams::MODULE, GeoParams::load(state)?.bounds()),
        (ValidatorParams::MODULE, ValidatorParams::load(state)?.bounds()),
        (SlashingParams::MODULE, SlashingParams::load(state)?.bounds()),
        (GovernanceParams::MODULE, GovernanceParams::load(state)?.bounds()),
    ])
}

/// This application, to governance.
#[derive(Debug, Clone, Copy)]
pub struct Executive;

fn refused(module: &str, key: &str) -> Option<String> {
    let (.., why) = GENESIS_ONLY.iter().find(|(m, k, _)| (*m, *k) == (module, key))?;
    Some(format!("{module}.{key} is set by genesis alone: {why}"))
}

fn unknown(module: &str) -> String {
    format!(
        "there is no module {module:?}: parameters belong to chain, token, staking, geo, validators, slashing, governance"
    )
}

fn token(state: &dyn StateRead, key: &str, value: &[u8]) -> Result<Result<TokenParams, String>, StateError> {
    let Ok(number) = <[u8; 16]>::try_from(value) else {
        return Ok(Err(format!("token.{key} is a number of 16 bytes, {} bytes were given", value.len())));
    };
    let changed = state.token_params()?.with(key, u128::from_be_bytes(number));
    Ok(changed.map_err(|e: ParamError| e.to_string()))
}

fn plan(height: Height, app_version: u64, name: &str) -> UpgradePlan {
    UpgradePlan { height, app_version, name: name.to_owned() }
}

impl Executor for Executive {
    fn check_param(state: &dyn StateRead, module: &str, key: &str, value: &[u8]) -> Verdict {
        if let Some(why) = refused(module, key) {
            return Ok(Err(why));
        }
        match module {
            "chain" => check_module::<ChainParams>(state, key, value),
            "token" => Ok(token(state, key, value)?.map(drop)),
            "staking" => check_module::<StakingParams>(state, key, value),
            "geo" => check_module::<GeoParams>(state, key, value),
            "validators" => check_module::<ValidatorParams>(state, key, value),
            "slashing" => check_module::<SlashingParams>(state, key, value),
            "governance" => check_module::<GovernanceParams>(state, key, value),
            _ => Ok(Err(unknown(module))),
        }
    }

    fn set_param(host: &mut dyn Host, module: &str, key: &str, value: &[u8]) -> Verdict {
        if let Some(why) = refused(module, key) {
            return Ok(Err(why));
        }
        match module {
            "chain" => set_module::<ChainParams>(host, key, value),
            "token" => match token(&&*host, key, value)? {
                Ok(params) => host.put_token_params(&params).map(Ok).map_err(StateError::from),
                Err(why) => Ok(Err(why)),
            },
            "staking" => set_module::<StakingParams>(host, key, value),
            "geo" => set_module::<GeoParams>(host, key, value),
            "validators" => set_module::<ValidatorParams>(host, key, value),
            "slashing" => set_module::<SlashingParams>(host, key, value),
            "governance" => set_module::<GovernanceParams>(host, key, value),
            _ => Ok(Err(unknown(module))),
        }
    }

    fn check_upgrade(host: &dyn Host, height: Height, app_version: u64, name: &str) -> Verdict {
        judge(upgrade::check_schedule(host, host.block().height, &plan(height, app_version, name)))
    }

    fn schedule_upgrade(host: &mut dyn Host, height: Height, app_version: u64, name: &str) -> Verdict {
        let now = host.block().height;
        judge(upgrade::schedule(host, now, &plan(height, app_version, name)))
    }

    fn cancel_upgrade(host: &mut dyn Host) -> Verdict {
        if upgrade::plan(host)?.is_none() {
            return Ok(Err("no change of rules is scheduled".to_owned()));
        }
        upgrade::cancel(host).map(Ok)
    }
}

fn judge(result: Result<(), ScheduleError>) -> Verdict {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(ScheduleError::State(error)) => Err(error),
        Err(why) => Ok(Err(why.to_string())),
    }
}
