//! Recordings: written by a server, read again, replayed, torn and broken.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use defchain_abci::types::*;
use defchain_abci::{
    Call, CallSet, DEFAULT_MAX_MESSAGE_BYTES as LIMIT, Error, Recorded, Recorder, RecordingReader, ServerBuilder,
    replay,
};

use crate::support::{Running, TestApp, Transport, finalize};

const BLOCKS: CallSet = CallSet::of(&[Call::InitChain, Call::FinalizeBlock, Call::Commit]);

fn block(height: i64) -> Recorded {
    let app_hash = height.to_be_bytes().to_vec().into();
    Recorded {
        request: request::Value::FinalizeBlock(finalize(height)),
        response: response::Value::FinalizeBlock(ResponseFinalizeBlock { app_hash, ..Default::default() }),
    }
}

fn write(path: &Path, heights: std::ops::RangeInclusive<i64>) {
    let recorder = Recorder::create(path, BLOCKS).unwrap();
    for height in heights {
        let Recorded { request, response } = block(height);
        recorder.record(&request, &response);
    }
    recorder.finish().unwrap();
}

fn read(path: &Path) -> Result<Vec<Recorded>, Error> {
    RecordingReader::open(path, LIMIT)?.collect()
}

#[test]
fn a_servers_chosen_calls_are_recorded_and_replay_to_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks");
    let recorder = Arc::new(Recorder::create(&path, BLOCKS).unwrap());
    let builder = ServerBuilder::new().observer(recorder.clone());
    let server = Running::start_with(Transport::Unix, builder);
    let [mut query, _snapshot, mut mempool, mut consensus] = server.comet();
    for height in 2..=5 {
        mempool.check_tx(RequestCheckTx::default()).unwrap();
        consensus.finalize_block(finalize(height)).unwrap();
        query.query(RequestQuery::default()).unwrap();
    }
    consensus.commit(RequestCommit {}).unwrap();
    server.stop();
    assert_eq!(recorder.finish().unwrap(), 6);

    let entries = read(&path).unwrap();
    assert_eq!(entries[..5], (1..=5).map(block).collect::<Vec<_>>());
    assert_eq!(entries[5].request.call(), Call::Commit);

    let (app, _gate) = TestApp::new();
    let mut heights = Vec::new();
    let calls = replay(&app, RecordingReader::open(&path, LIMIT).unwrap(), |recorded, fresh| {
        assert_eq!(&recorded.response, fresh);
        if let request::Value::FinalizeBlock(request) = &recorded.request {
            heights.push(request.height);
        }
        Ok::<(), Error>(())
    });
    assert_eq!((calls.unwrap(), heights), (6, vec![1, 2, 3, 4, 5]));
}

#[test]
fn a_replay_stops_where_the_comparison_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks");
    write(&path, 1..=9);
    #[derive(Debug)]
    enum Stop {
        Abci(#[allow(dead_code, reason = "shown by Debug")] Error),
        Diverged(i64),
    }
    impl From<Error> for Stop {
        fn from(error: Error) -> Self {
            Self::Abci(error)
        }
    }
    let (app, _gate) = TestApp::new();
    let outcome = replay(&app, RecordingReader::open(&path, LIMIT).unwrap(), |recorded, _| match &recorded.request {
        request::Value::FinalizeBlock(request) if request.height == 4 => Err(Stop::Diverged(4)),
        _ => Ok(()),
    });
    assert!(matches!(outcome, Err(Stop::Diverged(4))), "{outcome:?}");
}

#[test]
fn a_torn_tail_is_told_with_its_figures_wherever_it_tears() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks");
    write(&path, 1..=2);
    let two = fs::read(&path).unwrap();
    let third = folder.path().join("three");
    write(&third, 1..=3);
    let three = fs::read(&third).unwrap();
    assert_eq!(three[..two.len()], two[..]);
    for cut in two.len() + 1..three.len() {
        fs::write(&path, &three[..cut]).unwrap();
        let mut reader = RecordingReader::open(&path, LIMIT).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), block(1));
        assert_eq!(reader.next().unwrap().unwrap(), block(2));
        let error = reader.next().unwrap().unwrap_err();
        let Error::TornRecording { entries: 2, whole, torn, .. } = error else { panic!("{error}") };
        assert_eq!((whole as usize, torn as usize), (two.len(), cut - two.len()));
        assert!(reader.next().is_none(), "nothing is read behind an error");
    }
}

#[test]
fn a_recording_goes_on_after_a_kill_and_loses_only_its_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks");
    write(&path, 1..=3);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    let recorder = Recorder::append(&path, BLOCKS, LIMIT).unwrap();
    for height in [3, 4] {
        let Recorded { request, response } = block(height);
        recorder.record(&request, &response);
    }
    assert_eq!(recorder.finish().unwrap(), 4);
    assert_eq!(read(&path).unwrap(), (1..=4).map(block).collect::<Vec<_>>());
    // And an untorn one keeps all.
    assert_eq!(Recorder::append(&path, BLOCKS, LIMIT).unwrap().finish().unwrap(), 4);
    assert_eq!(read(&path).unwrap().len(), 4);
}

#[test]
fn other_files_and_broken_entries_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks");
    fs::write(&path, "{}").unwrap();
    assert!(matches!(read(&path), Err(Error::NotARecording { .. })));
    assert!(matches!(Recorder::append(&path, BLOCKS, LIMIT), Err(Error::NotARecording { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}", "untouched");
    assert!(matches!(Recorder::create(&path, BLOCKS), Err(Error::RecordingIo { .. })));
    let missing = folder.path().join("missing");
    assert!(matches!(read(&missing), Err(Error::RecordingIo { .. })));

    let good = folder.path().join("good");
    write(&good, 1..=2);
    let whole = fs::read(&good).unwrap();
    let mut broken = whole.clone();
    let one = folder.path().join("one");
    write(&one, 1..=1);
    let second = fs::read(&one).unwrap().len();
    broken[second + 1] = 0x52; // the request's outer key: a field that is no call (0x52 keeps one byte: field 10)
    fs::write(&good, &broken).unwrap();
    let error = read(&good).unwrap_err();
    assert!(matches!(&error, Error::BadEntry { entry: 1, offset, .. } if *offset == second as u64), "{error}");
    fs::write(&good, &whole).unwrap();
    let error = RecordingReader::open(&good, 4).unwrap().collect::<Result<Vec<_>, _>>().unwrap_err();
    let Error::BadEntry { entry: 0, source, .. } = error else { panic!("{error}") };
    assert!(matches!(*source, Error::TooLarge { limit: 4, .. }), "{source}");
}
