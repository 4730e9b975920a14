//! What a crash leaves is the state after a committed block.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use defchain_base::MemoryState;
use defchain_store::{CommitInfo, Store, StoreOptions, Updater};

use crate::{Dice, assert_state, commit, delta, grow, open};

/// Copies a live database's files. RocksDB deletes files that a flush made obsolete on a thread of its own; a copy that
/// meets that is no state that ever was on disk, so it is taken again.
pub fn copy(from: &Path, to: &Path) {
    for _ in 0..100 {
        match try_copy(from, to) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_dir_all(to).unwrap(),
            Err(error) => panic!("cannot copy {}: {error}", from.display()),
        }
    }
    panic!("files of {} vanished during each of 100 copies", from.display());
}

fn try_copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            try_copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Opens what a crash left and compares it with the chain as another store, updated by jmt, made it.
fn assert_committed(path: &Path, chain: &[(MemoryState, CommitInfo)], at_least: u64) -> u64 {
    let store = open(path);
    let info = store.latest().unwrap();
    assert!(info.height.0 >= at_least, "height {} is there, {at_least} was committed", info.height);
    let (state, expected) = &chain[usize::try_from(info.height.0).unwrap()];
    assert_eq!(&info, expected);
    assert_state(&store.snapshot(), state);
    // And the chain goes on as if nothing had happened.
    if let Some((_, next)) = chain.get(usize::try_from(info.height.0).unwrap() + 1) {
        assert_eq!(&commit(&store, &delta(1, info.height.0 + 1)), next);
    }
    info.height.0
}

fn expected(to: u64) -> Vec<(MemoryState, CommitInfo)> {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { updater: Updater::Reference, ..StoreOptions::for_tests() };
    grow(&Store::open(dir.path(), options).unwrap(), 1, to)
}

#[test]
fn a_copy_of_the_files_taken_between_two_commits_opens_at_the_first() {
    let chain = expected(12);
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("live"));
    for height in 0..12 {
        commit(&store, &delta(1, height));
        if height % 5 == 4 {
            store.flush().unwrap();
        }
        let copied = dir.path().join(format!("copy {height}"));
        copy(&dir.path().join("live"), &copied);
        assert_eq!(assert_committed(&copied, &chain, height), height);
    }
}

#[test]
fn a_log_cut_anywhere_opens_at_a_committed_height() {
    let chain = expected(12);
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    {
        let store = open(&live);
        grow(&store, 1, 11);
    }
    let log = fs::read_dir(live.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|e| e == "log"))
        .max_by_key(|file| fs::metadata(file).unwrap().len())
        .unwrap();
    let length = fs::metadata(&log).unwrap().len();
    let mut dice = Dice(3);
    let mut heights = std::collections::BTreeSet::new();
    for cut in 0..40 {
        let copied = dir.path().join(format!("cut {cut}"));
        copy(&live, &copied);
        let file = fs::OpenOptions::new().write(true).open(copied.join("db").join(log.file_name().unwrap())).unwrap();
        file.set_len(dice.roll(length)).unwrap();
        drop(file);
        let store = open(&copied);
        if store.latest().is_some() {
            drop(store);
            heights.insert(assert_committed(&copied, &chain, 0));
        } else {
            assert_state(&store.snapshot(), &MemoryState::default());
        }
        fs::remove_dir_all(&copied).unwrap();
    }
    assert!(heights.len() > 3, "{heights:?}");
}

const CHILD: &str = "DEFCHAIN_STORE_CRASH_CHILD";

/// Not a test of its own: what the next one starts and kills.
#[test]
fn child_of_the_kill_test() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = Store::open(&path, StoreOptions { sync: true, ..StoreOptions::for_tests() }).unwrap();
    let mut out = std::io::stdout();
    let next = store.latest().map_or(0, |info| info.height.0 + 1);
    for height in next..400 {
        let info = commit(&store, &delta(1, height));
        writeln!(out, "committed {}", info.height).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_process_killed_while_it_commits_opens_at_what_it_reported() {
    let chain = expected(399);
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(4);
    let mut reached = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child_of_the_kill_test", "--exact", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut reported = reached;
        let target = reached + 3 + dice.roll(20);
        for line in lines.by_ref() {
            // The harness puts its own words before the first line.
            let line = line.unwrap();
            let Some((_, height)) = line.split_once("committed ") else { continue };
            reported = height.parse().unwrap();
            if reported >= target {
                break;
            }
        }
        assert!(reported >= target, "the child ended by itself in round {round}");
        std::thread::sleep(Duration::from_micros(dice.roll(4000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let more = lines.map_while(Result::ok).filter_map(|l| l.split_once("committed ")?.1.parse::<u64>().ok()).last();
        // `assert_committed` adds one block itself.
        reached = assert_committed(dir.path(), &chain, more.unwrap_or(reported)) + 1;
    }
    assert!(reached > 20);
}
