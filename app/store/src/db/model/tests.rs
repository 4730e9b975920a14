#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
use super::*;

fn put(key: &[u8], value: &[u8]) -> Op {
    Op::set(Column::Flat, key, Some(value))
}

fn get(db: &ModelDb, key: &[u8]) -> Option<Bytes> {
    db.view().get(Column::Flat, key).unwrap()
}

#[test]
fn a_crash_loses_batches_from_the_end_and_none_that_was_synced() {
    for lose in 0..6 {
        let disk = ModelDisk::new();
        let db = ModelDb::open(&disk, true);
        for n in 1..=4u8 {
            db.write(vec![put(b"k", &[n]), put(&[n], b"x")], n == 2).unwrap();
        }
        assert_eq!(disk.unsynced(), 2);
        assert_eq!(disk.crash(lose), lose.min(2));
        assert!(db.write(vec![], false).is_err(), "a handle from before the crash is dead");
        assert!(db.view().get(Column::Flat, b"k").is_err());
        let db = ModelDb::open(&disk, true);
        let left = 4 - u8::try_from(lose.min(2)).unwrap();
        assert_eq!(get(&db, b"k").unwrap(), [left].as_slice());
        assert_eq!(db.view().ends(Column::Flat).unwrap().unwrap(), (vec![1], b"k".to_vec()));
        assert_eq!(get(&db, &[left + 1]), None);
    }
}

#[test]
fn a_view_and_its_cursor_show_one_moment() {
    let disk = ModelDisk::new();
    let db = ModelDb::open(&disk, true);
    db.write(vec![put(b"a", b"1"), put(b"b", b"1"), put(b"d", b"1")], true).unwrap();
    let view = db.view();
    for n in 0..9u8 {
        db.write(vec![put(b"a", &[n]), put(b"c", &[n])], true).unwrap();
    }
    let range = Op::DeleteRange { column: Column::Flat, from: b"b".to_vec(), to: b"d".to_vec() };
    db.write(vec![range], true).unwrap();
    let keys = |view: &ModelView| {
        let mut cursor = view.cursor(Column::Flat, b"e");
        cursor.seek(b"a").unwrap();
        let mut keys = Vec::new();
        while let Some((key, value)) = cursor.item() {
            keys.push((key.to_vec(), value.to_vec()));
            cursor.next().unwrap();
        }
        keys
    };
    let one = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
    assert_eq!(keys(&view), [one(b"a", b"1"), one(b"b", b"1"), one(b"d", b"1")]);
    drop(view);
    assert_eq!(keys(&db.view()), [one(b"a", &[8]), one(b"d", b"1")]);
    db.write(vec![put(b"a", b"last")], true).unwrap();
    db.write(vec![put(b"a", b"last")], true).unwrap();
    let versions = disk.0.read().columns[Column::Flat as usize][b"a".as_slice()].len();
    assert!(versions <= 2, "{versions} versions are kept though no view needs them");
}

#[test]
fn writes_fail_as_planned() {
    for (fault, survives) in [
        (WriteFault::Refused, false),
        (WriteFault::PowerBefore, false),
        (WriteFault::PowerBeforeSync, true),
        (WriteFault::PowerAfterSync, true),
    ] {
        let disk = ModelDisk::new();
        let db = ModelDb::open(&disk, true);
        disk.plan(1, fault);
        db.write(vec![put(b"k", b"1")], true).unwrap();
        assert!(db.write(vec![put(b"k", b"2")], true).is_err());
        assert_eq!(db.view().get(Column::Flat, b"k").is_ok(), fault == WriteFault::Refused);
        assert_eq!(disk.unsynced(), u64::from(fault == WriteFault::PowerBeforeSync));
        disk.crash(0);
        let expected: &[u8] = if survives { b"2" } else { b"1" };
        assert_eq!(get(&ModelDb::open(&disk, true), b"k").unwrap(), expected, "{fault:?}");
    }
}

#[test]
fn reads_fail_while_they_are_told_to() {
    let disk = ModelDisk::new();
    let db = ModelDb::open(&disk, true);
    db.write(vec![put(b"k", b"1")], true).unwrap();
    let view = db.view();
    disk.fail_reads(true);
    assert!(view.get(Column::Flat, b"k").is_err() && view.ends(Column::Flat).is_err());
    assert!(view.cursor(Column::Flat, b"z").seek(b"a").is_err());
    disk.fail_reads(false);
    assert_eq!(view.get(Column::Flat, b"k").unwrap().unwrap(), b"1".as_slice());
}

#[test]
fn a_disk_that_lies_loses_what_it_acknowledged() {
    let disk = ModelDisk::new();
    disk.lie();
    let db = ModelDb::open(&disk, true);
    db.write(vec![put(b"k", b"1")], true).unwrap();
    disk.crash(1);
    assert_eq!(get(&ModelDb::open(&disk, true), b"k"), None);
}

#[test]
fn equal_batches_have_equal_digests_and_others_do_not() {
    let digest = |ops: Vec<Op>| {
        let disk = ModelDisk::new();
        ModelDb::open(&disk, true).write(ops, true).unwrap();
        disk.take_log().pop().unwrap().digest
    };
    let mut seen = std::collections::BTreeSet::new();
    for (key, value) in [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("12345678", "9"), ("1234567", "89")] {
        assert!(seen.insert(digest(vec![put(key.as_bytes(), value.as_bytes())])));
        assert!(!seen.insert(digest(vec![put(key.as_bytes(), value.as_bytes())])));
    }
    assert!(seen.insert(digest(vec![put(b"x", b""), put(b"y", b"")])));
    assert!(seen.insert(digest(vec![put(b"y", b""), put(b"x", b"")])));
}
