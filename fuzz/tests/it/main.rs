//! The corpora, the bounded run, and the table of frozen forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

mod formats;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use defchain_fuzz::{
    Form, Target, bounded,
    corpus::{self, Fate},
    memory::Counting,
    seeds::seeds,
    targets,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Where this test keeps what it finds.
fn findings() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Calls `work` for every target, on as many threads as there are cores, and reports all failures together. A thread has
/// its target's name: the runtime names it when a stack overflows, which nothing can catch.
fn for_all(work: impl Fn(&Target) -> Result<(), String> + Sync) {
    let (all, next) = (targets(), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().min(4));
    let one = |_| {
        let mut failures = Vec::new();
        while let Some(target) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let judged = std::thread::scope(|scope| {
                let thread = std::thread::Builder::new().name(format!("fuzz target {}", target.name));
                thread.spawn_scoped(scope, || work(target)).unwrap().join()
            });
            match judged {
                Ok(Ok(())) => {}
                Ok(Err(why)) => failures.push(why),
                Err(_) => failures.push(format!("{}: the run panicked", target.name)),
            }
        }
        failures
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = (0..threads).map(|n| scope.spawn(move || one(n))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} findings:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn no_mutation_of_a_corpus_does_what_no_input_may() {
    // More rounds and other seeds by hand: `cargo run -p defchain-fuzz -- run`.
    for_all(|target| {
        let corpus = corpus::read(target.name).map_err(|error| format!("{error:#}"))?;
        let start = std::time::Instant::now();
        let counts = bounded::run(target, &corpus, 1, target.rounds).map_err(|failure| failure.report(findings()))?;
        println!("{}: {} taken, {} refused, {:?}", target.name, counts.taken, counts.refused, start.elapsed());
        if counts.refused == 0 {
            return Err(format!("{}: {} mutations and none refused: it judges nothing", target.name, target.rounds));
        }
        Ok(())
    });
}

#[test]
fn every_kept_input_meets_its_fate() {
    for_all(|target| {
        for entry in corpus::read(target.name).map_err(|error| format!("{error:#}"))? {
            let verdict = bounded::judge(target, &entry.bytes).map_err(|failure| failure.report(findings()))?;
            match (entry.fate, verdict) {
                (Fate::Good, Err(why)) => return Err(format!("{}/{} is refused: {why}", target.name, entry.name)),
                (Fate::Refused, Ok(())) => return Err(format!("{}/{} is taken", target.name, entry.name)),
                _ => {}
            }
        }
        Ok(())
    });
}

#[test]
fn no_part_of_a_good_input_and_nothing_longer_is_taken() {
    for_all(|target| {
        let corpus = corpus::read(target.name).map_err(|error| format!("{error:#}"))?;
        for entry in corpus.iter().filter(|entry| target.form == Form::Whole && entry.fate == Fate::Good) {
            // Of long inputs each 17th beginning: files are slow.
            let step = if entry.bytes.len() > 1_000 { 17 } else { 1 };
            for end in (0..entry.bytes.len()).step_by(step) {
                if bounded::judge(target, &entry.bytes[..end]).map_err(|f| f.report(findings()))?.is_ok() {
                    return Err(format!("{}/{}: its first {end} bytes are taken", target.name, entry.name));
                }
            }
            for byte in [0, 1, 0xff] {
                let longer = [entry.bytes.as_slice(), &[byte]].concat();
                if bounded::judge(target, &longer).map_err(|failure| failure.report(findings()))?.is_ok() {
                    return Err(format!("{}/{} is taken with {byte:#x} behind it", target.name, entry.name));
                }
            }
        }
        Ok(())
    });
}

/// Frozen: what is kept in git is what the encoders write. A change here is a change of a form that other nodes, disks or
/// wallets know; write the corpora anew (`cargo run -p defchain-fuzz -- seeds`) only when that is meant.
#[test]
fn the_encoders_write_what_the_corpora_keep() {
    let mut wrong = Vec::new();
    for seed in seeds() {
        let file = corpus::folder().join(seed.target).join(&seed.name);
        match std::fs::read(&file) {
            Ok(kept) if kept == seed.bytes => {}
            Ok(kept) => {
                let at = kept.iter().zip(&seed.bytes).take_while(|(a, b)| a == b).count();
                wrong.push(format!(
                    "{}/{}: {} bytes are kept, {} are written, the first difference is at {at}",
                    seed.target,
                    seed.name,
                    kept.len(),
                    seed.bytes.len()
                ));
            }
            Err(error) => wrong.push(format!("{}/{}: {error}", seed.target, seed.name)),
        }
    }
    assert!(wrong.is_empty(), "{} forms have changed:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_target_has_a_corpus_with_good_and_refused_inputs_and_no_corpus_is_nobodys() {
    let names: BTreeSet<String> = targets().iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), targets().len(), "a name stands for one target");
    let kept: BTreeSet<String> = std::fs::read_dir(corpus::folder())
        .unwrap()
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, kept);
    for name in names {
        let corpus = corpus::read(&name).unwrap();
        assert!(corpus.iter().any(|entry| entry.fate == Fate::Good), "{name} has no good input");
    }
}
