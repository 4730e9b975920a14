//! The table of D34 as arithmetic.

use defchain_base::{AgeMillis, Amount, Bps, params::ModuleParams};
use proptest::prelude::*;

use super::world::{DAY, HOUR};
use crate::{Kind, Past, Penalty, SlashingParams, Split};

#[test]
fn d34_the_table_is_that_of_the_paper() {
    let params = SlashingParams::default();
    let table = Kind::ALL.map(|kind| params.penalty(kind));
    assert_eq!(
        table,
        [(Bps(500), 30), (Bps(100), 7), (Bps(200), 14), (Bps(1_000), 90), (Bps(500), 30)],
        "double signing, downtime, invalid proposal, censorship, equivocation"
    );
    assert_eq!((params.downtime_hours, params.warning_hours, params.repeat_days), (24, 12, 365));
    assert!(params.problems().is_empty() && SlashingParams::short().problems().is_empty());
}

#[test]
fn d34_durations_are_parameters_and_the_warning_comes_first() {
    let params = SlashingParams::default();
    for b in params.bounds().into_iter().filter(|b| !b.name.ends_with("hours")) {
        assert!(params.with(b.name, b.min).is_ok() && params.with(b.name, b.max).is_ok(), "{}", b.name);
        assert!(params.with(b.name, b.min - 1).is_err() && params.with(b.name, b.max + 1).is_err(), "{}", b.name);
    }
    let error = params.with("warning_hours", 24).unwrap_err().to_string();
    assert!(error.contains("warning_hours is 24, downtime_hours 24"), "{error}");
}

#[test]
fn d34_50_30_20_and_a_share_without_reporter_burns() {
    let split = Split::of(Amount::from_def(500), true).unwrap();
    assert_eq!(
        (split.burned, split.treasury, split.reward),
        (Amount::from_def(250), Amount::from_def(150), Amount::from_def(100))
    );
    let split = Split::of(Amount::from_def(500), false).unwrap();
    assert_eq!(
        (split.burned, split.treasury, split.reward),
        (Amount::from_def(350), Amount::from_def(150), Amount::ZERO)
    );
    // What rounding leaves burns.
    let split = Split::of(Amount::from_wei(9), true).unwrap();
    assert_eq!((split.burned.wei(), split.treasury.wei(), split.reward.wei()), (6, 2, 1));
}

#[test]
fn d34_a_repeat_within_365_days_doubles_amount_and_term() {
    let params = SlashingParams::default();
    let mut past = Past::default();
    let mut age = 10 * DAY;
    let mut shares = Vec::new();
    for n in 0..7_u32 {
        let p = Penalty::of(&params, DAY, Kind::DoubleSign, &past, AgeMillis(age));
        shares.push(p.share.0);
        assert_eq!(p.jail, (30 * DAY) << n);
        past = Past { count: past.count + 1, repeats: p.repeats, last: AgeMillis(age), ..past };
        age += 365 * DAY;
    }
    assert_eq!(shares, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000], "at most 100 %");
    let later = Penalty::of(&params, DAY, Kind::DoubleSign, &past, AgeMillis(past.last.0 + 365 * DAY + 1));
    assert_eq!((later.share, later.jail, later.repeats), (Bps(500), 30 * DAY, 0), "a year and a millisecond later");
}

#[test]
fn terms_beyond_the_clock_saturate() {
    let params = SlashingParams::default().with("censorship_days", 3_650).unwrap();
    let past = Past { count: 200, repeats: 255, ..Past::default() };
    let p = Penalty::of(&params, u64::MAX / 4, Kind::Censorship, &past, AgeMillis(0));
    assert_eq!((p.share, p.jail, p.repeats), (Bps(10_000), u64::MAX, 14));
}

#[test]
fn the_short_set_lets_a_person_restart_a_node() {
    let params = SlashingParams::short();
    let hour_of_a_15_second_day = 15_000 / 24;
    assert_eq!(u64::from(params.downtime_hours) * hour_of_a_15_second_day, 150_000);
    assert!(u64::from(params.warning_hours) * hour_of_a_15_second_day < 150_000);
    assert_eq!(HOUR * 24, DAY);
}

proptest! {
    #[test]
    fn the_parts_of_a_split_are_the_whole_and_near_their_shares(wei in any::<u128>(), rewarded in any::<bool>()) {
        let split = Split::of(Amount::from_wei(wei), rewarded).unwrap();
        let parts = [split.burned.wei(), split.treasury.wei(), split.reward.wei()];
        prop_assert_eq!(parts.iter().try_fold(0_u128, |s, p| s.checked_add(*p)), Some(wei));
        // By quarters of a ten-thousandth, apart from the implementation's way.
        prop_assert_eq!(split.treasury.wei(), wei / 10 * 3 + (wei % 10) * 3 / 10);
        prop_assert_eq!(split.reward.wei(), if rewarded { wei / 5 } else { 0 });
        prop_assert!(split.burned.wei() >= wei / 2);
    }

    #[test]
    fn penalties_agree_with_doubling_step_by_step(gaps in prop::collection::vec(0..800_u64, 1..12), base in 1..10_000_u16) {
        let params = SlashingParams { downtime: Bps(base), ..SlashingParams::default() };
        let mut past = Past::default();
        let (mut age, mut share, mut days) = (0, 0_u32, 0_u64);
        for (n, gap) in gaps.iter().enumerate() {
            age += gap * DAY;
            let again = n > 0 && *gap <= 365;
            (share, days) = if again { ((share * 2).min(10_000), days * 2) } else { (u32::from(base), 7) };
            let p = Penalty::of(&params, DAY, Kind::Downtime, &past, AgeMillis(age));
            prop_assert_eq!((u32::from(p.share.0), p.jail), (share, days * DAY));
            past = Past { count: past.count + 1, repeats: p.repeats, last: AgeMillis(age), ..past };
        }
    }
}
