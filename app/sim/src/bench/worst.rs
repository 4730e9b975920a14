//! How long the dearest block takes: every transaction burns all of its gas in a loop of one operation (D8a).
//!
//! A proposer that times its work never builds such a block; a malicious one can. So the figure that counts is that of
//! the other validators: judging, trees and commit of a full block they see for the first time.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use anyhow::{Result, ensure};
use defchain_base::Amount;
use defchain_chain::genesis::{AppState, GenesisAccount};
use serde::Serialize;

use super::{
    exec::{Bench, BenchGenesis, BenchPlan},
    load::CHAIN_ID,
};
use crate::load::{Accounts, TransferPlan, Work, WorkCall, sign_call};

/// Gas of a block by default (D8a).
const BLOCK_GAS: u64 = 400_000_000;
/// Gas of a transaction at most (EIP-7825).
const MAX_TX_GAS: u64 = 1 << 24;
/// Slots that the contract of "cold SLOAD" holds: more than a block reads at 2,100 gas each.
const SLOTS: u64 = 195_000;

/// What to do.
#[derive(Debug, Clone)]
pub struct WorstPlan {
    /// Accounts in state.
    pub accounts: u64,
    /// Only bombs whose name contains this.
    pub only: Option<String>,
    /// Where the temporary folder is made.
    pub under: Option<std::path::PathBuf>,
}

/// One kind of block. Times in seconds.
#[derive(Debug, Clone, Serialize)]
pub struct WorstFigure {
    /// The operation.
    pub name: &'static str,
    /// Gas that the block used.
    pub gas: u64,
    /// PrepareProposal.
    pub prepare_s: f64,
    /// ProcessProposal, FinalizeBlock and Commit on a node that sees the block for the first time.
    pub other_s: f64,
}

/// One operation that is repeated until the gas is gone.
struct Bomb {
    name: &'static str,
    /// Repeated. Memory begins with the input; the stack holds a counter that starts at 1.
    body: Vec<u8>,
    input: Vec<u8>,
    storage: BTreeMap<B256, B256>,
    /// Ends with so much gas left, so that what was written stays; without it the last round fails and undoes all.
    leave: Option<u32>,
}

/// Builds and runs a block of each kind.
///
/// # Errors
/// When a block does not burn what it should.
pub fn run(plan: &WorstPlan) -> Result<Vec<WorstFigure>> {
    let bombs: Vec<Bomb> =
        bombs().into_iter().filter(|b| plan.only.as_ref().is_none_or(|only| b.name.contains(only))).collect();
    let senders = BLOCK_GAS.div_ceil(MAX_TX_GAS);
    let accounts = Accounts::derive(senders, plan.accounts.max(senders + 1))?;
    let contracts = bombs.iter().enumerate().map(|(i, bomb)| bomb.account(i)).collect();
    let bench = Bench::open(BenchPlan {
        accounts: &accounts,
        contracts,
        genesis: BenchGenesis::single(AppState::default()),
        sync: true,
        under: plan.under.as_deref(),
    })?;
    let mut figures = Vec::new();
    for (number, bomb) in bombs.iter().enumerate() {
        let mut left = BLOCK_GAS;
        let mut raws = Vec::new();
        for sender in 0..senders {
            let gas = left.min(MAX_TX_GAS);
            left -= gas;
            let call = WorkCall { to: place(number), value: 0, input: bomb.input.clone().into(), gas };
            raws.push(sign_call(&accounts, &fees(), sender, number as u64, call)?);
        }
        let times = bench.run(raws, senders, false)?;
        let gas = bench.gas_used()?;
        let least = if bomb.leave.is_some() { 85 } else { 98 };
        ensure!(
            gas > BLOCK_GAS / 100 * least,
            "{}: the block used {gas} gas of {BLOCK_GAS}: its loop ended early",
            bomb.name
        );
        let other = times.cold.iter().map(|t| t.as_secs_f64()).sum();
        let [_, prepare, ..] = times.stages;
        eprintln!("  {:24} {:7.0} ms to judge", bomb.name, other * 1e3);
        figures.push(WorstFigure { name: bomb.name, gas, prepare_s: prepare.as_secs_f64(), other_s: other });
    }
    figures.sort_by(|a, b| b.other_s.total_cmp(&a.other_s));
    bench.close();
    Ok(figures)
}

const fn fees() -> TransferPlan {
    TransferPlan {
        work: Work::Transfers,
        chain_id: CHAIN_ID,
        count: 0,
        batch: 0,
        lanes: 1,
        max_fee_per_gas: 1_000_000_000_000,
        max_priority_fee_per_gas: 100_000_000,
        value: 0,
    }
}

fn place(number: usize) -> Address {
    Address::from_word(keccak256([b"defchain/bench/bomb".as_slice(), &number.to_be_bytes()].concat()))
}

const PUSH0: u8 = 0x5f;
const POP: u8 = 0x50;
const DUP1: u8 = 0x80;
const DUP2: u8 = 0x81;
const SWAP1: u8 = 0x90;
const ADD: u8 = 0x01;
const JUMPDEST: u8 = 0x5b;

impl Bomb {
    fn account(&self, number: usize) -> GenesisAccount {
        // CALLDATACOPY(0, 0, CALLDATASIZE); counter 1; then the loop. It ends only with the gas.
        let mut code = vec![0x36, PUSH0, PUSH0, 0x37, 0x60, 1, JUMPDEST];
        code.extend_from_slice(&self.body);
        match self.leave {
            None => code.extend_from_slice(&[0x60, 6, 0x56]),
            Some(leave) => {
                // Again while GAS > leave.
                let [_, a, b, c] = leave.to_be_bytes();
                code.extend_from_slice(&[0x62, a, b, c, 0x5a, 0x11, 0x60, 6, 0x57, 0x00]);
            }
        }
        GenesisAccount {
            address: place(number),
            balance: Amount::default(),
            nonce: 1,
            code: code.into(),
            storage: self.storage.clone(),
        }
    }

    fn loops(name: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { name, body: body.into(), input: Vec::new(), storage: BTreeMap::new(), leave: None }
    }

    /// Stops in time, so that what it wrote stays.
    const fn leaving(mut self, gas: u32) -> Self {
        self.leave = Some(gas);
        self
    }

    /// Does something with the counter and raises it.
    fn counts(name: &'static str, body: &[u8]) -> Self {
        Self::loops(name, [body, &[0x60, 1, ADD]].concat())
    }

    /// Calls a precompile with its input; ends at once, with gas left, should the call fail.
    fn precompile(name: &'static str, address: u16, input: impl Into<Vec<u8>>) -> Self {
        let [hi, lo] = address.to_be_bytes();
        // STATICCALL(gas, address, 0, CALLDATASIZE, 0, 0); jump on if it worked, else STOP.
        let body = [PUSH0, PUSH0, 0x36, PUSH0, 0x61, hi, lo, 0x5a, 0xfa, 0x60, 20, 0x57, 0x00, JUMPDEST];
        Self { input: input.into(), ..Self::loops(name, body) }
    }
}

fn push(word: U256) -> Vec<u8> {
    [[0x7f].as_slice(), &word.to_be_bytes::<32>()].concat()
}

fn bombs() -> Vec<Bomb> {
    let most = push(U256::MAX);
    let mut slots = Bomb::counts("cold SLOAD", &[DUP1, 0x54, POP]);
    slots.storage = (1..=SLOTS).map(|n| (U256::from(n).into(), U256::from(n).into())).collect();
    let mut bombs = vec![
        Bomb::loops("JUMP", []),
        Bomb::loops("MULMOD", [most.clone(), most.clone(), most.clone(), vec![0x09, POP]].concat()),
        Bomb::loops("DIV", [push(U256::from(u128::MAX)), most.clone(), vec![0x04, POP]].concat()),
        Bomb::loops("EXP", [most.clone(), most.clone(), vec![0x0a, POP]].concat()),
        Bomb::loops("KECCAK256 of 32 KiB", [0x61, 0x80, 0, PUSH0, 0x20, POP]),
        Bomb::loops("KECCAK256 of 32 bytes", [0x60, 32, PUSH0, 0x20, POP]),
        Bomb::loops("MCOPY of 32 KiB", [0x61, 0x80, 0, PUSH0, 0x60, 1, 0x5e]),
        Bomb::loops("LOG0 of 4 KiB", [0x61, 0x10, 0, PUSH0, 0xa0]).leaving(80_000),
        Bomb::counts("TSTORE of new keys", &[DUP1, DUP1, 0x5d]),
        slots,
        // Slot: caller + counter, so that each transaction has its own; value: the counter.
        Bomb::counts("SSTORE of new slots", &[0x33, DUP2, 0x01, DUP2, SWAP1, 0x55]).leaving(50_000),
        Bomb::counts("BALANCE of nobody", &[DUP1, 0x31, POP]),
        Bomb::counts("EXTCODESIZE of nobody", &[DUP1, 0x3b, POP]),
        Bomb::counts("CALL of nobody", &[PUSH0, PUSH0, PUSH0, PUSH0, PUSH0, 0x85, PUSH0, 0xf1, POP]),
        Bomb::counts("CREATE2 of nothing", &[0x33, DUP2, 0x01, PUSH0, PUSH0, PUSH0, 0xf5, POP]).leaving(100_000),
        Bomb::counts(
            "CREATE of 8 KiB",
            &[0x67, 0x61, 0x20, 0x00, PUSH0, 0xf3, 0, 0, 0, PUSH0, 0x52, 0x60, 8, 0x60, 24, PUSH0, 0xf0, POP],
        )
        .leaving(2_000_000),
        Bomb::counts("BLOCKHASH", &[0x60, 1, 0x43, 0x03, 0x40, POP]),
    ];
    bombs.extend(precompiles());
    bombs
}

const BN_G2: &str = "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2\
    1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed\
    090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b\
    12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
const BLS_G1: [&str; 2] = [
    "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
    "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1",
];
const BLS_G2: [&str; 4] = [
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
    "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e",
    "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801",
    "0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be",
];

/// A field element of BLS12-381 takes 64 bytes, the upper 16 zero.
fn bls(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|part| [vec![0; 16], bytes(part)].concat()).collect()
}

#[allow(clippy::expect_used, reason = "constants of this file, decoded by a test")]
fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("constants are hex")
}

fn word(number: u64) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

fn precompiles() -> Vec<Bomb> {
    // An odd modulus of 256 bytes, an exponent of ones.
    let modexp = |size: u64, exponent: u64| {
        let all = |n: u64| vec![0xff; usize::try_from(n).unwrap_or(0)];
        [
            word(size).to_vec(),
            word(exponent).to_vec(),
            word(size).to_vec(),
            all(size - 1),
            vec![0xfe],
            all(exponent),
            all(size),
        ]
        .concat()
    };
    let bn_g1 = [word(1), word(2)].concat();
    let bn_g2 = bytes(BN_G2);
    let (g1, g2) = (bls(&BLS_G1), bls(&BLS_G2));
    let scalar = vec![0xff; 32];
    let mut blake = vec![0; 213];
    if let Some(rounds) = blake.get_mut(..4) {
        rounds.copy_from_slice(&1_000_000_u32.to_be_bytes());
    }
    // The polynomial 0: commitment and proof are the point at infinity.
    let infinity = [vec![0xc0], vec![0; 47]].concat();
    let mut versioned: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&infinity).into();
    versioned[0] = 1;
    let kzg = [versioned.to_vec(), word(5).to_vec(), word(0).to_vec(), infinity.clone(), infinity].concat();
    let repeat = |pair: Vec<u8>, times: usize| pair.repeat(times);
    vec![
        Bomb::precompile("ECRECOVER", 1, signature_k1()),
        Bomb::precompile("SHA256 of 32 KiB", 2, vec![7; 32 << 10]),
        Bomb::precompile("RIPEMD160 of 32 KiB", 3, vec![7; 32 << 10]),
        Bomb::precompile("IDENTITY of 32 KiB", 4, vec![7; 32 << 10]),
        Bomb::precompile("MODEXP of 256 bytes", 5, modexp(256, 32)),
        Bomb::precompile("MODEXP of 32 bytes", 5, modexp(32, 32)),
        Bomb::precompile("BN254 add", 6, [bn_g1.clone(), bn_g1.clone()].concat()),
        Bomb::precompile("BN254 multiply", 7, [bn_g1.clone(), scalar.clone()].concat()),
        Bomb::precompile("BN254 pairing of 8", 8, repeat([bn_g1, bn_g2].concat(), 8)),
        Bomb::precompile("BLAKE2F of 10^6 rounds", 9, blake),
        Bomb::precompile("KZG point evaluation", 10, kzg),
        Bomb::precompile("BLS12 G1 add", 11, [g1.clone(), g1.clone()].concat()),
        Bomb::precompile("BLS12 G1 sum of 8", 12, repeat([g1.clone(), scalar.clone()].concat(), 8)),
        Bomb::precompile("BLS12 G2 add", 13, [g2.clone(), g2.clone()].concat()),
        Bomb::precompile("BLS12 G2 sum of 8", 14, repeat([g2.clone(), scalar].concat(), 8)),
        Bomb::precompile("BLS12 pairing of 4", 15, repeat([g1, g2].concat(), 4)),
        Bomb::precompile("BLS12 map to G1", 16, bls(&[&"01".repeat(48)])),
        Bomb::precompile("BLS12 map to G2", 17, bls(&[&"01".repeat(48), &"02".repeat(48)])),
        // EIP-7951 answers with empty output, not failure, when a signature is wrong; this one is right.
        Bomb::precompile("P256VERIFY", 0x100, p256()),
    ]
}

/// Hash, v, r and s of a signature by the key 1.
fn signature_k1() -> Vec<u8> {
    let hash = keccak256(b"defchain/bench/bomb");
    let key = secp256k1::SecretKey::from_byte_array(word(1));
    let signed = key.map(|key| {
        let message = secp256k1::Message::from_digest(hash.0);
        secp256k1::SECP256K1.sign_ecdsa_recoverable(message, &key).serialize_compact()
    });
    let (parity, rs) = signed.unwrap_or((secp256k1::ecdsa::RecoveryId::Zero, [0; 64]));
    let v = if parity == secp256k1::ecdsa::RecoveryId::One { 28 } else { 27 };
    [hash.0.to_vec(), word(v).to_vec(), rs.to_vec()].concat()
}

/// The first valid vector of EIP-7951: hash, r, s, x, y.
fn p256() -> Vec<u8> {
    bytes(
        "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d\
         a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac\
         36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60\
         4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3\
         7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_bomb_has_a_name_of_its_own_and_a_loop_that_reaches_its_beginning() {
        let bombs = bombs();
        let names: std::collections::BTreeSet<_> = bombs.iter().map(|b| b.name).collect();
        assert_eq!(names.len(), bombs.len());
        for (i, bomb) in bombs.iter().enumerate() {
            let code = bomb.account(i).code;
            assert_eq!(code.get(6), Some(&JUMPDEST), "{}", bomb.name);
            let end: &[u8] = if bomb.leave.is_some() { &[0x60, 6, 0x57, 0x00] } else { &[0x60, 6, 0x56] };
            assert!(code.ends_with(end), "{}", bomb.name);
        }
    }
}
