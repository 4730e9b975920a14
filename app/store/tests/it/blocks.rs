//! Block records and indexes.

use defchain_base::{B256, Height, StateDelta};

use crate::{commit, grow, open, records};

#[test]
fn what_was_recorded_with_a_block_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    grow(&open(dir.path()), 1, 9);
    let store = open(dir.path());
    for height in 0..10 {
        let (at, expected) = (Height(height), records(height));
        assert_eq!(store.header(at).unwrap().unwrap(), expected.header);
        assert_eq!(store.txs(at).unwrap().unwrap(), expected.txs);
        assert_eq!(store.receipts(at).unwrap().unwrap(), expected.receipts);
        assert_eq!(store.extra(at).unwrap().unwrap(), expected.extra);
        assert_eq!(store.height_of_block(&expected.block_hash).unwrap(), Some(at));
        for (index, hash) in (0..).zip(&expected.tx_hashes) {
            assert_eq!(store.tx_location(hash).unwrap(), Some((at, index)));
        }
    }
    assert_eq!(store.header(Height(10)).unwrap(), None);
    assert_eq!(store.height_of_block(&B256::ZERO).unwrap(), None);
    // A block hash is no transaction hash.
    assert_eq!(store.tx_location(&records(3).block_hash).unwrap(), None);
    assert_eq!(store.heights().unwrap(), Some((Height(0), Height(9))));
}

#[test]
fn headers_come_as_a_range() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    grow(&store, 1, 9);
    let found = store.headers(Height(3), Height(6), 100).unwrap();
    let expected: Vec<_> = (3..=6).map(|h| (Height(h), records(h).header.into())).collect();
    assert_eq!(found, expected);
    assert_eq!(store.headers(Height(3), Height(6), 2).unwrap(), expected[..2]);
    assert_eq!(store.headers(Height(8), Height(u64::MAX), 100).unwrap().len(), 2);
    assert_eq!(store.headers(Height(6), Height(3), 100).unwrap(), []);
}

#[test]
fn log_terms_lead_to_their_heights_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for _ in 0..300 {
        commit(&store, &StateDelta::default());
    }
    let term = B256::repeat_byte(3);
    let find = |from, to, limit| store.heights_with_term(&term, Height(from), Height(to), limit).unwrap();
    assert_eq!(find(0, 299, 1000), (0..300).step_by(2).map(Height).collect::<Vec<_>>());
    assert_eq!(find(7, 12, 1000), [8, 10, 12].map(Height));
    assert_eq!(find(250, 299, 3), [250, 252, 254].map(Height));
    assert_eq!(find(12, 7, 1000), []);
    assert_eq!(find(0, u64::MAX, 1000).len(), 150);
    assert_eq!(store.heights_with_term(&B256::repeat_byte(4), Height(0), Height(299), 9).unwrap(), []);
}

#[test]
fn an_idle_block_adds_little() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bytes = || -> u64 {
        store.flush().unwrap();
        store.disk_usage().unwrap().iter().map(|column| column.file_bytes).sum()
    };
    commit(&store, &StateDelta::default());
    let before = bytes();
    for _ in 0..200 {
        commit(&store, &StateDelta::default());
    }
    let each = (bytes() - before) / 200;
    eprintln!("an idle block takes {each} bytes in files");
    assert!(each < 700, "an idle block takes {each} bytes");
}
