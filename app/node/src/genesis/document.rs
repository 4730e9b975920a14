//! CometBFT's `genesis.json`, read with every mistake and written in one way.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use defchain_base::ConsensusAddress;
use defchain_chain::genesis::{
    AppState, Fields, GenesisErrors, GenesisInput, KeyPower, Problems, ValidatedGenesis, inspect, needed_block_bytes,
    read_json,
};
use serde::Serialize;
use serde_json::Value;

use crate::comet::keys::{PUBLIC_KEY_TYPE, TypedKey};

/// Room for blocks: twice a full payload of the default size.
const DEFAULT_MAX_BLOCK_BYTES: i64 = 8 * 1024 * 1024;
/// Evidence stays good for longer than stake is bound (21 days, D36) ...
const EVIDENCE_MAX_AGE_NANOS: i64 = 22 * 86_400 * 1_000_000_000;
/// ... also by blocks, at up to ten a second: CometBFT forgets when both limits have passed.
const EVIDENCE_MAX_AGE_BLOCKS: i64 = 22 * 86_400 * 10;
const EVIDENCE_MAX_BYTES: i64 = 1024 * 1024;

/// A genesis to be written.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// RFC 3339.
    pub genesis_time: String,
    /// CometBFT's chain id.
    pub chain_id: String,
    initial_height: String,
    /// CometBFT's parameters.
    pub consensus_params: ConsensusParams,
    /// Consensus keys and powers.
    pub validators: Vec<Validator>,
    app_hash: String,
    /// Ours.
    pub app_state: AppState,
}

/// CometBFT's parameters of consensus. It writes 64-bit numbers as texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsensusParams {
    block: Block,
    evidence: Evidence,
    validator: KeyTypes,
    version: Version,
    abci: Abci,
    authority: Authority,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Block {
    max_bytes: String,
    max_gas: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Evidence {
    max_age_num_blocks: String,
    max_age_duration: String,
    max_bytes: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct KeyTypes {
    pub_key_types: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Version {
    app: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Abci {
    vote_extensions_enable_height: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Authority {
    authority: String,
}

/// A genesis validator in CometBFT's form.
#[derive(Debug, Clone, Serialize)]
pub struct Validator {
    address: ConsensusAddress,
    pub_key: TypedKey,
    power: String,
    name: String,
}

impl Validator {
    /// A validator.
    #[must_use]
    pub fn new(key: &[u8; 32], power: u64, name: &str) -> Self {
        Self {
            address: ConsensusAddress::of_ed25519(key),
            pub_key: TypedKey::public(key),
            power: power.to_string(),
            name: name.to_owned(),
        }
    }
}

impl ConsensusParams {
    fn for_payload(max_payload_bytes: u64, validators: usize) -> Self {
        let needed = i64::try_from(needed_block_bytes(max_payload_bytes, validators)).unwrap_or(i64::MAX);
        Self {
            block: Block { max_bytes: needed.max(DEFAULT_MAX_BLOCK_BYTES).to_string(), max_gas: "-1".to_owned() },
            evidence: Evidence {
                max_age_num_blocks: EVIDENCE_MAX_AGE_BLOCKS.to_string(),
                max_age_duration: EVIDENCE_MAX_AGE_NANOS.to_string(),
                max_bytes: EVIDENCE_MAX_BYTES.to_string(),
            },
            validator: KeyTypes { pub_key_types: vec!["ed25519".to_owned()] },
            version: Version { app: defchain_chain::rules::NEWEST_VERSION.to_string() },
            abci: Abci { vote_extensions_enable_height: "1".to_owned() },
            authority: Authority { authority: String::new() },
        }
    }
}

impl Document {
    /// A draft without validators.
    #[must_use]
    pub fn draft(chain_id: &str, genesis_time: &str, app_state: AppState) -> Self {
        Self {
            genesis_time: genesis_time.to_owned(),
            chain_id: chain_id.to_owned(),
            initial_height: "1".to_owned(),
            consensus_params: ConsensusParams::for_payload(app_state.params.max_payload_bytes, 195),
            validators: Vec::new(),
            app_hash: String::new(),
            app_state,
        }
    }

    /// The version of the rules that the chain starts with.
    pub fn set_app_version(&mut self, app: u64) {
        self.consensus_params.version = Version { app: app.to_string() };
    }

    /// The file's bytes: the same for everybody who puts in the same.
    ///
    /// # Errors
    /// Never in practice: all keys are text.
    pub fn render(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// What a genesis file says, and what is wrong with it.
#[derive(Debug)]
pub struct Read {
    /// What could be read. Good only without problems.
    pub document: Document,
    /// The application's judgement of it.
    pub genesis: ValidatedGenesis,
    /// Every mistake.
    pub problems: Problems,
}

/// Reads a genesis file and the accounts file, which is looked for in `folder`.
///
/// # Errors
/// When the file is no JSON object.
pub fn read(bytes: &[u8], folder: &Path) -> Result<Read, GenesisErrors> {
    let mut read = read_without_accounts(bytes)?;
    match read.genesis.open_accounts_file(Some(folder)) {
        Ok(Some(reader)) => reader.check(&mut read.problems),
        Ok(None) => {}
        Err(errors) => read.problems.append(errors.0),
    }
    Ok(read)
}

/// Reads a genesis file without looking at the accounts file.
///
/// # Errors
/// When the file is no JSON object.
pub fn read_without_accounts(bytes: &[u8]) -> Result<Read, GenesisErrors> {
    let mut problems = Problems::default();
    let Some(value) = read_json(bytes, "genesis.json", &mut problems) else { return Err(GenesisErrors(problems)) };
    let Some(mut fields) = Fields::of(value, "", &mut problems) else { return Err(GenesisErrors(problems)) };
    let genesis_time: String = fields.required("genesis_time").unwrap_or_default();
    if !genesis_time.is_empty() && tendermint::Time::parse_from_rfc3339(&genesis_time).is_err() {
        fields.problem("genesis_time", format!("is {genesis_time:?}, must be a time such as 2026-01-31T12:00:00Z"));
    }
    let chain_id: String = fields.required("chain_id").unwrap_or_default();
    let initial_height = number(&mut fields, "initial_height").unwrap_or(1);
    let params = fields.take("consensus_params");
    let (consensus_params, max_block_bytes) = consensus_params(params, fields.problems());
    let mut keys = Vec::new();
    let mut validators = Vec::new();
    for (at, value) in fields.list("validators") {
        if let Some((key, validator)) = validator(value, &at, fields.problems()) {
            keys.push(key);
            validators.push(validator);
        }
    }
    let app_hash: String = fields.optional("app_hash").unwrap_or_default();
    if !app_hash.is_empty() {
        fields.problem("app_hash", format!("is {app_hash:?}, must be empty: the application computes it"));
    }
    let app_state = fields.take("app_state").unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    fields.end();
    let app_state_bytes = app_state.to_string();
    let genesis = inspect(
        &GenesisInput {
            chain_id: &chain_id,
            initial_height,
            max_block_bytes,
            time: unix_seconds(&genesis_time),
            app_version: consensus_params.version.app.parse().unwrap_or_default(),
            validators: &keys,
            app_state: app_state_bytes.as_bytes(),
        },
        &mut problems,
    );
    let document = Document {
        genesis_time,
        chain_id,
        initial_height: initial_height.to_string(),
        consensus_params,
        validators,
        app_hash,
        app_state: serde_json::from_value(app_state).unwrap_or_default(),
    };
    Ok(Read { document, genesis, problems })
}

/// Seconds since 1970; 0 for what is no time, which is a problem of its own.
fn unix_seconds(time: &str) -> u64 {
    tendermint::Time::parse_from_rfc3339(time)
        .ok()
        .and_then(|time| u64::try_from(time.unix_timestamp()).ok())
        .unwrap_or_default()
}

/// A 64-bit number, which CometBFT takes as a text only.
fn number(fields: &mut Fields<'_>, key: &'static str) -> Option<i64> {
    let value = fields.take(key)?;
    let parsed = value.as_str().and_then(|text| text.parse().ok());
    if parsed.is_none() {
        fields.problem(key, format!("is {value}, must be a whole number in quotes, as CometBFT takes it"));
    }
    parsed
}

fn section<'p>(params: &mut Fields<'_>, key: &'static str, problems: &'p mut Problems) -> Option<Fields<'p>> {
    let value = params.take(key)?;
    Fields::of(value, &format!("consensus_params.{key}"), problems)
}

fn consensus_params(value: Option<Value>, problems: &mut Problems) -> (ConsensusParams, i64) {
    let mut read = ConsensusParams::for_payload(0, 0);
    let Some(value) = value else {
        problems.add("consensus_params", "is missing: CometBFT's defaults would hold, with blocks of 53 MiB");
        return (read, DEFAULT_MAX_BLOCK_BYTES);
    };
    // Sections are judged with lists of their own: two `Fields` cannot share one.
    let mut inner = Problems::default();
    let Some(mut params) = Fields::of(value, "consensus_params", problems) else {
        return (read, DEFAULT_MAX_BLOCK_BYTES);
    };
    let mut max_block_bytes = DEFAULT_MAX_BLOCK_BYTES;
    if let Some(mut block) = section(&mut params, "block", &mut inner) {
        max_block_bytes = number(&mut block, "max_bytes").unwrap_or(max_block_bytes);
        let max_gas = number(&mut block, "max_gas").unwrap_or(-1);
        if max_gas != -1 {
            block.problem("max_gas", format!("is {max_gas}, must be -1: app_state.params.block_gas_limit limits gas"));
        }
        block.end();
        read.block = Block { max_bytes: max_block_bytes.to_string(), max_gas: max_gas.to_string() };
    }
    if let Some(mut evidence) = section(&mut params, "evidence", &mut inner) {
        let blocks = number(&mut evidence, "max_age_num_blocks").unwrap_or(EVIDENCE_MAX_AGE_BLOCKS);
        let age = number(&mut evidence, "max_age_duration").unwrap_or(EVIDENCE_MAX_AGE_NANOS);
        let bytes = number(&mut evidence, "max_bytes").unwrap_or(EVIDENCE_MAX_BYTES);
        if blocks <= 0 || age <= 0 {
            evidence.problem("max_age_duration", format!("{age} ns and {blocks} blocks must both be above 0"));
        }
        if bytes < 0 || (max_block_bytes >= 0 && bytes > max_block_bytes) {
            evidence.problem("max_bytes", format!("is {bytes}, must be 0 to block.max_bytes ({max_block_bytes})"));
        }
        evidence.end();
        read.evidence = Evidence {
            max_age_num_blocks: blocks.to_string(),
            max_age_duration: age.to_string(),
            max_bytes: bytes.to_string(),
        };
    }
    rest_of_params(&mut params, &mut inner, &mut read);
    params.end();
    problems.append(inner);
    (read, max_block_bytes)
}

fn rest_of_params(params: &mut Fields<'_>, inner: &mut Problems, read: &mut ConsensusParams) {
    if let Some(mut validator) = section(params, "validator", inner) {
        let types: Vec<String> = validator.required("pub_key_types").unwrap_or_default();
        if types != ["ed25519"] {
            validator.problem("pub_key_types", format!("is {types:?}, must be [\"ed25519\"]"));
        }
        validator.end();
    }
    if let Some(mut version) = section(params, "version", inner) {
        let app = number(&mut version, "app").unwrap_or_default();
        let newest = defchain_chain::rules::NEWEST_VERSION;
        if !u64::try_from(app).is_ok_and(|app| app <= newest) {
            let what =
                format!("is {app}, must be 0 (the first) to {newest}, the newest rules that this program executes");
            version.problem("app", what);
        }
        version.end();
        read.version = Version { app: app.to_string() };
    }
    if let Some(mut abci) = section(params, "abci", inner) {
        let height = number(&mut abci, "vote_extensions_enable_height").unwrap_or_default();
        if height < 0 {
            abci.problem("vote_extensions_enable_height", format!("is {height}, must be 0 (never) or a height"));
        }
        abci.end();
        read.abci = Abci { vote_extensions_enable_height: height.to_string() };
    }
    if let Some(mut authority) = section(params, "authority", inner) {
        let name: String = authority.optional("authority").unwrap_or_default();
        authority.end();
        read.authority = Authority { authority: name };
    }
}

fn validator(value: Value, at: &str, problems: &mut Problems) -> Option<(KeyPower, Validator)> {
    let mut fields = Fields::of(value, at, problems)?;
    let stated: Option<ConsensusAddress> = match fields.take("address") {
        None => None,
        Some(Value::String(empty)) if empty.is_empty() => None,
        Some(value) => {
            serde_json::from_value(value).map_err(|e: serde_json::Error| fields.problem("address", e.to_string())).ok()
        }
    };
    let typed: Option<TypedKey> = fields.required("pub_key");
    let power = number(&mut fields, "power").unwrap_or_default();
    let name: String = fields.optional("name").unwrap_or_default();
    let typed = typed?;
    let bytes = BASE64.decode(&typed.value).map_err(|e| fields.problem("pub_key", format!("is not base64: {e}"))).ok();
    if let (Some(stated), Some(Ok(key))) = (stated, bytes.as_ref().map(|b| <[u8; 32]>::try_from(b.as_slice()))) {
        let address = ConsensusAddress::of_ed25519(&key);
        if address != stated {
            fields.problem("address", format!("is {stated}, the key's is {address}"));
        }
    }
    fields.end();
    let key = bytes?;
    let kind = if typed.kind == PUBLIC_KEY_TYPE { "ed25519".to_owned() } else { typed.kind.clone() };
    let address = <[u8; 32]>::try_from(key.as_slice()).map(|k| ConsensusAddress::of_ed25519(&k)).unwrap_or_default();
    let validator = Validator { address, pub_key: typed, power: power.to_string(), name };
    Some((KeyPower { kind, key, power }, validator))
}
