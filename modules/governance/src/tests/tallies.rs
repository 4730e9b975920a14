//! D36a's shares, against a model that counts voters one by one with fractions.

use alloy_primitives::U256;
use proptest::prelude::*;

use crate::{Action, Choice, Outcome, Tally, action::Rule};

const HALF: Rule = Rule { num: 1, den: 2, emergency: false, signed: false };
const TWO_THIRDS: Rule = Rule { num: 2, den: 3, emergency: false, signed: false };

fn tally(yes: u64, no: u64, abstain: u64, veto: u64) -> Tally {
    Tally { yes: U256::from(yes), no: U256::from(no), abstain: U256::from(abstain), veto: U256::from(veto) }
}

fn outcome(t: Tally, beta: u64, rule: Rule) -> Outcome {
    t.outcome(U256::from(beta), rule).unwrap()
}

#[test]
fn d36a_the_quorum_is_a_third_of_beta_pod_abstentions_included() {
    assert_eq!(outcome(tally(99, 0, 0, 0), 300, HALF), Outcome::NoQuorum);
    assert_eq!(outcome(tally(100, 0, 0, 0), 300, HALF), Outcome::Passed);
    assert_eq!(outcome(tally(1, 0, 99, 0), 300, HALF), Outcome::Passed);
    assert_eq!(outcome(tally(100, 0, 0, 0), 301, HALF), Outcome::NoQuorum);
    assert_eq!(outcome(tally(0, 0, 0, 0), 0, HALF), Outcome::NoQuorum, "nobody can vote");
}

#[test]
fn d36a_it_passes_above_one_half_not_at_it() {
    assert_eq!(outcome(tally(50, 50, 0, 0), 100, HALF), Outcome::Rejected);
    assert_eq!(outcome(tally(51, 50, 0, 0), 100, HALF), Outcome::Passed);
    assert_eq!(outcome(tally(50, 20, 0, 30), 100, HALF), Outcome::Rejected, "a veto is a no");
    assert_eq!(outcome(tally(2, 1, 97, 0), 100, HALF), Outcome::Passed, "who abstains is not against it");
    assert_eq!(outcome(tally(0, 0, 100, 0), 100, HALF), Outcome::Rejected, "nobody was for it");
}

#[test]
fn d36a_slashing_verifiers_and_treasury_need_two_thirds() {
    assert_eq!(outcome(tally(200, 100, 0, 0), 300, TWO_THIRDS), Outcome::Rejected);
    assert_eq!(outcome(tally(201, 100, 0, 0), 300, TWO_THIRDS), Outcome::Passed);
    let two_thirds = |action: &Action| (action.rule().num, action.rule().den) == (2, 3);
    for action in super::encodings::one_of_each() {
        let expected = matches!(
            action,
            Action::Slash { .. }
                | Action::Verifier { .. }
                | Action::Signers { .. }
                | Action::LowerBurn { .. }
                | Action::Spend { pool: defchain_base::system::Pool::Treasury, .. }
        );
        assert_eq!(two_thirds(&action), expected, "{action}");
    }
}

#[test]
fn d36a_a_veto_of_a_third_counts_before_the_majority_but_not_without_a_quorum() {
    assert_eq!(outcome(tally(67, 0, 0, 33), 100, HALF), Outcome::Passed);
    assert_eq!(outcome(tally(66, 0, 0, 33), 100, HALF), Outcome::Vetoed);
    assert_eq!(outcome(tally(0, 0, 66, 33), 100, HALF), Outcome::Vetoed, "a third of all that voted");
    assert_eq!(outcome(tally(0, 0, 0, 33), 100, HALF), Outcome::NoQuorum);
}

#[test]
fn weights_beyond_256_bits_are_an_error_not_a_wrong_result() {
    let mut full = Tally { yes: U256::MAX, ..Tally::default() };
    assert!(full.add(Choice::Yes, U256::ONE).is_err());
    assert!(full.take(Choice::No, U256::ONE).is_err());
    assert!(full.outcome(U256::ONE, HALF).is_err());
    // The most there can be: 2^128 wei for 12 years, four times over.
    let most = U256::from(u128::MAX) * U256::from(12);
    let t = Tally { yes: most, no: most, abstain: most, veto: U256::ZERO };
    assert_eq!(t.outcome(most * U256::from(3), TWO_THIRDS).unwrap(), Outcome::Rejected);
}

/// The model: fractions in lowest terms compared by cross multiplication of u128, voters summed one by one.
fn model(votes: &[(Choice, u32)], beta: u64, rule: Rule) -> Outcome {
    let of = |c: Choice| votes.iter().filter(|v| v.0 == c).map(|v| u128::from(v.1)).sum::<u128>();
    let (yes, no, abstain, veto) = (of(Choice::Yes), of(Choice::No), of(Choice::Abstain), of(Choice::Veto));
    let all = yes + no + abstain + veto;
    let at_least_a_third = |part: u128, whole: u128| part > whole / 3 || (part == whole / 3 && whole.is_multiple_of(3));
    if all == 0 || !at_least_a_third(all, u128::from(beta)) {
        return Outcome::NoQuorum;
    }
    if at_least_a_third(veto, all) {
        return Outcome::Vetoed;
    }
    let against = no + veto;
    // More than num/den of (yes + against): yes × (den − num) > against × num.
    let (num, den) = (u128::from(rule.num), u128::from(rule.den));
    if yes * (den - num) > against * num { Outcome::Passed } else { Outcome::Rejected }
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![Just(Choice::Yes), Just(Choice::No), Just(Choice::Abstain), Just(Choice::Veto)]
}

proptest! {
    #[test]
    fn outcomes_agree_with_the_model(
        votes in prop::collection::vec((choice(), prop_oneof![0..6_u32, any::<u32>()]), 0..12),
        beta in prop_oneof![0..40_u64, any::<u64>().prop_map(|b| b >> 28)],
        two_thirds in any::<bool>(),
    ) {
        let rule = if two_thirds { TWO_THIRDS } else { HALF };
        let mut tally = Tally::default();
        for (choice, weight) in &votes {
            tally.add(*choice, U256::from(*weight)).unwrap();
        }
        prop_assert_eq!(tally.outcome(U256::from(beta), rule).unwrap(), model(&votes, beta, rule));
        for (choice, weight) in &votes {
            tally.take(*choice, U256::from(*weight)).unwrap();
        }
        prop_assert_eq!(tally, Tally::default());
    }
}
