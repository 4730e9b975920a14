use std::{
    fs,
    path::{Path, PathBuf},
};

use alloy_primitives::Address;
use anyhow::{Context, Result, bail};
use defchain_base::{Amount, U256};
use defchain_chain::genesis::{
    GenesisAccount, GenesisErrors, GenesisValidator, Problems, check_moniker, check_operator,
};
use defchain_validators::power::{TOTAL_POWER, normalise};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    cli::{AddValidatorArgs, GenesisCommand},
    comet::{self, keys::CometKey},
    genesis::{
        declaration::{self, Choices, Declaration, Verified},
        document::{self, Read, Validator},
    },
    home::{Home, create_new, replace},
    keys::StoredBls,
    output::{EXIT_REFUSED, Output, coded},
};

pub(super) fn run(home: &Home, command: &GenesisCommand, output: Output) -> Result<()> {
    match command {
        GenesisCommand::AddValidator(args) => add_validator(home, args, output),
        GenesisCommand::Collect { declarations } => collect(home, declarations, output),
        GenesisCommand::AddAccount { address, amount } => add_account(home, *address, amount, output),
        GenesisCommand::Validate { file } => validate(&file.clone().unwrap_or_else(|| home.genesis()), output),
        GenesisCommand::Hash { file } => hash(&file.clone().unwrap_or_else(|| home.genesis()), output),
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn read(file: &Path) -> Result<(Vec<u8>, Read)> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let read = document::read(&bytes, folder_of(file));
    let read = read.map_err(|errors| coded(EXIT_REFUSED, format!("{}: {errors}", file.display())))?;
    Ok((bytes, read))
}

/// What is wrong with a genesis that is not complete yet: it may lack validators and accounts.
pub(super) fn draft_problems(read: &Read) -> Result<(), GenesisErrors> {
    let mut problems = Problems::default();
    for problem in read.problems.list() {
        let lacking = matches!(problem.at.as_str(), "validators" | "app_state.accounts" | "app_state.pod.validators");
        if !(lacking && problem.what.starts_with("is empty")) {
            problems.add(problem.at.clone(), problem.what.clone());
        }
    }
    problems.or(Some(()))
}

fn read_draft(home: &Home) -> Result<Read> {
    let file = home.genesis();
    let (_, read) = read(&file)?;
    draft_problems(&read).map_err(|errors| coded(EXIT_REFUSED, format!("{}: {errors}", file.display())))?;
    Ok(read)
}

fn add_validator(home: &Home, args: &AddValidatorArgs, output: Output) -> Result<()> {
    let draft = read_draft(home)?;
    let moniker = match &args.moniker {
        Some(moniker) => moniker.clone(),
        None => {
            let config = comet::config::read(home)?;
            config.get("moniker").and_then(|item| item.as_str()).unwrap_or_default().to_owned()
        }
    };
    let choices = Choices {
        operator: args.operator,
        moniker,
        country: args.country,
        stake: parse_amount(&args.stake).map_err(|why| anyhow::anyhow!("--stake {:?}: {why}", args.stake))?,
        years: args.years,
        commission_bps: parse_percent(&args.commission)?,
    };
    let chain = (draft.document.chain_id.as_str(), draft.document.app_state.params.evm_chain_id);
    let out = declare(home, chain, choices, args.out.as_deref())?;
    output.print(
        format!(
            "Wrote {}\nSend it to the others; then everybody runs: defchain-app genesis collect DIR",
            out.display()
        ),
        || json!({ "declaration": out }),
    );
    Ok(())
}

/// Writes a declaration of this home's consensus key.
pub(super) fn declare(home: &Home, chain: (&str, u64), choices: Choices, out: Option<&Path>) -> Result<PathBuf> {
    let mut problems = Problems::default();
    check_moniker(&choices.moniker, "declaration", &mut problems);
    if let Err(why) = check_operator(&choices.operator) {
        problems.add("declaration.operator", why);
    }
    problems.or(Some(())).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    let key = CometKey::read(&home.validator_key())?;
    let bls =
        if home.bls_key().exists() { StoredBls::read(&home.bls_key()) } else { StoredBls::create(&home.bls_key()) };
    let declaration = Declaration::new(&key, &bls?, chain, choices);
    let out = out.map_or_else(|| home.config_dir().join(declaration.file_name()), Path::to_owned);
    create_new(&out, 0o644, declaration.to_json()?.as_bytes())?;
    Ok(out)
}

/// The files that are meant: themselves, or the declarations in a folder.
fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
            let file = entry.with_context(|| format!("cannot read {}", path.display()))?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("declaration-") && name.ends_with(".json") {
                files.push(file);
            }
        }
        if files.len() == before {
            bail!("{} holds no declaration-….json", path.display());
        }
    }
    Ok(files)
}

fn collect(home: &Home, given: &[PathBuf], output: Output) -> Result<()> {
    let mut draft = read_draft(home)?.document;
    let mut problems = Problems::default();
    if !draft.validators.is_empty() {
        let what = format!(
            "has {} entries: this genesis is put together already; begin with the draft",
            draft.validators.len()
        );
        problems.add("validators", what);
    }
    let mut verified: Vec<Verified> = Vec::new();
    for file in files(given)? {
        let chain = (draft.chain_id.as_str(), draft.app_state.params.evm_chain_id);
        verified.extend(declaration::verify(&file, chain, &mut problems)?);
    }
    verified.sort_by_key(|v| v.address);
    for (i, one) in verified.iter().enumerate() {
        for other in verified.iter().take(i) {
            let both = format!("{} and {}", other.file.display(), one.file.display());
            if one.address == other.address {
                problems.add(both, format!("declare the same consensus key {}", one.address));
            } else if one.choices.operator == other.choices.operator {
                problems.add(both, format!("name the same operator {}", one.choices.operator));
            } else if one.choices.country == other.choices.country {
                let country = one.choices.country;
                problems.add(both, format!("are both of {country} ({}): one validator each (D29)", country.name()));
            } else if one.bls_key == other.bls_key {
                problems.add(both, "declare the same BLS key");
            }
        }
    }
    problems.or(Some(())).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    let weight = |v: &Verified| v.choices.stake.to_u256().saturating_mul(U256::from(v.choices.years));
    let weights: Vec<_> = verified.iter().map(|v| (v.address, weight(v))).collect();
    let powers = normalise(&weights);
    draft.validators =
        verified.iter().zip(&powers).map(|(v, power)| Validator::new(&v.key, *power, &v.choices.moniker)).collect();
    draft.app_state.pod.validators = verified.iter().map(genesis_validator).collect();
    draft.app_state.accounts.sort_by_key(|a| a.address);
    let text = draft.render()?;
    let file = home.genesis();
    let read = document::read(text.as_bytes(), folder_of(&file)).map_err(|e| coded(EXIT_REFUSED, e))?;
    let genesis = read.problems.or(Some(read.genesis)).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    replace(&file, text.as_bytes())?;
    let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
    let mut human = format!("Wrote {} with {} validators\n", file.display(), genesis.validators.len());
    for v in &genesis.validators {
        let percent = v.power.0 / (TOTAL_POWER / 10_000);
        human += &format!("  {}  {:>3}.{:02} %  {}\n", v.address, percent / 100, percent % 100, v.moniker);
    }
    human += &format!("SHA-256 {sha256}\nCompare it with the others before you start.");
    output.print(
        human,
        || json!({ "genesis": file, "validators": genesis.validators.len(), "sha256": sha256, "hash": genesis.hash() }),
    );
    Ok(())
}

fn add_account(home: &Home, address: Address, amount: &str, output: Output) -> Result<()> {
    let balance = parse_amount(amount).map_err(|why| anyhow::anyhow!("amount {amount:?}: {why}"))?;
    let mut draft = read_draft(home)?.document;
    let account = GenesisAccount { address, balance, nonce: 0, code: Default::default(), storage: Default::default() };
    draft.app_state.accounts.push(account);
    draft.app_state.accounts.sort_by_key(|a| a.address);
    let text = draft.render()?;
    let file = home.genesis();
    let read = document::read(text.as_bytes(), folder_of(&file)).map_err(|e| coded(EXIT_REFUSED, e))?;
    draft_problems(&read).map_err(|errors| coded(EXIT_REFUSED, errors))?;
    replace(&file, text.as_bytes())?;
    output.print(
        format!("{address} has {balance} wei at genesis ({} wei in all)", read.genesis.supply),
        || json!({ "address": address, "balance": balance, "supply": read.genesis.supply }),
    );
    Ok(())
}

/// DEF with at most 18 decimals, or wei with that word.
pub(crate) fn parse_amount(text: &str) -> Result<Amount, String> {
    const DECIMALS: usize = 18;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let too_large = || "is above 2^128 - 1 wei".to_owned();
    if let Some(wei) = text.strip_suffix("wei") {
        let wei = wei.trim_end();
        return match digits(wei) {
            true => wei.parse().map(Amount::from_wei).map_err(|_| too_large()),
            false => Err("write whole wei, such as 5wei".to_owned()),
        };
    }
    let text = text.strip_suffix("DEF").map_or(text, str::trim_end);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
        return Err(format!("write DEF with at most {DECIMALS} decimals, such as 100000 or 0.5, or wei, such as 5wei"));
    }
    format!("{whole}{fraction:0<DECIMALS$}").parse().map(Amount::from_wei).map_err(|_| too_large())
}

fn validate(file: &Path, output: Output) -> Result<()> {
    let (_, read) = read(file)?;
    let validators = read.genesis.validators.len();
    let accounts = read.genesis.accounts.len() as u64 + read.genesis.accounts_file.as_ref().map_or(0, |f| f.count);
    let genesis = read.problems.or(Some(read.genesis));
    let genesis = genesis.map_err(|errors| coded(EXIT_REFUSED, format!("{}: {errors}", file.display())))?;
    output.print(
        format!(
            "{} is good: {} (EVM {}), {validators} validators, {accounts} accounts",
            file.display(),
            genesis.chain_id,
            genesis.params.evm_chain_id
        ),
        || {
            json!({
                "valid": true,
                "chain_id": genesis.chain_id,
                "evm_chain_id": genesis.params.evm_chain_id,
                "validators": validators,
                "accounts": accounts,
                "hash": genesis.hash(),
            })
        },
    );
    Ok(())
}

fn hash(file: &Path, output: Output) -> Result<()> {
    let (bytes, read) = read(file)?;
    let genesis = read.problems.or(Some(read.genesis));
    let genesis = genesis.map_err(|errors| coded(EXIT_REFUSED, format!("{}: {errors}", file.display())))?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    output.print(
        format!("SHA-256 of the file  {sha256}\nhash of block 0      {}", genesis.hash()),
        || json!({ "sha256": sha256, "hash": genesis.hash() }),
    );
    Ok(())
}

fn genesis_validator(verified: &Verified) -> GenesisValidator {
    let Choices { operator, moniker, country, stake, years, commission_bps } = verified.choices.clone();
    GenesisValidator {
        operator,
        moniker,
        country,
        consensus_key: verified.key.into(),
        bls_key: verified.bls_key.to_vec().into(),
        commission_bps,
        stake,
        years,
        attestation_expiry: None,
    }
}

/// A percentage with at most two decimals, in hundredths.
fn parse_percent(text: &str) -> Result<u16> {
    let wrong = || anyhow::anyhow!("--commission {text:?}: a percentage such as 5 or 7.25");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 2 || !part.chars().all(|c| c.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole: u16 = whole.parse().map_err(|_| wrong())?;
    let part: u16 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
    whole.checked_mul(100).and_then(|bps| bps.checked_add(part)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn amounts_are_read_to_the_wei() {
        for (text, wei) in [
            ("1", 1_000_000_000_000_000_000),
            ("0.5", 500_000_000_000_000_000),
            ("100000 DEF", 100_000_000_000_000_000_000_000),
            ("1.000000000000000001", 1_000_000_000_000_000_001),
            ("5wei", 5),
            ("0", 0),
        ] {
            assert_eq!(parse_amount(text).unwrap().wei(), wei, "{text}");
        }
        for text in
            ["", "-1", "1e18", ".5", "1.", "1.0000000000000000001", "0.5wei", "wei", "1,5", "9".repeat(40).as_str()]
        {
            assert!(parse_amount(text).is_err(), "{text}");
        }
    }
}
