//! What the chain's own modules know, through the door: stakes, validators, governance, parameters, events (YP 9.3.1, 9.3.3).

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, U64, U256};
use defchain_base::Amount;
use defchain_chain::{genesis::AppState, params::ChainParams};
use defchain_rpc::RpcConfig;
use defchain_sdk::{Outgoing, native, types};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    support::{Node, OPERATOR, address, base, funded, sign},
    websocket::Ws,
};

const DAY: u64 = 86_400_000;

fn def(amount: u64) -> U256 {
    Amount::from_def(amount).to_u256()
}

/// Every account with 5,000 DEF that decays; a block may age it by a day.
async fn economy() -> Node {
    let params = ChainParams { max_block_drift_ms: DAY, ..ChainParams::default() };
    let mut state = AppState { params, ..funded() };
    for account in &mut state.accounts {
        account.balance = Amount::from_def(5_000);
    }
    Node::of(RpcConfig::default(), state).await
}

impl Node {
    async fn typed<T: DeserializeOwned>(&self, method: &str, params: Value) -> T {
        serde_json::from_value(self.call(method, params).await).unwrap()
    }

    /// Sends one of the chain's own operations in a block of its own; its receipt.
    async fn act(&self, n: u8, nonce: u64, what: Outgoing) -> Value {
        let Outgoing { to, value, input, .. } = what;
        let hash = self.send(&sign(n, TxEip1559 { nonce, to, value, input, gas_limit: 2_000_000, ..base() })).await;
        self.block();
        let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }
}

#[tokio::test]
async fn stakes_are_seen_with_their_attention_part_weight_and_sums() {
    let node = economy().await;
    node.block();
    let before: types::Beta = node.typed("def_getBeta", json!([])).await;
    node.act(1, 0, native::stake(def(1_000), 4)).await;
    let positions: Vec<types::StakePosition> = node.typed("def_getStakingPositions", json!([address(1)])).await;
    let [main, attention] = positions.as_slice() else { panic!("{positions:?}") };
    assert_eq!((main.amount, main.years, main.bond.as_str()), (def(990), 4, "none"));
    assert_eq!((attention.amount, attention.years), (def(10), 12));
    assert_eq!((main.ended, main.withdrawable, main.validator), (false, U256::ZERO, None));
    let weight: U256 = node.typed("def_getPoDWeight", json!([address(1)])).await;
    assert_eq!(weight, def(990 * 4 + 10 * 12));
    let after: types::Beta = node.typed("def_getBeta", json!([])).await;
    assert_eq!(after.beta_pod - before.beta_pod, weight);
    assert_eq!(after.staked - before.staked, def(1_000));
    // Term of 4 years: multiplier 4; of 12 years: 20 (YP 8.3.1).
    assert_eq!(after.beta - before.beta, def(990 * 4 + 10 * 20));
    assert_eq!(after.positions - before.positions, U64::from(2));
    // The block before knew nothing of it.
    assert_eq!(node.call("def_getStakingPositions", json!([address(1), "0x1"])).await, json!([]));
    let schedule: Vec<types::UnlockSchedule> = node.typed("def_getUnlockSchedule", json!([address(1), 0])).await;
    assert_eq!((schedule[0].ended, schedule[0].locked, schedule[0].days.as_deref()), (false, def(990), Some(&[][..])));
    let (code, text) = node.error("def_getUnlockSchedule", json!([address(1), 7])).await;
    assert_eq!(code, -32000);
    assert!(text.contains('7'), "{text}");
}

#[tokio::test]
async fn a_delegation_is_seen_from_both_ends() {
    let node = economy().await;
    node.block();
    node.act(1, 0, native::delegate(OPERATOR, def(500), 12)).await;
    let mine: Vec<types::Delegation> = node.typed("def_getDelegations", json!([address(1)])).await;
    let theirs: Vec<types::Delegation> = node.typed("def_getDelegators", json!([OPERATOR])).await;
    assert_eq!(mine.len(), 1);
    assert_eq!(
        (mine[0].validator, mine[0].amount, mine[0].bond.as_str(), mine[0].own),
        (OPERATOR, def(500), "joining", false)
    );
    assert!(theirs.contains(&mine[0]));
    let own = theirs.iter().find(|d| d.owner == OPERATOR).unwrap();
    assert_eq!((own.own, own.amount), (true, def(10_000)));
    let first: Vec<types::Delegation> = node.typed("def_getDelegators", json!([OPERATOR, null, 1])).await;
    let rest: Vec<types::Delegation> =
        node.typed("def_getDelegators", json!([OPERATOR, [first[0].owner, first[0].id], 1])).await;
    assert_eq!([first, rest].concat(), theirs);
    let info: types::ValidatorInfo = node.typed("def_getValidatorInfo", json!([OPERATOR])).await;
    assert_eq!((info.own_weight, info.delegated_weight), (def(40_000), def(6_000)));
}

#[tokio::test]
async fn validators_have_countries_powers_shares_and_a_record() {
    let node = economy().await;
    for _ in 0..5 {
        node.block();
    }
    let all: types::Validators = node.typed("def_getValidators", json!([])).await;
    let [validator] = all.validators.as_slice() else { panic!("{all:?}") };
    assert_eq!((validator.operator, validator.status.as_str(), validator.seat), (OPERATOR, "active", true));
    assert_eq!((validator.power, all.total_power), (U64::from(1_000_000_000_000_000_000_u64), validator.power));
    // The only positions are its own.
    assert_eq!(validator.weight_share, U256::from(1_000_000_000_000_000_000_u64));
    assert_eq!(validator.performance.missed, U64::ZERO);
    assert!(validator.performance.proposed > U64::ZERO);
    let one: types::ValidatorInfo = node.typed("def_getValidatorInfo", json!([OPERATOR])).await;
    assert_eq!(one.faults.len(), 5);
    let double = one.faults.iter().find(|f| f.kind == "doubleSign").unwrap();
    assert_eq!((double.count, double.next_share_bps, double.next_jail), (0, 500, U64::from(30 * DAY)));
    let (code, text) = node.error("def_getValidatorInfo", json!([address(1)])).await;
    assert_eq!(code, -32000);
    assert!(text.contains("is no validator"), "{text}");

    let seats: Vec<types::Jurisdiction> = node.typed("def_getJurisdictions", json!([])).await;
    assert_eq!(seats.len(), 195);
    let taken: Vec<_> = seats.iter().filter(|j| j.operator.is_some()).collect();
    assert_eq!((taken.len(), taken[0].operator, &taken[0].code), (1, Some(OPERATOR), &validator.country));
    let (code, text) = node.error("def_getJurisdictions", json!(["HK"])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("HK is not one of the 195"), "{text}");

    let epoch: types::EpochInfo = node.typed("def_getEpoch", json!([])).await;
    assert!(epoch.open && epoch.active == 1, "{epoch:?}");
    assert!(epoch.start <= U64::from(5) && epoch.end > U64::from(5), "{epoch:?}");
    let verifiers: Vec<types::VerifierInfo> = node.typed("def_getVerifiers", json!([])).await;
    assert!(verifiers.iter().any(|v| v.name == "local" && v.removed_at.is_none()), "{verifiers:?}");
    assert_eq!(node.call("def_getEvidence", json!([])).await, json!([]));
    let (code, text) = node.error("def_getValidators", json!([null, 0])).await;
    assert_eq!((code, text.as_str()), (-32602, "invalid argument 1: limit: 0, must be 1 to 400"));
}

#[tokio::test]
async fn a_proposal_is_opened_and_voted_on_and_every_parameter_has_bounds() {
    let node = economy().await;
    node.block();
    node.act(1, 0, native::stake(def(1_000), 12)).await;
    node.block();
    let what = native::Proposal::Parameter {
        module: "staking".to_owned(),
        key: "unbinding_days".to_owned(),
        value: U256::from(14),
    };
    node.act(1, 1, native::propose(what, "Three weeks are long".to_owned(), def(1_000))).await;
    node.act(1, 2, native::vote(1, 1)).await;
    let proposal: types::ProposalInfo = node.typed("def_getProposal", json!(["0x1"])).await;
    assert_eq!((proposal.status.as_str(), proposal.yes, proposal.deposit), ("voting", def(12_000), def(1_000)));
    assert!(proposal.action.contains("unbinding_days"), "{}", proposal.action);
    let all: Vec<types::ProposalInfo> = node.typed("def_getProposals", json!([])).await;
    assert_eq!(all, [proposal]);
    let votes: Vec<types::VoteInfo> = node.typed("def_getVotes", json!(["0x1"])).await;
    assert_eq!((votes.len(), votes[0].voter, votes[0].choice.as_str()), (1, address(1), "yes"));
    assert_eq!(node.error("def_getProposal", json!(["0x2"])).await.0, -32000);

    let params: types::AllParams = node.typed("def_getParams", json!([])).await;
    for module in ["chain", "token", "staking", "geo", "validators", "slashing", "governance"] {
        assert!(!params.modules[module].is_empty(), "{module}");
        for param in &params.modules[module] {
            assert!(param.min <= param.value && param.value <= param.max, "{module}.{}: {param:?}", param.name);
        }
    }
    assert_eq!(params.burn_tables[0].preserved, [100, 99, 97, 93, 85, 71, 48, 17, 0]);
}

#[tokio::test]
async fn dividends_are_told_with_the_months_pool_and_the_reason_why_there_are_none() {
    let node = economy().await;
    node.block();
    node.act(1, 0, native::stake(def(100), 12)).await;
    let info: types::DividendInfo = node.typed("def_getDividendInfo", json!([address(1)])).await;
    assert!(info.present && info.claimable.is_zero(), "{info:?}");
    assert!(info.positions[0].reason.is_some(), "a young position has none: {info:?}");
    let months: Vec<types::DividendMonth> = node.typed("def_getMonths", json!([])).await;
    assert_eq!(months.last().map(|m| m.month), Some(info.month));
    assert_eq!(info.pool, months.last().map(|m| m.pool));
    let (code, text) = node.error("def_getDividendInfo", json!([address(1), 999_999])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("999999, the present month is"), "{text}");
}

#[tokio::test]
async fn the_events_of_a_blocks_own_steps_are_told_by_name() {
    let node = economy().await;
    node.block();
    let mut names = Vec::new();
    for _ in 0..35 {
        node.block_after(DAY);
        let events: types::BlockEvents = node.typed("def_getBlockEvents", json!(["latest"])).await;
        for event in events.events {
            assert!(event.event.is_some() && event.args.is_some() && event.transaction_hash.is_none(), "{event:?}");
            names.extend(event.event);
        }
    }
    assert!(names.iter().any(|name| name == "MonthBegan") && names.iter().any(|name| name == "Swept"), "{names:?}");
    let (code, text) = node.error("def_getBlockEvents", json!(["pending"])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("have not run"), "{text}");
}

/// The answer to a call, past the notices that come before it.
async fn answer(ws: &mut Ws, method: &str, params: Value) -> Value {
    ws.send(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).await;
    loop {
        let told = ws.next().await.unwrap();
        if told.get("id").is_some() {
            return told;
        }
    }
}

#[tokio::test]
async fn subscribers_hear_of_stakes_burns_and_block_events_as_they_happen() {
    let node = economy().await;
    node.block();
    let mut ws = Ws::open(&node, "").await;
    let mut ids = Vec::new();
    for params in [
        json!(["stakes", {"address": address(1)}]),
        json!(["stakes", {"address": address(9)}]),
        json!(["burns"]),
        json!(["blockEvents"]),
        json!(["validators"]),
        json!(["dividends"]),
    ] {
        ids.push(ws.call("def_subscribe", params).await["result"].as_str().unwrap().to_owned());
    }
    node.act(1, 0, native::stake(def(100), 12)).await;
    // Eight days later nothing is left, and who is idle is swept.
    for _ in 0..9 {
        node.block_after(DAY);
    }
    let mut heard = Vec::new();
    while !heard.iter().any(|(n, result): &(usize, Value)| *n == 3 && result.to_string().contains("Swept")) {
        let notice = ws.next().await.unwrap();
        assert_eq!(notice["method"], "def_subscription", "{notice}");
        let id = notice["params"]["subscription"].as_str().unwrap();
        heard.push((ids.iter().position(|known| known == id).unwrap(), notice["params"]["result"].clone()));
    }
    let of = |n: usize| heard.iter().filter(|(topic, _)| *topic == n).map(|(_, result)| result).collect::<Vec<_>>();
    let staked = of(0);
    assert_eq!(
        (staked.len(), &staked[0]["event"], &staked[0]["args"]["numYears"]),
        (1, &json!("Staked"), &json!("12"))
    );
    assert!(of(1).is_empty(), "another's stakes");
    assert!(!of(2).is_empty(), "the fees of the stake burn in part");
    assert_eq!(answer(&mut ws, "def_unsubscribe", json!([ids[0]])).await["result"], true);
    for (params, part) in [
        (json!(["nonsense"]), "there are burns, dividends, stakes, validators, blockEvents"),
        (json!(["burns", {"address": address(1)}]), "takes no address"),
    ] {
        let answer = answer(&mut ws, "def_subscribe", params).await;
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{answer}");
    }
    let (code, text) = node.error("def_subscribe", json!(["burns"])).await;
    assert_eq!(code, -32601);
    assert!(text.contains("def_subscribe over HTTP"), "{text}");
}

#[tokio::test]
async fn a_stranger_has_nothing_and_that_is_no_error() {
    let node = economy().await;
    node.block();
    let stranger = Address::repeat_byte(0x77);
    for method in ["def_getStakingPositions", "def_getDelegations", "def_getUnlockSchedule", "def_getDelegators"] {
        assert_eq!(node.call(method, json!([stranger])).await, json!([]), "{method}");
    }
    assert_eq!(node.call("def_getPoDWeight", json!([stranger])).await, "0x0");
}

#[tokio::test]
async fn the_page_of_system_addresses_is_what_the_registry_says() {
    let made = defchain_chain::registry().documentation();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/system-addresses.md");
    if std::env::var_os("DEFCHAIN_WRITE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == made,
        "docs/src/system-addresses.md is old: DEFCHAIN_WRITE=1 cargo test -p defchain-rpc --test it system_addresses"
    );
}
