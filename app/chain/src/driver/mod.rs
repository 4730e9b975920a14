//! Drives a chain in process, without CometBFT, through the same ABCI calls in the same order.
//!
//! ```text
//!  DevNode (when, what time, edits, snapshots) ─▶ DevDriver (Prepare, Process, Finalize, Commit) ─▶ Chain
//! ```
//!
//! [`DevDriver`] makes blocks: tests and benches use it bare. [`DevNode`] is what `defchain-app dev` offers a developer:
//! mining modes, time travel, edits of state, impersonation, snapshots. There is no second state machine: whatever a
//! developer sets goes through `declared` into the next block, by the path of every block.
//!
//! The block hash stands in for CometBFT's: keccak over the parent's hash, the height, the time, the proposer and the
//! items, and over what was declared for the block.

mod dump;
mod edit;
mod mining;
mod node;
mod revert;

pub use dump::{AccountDump, StateDump};
pub use edit::Edit;
pub use mining::Mining;
pub use node::{DevInfo, DevNode};

use std::sync::Arc;

use bytes::Bytes;
use defchain_abci::{
    Application,
    types::{
        CommitInfo, ExtendedCommitInfo, ExtendedVoteInfo, RequestFinalizeBlock, RequestInitChain,
        RequestPrepareProposal, RequestProcessProposal, Validator, ValidatorUpdate,
        response_process_proposal::ProposalStatus,
    },
};
use defchain_base::{Amount, B256, ConsensusAddress, Height, Power, Timestamp, keccak256};
use defchain_geo::Country;
use defchain_validators::pop::BlsSecret;
use tendermint_proto::{
    google::protobuf::Timestamp as ProtoTime,
    v0_38::{
        crypto::{PublicKey, public_key::Sum},
        types::{BlockParams, ConsensusParams, VersionParams},
    },
};

use crate::{
    Chain, ReadError, StateAt,
    chain::halt,
    genesis::{AppState, GenesisValidator, needed_block_bytes},
    keys::{set_at, validators},
    proposer,
    records::Header,
};

/// A genesis for a chain without CometBFT.
#[derive(Debug, Clone)]
pub struct DevGenesis {
    /// CometBFT's chain id (D5).
    pub chain_id: String,
    /// Genesis time.
    pub time: Timestamp,
    /// Consensus keys and powers. Nobody signs: any 32 bytes that are a curve point serve.
    pub validators: Vec<([u8; 32], u64)>,
    /// The application's part.
    pub app_state: AppState,
}

impl DevGenesis {
    /// One validator whose key is the curve's base point, operated by `operator`.
    #[must_use]
    pub fn single(chain_id: &str, time: Timestamp, operator: defchain_base::Address, mut app_state: AppState) -> Self {
        let key = BASE_POINT;
        app_state.pod.validators = vec![dev_validator(0, key, operator)];
        Self {
            chain_id: chain_id.to_owned(),
            time,
            validators: vec![(key, 1)],
            app_state: app_state.with_local_params(),
        }
    }
}

/// A validator of a development chain, of the `n`-th jurisdiction, with the least stake. Its BLS key is known to everybody.
#[must_use]
pub fn dev_validator(n: usize, key: [u8; 32], operator: defchain_base::Address) -> GenesisValidator {
    let countries: Vec<Country> = Country::all().collect();
    let country = countries.get(n).or(countries.first()).copied();
    let seed = keccak256([b"defchain/dev-validator".as_slice(), &key].concat());
    GenesisValidator {
        operator,
        moniker: format!("dev{n}"),
        country: country.unwrap_or_else(|| halt("dev", &"there are no jurisdictions")),
        consensus_key: B256::new(key),
        bls_key: BlsSecret::from_seed(&seed.0).map(|secret| secret.public().to_vec().into()).unwrap_or_default(),
        commission_bps: 500,
        stake: Amount::from_def(10_000),
        years: 4,
        attestation_expiry: Some(u64::from(u32::MAX)),
    }
}

/// The ed25519 base point, compressed: a valid public key.
const BASE_POINT: [u8; 32] = {
    let mut point = [0x66; 32];
    point[0] = 0x58;
    point
};

/// Why the driver made no block.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The chain cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// State cannot be read.
    #[error(transparent)]
    State(#[from] defchain_base::StateError),
    /// The genesis cannot be written as JSON.
    #[error("genesis: {0}")]
    Genesis(#[from] serde_json::Error),
    /// The chain refused its own proposal: a bug.
    #[error("block {0}: the chain refused its own proposal")]
    Refused(Height),
    /// A declaration for a chain that takes none.
    #[error("this is no development chain: only `defchain-app dev` edits state, travels in time and takes blocks back")]
    NotDev,
    /// An edit that no state may have.
    #[error("{0}")]
    Edit(String),
    /// Native money refuses the edit.
    #[error(transparent)]
    Token(#[from] defchain_token::TokenError),
    /// The store refuses to go back.
    #[error(transparent)]
    Store(#[from] defchain_store::StoreError),
    /// The pool refuses a transaction.
    #[error(transparent)]
    Pool(#[from] defchain_mempool::PoolError),
    /// A time in the past, or too far ahead.
    #[error(
        "timestamp {asked} is not after the newest block's: block {height} has {newest_ms} ms, so the least is {least}"
    )]
    Past {
        /// Asked for, seconds.
        asked: u64,
        /// Newest block.
        height: Height,
        /// Its time, milliseconds.
        newest_ms: u64,
        /// Least that may be asked for, seconds.
        least: u64,
    },
    /// A figure out of its bounds.
    #[error("{what} is {asked}, at most {most}")]
    TooMuch {
        /// Which figure.
        what: &'static str,
        /// Asked for.
        asked: u64,
        /// Bound.
        most: u64,
    },
    /// A dump that does not read.
    #[error("this is no state dump: {0}")]
    Dump(String),
    /// Time would go backwards.
    #[error("block time {asked:?} is before the parent's {parent:?}")]
    Time {
        /// Asked for.
        asked: Timestamp,
        /// The newest block's.
        parent: Timestamp,
    },
}

/// A block that is prepared and not decided.
pub(crate) struct Proposal {
    height: Height,
    time: Timestamp,
    proposer: ConsensusAddress,
    items: Vec<Bytes>,
    hash: B256,
}

impl Proposal {
    /// Whether it carries no transaction.
    pub(crate) fn is_empty(&self) -> bool {
        let none: [&defchain_base::Bytes; 0] = [];
        let empty = crate::payload::encode_items(none.into_iter()).map(|item| item.0);
        self.items == empty
    }
}

/// `BLOCK_ID_FLAG_COMMIT`.
const COMMIT: i32 = 2;

/// Makes blocks on a chain.
pub struct DevDriver {
    chain: Chain,
    chain_id: String,
    max_tx_bytes: i64,
}

impl DevDriver {
    /// Starts the chain from genesis when its store is empty, else goes on where it stands.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub fn start(chain: Chain, genesis: &DevGenesis) -> Result<Self, DriverError> {
        let max_bytes = needed_block_bytes(genesis.app_state.params.max_payload_bytes, genesis.validators.len());
        let max_bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
        if chain.store().latest().is_none_or(|commit| commit.height == Height(0)) {
            let request = RequestInitChain {
                time: Some(proto_time(genesis.time)),
                chain_id: genesis.chain_id.clone(),
                consensus_params: Some(ConsensusParams {
                    block: Some(BlockParams { max_bytes, max_gas: -1 }),
                    // A new chain has the newest rules.
                    version: Some(VersionParams { app: crate::rules::NEWEST_VERSION }),
                    ..Default::default()
                }),
                validators: genesis.validators.iter().map(validator_update).collect(),
                app_state_bytes: serde_json::to_vec(&genesis.app_state)?.into(),
                initial_height: 1,
            };
            chain.init_chain(request);
        }
        Ok(Self { chain, chain_id: genesis.chain_id.clone(), max_tx_bytes: max_bytes })
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Makes the next block at `time` from the pool: Prepare, Process, Finalize, Commit.
    ///
    /// # Errors
    /// When time goes backwards or the chain cannot be read.
    pub fn block(&self, time: Timestamp) -> Result<Arc<Header>, DriverError> {
        let proposal = self.propose(time)?;
        self.make(proposal)
    }

    /// Prepares the next block at `time` from the pool.
    ///
    /// # Errors
    /// When time goes backwards or the chain cannot be read.
    pub(crate) fn propose(&self, time: Timestamp) -> Result<Proposal, DriverError> {
        let parent = self.chain.reader().latest()?;
        if time < parent.time {
            return Err(DriverError::Time { asked: time, parent: parent.time });
        }
        let height = parent.height.next();
        let proposer = self.proposer(&parent)?;
        let items = self
            .chain
            .prepare_proposal(RequestPrepareProposal {
                max_tx_bytes: self.max_tx_bytes,
                height: raw(height),
                time: Some(proto_time(time)),
                proposer_address: Bytes::copy_from_slice(&proposer.0),
                local_last_commit: Some(self.last_commit(&parent)?),
                ..Default::default()
            })
            .txs;
        let hash = block_hash(&parent.hash, height, time, &proposer, &items);
        // Two blocks that differ only in what was declared must not share a hash.
        let declared = self.chain.inner.shared.declared().digest(&parent.hash);
        let hash = declared.map_or(hash, |digest| keccak256([hash, digest].concat()));
        Ok(Proposal { height, time, proposer, items, hash })
    }

    /// Has the chain judge, execute and commit a proposal.
    pub(crate) fn make(&self, proposal: Proposal) -> Result<Arc<Header>, DriverError> {
        let Proposal { height, time, proposer, items, hash } = proposal;
        if !self.process(height, time, &proposer, &items, hash) {
            return Err(DriverError::Refused(height));
        }
        self.decide(height, time, &proposer, items, hash);
        Ok(self.chain.reader().latest()?)
    }

    /// Asks the chain about a proposal, as CometBFT would.
    #[must_use]
    pub fn process(
        &self,
        height: Height,
        time: Timestamp,
        proposer: &ConsensusAddress,
        items: &[Bytes],
        hash: B256,
    ) -> bool {
        let Ok(last_commit) = self.commit_below() else { return false };
        let response = self.chain.process_proposal(RequestProcessProposal {
            txs: items.to_vec(),
            hash: Bytes::copy_from_slice(hash.as_slice()),
            height: raw(height),
            time: Some(proto_time(time)),
            proposer_address: Bytes::copy_from_slice(&proposer.0),
            proposed_last_commit: Some(last_commit),
            ..Default::default()
        });
        response.status == ProposalStatus::Accept as i32
    }

    /// Finalizes and commits a block, whatever was proposed before.
    pub fn decide(
        &self,
        height: Height,
        time: Timestamp,
        proposer: &ConsensusAddress,
        items: Vec<Bytes>,
        hash: B256,
    ) -> B256 {
        let last_commit = self.commit_below().unwrap_or_default();
        let response = self.chain.finalize_block(RequestFinalizeBlock {
            txs: items,
            hash: Bytes::copy_from_slice(hash.as_slice()),
            height: raw(height),
            time: Some(proto_time(time)),
            proposer_address: Bytes::copy_from_slice(&proposer.0),
            decided_last_commit: Some(last_commit),
            ..Default::default()
        });
        self.chain.commit();
        B256::try_from(response.app_hash.as_ref()).unwrap_or_default()
    }

    /// The commit of the newest block: everybody of its set voted for it.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub fn last_commit(&self, parent: &Header) -> Result<ExtendedCommitInfo, DriverError> {
        if parent.height == Height(0) {
            return Ok(ExtendedCommitInfo::default());
        }
        let state = self.chain.reader().state(parent.height)?;
        let votes = set_at(&state, parent.height)?.into_iter().map(|(address, record)| ExtendedVoteInfo {
            validator: Some(Validator {
                address: Bytes::copy_from_slice(&address.0),
                power: i64::try_from(record.power.0).unwrap_or(i64::MAX),
            }),
            block_id_flag: COMMIT,
            ..Default::default()
        });
        Ok(ExtendedCommitInfo { round: 0, votes: votes.collect() })
    }

    /// The same, as Process and Finalize see it.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub fn commit_below(&self) -> Result<CommitInfo, DriverError> {
        let parent = self.chain.reader().latest()?;
        Ok(crate::abci::plain_commit(Some(self.last_commit(&parent)?)))
    }

    /// The draw of round 0 (D33).
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub fn proposer(&self, parent: &Header) -> Result<ConsensusAddress, DriverError> {
        let state: StateAt = self.chain.reader().state(parent.height)?;
        let set: Vec<(ConsensusAddress, Power)> =
            validators(&state)?.into_iter().map(|(address, record)| (address, record.power)).collect();
        let previous = if parent.height == Height(0) { proposer::genesis_hash(&self.chain_id) } else { parent.hash };
        Ok(proposer::draw(&set, parent.height.next(), 0, &previous).unwrap_or_default())
    }
}

/// The hash that stands in for CometBFT's.
#[must_use]
pub fn block_hash(
    parent: &B256,
    height: Height,
    time: Timestamp,
    proposer: &ConsensusAddress,
    items: &[Bytes],
) -> B256 {
    let mut bytes = b"defchain/dev-block".to_vec();
    bytes.extend_from_slice(parent.as_slice());
    bytes.extend_from_slice(&height.0.to_be_bytes());
    bytes.extend_from_slice(&time.0.to_be_bytes());
    bytes.extend_from_slice(&proposer.0);
    for item in items {
        bytes.extend_from_slice(keccak256(item).as_slice());
    }
    keccak256(bytes)
}

fn raw(height: Height) -> i64 {
    i64::try_from(height.0).unwrap_or(i64::MAX)
}

fn proto_time(time: Timestamp) -> ProtoTime {
    let seconds = i64::try_from(time.seconds()).unwrap_or(i64::MAX);
    let millis = i32::try_from(time.0 % 1_000).unwrap_or(0);
    ProtoTime { seconds, nanos: millis.saturating_mul(1_000_000) }
}

fn validator_update((key, power): &([u8; 32], u64)) -> ValidatorUpdate {
    ValidatorUpdate {
        pub_key: Some(PublicKey { sum: Some(Sum::Ed25519(key.to_vec())) }),
        power: i64::try_from(*power).unwrap_or(i64::MAX),
    }
}
