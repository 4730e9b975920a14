use defchain_base::{AgeMillis, Amount, native::Host, system::Pool};
use defchain_staking::{self as staking, PositionId, StakingError};
use defchain_validators::{
    IValidators as abi, JailKind, Status, ValidatorsError as E, bind, claim_all_rewards, claim_commission,
    claim_rewards, exit, jail, state::ValidatorsRead, unbind,
};

use crate::world::{DAY, World, def, first, who};

fn world() -> World {
    World::new(vec![first(1, "DE"), first(2, "FR"), first(3, "IT"), first(4, "ES")])
}

#[test]
fn d36_delegating_stakes_and_binds_both_parts_counted_from_the_next_epoch() {
    let mut world = world();
    let mut ids = None;
    world.block(|w| ids = Some(w.delegate(who(50), who(1), def(1_000), 4).unwrap()));
    let ids = ids.unwrap();
    assert!(ids.attention.is_some());
    let event = world.last::<abi::Delegated>();
    assert_eq!((event.delegator, event.operator, event.amount, event.term), (who(50), who(1), def(1_000).to_u256(), 4));
    assert_eq!((event.position, event.attention), (ids.main.0, ids.attention.unwrap().0));
    assert!(staking::counted_weights(&world.host, who(1)).unwrap().delegated.is_zero(), "not in this epoch");
    world.boundary();
    // 990 × 4 + 10 × 12.
    let counted = staking::counted_weights(&world.host, who(1)).unwrap().delegated;
    assert_eq!(counted, def(990 * 4 + 120).to_u256());
    assert_eq!(world.pool(Pool::Validators), Amount::ZERO, "the money went on to the staking pool");
}

#[test]
fn d36_only_active_validators_take_delegations() {
    let mut world = world();
    world.block(|w| {
        jail(&mut w.host, who(2), AgeMillis(u64::MAX), JailKind::Downtime).unwrap();
        w.run(|h| exit(h, who(3))).unwrap();
        let free = w.stake(who(50), def(100), 12).main;
        for (operator, expected) in [
            (who(2), E::NotActive { operator: who(2), status: Status::Jailed, leaving: false }),
            (who(3), E::NotActive { operator: who(3), status: Status::Active, leaving: true }),
            (who(99), E::NotFound(who(99))),
        ] {
            assert_eq!(w.delegate(who(50), operator, def(100), 4), Err(expected.clone()));
            assert_eq!(w.run(|h| bind(h, who(50), free, operator)), Err(expected));
        }
    });
    assert_eq!(world.pool(Pool::Validators), Amount::ZERO, "refused values went back");
}

#[test]
fn bad_amounts_and_terms_are_refused_by_staking_with_its_reason() {
    let mut world = world();
    world.block(|w| {
        for years in [0, 13, u64::MAX] {
            let refused = w.delegate(who(50), who(1), def(100), years).unwrap_err();
            assert_eq!(refused, E::Staking(StakingError::Term { years }));
        }
        let refused = w.delegate(who(50), who(1), Amount::ZERO, 4).unwrap_err();
        assert!(matches!(refused, E::Staking(StakingError::TooLittle { .. })), "{refused}");
        let refused = w.run(|h| unbind(h, who(50), PositionId(7))).unwrap_err();
        assert!(matches!(refused, E::Staking(StakingError::NoPosition { id: 7, .. })), "{refused}");
    });
}

#[test]
fn d36_an_existing_position_is_bound_and_unbinds_in_21_days() {
    let mut world = world();
    let mut id = PositionId(0);
    world.block(|w| {
        id = w.stake(who(50), def(1_000), 12).main;
        w.run(|h| bind(h, who(50), id, who(1))).unwrap();
        let twice = w.run(|h| bind(h, who(50), id, who(2))).unwrap_err();
        assert!(matches!(twice, E::Staking(StakingError::Bound { .. })), "{twice}");
    });
    world.boundary();
    assert_eq!(staking::counted_weights(&world.host, who(1)).unwrap().delegated, def(12_000).to_u256());
    let mut until = AgeMillis(0);
    world.block(|w| until = w.run(|h| unbind(h, who(50), id)).unwrap());
    assert_eq!(until.0, world.env().age.0 + 21 * DAY * 1_000);
    assert!(staking::book_weights(&world.host, who(1)).unwrap().delegated.is_zero(), "without weight at once");
    world.block_after(20 * DAY, |w| {
        let early = w.run(|h| bind(h, who(50), id, who(2))).unwrap_err();
        assert!(matches!(early, E::Staking(StakingError::Unbinding { .. })), "{early}");
    });
    world.block_after(DAY, |w| w.run(|h| bind(h, who(50), id, who(2))).unwrap());
}

#[test]
fn d36_income_is_shared_by_epoch_weight_and_the_commission_kept_of_the_delegators_part() {
    let mut world = world();
    let mut id = PositionId(0);
    // Own weight 10,000 × 4; 10,000 × 12 delegated: three quarters.
    world.block(|w| id = w.delegate(who(50), who(1), def(10_000), 12).unwrap().main);
    world.block(|w| {
        // Before its epoch the delegation earns nothing.
        w.reward(who(1), def(8));
        assert_eq!(staking::rewards(&w.host, who(50), id).unwrap(), Amount::ZERO);
        assert_eq!(w.host.commission_owed(who(1)).unwrap(), Amount::ZERO, "no commission on own income");
    });
    world.boundary();
    world.block(|w| w.reward(who(1), def(40)));
    // 30 to the delegators, 10 % of that to the operator; 10 and the earlier 8 to the operator's own position.
    assert_eq!(world.host.commission_owed(who(1)).unwrap(), def(3));
    let event = world.last::<abi::IncomeShared>();
    assert_eq!((event.amount, event.commission), (def(40).to_u256(), def(3).to_u256()));
    let near = |found: Amount, expected: Amount| {
        assert!(found <= expected && expected.wei() - found.wei() < 1_000_000, "{found:?} of {expected:?}");
    };
    near(staking::rewards(&world.host, who(50), id).unwrap(), def(27));
    near(staking::rewards(&world.host, who(1), PositionId(0)).unwrap(), def(18));
    world.block(|w| {
        let paid = w.run(|h| claim_rewards(h, who(50), id)).unwrap();
        near(paid, def(27));
        assert_eq!(w.spendable(who(50)), paid, "paid fresh, without commission");
        let twice = w.run(|h| claim_rewards(h, who(50), id)).unwrap_err();
        assert!(matches!(twice, E::Staking(StakingError::Nothing { .. })), "{twice}");
        assert_eq!(w.run(|h| claim_commission(h, who(1))), Ok(def(3)));
        assert_eq!(w.run(|h| claim_commission(h, who(1))), Err(E::NothingOwed(who(1))));
        near(w.run(|h| claim_all_rewards(h, who(1))).unwrap(), def(18));
    });
    assert!(world.pool(Pool::Validators).wei() < 1_000_000, "all but dust was paid");
}

#[test]
fn d36_while_jailed_there_is_no_income_and_d19_it_burns() {
    let mut world = world();
    world.block(|w| {
        w.delegate(who(50), who(1), def(10_000), 12).unwrap();
    });
    world.boundary();
    world.block(|w| {
        jail(&mut w.host, who(1), AgeMillis(u64::MAX), JailKind::Downtime).unwrap();
        let burned = w.host.burned();
        w.reward(who(1), def(5));
        assert_eq!(w.host.burned().wei() - burned.wei(), def(5).wei());
        assert_eq!(staking::rewards(&w.host, who(50), PositionId(0)).unwrap(), Amount::ZERO);
        // Nobody's income burns as well.
        w.reward(who(99), def(5));
        assert_eq!(w.count::<abi::IncomeBurned>(), 2);
        w.reward(who(1), Amount::ZERO);
        assert_eq!(w.count::<abi::IncomeBurned>(), 2, "nothing is nothing");
    });
    assert_eq!(world.pool(Pool::Validators), Amount::ZERO);
}

#[test]
fn an_operators_own_stake_does_not_unbind_while_it_validates() {
    let mut world = world();
    world.block(|w| {
        let refused = w.run(|h| unbind(h, who(1), PositionId(0))).unwrap_err();
        assert!(matches!(refused, E::Staking(StakingError::OwnStake { .. })), "{refused}");
        w.run(|h| exit(h, who(1))).unwrap();
    });
    world.boundary();
    world.block(|w| {
        let refused = w.run(|h| unbind(h, who(1), PositionId(0))).unwrap_err();
        assert!(matches!(refused, E::Staking(StakingError::Unbinding { .. })), "released at the boundary: {refused}");
    });
}

#[test]
fn delegators_of_one_who_left_take_their_positions_away() {
    let mut world = world();
    let mut id = PositionId(0);
    world.block(|w| id = w.delegate(who(50), who(1), def(1_000), 12).unwrap().main);
    world.boundary();
    world.block(|w| {
        w.reward(who(1), def(13));
        w.run(|h| exit(h, who(1))).unwrap();
    });
    world.boundary();
    world.block(|w| {
        w.run(|h| unbind(h, who(50), id)).unwrap();
        assert!(w.run(|h| claim_rewards(h, who(50), id)).unwrap() > def(2), "what was earned stays earned");
        assert!(w.run(|h| claim_commission(h, who(1))).unwrap() > Amount::ZERO);
    });
    world.block_after(21 * DAY, |w| w.run(|h| bind(h, who(50), id, who(2))).unwrap());
    assert_eq!(world.host.block().chain_id, crate::world::CHAIN);
}
