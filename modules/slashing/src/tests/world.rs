//! Four validators with real stakes, for tests.

use defchain_base::{
    Address, AgeMillis, Amount, B256, BlockEnv, ConsensusAddress, EmptyState, Height, Overlay, Timestamp, native::Host,
    system::Pool,
};
use defchain_geo::Country;
use defchain_staking::{StakingParams, genesis::GenesisPosition};
use defchain_token::{
    BlockHost, TokenParams,
    state::{TokenRead, TokenWrite},
};
use defchain_validators::{
    Status, ValidatorRecord,
    genesis::{GenesisValidator, Section},
    pop::BlsSecret,
};
use ed25519_consensus::SigningKey;
use prost::Message;

use crate::{
    Evidence, Fault, Kind, Rejected, SlashingError, SlashingParams, SlashingRead, genesis, invariants, lifecycle,
    submit_evidence,
    votes::{BlockId, PartSetHeader, Timestamp as VoteTime, Vote},
};

pub const HOUR: u64 = 3_600_000;
pub const DAY: u64 = 24 * HOUR;
pub const CHAIN: &str = "deflation-local-1";
pub const STAKE: u64 = 100_000;
pub const DELEGATED: u64 = 20_000;

pub fn operator(n: u8) -> Address {
    Address::repeat_byte(n)
}

/// Who delegates to validator `n`.
pub fn delegator(n: u8) -> Address {
    Address::repeat_byte(0x40 + n)
}

pub fn key(n: u8) -> SigningKey {
    SigningKey::from([n; 32])
}

pub fn public(n: u8) -> [u8; 32] {
    key(n).verification_key().to_bytes()
}

pub fn consensus(n: u8) -> ConsensusAddress {
    ConsensusAddress::of_ed25519(&public(n))
}

pub struct World {
    pub host: BlockHost<Overlay<EmptyState>>,
    /// Validators that do not sign.
    pub silent: Vec<u8>,
}

impl World {
    /// Validators 1 to 4 with 100,000 DEF of their own and 20,000 delegated each.
    pub fn new() -> Self {
        let time = Timestamp(1_800_000_000_000);
        let env = BlockEnv { chain_id: 35_679, height: Height(0), time, age: AgeMillis(0), ..BlockEnv::default() };
        let mut host = BlockHost::new(Overlay::new(EmptyState), env);
        host.put_token_params(&TokenParams::economy()).unwrap();
        let delegation = |n| GenesisPosition {
            owner: delegator(n),
            amount: Amount::from_def(DELEGATED),
            years: 4,
            start: None,
            validator: Some(operator(n)),
        };
        let stakes = defchain_staking::genesis::Section {
            params: StakingParams::default(),
            positions: (1..=4).map(delegation).collect(),
        };
        stakes.apply(&mut host).unwrap();
        let validator = |(n, country): (u8, &str)| GenesisValidator {
            operator: operator(n),
            moniker: format!("v{n}"),
            country: Country::parse(country).unwrap(),
            consensus_key: B256::new(public(n)),
            bls_key: BlsSecret::from_seed(&[n; 32]).unwrap().public().to_vec().into(),
            commission_bps: 500,
            stake: Amount::from_def(STAKE),
            years: 4,
            attestation_expiry: None,
        };
        let validators = [(1, "DE"), (2, "FR"), (3, "JP"), (4, "BR")].map(validator).to_vec();
        Section { validators, ..Section::default() }.apply(&mut host, Height(1)).unwrap();
        genesis::Section::default().apply(&mut host, CHAIN).unwrap();
        let mut world = Self { host, silent: Vec::new() };
        world.pass(1_000);
        world
    }

    /// The next block, `millis` later by both clocks; nothing is reported but who signed.
    pub fn pass(&mut self, millis: u64) {
        self.block(millis, millis, &[], &[]);
    }

    pub fn report(&mut self, faults: &[Fault], rejected: &[Rejected]) {
        self.block(1_000, 1_000, faults, rejected);
    }

    /// A block: header time and age clock go on, the begin's and the end's steps run.
    pub fn block(&mut self, time: u64, age: u64, faults: &[Fault], rejected: &[Rejected]) {
        let env = *self.host.block();
        self.host.set_env(BlockEnv {
            height: env.height.next(),
            time: Timestamp(env.time.0 + time),
            age: AgeMillis(env.age.0 + age),
            ..env
        });
        let set = defchain_validators::set_at(&self.host, env.height).unwrap();
        let vote = |n: u8| {
            let member = set.as_ref().and_then(|s| s.get(operator(n)))?;
            Some(defchain_validators::Vote {
                address: consensus(n),
                power: member.power,
                signed: !self.silent.contains(&n),
            })
        };
        let votes: Vec<_> = (1..=4).filter_map(vote).collect();
        defchain_staking::lifecycle::begin(&mut self.host).unwrap();
        defchain_validators::lifecycle::begin(&mut self.host, &votes).unwrap();
        lifecycle::begin(&mut self.host, faults, rejected).unwrap();
        self.check();
        defchain_staking::lifecycle::end(&mut self.host).unwrap();
        defchain_validators::lifecycle::end(&mut self.host).unwrap();
    }

    pub fn check(&mut self) {
        let env = *self.host.block();
        assert_eq!(invariants::check(&self.host, &env).unwrap(), Vec::<String>::new());
    }

    pub fn height(&self) -> Height {
        self.host.block().height
    }

    pub fn age(&self) -> u64 {
        self.host.block().age.0
    }

    pub fn double_sign(&self, n: u8) -> Fault {
        Fault { light_client: false, address: consensus(n), height: self.height() }
    }

    pub fn record(&self, n: u8) -> ValidatorRecord {
        defchain_validators::record(&self.host, operator(n)).unwrap().unwrap()
    }

    pub fn status(&self, n: u8) -> Status {
        self.record(n).status
    }

    /// Out of jail, as after the operator's transaction, and in the set again from the next epoch on. The rules of unjailing are
    /// the validators module's.
    pub fn until_free(&mut self, n: u8) {
        let left = self.record(n).jailed_until().0.saturating_sub(self.age());
        self.pass(left);
        defchain_validators::unjail(&mut self.host, operator(n)).unwrap();
    }

    pub fn newest(&self) -> Option<Evidence> {
        let id = self.host.next_evidence().unwrap() - 1;
        (id > 0).then(|| self.host.evidence(id).unwrap())
    }

    pub fn count(&self) -> u64 {
        self.host.next_evidence().unwrap() - 1
    }

    pub fn past_count(&self, n: u8, kind: Kind) -> u32 {
        self.host.standing(operator(n)).unwrap().of(kind).count
    }

    pub fn pool(&self, pool: Pool) -> Amount {
        self.host.pool(pool).unwrap()
    }

    pub fn supply(&self) -> Amount {
        self.host.total_supply().unwrap()
    }

    pub fn submit(&mut self, reporter: Address, n: u8, a: &[u8], b: &[u8]) -> Result<u64, SlashingError> {
        let checkpoint = self.host.state_mut().checkpoint();
        let result = submit_evidence(&mut self.host, reporter, &public(n), a, b);
        if result.is_err() {
            self.host.state_mut().revert(checkpoint);
        }
        self.check();
        result
    }

    pub fn refused(&mut self, n: u8, a: &[u8], b: &[u8]) -> String {
        self.submit(Address::repeat_byte(0x99), n, a, b).unwrap_err().to_string()
    }

    pub fn set_params(&mut self, params: &SlashingParams) {
        defchain_base::params::ModuleParams::store(params, &mut self.host).unwrap();
    }

    /// Reasons of refused reports, in their order.
    pub fn refusals(&self) -> Vec<String> {
        use alloy_sol_types::SolEvent;
        let event = |l: &alloy_primitives::Log| crate::abi::ISlashing::EvidenceRefused::decode_log(l).ok();
        self.host.logs().iter().filter_map(event).map(|e| e.data.reason).collect()
    }

    pub fn warnings(&self) -> usize {
        use alloy_sol_types::SolEvent;
        let topic = crate::abi::ISlashing::DowntimeWarning::SIGNATURE_HASH;
        self.host.logs().iter().filter(|l| l.topics().first() == Some(&topic)).count()
    }
}

/// A vote, not signed yet.
pub fn vote(n: u8, height: Height, block: u8) -> Vote {
    let parts = PartSetHeader { total: 1, hash: vec![block; 32] };
    Vote {
        kind: 2,
        height: i64::try_from(height.0).unwrap(),
        round: 0,
        block_id: Some(BlockId { hash: vec![block; 32], parts: Some(parts) }),
        timestamp: Some(VoteTime { seconds: 1_800_000_000, nanos: 7 }),
        validator_address: consensus(n).0.to_vec(),
        validator_index: 0,
        signature: Vec::new(),
        extension: Vec::new(),
        extension_signature: Vec::new(),
    }
}

/// Signed by validator `n` for a chain.
pub fn signed_for(n: u8, chain: &str, mut vote: Vote) -> Vec<u8> {
    vote.signature = key(n).sign(&vote.sign_bytes(chain)).to_bytes().to_vec();
    vote.encode_to_vec()
}

pub fn signed(n: u8, vote: Vote) -> Vec<u8> {
    signed_for(n, CHAIN, vote)
}

/// Two votes of one round for two blocks.
pub fn pair(n: u8, height: Height) -> (Vec<u8>, Vec<u8>) {
    (signed(n, vote(n, height, 1)), signed(n, vote(n, height, 2)))
}
