//! `debug_*`: traces of real blocks, held against what the blocks did.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rpc_types_trace::geth::{CallFrame, DefaultFrame, DiffMode, PreStateFrame};
use defchain_rpc::RpcConfig;
use serde_json::{Value, json};

use crate::{
    code::{self, CALL, DELEGATECALL, RETURN, REVERT},
    support::{Node, TOPIC, address, base, poke, quantity, sign, transfer},
};

/// Deploys programs from account 9, each in a block of its own.
async fn deploy(node: &Node, programs: &[Vec<u8>]) -> Vec<Address> {
    let mut addresses = Vec::new();
    for (nonce, program) in programs.iter().enumerate() {
        let hash = node.send(&create(9, nonce as u64, 0, code::init(program))).await;
        node.block();
        let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        addresses.push(receipt["contractAddress"].as_str().unwrap().parse().unwrap());
    }
    addresses
}

fn create(n: u8, nonce: u64, value: u64, init: Vec<u8>) -> String {
    let (to, value) = (TxKind::Create, U256::from(value));
    sign(n, TxEip1559 { nonce, to, value, input: init.into(), gas_limit: 1_000_000, ..base() })
}

fn call(n: u8, nonce: u64, to: Address, value: u64, input: Vec<u8>) -> String {
    let (to, value) = (TxKind::Call(to), U256::from(value));
    sign(n, TxEip1559 { nonce, to, value, input: input.into(), gas_limit: 500_000, ..base() })
}

async fn mined(node: &Node, raw: &str) -> (String, Value) {
    let hash = node.send(raw).await;
    node.block();
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    (hash, receipt)
}

async fn call_trace(node: &Node, hash: &str, config: Value) -> CallFrame {
    let options = json!({"tracer": "callTracer", "tracerConfig": config});
    serde_json::from_value(node.call("debug_traceTransaction", json!([hash, options])).await).unwrap()
}

#[tokio::test]
async fn a_call_trace_is_the_tree_of_calls_with_reverts_where_they_happened() {
    let node = Node::start().await;
    let relays = [code::relay(CALL, RETURN), code::relay(CALL, REVERT), code::COUNTER.to_vec()];
    let [outer, inner, counter] = deploy(&node, &relays).await.try_into().unwrap();
    let input = code::relay_input(inner, 3, &code::relay_input(counter, 0, &[]));
    let (hash, receipt) = mined(&node, &call(1, 0, outer, 5, input.clone())).await;
    let top = call_trace(&node, &hash, json!({})).await;
    assert_eq!((top.typ.as_str(), top.from, top.to), ("CALL", address(1), Some(outer)));
    assert_eq!((top.value, top.input.as_ref(), top.error), (Some(U256::from(5)), &input[..], None));
    assert_eq!((top.gas.to::<u64>(), top.gas_used.to::<u128>()), (500_000, quantity(&receipt["gasUsed"])));
    assert_eq!(top.calls.len(), 1);
    let reverted = &top.calls[0];
    assert_eq!((reverted.to, reverted.value), (Some(inner), Some(U256::from(3))));
    assert_eq!(reverted.error.as_deref(), Some("execution reverted"));
    // Below it the counter had counted before it was undone.
    let counted = &reverted.calls[0];
    assert_eq!((counted.to, &counted.error), (Some(counter), &None));
    assert_eq!(node.call("eth_getStorageAt", json!([counter, "0x0", "latest"])).await, json!(B256::ZERO));
    let only_top = call_trace(&node, &hash, json!({"onlyTopCall": true})).await;
    assert!(only_top.calls.is_empty() && only_top.gas_used == top.gas_used);
}

#[tokio::test]
async fn creations_delegate_calls_self_destructions_and_logs_have_geth_s_shapes() {
    let node = Node::start().await;
    let [delegate, counter] =
        deploy(&node, &[code::relay(DELEGATECALL, RETURN), code::COUNTER.to_vec()]).await.try_into().unwrap();
    // relay leaves two words of input before what it passes on.
    let (hash, _) = mined(&node, &call(1, 0, delegate, 0, code::relay_input(counter, 0, &[]))).await;
    let top = call_trace(&node, &hash, json!({})).await;
    let inner = &top.calls[0];
    assert_eq!((inner.typ.as_str(), inner.from, inner.to), ("DELEGATECALL", delegate, Some(counter)));

    let (hash, receipt) = mined(&node, &create(1, 1, 0, code::init(code::COUNTER))).await;
    let top = call_trace(&node, &hash, json!({})).await;
    assert_eq!(top.typ, "CREATE");
    assert_eq!(json!(top.to), receipt["contractAddress"]);
    assert_eq!(top.output.unwrap().as_ref(), code::COUNTER);

    // Init code that leaves all it got to the origin.
    let (hash, _) = mined(&node, &create(1, 2, 77, vec![0x32, 0xff])).await;
    let top = call_trace(&node, &hash, json!({})).await;
    let end = &top.calls[0];
    assert_eq!((end.typ.as_str(), end.to, end.value), ("SELFDESTRUCT", Some(address(1)), Some(U256::from(77))));

    let probe = node.deploy_probe(3).await;
    let (hash, _) = mined(&node, &poke(1, 4, probe)).await;
    assert!(call_trace(&node, &hash, json!({})).await.logs.is_empty());
    let logs = call_trace(&node, &hash, json!({"withLog": true})).await.logs;
    assert_eq!(logs.len(), 1);
    assert_eq!((logs[0].address, logs[0].topics.as_deref()), (Some(probe), Some(&[TOPIC][..])));
    let flat = node.call("debug_traceTransaction", json!([hash, {"tracer": "flatCallTracer"}])).await;
    assert_eq!((&flat[0]["type"], &flat[0]["transactionHash"]), (&json!("call"), &json!(hash)));
    let selectors = node.call("debug_traceTransaction", json!([hash, {"tracer": "4byteTracer"}])).await;
    assert_eq!(selectors, json!({}));
    let noop = node.call("debug_traceTransaction", json!([hash, {"tracer": "noopTracer"}])).await;
    assert_eq!(noop, json!({}));
    let both = json!({"tracer": "muxTracer", "tracerConfig": {"callTracer": {"withLog": true}, "4byteTracer": null}});
    let both = node.call("debug_traceTransaction", json!([hash, both])).await;
    assert_eq!(both["callTracer"]["logs"][0]["address"], json!(probe));
}

#[tokio::test]
async fn selectors_are_counted_with_the_size_of_their_arguments() {
    let node = Node::start().await;
    let [relay] = deploy(&node, &[code::relay(CALL, RETURN)]).await.try_into().unwrap();
    let input = code::relay_input(address(5), 0, &[0xaa, 0xbb, 0xcc, 0xdd, 1, 2, 3]);
    let (hash, _) = mined(&node, &call(1, 0, relay, 0, input)).await;
    let found = node.call("debug_traceTransaction", json!([hash, {"tracer": "4byteTracer"}])).await;
    assert_eq!(found["0xaabbccdd-3"], 1, "{found}");
}

#[tokio::test]
async fn a_prestate_diff_is_the_change_of_state() {
    let node = Node::start().await;
    let [counter] = deploy(&node, &[code::COUNTER.to_vec()]).await.try_into().unwrap();
    mined(&node, &call(1, 0, counter, 9, vec![])).await;
    let (hash, receipt) = mined(&node, &call(1, 1, counter, 4, vec![])).await;
    let options = json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}});
    let diff = node.call("debug_traceTransaction", json!([hash, options])).await;
    let Ok(PreStateFrame::Diff(DiffMode { pre, post })) = serde_json::from_value(diff.clone()) else {
        panic!("{diff}")
    };
    let height = quantity(&receipt["blockNumber"]);
    let at = |n: u128| format!("{n:#x}");
    for who in [address(1), counter] {
        for (side, n) in [(&pre, height - 1), (&post, height)] {
            let balance = node.call("eth_getBalance", json!([who, at(n)])).await;
            assert_eq!(side[&who].balance, Some(U256::from(quantity(&balance))), "{who} at {n}");
        }
    }
    assert_eq!((pre[&address(1)].nonce, post[&address(1)].nonce), (Some(1), Some(2)));
    let slot = |n: u64| Some(B256::from(U256::from(n)));
    assert_eq!(pre[&counter].storage.get(&B256::ZERO).copied(), slot(1));
    assert_eq!(post[&counter].storage.get(&B256::ZERO).copied(), slot(2));
    assert_eq!(pre.len(), 2, "{diff}");
    // Without diff mode: whatever the transaction looked at, as it was.
    let state = node.call("debug_traceTransaction", json!([hash, {"tracer": "prestateTracer"}])).await;
    assert_eq!(state[json!(counter).as_str().unwrap()]["code"], json!(Bytes::from_static(code::COUNTER)));
    assert_eq!(
        quantity(&state[json!(address(1)).as_str().unwrap()]["balance"]),
        pre[&address(1)].balance.unwrap().to()
    );
    // A contract that a transaction creates stands in `post` alone.
    let (hash, receipt) = mined(&node, &create(1, 2, 3, code::init(code::COUNTER))).await;
    let diff = node.call("debug_traceTransaction", json!([hash, options])).await;
    let created = receipt["contractAddress"].as_str().unwrap();
    assert!(diff["pre"].get(created).is_none(), "{diff}");
    assert_eq!((&diff["post"][created]["balance"], &diff["post"][created]["nonce"]), (&json!("0x3"), &json!(1)));
}

#[tokio::test]
async fn the_gas_of_all_steps_is_the_gas_of_the_transaction() {
    let node = Node::start().await;
    let [counter] = deploy(&node, &[code::COUNTER.to_vec()]).await.try_into().unwrap();
    let (hash, receipt) = mined(&node, &call(1, 0, counter, 0, vec![])).await;
    let trace = async |options: Value| node.call("debug_traceTransaction", json!([hash, options])).await;
    let plain = trace(json!({})).await;
    let frame: DefaultFrame = serde_json::from_value(plain.clone()).unwrap();
    assert_eq!((frame.failed, u128::from(frame.gas)), (false, quantity(&receipt["gasUsed"])));
    let steps: u64 = frame.struct_logs.iter().map(|log| log.gas_cost).sum();
    assert_eq!(steps + 21_000, frame.gas);
    let names: Vec<&str> = frame.struct_logs.iter().map(|log| log.op.as_ref()).collect();
    assert_eq!(names, ["PUSH1", "SLOAD", "PUSH1", "ADD", "PUSH1", "SSTORE", "STOP"]);
    let store = &frame.struct_logs[5];
    assert_eq!(store.stack.as_deref(), Some(&[U256::from(1), U256::ZERO][..]));
    assert_eq!(store.storage.as_ref().unwrap()[&B256::ZERO], B256::from(U256::from(1)));
    assert!(frame.struct_logs.iter().all(|log| log.memory.is_none() && log.return_data.is_none()));
    let bare = trace(json!({"disableStack": true, "disableStorage": true, "enableMemory": true,
        "enableReturnData": true, "limit": 6}))
    .await;
    let frame: DefaultFrame = serde_json::from_value(bare).unwrap();
    assert_eq!(frame.struct_logs.len(), 6);
    for log in &frame.struct_logs {
        assert!(log.stack.is_none() && log.storage.is_none() && log.memory.is_some() && log.return_data.is_some());
    }
}

#[tokio::test]
async fn a_block_is_traced_transaction_by_transaction_each_on_the_one_before() {
    let node = Node::start().await;
    let [counter] = deploy(&node, &[code::COUNTER.to_vec()]).await.try_into().unwrap();
    let mut hashes = Vec::new();
    for n in 1..4 {
        hashes.push(node.send(&call(n, 0, counter, 0, vec![])).await);
    }
    let header = node.block();
    node.block();
    let options = json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}});
    let by_number = node.call("debug_traceBlockByNumber", json!([format!("{:#x}", header.height.0), options])).await;
    let by_hash = node.call("debug_traceBlockByHash", json!([header.hash, options])).await;
    assert_eq!(by_number, by_hash);
    let block = node.call("eth_getBlockByHash", json!([header.hash])).await;
    assert_eq!(by_number.as_array().unwrap().len(), 3);
    for (index, trace) in by_number.as_array().unwrap().iter().enumerate() {
        assert_eq!(trace["txHash"], block["transactions"][index]);
        let single = node.call("debug_traceTransaction", json!([trace["txHash"], options])).await;
        assert_eq!(trace["result"], single);
        let slot = &single["post"][json!(counter).as_str().unwrap()]["storage"][B256::ZERO.to_string()];
        assert_eq!(*slot, json!(B256::from(U256::from(index as u64 + 1))));
    }
    // A call in the middle of the block sees what stood before it.
    let read = json!({json!(counter).as_str().unwrap(): {"code": "0x5f545f5260205ff3"}});
    let at = async |index: u64| {
        let options = json!({"tracer": "callTracer", "stateOverrides": read, "txIndex": format!("{index:#x}")});
        let height = format!("{:#x}", header.height.0);
        node.call("debug_traceCall", json!([{"to": counter}, height, options])).await["output"].clone()
    };
    for index in 0..4 {
        assert_eq!(at(index).await, json!(B256::from(U256::from(index))));
    }
}

#[tokio::test]
async fn calls_are_traced_at_any_block_with_overrides() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    let options = json!({"tracer": "callTracer", "tracerConfig": {"withLog": true}});
    let trace = node.call("debug_traceCall", json!([{"from": address(2), "to": probe}, "latest", options])).await;
    assert_eq!((&trace["from"], &trace["to"]), (&json!(address(2)), &json!(probe)));
    assert_eq!(trace["logs"][0]["topics"][0], json!(TOPIC));
    let reverted = node.call("debug_traceCall", json!([{"to": probe, "input": "0x01"}, "latest", options])).await;
    assert_eq!((&reverted["error"], &reverted["revertReason"]), (&json!("execution reverted"), &json!("no money")));
    let pretended = json!({"stateOverrides": {(Address::repeat_byte(7).to_string()): {"code": "0x425f5260205ff3"}},
        "blockOverrides": {"time": "0x77"}});
    let trace = node.call("debug_traceCall", json!([{"to": Address::repeat_byte(7)}, "pending", pretended])).await;
    assert_eq!(trace["returnValue"], json!(B256::from(U256::from(0x77))));
    // Before the contract was there, nothing ran.
    let before = node.call("debug_traceCall", json!([{"to": probe}, "0x0", {}])).await;
    assert_eq!(before["structLogs"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_traced_is_refused_with_the_reason_and_the_figure() {
    let config = RpcConfig {
        trace_timeout_ms: 300,
        call_gas_cap: 10_000_000_000,
        max_response_bytes: 1 << 20,
        ..RpcConfig::default()
    };
    let node = Node::with(config).await;
    let (hash, _) = mined(&node, &transfer(1, 0, address(2), 5)).await;
    let error = async |method: &str, params: Value| node.error(method, params).await;
    let (code, text) = error("debug_traceTransaction", json!([hash, {"tracer": "{step: function() {}}"}])).await;
    assert!(code == -32004 && text.contains("JavaScript tracers are not run"), "{code} {text}");
    let (code, text) = error("debug_traceTransaction", json!([B256::repeat_byte(1)])).await;
    assert_eq!((code, text.as_str()), (-32000, "transaction not found"));
    let waiting = node.send(&transfer(1, 1, address(2), 5)).await;
    let (_, text) = error("debug_traceTransaction", json!([waiting])).await;
    assert!(text.contains("it waits in the pool"), "{text}");
    let (code, text) = error("debug_traceBlockByNumber", json!(["0x0"])).await;
    assert!(code == -32000 && text.contains("genesis"), "{text}");
    let (code, text) = error("debug_traceBlockByNumber", json!(["0x99"])).await;
    assert!(code == -32000 && text.contains("the newest is 0x1"), "{text}");
    let (code, text) = error("debug_traceTransaction", json!([hash, {"timeout": "soon"}])).await;
    assert!(code == -32602 && text.contains("\"soon\" is no duration"), "{text}");
    let endless = json!({(Address::repeat_byte(7).to_string()): {"code": "0x5b5f56"}});
    let request = json!({"to": Address::repeat_byte(7), "gas": "0xffffffffff"});
    let (code, text) =
        error("debug_traceCall", json!([request, "latest", {"tracer": "callTracer", "stateOverrides": endless}])).await;
    assert_eq!((code, text.as_str()), (-32002, "request timed out after 300 ms (rpc.trace_timeout_ms)"));
    let shorter = json!({"tracer": "callTracer", "stateOverrides": endless, "timeout": "50ms"});
    let (code, text) = error("debug_traceCall", json!([request, "latest", shorter])).await;
    assert_eq!((code, text.as_str()), (-32002, "request timed out after 50 ms (the call's timeout)"));
    let (code, text) = error("debug_traceCall", json!([request, "latest", {"stateOverrides": endless}])).await;
    assert!(code == -32005 && text.contains("more than 2097152 bytes"), "{code} {text}");
}

#[tokio::test]
async fn raw_bytes_are_given_where_they_prove_something() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    let raws = [transfer(1, 1, address(2), 5), poke(2, 0, probe)];
    let mut hashes = Vec::new();
    for raw in &raws {
        hashes.push(node.send(raw).await);
    }
    for (raw, hash) in raws.iter().zip(&hashes) {
        assert_eq!(node.call("debug_getRawTransaction", json!([hash])).await, json!(raw));
    }
    let header = node.block();
    for (raw, hash) in raws.iter().zip(&hashes) {
        assert_eq!(node.call("debug_getRawTransaction", json!([hash])).await, json!(raw));
    }
    let receipts = node.call("debug_getRawReceipts", json!([header.hash])).await;
    let receipts: Vec<Bytes> = serde_json::from_value(receipts).unwrap();
    let root = alloy_trie::root::ordered_trie_root_with_encoder(&receipts, |raw, out| out.extend_from_slice(raw));
    assert_eq!(root, header.receipts_root);
    for method in ["debug_getRawHeader", "debug_getRawBlock"] {
        let (code, text) = node.error(method, json!(["latest"])).await;
        assert!(code == -32004 && text.contains("not the keccak"), "{text}");
    }
}
