//! Random lives of stakes against a model that applies every rule to every position at once, in fixed point, where the modules
//! use sums, indices and accumulators.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "tests"
)]

#[path = "../../staking/tests/common/mod.rs"]
mod common;

use common::{DAY, TestHost, World, def, wei};
use defchain_base::{Address, Amount, U256, native::Host, system::Pool};
use defchain_dividends as dividends;
use defchain_staking::{self as staking, PositionId, StakingParams, query};
use defchain_token::state::TokenRead;
use proptest::prelude::*;

const MULTIPLIERS: [u128; 12] = [1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 16, 20];
const OWNERS: [Address; 5] = [
    Address::repeat_byte(0xa1),
    Address::repeat_byte(0xa2),
    Address::repeat_byte(0xa3),
    Address::repeat_byte(0xe1),
    Address::repeat_byte(0xe2),
];
/// The last two owners are operators.
const OPERATORS: [Address; 2] = [OWNERS[3], OWNERS[4]];
const YEAR: u64 = 4;
const UNLOCK: u64 = 3;
const MONTH: u64 = 5;
const MIN_AGE: u64 = 6;
const UNBINDING: u64 = 3;
/// Slashed amounts are rounded down by a touch; this much at most.
const TOLERANCE: u128 = 4;

fn params() -> StakingParams {
    StakingParams {
        year_days: YEAR as u32,
        unlock_days_per_year: UNLOCK as u32,
        month_days: MONTH as u32,
        dividend_min_days: MIN_AGE as u32,
        unbinding_days: UNBINDING as u32,
        ..StakingParams::default()
    }
}

fn begin(host: &mut TestHost) -> Result<(), String> {
    dividends::lifecycle::begin(host).map_err(|e| e.to_string())
}

fn end(host: &mut TestHost) -> Result<(), String> {
    dividends::lifecycle::end(host).map_err(|e| e.to_string())
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bond {
    Free,
    Joining,
    Counted,
    Leaving(u64),
}

/// What unlocks: locked on a day, and the days it takes.
#[derive(Debug, Clone, Copy)]
struct Unlocking {
    base: u128,
    base_day: u64,
    until: u64,
}

impl Unlocking {
    fn locked(&self, day: u64) -> u128 {
        let whole = u128::from(self.until - self.base_day);
        let left = u128::from(self.until.saturating_sub(day));
        (U256::from(self.base) * U256::from(left)).div_ceil(U256::from(whole)).to()
    }
}

#[derive(Debug, Clone)]
struct Position {
    owner: Address,
    id: u32,
    initial: u128,
    amount: u128,
    years: u64,
    start: u64,
    end_day: u64,
    validator: Option<usize>,
    bond: Bond,
    unlocking: Option<Unlocking>,
    income: u128,
    /// Amount × multiplier at the month's begin, until it is claimed.
    weight: u128,
    withdrawn: (u64, u128),
}

#[derive(Debug, Clone)]
enum Op {
    Stake { owner: usize, milli: u64, years: u64 },
    Delegate { owner: usize, to: usize, milli: u64, years: u64 },
    Register(usize),
    Leave(usize),
    Bind { at: usize, to: usize },
    Unbind(usize),
    Withdraw(usize),
    Unlock(usize),
    Restake { at: usize, years: u64 },
    Extend { at: usize, years: u64 },
    Claim(usize),
    Compound(usize),
    Income(usize),
    Earn { to: usize, milli: u64, commission: u16 },
    Epoch(usize),
    Slash { of: usize, per_mille: u128 },
    Fill(u64),
    Hours(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let at = || 0..64_usize;
    let years = || prop_oneof![1..=12_u64, 1..=3_u64];
    let milli = || 1_000..5_000_000_u64;
    prop_oneof![
        4 => (0..5_usize, milli(), years()).prop_map(|(owner, milli, years)| Op::Stake { owner, milli, years }),
        4 => (0..5_usize, 0..2_usize, milli(), years())
            .prop_map(|(owner, to, milli, years)| Op::Delegate { owner, to, milli, years }),
        1 => (0..2_usize).prop_map(Op::Register),
        1 => (0..2_usize).prop_map(Op::Leave),
        3 => (at(), 0..2_usize).prop_map(|(at, to)| Op::Bind { at, to }),
        2 => at().prop_map(Op::Unbind),
        4 => at().prop_map(Op::Withdraw),
        4 => at().prop_map(Op::Unlock),
        2 => (at(), 1..=12_u64).prop_map(|(at, years)| Op::Restake { at, years }),
        2 => (at(), 1..=12_u64).prop_map(|(at, years)| Op::Extend { at, years }),
        4 => at().prop_map(Op::Claim),
        3 => at().prop_map(Op::Compound),
        3 => at().prop_map(Op::Income),
        4 => (0..2_usize, 1..100_000_u64, 0..=2_000_u16)
            .prop_map(|(to, milli, commission)| Op::Earn { to, milli, commission }),
        4 => (0..2_usize).prop_map(Op::Epoch),
        3 => (0..2_usize, prop_oneof![Just(10_u128), Just(50), Just(333), 1..=900_u128, Just(1_000)])
            .prop_map(|(of, per_mille)| Op::Slash { of, per_mille }),
        2 => (1..1_000_000_u64).prop_map(Op::Fill),
        8 => prop_oneof![1..30_u64, 20..80_u64, Just(24 * 40)].prop_map(Op::Hours),
    ]
}

struct Model {
    world: World,
    positions: Vec<Position>,
    registered: [bool; 2],
    month: u64,
    /// Pool and β of the month.
    snapshot: (u128, U256),
    slashes: u32,
}

impl Model {
    fn new() -> Self {
        let world = World::with(params(), begin, end);
        let month = common::START / DAY / MONTH;
        Self { world, positions: Vec::new(), registered: [false; 2], month, snapshot: (0, U256::ZERO), slashes: 0 }
    }

    fn day(&self) -> u64 {
        self.world.env.time.0 / DAY
    }

    fn pick(&self, at: usize) -> Option<usize> {
        (!self.positions.is_empty()).then(|| at % self.positions.len())
    }

    fn open(&mut self, ids: staking::PositionIds, owner: Address, amount: u128, years: u64, to: Option<usize>) {
        let hundredth = if years < 12 { amount / 100 } else { 0 };
        self.open_one(ids.main, owner, amount - hundredth, years, to);
        assert_eq!(ids.attention.is_some(), hundredth > 0);
        if let Some(id) = ids.attention {
            self.open_one(id, owner, hundredth, 12, to);
        }
    }

    fn open_one(&mut self, id: PositionId, owner: Address, amount: u128, years: u64, to: Option<usize>) {
        let own = OPERATORS.iter().position(|o| *o == owner).filter(|v| self.registered[*v] && years >= 4);
        let validator = to.or(own);
        let start = self.world.env.time.0;
        self.positions.push(Position {
            owner,
            id: id.0,
            initial: amount,
            amount,
            years,
            start,
            end_day: (start + years * YEAR * DAY).div_ceil(DAY),
            validator,
            bond: if validator.is_some() { Bond::Joining } else { Bond::Free },
            unlocking: None,
            income: 0,
            weight: 0,
            withdrawn: (0, 0),
        });
    }

    fn free_if_due(&mut self, i: usize) {
        let age = self.world.env.age.0;
        let p = &mut self.positions[i];
        if matches!(p.bond, Bond::Leaving(until) if until <= age) {
            (p.bond, p.validator) = (Bond::Free, None);
        }
    }

    fn advance(&mut self, hours: u64) {
        // The queue comes at the end of the block: bounded far above what a case holds.
        for i in 0..self.positions.len() {
            self.free_if_due(i);
        }
        self.world.next(hours * DAY / 24);
        let (day, month) = (self.day(), self.day() / MONTH);
        for p in &mut self.positions {
            if p.unlocking.is_none() && p.end_day <= day {
                let until = p.end_day + p.years * UNLOCK;
                p.unlocking = Some(Unlocking { base: p.amount, base_day: p.end_day, until });
                if !matches!(p.bond, Bond::Leaving(_)) {
                    p.bond = Bond::Free;
                }
            }
        }
        if month != self.month {
            self.month = month;
            for p in &mut self.positions {
                p.weight = match p.unlocking {
                    None => p.amount * MULTIPLIERS[p.years as usize - 1],
                    Some(u) => u.locked(day),
                };
            }
            let beta = self.positions.iter().map(|p| U256::from(p.weight)).sum();
            self.snapshot = (self.world.pool(Pool::Dividend).wei(), beta);
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Stake { owner, milli, years } => {
                let amount = u128::from(milli) * 1_000_000_000_000_001;
                if amount >= 10_u128.pow(18) {
                    let ids = self.world.stake(OWNERS[owner], wei(amount), years);
                    self.open(ids, OWNERS[owner], amount, years, None);
                }
            }
            Op::Delegate { owner, to, milli, years } => {
                let amount = u128::from(milli) * 1_000_000_000_000_001;
                let ids = self.world.delegate(OWNERS[owner], OPERATORS[to], wei(amount), years);
                self.open(ids, OWNERS[owner], amount, years, Some(to));
            }
            Op::Register(v) => self.register(v),
            Op::Leave(v) => self.leave(v),
            Op::Earn { to, milli, commission } => self.earn(to, u128::from(milli) * 1_000_000_000_000_003, commission),
            Op::Epoch(v) => {
                self.world.epoch(OPERATORS[v]);
                let joined = self.positions.iter_mut().filter(|p| p.validator == Some(v) && p.bond == Bond::Joining);
                joined.for_each(|p| p.bond = Bond::Counted);
            }
            Op::Slash { of, per_mille } => self.slash(of, per_mille),
            Op::Fill(milli) => self.world.fill(Pool::Dividend, wei(u128::from(milli) * 1_000_000_000_000_007)),
            Op::Hours(hours) => self.advance(hours),
            other => self.on_position(other),
        }
    }

    fn register(&mut self, v: usize) {
        staking::bind_own(&mut self.world.host, OPERATORS[v], Amount::ZERO).unwrap();
        self.registered[v] = true;
        for i in 0..self.positions.len() {
            if self.positions[i].owner == OPERATORS[v] {
                self.free_if_due(i);
            }
            let p = &mut self.positions[i];
            if p.owner == OPERATORS[v] && p.unlocking.is_none() && p.validator.is_none() && p.years >= 4 {
                (p.validator, p.bond) = (Some(v), Bond::Joining);
            }
        }
    }

    fn leave(&mut self, v: usize) {
        staking::release_own(&mut self.world.host, OPERATORS[v]).unwrap();
        self.registered[v] = false;
        let until = self.world.env.age.0 + UNBINDING * DAY;
        for i in 0..self.positions.len() {
            if self.positions[i].owner == OPERATORS[v] {
                self.free_if_due(i);
            }
            let p = &mut self.positions[i];
            let own = p.owner == OPERATORS[v] && p.validator == Some(v);
            if own && !matches!(p.bond, Bond::Leaving(_)) {
                p.bond = Bond::Leaving(until);
            }
        }
    }

    fn earn(&mut self, v: usize, income: u128, commission: u16) {
        let kept = self.world.income(OPERATORS[v], wei(income), commission).wei();
        let counted = |p: &&mut Position| p.validator == Some(v) && p.bond == Bond::Counted && p.unlocking.is_none();
        let weight: u128 = self.positions.iter_mut().filter(counted).map(|p| p.amount * u128::from(p.years)).sum();
        if weight == 0 {
            return;
        }
        let mut expected = U256::ZERO;
        for p in self.positions.iter_mut().filter(counted) {
            let gross = U256::from(income) * U256::from(p.amount) * U256::from(p.years) / U256::from(weight);
            let own = p.owner == OPERATORS[v];
            let taken = if own { U256::ZERO } else { gross * U256::from(commission) / U256::from(10_000) };
            expected += taken;
            p.income += u128::try_from(gross - taken).unwrap();
        }
        let expected: u128 = expected.to();
        assert!(kept.abs_diff(expected) < 1_000_000, "commission {kept}, by hand {expected}");
    }

    fn slash(&mut self, v: usize, per_mille: u128) {
        let bound: Vec<usize> = (0..self.positions.len()).filter(|i| self.positions[*i].validator == Some(v)).collect();
        let taken = self.world.slash(OPERATORS[v], per_mille, 1_000).wei();
        self.slashes += 1;
        let day = self.day();
        let mut sum = 0;
        for i in bound.iter().copied() {
            let p = &mut self.positions[i];
            let loss = |amount: u128| (U256::from(amount) * U256::from(per_mille) / U256::from(1_000)).to::<u128>();
            let lost = match &mut p.unlocking {
                None => loss(p.amount),
                Some(u) if day < u.until => {
                    let locked = u.locked(day);
                    let lost = loss(locked);
                    (u.base, u.base_day) = (locked - lost, day);
                    lost
                }
                Some(_) => 0,
            };
            p.amount -= lost;
            sum += lost;
        }
        let slack = (bound.len() as u128 + 1) * u128::from(self.slashes + 1) * TOLERANCE;
        assert!(taken.abs_diff(sum) <= slack, "slashed {taken}, by hand {sum} of {} positions", bound.len());
    }

    fn on_position(&mut self, op: Op) {
        let at = match &op {
            Op::Bind { at, .. } | Op::Restake { at, .. } | Op::Extend { at, .. } => *at,
            Op::Unbind(at) | Op::Withdraw(at) | Op::Unlock(at) | Op::Claim(at) | Op::Compound(at) | Op::Income(at) => {
                *at
            }
            _ => return,
        };
        let Some(i) = self.pick(at) else { return };
        let before = self.positions[i].clone();
        let (owner, id) = (before.owner, PositionId(before.id));
        if before.amount == 0 && query::position(&self.world.host, owner, id).is_err() {
            // Whatever touches an empty position closes it.
            return;
        }
        let (day, month, age) = (self.day(), self.month, self.world.env.age.0);
        // A refused operation leaves everything as it was; an accepted one frees what is due first.
        let due = matches!(before.bond, Bond::Leaving(until) if until <= age);
        let validator = if due { None } else { before.validator };
        let ended = before.unlocking.is_some();
        let host = &mut self.world;
        let done = match op {
            Op::Bind { to, .. } => {
                let allowed = validator.is_none() && !ended;
                let done = host.attempt(|h| staking::bind(h, owner, id, OPERATORS[to])).is_ok();
                assert_eq!(done, allowed, "bind {before:?}");
                if done {
                    (self.positions[i].validator, self.positions[i].bond) = (Some(to), Bond::Joining);
                    return;
                }
                done
            }
            Op::Unbind(_) => {
                let own = validator.is_some_and(|v| OPERATORS[v] == owner && self.registered[v]);
                // Whoever is registered keeps what is bound to itself.
                let allowed = validator.is_some()
                    && !matches!(before.bond, Bond::Leaving(_))
                    && !(own && !ended && before.years >= 4);
                let done = host.attempt(|h| staking::unbind(h, owner, id)).is_ok();
                assert_eq!(done, allowed, "unbind {before:?}");
                if done {
                    self.positions[i].bond = Bond::Leaving(age + UNBINDING * DAY);
                }
                done
            }
            Op::Withdraw(_) => {
                let paid = host.attempt(|h| staking::withdraw(h, owner, id)).map_or(0, Amount::wei);
                let expected = if ended || before.start / DAY / MONTH == month { 0 } else { before.allowance(month) };
                assert_eq!(paid, expected, "withdrawal of {before:?}");
                let p = &mut self.positions[i];
                p.amount -= paid;
                p.withdrawn = (month, paid + if p.withdrawn.0 == month { p.withdrawn.1 } else { 0 });
                paid > 0
            }
            Op::Unlock(_) => {
                let paid = host.attempt(|h| staking::unlock(h, owner, id)).map_or(0, Amount::wei);
                let expected = before.unlocking.map_or(0, |u| before.amount - u.locked(day));
                assert!(paid.abs_diff(expected) <= TOLERANCE, "unlocked {paid}, by hand {expected}: {before:?}");
                self.positions[i].amount -= paid;
                paid > 0
            }
            Op::Restake { years, .. } => {
                let amount = before.unlocking.map_or(0, |u| before.amount - u.locked(day));
                match host.attempt(|h| staking::restake(h, owner, id, years)) {
                    Err(e) => assert!(amount < 10_u128.pow(18) + TOLERANCE, "{e}"),
                    Ok(ids) => {
                        self.positions[i].amount -= amount;
                        self.open(ids, owner, amount, years, None);
                    }
                }
                amount >= 10_u128.pow(18)
            }
            Op::Extend { years, .. } => {
                let allowed = !ended && years > before.years;
                let done = host.attempt(|h| staking::extend(h, owner, id, years)).is_ok();
                assert_eq!(done, allowed, "extension of {before:?}");
                if done {
                    let own = OPERATORS.iter().position(|o| *o == owner).filter(|v| self.registered[*v] && years >= 4);
                    let p = &mut self.positions[i];
                    p.years = years;
                    p.end_day = (p.start + years * YEAR * DAY).div_ceil(DAY);
                    if let (None, Some(v)) = (validator, own) {
                        (p.validator, p.bond) = (Some(v), Bond::Joining);
                        return;
                    }
                }
                done
            }
            Op::Claim(_) | Op::Compound(_) => {
                let compound = matches!(op, Op::Compound(_));
                let old = self.world.env.time.0 - before.start >= MIN_AGE * DAY;
                let (pool, beta) = self.snapshot;
                let share = U256::from(before.weight) * U256::from(pool);
                let expected: u128 = if old && !beta.is_zero() { (share / beta).to() } else { 0 };
                let result = self.world.attempt(|h| {
                    if compound { dividends::compound(h, owner, id) } else { dividends::claim(h, owner, id) }
                });
                let paid = match &result {
                    Ok(paid) => paid.wei(),
                    // The validator lost everything since: nothing can be added there.
                    Err(_) if compound && (ended || before.amount == 0) => return,
                    Err(_) => 0,
                };
                let slack = pool / 10_u128.pow(15) + TOLERANCE;
                assert!(
                    paid.abs_diff(expected) <= slack,
                    "dividend {paid}, by hand {expected}: {before:?}, {result:?}"
                );
                if paid > 0 {
                    let p = &mut self.positions[i];
                    p.weight = 0;
                    if compound {
                        p.amount += paid;
                        p.initial += paid;
                    }
                }
                paid > 0
            }
            Op::Income(_) => {
                let paid = host.attempt(|h| staking::claim_rewards(h, owner, id)).map_or(0, Amount::wei);
                assert!(paid.abs_diff(before.income) < 10_000_000, "income {paid}, by hand {}", before.income);
                self.positions[i].income = 0;
                paid > 0
            }
            _ => false,
        };
        if done {
            self.free_if_due(i);
        }
    }

    /// Compares everything, then takes over what rounding took.
    fn compare(&mut self) {
        let day = self.day();
        let mut open = Vec::new();
        let mut kept = Vec::new();
        for mut p in core::mem::take(&mut self.positions) {
            let ids = open.iter().find(|(owner, _)| *owner == p.owner);
            let infos = match ids {
                Some((_, infos)) => infos,
                None => {
                    let infos = query::position_infos(&self.world.host, p.owner).unwrap();
                    open.push((p.owner, infos));
                    &open.last().unwrap().1
                }
            };
            let Some(info) = infos.iter().find(|info| info.id.0 == p.id) else {
                assert!(p.amount <= TOLERANCE && p.income < 10_000_000, "closed with {p:?}");
                continue;
            };
            let found = info.amount.wei();
            assert!(found.abs_diff(p.amount) <= TOLERANCE, "{found}, by hand {p:?}");
            assert_eq!((info.years, info.ended), (p.years as u8, p.unlocking.is_some()), "{p:?}");
            assert_eq!(info.validator, p.validator.map(|v| OPERATORS[v]), "{p:?}");
            let bond = match p.bond {
                Bond::Free => "none",
                Bond::Joining => "joining",
                Bond::Counted => "counted",
                Bond::Leaving(_) => "unbinding",
            };
            // A book that was slashed whole has no epochs any more.
            assert!(info.bond == bond || p.amount == 0, "{} is not {p:?}", info.bond);
            assert!(info.income.wei().abs_diff(p.income) < 10_000_000, "{} of income, by hand {p:?}", info.income);
            if let Some(u) = &mut p.unlocking {
                let locked = found - info.unlocked.wei();
                assert!(locked.abs_diff(u.locked(day)) <= TOLERANCE, "{locked} locked, by hand {p:?}");
                if day < u.until && locked != u.locked(day) {
                    (u.base, u.base_day) = (locked, day);
                }
            }
            (p.amount, p.income) = (found, info.income.wei());
            kept.push(p);
        }
        let total: usize = open.iter().map(|(_, infos)| infos.len()).sum();
        assert_eq!(total, kept.len());
        self.positions = kept;
        self.conservation();
    }

    fn conservation(&mut self) {
        self.world.check();
        let broken = dividends::invariants::check(&self.world.host, &self.world.env).unwrap();
        assert!(broken.is_empty(), "{broken:#?}");
        // D4: nothing is made and nothing is lost.
        let mut sum = Pool::ALL.iter().map(|p| self.world.pool(*p).wei()).sum::<u128>();
        for owner in OWNERS {
            sum += Host::balance(&mut self.world.host, owner).unwrap().wei();
        }
        assert_eq!(sum, self.world.host.total_supply().unwrap().wei());
        let (month, snapshot) = (self.month as u32, self.snapshot);
        if let Some(found) = dividends::query::snapshot(&self.world.host, defchain_base::Month(month)).unwrap()
            && !snapshot.1.is_zero()
        {
            let slack = U256::from((self.positions.len() as u128 + 64) * u128::from(self.slashes + 1) * 80);
            assert_eq!(found.pool.wei(), snapshot.0);
            assert!(found.beta.abs_diff(snapshot.1) <= slack, "beta {}, by hand {}", found.beta, snapshot.1);
        }
    }
}

impl Position {
    fn allowance(&self, month: u64) -> u128 {
        let allowance = self.initial / u128::from(self.years * 12);
        let taken = if self.withdrawn.0 == month { self.withdrawn.1 } else { 0 };
        let left = allowance.saturating_sub(taken).min(self.amount);
        if self.amount - left < allowance { self.amount } else { left }
    }
}

/// Lives a script; every step is compared with the model.
fn live(ops: Vec<Op>) {
    let mut model = Model::new();
    model.world.fill(Pool::Dividend, def(1_000));
    for op in ops {
        model.apply(op);
        model.compare();
    }
    // Everybody leaves: nothing but dust may be left.
    for v in 0..2 {
        model.leave(v);
    }
    for at in 0..model.positions.len() {
        model.apply(Op::Unbind(at));
    }
    for _ in 0..3 {
        model.advance(24 * 40);
        model.compare();
    }
    for at in (0..model.positions.len()).rev() {
        model.apply(Op::Unlock(at));
        model.apply(Op::Income(at));
    }
    model.advance(24 * 40);
    model.compare();
    let left = model.world.pool(Pool::Staking).wei();
    assert!(left <= 4_000, "{left} wei are left of stakes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stakes_live_as_the_rules_say(ops in prop::collection::vec(op(), 1..90)) {
        live(ops);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "minutes: cargo test --release -p defchain-dividends --test model -- --ignored"]
    fn many_stakes_live_as_the_rules_say(ops in prop::collection::vec(op(), 1..200)) {
        live(ops);
    }
}
