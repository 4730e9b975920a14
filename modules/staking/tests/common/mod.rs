//! A chain of blocks over the modules alone, for tests of staking and dividends.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

use defchain_base::{
    Address, AgeMillis, Amount, BlockEnv, EmptyState, Height, Overlay, Timestamp, native::Host, params::ModuleParams,
    system::Pool,
};
use defchain_staking::{self as staking, PositionId, PositionIds, StakingError, StakingParams, genesis, query};
use defchain_token::{
    BlockHost, Ledger, TokenParams,
    state::{TokenRead, TokenWrite},
};

/// Milliseconds of a day.
pub const DAY: u64 = 86_400_000;
/// 2026-01-10T00:00:00Z.
pub const START: u64 = 1_768_003_200_000;

pub type TestHost = BlockHost<Overlay<EmptyState>>;
/// What runs at the begin or end of a block.
pub type Step = fn(&mut TestHost) -> Result<(), String>;

pub const ALICE: Address = Address::repeat_byte(0xa1);
pub const BOB: Address = Address::repeat_byte(0xb0);
pub const CAROL: Address = Address::repeat_byte(0xca);
pub const VALIDATOR: Address = Address::repeat_byte(0x77);
pub const OTHER: Address = Address::repeat_byte(0x88);

pub struct World {
    pub host: TestHost,
    pub env: BlockEnv,
    begin: Step,
    end: Step,
}

pub const fn def(n: u64) -> Amount {
    Amount::from_def(n)
}

pub const fn wei(n: u128) -> Amount {
    Amount::from_wei(n)
}

fn staking_begin(host: &mut TestHost) -> Result<(), String> {
    staking::lifecycle::begin(host).map_err(|e| e.to_string())
}

fn staking_end(host: &mut TestHost) -> Result<(), String> {
    staking::lifecycle::end(host).map_err(|e| e.to_string())
}

impl World {
    /// Money does not age; staking's parameters are the rulings'.
    pub fn new() -> Self {
        Self::with(StakingParams::default(), staking_begin, staking_end)
    }

    pub fn with(params: StakingParams, begin: Step, end: Step) -> Self {
        Self::with_genesis(&genesis::Section { params, positions: Vec::new() }, begin, end)
    }

    pub fn with_genesis(section: &genesis::Section, begin: Step, end: Step) -> Self {
        let env = BlockEnv { time: Timestamp(START), height: Height(0), ..BlockEnv::default() };
        let mut host = BlockHost::new(Overlay::new(EmptyState), env);
        host.put_token_params(&TokenParams::plain()).unwrap();
        section.apply(&mut host).unwrap();
        let mut world = Self { host, env, begin, end };
        world.next(0);
        world
    }

    /// Ends the block and begins the next, `millis` later.
    pub fn next(&mut self, millis: u64) {
        if self.env.height.0 > 0 {
            (self.end)(&mut self.host).unwrap();
        }
        self.env.height = self.env.height.next();
        self.env.time = Timestamp(self.env.time.0 + millis);
        self.env.age = AgeMillis(self.env.age.0 + millis);
        self.host.set_env(self.env);
        (self.begin)(&mut self.host).unwrap();
    }

    pub fn days(&mut self, days: u64) {
        self.next(days * DAY);
    }

    /// The first block at `year`-`month`-01 or later.
    pub fn reach_month(&mut self, month: u32) {
        while query::clock(&self.host).unwrap().month.0 < month {
            self.days(1);
        }
    }

    pub fn fund(&mut self, owner: Address, amount: Amount) {
        let params = self.host.token_params().unwrap();
        let mut ledger = Ledger::new(&params, self.env.age);
        ledger.credit_fresh(self.host.state_mut(), &owner, amount).unwrap();
        let _effects = ledger.write(self.host.state_mut()).unwrap();
        self.host.raise_supply(amount).unwrap();
    }

    pub fn fill(&mut self, pool: Pool, amount: Amount) {
        self.host.credit_pool(pool, amount).unwrap();
        self.host.raise_supply(amount).unwrap();
    }

    pub fn balance(&mut self, owner: Address) -> Amount {
        Host::balance(&mut self.host, owner).unwrap()
    }

    pub fn pool(&self, pool: Pool) -> Amount {
        self.host.pool(pool).unwrap()
    }

    /// Runs a message as a transaction: an error undoes what it wrote.
    pub fn attempt<T, E>(&mut self, with: impl FnOnce(&mut TestHost) -> Result<T, E>) -> Result<T, E> {
        let checkpoint = self.host.state_mut().checkpoint();
        let result = with(&mut self.host);
        if result.is_err() {
            self.host.state_mut().revert(checkpoint);
        }
        result
    }

    /// Pays the owner and stakes it.
    pub fn try_stake(&mut self, owner: Address, amount: Amount, years: u64) -> Result<PositionIds, StakingError> {
        self.fund(owner, amount);
        self.attempt(|host| {
            host.deposit(owner, Pool::Staking, amount).unwrap();
            staking::stake(host, owner, amount, years)
        })
    }

    pub fn stake(&mut self, owner: Address, amount: Amount, years: u64) -> PositionIds {
        self.try_stake(owner, amount, years).unwrap()
    }

    pub fn delegate(&mut self, owner: Address, to: Address, amount: Amount, years: u64) -> PositionIds {
        self.fund(owner, amount);
        self.attempt(|host| {
            host.deposit(owner, Pool::Staking, amount).unwrap();
            staking::open_bound(host, owner, to, amount, years)
        })
        .unwrap()
    }

    /// Slashes, and burns what was slashed, as the caller must.
    pub fn slash(&mut self, operator: Address, num: u128, den: u128) -> Amount {
        let amount = staking::slash(&mut self.host, operator, staking::Fraction { num, den }).unwrap();
        Host::burn(&mut self.host, Pool::Staking, amount).unwrap();
        amount
    }

    /// Gives a validator income.
    pub fn income(&mut self, operator: Address, amount: Amount, commission: u16) -> Amount {
        self.fill(Pool::Validators, amount);
        staking::add_income(&mut self.host, operator, amount, defchain_base::Bps(commission)).unwrap()
    }

    pub fn epoch(&mut self, operator: Address) {
        staking::start_epoch(&mut self.host, operator, true).unwrap();
    }

    pub fn info(&self, owner: Address, id: PositionId) -> query::PositionInfo {
        query::position(&self.host, owner, id).unwrap()
    }

    pub fn set_params(&mut self, change: impl FnOnce(&mut StakingParams)) {
        let mut params = StakingParams::load(&self.host).unwrap();
        change(&mut params);
        params.store(&mut self.host).unwrap();
    }

    /// Asserts staking's invariants.
    #[track_caller]
    pub fn check(&self) {
        let broken = staking::invariants::check(&self.host, &self.env).unwrap();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}
