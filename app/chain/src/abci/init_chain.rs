use std::path::Path;

use defchain_abci::types::{RequestInitChain, ResponseInitChain};
use defchain_base::{
    AgeMillis, B256, Bytes, Height, Overlay, StateDelta, StateError, StateRead, StateWriteExt, Timestamp, U256,
};
use defchain_evm::{BlockEnv, Registry};
use defchain_store::{ChainRecords, SnapshotError, StoreError};
use defchain_token::{BlockHost, Ledger, TokenError, state::TokenWrite};
use tendermint_proto::v0_38::types::VersionParams;

use super::commit::records;
use crate::{
    chain::{Inner, halt},
    executor::{receipts_root, transactions_root},
    genesis::{self, GenesisAccount, GenesisErrors, GenesisInput, KeyPower, ValidatedGenesis},
    keys::{ValidatorRecord, set_at},
    lifecycle::{self, PowerUpdate},
    modules::{self, ModuleError},
    params::PARAMS_KEY,
    payload::encode_stored,
    records::{Header, Receipts},
    upgrade::{self, ScheduleError},
};

/// Why a genesis cannot start this chain.
#[derive(Debug, thiserror::Error)]
pub(super) enum GenesisError {
    /// Its content: every mistake at once.
    #[error(transparent)]
    Invalid(#[from] GenesisErrors),
    /// State.
    #[error(transparent)]
    State(#[from] StateError),
    /// Its upgrade.
    #[error(transparent)]
    Upgrade(#[from] ScheduleError),
    /// The modules.
    #[error(transparent)]
    Modules(#[from] ModuleError),
    /// Native money.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The store, or a store of another chain.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What state sync left.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Blocks exist, so the chain started long ago.
    #[error("InitChain on a store that is at height {0}: reset CometBFT and the store together, or neither")]
    Started(Height),
}

impl Inner {
    /// Writes the genesis state as height 0.
    pub(super) fn init_chain(&self, request: &RequestInitChain) -> ResponseInitChain {
        if let Err(error) = self.start_from(request) {
            halt("InitChain", &error);
        }
        let mut consensus_params = request.consensus_params.clone();
        if let Some(params) = &mut consensus_params {
            let version = upgrade::version(&self.store.snapshot());
            let app = version.unwrap_or_else(|error| halt("InitChain", &error));
            params.version = Some(VersionParams { app });
        }
        // The powers follow from the stakes (D27), whatever genesis.json says.
        let set = set_at(&self.store.snapshot(), Height(1)).unwrap_or_else(|error| halt("InitChain", &error));
        let update = |(_, member): &(_, ValidatorRecord)| {
            super::validator_update(&PowerUpdate { key: member.pub_key, power: member.power.0 })
        };
        let validators = set.iter().map(update).collect();
        ResponseInitChain { consensus_params, validators, app_hash: self.app_hash().to_vec().into() }
    }

    fn start_from(&self, request: &RequestInitChain) -> Result<(), GenesisError> {
        let keys: Vec<KeyPower> = request.validators.iter().map(KeyPower::from).collect();
        let params = request.consensus_params.as_ref();
        let block = params.and_then(|p| p.block.as_ref());
        let genesis = genesis::validate(&GenesisInput {
            chain_id: &request.chain_id,
            initial_height: request.initial_height,
            time: super::timestamp(request.time).seconds(),
            max_block_bytes: block.map_or(0, |b| b.max_bytes),
            app_version: params.and_then(|p| p.version.as_ref()).map_or(0, |v| v.app),
            validators: &keys,
            app_state: &request.app_state_bytes,
        })?;
        let hash = genesis.hash();
        match self.store.latest() {
            None => {
                self.drop_restore()?;
                self.write_genesis(&genesis, hash, super::timestamp(request.time))?;
            }
            Some(commit) if commit.height == Height(0) => self.store.check_chain(&genesis.chain_id, &hash)?,
            Some(commit) => return Err(GenesisError::Started(commit.height)),
        }
        self.publish_genesis();
        Ok(())
    }

    /// CometBFT starts from genesis, so nobody goes on with a state sync that was given up.
    fn drop_restore(&self) -> Result<(), GenesisError> {
        if let Some((height, chunks, of)) = self.store.unfinished_restore()? {
            tracing::warn!(%height, chunks, of, "an unfinished restore is dropped: the chain starts from genesis");
            self.store.discard_restored()?;
        }
        Ok(())
    }

    fn write_genesis(&self, genesis: &ValidatedGenesis, hash: B256, time: Timestamp) -> Result<(), GenesisError> {
        let mut delta = genesis_state(genesis, self.config.genesis_dir.as_deref(), &self.registry, time)?;
        let (receipts_root, logs_bloom) = receipts_root(&[]);
        let mut header = Header {
            hash,
            time,
            gas_limit: genesis.params.block_gas_limit,
            base_fee: genesis.params.initial_base_fee,
            transactions_root: transactions_root(&[]),
            receipts_root,
            logs_bloom,
            total_power: genesis.validators.iter().fold(0, |sum, v| sum.saturating_add(v.power.0)),
            ..Header::default()
        };
        lifecycle::seal(&mut delta, &header, &[]);
        let prepared = self.store.prepare(&delta, None)?;
        header.state_root = prepared.app_hash();
        header.substore_roots = *prepared.roots();
        let none: [&Bytes; 0] = [];
        let records = records(&header, encode_stored(none.into_iter()), &Receipts::default());
        let records = ChainRecords { chain_id: genesis.chain_id.clone(), genesis_hash: hash, ..records };
        self.store.commit(prepared, records)?;
        tracing::info!(chain_id = genesis.chain_id, %hash, accounts = genesis.accounts.len(), "genesis written");
        Ok(())
    }
}

/// The state of height 0.
fn genesis_state(
    genesis: &ValidatedGenesis,
    genesis_dir: Option<&Path>,
    registry: &Registry,
    time: Timestamp,
) -> Result<StateDelta, GenesisError> {
    let mut overlay = Overlay::new(defchain_base::EmptyState);
    overlay.write(&PARAMS_KEY, &genesis.params)?;
    overlay.put_token_params(&genesis.token)?;
    upgrade::put_genesis_version(&mut overlay, genesis.app_version)?;
    if let Some(plan) = &genesis.upgrade {
        upgrade::schedule(&mut overlay, Height(0), plan)?;
    }
    for account in defchain_evm::genesis_accounts(registry) {
        defchain_evm::write_genesis_account(&mut overlay, &account)?;
    }
    for account in &genesis.accounts {
        write_account(&mut overlay, account)?;
    }
    if let Some(reader) = genesis.open_accounts_file(genesis_dir)? {
        for account in reader {
            write_account(&mut overlay, &account?)?;
            overlay.commit();
        }
    }
    write_ownerless(&mut overlay, genesis)?;
    let env = BlockEnv { chain_id: genesis.params.evm_chain_id, time, ..BlockEnv::default() };
    modules::write_genesis(&mut BlockHost::new(&mut overlay, env), &genesis.modules, &genesis.chain_id)?;
    Ok(overlay.into_delta())
}

/// Pools, and money on addresses that nobody holds the key of.
fn write_ownerless<S: StateRead>(overlay: &mut Overlay<S>, genesis: &ValidatedGenesis) -> Result<(), TokenError> {
    for (pool, amount) in &genesis.pools {
        overlay.credit_pool(*pool, *amount)?;
        overlay.raise_supply(*amount)?;
    }
    let mut ledger = Ledger::new(&genesis.token, AgeMillis(0));
    for (address, amount) in &genesis.stranded {
        ledger.credit_fresh(overlay, address, *amount)?;
        overlay.raise_supply(*amount)?;
    }
    ledger.write(overlay)?.shares.credit(overlay)
}

fn write_account<S: StateRead>(overlay: &mut Overlay<S>, account: &GenesisAccount) -> Result<(), TokenError> {
    let storage =
        account.storage.iter().map(|(slot, value)| (U256::from_be_bytes(slot.0), U256::from_be_bytes(value.0)));
    let account = defchain_evm::GenesisAccount {
        address: account.address,
        balance: account.balance,
        nonce: account.nonce,
        code: account.code.clone(),
        storage: storage.collect(),
    };
    defchain_evm::write_genesis_account(overlay, &account)
}
