//! Who votes, when, with how much; deposits; the queue.

use defchain_base::{Amount, StateReadExt, system::Pool};
use defchain_token::state::TokenRead;
use proptest::prelude::*;

use super::{
    encodings::nine,
    world::{DAY, DEPOSIT, HOUR, START, World, who},
};
use crate::{
    Action, Choice, GovernanceError, GovernanceRead, Status,
    keys::ProgressKey,
    params::{MAX_DESCRIPTION_BYTES, MAX_STEPS_PER_BLOCK},
    query,
};

#[test]
fn d36a_the_deposit_is_exactly_1000_def() {
    let mut w = World::new();
    for wrong in [Amount::ZERO, Amount::from_def(999), Amount::from_wei(DEPOSIT.wei() + 1), Amount::from_def(2_000)] {
        let error = w.try_propose(Action::Text, wrong).unwrap_err();
        assert_eq!(error, GovernanceError::Deposit { needed: DEPOSIT, sent: wrong });
        assert!(error.to_string().contains(&wrong.to_string()) && error.to_string().contains(&DEPOSIT.to_string()));
    }
    assert_eq!(w.propose(Action::Text), 1);
    assert_eq!(w.pool(Pool::Governance), DEPOSIT);
    w.check();
}

#[test]
fn d36a_the_vote_takes_7_days_and_the_timelock_48_hours() {
    let mut w = World::new();
    let id = w.propose(Action::Text);
    let (proposal, progress) = w.host.proposal(id).unwrap();
    assert_eq!((proposal.start.0, proposal.end.0, progress.due.0), (START, START + 7 * DAY, START + 7 * DAY));
    for n in 1..=5 {
        w.vote(n, id, 1).unwrap();
    }
    w.pass(7 * DAY - 1);
    w.end();
    assert_eq!(w.status(id), Status::Voting);
    w.pass(1);
    w.end();
    assert_eq!(w.status(id), Status::Passed);
    w.pass(48 * HOUR - 1);
    w.end();
    assert_eq!(w.status(id), Status::Passed);
    w.pass(1);
    w.end();
    assert_eq!(w.status(id), Status::Executed);
}

#[test]
fn d36a_positions_opened_before_the_start_vote_by_pod_weight() {
    let mut w = World::new();
    w.stake(6, 10_000);
    let id = w.propose(Action::Text);
    // Opened in the proposal's own block: not before it.
    let error = w.vote(6, id, 1).unwrap_err();
    assert!(error.contains(&START.to_string()), "{error}");
    w.pass(1);
    w.stake(6, 10_000);
    w.stake(2, 10_000);
    assert!(w.vote(6, id, 1).unwrap_err().contains("no PoD weight"));
    assert!(w.vote(7, id, 1).unwrap_err().contains("no PoD weight"), "no positions at all");
    w.vote(2, id, 1).unwrap();
    assert_eq!(w.host.proposal(id).unwrap().1.tally.yes, Amount::from_def(200).to_u256(), "the old position alone");
    w.check();
}

#[test]
fn a_vote_may_be_changed_but_not_cast_twice() {
    let mut w = World::new();
    let id = w.propose(Action::Text);
    w.vote(3, id, 1).unwrap();
    let error = w.vote(3, id, 1).unwrap_err();
    assert!(error.contains("voted yes") && error.contains("300000000000000000000"), "{error}");
    for choice in [4, 3, 2] {
        w.vote(3, id, choice).unwrap();
        w.check();
    }
    let t = w.host.proposal(id).unwrap().1.tally;
    assert_eq!((t.no, t.cast().unwrap()), (Amount::from_def(300).to_u256(), Amount::from_def(300).to_u256()));
    assert_eq!(w.vote(3, id, 0).unwrap_err(), "0 is no choice: 1 yes, 2 no, 3 abstain, 4 veto");
    assert!(w.vote(3, id, 5).is_err());
}

#[test]
fn no_vote_is_taken_after_the_end_nor_on_what_is_not_there() {
    let mut w = World::new();
    let id = w.propose(Action::Text);
    assert_eq!(w.vote(1, 9, 1).unwrap_err(), "there is no proposal 9: the newest is 1");
    assert!(w.vote(1, 0, 1).is_err());
    w.pass(7 * DAY);
    let error = w.vote(1, id, 1).unwrap_err();
    assert!(error.contains(&(START + 7 * DAY).to_string()), "{error}");
    w.end();
    assert!(w.vote(1, id, 1).is_err(), "closed");
}

#[test]
fn without_a_quorum_the_deposit_goes_back_and_a_lone_veto_burns_nothing() {
    let mut w = World::new();
    let id = w.propose(Action::Text);
    // 400 of 1,500: below a third.
    w.vote(4, id, 4).unwrap();
    w.pass(7 * DAY);
    w.end();
    assert_eq!(w.status(id), Status::NoQuorum);
    assert_eq!((w.pool(Pool::Governance), w.balance(who(1))), (Amount::ZERO, DEPOSIT));
}

#[test]
fn d36a_a_veto_of_a_third_burns_the_deposit() {
    let mut w = World::new();
    let id = w.propose(Action::Text);
    let supply = w.host.total_supply().unwrap();
    w.vote(5, id, 1).unwrap();
    w.vote(3, id, 4).unwrap();
    w.pass(7 * DAY);
    w.end();
    assert_eq!(w.status(id), Status::Vetoed);
    assert_eq!((w.pool(Pool::Governance), w.balance(who(1))), (Amount::ZERO, Amount::ZERO));
    assert_eq!(w.host.total_supply().unwrap(), supply.checked_sub(DEPOSIT).unwrap());
    assert_eq!(w.events("DepositBurned(uint256,uint256)"), 1);
}

#[test]
fn a_rejected_proposal_gets_its_deposit_back_as_fresh_money_and_is_never_executed() {
    let mut w = World::new();
    let id = w.propose(Action::Spend { pool: Pool::Technical, to: who(0x33), amount: Amount::from_def(1) });
    w.vote(5, id, 2).unwrap();
    w.vote(4, id, 1).unwrap();
    let (_, status) = w.finish(id);
    assert_eq!(status, Status::Rejected);
    assert_eq!(w.balance(who(1)), DEPOSIT);
    assert_eq!(w.pool(Pool::Technical), Amount::from_def(10_000));
}

#[test]
fn later_stakes_do_not_raise_the_quorum_against_a_vote() {
    let mut w = World::new();
    let id = w.propose(Action::Text);
    w.vote(5, id, 1).unwrap();
    w.pass(1);
    w.stake(6, 1_000_000);
    w.pass(7 * DAY);
    w.end();
    assert_eq!(w.status(id), Status::Passed);
}

#[test]
fn a_chain_that_stood_still_owes_the_whole_timelock() {
    let mut w = World::new();
    let id = w.propose(Action::Text);
    w.vote(5, id, 1).unwrap();
    w.pass(365 * DAY);
    w.end();
    assert_eq!(w.status(id), Status::Passed);
    w.pass(48 * HOUR - 1);
    w.end();
    assert_eq!(w.status(id), Status::Passed);
}

#[test]
fn a_block_takes_a_bounded_number_of_steps_oldest_deadline_first() {
    let mut w = World::new();
    let count = u64::try_from(MAX_STEPS_PER_BLOCK).unwrap() + 3;
    for _ in 0..count {
        let id = w.propose(Action::Text);
        w.vote(5, id, 1).unwrap();
        w.pass(1);
    }
    w.pass(8 * DAY);
    w.end();
    let open = |w: &World| (1..=count).filter(|id| w.status(*id) == Status::Voting).collect::<Vec<_>>();
    assert_eq!(open(&w), (count - 2..=count).collect::<Vec<_>>());
    w.pass(1);
    w.end();
    assert_eq!(open(&w), Vec::<u64>::new());
}

#[test]
fn descriptions_have_a_length() {
    let mut w = World::new();
    for wrong in [String::new(), "x".repeat(MAX_DESCRIPTION_BYTES + 1)] {
        let length = wrong.len();
        let error =
            crate::msg::propose::propose::<super::world::App>(&mut w.host, who(1), DEPOSIT, Action::Text, wrong)
                .unwrap_err();
        assert_eq!(error, GovernanceError::Description { found: length, max: MAX_DESCRIPTION_BYTES });
    }
}

#[test]
fn queries_show_what_wallets_need() {
    let mut w = World::new();
    let id = w.propose(Action::Spend { pool: Pool::Treasury, to: who(0x33), amount: Amount::from_def(1) });
    w.propose(Action::Text);
    w.vote(2, id, 4).unwrap();
    w.vote(1, id, 1).unwrap();
    let view = query::proposal(&w.host, id).unwrap();
    assert_eq!((view.threshold.as_str(), view.status.as_str()), ("2/3", "voting"));
    assert_eq!(view.quorum, Amount::from_def(500).to_u256());
    assert_eq!(view.approvals, Some(Vec::new()));
    let json = serde_json::to_value(&view).unwrap();
    assert!(json["betaPod"].is_string() && json["deposit"] == DEPOSIT.to_string());
    let list = query::proposals(&w.host, None, 10).unwrap();
    assert_eq!(list.iter().map(|p| p.id).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(query::proposals(&w.host, Some(1), 10).unwrap().len(), 1);
    let votes = query::votes(&w.host, id, None, 1).unwrap();
    assert_eq!((votes[0].voter, votes[0].choice.as_str()), (who(1), "yes"));
    let rest = query::votes(&w.host, id, Some(who(1)), 10).unwrap();
    assert_eq!((rest.len(), rest[0].voter), (1, who(2)));
    assert!(query::votes(&w.host, 7, None, 10).is_err());
}

#[test]
fn broken_sums_and_lost_deposits_are_found_by_the_invariants() {
    let mut w = World::new();
    let id = w.propose(Action::Text);
    w.vote(1, id, 1).unwrap();
    let mut progress = w.host.read(&ProgressKey(id)).unwrap().unwrap();
    progress.tally.add(Choice::Yes, defchain_base::U256::ONE).unwrap();
    defchain_base::StateWriteExt::write(&mut w.host, &ProgressKey(id), &progress).unwrap();
    defchain_base::native::Host::burn(&mut w.host, Pool::Governance, Amount::from_wei(1)).unwrap();
    let env = *defchain_base::native::Host::block(&w.host);
    let broken = crate::invariants::check(&w.host, &env).unwrap().join("\n");
    assert!(broken.contains("INV-GOV-01") && broken.contains("INV-GOV-02"), "{broken}");
}

#[derive(Debug, Clone)]
enum Step {
    Propose(u8),
    Vote(u8, u8, u8),
    Approve(u8, u8, bool),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..5_u8).prop_map(Step::Propose),
        6 => (1..8_u8, 0..6_u8, 1..5_u8).prop_map(|(n, id, choice)| Step::Vote(n, id, choice)),
        2 => (0..9_u8, 0..6_u8, any::<bool>()).prop_map(|(n, id, on)| Step::Approve(n, id, on)),
        2 => (1..100_u16).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever people do, the supply changes by burned deposits alone, and every invariant holds after every step.
    #[test]
    fn money_is_conserved_and_invariants_hold(steps in prop::collection::vec(step(), 1..60)) {
        let mut w = World::new();
        crate::GovernanceWrite::put_signers(&mut w.host, nine().to_vec()).unwrap();
        let mut made = Amount::ZERO;
        let supply = w.host.total_supply().unwrap();
        for step in steps {
            match step {
                Step::Propose(kind) => {
                    let action = match kind {
                        0 => Action::Text,
                        1 => Action::Spend { pool: Pool::Treasury, to: who(0x33), amount: Amount::from_def(100) },
                        2 => Action::Spend { pool: Pool::Marketing, to: Pool::Dividend.address(), amount: Amount::from_def(100) },
                        3 => Action::Exempt { account: who(0x77), exempt: true },
                        _ => Action::Verifier { verifier: who(0x55), name: "n".to_owned(), accredited: true },
                    };
                    // Also a refused one got its money before it was refused.
                    let _ = w.try_propose(action, DEPOSIT);
                    made = made.checked_add(DEPOSIT).unwrap();
                }
                Step::Vote(n, id, choice) => { let _ = w.vote(n, u64::from(id), choice); }
                Step::Approve(n, id, on) => { let _ = w.approve(nine()[usize::from(n)], u64::from(id), on); }
                Step::Pass(hours) => { w.pass(u64::from(hours) * HOUR); w.end(); }
            }
            w.check();
        }
        // Deposits that came back age like all money: the host counts what that burned too.
        let left = supply.checked_add(made).unwrap().checked_sub(w.host.burned()).unwrap();
        prop_assert_eq!(w.host.total_supply().unwrap(), left);
        let vetoed = (1..w.host.next_proposal().unwrap()).filter(|id| w.status(*id) == Status::Vetoed).count();
        prop_assert_eq!(w.events("DepositBurned(uint256,uint256)"), vetoed);
        prop_assert!(w.host.burned() >= Amount::from_def(1_000 * u64::try_from(vetoed).unwrap()));
        prop_assert_eq!(held(&w), left, "the supply is what stands in accounts and pools");
    }
}

/// All there is: accounts of these tests, and pools.
fn held(w: &World) -> Amount {
    let accounts = (0..=255).map(|n| w.host.nominal_balance(&who(n)).unwrap());
    let pools = Pool::ALL.into_iter().map(|p| w.pool(p));
    accounts.chain(pools).fold(Amount::ZERO, |sum, a| sum.checked_add(a).unwrap())
}
