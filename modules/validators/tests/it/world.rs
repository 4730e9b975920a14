//! A chain of nothing but this module and those below it.

use std::collections::{BTreeMap, BTreeSet};

use alloy_sol_types::SolEvent;
use defchain_base::{
    Address, AgeMillis, Amount, B256, BlockEnv, ConsensusAddress, EmptyState, Height, Overlay, Timestamp, U256,
    keccak256, params::ModuleParams, system::Pool,
};
use defchain_geo::{Attestation, Country, add_verifier};
use defchain_staking::{self as staking, PositionIds};
use defchain_token::{BlockHost, TokenParams, state::TokenRead, state::TokenWrite};
use defchain_validators::{
    Registration, TOTAL_POWER, ValidatorParams, ValidatorRecord, ValidatorsError, Vote,
    genesis::{GenesisValidator, Section},
    lifecycle, pop, register,
    state::ValidatorsRead,
};
use ed25519_consensus::SigningKey;
use secp256k1::{Message, SECP256K1, SecretKey};

pub const START: u64 = 1_800_000_000;
pub const DAY: u64 = 86_400;
pub const CHAIN: u64 = 35_679;
pub const VERIFIER: u8 = 201;
pub const EPOCH: u64 = 10;

pub type TestHost = BlockHost<Overlay<EmptyState>>;

pub struct World {
    pub host: TestHost,
    /// CometBFT's set by the height from which it holds.
    pub comet: BTreeMap<u64, BTreeMap<[u8; 32], u64>>,
    /// Who does not sign.
    pub absent: BTreeSet<Address>,
    /// Who proposes the next blocks.
    pub proposer: Address,
    nonce: u64,
}

pub fn who(n: u8) -> Address {
    Address::repeat_byte(n)
}

pub fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

pub fn def(n: u64) -> Amount {
    Amount::from_def(n)
}

pub fn consensus_secret(n: u16) -> SigningKey {
    SigningKey::from(keccak256(n.to_be_bytes()).0)
}

pub fn consensus_key(n: u16) -> [u8; 32] {
    consensus_secret(n).verification_key().to_bytes()
}

pub fn consensus_proof(n: u16, operator: Address) -> Vec<u8> {
    let message = pop::consensus_message(CHAIN, operator, &consensus_key(n));
    consensus_secret(n).sign(&message).to_bytes().to_vec()
}

pub fn bls_secret(n: u16) -> pop::BlsSecret {
    pop::BlsSecret::from_seed(&keccak256(n.to_le_bytes()).0).unwrap()
}

pub fn verifier_key(n: u8) -> SecretKey {
    SecretKey::from_byte_array([n; 32]).unwrap()
}

pub fn verifier_address(n: u8) -> Address {
    Address::from_word(keccak256(&verifier_key(n).public_key(SECP256K1).serialize_uncompressed()[1..]))
}

pub fn sign(n: u8, attestation: &Attestation) -> Vec<u8> {
    let hash = Message::from_digest(attestation.signing_hash(CHAIN).0);
    let (parity, rs) = SECP256K1.sign_ecdsa_recoverable(hash, &verifier_key(n)).serialize_compact();
    [&rs[..], &[27 + u8::try_from(i32::from(parity)).unwrap()]].concat()
}

/// A genesis validator with keys number `n` and 10,000 DEF for four years.
pub fn first(n: u8, code: &str) -> GenesisValidator {
    GenesisValidator {
        operator: who(n),
        moniker: format!("v{n}"),
        country: country(code),
        consensus_key: B256::new(consensus_key(n.into())),
        bls_key: bls_secret(n.into()).public().to_vec().into(),
        commission_bps: 1_000,
        stake: def(10_000),
        years: 4,
        attestation_expiry: Some(START + 300 * DAY),
    }
}

pub fn params() -> ValidatorParams {
    ValidatorParams { epoch_blocks: EPOCH, activation_threshold: 1, ..ValidatorParams::default() }
}

impl World {
    /// A chain with these validators, after genesis and before block 1.
    pub fn new(validators: Vec<GenesisValidator>) -> Self {
        Self::with(params(), validators)
    }

    pub fn with(params: ValidatorParams, validators: Vec<GenesisValidator>) -> Self {
        let env = BlockEnv { chain_id: CHAIN, time: Timestamp(START * 1_000), ..BlockEnv::default() };
        let mut host = BlockHost::new(Overlay::new(EmptyState), env);
        host.state_mut().put_token_params(&TokenParams::economy()).unwrap();
        staking::genesis::Section::default().apply(&mut host).unwrap();
        defchain_geo::GeoParams::default().store(&mut host).unwrap();
        add_verifier(&mut host, verifier_address(VERIFIER), "Test").unwrap();
        let proposer = validators[0].operator;
        let section = Section { params, validators };
        assert_eq!(section.problems(START), Vec::<String>::new());
        let updates = section.apply(&mut host, Height(1)).unwrap();
        let set = updates.iter().map(|u| (u.key, u.power)).collect();
        Self { host, comet: BTreeMap::from([(1, set)]), absent: BTreeSet::new(), proposer, nonce: 0 }
    }

    pub fn height(&self) -> u64 {
        self.env().height.0
    }

    pub fn env(&self) -> BlockEnv {
        use defchain_base::native::Host;
        *self.host.block()
    }

    /// CometBFT's set of a height.
    pub fn set_of(&self, height: u64) -> &BTreeMap<[u8; 32], u64> {
        self.comet.range(..=height).next_back().unwrap().1
    }

    /// Power of an operator in CometBFT's set of a height, by whatever key.
    pub fn power_at(&self, height: u64, operator: Address) -> u64 {
        let of = |key: &[u8; 32]| self.host.operator_of(ConsensusAddress::of_ed25519(key)).unwrap();
        self.set_of(height).iter().filter(|(key, _)| of(key) == Some(operator)).map(|(_, p)| *p).sum()
    }

    /// A block one second after the last.
    pub fn block(&mut self, transactions: impl FnOnce(&mut Self)) {
        self.block_after(1, transactions);
    }

    /// A block `seconds` after the last. The age clock follows the header's time, as on a chain that never stands still.
    pub fn block_after(&mut self, seconds: u64, transactions: impl FnOnce(&mut Self)) {
        let mut env = self.env();
        env.height = env.height.next();
        env.time = Timestamp(env.time.0 + seconds * 1_000);
        env.age = AgeMillis(env.age.0 + seconds * 1_000);
        env.beneficiary = self.proposer;
        self.host.set_env(env);
        staking::lifecycle::begin(&mut self.host).unwrap();
        let votes = if env.height == Height(1) { Vec::new() } else { self.votes(env.height.0 - 1) };
        lifecycle::begin(&mut self.host, &votes).unwrap();
        transactions(self);
        staking::lifecycle::end(&mut self.host).unwrap();
        let updates = lifecycle::end(&mut self.host).unwrap();
        self.apply(env.height.0, &updates);
        self.check();
    }

    pub fn votes(&self, height: u64) -> Vec<Vote> {
        let vote = |(key, power): (&[u8; 32], &u64)| {
            let address = ConsensusAddress::of_ed25519(key);
            let operator = self.host.operator_of(address).unwrap().unwrap();
            Vote { address, power: *power, signed: !self.absent.contains(&operator) }
        };
        self.set_of(height).iter().map(vote).collect()
    }

    /// What CometBFT does with updates of a block, with its refusals.
    fn apply(&mut self, height: u64, updates: &[defchain_validators::PowerUpdate]) {
        if updates.is_empty() {
            return;
        }
        let mut set = self.set_of(height + 2).clone();
        let keys: BTreeSet<_> = updates.iter().map(|u| u.key).collect();
        assert_eq!(keys.len(), updates.len(), "CometBFT refuses a key that is updated twice");
        for update in updates {
            if update.power == 0 {
                assert!(set.remove(&update.key).is_some(), "CometBFT refuses to remove an unknown validator");
            } else {
                set.insert(update.key, update.power);
            }
        }
        assert!(!set.is_empty(), "CometBFT refuses an empty set");
        self.comet.insert(height + 2, set);
    }

    /// All invariants, and that state keeps the sets that CometBFT has.
    pub fn check(&self) {
        let env = self.env();
        for found in [
            defchain_validators::invariants::check(&self.host, &env).unwrap(),
            staking::invariants::check(&self.host, &env).unwrap(),
            defchain_geo::invariants::check(&self.host, &env).unwrap(),
        ] {
            assert_eq!(found, Vec::<String>::new(), "height {}", env.height);
        }
        for height in env.height.0..=env.height.0 + 2 {
            let kept = self.host.set_at(Height(height)).unwrap().unwrap();
            let kept: BTreeMap<_, _> = kept.0.iter().map(|m| (m.key, m.power)).collect();
            assert_eq!(&kept, self.set_of(height), "D28: the set of height {height}, at height {}", env.height);
            assert_eq!(kept.values().map(|p| u128::from(*p)).sum::<u128>(), u128::from(TOTAL_POWER));
        }
        assert!(self.host.sets().unwrap().len() <= 4);
    }

    pub fn blocks(&mut self, n: u64) {
        for _ in 0..n {
            self.block(|_| {});
        }
    }

    /// Up to and including the last block of the present epoch.
    pub fn boundary(&mut self) {
        let number = self.epoch_number();
        while self.epoch_number() == number {
            self.block(|_| {});
        }
    }

    /// The same with all the time in the next block.
    pub fn boundary_after(&mut self, seconds: u64) {
        self.block_after(seconds, |_| {});
        self.boundary();
    }

    pub fn epoch_number(&self) -> u64 {
        self.host.epoch().unwrap().unwrap().number
    }

    pub fn record(&self, operator: Address) -> ValidatorRecord {
        self.host.validator(operator).unwrap().unwrap()
    }

    /// A message that is undone when it fails, as its frame is.
    pub fn run<T>(
        &mut self,
        message: impl FnOnce(&mut TestHost) -> Result<T, ValidatorsError>,
    ) -> Result<T, ValidatorsError> {
        let checkpoint = self.host.state_mut().checkpoint();
        let result = message(&mut self.host);
        if result.is_err() {
            self.host.state_mut().revert(checkpoint);
        }
        result
    }

    /// Puts new money into a pool: what a payable call does, without an account that pays.
    pub fn fund(&mut self, pool: Pool, amount: Amount) {
        let state = self.host.state_mut();
        state.raise_supply(amount).unwrap();
        state.credit_pool(pool, amount).unwrap();
    }

    pub fn stake(&mut self, owner: Address, amount: Amount, years: u64) -> PositionIds {
        self.fund(Pool::Staking, amount);
        staking::stake(&mut self.host, owner, amount, years).unwrap()
    }

    pub fn delegate(
        &mut self,
        owner: Address,
        operator: Address,
        amount: Amount,
        years: u64,
    ) -> Result<PositionIds, ValidatorsError> {
        self.fund(Pool::Validators, amount);
        let result = self.run(|h| defchain_validators::delegate(h, owner, operator, amount, years));
        if result.is_err() {
            // The value goes back with the frame.
            defchain_base::native::Host::burn(&mut self.host, Pool::Validators, amount).unwrap();
        }
        result
    }

    /// Gives the validators' pool a block's share and distributes it.
    pub fn reward(&mut self, operator: Address, amount: Amount) {
        self.fund(Pool::Validators, amount);
        defchain_validators::reward_block(&mut self.host, operator, amount).unwrap();
    }

    pub fn attestation(&mut self, operator: Address, code: &str) -> Attestation {
        self.nonce += 1;
        let now = self.env().time.seconds();
        Attestation {
            validator: operator,
            country: country(code),
            verification_date: now,
            expiration_date: now + 365 * DAY,
            nonce: U256::from(self.nonce),
        }
    }

    /// A whole registration of `who(n)` with keys number `keys`, ready to be spoiled by a test.
    pub fn registration(&mut self, n: u8, keys: u16, code: &str) -> Registration {
        let operator = who(n);
        let attestation = self.attestation(operator, code);
        Registration {
            moniker: format!("v{n}"),
            attestation,
            signature: sign(VERIFIER, &attestation),
            consensus_key: consensus_key(keys),
            consensus_proof: consensus_proof(keys, operator),
            bls_key: bls_secret(keys).public().to_vec(),
            bls_proof: bls_secret(keys).prove(CHAIN, operator).to_vec(),
            commission: 1_000,
        }
    }

    /// Stakes 10,000 DEF for four years and registers. Whether it queues.
    pub fn enter(&mut self, n: u8, code: &str) -> bool {
        self.stake(who(n), def(10_000), 4);
        let registration = self.registration(n, n.into(), code);
        self.run(|h| register(h, who(n), &registration)).unwrap()
    }

    pub fn renew(&mut self, operator: Address, code: &str) -> Result<(), ValidatorsError> {
        let attestation = self.attestation(operator, code);
        let signature = sign(VERIFIER, &attestation);
        self.run(|h| defchain_validators::attest(h, operator, &attestation, &signature))
    }

    /// How often an event was emitted.
    pub fn count<E: SolEvent>(&self) -> usize {
        self.host.logs().iter().filter(|l| l.data.topics()[0] == E::SIGNATURE_HASH).count()
    }

    /// The last event of a kind.
    pub fn last<E: SolEvent>(&self) -> E {
        let log = self.host.logs().iter().rev().find(|l| l.data.topics()[0] == E::SIGNATURE_HASH).unwrap();
        E::decode_log_data(&log.data).unwrap()
    }

    pub fn pool(&self, pool: Pool) -> Amount {
        self.host.pool(pool).unwrap()
    }

    pub fn spendable(&self, account: Address) -> Amount {
        self.host.effective_balance(&account, self.env().age).unwrap()
    }
}
