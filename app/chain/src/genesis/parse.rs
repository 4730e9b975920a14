//! `app_state` from JSON, with every mistake of form.

use std::collections::BTreeMap;

use defchain_base::{Amount, Bytes};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    AccountsFile, AppState, GenesisAccount,
    json::{self, Fields},
    problems::Problems,
};
use crate::upgrade::UpgradePlan;

/// Where `app_state` stands in the genesis file; every path begins with it.
const ROOT: &str = "app_state";

/// Reads `app_state`. What could not be read is left out of the result and stands in `problems`.
pub(super) fn app_state(bytes: &[u8], problems: &mut Problems) -> AppState {
    json::read(bytes, ROOT, problems).and_then(|value| from_value(value, problems)).unwrap_or_default()
}

fn from_value(value: Value, problems: &mut Problems) -> Option<AppState> {
    let mut fields = Fields::of(value, ROOT, problems)?;
    let params = section(&mut fields, "params");
    let token = section(&mut fields, "token");
    let money = whole(&mut fields, "money");
    let staking = whole(&mut fields, "staking");
    let dividends = whole(&mut fields, "dividends");
    let geo = whole(&mut fields, "geo");
    let pod = whole(&mut fields, "pod");
    let slashing = whole(&mut fields, "slashing");
    let governance = whole(&mut fields, "governance");
    let mut accounts = Vec::new();
    for (at, value) in fields.list("accounts") {
        accounts.extend(account(value, &at, fields.problems()));
    }
    let accounts_file = match fields.take("accounts_file") {
        None | Some(Value::Null) => None,
        Some(value) => accounts_file(value, fields.problems()),
    };
    let pools = fields.optional("pools").unwrap_or_default();
    let stranded = fields.optional("stranded").unwrap_or_default();
    let upgrade = match fields.take("upgrade") {
        None | Some(Value::Null) => None,
        Some(value) => upgrade(value, fields.problems()),
    };
    fields.end();
    Some(AppState {
        params,
        token,
        money,
        staking,
        dividends,
        geo,
        pod,
        slashing,
        governance,
        accounts,
        accounts_file,
        pools,
        stranded,
        upgrade,
    })
}

/// The parameters at `key`. Each is tried alone on top of the defaults, so that the list of parameters stands in one
/// place only.
fn section<T: Default + Serialize + DeserializeOwned>(fields: &mut Fields<'_>, key: &'static str) -> T {
    match fields.take(key) {
        Some(value) => params(value, key, fields.problems()),
        None => T::default(),
    }
}

/// A module's section, as a whole: its own names say where a mistake is.
fn whole<T: Default + DeserializeOwned>(fields: &mut Fields<'_>, key: &'static str) -> T {
    fields.optional(key).unwrap_or_default()
}

fn params<T: Default + Serialize + DeserializeOwned>(value: Value, name: &str, problems: &mut Problems) -> T {
    let at = json::join(ROOT, name);
    let Value::Object(given) = value else {
        problems.add(at, "must be an object of parameters");
        return T::default();
    };
    let Ok(Value::Object(mut all)) = serde_json::to_value(T::default()) else {
        return T::default();
    };
    for (key, value) in given {
        let here = json::join(&at, &key);
        let Some(default) = all.get(&key).cloned() else {
            let known: Vec<_> = all.keys().map(String::as_str).collect();
            problems.add(here, format!("is not a parameter; there are {}", known.join(", ")));
            continue;
        };
        all.insert(key.clone(), value);
        if let Err(error) = serde_json::from_value::<T>(Value::Object(all.clone())) {
            problems.add(here, error.to_string());
            all.insert(key, default);
        }
    }
    serde_json::from_value(Value::Object(all)).unwrap_or_default()
}

fn account(value: Value, at: &str, problems: &mut Problems) -> Option<GenesisAccount> {
    let mut fields = Fields::of(value, at, problems)?;
    let address = fields.required("address");
    let balance = fields.optional::<Amount>("balance").unwrap_or_default();
    let nonce = fields.optional("nonce").unwrap_or_default();
    let code = fields.optional::<Bytes>("code").unwrap_or_default();
    let storage = fields.optional::<BTreeMap<_, _>>("storage").unwrap_or_default();
    fields.end();
    Some(GenesisAccount { address: address?, balance, nonce, code, storage })
}

fn upgrade(value: Value, problems: &mut Problems) -> Option<UpgradePlan> {
    let mut fields = Fields::of(value, &json::join(ROOT, "upgrade"), problems)?;
    let height = fields.required("height");
    let app_version = fields.required("app_version");
    let name = fields.required("name");
    fields.end();
    Some(UpgradePlan { height: height?, app_version: app_version?, name: name? })
}

fn accounts_file(value: Value, problems: &mut Problems) -> Option<AccountsFile> {
    let mut fields = Fields::of(value, &json::join(ROOT, "accounts_file"), problems)?;
    let sha256 = fields.required("sha256");
    let count = fields.required("count");
    fields.end();
    Some(AccountsFile { sha256: sha256?, count: count? })
}
