//! What a month's boundary costs with a million stakes, and a slash with 50,000 delegators: neither may depend on their number.
//!
//! `cargo run --release -p defchain-dividends --example big_economy [stakes] [delegators]`
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement"
)]

use std::time::{Duration, Instant};

use defchain_base::{Address, AgeMillis, Amount, BlockEnv, Bps, Height, MemoryState, Overlay, Timestamp, system::Pool};
use defchain_dividends as dividends;
use defchain_staking::{self as staking, Fraction, PositionId, genesis};
use defchain_token::{
    BlockHost, TokenParams,
    state::{TokenRead, TokenWrite},
};

const DAY: u64 = 86_400_000;
/// 2026-01-10T00:00:00Z.
const START: u64 = 1_768_003_200_000;
const VALIDATOR: Address = Address::repeat_byte(0x77);

fn address(n: u64) -> Address {
    let mut bytes = [0xab; 20];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Address::new(bytes)
}

/// Runs a step over the state, applies what it changed, and returns how long the step took.
fn step<T>(
    state: &mut MemoryState,
    env: BlockEnv,
    with: impl FnOnce(&mut BlockHost<&mut Overlay<&MemoryState>>) -> T,
) -> (Duration, T) {
    let mut overlay = Overlay::new(&*state);
    let begun = Instant::now();
    let result = with(&mut BlockHost::new(&mut overlay, env));
    let took = begun.elapsed();
    let delta = overlay.into_delta();
    state.apply(&delta);
    (took, result)
}

fn env(days: u64) -> BlockEnv {
    BlockEnv {
        time: Timestamp(START + days * DAY),
        age: AgeMillis(days * DAY),
        height: Height(days + 1),
        ..BlockEnv::default()
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<u64>().unwrap());
    let (stakes, delegators) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(50_000));
    let mut state = MemoryState::default();
    step(&mut state, env(0), |host| {
        host.put_token_params(&TokenParams::economy()).unwrap();
        genesis::Section::default().apply(host).unwrap();
        host.credit_pool(Pool::Dividend, Amount::from_def(1_000)).unwrap();
    });
    let begun = Instant::now();
    for batch in 0..stakes.div_ceil(1_000) {
        step(&mut state, env(0), |host| {
            for n in batch * 1_000..(batch * 1_000 + 1_000).min(stakes) {
                let validator = (n < delegators).then_some(VALIDATOR);
                // Terms end on 365 days, each with a twelfth of its stakes a year.
                let start = Some(Timestamp(START - (n % 300) * DAY));
                let (owner, years) = (address(n / 8), u8::try_from(n % 12 + 1).unwrap());
                genesis::open_position(host, owner, Amount::from_def(1 + n % 9), years, start, validator).unwrap();
            }
        });
    }
    println!("{stakes} stakes opened in {:.1?}, {delegators} of them bound to one validator", begun.elapsed());
    report("epoch", step(&mut state, env(1), |h| staking::start_epoch(h, VALIDATOR, true).unwrap()).0);
    let begin = |state: &mut MemoryState, days| step(state, env(days), |h| dividends::lifecycle::begin(h).unwrap()).0;
    report("first block: the month's snapshot", begin(&mut state, 1));
    let mut worst = Duration::ZERO;
    for day in 2..22 {
        worst = worst.max(begin(&mut state, day));
    }
    report("a day's ends of terms, worst of 20", worst);
    report("month boundary with a day's ends", begin(&mut state, 22));
    let slash = |state: &mut MemoryState, days| {
        step(state, env(days), |h| staking::slash(h, VALIDATOR, Fraction { num: 5, den: 100 }).unwrap())
    };
    let (took, amount) = slash(&mut state, 22);
    report("slash", took);
    println!("    {} DEF of {delegators} positions", amount.wei() / Amount::ONE_DEF.wei());
    report("second slash", slash(&mut state, 22).0);
    report(
        "income",
        step(&mut state, env(22), |h| {
            h.credit_pool(Pool::Validators, Amount::from_def(10)).unwrap();
            staking::add_income(h, VALIDATOR, Amount::from_def(10), Bps(500)).unwrap()
        })
        .0,
    );
    report("a year's ends in one block", begin(&mut state, 400));
    report(
        "claiming the income of 8 positions",
        step(&mut state, env(400), |h| staking::claim_all_rewards(h, address(1)).unwrap()).0,
    );
    report("one dividend", step(&mut state, env(400), |h| dividends::claim(h, address(9), PositionId(3)).unwrap()).0);
    let _ = state.total_supply().unwrap();
}

fn report(what: &str, took: Duration) {
    println!("{what}: {:.3} ms", took.as_secs_f64() * 1_000.0);
}
