//! The network that is simulated: its validators, and the genesis that they start from.

use alloy_primitives::keccak256;
use bytes::Bytes;
use defchain_abci::types::{RequestInitChain, ValidatorUpdate};
use defchain_base::{Address, Amount, ConsensusAddress, Power, Timestamp, U256};
use defchain_chain::{
    driver::dev_validator,
    genesis::{AppState, GenesisAccount, GenesisValidator, needed_block_bytes},
    params::ChainParams,
};
use tendermint_proto::{
    google::protobuf::Timestamp as ProtoTime,
    v0_38::{
        crypto::{PublicKey, public_key::Sum},
        types::{BlockParams, ConsensusParams},
    },
};

use super::{
    stream::Stream,
    traffic::{CHAIN_ID, Traffic},
};

/// CometBFT's chain id.
pub const CHAIN: &str = "deflation-sim-1";
/// The year 2100: later than any machine's clock, so that no guess by the clock of the machine can show.
pub const GENESIS_TIME: Timestamp = Timestamp(4_102_444_800_000);

/// Validators with their powers, and how the chain starts.
pub struct Network {
    /// By replica: address and power.
    pub validators: Vec<(ConsensusAddress, Power)>,
    /// What CometBFT calls first.
    pub init: RequestInitChain,
    /// Bytes that CometBFT leaves to the application's items.
    pub max_bytes: i64,
}

impl Network {
    /// The network of a seed.
    ///
    /// # Errors
    /// When the genesis cannot be written as JSON.
    pub fn new(seed: u64, replicas: usize, traffic: &Traffic) -> Result<Self, serde_json::Error> {
        let mut stream = Stream::new(seed, "genesis");
        let keys: Vec<[u8; 32]> = (0..replicas as u64).map(consensus_key).collect();
        let equal = stream.chance(500);
        let powers: Vec<u64> = keys.iter().map(|_| if equal { 100 } else { stream.between(60, 120) }).collect();
        let weights: Vec<_> =
            keys.iter().zip(&powers).map(|(key, power)| (ConsensusAddress::of_ed25519(key), U256::from(*power))).collect();
        let normalised = defchain_validators::power::normalise(&weights);
        let validators: Vec<_> =
            weights.iter().zip(&normalised).map(|((address, _), power)| (*address, Power(*power))).collect();
        let account = |address| GenesisAccount {
            address,
            balance: Amount::from_def(1_000),
            nonce: 0,
            code: Default::default(),
            storage: Default::default(),
        };
        let mut app_state = AppState {
            params: ChainParams { evm_chain_id: CHAIN_ID, block_gas_limit: 1 << 24, ..ChainParams::default() },
            accounts: traffic.rich().map(account).collect(),
            token: defchain_token::TokenParams::plain(),
            ..AppState::default()
        }
        .with_local_params();
        app_state.pod.validators = (0u8..)
            .zip(keys.iter().zip(&powers))
            .map(|(n, (key, power))| {
                let validator = dev_validator(usize::from(n), *key, Address::repeat_byte(0xc0 + n));
                GenesisValidator { stake: Amount::from_def(1_000 * power), ..validator }
            })
            .collect();
        let max_bytes = needed_block_bytes(app_state.params.max_payload_bytes, replicas);
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
                .zip(&powers)
                .map(|(key, power)| ValidatorUpdate {
                    pub_key: Some(PublicKey { sum: Some(Sum::Ed25519(key.to_vec())) }),
                    power: i64::try_from(*power).unwrap_or(i64::MAX),
                })
                .collect(),
            app_state_bytes: Bytes::from(serde_json::to_vec(&app_state)?),
            initial_height: 1,
        };
        Ok(Self { validators, init, max_bytes })
    }

    /// The power of all validators.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.validators.iter().map(|(_, power)| power.0).sum()
    }

    /// Whether these replicas have more than two thirds of the power.
    pub fn decides(&self, replicas: impl Iterator<Item = usize>) -> bool {
        let power: u64 = replicas.filter_map(|at| self.validators.get(at)).map(|(_, power)| power.0).sum();
        power * 3 > self.total() * 2
    }
}

/// The public key of a replica's validator.
fn consensus_key(number: u64) -> [u8; 32] {
    let seed = keccak256([&b"defchain/sim/validator"[..], &number.to_be_bytes()].concat());
    ed25519_consensus::SigningKey::from(seed.0).verification_key().to_bytes()
}

/// A time as CometBFT says it.
#[must_use]
pub fn proto_time(time: Timestamp) -> ProtoTime {
    let nanos = i32::try_from(time.0 % 1_000).unwrap_or(0) * 1_000_000;
    ProtoTime { seconds: i64::try_from(time.seconds()).unwrap_or(i64::MAX), nanos }
}
