//! Proposals, votes, and every parameter with its bounds (D36a).

use alloy_eips::BlockId;
use alloy_primitives::{Address, U64, U128};
use defchain_base::params::ParamBound;
use defchain_governance::query::{self, MAX_PAGE, ProposalView};
use defchain_rpc_types::{AllParams, BurnTableInfo, ParamInfo, ProposalInfo, VoteInfo};
use defchain_token::state::TokenRead;

use crate::{
    api::{Api, Cost},
    def::{limit_of, seconds, wei},
    error::{RpcResult, json},
    methods::Method,
    params::Params,
    tags::view_at,
};

pub(super) const METHODS: &[Method] = &[
    Method::new("def_getProposals", Cost::Read, proposals),
    Method::new("def_getProposal", Cost::Read, proposal),
    Method::new("def_getVotes", Cost::Read, votes),
    Method::new("def_getParams", Cost::Read, params),
];

fn shown(p: ProposalView) -> ProposalInfo {
    ProposalInfo {
        id: U64::from(p.id),
        proposer: p.proposer,
        kind: p.kind,
        action: p.action,
        description: p.description,
        status: p.status,
        failure: p.failure,
        deposit: wei(p.deposit),
        start: seconds(p.start),
        end: seconds(p.end),
        due: seconds(p.due),
        beta_pod: p.beta_pod,
        quorum: p.quorum,
        threshold: p.threshold,
        yes: p.yes,
        no: p.no,
        abstain: p.abstain,
        veto: p.veto,
        approvals: p.approvals,
    }
}

fn proposals(api: &Api, mut params: Params<'_>) -> RpcResult {
    let newest: Option<U64> = params.optional("newest")?;
    let limit: Option<usize> = params.optional("limit")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let limit = limit_of(1, limit, MAX_PAGE)?;
    let found = query::proposals(&view_at(api, id)?.state, newest.map(|n| n.to()), limit)?;
    json(&found.into_iter().map(shown).collect::<Vec<_>>())
}

fn proposal(api: &Api, mut params: Params<'_>) -> RpcResult {
    let number: U64 = params.required("proposal")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    json(&shown(query::proposal(&view_at(api, id)?.state, number.to())?))
}

fn votes(api: &Api, mut params: Params<'_>) -> RpcResult {
    let number: U64 = params.required("proposal")?;
    let after: Option<Address> = params.optional("after")?;
    let limit: Option<usize> = params.optional("limit")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let limit = limit_of(2, limit, MAX_PAGE)?;
    let found = query::votes(&view_at(api, id)?.state, number.to(), after, limit)?;
    let shown = found.into_iter().map(|v| VoteInfo { voter: v.voter, choice: v.choice, weight: v.weight });
    json(&shown.collect::<Vec<_>>())
}

fn params(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let state = view_at(api, id)?.state;
    let info = |bound: ParamBound| ParamInfo {
        name: bound.name.to_owned(),
        value: U128::from(bound.value),
        min: U128::from(bound.min),
        max: U128::from(bound.max),
        unit: bound.unit.to_owned(),
    };
    let all = defchain_chain::all_params(&state)?;
    let modules = all.into_iter().map(|(module, list)| (module.to_owned(), list.into_iter().map(info).collect()));
    let tables = state.token_params()?.tables;
    let table =
        |t: defchain_token::TableVersion| BurnTableInfo { since_age: U64::from(t.since.0), preserved: t.preserved.0 };
    json(&AllParams { modules: modules.collect(), burn_tables: tables.into_iter().map(table).collect() })
}
