//! The first validators.

use std::collections::BTreeMap;

use defchain_base::{Address, Amount, B256, Bps, ConsensusAddress, Height, native::Host, params::ModuleParams, system};
use defchain_geo::Country;
use serde::{Deserialize, Serialize};

use crate::{
    Epoch, Member, PowerUpdate, Status, ValidatorParams, ValidatorRecord, ValidatorsError,
    epoch::open,
    msg::{check_commission, check_moniker, settle_in},
    performance, pop,
    records::{Attested, MAX_SET},
    removals::weigh,
    state::ValidatorsWrite,
};

/// A year of real time, the life of a genesis validator's verification unless genesis says otherwise.
const YEAR: u64 = 365 * 86_400;

/// What genesis says about validators.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Parameters.
    pub params: ValidatorParams,
    /// The first validators, one for a country.
    pub validators: Vec<GenesisValidator>,
}

/// A validator at genesis. Its keys were proved when its declaration was collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisValidator {
    /// Who acts and earns for it.
    pub operator: Address,
    /// For people.
    pub moniker: String,
    /// Where it stands.
    pub country: Country,
    /// ed25519 key, 32 bytes in hex.
    pub consensus_key: B256,
    /// BLS12-381 key, 96 bytes in hex.
    pub bls_key: alloy_primitives::Bytes,
    /// Of delegators' income, hundredths of a percent.
    pub commission_bps: u16,
    /// Own stake, wei: one whole position.
    pub stake: Amount,
    /// Its term.
    pub years: u8,
    /// Until when its verification holds, seconds since 1970; absent for a year from genesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation_expiry: Option<u64>,
}

impl Section {
    /// Everything that is wrong, each with its place. `time` is genesis time, seconds since 1970.
    #[must_use]
    pub fn problems(&self, time: u64) -> Vec<String> {
        let mut found: Vec<String> = self.params.problems().into_iter().map(|p| format!("pod.params: {p}")).collect();
        let count = self.validators.len();
        if count > MAX_SET {
            found.push(format!("pod.validators: {count} entries, there are {MAX_SET} jurisdictions"));
        }
        if count == 0 {
            found.push("pod.validators: is empty: somebody must sign the first blocks".to_owned());
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (i, validator) in self.validators.iter().enumerate() {
            let names = [
                format!("operator {}", validator.operator),
                format!("country {}", validator.country),
                format!("consensus key {}", validator.consensus_key),
                format!("BLS key {}", validator.bls_key),
            ];
            for name in names {
                if let Some(first) = seen.get(&name) {
                    found.push(format!("pod.validators[{i}]: {name} is that of validators[{first}] already"));
                } else {
                    seen.insert(name, i);
                }
            }
            found.extend(validator.problems(&self.params, time).into_iter().map(|p| format!("pod.validators[{i}]{p}")));
        }
        found
    }

    /// Writes everything and returns the whole first set for CometBFT, by key. Each operator's own stake is opened as one
    /// position, bound and counted. `initial` is the height of the first block.
    ///
    /// # Errors
    /// When [`Self::problems`] were not heeded, or the store fails.
    pub fn apply<H: Host + ?Sized>(&self, host: &mut H, initial: Height) -> Result<Vec<PowerUpdate>, ValidatorsError> {
        self.params.store(host)?;
        let mut members = Vec::with_capacity(self.validators.len());
        for validator in &self.validators {
            members.push(validator.apply(host, &self.params)?);
        }
        let set = weigh(members);
        if set.0.len() != self.validators.len() {
            return Err(ValidatorsError::Genesis("a validator's stake is too small a share for any power".to_owned()));
        }
        let total = set.0.iter().fold(defchain_base::U256::ZERO, |sum, m| sum.saturating_add(m.weight));
        host.put_set(initial, &set)?;
        host.put_epoch(&Epoch {
            number: 0,
            start: initial,
            blocks: self.params.epoch_blocks,
            total_weight: total,
            removed_weight: defchain_base::U256::ZERO,
            min_stake: self.params.min_stake,
        })?;
        for member in &set.0 {
            performance::joins(host, member.operator, initial)?;
            host.begin_key_term(member.consensus_address(), initial)?;
        }
        open(host, &self.params, u64::try_from(set.0.len()).unwrap_or(u64::MAX))?;
        let mut updates: Vec<_> = set.0.iter().map(|m| PowerUpdate { key: m.key, power: m.power }).collect();
        updates.sort_by_key(|u| u.key);
        Ok(updates)
    }
}

impl GenesisValidator {
    /// Its address in CometBFT.
    #[must_use]
    pub fn consensus_address(&self) -> ConsensusAddress {
        ConsensusAddress::of_ed25519(&self.consensus_key.0)
    }

    fn problems(&self, params: &ValidatorParams, time: u64) -> Vec<String> {
        let mut found = Vec::new();
        if self.operator.is_zero() || system::is_reserved(&self.operator) {
            found.push(format!(".operator: {} is nobody's account", self.operator));
        }
        let mut check = |field: &str, result: Result<(), ValidatorsError>| {
            if let Err(e) = result {
                found.push(format!(".{field}: {e}"));
            }
        };
        check("moniker", check_moniker(&self.moniker));
        check("commission_bps", check_commission(params, u64::from(self.commission_bps)).map(|_| ()));
        check("consensus_key", pop::check_consensus_key(&self.consensus_key.0).map(|_| ()));
        check("bls_key", pop::check_bls_key(&self.bls_key).map(|_| ()));
        if self.stake < params.min_stake {
            found.push(format!(".stake: {} wei, the minimum is {} wei", self.stake, params.min_stake));
        }
        if !(1..=12).contains(&self.years) {
            found.push(format!(".years: {} is no term: 1 to 12", self.years));
        }
        if let Some(expiry) = self.attestation_expiry.filter(|e| *e <= time) {
            found.push(format!(".attestation_expiry: {expiry} is not after genesis time {time}"));
        }
        found
    }

    fn apply<H: Host + ?Sized>(&self, host: &mut H, params: &ValidatorParams) -> Result<Member, ValidatorsError> {
        let operator = self.operator;
        let (age, time) = (host.block().age, host.block().time);
        let (bls_key, _) = pop::check_bls_key(&self.bls_key)?;
        let record = ValidatorRecord {
            moniker: self.moniker.clone(),
            country: self.country,
            status: Status::Active,
            leaving: false,
            released: false,
            registered_at: time,
            consensus_key: self.consensus_key.0,
            next_key: None,
            bls_key,
            commission: Bps(self.commission_bps),
            commission_at: time,
            attested: Attested {
                hash: B256::ZERO,
                verifier: Address::ZERO,
                expires_at: self.attestation_expiry.unwrap_or_else(|| time.seconds().saturating_add(YEAR)),
                warned: false,
            },
            jail: None,
            inactive_since: age,
            slashed_at: None,
        };
        settle_in(host, operator, &record)?;
        defchain_staking::genesis::open_position(host, operator, self.stake, self.years, None, None)?;
        let own = defchain_staking::bind_own(host, operator, params.min_stake)?;
        if own < params.min_stake {
            return Err(ValidatorsError::OwnStake { operator, own, minimum: params.min_stake });
        }
        defchain_staking::start_epoch(host, operator, true)?;
        let weights = defchain_staking::book_weights(host, operator)?;
        let weight = weights.own.saturating_add(weights.delegated);
        Ok(Member { operator, key: self.consensus_key.0, weight, power: 0 })
    }
}
