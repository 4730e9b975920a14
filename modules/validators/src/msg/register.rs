use defchain_base::{Address, Bps, ConsensusAddress, StateRead, native::Host, params::ModuleParams};
use defchain_geo::Attestation;

use crate::{
    Status, ValidatorParams, ValidatorRecord, ValidatorsError,
    abi::{consensus, country, emit, events},
    msg::commission::may_change,
    pop,
    records::{Attested, MAX_MONIKER},
    state::{ValidatorsRead, ValidatorsWrite},
};

/// What a registration brings (D31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// For people.
    pub moniker: String,
    /// Where, and who vouches for it.
    pub attestation: Attestation,
    /// By a verifier.
    pub signature: Vec<u8>,
    /// ed25519.
    pub consensus_key: [u8; 32],
    /// See [`pop`].
    pub consensus_proof: Vec<u8>,
    /// BLS12-381, compressed.
    pub bls_key: Vec<u8>,
    /// See [`pop`].
    pub bls_proof: Vec<u8>,
    /// Of delegators' income.
    pub commission: u64,
}

/// Registers `operator`: it takes its country's seat, or a place in the queue (D31). Returns whether it queues.
///
/// # Errors
/// With what is missing or wrong.
pub fn register<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    new: &Registration,
) -> Result<bool, ValidatorsError> {
    let params = ValidatorParams::load(host)?;
    let env = *host.block();
    check_moniker(&new.moniker)?;
    let before = host.validator(operator)?;
    if let Some(record) = &before {
        may_come_back(host, operator, record)?;
    }
    let commission = check_commission(&params, new.commission)?;
    let mut commission_at = env.time;
    match &before {
        Some(record) if record.commission == commission => commission_at = record.commission_at,
        Some(record) => may_change(host, &params, record, commission)?,
        None => {}
    }
    let attested = new.attestation.validator;
    if attested != operator {
        return Err(ValidatorsError::OtherValidator { attested, operator });
    }
    check_unused(host, &new.consensus_key)?;
    pop::verify_consensus(env.chain_id, operator, &new.consensus_key, &new.consensus_proof)?;
    let (bls_key, _) = pop::check_bls_key(&new.bls_key)?;
    if let Some(owner) = host.operator_of_bls(&bls_key)? {
        let key = alloy_primitives::hex::encode_prefixed(bls_key);
        return Err(ValidatorsError::KeyUsed { kind: "BLS", key, owner });
    }
    pop::verify_bls(env.chain_id, operator, &bls_key, &new.bls_proof)?;
    let accepted = defchain_geo::accept(host, &new.attestation, &new.signature)?;
    let own = defchain_staking::bind_own(host, operator, params.min_stake)?;
    if own < params.min_stake {
        return Err(ValidatorsError::OwnStake { operator, own, minimum: params.min_stake });
    }

    let place = new.attestation.country;
    let queued = host.seat(place)?.is_some() || !host.queue(place, 1)?.is_empty();
    let record = ValidatorRecord {
        moniker: new.moniker.clone(),
        country: place,
        status: if queued { Status::Queued } else { Status::Active },
        leaving: false,
        released: false,
        registered_at: env.time,
        consensus_key: new.consensus_key,
        next_key: None,
        bls_key,
        commission,
        commission_at,
        attested: Attested {
            hash: accepted.hash,
            verifier: accepted.verifier,
            expires_at: accepted.expires_at,
            warned: false,
        },
        jail: before.as_ref().and_then(|r| r.jail),
        inactive_since: env.age,
        slashed_at: before.and_then(|r| r.slashed_at),
    };
    settle_in(host, operator, &record)?;
    let consensus_address = consensus(record.consensus_address());
    emit(
        host,
        &events::Attested {
            operator,
            verifier: accepted.verifier,
            hash: accepted.hash,
            expirationDate: accepted.expires_at,
        },
    )?;
    let event = events::Registered { operator, country: country(place), consensusAddress: consensus_address, queued };
    emit(host, &event)?;
    Ok(queued)
}

/// Writes a new validator with its keys, and its seat or its place in the queue.
pub(crate) fn settle_in<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    record: &ValidatorRecord,
) -> Result<(), ValidatorsError> {
    host.put_consensus_key(&record.consensus_key, operator)?;
    host.put_bls_key(&record.bls_key, operator)?;
    host.put_validator(operator, record)?;
    match record.status {
        Status::Queued => host.enqueue(operator, record)?,
        _ => host.put_seat(record.country, Some(operator))?,
    }
    Ok(())
}

/// Who left may come back with new keys, after the term of a jail that was imposed meanwhile.
fn may_come_back<H: Host + ?Sized>(
    host: &H,
    operator: Address,
    record: &ValidatorRecord,
) -> Result<(), ValidatorsError> {
    let (until, now) = (record.jailed_until(), host.block().age);
    match record.status {
        Status::Exited if until > now => Err(ValidatorsError::StillJailed { operator, until, now }),
        Status::Exited => Ok(()),
        Status::Tombstoned => Err(ValidatorsError::Tombstoned(operator)),
        status => Err(ValidatorsError::Registered { operator, country: record.country, status }),
    }
}

pub(crate) fn check_moniker(moniker: &str) -> Result<(), ValidatorsError> {
    let found = moniker.len();
    if found == 0 || found > MAX_MONIKER || moniker.chars().any(char::is_control) {
        return Err(ValidatorsError::Moniker { found, limit: MAX_MONIKER });
    }
    Ok(())
}

pub(crate) fn check_commission(params: &ValidatorParams, found: u64) -> Result<Bps, ValidatorsError> {
    let (least, most) = (params.min_commission.0, params.max_commission.0);
    match u16::try_from(found) {
        Ok(bps) if (least..=most).contains(&bps) => Ok(Bps(bps)),
        _ => Err(ValidatorsError::Commission { found, least, most }),
    }
}

/// A consensus key registers once: evidence must lead to one operator for ever.
pub(crate) fn check_unused<S: StateRead + ?Sized>(state: &S, key: &[u8; 32]) -> Result<(), ValidatorsError> {
    match state.operator_of(ConsensusAddress::of_ed25519(key))? {
        None => Ok(()),
        Some(owner) => {
            let key = alloy_primitives::hex::encode_prefixed(key);
            Err(ValidatorsError::KeyUsed { kind: "consensus", key, owner })
        }
    }
}
