//! How long a plain transfer takes, with plain money and under the economy (decay and commission), side by side:
//! `cargo run -p defchain-evm --example transfers [transfers] [accounts]`. Under the economy every account holds four
//! portions of different days, which every transfer settles.
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
use defchain_evm::{BlockEnv, Executor, Registry, begin_block, genesis_accounts, write_genesis_account};
use defchain_token::{BlockHost, BlockTotals, Ledger, Payees, TokenParams, end_of_block, state::TokenWrite};

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
        value: U256::from(1_000_000_000_000_000_u64),
        ..TxEip1559::default()
    };
    let envelope: TxEnvelope = tx.into_signed(Signature::new(U256::from(1), U256::from(1), false)).into();
    let signed = tx::decode(envelope.encoded_2718().into(), tx::MAX_TX_BYTES).unwrap();
    RecoveredTx { tx: signed, sender: account(from) }
}

/// A chain and a block of transfers between its accounts.
struct Bench {
    base: MemoryState,
    env: BlockEnv,
    registry: Registry,
}

impl Bench {
    fn new(params: &TokenParams, transfers: usize, accounts: usize) -> Self {
        let mut genesis = Overlay::new(EmptyState);
        genesis.put_token_params(params).unwrap();
        let registry = defchain_evm::base_registry();
        for account in genesis_accounts(&registry) {
            write_genesis_account(&mut genesis, &account).unwrap();
        }
        let portions = if params.commission.is_none() { 1 } else { 4 };
        let day = params.day_millis();
        for n in 0..accounts {
            for age in 0..portions {
                let mut ledger = Ledger::new(params, AgeMillis(age * day));
                ledger.credit_fresh(&genesis, &account(n), Amount::from_def(1)).unwrap();
                ledger.write(&mut genesis).unwrap().shares.credit(&mut genesis).unwrap();
                genesis.raise_supply(Amount::from_def(1)).unwrap();
            }
        }
        let mut base = MemoryState::default();
        base.apply(&genesis.into_delta());
        let env = BlockEnv {
            chain_id: CHAIN_ID,
            height: Height(1),
            time: Timestamp(1_700_000_000_000),
            // A day after the last portion came.
            age: AgeMillis(portions * day),
            gas_limit: 21_000 * u64::try_from(transfers).unwrap(),
            base_fee: 1_000_000_000,
            ..BlockEnv::default()
        };
        Self { base, env, registry }
    }

    /// Microseconds a transfer, the end of the block included.
    fn run(&self, txs: &[RecoveredTx]) -> f64 {
        let mut overlay = Overlay::new(&self.base);
        begin_block(&mut overlay, &self.env, B256::ZERO).unwrap();
        let start = Instant::now();
        let mut executor = Executor::new(overlay, self.env, &self.registry).unwrap();
        let (mut totals, mut logs) = (BlockTotals::default(), 0);
        for tx in txs {
            let outcome = executor.execute(tx, self.env.gas_limit).unwrap();
            assert!(outcome.success);
            logs += outcome.logs.len();
            totals.base_fees = totals.base_fees.checked_add(outcome.base_fee).unwrap();
            totals.tips = totals.tips.checked_add(outcome.tip).unwrap();
            totals.shares = totals.shares.plus(outcome.shares).unwrap();
        }
        let mut overlay = executor.into_overlay();
        let payees = Payees { gas_share: Some(account(0)), tips: Some(account(0)) };
        end_of_block(&mut BlockHost::new(&mut overlay, self.env), &totals, payees).unwrap();
        let micros = start.elapsed().as_secs_f64() * 1e6 / txs.len() as f64;
        assert!(logs <= 3 * txs.len());
        micros
    }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<usize>().unwrap());
    let (transfers, accounts) = (args.next().unwrap_or(10_000), args.next().unwrap_or(20_000));
    let txs: Vec<RecoveredTx> =
        (0..transfers).map(|i| transfer(i % accounts, (i * 7 + 1) % accounts, (i / accounts) as u64)).collect();
    let plain = Bench::new(&TokenParams::plain(), transfers, accounts);
    let economy = Bench::new(&TokenParams::economy(), transfers, accounts);
    let mut best = [f64::MAX; 2];
    for round in 0..7 {
        let times = [plain.run(&txs), economy.run(&txs)];
        println!("round {round}: plain {:.2} µs, economy {:.2} µs per transfer", times[0], times[1]);
        best = [best[0].min(times[0]), best[1].min(times[1])];
    }
    println!("best: plain {:.2} µs, economy {:.2} µs, ratio {:.2}", best[0], best[1], best[1] / best[0]);
}
