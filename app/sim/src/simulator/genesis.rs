//! The network that is simulated: its validators, and the genesis that they start from.

use bytes::Bytes;
use defchain_abci::types::{RequestInitChain, ValidatorUpdate};
use defchain_base::{Address, Amount, Timestamp};
use defchain_chain::{
    driver::dev_validator,
    genesis::{AppState, GenesisAccount, GenesisValidator, needed_block_bytes},
    params::ChainParams,
};
use defchain_geo::genesis::GenesisVerifier;
use defchain_staking::genesis::GenesisPosition;
use tendermint_proto::{
    google::protobuf::Timestamp as ProtoTime,
    v0_38::{
        crypto::{PublicKey, public_key::Sum},
        types::{BlockParams, ConsensusParams},
    },
};

use super::{
    comet,
    people::{CANDIDATES, People},
    stream::Stream,
    traffic::{CHAIN_ID, Traffic},
};

/// Validators that a set may come to have.
const MAX_SET: usize = 195;
/// CometBFT's chain id.
pub const CHAIN: &str = "deflation-sim-1";
/// The year 2100: later than any machine's clock, so that no guess by the clock of the machine can show.
pub const GENESIS_TIME: Timestamp = Timestamp(4_102_444_800_000);

/// A day of the simulated economy, seconds: long enough for blocks within a day, short enough for years within a run.
pub const DAY: u32 = 300;

/// How the chain starts.
pub struct Network {
    /// What CometBFT calls first.
    pub init: RequestInitChain,
    /// Bytes that CometBFT leaves to the application's items.
    pub max_bytes: i64,
}

impl Network {
    /// The network of a seed: the real economy in short days, stakes in every stage, a validator for each replica.
    ///
    /// # Errors
    /// When the genesis cannot be written as JSON.
    pub fn new(seed: u64, replicas: usize, traffic: &Traffic, people: &People) -> Result<Self, serde_json::Error> {
        let mut stream = Stream::new(seed, "genesis");
        let keys: Vec<[u8; 32]> = (0..replicas).filter_map(|owner| Some(comet::key_of(owner, 0)?.public)).collect();
        let equal = stream.chance(500);
        let persons: Vec<Address> = people.addresses().collect();
        let mut app_state = AppState {
            params: ChainParams { evm_chain_id: CHAIN_ID, block_gas_limit: 1 << 26, ..ChainParams::default() },
            accounts: traffic.rich().chain(persons.iter().copied()).map(account).collect(),
            ..AppState::default()
        }
        .with_local_params();
        short_economy(&mut app_state);
        app_state.governance.signers = people.signers().to_vec();
        app_state.geo.verifiers = vec![GenesisVerifier { address: people.verifier(), name: "the verifier".to_owned() }];
        app_state.pod.validators = keys
            .iter()
            .zip(&persons)
            .enumerate()
            .map(|(n, (key, operator))| {
                let stake = if equal { 20_000 } else { stream.between(10_000, 30_000) };
                let years = u8::try_from(stream.between(4, 12)).unwrap_or(4);
                // Some attestations end within the run.
                let life = stream.between(1, 40) * u64::from(DAY) * 4;
                let expiry = Some(GENESIS_TIME.seconds() + life);
                GenesisValidator {
                    stake: Amount::from_def(stake),
                    years,
                    attestation_expiry: expiry,
                    ..dev_validator(n, *key, *operator)
                }
            })
            .collect();
        app_state.staking.positions = positions(&mut stream, &persons, replicas);
        let max_bytes = needed_block_bytes(app_state.params.max_payload_bytes, MAX_SET);
        let max_bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
        let init = RequestInitChain {
            time: Some(proto_time(GENESIS_TIME)),
            chain_id: CHAIN.to_owned(),
            consensus_params: Some(ConsensusParams {
                block: Some(BlockParams { max_bytes, max_gas: -1 }),
                ..Default::default()
            }),
            validators: keys
                .iter()
                .map(|key| ValidatorUpdate {
                    pub_key: Some(PublicKey { sum: Some(Sum::Ed25519(key.to_vec())) }),
                    power: 10,
                })
                .collect(),
            app_state_bytes: Bytes::from(serde_json::to_vec(&app_state)?),
            initial_height: 1,
        };
        Ok(Self { init, max_bytes })
    }
}

fn account(address: Address) -> GenesisAccount {
    GenesisAccount {
        address,
        balance: Amount::from_def(20_000),
        nonce: 0,
        code: Default::default(),
        storage: Default::default(),
    }
}

/// Months of 4 days, years of 12, everything that lasts shortened with them.
fn short_economy(app_state: &mut AppState) {
    *app_state = core::mem::take(app_state).with_short_economy();
    app_state.token.day_seconds = DAY;
    let day = u64::from(DAY);
    let pod = &mut app_state.pod.params;
    (pod.seat_jail, pod.seat_inactive, pod.seat_expired, pod.top_up) = (3 * day, 3 * day, 3 * day, day);
    let slashing = &mut app_state.slashing.params;
    (slashing.downtime_hours, slashing.warning_hours) = (24, 12);
}

/// Stakes of candidates, large enough to register, and of households: some near their end.
fn positions(stream: &mut Stream, persons: &[Address], replicas: usize) -> Vec<GenesisPosition> {
    let mut positions = Vec::new();
    for (at, owner) in persons.iter().enumerate().skip(replicas) {
        let candidate = at < replicas + CANDIDATES;
        for _ in 0..stream.between(1, 3) {
            let years =
                u8::try_from(if candidate { stream.between(4, 12) } else { stream.between(1, 12) }).unwrap_or(4);
            let term = u64::from(years) * 12 * u64::from(DAY);
            let lived = stream.below(term.saturating_sub(u64::from(DAY)));
            let amount = if candidate { 12_000 } else { stream.between(50, 8_000) };
            positions.push(GenesisPosition {
                owner: *owner,
                amount: Amount::from_def(amount),
                years,
                start: Some(GENESIS_TIME.seconds() - lived),
                validator: None,
            });
        }
    }
    positions
}

/// A time as CometBFT says it.
#[must_use]
pub fn proto_time(time: Timestamp) -> ProtoTime {
    let nanos = i32::try_from(time.0 % 1_000).unwrap_or(0) * 1_000_000;
    ProtoTime { seconds: i64::try_from(time.seconds()).unwrap_or(i64::MAX), nanos }
}
