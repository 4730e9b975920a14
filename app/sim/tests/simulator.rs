//! Short runs of the simulator. The long ones are `cargo xtask sim`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

use defchain_sim::simulator::{
    Counts, Fault, Script, Settings, Wrong,
    campaign::{Campaign, campaign, distil, plant_all},
    replay, run,
    script::Event,
};

const SHORT: Settings = Settings { seed: 1, blocks: 25, replicas: 4, txs: 10, calm: false, fault: None };

#[test]
fn a_calm_network_decides_each_block_in_its_first_round_and_everyone_executes_it_once() {
    let outcome = run(&Settings { calm: true, ..SHORT });
    assert_eq!(outcome.failure, None);
    let Counts { blocks, executed, rounds, refused, crashes, replayed, .. } = outcome.counts;
    assert_eq!((blocks, rounds, refused, crashes, replayed), (25, 25, 0, 0, 0));
    // Now and then a cold replica executes the whole chain once more.
    assert!(executed == 100 || executed == 125, "{executed}");
}

#[test]
fn networks_that_lose_replicas_proposals_and_bundles_agree_at_every_height() {
    let plan = Campaign { first: 100, seeds: 6, threads: 2, settings: SHORT, twice: false };
    let report = campaign(&plan, |_, _| {});
    assert!(report.failed.is_none(), "{:?}", report.failed.and_then(|outcome| outcome.failure));
    assert_eq!((report.good, report.counts.blocks), (6, 150));
    let Counts { rounds, refused, sent, taken, included, crashes, synced, replayed, .. } = report.counts;
    let Counts { failed, created, logged, delegated, .. } = report.counts;
    // A run in which nothing happens would show nothing.
    assert!(rounds > 160 && refused > 5 && crashes > 10 && synced > 20 && replayed > 2, "{:?}", report.counts);
    assert!(included > 400 && taken > included && sent > taken, "{:?}", report.counts);
    assert!(failed > 20 && created > 20 && logged > 5 && delegated > 10, "{:?}", report.counts);
}

#[test]
fn two_runs_of_a_seed_agree_in_every_call_and_two_seeds_do_not() {
    let runs: Vec<_> = [7, 7, 8].into_iter().map(|seed| run(&Settings { seed, ..SHORT })).collect();
    assert!(runs[0].audit.events().len() > 1_000);
    assert_eq!(runs[0].audit.first_difference(&runs[1].audit), None);
    assert_eq!((runs[0].audit.digest(), runs[0].app_hash), (runs[1].audit.digest(), runs[1].app_hash));
    let difference = runs[0].audit.first_difference(&runs[2].audit).unwrap();
    assert!(difference.agreeing < 20, "{difference}");
}

#[test]
fn every_planted_fault_is_caught_and_its_run_repeats_it() {
    for caught in plant_all(1, 12, &Settings { blocks: 30, ..SHORT }) {
        let outcome = caught.by.unwrap_or_else(|| panic!("{} was not caught", caught.fault));
        let failure = outcome.failure.clone().unwrap();
        let shown = outcome.planted_at.unwrap();
        assert!((shown..=shown + 16).contains(&failure.height), "{}: shown at {shown}, {failure}", caught.fault);
        match caught.fault {
            Fault::UnsyncedCommit => assert!(matches!(failure.what, Wrong::Lost(_)), "{failure}"),
            Fault::WrongAppHash | Fault::ClockOff | Fault::DroppedTransaction | Fault::TipToStranger => {
                assert!(matches!(failure.what, Wrong::Differs { what: "the app hash", .. }), "{failure}");
                assert_eq!(failure.height, shown);
            }
            _ => {}
        }
        let blocks = failure.height;
        assert_eq!(run(&Settings { blocks, ..outcome.settings }).failure, Some(failure), "{}", caught.fault);
    }
}

#[test]
fn a_failing_campaign_names_its_least_seed_cut_to_the_failing_height() {
    let settings = Settings { fault: Some(Fault::WrongAppHash), ..SHORT };
    let report = campaign(&Campaign { first: 1, seeds: 3, threads: 1, settings, twice: false }, |_, _| {});
    let failed = report.failed.expect("the fault shows");
    let failure = failed.failure.clone().unwrap();
    assert_eq!((failed.settings.seed, failed.settings.blocks), (1, failure.height));
    assert_eq!(report.good, 0);
}

#[test]
fn one_replica_and_seven_replicas_work_as_well() {
    for replicas in [1, 7] {
        let outcome = run(&Settings { replicas, blocks: 12, seed: 5, ..SHORT });
        assert_eq!(outcome.failure, None, "{replicas} replicas");
        // A commit whose answer was lost with its replica is not counted.
        let Counts { executed, crashes, included, .. } = outcome.counts;
        assert!(executed + crashes >= 12 * replicas as u64 && included > 20, "{:?}", outcome.counts);
    }
}

#[test]
fn a_script_plays_what_the_seed_invented_call_by_call() {
    let invented = run(&SHORT);
    let text = invented.script.to_string();
    let script: Script = text.parse().unwrap();
    assert_eq!(script, invented.script);
    let kinds = |f: fn(&Event) -> bool| script.events().iter().filter(|(_, event)| f(event)).count();
    assert!(kinds(|e| matches!(e, Event::Send(_))) > 50 && kinds(|e| matches!(e, Event::Time(_))) == 25, "{text}");
    let played = replay(&SHORT, &script);
    assert_eq!(played.audit.first_difference(&invented.audit), None);
    assert_eq!((played.app_hash, played.failure), (invented.app_hash, None));
    // Other events, another chain.
    let less: Script = text
        .lines()
        .filter(|line| !line.starts_with("send"))
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .parse()
        .unwrap();
    assert_ne!(replay(&SHORT, &less).app_hash, invented.app_hash);
}

#[test]
fn a_failure_shrinks_to_the_few_events_without_which_it_does_not_happen() {
    // A transaction that is lost needs a transaction, and little else.
    let failed = (1..20)
        .map(|seed| run(&Settings { seed, fault: Some(Fault::DroppedTransaction), ..SHORT }))
        .find(|outcome| outcome.failure.is_some())
        .expect("the fault shows");
    let (settings, script) = distil(&failed).expect("the script repeats it");
    assert!(script.len() <= 3 && script.len() < failed.script.len() / 10, "{script}");
    let again = replay(&settings, &script).failure.expect("it still fails");
    assert!(again.what.alike(&failed.failure.unwrap().what), "{again}");
}
