//! Random operators, jailers and delegators; the invariants and CometBFT's rules are checked at every block by the world.

use defchain_base::{AgeMillis, system::Pool};
use defchain_staking::{self as staking, Fraction, PositionId};
use defchain_validators::{JailKind, register, state::ValidatorsRead};
use proptest::prelude::*;

use crate::world::{DAY, World, consensus_key, consensus_proof, def, first, who};

const CODES: [&str; 5] = ["DE", "FR", "IT", "ES", "PL"];

#[derive(Debug, Clone)]
enum Act {
    Register(u8, u8),
    Exit(u8),
    Jail(u8, u16),
    Unjail(u8),
    Tombstone(u8),
    Slash(u8, u8),
    Rotate(u8),
    TopUp(u8, u16),
    Attest(u8),
    Delegate(u8, u8, u16),
    Unbind(u8),
    Claim(u8),
    Reward(u8, u16),
    Absent(u8),
    Present,
    Wait(u16),
    Blocks(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let operator = 1..=9_u8;
    prop_oneof![
        4 => (operator.clone(), 0..5_u8).prop_map(|(n, c)| Act::Register(n, c)),
        1 => operator.clone().prop_map(Act::Exit),
        3 => (operator.clone(), 0..60_u16).prop_map(|(n, d)| Act::Jail(n, d)),
        3 => operator.clone().prop_map(Act::Unjail),
        1 => operator.clone().prop_map(Act::Tombstone),
        2 => (operator.clone(), 1..20_u8).prop_map(|(n, p)| Act::Slash(n, p)),
        2 => operator.clone().prop_map(Act::Rotate),
        2 => (operator.clone(), 1..2_000_u16).prop_map(|(n, a)| Act::TopUp(n, a)),
        2 => operator.clone().prop_map(Act::Attest),
        4 => (operator.clone(), 1..=12_u8, 1..50_000_u16).prop_map(|(n, y, a)| Act::Delegate(n, y, a)),
        2 => (0..12_u8).prop_map(Act::Unbind),
        2 => (0..12_u8).prop_map(Act::Claim),
        4 => (operator.clone(), 1..1_000_u16).prop_map(|(n, a)| Act::Reward(n, a)),
        2 => operator.prop_map(Act::Absent),
        1 => Just(Act::Present),
        3 => (0..40_u16).prop_map(Act::Wait),
        4 => (1..12_u8).prop_map(Act::Blocks),
    ]
}

const DELEGATOR: u8 = 100;

/// Runs one act; refusals are fine, broken invariants are not.
fn perform(w: &mut World, keys: &mut u16, act: &Act) {
    *keys += 1;
    let keys = *keys;
    match *act {
        Act::Register(n, c) => {
            w.stake(who(n), def(10_000), 12);
            let registration = w.registration(n, keys, CODES[usize::from(c)]);
            let _ = w.run(|h| register(h, who(n), &registration));
        }
        Act::Exit(n) => drop(w.run(|h| defchain_validators::exit(h, who(n)))),
        Act::Jail(n, days) => {
            let until = AgeMillis(w.env().age.0 + u64::from(days) * DAY * 1_000);
            let _ = w.run(|h| defchain_validators::jail(h, who(n), until, JailKind::Downtime));
        }
        Act::Unjail(n) => drop(w.run(|h| defchain_validators::unjail(h, who(n)))),
        Act::Tombstone(n) => drop(w.run(|h| defchain_validators::tombstone(h, who(n)))),
        Act::Slash(n, percent) => {
            use defchain_base::native::Host;
            let lost = staking::slash(&mut w.host, who(n), Fraction { num: percent.into(), den: 100 }).unwrap();
            w.host.burn(Pool::Staking, lost).unwrap();
            let _ = w.run(|h| defchain_validators::slashed(h, who(n)));
        }
        Act::Rotate(n) => {
            let proof = consensus_proof(keys, who(n));
            let _ = w.run(|h| defchain_validators::rotate_key(h, who(n), &consensus_key(keys), &proof));
        }
        Act::TopUp(n, amount) => drop(w.stake(who(n), def(amount.into()), 12)),
        Act::Attest(n) => {
            if let Some(record) = w.host.validator(who(n)).unwrap() {
                let code = record.country.to_string();
                let _ = w.renew(who(n), &code);
            }
        }
        Act::Delegate(n, years, amount) => {
            let _ = w.delegate(who(DELEGATOR), who(n), def(amount.into()), years.into());
        }
        Act::Unbind(id) => {
            let _ = w.run(|h| defchain_validators::unbind(h, who(DELEGATOR), PositionId(id.into())));
        }
        Act::Claim(id) => {
            let _ = w.run(|h| defchain_validators::claim_rewards(h, who(DELEGATOR), PositionId(id.into())));
            let _ = w.run(|h| defchain_validators::claim_commission(h, who(id)));
        }
        Act::Reward(n, amount) => w.reward(who(n), def(amount.into())),
        Act::Absent(n) => drop(w.absent.insert(who(n))),
        Act::Present => w.absent.clear(),
        Act::Wait(_) | Act::Blocks(_) => {}
    }
}

/// Few by default; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn whatever_happens_the_invariants_hold_and_cometbft_accepts_every_update(acts in prop::collection::vec(act(), 1..60)) {
        let mut world = World::new(vec![first(1, "DE"), first(2, "FR"), first(3, "IT")]);
        let mut keys = 300;
        for act in acts {
            match act {
                Act::Wait(days) => world.block_after(u64::from(days) * DAY, |_| {}),
                Act::Blocks(n) => world.blocks(n.into()),
                ref other => world.block(|w| perform(w, &mut keys, other)),
            }
        }
        world.boundary();
        world.boundary();
    }
}
