//! Decaying balances through the door: portions, forecast, supply, burn history (D4, D11, D12, D20).

use alloy_primitives::{U64, U256};
use defchain_base::Amount;
use defchain_chain::{genesis::AppState, params::ChainParams};
use defchain_rpc::{BalanceMode, RpcConfig};
use defchain_rpc_types::{BalancePortion, BurnForecast, BurnHistory, Supply};
use serde_json::json;

use crate::support::{GENESIS_TIME, Node, address, funded};

const DAY: u64 = 86_400_000;
const PAPER: [u64; 9] = [1_000, 990, 970, 930, 850, 710, 480, 170, 0];

fn def(amount: u64) -> U256 {
    Amount::from_def(amount).to_u256()
}

/// Money of the rulings; a block may age it by a day.
async fn decaying(config: RpcConfig) -> Node {
    let params = ChainParams { max_block_drift_ms: DAY, ..ChainParams::default() };
    Node::of(config, AppState { params, ..funded() }).await
}

async fn forecast(node: &Node, at: &str) -> BurnForecast {
    serde_json::from_value(node.call("def_getBurnForecast", json!([address(1), at])).await).unwrap()
}

#[tokio::test]
async fn the_forecast_is_what_then_happens_to_the_balance() {
    let node = decaying(RpcConfig::default()).await;
    node.block_after(1_000);
    let told = forecast(&node, "latest").await;
    assert!(told.decays);
    assert_eq!((told.effective, told.days.len()), (def(1_000), 8));
    let next = told.next.clone().unwrap();
    assert_eq!(next.amount, def(10));
    assert_eq!(u64::from_be_bytes(next.in_seconds.to_be_bytes()), DAY / 1_000 - 1);
    assert_eq!(next.at, U64::from((GENESIS_TIME + DAY) / 1_000));
    assert_eq!(told.zero_at, Some(U64::from((GENESIS_TIME + 8 * DAY) / 1_000)));
    for (day, expected) in told.days.iter().zip(&PAPER[1..]) {
        assert_eq!(day.lost, day.dividend + day.burned);
        assert_eq!(day.left, def(*expected));
        node.block_after(DAY);
        let effective = node.call("def_getEffectiveBalance", json!([address(1), "latest"])).await;
        assert_eq!(effective, json!(day.left), "day {}", day.day);
    }
    let ended = forecast(&node, "latest").await;
    assert_eq!((ended.effective, ended.decays, ended.next, ended.zero_at), (U256::ZERO, false, None, None));
    // The older blocks still say what they said.
    assert_eq!(forecast(&node, "0x1").await, told);
}

#[tokio::test]
async fn portions_show_when_they_came_what_they_are_worth_and_when_they_end() {
    let node = decaying(RpcConfig::default()).await;
    node.block_after(DAY);
    node.block_after(DAY / 2);
    let portions = node.call("def_getBalancePortions", json!([address(1)])).await;
    let portions: Vec<BalancePortion> = serde_json::from_value(portions).unwrap();
    let [portion] = portions.as_slice() else { panic!("{portions:?}") };
    assert_eq!((portion.original, portion.effective, portion.nominal), (def(1_000), def(990), def(1_000)));
    assert_eq!((portion.days, portion.settled_day, portion.preserved), (1, 0, 99));
    assert_eq!(portion.received_at, U64::from(GENESIS_TIME / 1_000));
    assert_eq!(portion.next_burn_at, Some(U64::from((GENESIS_TIME + 2 * DAY) / 1_000)));
    assert_eq!(portion.expires_at, Some(U64::from((GENESIS_TIME + 8 * DAY) / 1_000)));
    let stranger = node.call("def_getBalancePortions", json!([address(99)])).await;
    assert_eq!(stranger, json!([]));
    let pool = node.call("def_getBurnForecast", json!(["0x0000000000000000000000000000000000000110"])).await;
    assert_eq!((&pool["decays"], &pool["days"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn eth_get_balance_is_nominal_unless_the_node_is_told_otherwise() {
    for (balance, expected) in [(BalanceMode::Nominal, 1_000), (BalanceMode::Effective, 990)] {
        let node = decaying(RpcConfig { balance, ..RpcConfig::default() }).await;
        node.block_after(DAY);
        assert_eq!(node.call("eth_getBalance", json!([address(1), "latest"])).await, json!(def(expected)));
    }
}

#[tokio::test]
async fn the_supply_is_accounts_and_pools_and_says_that_nothing_is_minted() {
    let node = decaying(RpcConfig::default()).await;
    node.block_after(1_000);
    let first: Supply = serde_json::from_value(node.call("def_getTotalSupply", json!([])).await).unwrap();
    assert_eq!((first.total_supply, first.reward_issuance), (def(9_000), U256::ZERO));
    assert!(first.note.contains("R(t)"), "{}", first.note);
    let pools: U256 = first.pools.values().copied().sum();
    assert_eq!(first.total_supply, first.accounts + pools);
    assert_eq!(first.pools["dividend"], U256::ZERO);
    assert_eq!(node.call("def_getDividendPoolBalance", json!([])).await, "0x0");
    let height: BurnHistory =
        serde_json::from_value(node.call("def_getBurnHistory", json!(["earliest", "latest"])).await).unwrap();
    let burned: U256 = height.blocks.iter().map(|block| block.burned).sum();
    assert_eq!((height.from, height.to, height.total), (U64::ZERO, U64::from(1), burned));
}

#[tokio::test]
async fn a_burn_history_has_a_bounded_range_and_says_the_figures() {
    let node = decaying(RpcConfig { max_log_range: 3, ..RpcConfig::default() }).await;
    for _ in 0..4 {
        node.block();
    }
    let (code, text) = node.error("def_getBurnHistory", json!(["0x1", "0x4"])).await;
    assert_eq!(code, -32005);
    assert!(text.contains("4 blocks from 0x1 to 0x4, limit 3 (rpc.max_log_range)"), "{text}");
    let (code, text) = node.error("def_getBurnHistory", json!(["0x3", "0x2"])).await;
    assert_eq!((code, text.as_str()), (-32602, "from 0x3 is after to 0x2"));
    let (_, text) = node.error("def_getBurnHistory", json!(["0x3", "0x9"])).await;
    assert!(text.contains("the newest is 0x4"), "{text}");
    node.call("def_getBurnHistory", json!(["0x2", "0x4"])).await;
}
