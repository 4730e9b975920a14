//! How long an epoch change takes with 195 validators and 100,000 delegations, over state in memory.
//!
//! `cargo run --release -p defchain-validators --example epoch_change` prints the time of an ordinary block's end, of the
//! boundary's, and of a slash with removal. The budget is 20 ms for each (issue 5).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "a measurement"
)]

use std::time::{Duration, Instant};

use defchain_base::{
    Address, AgeMillis, Amount, B256, BlockEnv, ConsensusAddress, Height, MemoryState, Overlay, Timestamp, keccak256,
    native::Host, system::Pool,
};
use defchain_geo::Country;
use defchain_staking as staking;
use defchain_token::{BlockHost, TokenParams, state::TokenWrite};
use defchain_validators::{
    JailKind, ValidatorParams, Vote,
    genesis::{GenesisValidator, Section},
    lifecycle, pop,
    state::ValidatorsRead,
};
use ed25519_consensus::SigningKey;

const DELEGATIONS: u64 = 100_000;
const DELEGATORS: u64 = 2_000;
const ROUNDS: u64 = 7;

fn validator(n: u16, country: Country) -> GenesisValidator {
    let seed = keccak256(n.to_be_bytes());
    GenesisValidator {
        operator: Address::from_word(keccak256(seed)),
        moniker: country.to_string(),
        country,
        consensus_key: B256::new(SigningKey::from(seed.0).verification_key().to_bytes()),
        bls_key: pop::BlsSecret::from_seed(&seed.0).unwrap().public().to_vec().into(),
        commission_bps: 1_000,
        stake: Amount::from_def(10_000 + u64::from(n)),
        years: 4,
        attestation_expiry: None,
    }
}

fn env(height: u64) -> BlockEnv {
    BlockEnv {
        height: Height(height),
        time: Timestamp((1_800_000_000 + height) * 1_000),
        age: AgeMillis(height * 1_000),
        ..BlockEnv::default()
    }
}

fn genesis(state: &mut MemoryState) -> Vec<Address> {
    let mut overlay = Overlay::new(&*state);
    overlay.put_token_params(&TokenParams::economy()).unwrap();
    let validators: Vec<_> = Country::all().zip(0..).map(|(country, n)| validator(n, country)).collect();
    let operators: Vec<_> = validators.iter().map(|v| v.operator).collect();
    let mut host = BlockHost::new(&mut overlay, env(0));
    staking::genesis::Section::default().apply(&mut host).unwrap();
    let params = ValidatorParams { epoch_blocks: 3, activation_threshold: 1, ..ValidatorParams::default() };
    Section { params, validators }.apply(&mut host, Height(1)).unwrap();
    let amount = Amount::from_def(10);
    for n in 0..DELEGATIONS {
        let owner = Address::from_word(keccak256((n % DELEGATORS).to_le_bytes()));
        host.state_mut().raise_supply(amount).unwrap();
        host.state_mut().credit_pool(Pool::Staking, amount).unwrap();
        let operator = operators[usize::try_from(n).unwrap() % operators.len()];
        staking::open_bound(&mut host, owner, operator, amount, 12).unwrap();
    }
    let delta = overlay.into_delta();
    state.apply(&delta);
    operators
}

/// One block's end; the time it took, and how many updates CometBFT gets.
fn block(state: &mut MemoryState, height: u64, before_end: impl Fn(&mut dyn Host)) -> (Duration, usize) {
    let mut overlay = Overlay::new(&*state);
    let members = overlay.set_at(Height(height)).unwrap().unwrap().0;
    let votes: Vec<_> = members
        .iter()
        .map(|m| Vote { address: ConsensusAddress::of_ed25519(&m.key), power: m.power, signed: true })
        .collect();
    let mut host = BlockHost::new(&mut overlay, env(height));
    staking::lifecycle::begin(&mut host).unwrap();
    let start = Instant::now();
    lifecycle::begin(&mut host, &votes).unwrap();
    before_end(&mut host);
    let updates = lifecycle::end(&mut host).unwrap().len();
    let took = start.elapsed();
    let delta = overlay.into_delta();
    state.apply(&delta);
    (took, updates)
}

/// A delegation to every validator, each another amount: all weights differ in the next epoch.
fn delegate_to_all(state: &mut MemoryState, operators: &[Address], round: u64) {
    let mut overlay = Overlay::new(&*state);
    let mut host = BlockHost::new(&mut overlay, env(round * 3 + 1));
    for (operator, n) in operators.iter().zip(1..) {
        let (owner, amount) = (Address::from_word(keccak256(operator)), Amount::from_def(n + round));
        host.state_mut().raise_supply(amount).unwrap();
        host.state_mut().credit_pool(Pool::Staking, amount).unwrap();
        staking::open_bound(&mut host, owner, *operator, amount, 12).unwrap();
    }
    let delta = overlay.into_delta();
    state.apply(&delta);
}

fn main() {
    let mut state = MemoryState::default();
    let operators = genesis(&mut state);
    println!("{} validators, {DELEGATIONS} delegations", operators.len());
    let (mut turns, mut slashes) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let first = round * 3 + 1;
        delegate_to_all(&mut state, &operators, round);
        let (plain, _) = block(&mut state, first, |_| {});
        let (slash, removed) = block(&mut state, first + 1, |host| {
            let operator = operators[usize::try_from(round).unwrap()];
            let lost = staking::slash(host, operator, staking::Fraction { num: 5, den: 100 }).unwrap();
            host.burn(Pool::Staking, lost).unwrap();
            defchain_validators::jail(host, operator, AgeMillis(u64::MAX), JailKind::DoubleSign).unwrap();
        });
        let (turn, updates) = block(&mut state, first + 2, |_| {});
        println!(
            "plain {plain:?}; slash and removal {slash:?} ({removed} updates); epoch change {turn:?} ({updates} updates)"
        );
        turns.push(turn);
        slashes.push(slash);
    }
    for (what, mut times) in [("epoch change", turns), ("slash and removal", slashes)] {
        times.sort_unstable();
        let median = times[times.len() / 2];
        println!("median {what}: {median:?}");
        assert!(median < Duration::from_millis(20), "{what}: {median:?}, the budget is 20 ms");
    }
}
