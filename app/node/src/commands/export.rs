use std::{
    fs,
    io::{self, BufWriter, Write},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use defchain_base::{Height, Timestamp};
use defchain_chain::{
    genesis::{
        GenesisAccount,
        export::{Accounts, ExportError, Rest, rest},
        write_accounts_file,
    },
    records::Header,
};
use defchain_store::{HistoricState, Store, StoreOptions};
use serde_json::json;

use crate::{
    cli::{ExportArgs, ExportFormat},
    genesis::document::{self, Document, Validator},
    home::{Home, create_new},
    node::store_error,
    output::{EXIT_REFUSED, Output, coded},
    process::lock::Lock,
};

/// Up to so many accounts stand in genesis.json itself; more go into a file beside it.
const INLINE_ACCOUNTS: usize = 1_000;

pub(super) fn run(home: &Home, args: &ExportArgs, output: Output) -> Result<()> {
    home.must_exist()?;
    let _lock = Lock::take(&home.data_dir().join("supervisor.lock"), "this home", Duration::ZERO)?;
    let path = home.store_dir();
    if !path.exists() {
        bail!("{} does not exist: this node has no blocks yet", path.display());
    }
    let store = Store::open(&path, StoreOptions::default()).map_err(store_error)?;
    let Some((_, newest)) = store.heights().map_err(store_error)? else {
        bail!("the store in {} is empty: there is nothing to export", path.display());
    };
    let height = args.height.map_or(newest, Height);
    let state = store.state_at(height).map_err(store_error)?;
    let header = store.header(height).map_err(store_error)?;
    let header = header.with_context(|| format!("the header of block {height} is not held any more"))?;
    let header: Header = defchain_base::read_exact_value(&header).context("the block's header")?;
    let rest = rest(&state).map_err(export_error)?;
    match args.format {
        ExportFormat::Genesis => genesis(home, args, &state, rest, &header, output),
        ExportFormat::Ndjson => ndjson(args, &state, &rest, &header, output),
    }
}

fn export_error(error: ExportError) -> anyhow::Error {
    coded(EXIT_REFUSED, error)
}

/// `deflation-local-2` after `deflation-local-1`: the number behind the last dash counts restarts (D5).
fn next_chain_id(chain_id: &str) -> Option<String> {
    let (family, revision) = chain_id.rsplit_once('-')?;
    Some(format!("{family}-{}", revision.parse::<u32>().ok()?.checked_add(1)?))
}

fn genesis(
    home: &Home,
    args: &ExportArgs,
    state: &HistoricState,
    rest: Rest,
    header: &Header,
    output: Output,
) -> Result<()> {
    let out = args.out.as_ref().context("--out DIR is needed: a genesis may have an accounts file beside it")?;
    let file = out.join("genesis.json");
    if file.exists() {
        bail!("{} exists, and nothing is overwritten: choose another --out", file.display());
    }
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let bytes = fs::read(home.genesis()).with_context(|| format!("cannot read {}", home.genesis().display()))?;
    let old = document::read_without_accounts(&bytes).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    let chain_id = args.chain_id.clone().or_else(|| next_chain_id(&old.document.chain_id)).with_context(|| {
        format!("{} has no number behind a dash to count up: give --chain-id", old.document.chain_id)
    })?;
    let time = args.genesis_time.clone().unwrap_or_else(|| rfc3339(header.time));
    let mut document: Document = old.document;
    document.genesis_time = time;
    document.chain_id.clone_from(&chain_id);
    document.set_app_version(rest.app_version);
    let declared = document.app_state.pod.validators.clone();
    let moniker = |address| {
        declared.iter().find(|v| v.consensus_address() == address).map(|v| v.moniker.clone()).unwrap_or_default()
    };
    document.validators = rest
        .validators
        .iter()
        .map(|(address, key, power, _)| Validator::new(key, power.0, &moniker(*address)))
        .collect();
    let state_part = &mut document.app_state;
    state_part.pod.validators.retain(|validator| rest.stakes.contains_key(&validator.operator));
    for validator in &mut state_part.pod.validators {
        (validator.stake, validator.years) =
            rest.stakes.get(&validator.operator).copied().unwrap_or((validator.stake, validator.years));
    }
    state_part.params = rest.params;
    state_part.params.initial_base_fee = header.base_fee.max(rest.params.min_base_fee);
    state_part.pools.clone_from(&rest.pools);
    state_part.stranded.clone_from(&rest.stranded);
    state_part.upgrade = None;
    let count = accounts(state, &rest, out, &mut document)?;
    let text = document.render()?;
    let read = document::read(text.as_bytes(), out).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    let genesis = read.problems.or(Some(read.genesis)).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    create_new(&file, 0o644, text.as_bytes())?;
    let height = header.height;
    let dropped = rest.upgrade.map(|plan| format!("\nThe {plan} is not carried over: its height was the old chain's"));
    output.print(
        format!(
            "Wrote {}: the state after block {height} as the genesis of {chain_id}, {count} accounts, {} wei in all{}\n\
             Compare `defchain-app genesis hash {}` with the other operators'.",
            file.display(),
            rest.supply,
            dropped.clone().unwrap_or_default(),
            file.display()
        ),
        || {
            json!({
                "genesis": file,
                "chain_id": chain_id,
                "height": height,
                "app_hash": header.state_root,
                "accounts": count,
                "supply": rest.supply,
                "hash": genesis.hash(),
            })
        },
    );
    Ok(())
}

/// Puts the accounts into the document, or into a file beside it. Returns how many there are.
fn accounts(state: &HistoricState, rest: &Rest, out: &Path, document: &mut Document) -> Result<u64> {
    let mut reader = Accounts::new(state, rest).map_err(export_error)?;
    let first: Vec<GenesisAccount> =
        reader.by_ref().take(INLINE_ACCOUNTS.saturating_add(1)).collect::<Result<_, _>>().map_err(export_error)?;
    let count;
    if first.len() <= INLINE_ACCOUNTS {
        count = first.len() as u64;
        (document.app_state.accounts, document.app_state.accounts_file) = (first, None);
    } else {
        let mut failed = None;
        let others = reader.by_ref().map_while(|account| account.map_err(|error| failed = Some(error)).ok());
        let file = write_accounts_file(out, first.into_iter().chain(others))
            .with_context(|| format!("cannot write the accounts into {}", out.display()))?;
        if let Some(error) = failed {
            return Err(export_error(error));
        }
        count = file.count;
        (document.app_state.accounts, document.app_state.accounts_file) = (Vec::new(), Some(file));
    }
    document.app_state.stranded.extend(reader.stranded().clone());
    Ok(count)
}

/// One JSON value a line: first what the block and state say as a whole, then each account, then how many there were.
fn ndjson(args: &ExportArgs, state: &HistoricState, rest: &Rest, header: &Header, output: Output) -> Result<()> {
    let target: Box<dyn Write> = match &args.out {
        Some(file) => {
            let made = fs::OpenOptions::new().write(true).create_new(true).open(file);
            Box::new(made.with_context(|| format!("cannot create {}", file.display()))?)
        }
        None => Box::new(io::stdout().lock()),
    };
    let mut out = BufWriter::new(target);
    let head = json!({
        "kind": "state",
        "height": header.height,
        "time_ms": header.time,
        "app_hash": header.state_root,
        "app_version": rest.app_version,
        "params": rest.params,
        "supply": rest.supply,
        "pools": rest.pools,
        "stranded": rest.stranded,
        "validators": rest.validators.iter().map(|(address, key, power, operator)| {
            json!({ "consensus_address": address, "key": hex::encode(key), "power": power.0.to_string(), "operator": operator })
        }).collect::<Vec<_>>(),
    });
    let mut line = |value: &serde_json::Value| -> io::Result<()> {
        serde_json::to_writer(&mut out, value)?;
        out.write_all(b"\n")
    };
    line(&head)?;
    let mut reader = Accounts::new(state, rest).map_err(export_error)?;
    let mut count = 0_u64;
    for account in reader.by_ref() {
        let mut value = serde_json::to_value(account.map_err(export_error)?)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("kind".to_owned(), "account".into());
        }
        line(&value)?;
        count += 1;
    }
    line(&json!({ "kind": "end", "accounts": count, "stranded": reader.stranded() }))?;
    out.flush()?;
    if let Some(file) = &args.out {
        output.print(
            format!("Wrote {}: the state after block {}, {count} accounts", file.display(), header.height),
            || json!({ "file": file, "height": header.height, "accounts": count }),
        );
    }
    Ok(())
}

fn rfc3339(time: Timestamp) -> String {
    let seconds = i64::try_from(time.seconds()).unwrap_or(i64::MAX);
    let nanos = u32::try_from(time.0 % 1_000 * 1_000_000).unwrap_or_default();
    tendermint::Time::from_unix_timestamp(seconds, nanos)
        .map_or_else(|_| "1970-01-01T00:00:00Z".to_owned(), |time| time.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_chain_id_counts_restarts() {
        assert_eq!(next_chain_id("deflation-local-1").as_deref(), Some("deflation-local-2"));
        assert_eq!(next_chain_id("x-9").as_deref(), Some("x-10"));
        for none in ["x", "x-y", "x-", "x-4294967295"] {
            assert_eq!(next_chain_id(none), None, "{none}");
        }
        assert_eq!(rfc3339(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
    }
}
