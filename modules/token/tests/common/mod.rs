//! A state with accounts, and the sums that must hold.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use defchain_base::{
    Address, AgeMillis, Amount, BlockEnv, EmptyState, Overlay, StateRead, Substore, read_exact_value, system::Pool,
};
use defchain_token::{
    AccountRecord, BlockHost, Effects, Ledger, Movement, Shares, TokenParams, invariants,
    state::{TokenRead, TokenWrite},
};

pub const HOUR: u64 = 3_600_000;
pub const DAY: u64 = 24 * HOUR;

pub struct World {
    pub host: BlockHost<Overlay<EmptyState>>,
    pub params: TokenParams,
    /// What transactions of the present block gave to pools.
    pub shares: Shares,
    pub settled: usize,
}

impl World {
    pub fn new(params: TokenParams) -> Self {
        let mut host = BlockHost::new(Overlay::new(EmptyState), BlockEnv::default());
        host.put_token_params(&params).unwrap();
        Self { host, params, shares: Shares::default(), settled: 0 }
    }

    pub fn now(&self) -> AgeMillis {
        defchain_base::native::Host::block(&self.host).age
    }

    pub fn wait(&mut self, ms: u64) {
        let age = AgeMillis(self.now().0 + ms);
        self.host.set_env(BlockEnv { age, ..BlockEnv::default() });
    }

    /// New money.
    pub fn give(&mut self, to: Address, amount: Amount) {
        let mut ledger = Ledger::new(&self.params, self.now());
        ledger.credit_fresh(&self.host, &to, amount).unwrap();
        let effects = ledger.write(&mut self.host).unwrap();
        self.keep(effects);
        self.host.raise_supply(amount).unwrap();
    }

    pub fn apply(&mut self, movement: Movement) {
        let mut ledger = Ledger::new(&self.params, self.now());
        ledger.apply(&self.host, &movement).unwrap();
        let effects = ledger.write(&mut self.host).unwrap();
        self.keep(effects);
    }

    fn keep(&mut self, effects: Effects) {
        self.settled += effects.settled.len();
        self.shares = self.shares.plus(effects.shares).unwrap();
    }

    pub fn settle(&mut self, account: Address) {
        self.apply(Movement::Settle { account });
    }

    pub fn sweep(&mut self) -> u32 {
        let now = self.now();
        let swept = defchain_token::sweep(&mut self.host, &self.params, now).unwrap();
        self.keep(swept.effects);
        swept.accounts
    }

    pub fn spendable(&self, address: Address) -> u128 {
        self.host.effective_balance(&address, self.now()).unwrap().wei()
    }

    pub fn record(&self, address: Address) -> AccountRecord {
        self.host.account(&address).unwrap().unwrap_or_default()
    }

    /// Σ nominal balances + Σ pools.
    pub fn held(&self) -> u128 {
        let accounts = self.host.range_raw(Substore::Evm, b"a", b"b", 100_000).unwrap();
        let balances: u128 = accounts
            .iter()
            .map(|(_, v)| read_exact_value::<AccountRecord>(v).unwrap().nominal_balance(&self.params).unwrap().wei())
            .sum();
        balances + Pool::ALL.iter().map(|p| self.host.pool(*p).unwrap().wei()).sum::<u128>()
    }

    /// What is broken, once the block's shares are credited.
    pub fn broken(&mut self) -> Vec<String> {
        self.shares.credit(&mut self.host).unwrap();
        self.shares = Shares::default();
        let env = *defchain_base::native::Host::block(&self.host);
        invariants::check(&self.host, &env).unwrap()
    }

    /// Entries of the expiry index.
    pub fn places(&self) -> usize {
        self.host.range_raw(Substore::Def, b"token/expiry/", b"token/expiry0", 100_000).unwrap().len()
    }
}

pub fn address(n: u8) -> Address {
    if n == 9 { Pool::Technical.address() } else { Address::repeat_byte(n + 1) }
}
