//! Decaying balances through the door: portions, forecast, supply, burn history (D4, D11, D12, D20).

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U64, U256};
use defchain_base::Amount;
use defchain_chain::{genesis::AppState, params::ChainParams};
use defchain_rpc::{BalanceMode, RpcConfig};
use defchain_rpc_types::{BalancePortion, BurnForecast, BurnHistory, MaxSendable, PaymentCommission, Supply};
use serde_json::json;

use crate::support::{GWEI, Node, address, base, funded, quantity, sign};

const DAY: u64 = 86_400_000;
const PAPER: [u64; 9] = [1_000, 990, 970, 930, 850, 710, 480, 170, 0];

fn def(amount: u64) -> U256 {
    Amount::from_def(amount).to_u256()
}

/// Money of the rulings; a block may age it by a day. The first block has come: the age clock starts with the first
/// validator (D32). With it, when that was.
async fn decaying(config: RpcConfig) -> (Node, u64) {
    let params = ChainParams { max_block_drift_ms: DAY, ..ChainParams::default() };
    let node = Node::of(config, AppState { params, ..funded() }).await;
    let first = node.block();
    (node, first.time.0 - first.age.0)
}

async fn forecast(node: &Node, at: &str) -> BurnForecast {
    serde_json::from_value(node.call("def_getBurnForecast", json!([address(1), at])).await).unwrap()
}

#[tokio::test]
async fn the_forecast_is_what_then_happens_to_the_balance() {
    let (node, birth) = decaying(RpcConfig::default()).await;
    let told = forecast(&node, "latest").await;
    assert!(told.decays);
    assert_eq!((told.effective, told.days.len()), (def(1_000), 8));
    let next = told.next.clone().unwrap();
    assert_eq!(next.amount, def(10));
    let newest = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(
        u128::from(next.in_seconds.to::<u64>()),
        u128::from(next.at.to::<u64>()) - quantity(&newest["timestamp"])
    );
    assert_eq!(next.at, U64::from((birth + DAY) / 1_000));
    assert_eq!(told.zero_at, Some(U64::from((birth + 8 * DAY) / 1_000)));
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
    let (node, birth) = decaying(RpcConfig::default()).await;
    node.block_after(DAY);
    node.block_after(DAY / 2);
    let portions = node.call("def_getBalancePortions", json!([address(1)])).await;
    let portions: Vec<BalancePortion> = serde_json::from_value(portions).unwrap();
    let [portion] = portions.as_slice() else { panic!("{portions:?}") };
    assert_eq!((portion.original, portion.effective, portion.nominal), (def(1_000), def(990), def(1_000)));
    assert_eq!((portion.days, portion.settled_day, portion.preserved), (1, 0, 99));
    assert_eq!(portion.received_at, U64::from(birth / 1_000));
    assert_eq!(portion.next_burn_at, Some(U64::from((birth + 2 * DAY) / 1_000)));
    assert_eq!(portion.expires_at, Some(U64::from((birth + 8 * DAY) / 1_000)));
    let stranger = node.call("def_getBalancePortions", json!([address(99)])).await;
    assert_eq!(stranger, json!([]));
    let pool = node.call("def_getBurnForecast", json!(["0x0000000000000000000000000000000000000110"])).await;
    assert_eq!((&pool["decays"], &pool["days"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn eth_get_balance_is_nominal_unless_the_node_is_told_otherwise() {
    for (balance, expected) in [(BalanceMode::Nominal, 1_000), (BalanceMode::Effective, 990)] {
        let (node, _) = decaying(RpcConfig { balance, ..RpcConfig::default() }).await;
        node.block_after(DAY);
        assert_eq!(node.call("eth_getBalance", json!([address(1), "latest"])).await, json!(def(expected)));
    }
}

#[tokio::test]
async fn the_supply_is_accounts_and_pools_and_says_that_nothing_is_minted() {
    let (node, _) = decaying(RpcConfig::default()).await;
    let first: Supply = serde_json::from_value(node.call("def_getTotalSupply", json!([])).await).unwrap();
    // Nine accounts, and the stake of the validator.
    assert!(first.total_supply <= def(19_000) && first.total_supply > def(18_999), "{first:?}");
    assert_eq!((first.reward_issuance, first.pools["staking"]), (U256::ZERO, def(10_000)));
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
    let (node, _) = decaying(RpcConfig { max_log_range: 3, ..RpcConfig::default() }).await;
    for _ in 0..3 {
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

#[tokio::test]
async fn the_greatest_sendable_value_leaves_nothing_and_a_wei_more_is_refused() {
    // The pool judges by the machine's clock, which is far ahead of this chain's: a block may not age money by a day here.
    let node = Node::of(RpcConfig::default(), funded()).await;
    for _ in 0..=DAY / 600_000 + 1 {
        node.block_after(600_000);
    }
    let contract = node.deploy_probe(0).await;
    let price = json!({"maxFeePerGas": U256::from(3 * GWEI)});
    for (n, to) in [(2, address(99)), (3, contract)] {
        let told = node.call("def_getMaxSendable", json!([address(n), to, price])).await;
        let told: MaxSendable = serde_json::from_value(told).unwrap();
        assert_eq!((told.spendable, told.nominal), (def(990), def(1_000)));
        assert_eq!(told.on_top, to == contract);
        assert_eq!(told.gas_cost, U256::from(3 * GWEI) * U256::from(told.gas));
        let on_top = if told.on_top { told.commission } else { U256::ZERO };
        let rest = told.spendable - told.value - on_top - told.gas_cost;
        assert!(rest <= U256::ONE, "{rest} wei are left of {told:?}");
        let commission = node.call("def_getCommission", json!([address(n), to, told.value])).await;
        assert_eq!(
            (&commission["commission"], &commission["received"]),
            (&json!(told.commission), &json!(told.received))
        );
        let send = |value: U256| {
            let to = TxKind::Call(to);
            sign(n, TxEip1559 { to, value, gas_limit: told.gas.to(), max_priority_fee_per_gas: 0, ..base() })
        };
        let (_, text) = node.error("eth_sendRawTransaction", json!([send(told.value + rest + U256::ONE)])).await;
        assert!(text.contains("insufficient funds"), "{text}");
        let hash = node.send(&send(told.value)).await;
        node.block();
        assert_eq!(node.call("eth_getTransactionReceipt", json!([hash])).await["status"], "0x1");
        let received = node.call("def_getEffectiveBalance", json!([to])).await;
        assert_eq!(received, json!(told.received));
    }
    let nobody = node.call("def_getMaxSendable", json!([address(99), null, "0x5208"])).await;
    assert_eq!(nobody["gas"], "0x5208");
    let poor = node.call("def_getMaxSendable", json!([Address::repeat_byte(0x31)])).await;
    assert_eq!((&poor["value"], &poor["spendable"]), (&json!("0x0"), &json!("0x0")));
}

#[tokio::test]
async fn a_commission_of_5_percent_goes_where_the_paper_says() {
    let (node, _) = decaying(RpcConfig::default()).await;
    node.block();
    let told = node.call("def_getCommission", json!([address(1), address(2), def(10_000)])).await;
    let told: PaymentCommission = serde_json::from_value(told).unwrap();
    assert_eq!((told.paid, told.received, told.on_top), (def(10_000), def(9_500), false));
    assert_eq!([told.burned, told.dividend, told.technical, told.marketing], [100, 100, 100, 200].map(def));
    let free =
        node.call("def_getCommission", json!([address(1), "0x0000000000000000000000000000000000000105", "0x64"])).await;
    assert_eq!((&free["commission"], &free["received"]), (&json!("0x0"), &json!("0x64")));
    let (code, text) = node.error("def_getCommission", json!([address(1), address(2), U256::MAX])).await;
    assert_eq!(code, -32602);
    assert!(text.starts_with("invalid argument 2: value:"), "{text}");
}
