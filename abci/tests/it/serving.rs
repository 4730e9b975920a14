//! Calls and answers.

use std::sync::Arc;

use bytes::Bytes;
use defchain_abci::types::*;
use defchain_abci::{Call, Limits, ServerBuilder};

use crate::support::{BOTH, Counter, Running, Transport, finalize};

#[test]
fn every_call_round_trips_over_both_transports() {
    for transport in BOTH {
        let counter = Arc::new(Counter::default());
        let server = Running::start_with(transport, ServerBuilder::new().observer(counter.clone()));
        let mut client = server.client();
        let c = &mut client;
        let hash = Bytes::from_static(b"0123456789abcdef0123456789abcdef");

        assert_eq!(c.echo(RequestEcho { message: "hi".into() }).unwrap().message, "hi");
        let info = c.info(RequestInfo { version: "0.40.0".into(), p2p_version: 8, ..Default::default() });
        let info = info.unwrap();
        assert_eq!((info.version.as_str(), info.app_version, info.data.as_str()), ("0.40.0", 8, "test"));
        let update = ValidatorUpdate { power: 5, ..Default::default() };
        let init = c
            .init_chain(RequestInitChain {
                app_state_bytes: hash.clone(),
                validators: vec![update.clone()],
                ..Default::default()
            })
            .unwrap();
        assert_eq!((init.app_hash, init.validators), (hash.clone(), vec![update]));
        let query = c.query(RequestQuery { data: hash.clone(), height: -3, ..Default::default() }).unwrap();
        assert_eq!((query.value, query.height), (hash.clone(), -3));
        let check = c.check_tx(RequestCheckTx { tx: hash.clone(), r#type: 1 }).unwrap();
        assert_eq!((check.code, check.data), (32, hash.clone()));
        assert_eq!(c.commit(RequestCommit {}).unwrap().retain_height, 41);
        assert_eq!(c.list_snapshots(RequestListSnapshots {}).unwrap().snapshots[0].height, 9);
        let offer =
            c.offer_snapshot(RequestOfferSnapshot { app_hash: Bytes::from_static(b"abc"), ..Default::default() });
        assert_eq!(offer.unwrap().result, 3);
        let chunk = c.load_snapshot_chunk(RequestLoadSnapshotChunk { chunk: 5, ..Default::default() });
        assert_eq!(chunk.unwrap().chunk, [5, 5, 5][..]);
        let apply = RequestApplySnapshotChunk { index: 300, sender: "peer".into(), ..Default::default() };
        let apply = c.apply_snapshot_chunk(apply).unwrap();
        assert_eq!((apply.refetch_chunks, apply.reject_senders), (vec![300], vec!["peer".to_owned()]));
        let prepare = c.prepare_proposal(RequestPrepareProposal { max_tx_bytes: 12, ..Default::default() });
        assert_eq!(prepare.unwrap().txs, [Bytes::from_static(b"12")]);
        let process = c.process_proposal(RequestProcessProposal { txs: vec![hash.clone(); 2], ..Default::default() });
        assert_eq!(process.unwrap().status, 2);
        let extend = c.extend_vote(RequestExtendVote { hash: hash.clone(), ..Default::default() }).unwrap();
        assert_eq!(extend.vote_extension, hash);
        let verify = RequestVerifyVoteExtension { vote_extension: Bytes::from_static(b"1"), ..Default::default() };
        assert_eq!(c.verify_vote_extension(verify).unwrap().status, 1);
        assert_eq!(c.finalize_block(finalize(258)).unwrap().app_hash, 258_i64.to_be_bytes()[..]);
        assert_eq!(c.insert_tx(RequestInsertTx { tx: hash }).unwrap().code, 32_032);
        let reaped = c.reap_txs(RequestReapTxs { max_bytes: 2, max_gas: u64::MAX }).unwrap().txs;
        assert_eq!(reaped, [Bytes::from_static(&[7, 7]), Bytes::from(u64::MAX.to_string())]);

        let calls = counter.calls.lock().unwrap().clone();
        for call in Call::ALL {
            let expected = if *call == Call::Flush { 17 } else { 1 };
            assert_eq!(calls.get(call), Some(&expected), "{call} over {transport:?}");
        }
        server.stop();
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order_with_or_without_a_flush() {
    for transport in BOTH {
        for flush in [true, false] {
            let server = Running::start(transport);
            let mut client = server.client();
            for n in 0..1_000_usize {
                // Two calls and many sizes, so that a swap would show.
                let tx = Bytes::from(vec![1; n]);
                client
                    .send(if n % 3 == 0 {
                        request::Value::InsertTx(RequestInsertTx { tx })
                    } else {
                        request::Value::CheckTx(RequestCheckTx { tx, r#type: 0 })
                    })
                    .unwrap();
                if n % 100 == 99 {
                    if flush {
                        client.send(request::Value::Flush(RequestFlush {})).unwrap();
                    }
                    client.flush().unwrap();
                    for answered in n - 99..=n {
                        match client.receive().unwrap() {
                            response::Value::InsertTx(answer) => {
                                assert_eq!((answered % 3, answer.code as usize), (0, 32_000 + answered));
                            }
                            response::Value::CheckTx(answer) => {
                                assert_ne!(answered % 3, 0);
                                assert_eq!(answer.code as usize, answered);
                            }
                            other => panic!("{} was not asked", other.name()),
                        }
                    }
                    if flush {
                        assert_eq!(client.receive().unwrap().call(), Some(Call::Flush));
                    }
                }
            }
            server.stop();
        }
    }
}

#[test]
fn a_message_of_many_megabytes_passes_both_ways_unharmed() {
    for transport in BOTH {
        let server = Running::start(transport);
        let mut client = server.client();
        let data: Bytes = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
        let answer = client.query(RequestQuery { data: data.clone(), ..Default::default() }).unwrap();
        assert_eq!((answer.key, answer.value), (data.clone(), data));
        server.stop();
    }
}

#[test]
fn connections_do_not_wait_for_one_another() {
    let server = Running::start(Transport::Unix);
    let [mut query, _snapshot, mut mempool, mut consensus] = server.comet();
    consensus.send(request::Value::FinalizeBlock(finalize(crate::support::SLOW_HEIGHT))).unwrap();
    consensus.flush().unwrap();
    server.gate.entered.recv_timeout(crate::support::PATIENCE).unwrap();
    // The block is in the application now.
    query.query(RequestQuery::default()).unwrap();
    mempool.insert_tx(RequestInsertTx::default()).unwrap();
    server.gate.release.send(()).unwrap();
    assert_eq!(consensus.receive().unwrap().call(), Some(Call::FinalizeBlock));
    server.stop();
}

#[test]
fn an_observer_sees_connections_calls_and_their_bytes() {
    let counter = Arc::new(Counter::default());
    let builder = ServerBuilder::new().observer(counter.clone()).limits(Limits::default());
    let server = Running::start_with(Transport::Unix, builder);
    let four = server.comet();
    server.handle.shutdown();
    server.outcome().unwrap();
    drop(four);
    assert_eq!(*counter.opened.lock().unwrap(), [1, 2, 3, 4]);
    let mut closed = counter.closed.lock().unwrap().clone();
    closed.sort_unstable();
    assert_eq!(closed, [1, 2, 3, 4]);
    let calls = counter.calls.lock().unwrap().clone();
    assert_eq!(calls.get(&Call::FinalizeBlock), Some(&1));
    assert_eq!(calls.get(&Call::Flush), Some(&3));
    // Outer encodings: Info 2, CheckTx 2, FinalizeBlock of height 1: 3 + 2, three Flushes of 2.
    assert_eq!(counter.bytes.lock().unwrap().0, 2 + 2 + 5 + 3 * 2);
}
