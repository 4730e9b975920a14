//! The rules that a genesis must keep.

use std::collections::BTreeMap;

use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use defchain_base::params::ModuleParams as _;
use defchain_base::{
    Address, Amount, B256, ConsensusAddress, Encode, Power, U256, keccak256,
    system::{self, Pool},
};
use defchain_token::TokenParams;
use serde::Serialize;
use tendermint_proto::v0_38::abci::ValidatorUpdate;

use super::{
    AccountsFile, AppState, GenesisAccount, GenesisValidator, parse,
    problems::{GenesisErrors, Problems},
};
use crate::{
    params::ChainParams,
    rules::{FIRST_VERSION, NEWEST_VERSION},
    upgrade::UpgradePlan,
};

/// Most that genesis may give out (D4).
pub const MAX_SUPPLY: Amount = Amount::from_def(21_000_000);
/// One validator in each of the 195 jurisdictions (D29).
pub const MAX_VALIDATORS: usize = 195;
/// CometBFT refuses a longer chain id.
pub const MAX_CHAIN_ID_BYTES: usize = 50;
/// Longest name of a validator.
pub const MAX_MONIKER_BYTES: usize = 70;
/// Longest runtime code (EIP-170).
const MAX_CODE_BYTES: usize = 24_576;
/// EIP-2681: this nonce could never be used.
const MAX_NONCE: u64 = u64::MAX - 1;
/// Greatest block that CometBFT knows; -1 means this.
const MAX_BLOCK_BYTES: u64 = 104_857_600;
/// What a block has beside transactions: encoding 11, header 626, commit 94 (CometBFT v0.40, `types/block.go`).
const BLOCK_OVERHEAD_BYTES: u64 = 11 + 626 + 94;
/// What CometBFT reserves for a validator's signature, whatever its kind of key.
const COMMIT_BYTES_PER_VALIDATOR: u64 = 3_358;
/// Room for item 0, the injected envelope (D38), and for the framing of both items.
const ENVELOPE_BYTES: u64 = 512 * 1024;
/// Ethereum's precompiles at Osaka end here; ours begin at 0x0100.
const LAST_PRECOMPILE: u8 = 0x11;

/// D5: which EVM chain id belongs to which CometBFT chain id. The number behind the last dash counts restarts.
const NETWORKS: [(&str, u64); 3] = [("deflation", 3_567), ("deflation-test", 35_671), ("deflation-local", 35_679)];
/// This EVM chain id is for any local or development network, whatever its name.
const LOCAL_EVM_CHAIN_ID: u64 = 35_679;

/// A consensus key with its power, as CometBFT's genesis has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPower {
    /// CometBFT's name of the kind of key; only `ed25519` is taken.
    pub kind: String,
    /// The public key.
    pub key: Vec<u8>,
    /// Voting power.
    pub power: i64,
}

impl From<&ValidatorUpdate> for KeyPower {
    fn from(update: &ValidatorUpdate) -> Self {
        use tendermint_proto::v0_38::crypto::public_key::Sum;
        let (kind, key) = match update.pub_key.as_ref().and_then(|k| k.sum.as_ref()) {
            Some(Sum::Ed25519(key)) => ("ed25519", key.to_vec()),
            Some(Sum::Secp256k1(key)) => ("secp256k1", key.to_vec()),
            None => ("unknown", Vec::new()),
        };
        Self { kind: kind.to_owned(), key, power: update.power }
    }
}

/// What is judged: the parts of `genesis.json` that CometBFT hands over in InitChain.
#[derive(Debug, Clone, Copy)]
pub struct GenesisInput<'a> {
    /// CometBFT's chain id.
    pub chain_id: &'a str,
    /// Height of the first block.
    pub initial_height: i64,
    /// `consensus_params.block.max_bytes`.
    pub max_block_bytes: i64,
    /// `consensus_params.version.app`: 0 means the first version.
    pub app_version: u64,
    /// Genesis time, seconds since 1970.
    pub time: u64,
    /// The genesis validators.
    pub validators: &'a [KeyPower],
    /// `app_state`, as JSON.
    pub app_state: &'a [u8],
}

/// A validator of the first block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialValidator {
    /// Consensus address.
    pub address: ConsensusAddress,
    /// ed25519 public key.
    pub key: [u8; 32],
    /// Voting power.
    pub power: Power,
    /// Who earns and acts for it.
    pub operator: Address,
    /// For people.
    pub moniker: String,
}

/// The modules' sections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Modules {
    /// Addresses that do not decay.
    pub money: defchain_token::genesis::Section,
    /// Staking and dividends.
    pub staking: defchain_staking::genesis::Section,
    /// Compounding.
    pub dividends: defchain_dividends::genesis::Section,
    /// Verifiers.
    pub geo: defchain_geo::genesis::Section,
    /// Validators.
    pub pod: defchain_validators::genesis::Section,
    /// Slashing.
    pub slashing: defchain_slashing::genesis::Section,
    /// Governance.
    pub governance: defchain_governance::genesis::Section,
}

/// A genesis that keeps every rule, in one order whatever the order in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedGenesis {
    /// CometBFT's chain id.
    pub chain_id: String,
    /// Parameters of blocks and fees.
    pub params: ChainParams,
    /// Parameters of native money.
    pub token: TokenParams,
    /// What the modules start with.
    pub modules: Modules,
    /// By consensus address ascending.
    pub validators: Vec<InitialValidator>,
    /// Those in `app_state`, by address ascending.
    pub accounts: Vec<GenesisAccount>,
    /// What `accounts`, pools and stranded money make together; an accounts file comes on top.
    pub supply: Amount,
    /// The rest of the accounts: read them with [`ValidatedGenesis::open_accounts_file`].
    pub accounts_file: Option<AccountsFile>,
    /// What the pools hold.
    pub pools: Vec<(Pool, Amount)>,
    /// Money that nobody can spend, by address ascending.
    pub stranded: Vec<(Address, Amount)>,
    /// The version of the rules that it starts with.
    pub app_version: u64,
    /// A change of rules that is agreed on from the start.
    pub upgrade: Option<UpgradePlan>,
}

impl ValidatedGenesis {
    /// A hash of everything that makes the first state: block 0's (D8). It does not depend on how the file is laid
    /// out, because CometBFT hands it over as written once and compacted after a restart.
    #[must_use]
    pub fn hash(&self) -> B256 {
        let mut bytes = b"defchain/genesis-state/1".to_vec();
        put(&mut bytes, self.chain_id.as_bytes());
        for bound in self.params.bounds() {
            put(&mut bytes, &bound.value.to_be_bytes());
        }
        put(&mut bytes, &self.token.to_bytes());
        // Structs and sorted lists: the same JSON for the same content.
        put(&mut bytes, &serde_json::to_vec(&self.modules).unwrap_or_default());
        put(&mut bytes, &self.accounts.len().to_be_bytes());
        for a in &self.accounts {
            put(&mut bytes, a.address.as_slice());
            put(&mut bytes, &a.balance.wei().to_be_bytes());
            put(&mut bytes, &a.nonce.to_be_bytes());
            put(&mut bytes, &a.code);
            put(&mut bytes, &a.storage.len().to_be_bytes());
            for (slot, value) in &a.storage {
                put(&mut bytes, slot.as_slice());
                put(&mut bytes, value.as_slice());
            }
        }
        if let Some(file) = &self.accounts_file {
            put(&mut bytes, file.sha256.as_slice());
            put(&mut bytes, &file.count.to_be_bytes());
        }
        self.hash_the_rare(&mut bytes);
        keccak256(bytes)
    }
}

impl ValidatedGenesis {
    /// What most genesis do not have: absent it adds nothing, so that their hashes are what they always were.
    fn hash_the_rare(&self, bytes: &mut Vec<u8>) {
        for (pool, amount) in &self.pools {
            put(bytes, b"pool");
            put(bytes, pool.name().as_bytes());
            put(bytes, &amount.wei().to_be_bytes());
        }
        for (address, amount) in &self.stranded {
            put(bytes, b"stranded");
            put(bytes, address.as_slice());
            put(bytes, &amount.wei().to_be_bytes());
        }
        if self.app_version != FIRST_VERSION {
            put(bytes, b"app version");
            put(bytes, &self.app_version.to_be_bytes());
        }
        if let Some(plan) = &self.upgrade {
            put(bytes, b"upgrade");
            put(bytes, &plan.height.0.to_be_bytes());
            put(bytes, &plan.app_version.to_be_bytes());
            put(bytes, plan.name.as_bytes());
        }
    }
}

/// Each part with its length before it, so that no two genesis have the same bytes.
fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
    bytes.extend_from_slice(part);
}

/// Judges a genesis without its accounts file.
///
/// # Errors
/// Every mistake in it.
pub fn validate(input: &GenesisInput<'_>) -> Result<ValidatedGenesis, GenesisErrors> {
    let mut problems = Problems::default();
    let genesis = inspect(input, &mut problems);
    problems.or(Some(genesis))
}

/// As [`validate`], but hands out what could be read even when there are mistakes: for a report that goes on to the
/// accounts file. Only an empty `problems` makes the result good.
pub fn inspect(input: &GenesisInput<'_>, problems: &mut Problems) -> ValidatedGenesis {
    let state = parse::app_state(input.app_state, problems);
    check_chain(input, &state.params, problems);
    if let Err(error) = state.token.validate() {
        problems.add("app_state.token", error.to_string());
    }
    let keys = check_keys(input.validators, problems);
    let validators = join_validators(keys, &state.pod, problems);
    let app_version = if input.app_version == 0 { FIRST_VERSION } else { input.app_version };
    check_upgrade(app_version, state.upgrade.as_ref(), problems);
    let AppState {
        params,
        token,
        money,
        staking,
        dividends,
        geo,
        pod,
        slashing,
        governance,
        mut accounts,
        accounts_file,
        pools,
        stranded,
        upgrade,
    } = state;
    let mut pod = pod;
    pod.validators.sort_by_key(GenesisValidator::consensus_address);
    let modules = Modules { money, staking, dividends, geo, pod, slashing, governance };
    for problem in modules.problems(input.time) {
        let (place, what) = problem.split_once(": ").unwrap_or(("", &problem));
        problems.add(format!("app_state.{place}"), what.to_owned());
    }
    let mut supply = Supply::default();
    modules.stakes().for_each(|stake| supply.add(stake));
    let mut seen = BTreeMap::new();
    for (i, account) in accounts.iter().enumerate() {
        let at = format!("app_state.accounts[{i}]");
        check_account(account, &at, problems);
        if let Some(first) = seen.insert(account.address, i) {
            problems.add(&at, format!("{} stands at app_state.accounts[{first}] already", account.address));
        }
        supply.add(account.balance);
    }
    let pools = named_pools(&pools, problems);
    pools.iter().for_each(|(_, amount)| supply.add(*amount));
    for (address, amount) in &stranded {
        check_stranded(address, problems);
        supply.add(*amount);
    }
    supply.check("app_state.accounts", problems);
    accounts.sort_by_key(|a| a.address);
    if accounts.is_empty() && accounts_file.is_none() {
        problems.add("app_state.accounts", "is empty: nobody could pay for a transaction");
    }
    ValidatedGenesis {
        chain_id: input.chain_id.to_owned(),
        params,
        token,
        modules,
        validators,
        accounts,
        supply: supply.total(),
        accounts_file,
        pools,
        stranded: stranded.into_iter().collect(),
        app_version,
        upgrade,
    }
}

fn check_upgrade(app_version: u64, upgrade: Option<&UpgradePlan>, problems: &mut Problems) {
    if app_version > NEWEST_VERSION {
        let what = format!("is {app_version}, this program knows the rules up to version {NEWEST_VERSION}");
        problems.add("consensus_params.version.app", what);
    }
    let Some(plan) = upgrade else { return };
    for problem in plan.problems() {
        problems.add("app_state.upgrade", problem);
    }
    if plan.app_version <= app_version {
        let what = format!("app_version is {}, the genesis starts with {app_version} already", plan.app_version);
        problems.add("app_state.upgrade", what);
    }
}

fn named_pools(given: &BTreeMap<String, Amount>, problems: &mut Problems) -> Vec<(Pool, Amount)> {
    let known = || Pool::FREE.map(Pool::name).join(", ");
    let mut pools = Vec::new();
    for (name, amount) in given {
        match Pool::FREE.into_iter().find(|pool| pool.name() == name) {
            Some(pool) => pools.push((pool, *amount)),
            None => problems.add(format!("app_state.pools.{name}"), format!("is no pool; there are {}", known())),
        }
    }
    pools
}

/// Money may be written to an address without an owner only as what it is.
fn check_stranded(address: &Address, problems: &mut Problems) {
    let contract = [BEACON_ROOTS_ADDRESS, defchain_evm::CREATE2_DEPLOYER].contains(address);
    let at = || format!("app_state.stranded.{address}");
    if Pool::by_address(address).is_some() {
        problems.add(at(), "is a pool: its money stands in app_state.pools");
    } else if !contract && kept_by(address).is_none() {
        problems.add(at(), "is an ordinary address: its money belongs into app_state.accounts");
    }
}

fn check_chain(input: &GenesisInput<'_>, params: &ChainParams, problems: &mut Problems) {
    for problem in params.problems() {
        problems.add("app_state.params", problem);
    }
    check_chain_id(input.chain_id, params.evm_chain_id, problems);
    if input.initial_height != 1 {
        let what = format!("is {}, must be 1: block 0 is the genesis itself", input.initial_height);
        problems.add("initial_height", what);
    }
    let max_bytes = match u64::try_from(input.max_block_bytes) {
        Ok(bytes) if bytes <= MAX_BLOCK_BYTES => bytes,
        Err(_) if input.max_block_bytes == -1 => MAX_BLOCK_BYTES,
        _ => {
            let what = format!("is {}, must be -1 or 1 to {MAX_BLOCK_BYTES} bytes", input.max_block_bytes);
            return problems.add("consensus_params.block.max_bytes", what);
        }
    };
    let needed = needed_block_bytes(params.max_payload_bytes, input.validators.len());
    if max_bytes < needed {
        let what = format!(
            "is {max_bytes}, but app_state.params.max_payload_bytes is {} and {} validators need {needed}: raise the \
             one or lower the other",
            params.max_payload_bytes,
            input.validators.len(),
        );
        problems.add("consensus_params.block.max_bytes", what);
    }
}

/// The least `block.max_bytes` with which a full payload fits a block signed by so many validators.
#[must_use]
pub fn needed_block_bytes(max_payload_bytes: u64, validators: usize) -> u64 {
    COMMIT_BYTES_PER_VALIDATOR
        .saturating_mul(validators as u64)
        .saturating_add(BLOCK_OVERHEAD_BYTES)
        .saturating_add(ENVELOPE_BYTES)
        .saturating_add(max_payload_bytes)
}

/// Notes what is wrong with a chain id, and with the EVM's beside it (D5).
pub fn check_chain_id(chain_id: &str, evm: u64, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if chain_id.is_empty() || chain_id.len() > MAX_CHAIN_ID_BYTES || !chain_id.chars().all(allowed) {
        let what = format!(
            "is {chain_id:?}, must have 1 to {MAX_CHAIN_ID_BYTES} of the characters a to z, A to Z, 0 to 9, -, _ and \
             ., such as deflation-local-1"
        );
        return problems.add("chain_id", what);
    }
    let family = match chain_id.rsplit_once('-') {
        Some((family, revision)) if !revision.is_empty() && revision.chars().all(|c| c.is_ascii_digit()) => family,
        _ => chain_id,
    };
    let own = NETWORKS.iter().find(|(name, _)| *name == family);
    let what = match (own, NETWORKS.iter().find(|(_, id)| *id == evm && *id != LOCAL_EVM_CHAIN_ID)) {
        (Some((_, id)), _) if *id == evm => return,
        (Some((_, id)), _) => format!("is {evm}, but chain_id {chain_id} has {id} (D5)"),
        (None, Some((name, _))) => format!(
            "is {evm}, which belongs to {name}-1 alone, not to {chain_id}: transactions of one network would be valid \
             on the other (D5)"
        ),
        (None, None) => return,
    };
    problems.add("app_state.params.evm_chain_id", what);
}

/// The keys that are good, by consensus address.
fn check_keys(given: &[KeyPower], problems: &mut Problems) -> BTreeMap<ConsensusAddress, ([u8; 32], Power)> {
    let mut keys = BTreeMap::new();
    let mut total = 0_u128;
    for (i, validator) in given.iter().enumerate() {
        let at = format!("validators[{i}]");
        let power = u64::try_from(validator.power).unwrap_or(0);
        total = total.saturating_add(u128::from(power));
        if power == 0 {
            problems.add(format!("{at}.power"), format!("is {}, must be at least 1", validator.power));
        }
        let Some(key) = ed25519_key(validator, &at, problems) else { continue };
        let address = ConsensusAddress::of_ed25519(&key);
        if keys.insert(address, (key, Power(power))).is_some() {
            problems.add(format!("{at}.pub_key"), format!("the key of {address} stands twice"));
        }
    }
    if given.is_empty() {
        problems.add("validators", "is empty: somebody has to make blocks");
    }
    if given.len() > MAX_VALIDATORS {
        problems.add("validators", format!("has {} entries, at most {MAX_VALIDATORS} (D29)", given.len()));
    }
    let most = Power::MAX_TOTAL.0;
    if total > u128::from(most) {
        problems.add("validators", format!("have a total power of {total}, CometBFT's limit is {most}"));
    }
    keys
}

fn ed25519_key(validator: &KeyPower, at: &str, problems: &mut Problems) -> Option<[u8; 32]> {
    let at = format!("{at}.pub_key");
    if validator.kind != "ed25519" {
        problems.add(at, format!("is of type {}, must be ed25519", validator.kind));
        return None;
    }
    let Ok(key) = <[u8; 32]>::try_from(validator.key.as_slice()) else {
        problems.add(at, format!("has {} bytes, an ed25519 key has 32", validator.key.len()));
        return None;
    };
    if ed25519_consensus::VerificationKey::try_from(key).is_err() {
        problems.add(at, "is not a point of the curve: the key was damaged");
        return None;
    }
    Some(key)
}

impl Modules {
    /// Everything that is wrong in the sections, each with its place.
    fn problems(&self, time: u64) -> Vec<String> {
        [
            self.money.problems().into_iter().map(|problem| format!("money.{problem}")).collect(),
            self.staking.problems(),
            self.dividends.problems(),
            self.geo.problems(),
            self.pod.problems(time),
            self.slashing.problems(),
            self.governance.problems(),
        ]
        .concat()
    }

    /// What is staked from the begin, wei: supply on top of the accounts'.
    fn stakes(&self) -> impl Iterator<Item = Amount> {
        let own = self.pod.validators.iter().map(|validator| validator.stake);
        own.chain(self.staking.positions.iter().map(|position| position.amount))
    }
}

/// Puts each key together with its validator. Powers follow from the stakes (D27).
fn join_validators(
    mut keys: BTreeMap<ConsensusAddress, ([u8; 32], Power)>,
    pod: &defchain_validators::genesis::Section,
    problems: &mut Problems,
) -> Vec<InitialValidator> {
    let mut joined = BTreeMap::new();
    for (i, validator) in pod.validators.iter().enumerate() {
        let at = format!("app_state.pod.validators[{i}]");
        let address = validator.consensus_address();
        if let Err(why) = check_operator(&validator.operator) {
            problems.add(format!("{at}.operator"), why);
        }
        if keys.remove(&address).is_none() {
            let what = format!("{} ({address}) is no key in validators, or stands twice", validator.consensus_key);
            problems.add(format!("{at}.consensus_key"), what);
        }
        joined.insert(address, validator);
    }
    for address in keys.keys() {
        let what = format!("no entry for {address}, which stands in validators: each needs one");
        problems.add("app_state.pod.validators", what);
    }
    let weight = |v: &GenesisValidator| v.stake.to_u256().saturating_mul(U256::from(v.years));
    let weights: Vec<_> = joined.iter().map(|(address, validator)| (*address, weight(validator))).collect();
    let powers = defchain_validators::power::normalise(&weights);
    joined
        .into_iter()
        .zip(powers)
        .map(|((address, v), power)| InitialValidator {
            address,
            key: v.consensus_key.0,
            power: Power(power),
            operator: v.operator,
            moniker: v.moniker.clone(),
        })
        .collect()
}

/// Whether a validator may have this name.
pub fn check_moniker(moniker: &str, at: &str, problems: &mut Problems) {
    if moniker.len() > MAX_MONIKER_BYTES || moniker.chars().any(char::is_control) {
        let what = format!(
            "is {moniker:?} ({} bytes), must have at most {MAX_MONIKER_BYTES} bytes and no control characters",
            moniker.len()
        );
        problems.add(format!("{at}.moniker"), what);
    }
}

/// Whether somebody can hold this address' key.
///
/// # Errors
/// Who keeps the address instead.
pub fn check_operator(operator: &Address) -> Result<(), String> {
    match kept_by(operator) {
        Some(by) => Err(format!("is {operator}, which is {by}: nobody holds its key")),
        None => Ok(()),
    }
}

/// Whether no account of genesis may have this address.
pub(super) fn is_kept(address: &Address) -> bool {
    kept_by(address).is_some()
}

/// Who keeps an address that no account of genesis may have.
fn kept_by(address: &Address) -> Option<&'static str> {
    let precompile = address
        .as_slice()
        .split_last()
        .is_some_and(|(last, rest)| rest.iter().all(|b| *b == 0) && (1..=LAST_PRECOMPILE).contains(last));
    if address.is_zero() {
        Some("the zero address")
    } else if precompile {
        Some("a precompile of Ethereum")
    } else if system::is_reserved(address) {
        Some("kept by the protocol (0x…0100 to 0x…01ff, D10)")
    } else if *address == HISTORY_STORAGE_ADDRESS {
        Some("the block hash history's (EIP-2935)")
    } else {
        None
    }
}

/// Notes what is wrong with an account by itself.
pub(super) fn check_account(account: &GenesisAccount, at: &str, problems: &mut Problems) {
    if let Some(by) = kept_by(&account.address) {
        problems.add(format!("{at}.address"), format!("is {}, which is {by}", account.address));
    }
    if account.nonce > MAX_NONCE {
        problems.add(format!("{at}.nonce"), format!("is {}, must be at most {MAX_NONCE} (EIP-2681)", account.nonce));
    }
    let code = &account.code;
    if code.len() > MAX_CODE_BYTES {
        let what = format!("has {} bytes, at most {MAX_CODE_BYTES} (EIP-170)", code.len());
        problems.add(format!("{at}.code"), what);
    }
    let delegation = code.len() == 23 && code.starts_with(&[0xef, 0x01, 0x00]);
    if code.first() == Some(&0xef) && !delegation {
        problems.add(format!("{at}.code"), "begins with 0xef and is no EIP-7702 delegation (EIP-3541)");
    }
    for slot in account.storage.iter().filter(|(_, value)| value.is_zero()).map(|(slot, _)| slot) {
        problems.add(format!("{at}.storage"), format!("slot {slot} is zero: leave it out"));
    }
    if account.balance.is_zero() && account.nonce == 0 && code.is_empty() && account.storage.is_empty() {
        problems.add(at, format!("{} has neither balance, nonce, code nor storage: leave it out", account.address));
    }
}

/// The sum of balances; it cannot wrap, whatever the file says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Supply(u128);

impl Supply {
    pub(super) fn new(start: Amount) -> Self {
        Self(start.wei())
    }

    pub(super) fn add(&mut self, balance: Amount) {
        self.0 = self.0.saturating_add(balance.wei());
    }

    pub(super) const fn total(self) -> Amount {
        Amount::from_wei(self.0)
    }

    pub(super) fn check(self, at: &str, problems: &mut Problems) {
        if self.0 > MAX_SUPPLY.wei() {
            let over = self.0.saturating_sub(MAX_SUPPLY.wei());
            let what = format!("hold {} wei together, {over} wei above the limit of {MAX_SUPPLY} wei (D4)", self.0);
            problems.add(at, what);
        }
    }
}
