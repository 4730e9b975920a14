//! The socket: who may listen, and what becomes of its file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use defchain_abci::{Address, Error, ServerBuilder};

use crate::support::{Running, TestApp, Transport, speak};

fn bind(address: &Address) -> Result<defchain_abci::Server<TestApp>, Error> {
    ServerBuilder::new().bind(address, TestApp::new().0)
}

#[test]
fn the_socket_of_a_dead_process_is_replaced_and_is_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abci.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "std leaves the file, as a killed process does");
    let server = bind(&Address::Unix(path.clone())).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(server);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no file stays behind");
}

#[test]
fn a_socket_left_half_made_by_a_killed_process_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abci.sock");
    drop(UnixListener::bind(folder.path().join("abci.sock.new")).unwrap());
    drop(bind(&Address::Unix(path)).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_living_server_is_not_replaced_and_not_disturbed() {
    let server = Running::start(Transport::Unix);
    let mut four = server.comet();
    let error = bind(&server.address).unwrap_err();
    assert!(matches!(error, Error::AlreadyServed { .. }), "{error}");
    assert!(error.to_string().contains("stop it"), "{error}");
    speak(&mut four);
    server.stop();
}

#[test]
fn a_living_server_without_clients_is_not_replaced_either() {
    let server = Running::start(Transport::Unix);
    assert!(matches!(bind(&server.address), Err(Error::AlreadyServed { .. })));
    let mut four = server.comet();
    speak(&mut four);
    server.stop();
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    fs::write(&path, "data").unwrap();
    let error = bind(&Address::Unix(path.clone())).unwrap_err();
    assert!(matches!(error, Error::NotASocket { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "data");
}

#[test]
fn a_socket_that_another_has_put_in_our_place_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abci.sock");
    let server = bind(&Address::Unix(path.clone())).unwrap();
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(server);
    assert!(path.exists());
    drop(other);
}

#[test]
fn a_taken_port_and_a_missing_folder_are_refused_with_the_address() {
    let server = Running::start(Transport::Tcp);
    let error = bind(&server.address).unwrap_err();
    assert!(matches!(error, Error::Listen { .. }), "{error}");
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
    server.stop();

    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("missing").join("abci.sock"));
    let error = bind(&address).unwrap_err();
    assert!(matches!(error, Error::Listen { .. }), "{error}");
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn a_client_without_a_server_is_told_where_it_looked() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("abci.sock"));
    let error = defchain_abci::Client::connect(&address, 100).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains("abci.sock"), "{error}");
}
