//! Blocks, accounts and fees as tools read them.

use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::{Block, BlockNumberOrTag, FeeHistory, TransactionReceipt};
use defchain_rpc::{BalanceMode, RpcConfig};
use serde_json::{Value, json};

use crate::support::{GWEI, Node, OPERATOR, address, quantity, transfer};

#[tokio::test]
async fn block_0_is_the_parent_of_block_1_and_all_tags_of_the_newest_agree() {
    let node = Node::start().await;
    let header = node.block();
    let genesis = node.call("eth_getBlockByNumber", json!(["earliest", true])).await;
    assert_eq!(genesis["number"], "0x0");
    assert_eq!(genesis["transactions"], json!([]));
    assert_eq!(node.call("eth_getBlockByHash", json!([genesis["hash"], true])).await, genesis);
    let first = node.call("eth_getBlockByNumber", json!(["0x1", false])).await;
    assert_eq!(first["parentHash"], genesis["hash"]);
    assert_eq!(first["hash"], header.hash.to_string());
    assert_eq!(first["miner"], serde_json::to_value(OPERATOR).unwrap());
    for tag in ["latest", "safe", "finalized"] {
        assert_eq!(node.call("eth_getBlockByNumber", json!([tag, false])).await, first, "{tag}");
    }
    assert_eq!(node.call("eth_getBlockByHash", json!([header.hash, false])).await, first);
    assert_eq!(node.call("eth_blockNumber", json!([])).await, "0x1");
    for field in ["deflationRoot", "tradingRoot", "aiRoot"] {
        assert_eq!(first[field].as_str().unwrap().len(), 66, "{field}");
    }
    assert_eq!(quantity(&first["podWeightSnapshot"]), 1_000_000_000_000_000_000);
}

#[tokio::test]
async fn a_block_that_is_not_there_is_null_and_its_state_an_error_with_the_newest() {
    let node = Node::start().await;
    node.block();
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x2", false])),
        ("eth_getBlockByHash", json!([B256::ZERO, true])),
        ("eth_getBlockReceipts", json!(["0x2"])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x2"])),
        ("eth_getUncleCountByBlockNumber", json!(["0x2"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x0"])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"])),
    ] {
        assert_eq!(node.call(method, params).await, Value::Null, "{method}");
    }
    let (code, text) = node.error("eth_getBalance", json!([address(1), "0x2"])).await;
    assert_eq!(code, -32000);
    assert!(text.starts_with("header not found") && text.contains("the newest is 0x1"), "{text}");
    let id = json!({"blockHash": B256::ZERO, "requireCanonical": true});
    let (code, text) = node.error("eth_getBalance", json!([address(1), id])).await;
    assert_eq!(code, -32000);
    assert!(text.starts_with("header for hash not found"), "{text}");
}

#[tokio::test]
async fn the_pending_block_has_its_number_and_fee_but_no_hash() {
    let node = Node::start().await;
    let header = node.block();
    node.send(&transfer(1, 0, address(2), 1)).await;
    let pending = node.call("eth_getBlockByNumber", json!(["pending", false])).await;
    assert_eq!(pending["number"], "0x2");
    assert_eq!(pending["parentHash"], header.hash.to_string());
    assert!(pending["hash"].is_null() && pending["nonce"].is_null());
    assert_eq!(quantity(&pending["baseFeePerGas"]), GWEI);
    assert_eq!(node.call("eth_getBlockTransactionCountByNumber", json!(["pending"])).await, "0x1");
}

#[tokio::test]
async fn history_answers_with_what_was_true_then() {
    let node = Node::start().await;
    let first = node.block();
    node.send(&transfer(1, 0, address(20), 5)).await;
    node.block();
    let balance = async |id: Value| quantity(&node.call("eth_getBalance", json!([address(20), id])).await);
    assert_eq!(balance(json!("latest")).await, 5);
    assert_eq!(balance(json!("0x1")).await, 0);
    assert_eq!(balance(json!({"blockHash": first.hash})).await, 0);
    assert_eq!(balance(json!({"blockNumber": "0x2"})).await, 5);
    let nonce = async |id: &str| node.call("eth_getTransactionCount", json!([address(1), id])).await;
    assert_eq!((nonce("0x1").await, nonce("latest").await), (json!("0x0"), json!("0x1")));
    assert_eq!(node.call("def_getEffectiveBalance", json!([address(20)])).await, "0x5");
    assert_eq!(node.call("def_getEffectiveBalance", json!([address(20), "0x1"])).await, "0x0");
}

#[tokio::test]
async fn the_balance_option_changes_what_eth_get_balance_shows() {
    let node = Node::with(RpcConfig { balance: BalanceMode::Effective, ..RpcConfig::default() }).await;
    node.block();
    let balance: U256 =
        node.call("eth_getBalance", json!([address(1), "latest"])).await.as_str().unwrap().parse().unwrap();
    let effective = node.call("def_getEffectiveBalance", json!([address(1)])).await;
    assert_eq!(effective, json!(balance));
    assert_eq!(balance, U256::from(1_000) * U256::from(10).pow(U256::from(18)));
}

#[tokio::test]
async fn a_block_its_transactions_and_receipts_decode_with_the_types_of_tools() {
    let node = Node::start().await;
    for n in 1..4 {
        node.send(&transfer(n, 0, address(9), u64::from(n))).await;
    }
    let header = node.block();
    let full = node.call("eth_getBlockByNumber", json!(["latest", true])).await;
    let block: Block = serde_json::from_value(full).unwrap();
    assert_eq!(block.header.hash, header.hash);
    assert_eq!(block.transactions.len(), 3);
    let receipts = node.call("eth_getBlockReceipts", json!([header.hash])).await;
    let receipts: Vec<TransactionReceipt> = serde_json::from_value(receipts).unwrap();
    let txs: Vec<_> = block.transactions.txns().collect();
    for (index, (tx, receipt)) in txs.iter().zip(&receipts).enumerate() {
        assert_eq!(tx.inner.tx_hash(), &receipt.transaction_hash);
        assert_eq!(receipt.transaction_index, Some(index as u64));
        assert_eq!(receipt.inner.cumulative_gas_used(), 21_000 * (index as u64 + 1));
        assert_eq!(receipt.effective_gas_price, 2 * GWEI);
        assert_eq!(tx.effective_gas_price, Some(2 * GWEI));
        assert_eq!(tx.inner.signer(), receipt.from);
    }
    // The roots are real Ethereum tries (D7).
    assert_eq!(alloy_consensus::proofs::calculate_transaction_root(&envelopes(&txs)), block.header.transactions_root);
    let hashes = node.call("eth_getBlockByHash", json!([header.hash, false])).await;
    let expected: Vec<_> = receipts.iter().map(|r| r.transaction_hash).collect();
    assert_eq!(hashes["transactions"], json!(expected));
    assert_eq!(node.call("eth_getBlockTransactionCountByHash", json!([header.hash])).await, "0x3");
    assert_eq!(node.call("eth_getUncleCountByBlockHash", json!([header.hash])).await, "0x0");
    let at = node.call("eth_getTransactionByBlockHashAndIndex", json!([header.hash, "0x1"])).await;
    assert_eq!(at["hash"], json!(expected[1]));
    assert_eq!(node.call("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x1"])).await, at);
}

fn envelopes(txs: &[&alloy_rpc_types_eth::Transaction]) -> Vec<alloy_consensus::TxEnvelope> {
    txs.iter().map(|tx| tx.inner.inner().clone()).collect()
}

#[tokio::test]
async fn fees_are_suggested_from_what_recent_blocks_needed() {
    let node = Node::start().await;
    node.block();
    let tip = quantity(&node.call("eth_maxPriorityFeePerGas", json!([])).await);
    assert_eq!(tip, 100_000_000, "blocks have room: the least tip");
    assert_eq!(quantity(&node.call("eth_gasPrice", json!([])).await), GWEI + tip);
    assert_eq!(node.call("eth_blobBaseFee", json!([])).await, "0x1");
}

#[tokio::test]
async fn the_fee_history_ends_with_the_next_base_fee() {
    let node = Node::start().await;
    node.send(&transfer(1, 0, address(2), 1)).await;
    node.block();
    node.block();
    for count in [json!("0x2"), json!(2)] {
        let history = node.call("eth_feeHistory", json!([count, "latest", [0, 50, 100]])).await;
        let history: FeeHistory = serde_json::from_value(history).unwrap();
        assert_eq!(history.oldest_block, 1);
        assert_eq!(history.base_fee_per_gas, [GWEI; 3]);
        assert_eq!(history.base_fee_per_blob_gas, [1; 3]);
        assert_eq!(history.gas_used_ratio, [21_000.0 / 400_000_000.0, 0.0]);
        assert_eq!(history.reward.unwrap(), [[GWEI; 3], [0; 3]]);
    }
    let all = node.call("eth_feeHistory", json!(["0x2000", "latest"])).await;
    assert_eq!(all["oldestBlock"], "0x0");
    assert_eq!(all["gasUsedRatio"].as_array().unwrap().len(), 3);
    assert!(all.get("reward").is_none());
    let (code, text) = node.error("eth_feeHistory", json!([1, "0x9"])).await;
    assert_eq!(code, -32000);
    assert!(text.contains("there is no block 0x9"), "{text}");
}

#[tokio::test]
async fn who_we_are_is_the_same_by_every_name() {
    let node = Node::start().await;
    assert_eq!(node.call("eth_chainId", json!([])).await, "0x8b5f");
    assert_eq!(node.call("net_version", json!([])).await, "35679");
    assert_eq!(node.call("net_listening", json!([])).await, true);
    assert_eq!(node.call("net_peerCount", json!([])).await, "0x0");
    assert_eq!(node.call("web3_clientVersion", json!([])).await, "defchain/test");
    let empty = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
    assert_eq!(node.call("web3_sha3", json!(["0x"])).await, empty);
    assert_eq!(node.call("eth_accounts", json!([])).await, json!([]));
    assert_eq!(node.call("eth_syncing", json!([])).await, false);
    let modules = node.call("rpc_modules", json!([])).await;
    assert_eq!(
        modules,
        json!({"debug": "1.0", "def": "1.0", "eth": "1.0", "net": "1.0", "rpc": "1.0", "txpool": "1.0", "web3": "1.0"})
    );
    let tag: BlockNumberOrTag = serde_json::from_value(node.call("eth_blockNumber", json!([])).await).unwrap();
    assert_eq!(tag, BlockNumberOrTag::Number(0));
}
