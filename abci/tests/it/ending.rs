//! Everything that ends the server, and what must not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::Bytes;
use defchain_abci::types::*;
use defchain_abci::{Address, Call, Client, Error, Limits, Role, ServerBuilder};

use crate::support::{BOTH, PANIC_PATH, PATIENCE, Running, SLOW_HEIGHT, Transport, finalize, speak};

trait Socket: Read + Write {}
impl<T: Read + Write> Socket for T {}

/// A connection that speaks plain bytes.
fn raw(address: &Address) -> Box<dyn Socket> {
    match address {
        Address::Unix(path) => Box::new(UnixStream::connect(path).unwrap()),
        Address::Tcp(host_port) => Box::new(TcpStream::connect(host_port).unwrap()),
    }
}

#[test]
fn the_loss_of_any_of_the_four_connections_ends_the_server_and_names_it() {
    let carried = [Some(Call::Info), None, Some(Call::CheckTx), Some(Call::FinalizeBlock)];
    for transport in BOTH {
        for lost in 0..4 {
            let server = Running::start(transport);
            let mut four: Vec<Option<Client>> = server.comet().into_iter().map(Some).collect();
            four[lost].take().unwrap().close();
            let error = server.outcome().unwrap_err();
            let Error::ConnectionLost { connection, source } = error else { panic!("{error}") };
            assert!(matches!(*source, Error::Closed), "{source}");
            assert_eq!((connection.number, connection.position), (lost as u64 + 1, lost + 1));
            assert_eq!(connection.expected_role(), Some(Role::DIALLING_ORDER[lost]));
            assert_eq!(connection.role(), carried[lost].map(|_| Role::DIALLING_ORDER[lost]));
            if let Some(call) = carried[lost] {
                assert!(connection.calls.contains(call));
                assert_eq!(connection.requests, 2, "the call and its flush");
            }
            // The others see the end instead of silence.
            for client in four.iter_mut().flatten() {
                assert!(matches!(client.receive(), Err(Error::Closed)));
            }
            assert!(Client::connect(&server.address, 100).is_err(), "nobody listens any more");
        }
    }
}

#[test]
fn an_error_names_the_connection_in_words() {
    let server = Running::start(Transport::Unix);
    let [_query, snapshot, _mempool, _consensus] = server.comet();
    snapshot.close();
    let error = server.outcome().unwrap_err().to_string();
    assert_eq!(
        error,
        "connection 2 (by its place 2 of 4: snapshot; 0 requests: nothing; from a local process) was lost: the other \
         end closed the connection"
    );
}

#[test]
fn a_fifth_client_is_refused_and_the_four_are_undisturbed() {
    for transport in BOTH {
        let server = Running::start(transport);
        let mut four = server.comet();
        for _ in 0..3 {
            let mut fifth = server.client();
            assert!(matches!(fifth.receive(), Err(Error::Closed)));
        }
        speak(&mut four);
        four[1].list_snapshots(RequestListSnapshots {}).unwrap();
        server.stop();
    }
}

#[test]
fn a_probe_before_between_or_instead_of_the_dialling_does_no_harm() {
    for transport in BOTH {
        let server = Running::start(transport);
        for _ in 0..10 {
            server.client().close();
        }
        let (query, snapshot) = (server.client(), server.client());
        server.client().close();
        let mempool = server.client();
        // This one holds the fourth place until it is gone.
        server.client().close();
        let mut four = [query, snapshot, mempool, server.client()];
        speak(&mut four);
        speak(&mut four);
        server.stop();
    }
}

#[test]
fn a_scanner_that_speaks_another_protocol_is_forgotten_before_the_client_comes() {
    for transport in BOTH {
        let server = Running::start(transport);
        raw(&server.address).write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        raw(&server.address).write_all(&[0xff; 64]).unwrap();
        let mut four = server.comet();
        speak(&mut four);
        server.stop();
    }
}

#[test]
fn a_message_above_the_cap_ends_the_server_with_both_figures() {
    for transport in BOTH {
        let limits = Limits { max_message_bytes: 1_000, ..Limits::default() };
        let server = Running::start_with(transport, ServerBuilder::new().limits(limits));
        let mut client = server.client();
        let fits = Bytes::from(vec![0; 1_000 - 4 - 3]); // keys of 2 and 1 bytes, lengths of 2
        client.insert_tx(RequestInsertTx { tx: fits }).unwrap();
        let error = client.insert_tx(RequestInsertTx { tx: vec![0; 1_000 - 4 - 2].into() }).unwrap_err();
        let Error::Exception { call: Call::InsertTx, message } = error else { panic!("{error}") };
        assert!(message.contains("1001 bytes") && message.contains("1000 bytes"), "{message}");
        let error = server.outcome().unwrap_err();
        let Error::ConnectionLost { source, .. } = error else { panic!("{error}") };
        assert!(matches!(*source, Error::TooLarge { bytes: 1_001, limit: 1_000, .. }), "{source}");
    }
}

#[test]
fn an_answer_above_the_cap_ends_the_server_instead_of_being_sent() {
    let limits = Limits { max_message_bytes: 1_000, ..Limits::default() };
    let server = Running::start_with(Transport::Unix, ServerBuilder::new().limits(limits));
    let mut client = server.client();
    let error = client.reap_txs(RequestReapTxs { max_bytes: 2_000, max_gas: 0 }).unwrap_err();
    assert!(matches!(error, Error::Exception { call: Call::ReapTxs, .. }), "{error}");
    let error = server.outcome().unwrap_err();
    let Error::ConnectionLost { source, .. } = error else { panic!("{error}") };
    assert!(matches!(*source, Error::TooLarge { limit: 1_000, verb: "sent", .. }), "{source}");
}

#[test]
fn wrong_bytes_on_a_connection_in_use_end_the_server_with_what_is_wrong() {
    type Check = fn(&Error) -> bool;
    let cases: [(&[u8], Check); 6] = [
        (&[0], |e| matches!(e, Error::Garbage { bytes: 0, .. })),
        (&[0x80, 0], |e| matches!(e, Error::LengthPrefix { .. })),
        (&[2, 0x52, 0], |e| matches!(e, Error::UnknownCall { field: 10, .. })),
        (&[5, 0x0a, 2, 0x0a, 0, 9], |e| matches!(e, Error::TrailingBytes { extra: 1, bytes: 5, .. })),
        (&[4, 0x0a, 2, 0x0a, 9], |e| matches!(e, Error::Undecodable { name: "Echo", .. })),
        // 134,217,728 bytes are announced and three come.
        (&[0x80, 0x80, 0x80, 0x40, 1, 2, 3], |e| matches!(e, Error::Torn { got: 3, want: 134_217_728 })),
    ];
    for transport in BOTH {
        for (bytes, expected) in cases {
            let server = Running::start(transport);
            let mut stream = raw(&server.address);
            stream.write_all(&[4, 0x0a, 2, 0x0a, 0]).unwrap(); // an Echo of nothing
            let mut answer = [0; 3];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [2, 0x12, 0]);
            stream.write_all(bytes).unwrap();
            drop(stream);
            let error = server.outcome().unwrap_err();
            let Error::ConnectionLost { connection, source } = error else { panic!("{error}") };
            assert_eq!(connection.requests, 1, "the good one");
            assert!(expected(&source), "{bytes:02x?}: {source}");
        }
    }
}

#[test]
fn a_panic_in_the_application_is_told_to_the_client_and_ends_the_server() {
    for transport in BOTH {
        let server = Running::start(transport);
        let [mut query, mut snapshot, mut mempool, mut consensus] = server.comet();
        let error = query.query(RequestQuery { path: PANIC_PATH.into(), ..Default::default() }).unwrap_err();
        let Error::Exception { call: Call::Query, message } = error else { panic!("{error}") };
        assert!(message.contains("panicked in Query") && message.contains("told to"), "{message}");
        let error = server.outcome().unwrap_err();
        let Error::ApplicationPanicked { connection, call: Call::Query, message } = error else { panic!("{error}") };
        assert_eq!(connection.role(), Some(Role::Query));
        assert!(message.contains("told to"), "{message}");
        for client in [&mut snapshot, &mut mempool, &mut consensus] {
            assert!(matches!(client.receive(), Err(Error::Closed)));
        }
    }
}

#[test]
fn a_shutdown_while_idle_ends_in_order() {
    for transport in BOTH {
        let server = Running::start(transport);
        let mut four = server.comet();
        server.handle.shutdown();
        server.outcome().unwrap();
        for client in &mut four {
            assert!(matches!(client.receive(), Err(Error::Closed)));
        }
        // Twice is no mistake, and neither is too late.
        server.handle.clone().shutdown();
    }
}

#[test]
fn a_shutdown_without_clients_or_before_the_run_ends_in_order() {
    for transport in BOTH {
        Running::start(transport).stop();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abci.sock");
    let (app, _gate) = crate::support::TestApp::new();
    let server = ServerBuilder::new().bind(&Address::Unix(path.clone()), app).unwrap();
    server.shutdown_handle().shutdown();
    server.run().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_shutdown_while_busy_answers_what_has_been_received() {
    for transport in BOTH {
        let server = Running::start(transport);
        let [_query, _snapshot, _mempool, mut consensus] = server.comet();
        // Sent in one write, so the Commit is received with the block before it.
        consensus.send(request::Value::FinalizeBlock(finalize(SLOW_HEIGHT))).unwrap();
        consensus.send(request::Value::Commit(RequestCommit {})).unwrap();
        consensus.send(request::Value::Flush(RequestFlush {})).unwrap();
        consensus.flush().unwrap();
        server.gate.entered.recv_timeout(PATIENCE).unwrap();
        server.handle.shutdown();
        server.gate.release.send(()).unwrap();
        for call in [Call::FinalizeBlock, Call::Commit, Call::Flush] {
            assert_eq!(consensus.receive().unwrap().call(), Some(call), "over {transport:?}");
        }
        assert!(matches!(consensus.receive(), Err(Error::Closed)));
        server.outcome().unwrap();
    }
}

#[test]
fn a_lost_client_waits_for_the_block_in_the_application_before_the_server_ends() {
    let server = Running::start(Transport::Unix);
    let [query, _snapshot, _mempool, mut consensus] = server.comet();
    consensus.send(request::Value::FinalizeBlock(finalize(SLOW_HEIGHT))).unwrap();
    consensus.flush().unwrap();
    server.gate.entered.recv_timeout(PATIENCE).unwrap();
    query.close();
    server.gate.release.send(()).unwrap();
    assert_eq!(consensus.receive().unwrap().call(), Some(Call::FinalizeBlock));
    let error = server.outcome().unwrap_err();
    assert!(matches!(&error, Error::ConnectionLost { connection, .. } if connection.number == 1), "{error}");
}

#[test]
fn a_call_that_never_returns_does_not_keep_the_server_alive() {
    let limits = Limits { drain: Duration::from_millis(20), ..Limits::default() };
    let server = Running::start_with(Transport::Unix, ServerBuilder::new().limits(limits));
    let [_query, _snapshot, _mempool, mut consensus] = server.comet();
    consensus.send(request::Value::FinalizeBlock(finalize(SLOW_HEIGHT))).unwrap();
    consensus.flush().unwrap();
    server.gate.entered.recv_timeout(PATIENCE).unwrap();
    server.handle.shutdown();
    let error = server.outcome().unwrap_err();
    let Error::Stuck { stuck, .. } = &error else { panic!("{error}") };
    assert!(stuck.starts_with("FinalizeBlock on connection 4 (consensus"), "{stuck}");
    // Let the thread go, now that nobody waits for it.
    server.gate.release.send(()).unwrap();
}
