//! What decisions do, and what they cannot.

use defchain_base::{Amount, Height, params::ModuleParams, system::Pool};
use defchain_geo::state::GeoRead;
use defchain_slashing::SlashingParams;
use defchain_token::{BurnTable, state::TokenRead};

use super::{
    encodings::{nine, table},
    world::{DAY, DEPOSIT, HOUR, World, who},
};
use crate::{Action, GovernanceParams, GovernanceRead, GovernanceWrite, Status, params::APPROVALS};

fn param(module: &str, key: &str, value: u128) -> Action {
    Action::Param { module: module.to_owned(), key: key.to_owned(), value: value.to_be_bytes().to_vec().into() }
}

fn failure(status: Status) -> String {
    let Status::Failed(reason) = status else { panic!("{status:?} is no failure") };
    reason
}

#[test]
fn d36a_parameters_change_within_their_bounds_only() {
    let mut w = World::new();
    let (_, status) = w.carry(param("governance", "voting_days", 10));
    assert_eq!(status, Status::Executed);
    assert_eq!(w.params::<GovernanceParams>().voting_days, 10);
    assert_eq!(w.events("ParameterChanged(uint256,string,string,bytes)"), 1);
    for (module, key, value, says) in [
        ("governance", "voting_days", 31, "3 to 30"),
        ("governance", "voting_days", u128::MAX, "3 to 30"),
        ("governance", "deposit", 0, "wei"),
        ("slashing", "double_sign", 10_001, "1 to 10000"),
        ("slashing", "warning_hours", 24, "the warning comes first"),
        ("governance", "quorum", 1, "no parameter"),
        ("nonsense", "voting_days", 7, "no module"),
        ("token", "day_seconds", 60, "genesis alone"),
        ("staking", "month_days", 4, "genesis alone"),
    ] {
        let error = w.refused(param(module, key, value));
        assert!(error.contains(says), "{module}.{key} = {value}: {error}");
    }
    let short = Action::Param { module: "governance".into(), key: "voting_days".into(), value: vec![7].into() };
    assert!(w.refused(short).contains("16 bytes, 1 bytes were given"));
}

#[test]
fn every_parameter_of_every_module_stays_in_its_bounds() {
    fn tried<P: ModuleParams>(w: &mut World) {
        for b in w.params::<P>().bounds() {
            for value in [b.min.checked_sub(1), b.max.checked_add(1)].into_iter().flatten() {
                if crate::execute::check_module::<P>(&w.host, b.name, &value.to_be_bytes()).unwrap().is_ok() {
                    panic!("{}.{} = {value}", P::MODULE, b.name);
                }
            }
        }
    }
    let mut w = World::new();
    tried::<GovernanceParams>(&mut w);
    tried::<SlashingParams>(&mut w);
    tried::<defchain_staking::StakingParams>(&mut w);
    tried::<defchain_token::TokenParams>(&mut w);
}

#[test]
fn a_change_that_became_impossible_fails_at_its_execution_with_the_reason() {
    let mut w = World::new();
    let id = w.propose(param("slashing", "warning_hours", 20));
    for n in 1..=5 {
        w.vote(n, id, 1).unwrap();
    }
    // Decided meanwhile, and legal by itself: 14 hours of downtime.
    SlashingParams { downtime_hours: 14, ..SlashingParams::default() }.store(&mut w.host).unwrap();
    let (_, status) = w.finish(id);
    assert!(failure(status).contains("warning_hours is 20, downtime_hours 14"));
    assert_eq!(w.params::<SlashingParams>().warning_hours, 12, "nothing was written");
}

#[test]
fn d11_a_burn_table_holds_for_what_is_received_from_the_next_hour_on() {
    let mut w = World::new();
    for wrong in
        [[99, 90, 80, 70, 60, 50, 40, 10, 0], [100, 90, 80, 70, 60, 50, 40, 10, 1], [100, 90, 91, 9, 9, 9, 9, 9, 0]]
    {
        assert!(w.refused(Action::BurnTable { preserved: wrong }).contains("D11"), "{wrong:?}");
    }
    assert!(w.refused(Action::BurnTable { preserved: BurnTable::PAPER.0 }).contains("already"));
    let harder = [100, 90, 80, 70, 60, 50, 40, 10, 0];
    let (_, status) = w.carry(Action::BurnTable { preserved: harder });
    assert_eq!(status, Status::Executed);
    let params = w.host.token_params().unwrap();
    let now = defchain_base::native::Host::block(&w.host).age;
    let last = params.tables.last().unwrap();
    assert_eq!(last.preserved.0, harder);
    assert!(last.since > now && last.since.0 - now.0 <= HOUR && last.since.0.is_multiple_of(HOUR), "{last:?} {now:?}");
    assert_eq!(params.tables[0].preserved, BurnTable::PAPER, "portions keep their version");
}

#[test]
fn yp_8_5_3_an_emergency_lowers_the_burn_rate_quickly_and_never_raises_it() {
    let mut w = World::new();
    let mut harder = BurnTable::PAPER.0;
    harder[5] = 70;
    let error = w.refused(Action::LowerBurn { preserved: harder });
    assert!(error.contains("after 5 days 70 % would be preserved, now it is 71 %"), "{error}");
    let id = w.propose(Action::LowerBurn { preserved: table() });
    let proposal = w.host.proposal(id).unwrap().0;
    assert_eq!(proposal.end.0 - proposal.start.0, 24 * HOUR);
    for n in 1..=5 {
        w.vote(n, id, 1).unwrap();
    }
    w.pass(24 * HOUR);
    w.end();
    assert_eq!(w.status(id), Status::Passed);
    w.pass(2 * HOUR);
    w.end();
    assert_eq!(w.status(id), Status::Executed);
    assert_eq!(w.host.token_params().unwrap().tables.last().unwrap().preserved.0, table());
}

#[test]
fn an_emergency_needs_two_thirds() {
    let mut w = World::new();
    let id = w.propose(Action::LowerBurn { preserved: table() });
    // 900 of 1,400: above one half, below two thirds.
    w.vote(5, id, 1).unwrap();
    w.vote(4, id, 1).unwrap();
    w.vote(3, id, 2).unwrap();
    w.vote(2, id, 2).unwrap();
    let (_, status) = w.finish(id);
    assert_eq!(status, Status::Rejected);
}

#[test]
fn an_emergency_that_would_have_become_harder_fails() {
    let mut w = World::new();
    let id = w.propose(Action::LowerBurn { preserved: table() });
    for n in 1..=5 {
        w.vote(n, id, 1).unwrap();
    }
    defchain_token::add_burn_table(&mut w.host, BurnTable([100, 100, 99, 98, 97, 90, 80, 50, 0])).unwrap();
    let (_, status) = w.finish(id);
    assert!(failure(status).contains("never burns more"));
}

#[test]
fn d16_the_exempt_list_is_kept_by_governance() {
    let mut w = World::new();
    let exempt = |on| Action::Exempt { account: who(0x77), exempt: on };
    assert!(w.refused(exempt(false)).contains("not on the list"));
    assert_eq!(w.carry(exempt(true)).1, Status::Executed);
    assert!(defchain_token::is_exempt(&w.host, &who(0x77)).unwrap());
    assert!(w.refused(exempt(true)).contains("already"));
    assert_eq!(w.carry(exempt(false)).1, Status::Executed);
    assert!(!defchain_token::is_exempt(&w.host, &who(0x77)).unwrap());
    let system = Action::Exempt { account: Pool::Treasury.address(), exempt: true };
    assert!(w.refused(system).contains("the protocol keeps"));
}

#[test]
fn d30_verifiers_are_kept_by_governance() {
    let mut w = World::new();
    let verifier = |on: bool| Action::Verifier {
        verifier: who(0x55),
        name: if on { "Notary" } else { "" }.into(),
        accredited: on,
    };
    assert!(w.refused(verifier(false)).contains("no accredited verifier"));
    assert_eq!(w.carry(verifier(true)).1, Status::Executed);
    let known = w.host.verifier(who(0x55)).unwrap().unwrap();
    assert_eq!((known.name.as_str(), known.removed_at), ("Notary", None));
    assert!(w.refused(verifier(true)).contains("accredited already"));
    for (name, says) in
        [("", "has 0 bytes: 1 to 64"), ("a\nb", "control characters"), (&"x".repeat(65), "has 65 bytes")]
    {
        let other = Action::Verifier { verifier: who(0x56), name: name.to_owned(), accredited: true };
        assert!(w.refused(other).contains(says), "{name}");
    }
    assert_eq!(w.carry(verifier(false)).1, Status::Executed);
    assert!(w.host.verifier(who(0x55)).unwrap().unwrap().removed_at.is_some());
}

#[test]
fn d36a_technical_and_marketing_pools_are_spent_by_vote_alone() {
    let mut w = World::new();
    for pool in [Pool::Technical, Pool::Marketing] {
        let (_, status) = w.carry(Action::Spend { pool, to: who(0x33), amount: Amount::from_def(4_000) });
        assert_eq!(status, Status::Executed);
        assert_eq!(w.pool(pool), Amount::from_def(6_000));
        // The earlier payment is older than eight days by now.
        assert_eq!(w.balance(who(0x33)), Amount::from_def(4_000), "a fresh portion, without commission");
    }
}

#[test]
fn spendings_of_too_much_of_nothing_of_other_pools_or_to_nobody_are_refused() {
    let mut w = World::new();
    let spend = |pool, to, def| Action::Spend { pool, to, amount: Amount::from_def(def) };
    let error = w.refused(spend(Pool::Technical, who(3), 10_001));
    assert!(error.contains("10000000000000000000000 wei") && error.contains("10001000000000000000000 wei"), "{error}");
    assert!(w.refused(spend(Pool::Technical, who(3), 0)).contains("0 wei"));
    for pool in [Pool::Dividend, Pool::Staking, Pool::Validators, Pool::Governance] {
        assert!(w.refused(spend(pool, who(3), 1)).contains("is not spent by proposals"), "{pool:?}");
    }
    assert!(w.refused(spend(Pool::Technical, defchain_base::Address::ZERO, 1)).contains("zero address"));
    assert!(w.refused(spend(Pool::Technical, Pool::Staking.address(), 1)).contains("the protocol keeps"));
    assert!(w.refused(spend(Pool::Technical, Pool::Technical.address(), 1)).contains("the protocol keeps"));
    assert_eq!(w.carry(spend(Pool::Technical, Pool::Dividend.address(), 1)).1, Status::Executed);
    assert!(w.pool(Pool::Dividend) >= Amount::ONE_DEF);
}

#[test]
fn two_spendings_of_the_same_money_pay_one() {
    let mut w = World::new();
    let spend = || Action::Spend { pool: Pool::Marketing, to: who(0x33), amount: Amount::from_def(6_000) };
    let (first, second) = (w.propose(spend()), w.propose(spend()));
    for id in [first, second] {
        for n in 1..=5 {
            w.vote(n, id, 1).unwrap();
        }
    }
    w.finish(second);
    assert_eq!(w.status(first), Status::Executed);
    assert!(failure(w.status(second)).contains("holds 4000000000000000000000 wei"));
    assert_eq!(w.pool(Pool::Marketing), Amount::from_def(4_000));
}

fn treasury(def: u64) -> Action {
    Action::Spend { pool: Pool::Treasury, to: who(0x33), amount: Amount::from_def(def) }
}

#[test]
fn d36a_the_treasury_needs_5_of_9_signers_whom_governance_elects() {
    let mut w = World::new();
    assert_eq!(w.carry(Action::Signers { signers: nine() }).1, Status::Executed);
    assert_eq!(w.host.signers().unwrap(), nine());
    let id = w.propose(treasury(100));
    for n in 1..=5 {
        w.vote(n, id, 1).unwrap();
    }
    for (i, signer) in nine().into_iter().take(APPROVALS - 1).enumerate() {
        assert_eq!(w.approve(signer, id, true).unwrap(), i + 1);
    }
    assert!(w.approve(nine()[0], id, true).unwrap_err().contains("already approved"));
    assert!(w.approve(nine()[8], id, false).unwrap_err().contains("not approved"));
    assert!(w.approve(who(1), id, true).unwrap_err().contains("no signer"));
    assert_eq!(w.finish(id).1, Status::AwaitingSigners, "four are not enough");
    assert_eq!(w.pool(Pool::Treasury), Amount::from_def(10_000));
    assert_eq!(w.approve(nine()[4], id, true).unwrap(), 5);
    w.end();
    assert_eq!(w.status(id), Status::Executed, "in the block of the fifth");
    assert_eq!(w.pool(Pool::Treasury), Amount::from_def(9_900));
    assert!(w.approve(nine()[5], id, true).unwrap_err().contains("is executed"));
}

#[test]
fn approvals_before_the_end_of_the_vote_count_and_can_be_taken_back() {
    let mut w = World::new();
    w.host.put_signers(nine().to_vec()).unwrap();
    let id = w.propose(treasury(100));
    for signer in &nine()[..5] {
        w.approve(*signer, id, true).unwrap();
    }
    assert_eq!(w.approve(nine()[0], id, false).unwrap(), 4);
    for n in 1..=5 {
        w.vote(n, id, 1).unwrap();
    }
    assert_eq!(w.finish(id).1, Status::AwaitingSigners);
    let text = w.propose(Action::Text);
    assert!(w.approve(nine()[0], text, true).unwrap_err().contains("asks for text"));
}

#[test]
fn signatures_without_a_majority_spend_nothing() {
    let mut w = World::new();
    w.host.put_signers(nine().to_vec()).unwrap();
    let id = w.propose(treasury(100));
    for signer in nine() {
        w.approve(signer, id, true).unwrap();
    }
    // Two thirds exactly.
    w.vote(5, id, 1).unwrap();
    w.vote(3, id, 1).unwrap();
    w.vote(4, id, 2).unwrap();
    assert_eq!(w.finish(id).1, Status::Rejected);
    assert_eq!(w.pool(Pool::Treasury), Amount::from_def(10_000));
}

#[test]
fn signers_out_of_office_do_not_count() {
    let mut w = World::new();
    w.host.put_signers(nine().to_vec()).unwrap();
    let id = w.propose(treasury(100));
    for signer in &nine()[..5] {
        w.approve(*signer, id, true).unwrap();
    }
    let mut others = nine();
    others[0] = who(0xa1);
    w.host.put_signers(others.to_vec()).unwrap();
    for n in 1..=5 {
        w.vote(n, id, 1).unwrap();
    }
    assert_eq!(w.finish(id).1, Status::AwaitingSigners);
    assert_eq!(w.approve(who(0xa1), id, true).unwrap(), 5);
}

#[test]
fn a_spending_that_is_not_signed_in_time_expires() {
    let mut w = World::new();
    let (id, status) = w.carry(treasury(100));
    assert_eq!(status, Status::AwaitingSigners, "there are no signers at all");
    w.pass(14 * DAY - 1);
    w.end();
    assert_eq!(w.status(id), Status::AwaitingSigners);
    w.pass(1);
    w.end();
    assert_eq!(w.status(id), Status::Expired);
    assert_eq!(w.pool(Pool::Treasury), Amount::from_def(10_000));
}

#[test]
fn signers_are_nine_different_people() {
    let mut w = World::new();
    let mut twice = nine();
    twice[3] = twice[7];
    assert!(w.refused(Action::Signers { signers: twice }).contains("stands twice"));
    let mut zero = nine();
    zero[0] = defchain_base::Address::ZERO;
    assert!(w.refused(Action::Signers { signers: zero }).contains("zero address"));
    let problems = crate::genesis::Section { signers: nine()[..8].to_vec(), ..Default::default() }.problems();
    assert_eq!(problems, ["governance.signers: 8 signers: the treasury has 9"]);
}

#[test]
fn upgrades_are_scheduled_and_cancelled() {
    let mut w = World::new();
    let upgrade = |height| Action::Upgrade { height: Height(height), app_version: 2, name: "v2".to_owned() };
    assert!(w.refused(upgrade(5)).contains("this is block"));
    assert_eq!(w.carry(upgrade(1_000)).1, Status::Executed);
    assert_eq!(w.carry(Action::CancelUpgrade).1, Status::Executed);
    assert!(failure(w.carry(Action::CancelUpgrade).1).contains("no upgrade is scheduled"));
    let late = w.propose(upgrade(20));
    for n in 1..=5 {
        w.vote(n, late, 1).unwrap();
    }
    let env = *defchain_base::native::Host::block(&w.host);
    w.host.set_env(defchain_base::BlockEnv { height: Height(30), ..env });
    assert!(failure(w.finish(late).1).contains("height is 20"));
}

#[test]
fn d34_censorship_is_punished_by_a_vote_of_two_thirds() {
    let mut w = World::new();
    w.found_validator(who(0x44));
    // Its own stake weighs 80,000 DEF-years: the others must weigh enough for a quorum without it.
    for n in 1..=5 {
        w.stake(n, 100_000 * u64::from(n));
    }
    w.pass(1);
    let slash = || Action::Slash { validator: who(0x44) };
    // 900 of 1,400 parts: above one half, below two thirds.
    let id = w.propose(slash());
    for (n, choice) in [(5, 1), (4, 1), (3, 2), (2, 2)] {
        w.vote(n, id, choice).unwrap();
    }
    assert_eq!(w.finish(id).1, Status::Rejected);
    let (first, second) = (w.propose(slash()), w.propose(slash()));
    for id in [first, second] {
        for n in 1..=5 {
            w.vote(n, id, 1).unwrap();
        }
    }
    let (treasury, staking) = (w.pool(Pool::Treasury), w.pool(Pool::Staking));
    w.finish(second);
    assert_eq!(w.status(first), Status::Executed);
    let e = defchain_slashing::SlashingRead::evidence(&w.host, 1).unwrap();
    assert_eq!((e.kind, e.operator, e.share.0), (defchain_slashing::Kind::Censorship, who(0x44), 1_000));
    assert_eq!(w.pool(Pool::Staking), staking.checked_sub(Amount::from_def(2_000)).unwrap());
    assert_eq!(w.pool(Pool::Treasury), treasury.checked_add(Amount::from_def(600)).unwrap());
    assert_eq!(e.jailed_until.0 - e.age.0, 90 * DAY);
    assert!(failure(w.status(second)).contains("punished for it with evidence 1"), "one fault, one penalty");
    assert!(w.refused(slash()).contains("punished for it"));
}

#[test]
fn nobody_slashes_who_is_no_validator() {
    let mut w = World::new();
    assert!(w.refused(Action::Slash { validator: who(0x44) }).contains("operates no validator"));
    assert!(w.refused(Action::Slash { validator: defchain_base::Address::ZERO }).contains("zero address"));
}

#[test]
fn genesis_sets_parameters_and_signers() {
    let mut w = World::new();
    let json = format!(r#"{{"params": {{"voting_days": 5}}, "signers": {}}}"#, serde_json::to_string(&nine()).unwrap());
    let section: crate::genesis::Section = serde_json::from_str(&json).unwrap();
    assert_eq!(section.problems(), Vec::<String>::new());
    section.apply(&mut w.host).unwrap();
    assert_eq!((w.params::<GovernanceParams>().voting_days, w.host.signers().unwrap().len()), (5, 9));
    assert!(serde_json::from_str::<crate::genesis::Section>(r#"{"signer": []}"#).is_err());
    let wrong: crate::genesis::Section = serde_json::from_str(r#"{"params": {"voting_days": 1}}"#).unwrap();
    assert_eq!(wrong.problems(), ["governance.params: voting_days is 1, must be 3 to 30 days"]);
    assert_eq!(DEPOSIT, Amount::from_def(1_000));
}
