//! A chain of one executor over memory, small programs, and the sums that must hold.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

pub mod code;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{eip2718::Encodable2718, eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use defchain_base::{
    AgeMillis, Amount, EmptyState, Height, MemoryState, Overlay, StateRead, StateReadExt, Substore, Timestamp,
    read_exact_value,
    system::Pool,
    tx::{self, RecoveredTx},
};
use defchain_evm::{
    BlockEnv, ExecError, Executor, GenesisAccount, Registry, TraceError, TracePlace, Tracer, TxOutcome, begin_block,
    genesis_accounts, keys::StorageKey, write_genesis_account,
};
use defchain_token::{
    AccountRecord, BlockHost, BlockTotals, Payees, Shares, TokenParams, end_of_block,
    state::{TokenRead, TokenWrite},
};

pub const CHAIN_ID: u64 = 35_679;
pub const GWEI: u128 = 1_000_000_000;
pub const BLOCK_GAS: u64 = 400_000_000;
pub const OPERATOR: Address = Address::repeat_byte(0xc0);

pub fn user(n: u8) -> Address {
    Address::repeat_byte(n.saturating_add(0x10))
}

pub fn contract(n: u8) -> Address {
    Address::repeat_byte(n.saturating_add(0x80))
}

pub fn env() -> BlockEnv {
    BlockEnv {
        chain_id: CHAIN_ID,
        height: Height(1),
        time: Timestamp(1_700_000_000_000),
        age: AgeMillis(0),
        beneficiary: OPERATOR,
        gas_limit: BLOCK_GAS,
        base_fee: u64::try_from(GWEI).unwrap(),
        prev_randao: B256::repeat_byte(0x77),
    }
}

pub struct Chain {
    executor: Option<Executor<MemoryState>>,
    pub registry: Registry,
    pub params: TokenParams,
    pub base_fees: Amount,
    pub tips: Amount,
    /// What transactions gave to pools and destroyed, not yet credited.
    pub shares: Shares,
    /// Who looks on at each transaction.
    pub tracer: Option<Tracer>,
}

impl Chain {
    pub fn plain() -> Self {
        Self::new(&TokenParams::plain(), defchain_evm::base_registry(), &[])
    }

    /// Ten users with 1,000 DEF each, and these contracts.
    pub fn new(params: &TokenParams, registry: Registry, contracts: &[(Address, Vec<u8>)]) -> Self {
        let mut genesis = Overlay::new(EmptyState);
        genesis.put_token_params(params).unwrap();
        let mut accounts = genesis_accounts(&registry);
        for n in 0..10 {
            accounts.push(GenesisAccount { address: user(n), balance: Amount::from_def(1_000), ..Default::default() });
        }
        for (address, code) in contracts {
            let code = Bytes::copy_from_slice(code);
            accounts.push(GenesisAccount { address: *address, nonce: 1, code, ..Default::default() });
        }
        for account in &accounts {
            write_genesis_account(&mut genesis, account).unwrap();
        }
        let mut base = MemoryState::default();
        base.apply(&genesis.into_delta());
        let mut overlay = Overlay::new(base);
        begin_block(&mut overlay, &env(), B256::repeat_byte(0xee)).unwrap();
        let executor = Executor::new(overlay, env(), &registry).unwrap();
        Self {
            executor: Some(executor),
            registry,
            params: params.clone(),
            base_fees: Amount::ZERO,
            tips: Amount::ZERO,
            shares: Shares::default(),
            tracer: None,
        }
    }

    /// Money from nowhere, received now.
    pub fn give(&mut self, to: Address, def: u64) {
        let (params, env) = (self.params.clone(), self.env());
        let overlay = self.executor().overlay_mut();
        let amount = Amount::from_def(def);
        let mut ledger = defchain_token::Ledger::new(&params, env.age);
        ledger.credit_fresh(overlay, &to, amount).unwrap();
        let shares = ledger.write(overlay).unwrap().shares;
        overlay.raise_supply(amount).unwrap();
        overlay.commit();
        self.shares = self.shares.plus(shares).unwrap();
    }

    pub fn executor(&mut self) -> &mut Executor<MemoryState> {
        self.executor.as_mut().unwrap()
    }

    pub fn state(&self) -> &Overlay<MemoryState> {
        self.executor.as_ref().unwrap().overlay()
    }

    pub fn env(&self) -> BlockEnv {
        *self.executor.as_ref().unwrap().env()
    }

    /// Ends the block: distributes fees. Then begins the next, `millis` later.
    pub fn next_block(&mut self, millis: u64) {
        let executor = self.executor.take().unwrap();
        let mut env = *executor.env();
        let mut overlay = executor.into_overlay();
        let totals = BlockTotals { base_fees: self.base_fees, tips: self.tips, shares: self.shares };
        let payees = Payees { gas_share: Some(env.beneficiary), tips: Some(env.beneficiary) };
        end_of_block(&mut BlockHost::new(&mut overlay, env), &totals, payees).unwrap();
        overlay.commit();
        let broken = defchain_token::invariants::check(&overlay, &env).unwrap();
        assert_eq!(broken, Vec::<String>::new());
        (self.base_fees, self.tips, self.shares) = (Amount::ZERO, Amount::ZERO, Shares::default());
        env.height = env.height.next();
        env.time.0 += millis;
        env.age.0 += millis;
        begin_block(&mut overlay, &env, hash_of(env.height.0 - 1)).unwrap();
        self.executor = Some(Executor::new(overlay, env, &self.registry).unwrap());
    }

    /// Executes; sums fees.
    pub fn try_run(&mut self, from: Address, tx: Tx) -> Result<TxOutcome, ExecError> {
        let nonce = tx.nonce.unwrap_or_else(|| self.account(from).nonce);
        let signed = tx.build(from, nonce);
        let outcome = match self.tracer.clone() {
            None => self.executor().execute(&signed, BLOCK_GAS)?,
            Some(tracer) => match self.executor().trace(&signed, BLOCK_GAS, &tracer, TracePlace::default()) {
                Ok((outcome, _)) => outcome,
                Err(TraceError::Exec(error)) => return Err(error),
                Err(error) => panic!("{error}"),
            },
        };
        self.base_fees = self.base_fees.checked_add(outcome.base_fee).unwrap();
        self.tips = self.tips.checked_add(outcome.tip).unwrap();
        self.shares = self.shares.plus(outcome.shares).unwrap();
        Ok(outcome)
    }

    pub fn run(&mut self, from: Address, tx: Tx) -> TxOutcome {
        let outcome = self.try_run(from, tx).unwrap();
        self.check_sums();
        outcome
    }

    pub fn account(&self, address: Address) -> AccountRecord {
        self.state().account(&address).unwrap().unwrap_or_default()
    }

    pub fn balance(&self, address: Address) -> u128 {
        self.state().effective_balance(&address, self.env().age).unwrap().wei()
    }

    pub fn slot(&self, address: Address, slot: u64) -> U256 {
        let key = StorageKey { address, slot: U256::from(slot) };
        self.state().read(&key).unwrap().map_or(U256::ZERO, |w| w.0)
    }

    pub fn code(&self, address: Address) -> Bytes {
        defchain_evm::state::EvmRead::code(self.state(), &address).unwrap()
    }

    /// D4: supply = Σ nominal balances + Σ pools + gas and shares that are not yet distributed.
    pub fn check_sums(&self) {
        let accounts = self.state().range_raw(Substore::Evm, b"a", b"b", 100_000).unwrap();
        let nominal: u128 = accounts
            .iter()
            .map(|(_, v)| read_exact_value::<AccountRecord>(v).unwrap().nominal_balance(&self.params).unwrap().wei())
            .sum();
        let pools: u128 = Pool::ALL.iter().map(|p| self.state().pool(*p).unwrap().wei()).sum();
        let gas = self.base_fees.wei() + self.tips.wei() + self.shares.total().unwrap().wei();
        assert_eq!(self.state().total_supply().unwrap().wei(), nominal + pools + gas, "supply");
    }

    pub fn supply(&self) -> u128 {
        self.state().total_supply().unwrap().wei()
    }
}

pub fn hash_of(height: u64) -> B256 {
    B256::from(U256::from(0xb10c_0000_u64 + height))
}

/// A transaction in the making.
#[derive(Debug, Clone)]
pub struct Tx {
    pub kind: u8,
    pub to: TxKind,
    pub value: u128,
    pub data: Bytes,
    pub gas: u64,
    pub max_fee: u128,
    pub tip: u128,
    pub nonce: Option<u64>,
    pub chain_id: u64,
    pub access_list: AccessList,
    pub authorizations: Vec<SignedAuthorization>,
}

impl Tx {
    pub fn call(to: Address, value: u128, data: impl Into<Bytes>) -> Self {
        Self {
            kind: 2,
            to: TxKind::Call(to),
            value,
            data: data.into(),
            gas: 1_000_000,
            max_fee: 3 * GWEI,
            tip: GWEI / 2,
            nonce: None,
            chain_id: CHAIN_ID,
            access_list: AccessList::default(),
            authorizations: Vec::new(),
        }
    }

    pub fn create(value: u128, init: impl Into<Bytes>) -> Self {
        Self { to: TxKind::Create, ..Self::call(Address::ZERO, value, init) }
    }

    pub fn kind(self, kind: u8) -> Self {
        Self { kind, ..self }
    }

    pub fn gas(self, gas: u64) -> Self {
        Self { gas, ..self }
    }

    /// The executor never looks at the signature: the sender is given.
    pub fn build(self, sender: Address, nonce: u64) -> RecoveredTx {
        let (chain_id, gas_limit, to, input) = (self.chain_id, self.gas, self.to, self.data);
        let value = U256::from(self.value);
        let signature = Signature::new(U256::from(1), U256::from(1), false);
        let envelope: TxEnvelope = match self.kind {
            0 => TxLegacy { chain_id: Some(chain_id), nonce, gas_price: self.max_fee, gas_limit, to, value, input }
                .into_signed(signature)
                .into(),
            1 => TxEip2930 {
                chain_id,
                nonce,
                gas_price: self.max_fee,
                gas_limit,
                to,
                value,
                input,
                access_list: self.access_list,
            }
            .into_signed(signature)
            .into(),
            2 => TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: self.max_fee,
                max_priority_fee_per_gas: self.tip,
                to,
                value,
                input,
                access_list: self.access_list,
            }
            .into_signed(signature)
            .into(),
            _ => TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: self.max_fee,
                max_priority_fee_per_gas: self.tip,
                to: *to.to().unwrap(),
                value,
                input,
                access_list: self.access_list,
                authorization_list: self.authorizations,
            }
            .into_signed(signature)
            .into(),
        };
        let raw = envelope.encoded_2718();
        RecoveredTx { tx: tx::decode(raw.into(), tx::MAX_TX_BYTES).unwrap(), sender }
    }
}
