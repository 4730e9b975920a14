use std::{fs, os::unix::fs::DirBuilderExt, path::Path};

use anyhow::{Context, Result, bail};
use defchain_chain::{
    genesis::{AppState, Problems, check_moniker},
    params::ChainParams,
};
use serde_json::json;

use super::genesis::draft_problems;
use crate::{
    cli::{EconomySpeed, InitArgs},
    comet,
    config::{self, AppConfig},
    genesis::{
        declaration::{check_name, default_evm_chain_id},
        document::{self, Document},
    },
    home::{Home, create_new},
    output::{EXIT_REFUSED, Output, coded},
};

/// D5: any local or development network.
const LOCAL_EVM_CHAIN_ID: u64 = 35_679;

pub(super) fn run(home: &Home, args: &InitArgs, output: Output) -> Result<()> {
    refuse_existing(home)?;
    // Everything is judged before the first file is written.
    let (chain_id, genesis) = match &args.genesis {
        Some(file) => given_genesis(file)?,
        None => new_draft(args.chain_id.as_deref().unwrap_or_default(), args.economy)?,
    };
    let mut problems = Problems::default();
    check_moniker(&args.moniker, "init", &mut problems);
    problems.or(Some(())).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    for folder in [home.config_dir(), home.data_dir()] {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let (validator, node) = comet::keys::create(home)?;
    create_new(&home.comet_toml(), 0o644, comet::config::render(&args.moniker)?.as_bytes())?;
    create_new(&home.genesis(), 0o644, &genesis)?;
    if let Some(file) = &args.genesis {
        copy_accounts_file(file, &genesis, home)?;
    }
    // Last: it is the sign of a complete home.
    create_new(&home.app_toml(), 0o644, config::render(&AppConfig::default()).as_bytes())?;
    let next = "Next: defchain-app genesis add-validator --operator ADDRESS --country CODE, or start with the network's \
                genesis.json";
    output.print(
        format!(
            "Made {}\n  network            {chain_id}\n  node id            {}\n  consensus address  {}\n{next}",
            home.path().display(),
            node.node_id(),
            validator.address()
        ),
        || {
            json!({
                "home": home.path(),
                "chain_id": chain_id,
                "moniker": args.moniker,
                "node_id": node.node_id(),
                "consensus_address": validator.address(),
                "consensus_key": comet::keys::TypedKey::public(&validator.public()),
            })
        },
    );
    Ok(())
}

fn refuse_existing(home: &Home) -> Result<()> {
    for path in [home.validator_key(), home.node_key(), home.validator_state(), home.app_toml(), home.genesis()] {
        if path.exists() {
            bail!(
                "{} exists: this is a node's home, and init overwrites nothing. Choose another --home, or move {} away \
                 (its keys are in it)",
                path.display(),
                home.path().display()
            );
        }
    }
    Ok(())
}

fn new_draft(chain_id: &str, economy: EconomySpeed) -> Result<(String, Vec<u8>)> {
    let mut problems = Problems::default();
    check_name(chain_id, &mut problems);
    problems.or(Some(())).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    let params = ChainParams { evm_chain_id: default_evm_chain_id(chain_id), ..ChainParams::default() };
    let state = economy.apply(AppState { params, ..AppState::default() });
    let state = if state.params.evm_chain_id == LOCAL_EVM_CHAIN_ID { state.with_local_params() } else { state };
    let now = tendermint::Time::now().to_rfc3339();
    let text = Document::draft(chain_id, &now, state).render()?;
    Ok((chain_id.to_owned(), text.into_bytes()))
}

fn given_genesis(file: &Path) -> Result<(String, Vec<u8>)> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let read = document::read(&bytes, file.parent().unwrap_or(Path::new("."))).map_err(|e| coded(EXIT_REFUSED, e))?;
    draft_problems(&read).map_err(|errors| coded(EXIT_REFUSED, format!("{}: {errors}", file.display())))?;
    Ok((read.document.chain_id, bytes))
}

fn copy_accounts_file(from: &Path, genesis: &[u8], home: &Home) -> Result<()> {
    let folder = from.parent().unwrap_or(Path::new("."));
    let read = document::read(genesis, folder).map_err(|e| coded(EXIT_REFUSED, e))?;
    if let Some(file) = read.document.app_state.accounts_file {
        let to = home.config_dir().join(file.name());
        fs::copy(folder.join(file.name()), &to).with_context(|| format!("cannot copy to {}", to.display()))?;
    }
    Ok(())
}
