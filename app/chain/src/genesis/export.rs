//! The state of a block as the genesis of a new chain: the same balances, nonces, code, storage, pools and supply.
//!
//! What a new chain makes itself is left out: system addresses, the block hash history, the beacon roots contract and
//! the deployer of CREATE2 (money on them is carried as "stranded"). Accounts come one by one by ascending address, so
//! that a state of any size is written with memory for one account.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use defchain_base::{
    Address, Amount, B256, ConsensusAddress, Power, StateError, StateRead, StateReadExt, Substore, U256,
    read_exact_value, system::Pool,
};
use defchain_evm::state::EvmRead;
use defchain_token::{AccountRecord, TokenParams, keys::SupplyKey, state::TokenRead};
use defchain_validators::state::ValidatorsRead;

use super::GenesisAccount;
use crate::{
    keys::{ValidatorRecord, validators},
    params::{ChainParams, PARAMS_KEY},
    upgrade::{self, UpgradePlan},
};

/// How many records are read at once.
const PAGE: usize = 1_000;
/// Accounts are `a` ‖ address in `evm`; slots are `s` ‖ address ‖ slot.
const ACCOUNTS: u8 = b'a';
const SLOTS: u8 = b's';

/// Why a state cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// State.
    #[error(transparent)]
    State(#[from] StateError),
    /// No genesis can say what this state says.
    #[error("this state cannot be written as a genesis: {0}")]
    NotGenesis(String),
    /// The exported parts do not sum to the supply: the state is damaged.
    #[error("accounts, pools and stranded money hold {found} wei together, the state's supply is {supply} wei")]
    Supply {
        /// What was found.
        found: Amount,
        /// What the state says.
        supply: Amount,
    },
}

/// What a state holds beside its ordinary accounts.
#[derive(Debug, Clone)]
pub struct Rest {
    /// Parameters of blocks and fees; the base fee goes on where it was.
    pub params: ChainParams,
    /// Version of the rules.
    pub app_version: u64,
    /// An upgrade to come; its height is the old chain's.
    pub upgrade: Option<UpgradePlan>,
    /// Consensus address, public key, power and operator of each validator.
    pub validators: Vec<(ConsensusAddress, [u8; 32], Power, Address)>,
    /// Own stake of each validator, with its term in years: the whole of what is staked.
    pub stakes: BTreeMap<Address, (Amount, u8)>,
    /// Unclaimed income and commission by operator: paid out to them. What rounding left is in the treasury.
    pub income: BTreeMap<Address, Amount>,
    /// Pools that hold something.
    pub pools: BTreeMap<String, Amount>,
    /// Money on addresses that a new chain makes itself.
    pub stranded: BTreeMap<Address, Amount>,
    /// All there is.
    pub supply: Amount,
}

/// Reads everything but the ordinary accounts.
///
/// # Errors
/// When the state cannot be read, or is under an economy whose portions genesis cannot write.
pub fn rest<S: StateRead>(state: &S) -> Result<Rest, ExportError> {
    if state.token_params()? != TokenParams::plain() {
        let why = "its money ages (portions with dates of receipt), and a genesis writes fresh money only";
        return Err(ExportError::NotGenesis(why.to_owned()));
    }
    let params = state.read(&PARAMS_KEY)?;
    let params = params.ok_or_else(|| ExportError::NotGenesis("it has no chain parameters".to_owned()))?;
    let mut pools = BTreeMap::new();
    let set = validators(state)?;
    let (stakes, income) = economy(state, &set)?;
    let paid =
        income.values().try_fold(Amount::ZERO, |sum, amount| sum.checked_add(*amount)).map_err(StateError::from)?;
    let rounding = state.pool(Pool::Validators)?.checked_sub(paid).map_err(StateError::from)?;
    for pool in Pool::FREE {
        let rounding = if pool == Pool::Treasury { rounding } else { Amount::ZERO };
        let amount = state.pool(pool)?.checked_add(rounding).map_err(StateError::from)?;
        if !amount.is_zero() {
            pools.insert(pool.name().to_owned(), amount);
        }
    }
    let mut stranded = BTreeMap::new();
    for address in made_by_genesis() {
        let Some(record) = state.account(&address)? else { continue };
        let balance = balance(&record)?;
        if !balance.is_zero() {
            stranded.insert(address, balance);
        }
    }
    Ok(Rest {
        params,
        app_version: upgrade::version(state)?,
        upgrade: upgrade::plan(state)?,
        validators: set.iter().map(|(address, v)| (*address, v.pub_key, v.power, v.operator)).collect(),
        stakes,
        income,
        pools,
        stranded,
        supply: state.read(&SupplyKey)?.unwrap_or_default().0,
    })
}

type Stakes = BTreeMap<Address, (Amount, u8)>;

/// What the validators have staked and earned. A genesis of plain money carries one position of each validator and nothing
/// else of the economy.
fn economy<S: StateRead>(
    state: &S,
    set: &[(ConsensusAddress, ValidatorRecord)],
) -> Result<(Stakes, BTreeMap<Address, Amount>), ExportError> {
    let invariant = |error: defchain_staking::StakingError| ExportError::State(error.into());
    let (mut stakes, mut income, mut staked) = (BTreeMap::new(), BTreeMap::new(), Amount::ZERO);
    for (_, validator) in set {
        let owner = validator.operator;
        let mut earned = state.commission_owed(owner)?;
        for position in defchain_staking::query::position_infos(state, owner).map_err(invariant)? {
            staked = staked.checked_add(position.amount).map_err(StateError::from)?;
            earned = earned.checked_add(position.income).map_err(StateError::from)?;
            if stakes.insert(owner, (position.amount, position.years)).is_some() {
                let why = format!("{owner} has more than one stake");
                return Err(ExportError::NotGenesis(why));
            }
        }
        if !earned.is_zero() {
            income.insert(owner, earned);
        }
    }
    let held = state.pool(Pool::Staking)?;
    if held != staked || !state.pool(Pool::Governance)?.is_zero() {
        let why = format!(
            "{held} wei are staked, {staked} wei of that by its validators, {} wei are deposits: a genesis carries the \
             validators' own stakes only",
            state.pool(Pool::Governance)?
        );
        return Err(ExportError::NotGenesis(why));
    }
    Ok((stakes, income))
}

/// Accounts that every genesis makes.
fn made_by_genesis() -> Vec<Address> {
    defchain_evm::genesis_accounts(&crate::modules::registry()).into_iter().map(|account| account.address).collect()
}

fn balance(record: &AccountRecord) -> Result<Amount, ExportError> {
    record
        .nominal_balance(&TokenParams::plain())
        .map_err(|error| ExportError::State(StateError::Invariant(error.to_string())))
}

/// The ordinary accounts of a state, by ascending address; ends with an error when their money does not make the supply.
pub struct Accounts<'s, S> {
    state: &'s S,
    made: Vec<Address>,
    page: VecDeque<(Bytes, Bytes)>,
    next: Option<Vec<u8>>,
    /// Money met so far, wei; pools and stranded money are counted already.
    found: Amount,
    stranded: BTreeMap<Address, Amount>,
    supply: Amount,
    /// Income that is still to be added to its operator's account.
    income: BTreeMap<Address, Amount>,
    /// Read, and behind an operator who has no account yet.
    held_back: Option<GenesisAccount>,
    ended: bool,
}

impl<'s, S: StateRead> Accounts<'s, S> {
    /// From the first one.
    ///
    /// # Errors
    /// When the pools hold more than there can be.
    pub fn new(state: &'s S, rest: &Rest) -> Result<Self, ExportError> {
        let mut found = Amount::ZERO;
        let stakes = rest.stakes.values().map(|(amount, _)| amount);
        for amount in rest.pools.values().chain(rest.stranded.values()).chain(rest.income.values()).chain(stakes) {
            found = found.checked_add(*amount).map_err(StateError::from)?;
        }
        Ok(Self {
            state,
            made: made_by_genesis(),
            page: VecDeque::new(),
            next: Some(vec![ACCOUNTS]),
            found,
            stranded: BTreeMap::new(),
            supply: rest.supply,
            income: rest.income.clone(),
            held_back: None,
            ended: false,
        })
    }

    /// Money on addresses that the protocol keeps and that have a record of their own, such as the zero address. Complete when the
    /// iterator has ended.
    #[must_use]
    pub fn stranded(&self) -> &BTreeMap<Address, Amount> {
        &self.stranded
    }

    fn record(&mut self) -> Result<Option<(Bytes, Bytes)>, ExportError> {
        if self.page.is_empty()
            && let Some(from) = self.next.take()
        {
            let page = self.state.range_raw(Substore::Evm, &from, &[ACCOUNTS.saturating_add(1)], PAGE)?;
            if page.len() == PAGE
                && let Some((last, _)) = page.last()
            {
                self.next = Some([last.as_ref(), &[0]].concat());
            }
            self.page = page.into();
        }
        Ok(self.page.pop_front())
    }

    /// The next account with what it earned; an operator without an account gets one, in its place.
    fn account(&mut self) -> Result<Option<GenesisAccount>, ExportError> {
        let next = match self.held_back.take() {
            Some(account) => Some(account),
            None => self.stored()?,
        };
        let first = self.income.first_key_value().map(|(address, amount)| (*address, *amount));
        let Some((operator, earned)) = first else { return Ok(next) };
        match next {
            Some(mut account) if account.address == operator => {
                self.income.remove(&operator);
                account.balance = account.balance.checked_add(earned).map_err(StateError::from)?;
                Ok(Some(account))
            }
            Some(account) if account.address < operator => Ok(Some(account)),
            later => {
                self.income.remove(&operator);
                self.held_back = later;
                Ok(Some(GenesisAccount { address: operator, balance: earned, ..empty() }))
            }
        }
    }

    fn stored(&mut self) -> Result<Option<GenesisAccount>, ExportError> {
        while let Some((key, value)) = self.record()? {
            let invalid = |why: String| {
                ExportError::State(StateError::Invariant(format!(
                    "account {}: {why}",
                    alloy_primitives::hex::encode(&key)
                )))
            };
            let address = key.get(1..).and_then(|bytes| Address::try_from(bytes).ok());
            let address = address.ok_or_else(|| invalid("its key is no address".to_owned()))?;
            if self.made.contains(&address) {
                continue;
            }
            let record: AccountRecord = read_exact_value(&value).map_err(|error| invalid(error.to_string()))?;
            let balance = balance(&record)?;
            self.found = self.found.checked_add(balance).map_err(StateError::from)?;
            if super::validate::is_kept(&address) {
                if !balance.is_zero() {
                    self.stranded.insert(address, balance);
                }
                continue;
            }
            let account = GenesisAccount {
                address,
                balance,
                nonce: record.nonce,
                code: self.state.code_by_hash(record.code_hash)?,
                storage: self.storage(&address)?,
            };
            // What a genesis refuses as empty leaves no trace in the new chain either.
            if account != (GenesisAccount { address, ..empty() }) {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    fn storage(&self, address: &Address) -> Result<BTreeMap<B256, B256>, ExportError> {
        let prefix = [&[SLOTS], address.as_slice()].concat();
        let mut end = [&prefix[..], &[0xff; 32]].concat();
        end.push(0);
        let mut slots = BTreeMap::new();
        let mut from = prefix.clone();
        loop {
            let page = self.state.range_raw(Substore::Evm, &from, &end, PAGE)?;
            for (key, value) in &page {
                let slot = key.strip_prefix(prefix.as_slice()).and_then(|slot| B256::try_from(slot).ok());
                let slot = slot.ok_or_else(|| {
                    StateError::Invariant(format!("a storage key of {address} has {} bytes", key.len()))
                })?;
                slots.insert(slot, B256::from(U256::from_be_slice(value)));
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => from = [last.as_ref(), &[0]].concat(),
                _ => return Ok(slots),
            }
        }
    }
}

fn empty() -> GenesisAccount {
    GenesisAccount {
        address: Address::ZERO,
        balance: Amount::ZERO,
        nonce: 0,
        code: Default::default(),
        storage: BTreeMap::new(),
    }
}

impl<S: StateRead> Iterator for Accounts<'_, S> {
    type Item = Result<GenesisAccount, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.account() {
            Ok(Some(account)) => Some(Ok(account)),
            Ok(None) => {
                self.ended = true;
                let (found, supply) = (self.found, self.supply);
                (found != supply).then_some(Err(ExportError::Supply { found, supply }))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}
