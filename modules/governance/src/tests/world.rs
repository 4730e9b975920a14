//! A chain with staked accounts, pools and one executor, for tests.

use defchain_base::{
    Address, AgeMillis, Amount, BlockEnv, EmptyState, Height, Overlay, StateRead, StateReadExt, StateWriteExt,
    Timestamp, native::Host, params::ModuleParams, system::Pool,
};
use defchain_slashing::SlashingParams;
use defchain_staking::StakingParams;
use defchain_token::{
    BlockHost, TokenParams,
    state::{TokenRead, TokenWrite},
};

use crate::{
    Action, Executor, GovernanceError, GovernanceParams, GovernanceRead, Status, Verdict, check_module,
    execute::set_module, invariants, keys::Number, lifecycle, msg,
};

pub const HOUR: u64 = 3_600_000;
pub const DAY: u64 = 24 * HOUR;
pub const START: u64 = 1_800_000_000_000;
pub const DEPOSIT: Amount = Amount::from_def(1_000);

pub fn who(n: u8) -> Address {
    Address::repeat_byte(n)
}

/// An application with three modules and an upgrade plan that is a height.
pub struct App;

struct PlanKey;

impl defchain_base::StateKey for PlanKey {
    type Value = Number;
    const SUBSTORE: defchain_base::Substore = defchain_base::Substore::Sys;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(b"test/plan");
    }
}

impl Executor for App {
    fn check_param(state: &dyn StateRead, module: &str, key: &str, value: &[u8]) -> Verdict {
        match module {
            "governance" => check_module::<GovernanceParams>(state, key, value),
            "slashing" => check_module::<SlashingParams>(state, key, value),
            "staking" => check_module::<StakingParams>(state, key, value),
            _ => Ok(Err(format!("there is no module {module:?}"))),
        }
    }

    fn set_param(host: &mut dyn Host, module: &str, key: &str, value: &[u8]) -> Verdict {
        match module {
            "governance" => set_module::<GovernanceParams>(host, key, value),
            "slashing" => set_module::<SlashingParams>(host, key, value),
            "staking" => set_module::<StakingParams>(host, key, value),
            _ => Ok(Err(format!("there is no module {module:?}"))),
        }
    }

    fn check_upgrade(host: &dyn Host, height: Height, _: u64, _: &str) -> Verdict {
        let now = host.block().height;
        Ok(if height > now { Ok(()) } else { Err(format!("height is {height}, this is block {now}")) })
    }

    fn schedule_upgrade(host: &mut dyn Host, height: Height, _: u64, _: &str) -> Verdict {
        host.write(&PlanKey, &Number(height.0)).map(Ok)
    }

    fn cancel_upgrade(host: &mut dyn Host) -> Verdict {
        if host.read(&PlanKey)?.is_none() {
            return Ok(Err("no upgrade is scheduled".to_owned()));
        }
        host.remove(&PlanKey).map(Ok)
    }
}

pub struct World {
    pub host: BlockHost<Overlay<EmptyState>>,
    pub supply: Amount,
}

impl World {
    /// Accounts 1 to 5 with stakes of 100, 200, 300, 400, 500 DEF for one year, opened a day ago: β_PoD is 1,500 DEF-years.
    pub fn new() -> Self {
        let env =
            BlockEnv { height: Height(10), time: Timestamp(START - DAY), age: AgeMillis(DAY), ..BlockEnv::default() };
        let mut host = BlockHost::new(Overlay::new(EmptyState), env);
        host.put_token_params(&TokenParams::economy()).unwrap();
        for pool in [Pool::Treasury, Pool::Technical, Pool::Marketing] {
            host.credit_pool(pool, Amount::from_def(10_000)).unwrap();
            host.raise_supply(Amount::from_def(10_000)).unwrap();
        }
        let mut world = Self { host, supply: Amount::ZERO };
        for n in 1..=5 {
            world.stake(n, 100 * u64::from(n));
        }
        world.pass(DAY);
        world.supply = world.host.total_supply().unwrap();
        world
    }

    pub fn stake(&mut self, n: u8, def: u64) {
        let amount = Amount::from_def(def);
        defchain_staking::genesis::open_position(&mut self.host, who(n), amount, 1, None, None).unwrap();
    }

    /// A validator with 20,000 DEF of its own for four years.
    pub fn found_validator(&mut self, operator: Address) {
        use defchain_validators::{genesis, pop::BlsSecret};
        // The public key of RFC 8032's first test.
        let key = alloy_primitives::b256!("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let validator = genesis::GenesisValidator {
            operator,
            moniker: "v".to_owned(),
            country: defchain_geo::Country::parse("DE").unwrap(),
            consensus_key: key,
            bls_key: BlsSecret::from_seed(&[1; 32]).unwrap().public().to_vec().into(),
            commission_bps: 500,
            stake: Amount::from_def(20_000),
            years: 4,
            attestation_expiry: None,
        };
        let section = genesis::Section { validators: vec![validator], ..Default::default() };
        section.apply(&mut self.host, Height(1)).unwrap();
    }

    /// New money: not for after the supply was taken down.
    pub fn fund(&mut self, to: Address, amount: Amount) {
        self.host.credit_pool(Pool::Validators, amount).unwrap();
        self.host.raise_supply(amount).unwrap();
        self.host.pay(Pool::Validators, to, amount).unwrap();
    }

    /// Both clocks go on; the next block.
    pub fn pass(&mut self, millis: u64) {
        let env = *self.host.block();
        self.host.set_env(BlockEnv {
            height: env.height.next(),
            time: Timestamp(env.time.0 + millis),
            age: AgeMillis(env.age.0 + millis),
            ..env
        });
    }

    pub fn try_propose(&mut self, action: Action, deposit: Amount) -> Result<u64, GovernanceError> {
        self.fund(who(1), deposit);
        self.host.deposit(who(1), Pool::Governance, deposit).unwrap();
        let checkpoint = self.host.state_mut().checkpoint();
        let result = msg::propose::propose::<App>(&mut self.host, who(1), deposit, action, "because".to_owned());
        if result.is_err() {
            self.host.state_mut().revert(checkpoint);
            // What the EVM does with the value of a call that reverts.
            self.host.pay(Pool::Governance, who(1), deposit).unwrap();
        }
        result
    }

    pub fn propose(&mut self, action: Action) -> u64 {
        self.try_propose(action, DEPOSIT).unwrap()
    }

    pub fn refused(&mut self, action: Action) -> String {
        self.try_propose(action, DEPOSIT).unwrap_err().to_string()
    }

    pub fn vote(&mut self, n: u8, id: u64, choice: u8) -> Result<(), String> {
        msg::vote::vote(&mut self.host, who(n), id, choice).map(drop).map_err(|e| e.to_string())
    }

    pub fn approve(&mut self, signer: Address, id: u64, approve: bool) -> Result<usize, String> {
        msg::approve::approve(&mut self.host, signer, id, approve).map_err(|e| e.to_string())
    }

    pub fn end(&mut self) {
        lifecycle::end::<App>(&mut self.host).unwrap();
        self.check();
    }

    pub fn check(&mut self) {
        let env = *self.host.block();
        assert_eq!(invariants::check(&self.host, &env).unwrap(), Vec::<String>::new());
    }

    pub fn status(&self, id: u64) -> Status {
        self.host.proposal(id).unwrap().1.status
    }

    /// All yes, then the end of the vote and of the timelock.
    pub fn carry(&mut self, action: Action) -> (u64, Status) {
        let id = self.propose(action);
        for n in 1..=5 {
            self.vote(n, id, 1).unwrap();
        }
        self.finish(id)
    }

    /// Lets the vote and the timelock pass.
    pub fn finish(&mut self, id: u64) -> (u64, Status) {
        for _ in 0..2 {
            let due = self.host.proposal(id).unwrap().1.due;
            let now = self.host.block().time;
            self.pass(due.0.saturating_sub(now.0));
            self.end();
        }
        (id, self.status(id))
    }

    pub fn pool(&self, pool: Pool) -> Amount {
        self.host.pool(pool).unwrap()
    }

    pub fn params<P: ModuleParams>(&self) -> P {
        P::load(&self.host).unwrap()
    }

    pub fn balance(&mut self, address: Address) -> Amount {
        self.host.balance(address).unwrap()
    }

    pub fn events(&self, name: &str) -> usize {
        let topic = alloy_primitives::keccak256(name);
        self.host.logs().iter().filter(|l| l.topics().first() == Some(&topic)).count()
    }
}
