//! Validators, seats, verifiers, epochs, punished faults (D27 to D35).

use alloy_eips::BlockId;
use alloy_primitives::{Address, U64, U256};
use defchain_base::{AgeMillis, ConsensusAddress};
use defchain_geo::{Country, state::GeoRead};
use defchain_rpc_types::{
    EpochInfo, EvidenceInfo, FaultRecord, Jurisdiction, Performance, ValidatorInfo, Validators, VerifierInfo,
};
use defchain_slashing::{FOR_EVER, Kind, query as faults};
use defchain_validators::{
    JailKind,
    query::{self, ValidatorView},
    state::ValidatorsRead,
};

use crate::{
    api::{Api, Cost},
    def::{limit_of, seconds, time_of_age, wei},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::{View, view_at},
};

pub(super) const METHODS: &[Method] = &[
    Method::new("def_getValidatorInfo", Cost::Read, validator_info),
    Method::new("def_getValidators", Cost::Read, validators),
    Method::new("def_getEpoch", Cost::Read, epoch),
    Method::new("def_getJurisdictions", Cost::Read, jurisdictions),
    Method::new("def_getVerifiers", Cost::Read, verifiers),
    Method::new("def_getEvidence", Cost::Read, evidence),
];

/// Most validators of one answer: one of each jurisdiction, and as many that wait.
const MAX_VALIDATORS: usize = 400;
/// Most candidates that are listed for a seat.
const MAX_QUEUE: usize = 50;
/// One, with 18 decimals.
const WHOLE: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::DoubleSign => "doubleSign",
        Kind::Downtime => "downtime",
        Kind::InvalidProposal => "invalidProposal",
        Kind::Censorship => "censorship",
        Kind::Equivocation => "equivocation",
    }
}

const fn jail_name(kind: JailKind) -> &'static str {
    match kind {
        JailKind::DoubleSign => kind_name(Kind::DoubleSign),
        JailKind::Downtime => kind_name(Kind::Downtime),
        JailKind::InvalidProposal => kind_name(Kind::InvalidProposal),
        JailKind::Censorship => kind_name(Kind::Censorship),
        JailKind::Equivocation => kind_name(Kind::Equivocation),
        JailKind::Attestation => "attestation",
    }
}

/// A part of all weight, with 18 decimals.
fn share(weight: U256, of: U256) -> U256 {
    weight.saturating_mul(WHOLE).checked_div(of).unwrap_or(U256::ZERO)
}

fn shown(view: &View, v: ValidatorView, beta_pod: U256) -> ValidatorInfo {
    let weight = v.own_weight.saturating_add(v.delegated_weight);
    ValidatorInfo {
        operator: v.operator,
        moniker: v.moniker,
        country: v.country.to_string(),
        country_name: v.country_name.to_owned(),
        status: v.status.to_string(),
        seat: v.seat,
        leaving: v.leaving,
        registered_at: seconds(v.registered_at),
        consensus_key: v.consensus_key,
        consensus_address: v.consensus_address.to_string(),
        next_key: v.next_key,
        bls_key: v.bls_key,
        commission_bps: v.commission_bps,
        attestation: v.attestation,
        verifier: v.verifier,
        attested_until: U64::from(v.attested_until),
        jail_kind: v.jail_kind.map(|kind| jail_name(kind).to_owned()),
        jailed_until_age: v.jailed_until.map(U64::from),
        jailed_until: v
            .jailed_until
            .filter(|until| *until != FOR_EVER.0)
            .map(|until| time_of_age(view, AgeMillis(until))),
        own_stake: wei(v.own_stake),
        own_weight: v.own_weight,
        delegated_weight: v.delegated_weight,
        weight,
        weight_share: share(weight, beta_pod),
        power: U64::from(v.power),
        owed: wei(v.owed),
        performance: Performance {
            proposed: U64::from(v.performance.proposed),
            signed: U64::from(v.performance.signed),
            missed: U64::from(v.performance.missed),
            absent_since_age: v.performance.absent_since.map(U64::from),
        },
        faults: Vec::new(),
    }
}

fn validator_info(api: &Api, mut params: Params<'_>) -> RpcResult {
    let operator: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let view = view_at(api, id)?;
    let found = query::view(&view.state, operator, view.header.height)?;
    let mut info = shown(&view, found, defchain_staking::beta_pod(&view.state)?);
    info.faults = faults::past(&view.state, operator, view.age())?
        .into_iter()
        .map(|past| FaultRecord {
            kind: kind_name(past.kind).to_owned(),
            count: past.past.count,
            next_share_bps: past.next_share.0,
            next_jail: U64::from(past.next_jail),
        })
        .collect();
    json(&info)
}

fn validators(api: &Api, mut params: Params<'_>) -> RpcResult {
    let after: Option<Address> = params.optional("after")?;
    let limit: Option<usize> = params.optional("limit")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let limit = limit_of(1, limit, MAX_VALIDATORS)?;
    let view = view_at(api, id)?;
    let beta_pod = defchain_staking::beta_pod(&view.state)?;
    let found = query::list(&view.state, after.unwrap_or_default(), limit, view.header.height)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.operator);
    let powers = view.state.latest_set()?.0.iter().map(|member| member.power).fold(0, u64::saturating_add);
    json(&Validators {
        beta_pod,
        total_power: U64::from(powers),
        validators: found.into_iter().map(|v| shown(&view, v, beta_pod)).collect(),
        next,
    })
}

fn epoch(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let view = view_at(api, id)?;
    let (epoch, threshold) = query::epoch(&view.state)?;
    let epoch =
        epoch.ok_or_else(|| RpcError::Refused("this chain has no validator module: it counts no epochs".to_owned()))?;
    let latch = view.state.latch()?;
    json(&EpochInfo {
        number: U64::from(epoch.number),
        start: U64::from(epoch.start.0),
        end: U64::from(epoch.end().0),
        blocks_left: U64::from(epoch.end().0.saturating_sub(view.header.height.next().0)),
        total_weight: epoch.total_weight,
        removed_weight: epoch.removed_weight,
        min_stake: wei(epoch.min_stake),
        active: u32::try_from(query::active(&view.state)?.len()).unwrap_or(u32::MAX),
        threshold,
        open: latch.is_some(),
        open_since: latch.map(|latch| U64::from(latch.height.0)),
    })
}

fn jurisdictions(api: &Api, mut params: Params<'_>) -> RpcResult {
    let only: Option<String> = params.optional("country")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let countries = match only {
        Some(code) => vec![Country::parse(&code).map_err(|e| RpcError::argument(0, "country", e))?],
        None => Country::all().collect(),
    };
    let view = view_at(api, id)?;
    let jurisdiction = |country: Country| {
        let operator = view.state.seat(country)?;
        let status = match operator {
            Some(operator) => view.state.validator(operator)?.map(|record| record.status.to_string()),
            None => None,
        };
        let queue = view.state.queue(country, MAX_QUEUE)?.into_iter().map(|queued| queued.operator).collect();
        Ok(Jurisdiction { code: country.to_string(), name: country.name().to_owned(), operator, status, queue })
    };
    json(&countries.into_iter().map(jurisdiction).collect::<Result<Vec<_>, RpcError>>()?)
}

fn verifiers(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let found = view_at(api, id)?.state.verifiers()?;
    let shown = found.into_iter().map(|(address, verifier)| VerifierInfo {
        address,
        name: verifier.name,
        added_at: seconds(verifier.added_at),
        removed_at: verifier.removed_at.map(seconds),
    });
    json(&shown.collect::<Vec<_>>())
}

/// Punished faults, newest first, of everybody; or of one validator, oldest first, above a number.
fn evidence(api: &Api, mut params: Params<'_>) -> RpcResult {
    let operator: Option<Address> = params.optional("validator")?;
    let cursor: Option<U64> = params.optional("cursor")?;
    let limit: Option<usize> = params.optional("limit")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let limit = limit_of(2, limit, faults::MAX_PAGE)?;
    let state = view_at(api, id)?.state;
    let cursor = cursor.map(|cursor| cursor.to::<u64>());
    let found = match operator {
        Some(operator) => faults::list_of(&state, operator, cursor.unwrap_or(0), limit)?,
        None => faults::list(&state, cursor, limit)?,
    };
    let shown = found.into_iter().map(|faults::EvidenceView { id, evidence: e }| EvidenceInfo {
        id: U64::from(id),
        kind: kind_name(e.kind).to_owned(),
        operator: e.operator,
        consensus_address: (e.consensus != ConsensusAddress::default()).then(|| e.consensus.to_string()),
        fault_height: U64::from(e.fault_height.0),
        height: U64::from(e.height.0),
        age: U64::from(e.age.0),
        share_bps: e.share.0,
        repeats: e.repeats,
        slashed: wei(e.split.slashed),
        burned: wei(e.split.burned),
        treasury: wei(e.split.treasury),
        reward: wei(e.split.reward),
        reporter: (!e.reporter.is_zero()).then_some(e.reporter),
        jailed_until_age: (e.jailed_until != FOR_EVER).then(|| U64::from(e.jailed_until.0)),
        proof: e.proof,
    });
    json(&shown.collect::<Vec<_>>())
}
