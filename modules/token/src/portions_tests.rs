#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
use proptest::prelude::*;

use super::*;
use crate::params::{BurnTable, TableVersion};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const BIG: u128 = 1_000_000_000_000;

fn wei(n: u128) -> Amount {
    Amount::from_wei(n)
}

fn at(ms: u64) -> AgeMillis {
    AgeMillis(ms)
}

#[test]
fn with_plain_money_every_credit_joins_the_one_portion() {
    let p = TokenParams::plain();
    let mut a = Portions::default();
    a.credit_fresh(&p, at(1), wei(5)).unwrap();
    a.credit_fresh(&p, at(30 * DAY), wei(7)).unwrap();
    a.credit_carried(&p, at(90 * DAY), &[Piece { amount: wei(3), received_at: at(0), table: 0 }]).unwrap();
    assert_eq!(a.as_slice().len(), 1);
    assert_eq!(a.effective(&p, at(900 * DAY)).unwrap(), wei(15));
    assert!(a.settle(&p, at(900 * DAY)).unwrap().is_zero());
    assert_eq!(a.nominal(&p).unwrap(), wei(15));
}

#[test]
fn spending_takes_the_oldest_first_and_says_from_where() {
    let p = TokenParams::economy();
    let mut a = Portions::default();
    a.credit_fresh(&p, at(0), wei(100 * BIG)).unwrap();
    a.credit_fresh(&p, at(2 * DAY), wei(50 * BIG)).unwrap();
    let now = at(3 * DAY);
    a.settle(&p, now).unwrap();
    assert_eq!(a.effective(&p, now).unwrap(), wei(93 * BIG + 495 * BIG / 10));
    let mut pieces = Vec::new();
    assert_eq!(a.debit(&p, wei(94 * BIG), Some(&mut pieces)).unwrap(), None);
    assert_eq!(
        pieces,
        [
            Piece { amount: wei(93 * BIG), received_at: at(0), table: 0 },
            Piece { amount: wei(BIG), received_at: at(2 * DAY), table: 0 }
        ]
    );
    assert_eq!(a.as_slice().len(), 1);
    assert_eq!(a.effective(&p, now).unwrap(), wei(485 * BIG / 10));
    // D12: what is left of the second portion is the ceiling of 48.5 / 0.99.
    assert_eq!(a.as_slice()[0].original, wei((485 * BIG / 10 * 100).div_ceil(99)));
}

#[test]
fn a_debit_above_the_balance_says_what_is_missing_and_takes_nothing() {
    let p = TokenParams::economy();
    let mut a = Portions::fresh(&p, at(0), wei(10));
    let before = a.clone();
    assert_eq!(a.debit(&p, wei(13), None).unwrap(), Some(wei(3)));
    assert_eq!(a, before);
}

#[test]
fn credits_of_one_hour_merge_and_the_later_time_holds() {
    let p = TokenParams::economy();
    let mut a = Portions::default();
    a.credit_fresh(&p, at(10), wei(BIG)).unwrap();
    a.credit_fresh(&p, at(HOUR - 1), wei(BIG)).unwrap();
    a.credit_fresh(&p, at(HOUR), wei(BIG)).unwrap();
    let times: Vec<u64> = a.as_slice().iter().map(|p| p.received_at.0).collect();
    assert_eq!(times, [HOUR - 1, HOUR]);
}

#[test]
fn portions_of_one_hour_but_of_different_days_stay_apart() {
    let p = TokenParams::economy();
    let now = at(DAY + 100);
    let mut a = Portions::default();
    let piece = |ms| Piece { amount: wei(BIG), received_at: at(ms), table: 0 };
    // 50 is a day old at DAY + 100, 200 is not.
    a.credit_carried(&p, now, &[piece(50), piece(200), piece(60)]).unwrap();
    let times: Vec<u64> = a.as_slice().iter().map(|p| p.received_at.0).collect();
    assert_eq!(times, [60, 200]);
    assert_eq!(a.effective(&p, now).unwrap(), wei(3 * BIG));
}

#[test]
fn portions_under_different_tables_stay_apart() {
    let mut p = TokenParams::economy();
    p.tables.push(TableVersion { since: at(HOUR / 2), preserved: BurnTable([100, 0, 0, 0, 0, 0, 0, 0, 0]) });
    let mut a = Portions::default();
    a.credit_fresh(&p, at(0), wei(2 * BIG)).unwrap();
    a.credit_fresh(&p, at(HOUR / 2), wei(3 * BIG)).unwrap();
    assert_eq!(a.as_slice().iter().map(|p| p.table).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(a.effective(&p, at(2 * DAY)).unwrap(), wei(194 * BIG / 100), "each keeps its own table (D11)");
}

#[test]
fn dust_joins_the_newest_portion_at_its_own_worth() {
    let p = TokenParams::economy();
    let mut a = Portions::fresh(&p, at(0), wei(100 * BIG));
    let now = at(7 * DAY);
    a.settle(&p, now).unwrap();
    a.credit_fresh(&p, now, wei(BIG - 1)).unwrap();
    assert_eq!(a.as_slice().len(), 1);
    assert_eq!(a.effective(&p, now).unwrap(), wei(17 * BIG + BIG - 1));
}

#[test]
fn what_expired_leaves_the_account() {
    let p = TokenParams::economy();
    let mut a = Portions::fresh(&p, at(0), wei(101));
    let taken = a.settle(&p, at(8 * DAY)).unwrap();
    assert!(a.is_empty());
    assert_eq!((taken.dividend, taken.burned), (wei(50), wei(51)));
}

#[test]
fn a_full_account_of_every_hour_stays_within_the_bound() {
    let p = TokenParams::economy();
    let mut a = Portions::default();
    let mut most = 0;
    for hour in 0..400 {
        let now = at(hour * HOUR + (hour * 977) % HOUR);
        a.settle(&p, now).unwrap();
        // Two carried pieces around the day boundary inside an old hour make as many groups as there can be.
        let boundary = now.0.saturating_sub(3 * DAY);
        let pieces: Vec<Piece> = [boundary.saturating_sub(1), boundary + 1, now.0]
            .map(|ms| Piece { amount: wei(BIG), received_at: at(ms), table: 0 })
            .to_vec();
        a.credit_carried(&p, now, &pieces).unwrap();
        most = most.max(a.as_slice().len());
    }
    assert!(most > 190 && most <= MAX_PORTIONS, "{most}");
}

#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    Fresh(u128),
    Spend(u8),
    Carry(u128, u64),
    Settle,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..40 * HOUR).prop_map(Op::Wait),
        (1..50 * BIG).prop_map(Op::Fresh),
        (0..=100u8).prop_map(Op::Spend),
        (1..50 * BIG, 0..9 * DAY).prop_map(|(a, back)| Op::Carry(a, back)),
        Just(Op::Settle),
    ]
}

proptest! {
    /// Every operation moves the effective balance by exactly its amount, keeps order and bound, and what leaves
    /// through settling is what the nominal balance loses.
    #[test]
    fn effective_value_moves_by_exactly_what_was_asked(ops in prop::collection::vec(op(), 1..60)) {
        let p = TokenParams::economy();
        let (mut a, mut now, mut into, mut out) = (Portions::default(), 0_u64, 0_u128, 0_u128);
        for op in ops {
            if let Op::Wait(ms) = op { now += ms; continue; }
            let before = a.effective(&p, at(now)).unwrap();
            let taken = a.settle(&p, at(now)).unwrap();
            out += taken.dividend.wei() + taken.burned.wei();
            prop_assert_eq!(a.effective(&p, at(now)).unwrap(), before, "settling changes no effective value");
            prop_assert_eq!(a.nominal(&p).unwrap(), before);
            let expected = match op {
                Op::Fresh(amount) => {
                    a.credit_fresh(&p, at(now), wei(amount)).unwrap();
                    into += amount;
                    before.wei() + amount
                }
                Op::Spend(percent) => {
                    let amount = before.mul_div_floor(u128::from(percent), 100).unwrap();
                    let mut pieces = Vec::new();
                    prop_assert_eq!(a.debit(&p, amount, Some(&mut pieces)).unwrap(), None);
                    prop_assert_eq!(pieces.iter().map(|p| p.amount.wei()).sum::<u128>(), amount.wei());
                    out += amount.wei();
                    before.wei() - amount.wei()
                }
                Op::Carry(amount, back) => {
                    let back = back.min(8 * DAY - 1).min(now);
                    a.credit_carried(&p, at(now), &[Piece { amount: wei(amount), received_at: at(now - back), table: 0 }]).unwrap();
                    into += amount;
                    before.wei() + amount
                }
                Op::Settle | Op::Wait(_) => before.wei(),
            };
            prop_assert_eq!(a.effective(&p, at(now)).unwrap(), wei(expected));
            prop_assert_eq!(into, out + a.nominal(&p).unwrap().wei(), "nothing appears or is lost");
            prop_assert!(Portions::from_list(a.as_slice().to_vec()).is_ok(), "order and bound");
        }
    }

    /// Touching an account every day or never, an idle account decays to the same balance and the same split.
    #[test]
    fn settling_often_changes_nothing(credits in prop::collection::vec((1..50 * BIG, 0..5 * DAY), 1..20), touches in prop::collection::vec(0..20 * DAY, 0..30)) {
        let p = TokenParams::economy();
        let mut a = Portions::default();
        let mut credits = credits;
        credits.sort_by_key(|c| c.1);
        let end = credits.last().unwrap().1;
        for (amount, when) in credits { a.credit_fresh(&p, at(when), wei(amount)).unwrap(); }
        let (mut once, mut often) = (a.clone(), a);
        let mut touches: Vec<u64> = touches.into_iter().map(|t| end + t).collect();
        touches.sort_unstable();
        let mut sum = Settled::default();
        for t in &touches { sum = sum.plus(often.settle(&p, at(*t)).unwrap()).unwrap(); }
        let last = touches.last().copied().unwrap_or(end);
        sum = sum.plus(often.settle(&p, at(last)).unwrap()).unwrap();
        prop_assert_eq!(once.settle(&p, at(last)).unwrap(), sum);
        prop_assert_eq!(once, often);
    }
}
