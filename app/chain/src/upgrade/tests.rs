#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use alloy_primitives::hex;
use defchain_base::{EmptyState, Overlay};

use super::*;
use crate::rules::V1;

const V2: Rules = Rules { version: 2, name: "two", migration: Some(|state| mark(state, 2)), ..V1 };
const V3: Rules = Rules { version: 3, name: "three", migration: Some(|state| mark(state, 3)), ..V1 };
static ALL: [Rules; 3] = [V1, V2, V3];
static FIRST: [Rules; 1] = [V1];
static LATER: [Rules; 2] = [V2, V3];

/// Appends to a mark, so that the order of migrations shows.
fn mark(state: &mut dyn StateWrite, step: u8) -> Result<(), StateError> {
    let mut found = state.get_raw(Substore::Sys, b"mark")?.unwrap_or_default().to_vec();
    found.push(step);
    state.put_raw(Substore::Sys, b"mark".to_vec(), found.into())
}

fn plan_of(height: u64, app_version: u64) -> UpgradePlan {
    UpgradePlan { height: Height(height), app_version, name: format!("v{app_version}") }
}

fn upgrades(table: &'static [Rules], agreed: Option<UpgradePlan>) -> Upgrades {
    Upgrades { table: Table::new(table), agreed }
}

#[test]
fn a_plan_in_state_changes_the_rules_at_its_height_and_once() {
    let mut state = Overlay::new(EmptyState);
    schedule(&mut state, Height(0), &plan_of(5, 3)).unwrap();
    let upgrades = upgrades(&ALL, None);
    let rules = |state: &Overlay<EmptyState>, latest| upgrades.next(state, Height(latest)).unwrap().unwrap();
    assert_eq!(rules(&state, 3).version, 1);
    assert_eq!(rules(&state, 4).version, 3);
    assert_eq!(upgrades.begin(&mut state, Height(4)).unwrap(), None);
    assert_eq!(upgrades.begin(&mut state, Height(5)).unwrap(), Some(3));
    assert_eq!(state.get_raw(Substore::Sys, b"mark").unwrap().unwrap().as_ref(), [2, 3], "each step, in order");
    assert_eq!(version(&state).unwrap(), 3);
    assert_eq!(plan(&state).unwrap(), None);
    assert_eq!(done(&state, Height(5)).unwrap(), Some(plan_of(5, 3)));
    assert_eq!(upgrades.begin(&mut state, Height(5)).unwrap(), None);
    assert_eq!(rules(&state, 5).version, 3);
}

#[test]
fn an_entry_of_the_operators_does_the_same_and_a_plan_in_state_wins() {
    let mut state = Overlay::new(EmptyState);
    let by_entry = upgrades(&ALL, Some(plan_of(5, 2)));
    assert_eq!(by_entry.next(&state, Height(4)).unwrap().unwrap().version, 2);
    schedule(&mut state, Height(0), &plan_of(7, 3)).unwrap();
    assert_eq!(by_entry.next(&state, Height(4)).unwrap().unwrap().version, 1);
    let said = by_entry.check_agreed(&state, Height(1)).unwrap().unwrap_err().to_string();
    assert!(said.contains("\"v2\" to rules version 2 at block 5") && said.contains("version 3 at block 7"), "{said}");
    cancel(&mut state).unwrap();
    by_entry.check_agreed(&state, Height(4)).unwrap().unwrap();
    assert_eq!(by_entry.begin(&mut state, Height(5)).unwrap(), Some(2));
    // The entry may stay: whoever replays needs it.
    by_entry.check_agreed(&state, Height(9)).unwrap().unwrap();
    assert_eq!(by_entry.next(&state, Height(9)).unwrap().unwrap().version, 2);
}

#[test]
fn an_entry_that_comes_too_late_is_refused_with_the_way_back() {
    let state = Overlay::new(EmptyState);
    let error = upgrades(&ALL, Some(plan_of(5, 2))).check_agreed(&state, Height(5)).unwrap().unwrap_err();
    assert!(error.to_string().contains("block 5 is committed under rules version 1"), "{error}");
    assert!(error.to_string().contains("rollback --to 4"), "{error}");
}

#[test]
fn a_program_without_the_rules_says_what_is_needed() {
    let mut state = Overlay::new(EmptyState);
    schedule(&mut state, Height(0), &plan_of(5, 2)).unwrap();
    let old = upgrades(&FIRST, None);
    assert!(old.next(&state, Height(3)).unwrap().is_ok());
    let needed = old.next(&state, Height(4)).unwrap().unwrap_err();
    assert_eq!(needed, UpgradeError::Needed { plan: plan_of(5, 2), newest: 1 });
    assert!(needed.to_string().contains("block 4 is committed"), "{needed}");
    // It must not migrate either.
    assert!(old.begin(&mut state, Height(5)).unwrap_err().to_string().contains("lacks"));
    // Too late: the state has moved on.
    upgrades(&ALL, None).begin(&mut state, Height(5)).unwrap();
    let late = old.next(&state, Height(9)).unwrap().unwrap_err().to_string();
    assert!(late.contains("block 9 is under rules version 2, this program knows versions up to 1"), "{late}");
    // Too early: a release that dropped version 1.
    let early = upgrades(&LATER, None).next(&Overlay::new(EmptyState), Height(3)).unwrap().unwrap_err().to_string();
    assert!(early.contains("under rules version 1, this program executes versions 2 to 3"), "{early}");
    assert!(early.contains("too early"), "{early}");
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_with_the_figures() {
    let mut state = Overlay::new(EmptyState);
    for (now, plan, part) in [
        (9, plan_of(9, 2), "height is 9, this is block 9"),
        (0, plan_of(1, 2), "height is 1, must be 2 or more"),
        (0, plan_of(5, 1), "app_version is 1"),
        (0, UpgradePlan { name: "x".repeat(65), ..plan_of(5, 2) }, "must be 1 to 64 printable"),
        (0, UpgradePlan { name: "a\nb".to_owned(), ..plan_of(5, 2) }, "printable"),
    ] {
        let said = schedule(&mut state, Height(now), &plan).unwrap_err().to_string();
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(super::plan(&state).unwrap(), None);
}

/// Frozen: a change here is a change of app hashes.
#[test]
fn keys_and_values_are_frozen() {
    assert_eq!(VersionKey.to_key(), b"upgrade/version");
    assert_eq!(PlanKey.to_key(), b"upgrade/plan");
    assert_eq!(hex::encode(DoneKey(Height(258)).to_key()), "757067726164652f646f6e652f0000000000000102");
    assert_eq!(hex::encode(Version(2).to_bytes()), "010000000000000002");
    let plan = plan_of(258, 2);
    assert_eq!(hex::encode(plan.to_bytes()), "01000000000000010200000000000000020000 00027632".replace(' ', ""));
    assert_eq!(defchain_base::read_exact_value::<UpgradePlan>(&plan.to_bytes()).unwrap(), plan);
}

#[test]
fn a_damaged_record_is_an_error_and_no_plan() {
    let mut long = plan_of(5, 2).to_bytes();
    long.push(0);
    for bytes in [vec![], vec![2], long, [vec![1; 17], vec![0, 0, 0, 65], vec![b'x'; 65]].concat()] {
        assert!(defchain_base::read_exact_value::<UpgradePlan>(&bytes).is_err(), "{}", hex::encode(bytes));
    }
}
