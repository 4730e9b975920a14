//! How long a plain transfer takes: `cargo run -p defchain-evm --example transfers [transfers] [accounts]`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a measurement, not part of the node"
)]

use std::time::Instant;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Signature, TxKind, U256};
use defchain_base::{
    AgeMillis, Amount, EmptyState, Height, MemoryState, Overlay, Timestamp,
    tx::{self, RecoveredTx},
};
use defchain_evm::{BlockEnv, Executor, GenesisAccount, begin_block, genesis_accounts, write_genesis_account};
use defchain_token::{TokenParams, state::TokenWrite};

const CHAIN_ID: u64 = 35_679;

fn account(n: usize) -> Address {
    Address::from_word(alloy_primitives::keccak256(n.to_be_bytes()))
}

fn transfer(from: usize, to: usize, nonce: u64) -> RecoveredTx {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(account(to)),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    let envelope: TxEnvelope = tx.into_signed(Signature::new(U256::from(1), U256::from(1), false)).into();
    let signed = tx::decode(envelope.encoded_2718().into(), tx::MAX_TX_BYTES).unwrap();
    RecoveredTx { tx: signed, sender: account(from) }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<usize>().unwrap());
    let (transfers, accounts) = (args.next().unwrap_or(10_000), args.next().unwrap_or(20_000));
    let mut genesis = Overlay::new(EmptyState);
    genesis.put_token_params(&TokenParams::plain()).unwrap();
    let registry = defchain_evm::base_registry();
    for account in genesis_accounts(&registry) {
        write_genesis_account(&mut genesis, &account).unwrap();
    }
    for n in 0..accounts {
        let account = GenesisAccount { address: account(n), balance: Amount::from_def(1), ..Default::default() };
        write_genesis_account(&mut genesis, &account).unwrap();
    }
    let mut base = MemoryState::default();
    base.apply(&genesis.into_delta());
    let env = BlockEnv {
        chain_id: CHAIN_ID,
        height: Height(1),
        time: Timestamp(1_700_000_000_000),
        age: AgeMillis(0),
        gas_limit: 21_000 * u64::try_from(transfers).unwrap(),
        base_fee: 1_000_000_000,
        ..BlockEnv::default()
    };
    let txs: Vec<RecoveredTx> =
        (0..transfers).map(|i| transfer(i % accounts, (i * 7 + 1) % accounts, (i / accounts) as u64)).collect();
    let start = Instant::now();
    for _ in 0..1_000 {
        let _ = Executor::new(Overlay::new(&base), env, &registry).unwrap();
    }
    println!("{:?} per executor made and dropped", start.elapsed() / 1_000);
    for round in 0..5 {
        let mut overlay = Overlay::new(&base);
        begin_block(&mut overlay, &env, B256::ZERO).unwrap();
        let start = Instant::now();
        let mut executor = Executor::new(overlay, env, &registry).unwrap();
        let ready = start.elapsed();
        for tx in &txs {
            assert!(executor.execute(tx, env.gas_limit).unwrap().success);
        }
        let each = (start.elapsed() - ready).as_secs_f64() * 1e6 / transfers as f64;
        println!("round {round}: executor {ready:?}, {each:.2} µs per transfer");
    }
}
