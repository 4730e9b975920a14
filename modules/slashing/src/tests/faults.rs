//! What CometBFT, commits, notices and governance report (D34, D35).

use defchain_base::{Amount, B256, Bps, ConsensusAddress, Height, native::Host, system::Pool};
use defchain_validators::Status;
use proptest::prelude::*;

use super::world::{DAY, DELEGATED, HOUR, STAKE, World, consensus, delegator, operator};
use crate::{
    Evidence, FOR_EVER, Fault, Kind, Rejected, SlashingParams, SlashingRead, check_censorship, punish_censorship, query,
};

fn percent(p: u64) -> Amount {
    Amount::from_def((STAKE + DELEGATED) * p / 100)
}

#[test]
fn d34_double_signing_costs_5_percent_and_30_days() {
    let mut w = World::new();
    let (supply, staking) = (w.supply(), w.pool(Pool::Staking));
    w.report(&[w.double_sign(1)], &[]);
    let e = w.newest().unwrap();
    assert_eq!((e.kind, e.operator, e.share, e.repeats), (Kind::DoubleSign, operator(1), Bps(500), 0));
    assert_eq!(e.split.slashed, percent(5), "own and delegated");
    assert_eq!(e.jailed_until.0, w.age() + 30 * DAY);
    // No reporter: 70 % burned, 30 % to the treasury, all of it out of the staking pool.
    let burned = Amount::from_def(4_200);
    assert_eq!(w.supply(), supply.checked_sub(burned).unwrap());
    assert_eq!(w.pool(Pool::Treasury), Amount::from_def(1_800));
    assert_eq!(w.pool(Pool::Staking), staking.checked_sub(percent(5)).unwrap());
    assert_eq!(w.status(1), Status::Jailed);
    assert_eq!(w.record(1).jailed_until(), e.jailed_until);
    let later = defchain_validators::set_at(&w.host, Height(w.height().0 + 2)).unwrap().unwrap();
    assert!(later.get(operator(1)).is_none(), "immediate exclusion (YP 3.3.2), two heights later (D28)");
    assert_eq!(defchain_staking::own_bound(&w.host, operator(1)).unwrap(), Amount::from_def(95_000));
    assert_eq!(defchain_staking::own_bound(&w.host, operator(2)).unwrap(), Amount::from_def(STAKE));
}

#[test]
fn d35_slashing_takes_the_delegators_share_without_looking_at_them() {
    let mut w = World::new();
    let before = defchain_staking::pod_weight(&w.host, delegator(1), None).unwrap();
    w.report(&[w.double_sign(1)], &[]);
    let after = defchain_staking::pod_weight(&w.host, delegator(1), None).unwrap();
    assert_eq!(after * defchain_base::U256::from(100), before * defchain_base::U256::from(95));
}

#[test]
fn d34_equivocation_costs_5_percent_and_30_days() {
    let mut w = World::new();
    w.report(&[Fault { light_client: true, ..w.double_sign(2) }], &[]);
    let e = w.newest().unwrap();
    assert_eq!((e.kind, e.share, e.jailed_until.0), (Kind::Equivocation, Bps(500), w.age() + 30 * DAY));
}

#[test]
fn d34_faults_up_to_the_jailing_are_one_fault() {
    let mut w = World::new();
    for _ in 0..3 {
        w.pass(1_000);
    }
    let early = Fault { height: Height(2), ..w.double_sign(1) };
    w.report(&[w.double_sign(1), w.double_sign(1), early, Fault { light_client: true, ..early }], &[]);
    assert_eq!((w.count(), w.refusals().len()), (1, 3));
    assert!(w.refusals()[0].contains("punished for it with evidence 1"), "{:?}", w.refusals());
    // The twin goes on until the set changes.
    w.report(&[w.double_sign(1)], &[]);
    w.report(&[w.double_sign(1)], &[]);
    assert_eq!(w.count(), 1);
}

#[test]
fn d34_after_the_jail_what_was_signed_up_to_it_is_still_the_same_fault() {
    let mut w = World::new();
    // Shorter than unbinding, so that age is no reason to refuse.
    w.set_params(&SlashingParams { double_sign_days: 5, ..SlashingParams::default() });
    w.report(&[w.double_sign(1)], &[]);
    let jailed = w.height();
    for _ in 0..3 {
        w.pass(1_000);
    }
    w.until_free(1);
    for back in [jailed.prev(), jailed, jailed.next()] {
        w.report(&[Fault { height: back, ..w.double_sign(1) }], &[]);
        assert_eq!(w.count(), 1, "its vote still counted at the next height (D28)");
        assert!(w.refusals().last().unwrap().contains(&format!("up to height {}", jailed.next())));
    }
    w.report(&[Fault { height: jailed.next().next(), ..w.double_sign(1) }], &[]);
    assert_eq!((w.count(), w.newest().unwrap().repeats), (2, 1));
}

#[test]
fn a_lesser_fault_does_not_hide_a_greater_one() {
    let mut w = World::new();
    w.silent = vec![1];
    w.pass(1_000);
    w.pass(25 * HOUR);
    assert_eq!(w.newest().unwrap().kind, Kind::Downtime);
    w.report(&[Fault { height: Height(1), ..w.double_sign(1) }], &[]);
    assert_eq!(w.newest().unwrap().kind, Kind::DoubleSign);
    assert_eq!(w.record(1).jailed_until().0, w.age() + 30 * DAY, "the longer term holds");
}

#[test]
fn d34_a_repeat_doubles_and_a_reused_key_is_tombstoned() {
    let mut w = World::new();
    w.report(&[w.double_sign(1)], &[]);
    w.until_free(1);
    w.pass(1_000);
    w.report(&[w.double_sign(1)], &[]);
    let e = w.newest().unwrap();
    assert_eq!((e.repeats, e.share, e.jailed_until), (1, Bps(1_000), FOR_EVER), "the same key again");
    assert_eq!(w.status(1), Status::Tombstoned);
    w.pass(400 * DAY);
    w.report(&[w.double_sign(1)], &[]);
    assert_eq!(w.count(), 2, "out for good: nothing more to punish");
}

#[test]
fn d34_repeats_are_counted_by_kind() {
    let mut w = World::new();
    let refused = |w: &World| Rejected { height: w.height(), hash: B256::repeat_byte(7), proposer: consensus(1) };
    w.report(&[], &[refused(&w)]);
    w.until_free(1);
    w.report(&[w.double_sign(1)], &[]);
    assert_eq!(w.newest().unwrap().repeats, 0, "the first of its kind");
    w.until_free(1);
    w.report(&[], &[Rejected { hash: B256::repeat_byte(8), ..refused(&w) }]);
    let e = w.newest().unwrap();
    assert_eq!((e.repeats, e.share, e.jailed_until.0), (1, Bps(400), w.age() + 28 * DAY));
    assert_eq!((w.past_count(1, Kind::InvalidProposal), w.past_count(1, Kind::DoubleSign)), (2, 1));
    let past = query::past(&w.host, operator(1), w.host.block().age).unwrap();
    assert_eq!((past[2].next_share, past[2].next_jail), (Bps(800), 56 * DAY));
    assert_eq!(past[1].next_share, Bps(100));
}

#[test]
fn d35_an_invalid_proposal_costs_2_percent_and_14_days_once() {
    let mut w = World::new();
    let refused = Rejected { height: w.height(), hash: B256::repeat_byte(7), proposer: consensus(3) };
    // Two rounds of one height.
    w.report(&[], &[refused, Rejected { hash: B256::repeat_byte(8), ..refused }]);
    assert_eq!(w.count(), 1);
    let e = w.newest().unwrap();
    assert_eq!((e.kind, e.operator, e.share), (Kind::InvalidProposal, operator(3), Bps(200)));
    assert_eq!((e.jailed_until.0, e.proof), (w.age() + 14 * DAY, B256::repeat_byte(7)));
    assert_eq!(e.split.slashed, percent(2));
}

#[test]
fn d34_downtime_warns_at_12_hours_and_costs_1_percent_and_7_days_above_24() {
    let mut w = World::new();
    w.silent = vec![4];
    w.pass(1_000);
    let since = w.age();
    w.pass(12 * HOUR - 1);
    assert_eq!(w.warnings(), 0);
    w.pass(1);
    w.pass(60_000);
    w.pass(60_000);
    assert_eq!(w.warnings(), 1, "once");
    w.pass(since + 24 * HOUR - w.age());
    assert_eq!((w.age() - since, w.count()), (24 * HOUR, 0), "24 h is not above 24 h");
    // Judged once a minute.
    w.pass(60_000);
    let e = w.newest().unwrap();
    assert_eq!((e.kind, e.operator, e.share), (Kind::Downtime, operator(4), Bps(100)));
    assert_eq!((e.jailed_until.0, e.split.slashed), (w.age() + 7 * DAY, percent(1)));
    w.pass(30 * HOUR);
    w.pass(60_000);
    assert_eq!(w.count(), 1, "who is in jail is not absent");
}

#[test]
fn a_validator_that_returns_begins_anew() {
    let mut w = World::new();
    for _ in 0..3 {
        w.silent = vec![4];
        w.pass(1_000);
        w.pass(20 * HOUR);
        w.silent = vec![];
        w.pass(1_000);
    }
    assert_eq!((w.count(), w.warnings()), (0, 3), "a warning for each absence");
}

#[test]
fn d34_downtime_counts_again_only_from_the_return() {
    let mut w = World::new();
    w.silent = vec![4];
    w.pass(1_000);
    w.pass(25 * HOUR);
    assert_eq!(w.count(), 1);
    w.until_free(4);
    w.pass(60_000);
    w.pass(20 * HOUR);
    assert_eq!(w.count(), 1, "absence before the jail does not count again");
}

#[test]
fn d3_a_halted_chain_jails_nobody() {
    let mut w = World::new();
    w.silent = vec![4];
    w.pass(1_000);
    // Three days of header time, 600 s of the age clock.
    w.block(3 * DAY, 600_000, &[], &[]);
    w.pass(60_000);
    assert_eq!((w.count(), w.warnings()), (0, 0));
}

#[test]
fn several_at_once_are_each_punished() {
    let mut w = World::new();
    w.silent = vec![2, 3];
    w.pass(1_000);
    w.pass(25 * HOUR);
    assert_eq!(w.count(), 2);
    assert_eq!((w.past_count(2, Kind::Downtime), w.past_count(3, Kind::Downtime)), (1, 1));
}

#[test]
fn d34_proven_censorship_costs_10_percent_and_90_days_by_governance() {
    let mut w = World::new();
    w.pass(1_000);
    assert_eq!(check_censorship(&w.host, operator(2)).unwrap(), Ok(()));
    punish_censorship(&mut w.host, operator(2), 7).unwrap().unwrap();
    let e = w.newest().unwrap();
    assert_eq!((e.kind, e.share, e.jailed_until.0), (Kind::Censorship, Bps(1_000), w.age() + 90 * DAY));
    assert_eq!(e.split.slashed, percent(10));
    assert_eq!(e.split.reward, Amount::ZERO);
    let again = punish_censorship(&mut w.host, operator(2), 8).unwrap().unwrap_err();
    assert!(again.contains("punished for it with evidence 1"), "{again}");
    let nobody = check_censorship(&w.host, operator(9)).unwrap().unwrap_err();
    assert!(nobody.contains("operates no validator"), "{nobody}");
    assert_eq!(punish_censorship(&mut w.host, operator(9), 8).unwrap().unwrap_err(), nobody);
}

#[test]
fn d35_evidence_is_queryable() {
    let mut w = World::new();
    w.report(&[w.double_sign(1), w.double_sign(2)], &[]);
    punish_censorship(&mut w.host, operator(1), 7).unwrap().unwrap();
    let all = query::list(&w.host, None, 10).unwrap();
    assert_eq!(all.iter().map(|e| e.id).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(query::list(&w.host, Some(2), 1).unwrap()[0].evidence.operator, operator(2));
    let of = query::list_of(&w.host, operator(1), 0, 10).unwrap();
    assert_eq!(of.iter().map(|e| e.id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(query::list_of(&w.host, operator(1), 1, 10).unwrap().len(), 1);
    let error = query::evidence(&w.host, 4).unwrap_err().to_string();
    assert_eq!(error, "there is no evidence 4: the newest is 3");
    let json = serde_json::to_value(&all[0]).unwrap();
    assert_eq!((json["kind"].as_str(), json["id"].as_u64()), (Some("censorship"), Some(3)));
    assert_eq!(json["split"]["slashed"], all[0].evidence.split.slashed.to_string());
}

#[test]
fn reports_about_strangers_about_the_past_and_ahead_do_nothing() {
    let mut w = World::new();
    let stranger = Fault { address: ConsensusAddress([9; 20]), ..w.double_sign(1) };
    let ahead = Fault { height: Height(w.height().0 + 2), ..w.double_sign(1) };
    let supply = w.supply();
    w.report(&[stranger, ahead], &[Rejected { height: Height(1), hash: B256::ZERO, proposer: stranger.address }]);
    assert_eq!((w.count(), w.supply()), (0, supply));
    let said = w.refusals();
    assert!(said[0].contains("0909") && said[0].contains("no validator's consensus key"), "{said:?}");
    assert!(said[1].contains("the fault is at height 3, this is block 2"), "{said:?}");
    assert_eq!(said.len(), 3);
}

#[test]
fn evidence_of_a_height_older_than_unbinding_is_refused() {
    let mut w = World::new();
    let fault = w.double_sign(1);
    for _ in 0..20 {
        w.pass(DAY);
    }
    // 20 days later it is good, 22 days later it is not.
    let mut fresh = World::new();
    for _ in 0..20 {
        fresh.pass(DAY);
    }
    fresh.report(&[fault], &[]);
    assert_eq!(fresh.count(), 1);
    w.pass(DAY);
    w.pass(DAY);
    w.report(&[fault], &[]);
    assert_eq!(w.count(), 0);
    assert!(w.refusals()[0].contains("too long ago"), "{:?}", w.refusals());
    let recent = Fault { height: Height(w.height().0 - 5), ..fault };
    w.report(&[recent], &[]);
    assert_eq!(w.count(), 1);
}

#[test]
fn the_record_of_hours_is_bounded() {
    let mut w = World::new();
    for _ in 0..(24 * 30) {
        w.pass(HOUR);
    }
    let kept = w.host.hours(0, u64::MAX, 10_000).unwrap().len();
    assert!((21 * 24..=21 * 24 + 2).contains(&kept), "{kept}");
}

#[test]
fn a_validator_without_stake_left_is_punished_all_the_same() {
    let mut w = World::new();
    w.set_params(&SlashingParams { invalid_proposal: Bps(10_000), ..SlashingParams::default() });
    let refused = Rejected { height: w.height(), hash: B256::repeat_byte(7), proposer: consensus(1) };
    w.report(&[], &[refused]);
    assert_eq!(w.newest().unwrap().split.slashed, percent(100));
    w.report(&[w.double_sign(1)], &[]);
    let Evidence { split, jailed_until, .. } = w.newest().unwrap();
    assert_eq!((split.slashed, jailed_until.0), (Amount::ZERO, w.age() + 30 * DAY));
}

#[test]
fn who_waits_in_jail_for_its_removal_is_not_missed() {
    let mut w = World::new();
    w.report(&[w.double_sign(1)], &[]);
    // A second quarter of the power: above a third in one epoch, so it stays until the boundary (D28).
    w.report(&[w.double_sign(2)], &[]);
    let later = defchain_validators::set_at(&w.host, Height(w.height().0 + 2)).unwrap().unwrap();
    assert!(later.get(operator(2)).is_some() && w.status(2) == Status::Jailed);
    w.silent = vec![1, 2];
    w.pass(1_000);
    w.pass(30 * HOUR);
    w.pass(30 * HOUR);
    assert_eq!((w.count(), w.warnings()), (2, 0));
    // What its twin signs meanwhile is the same fault.
    w.report(&[w.double_sign(2)], &[]);
    assert_eq!(w.count(), 2);
}

#[test]
fn who_has_left_is_punished_while_its_stake_unbinds() {
    let mut w = World::new();
    let height = w.height();
    w.report(&[], &[Rejected { height, hash: B256::repeat_byte(7), proposer: consensus(1) }]);
    defchain_validators::exit(&mut w.host, operator(1)).unwrap();
    let staking = w.pool(Pool::Staking);
    w.report(&[Fault { light_client: false, address: consensus(1), height }], &[]);
    let e = w.newest().unwrap();
    let five_percent_of_98 = Amount::from_wei(percent(98).wei() / 20);
    assert_eq!((e.kind, e.split.slashed), (Kind::DoubleSign, five_percent_of_98));
    assert_eq!(w.pool(Pool::Staking), staking.checked_sub(five_percent_of_98).unwrap());
    assert_eq!((w.status(1), w.record(1).jailed_until()), (Status::Exited, e.jailed_until));
}

#[derive(Debug, Clone)]
enum Step {
    Sign(u8, bool, u8),
    Refuse(u8),
    Silent(u8),
    Back,
    Pass(u32),
    Censor(u8),
    Submit(u8, u8),
    Free(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..6_u8, any::<bool>(), 0..4_u8).prop_map(|(n, light, back)| Step::Sign(n, light, back)),
        (1..6_u8).prop_map(Step::Refuse),
        (1..5_u8).prop_map(Step::Silent),
        Just(Step::Back),
        (1..400_u32).prop_map(Step::Pass),
        (1..6_u8).prop_map(Step::Censor),
        (1..5_u8, 0..4_u8).prop_map(|(n, back)| Step::Submit(n, back)),
        (1..5_u8).prop_map(Step::Free),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever happens: what left the books was burned or paid, to the wei; every invariant holds at every block.
    #[test]
    fn slashing_conserves_money(steps in prop::collection::vec(step(), 1..40)) {
        let mut w = World::new();
        let supply = w.supply();
        for step in steps {
            let at = |w: &World, back: u8| Height(w.height().0.saturating_sub(u64::from(back)).max(1));
            match step {
                Step::Sign(n, light_client, back) => {
                    let fault = Fault { light_client, address: consensus(n), height: at(&w, back) };
                    w.report(&[fault], &[]);
                }
                Step::Refuse(n) => {
                    let hash = B256::new(alloy_primitives::keccak256(w.height().0.to_be_bytes()).0);
                    w.report(&[], &[Rejected { height: w.height(), hash, proposer: consensus(n) }]);
                }
                Step::Silent(n) => w.silent = vec![n],
                Step::Back => w.silent.clear(),
                Step::Pass(hours) => { w.pass(1_000); w.pass(u64::from(hours) * HOUR); }
                Step::Censor(n) => {
                    let proposal = w.height().0;
                    let _ = punish_censorship(&mut w.host, operator(n), proposal).unwrap();
                }
                Step::Submit(n, back) => {
                    let (a, b) = super::world::pair(n, at(&w, back));
                    let _ = w.submit(super::world::delegator(9), n, &a, &b);
                }
                Step::Free(n) => {
                    let checkpoint = w.host.state_mut().checkpoint();
                    if defchain_validators::unjail(&mut w.host, operator(n)).is_err() {
                        w.host.state_mut().revert(checkpoint);
                    }
                }
            }
            let env = *w.host.block();
            prop_assert_eq!(defchain_staking::invariants::check(&w.host, &env).unwrap(), Vec::<String>::new());
        }
        prop_assert_eq!(w.supply(), supply.checked_sub(w.host.burned()).unwrap());
        let slashed = (1..=w.count()).map(|id| w.host.evidence(id).unwrap().split.slashed);
        let slashed = slashed.fold(Amount::ZERO, |s, a| s.checked_add(a).unwrap());
        let expected = Amount::from_def(4 * (STAKE + DELEGATED)).checked_sub(slashed).unwrap();
        prop_assert_eq!(w.pool(Pool::Staking), expected);
    }
}
