use std::{
    fs,
    io::{IsTerminal, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use defchain_localnet::{DEV_ACCOUNTS, Network, Processes, Spec, Tip, create, held_powers};
use nix::sys::signal::{SigHandler, Signal, signal};

use crate::{build, tools::root, ui::step};

/// How long the first blocks may take.
const READY: Duration = Duration::from_secs(90);

#[derive(Args)]
pub struct UpArgs {
    /// How many validators
    #[arg(long, value_name = "N")]
    validators: Option<usize>,
    /// Weights of voting power, one per validator (default for four: 19,24,27,30)
    #[arg(long, value_delimiter = ',', value_name = "W,W,…")]
    powers: Vec<u64>,
    /// Return when the network is ready; `cargo xtask down` stops it
    #[arg(long)]
    detach: bool,
    /// Begin a new chain
    #[arg(long)]
    reset: bool,
}

/// Where the localnet's homes are.
fn folder() -> PathBuf {
    root().join("localnet/run")
}

pub fn up(args: &UpArgs) -> Result<()> {
    let dir = folder();
    let powers = powers(args, &dir)?;
    if Processes::read(&dir).running() > 0 {
        bail!("the localnet is running: `cargo xtask down` stops it");
    }
    let programs = build::programs()?;
    if args.reset && dir.exists() {
        step("throw the old chain away", || fs::remove_dir_all(&dir).context("cannot remove localnet/run"))?;
    }
    let spec = Spec::localnet(&dir, &programs.app, &programs.cometbft, powers);
    let resumed = dir.join("network.json").exists();
    let nodes = step(if resumed { "find the chain's homes" } else { "make keys, genesis and configuration" }, || {
        create(&spec)
    })?;
    let mut network = step("start the validators", || Network::start(&dir, &programs.app, nodes))?;
    let tips = step("wait until all make blocks and agree", || ready(&network))?;
    print_ready(&network, &tips, resumed);
    if args.detach {
        network.detach();
        println!("\nRunning in the background. Stop it with: cargo xtask down");
        return Ok(());
    }
    watch(network)
}

/// Becomes `defchain-app dev`: Ctrl-C and the exit code are its own.
pub fn dev(args: &[String]) -> Result<()> {
    let app = build::app()?;
    let error = Command::new(&app).arg("dev").args(args).exec();
    Err(error).with_context(|| format!("cannot run {}", app.display()))
}

pub fn down() -> Result<()> {
    let dir = folder();
    let processes = Processes::read(&dir);
    if processes.running() == 0 {
        println!("No localnet is running.");
        return Ok(());
    }
    let stopped = step("stop the validators", || processes.stop(&dir))?;
    println!("Stopped {stopped} validators. The chain is kept: `cargo xtask up` goes on with it.");
    Ok(())
}

/// As asked for; a chain that goes on keeps the powers that it has.
fn powers(args: &UpArgs, dir: &Path) -> Result<Vec<u64>> {
    let held = if args.reset { None } else { held_powers(dir) };
    match (args.validators, args.powers.len()) {
        (Some(n), given) if given > 0 && n != given => bail!("{n} validators, but {given} powers"),
        (None, 0) => Ok(held.unwrap_or_else(|| Spec::default_powers(4))),
        (Some(n), 0) => Ok(held.filter(|held| held.len() == n).unwrap_or_else(|| Spec::default_powers(n))),
        _ => Ok(args.powers.clone()),
    }
}

/// Two blocks beyond where the network stood, the same on every validator.
fn ready(network: &Network) -> Result<Vec<Tip>> {
    network.wait(READY, "an answer from every validator", |n| n.tips().iter().all(Option::is_some))?;
    let newest = network.tips().into_iter().flatten().map(|tip| tip.height).max().unwrap_or(0);
    let tips = network.wait_height(newest + 2, READY)?;
    for (tip, node) in tips.iter().zip(&network.nodes) {
        let first = tips.first().context("no validators")?;
        if tip.hash != first.hash || tip.state_root != first.state_root {
            bail!("node{} has another block {}: {} instead of {}", node.index, tip.height, tip.hash, first.hash);
        }
    }
    Ok(tips)
}

fn print_ready(network: &Network, tips: &[Tip], resumed: bool) {
    let height = tips.first().map_or(0, |tip| tip.height);
    println!(
        "\nThe localnet is ready{}: block {height}, chain id 35679 (0x8b5f).\n",
        if resumed { " again" } else { "" }
    );
    for node in &network.nodes {
        println!(
            "  node{}  RPC and WebSocket {}   CometBFT {}   metrics http://127.0.0.1:{}/metrics",
            node.index,
            node.rpc_url(),
            node.comet_url(),
            node.metrics
        );
    }
    println!(
        "\n  10 accounts with 100,000 DEF each; phrase: test test test test test test test test test test test junk"
    );
    println!("  the first: {} (the keys are those that `defchain-app dev` prints)", DEV_ACCOUNTS[0]);
    println!("  logs: localnet/run/node*/logs");
}

static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn on_signal(_: nix::libc::c_int) {
    STOP.store(true, Ordering::SeqCst);
}

/// One live line until Ctrl-C.
#[allow(unsafe_code, reason = "installing a signal handler; it only sets a flag")]
fn watch(network: Network) -> Result<()> {
    for kind in [Signal::SIGINT, Signal::SIGTERM] {
        // SAFETY: the handler stores to an atomic, which is safe in a signal handler.
        unsafe { signal(kind, SigHandler::Handler(on_signal)) }.context("cannot watch for Ctrl-C")?;
    }
    println!("\nCtrl-C stops it.");
    let live = std::io::stdout().is_terminal();
    let mut before = None;
    while !STOP.load(Ordering::SeqCst) {
        let tips = network.tips();
        let line = status_line(&network, &tips, &mut before);
        if live {
            print!("\r\x1b[2K{line}");
            std::io::stdout().flush()?;
        }
        sleep(Duration::from_secs(1));
    }
    println!();
    step("stop the validators", || network.stop())
}

/// Where the network was at the last look.
struct Before {
    height: u64,
    at: Instant,
}

/// Heights, peers, and what came since the last look: blocks and transactions a second.
fn status_line(network: &Network, tips: &[Option<Tip>], before: &mut Option<Before>) -> String {
    let show = |figures: Vec<Option<u64>>| {
        figures.iter().map(|f| f.map_or_else(|| "-".to_owned(), |f| f.to_string())).collect::<Vec<_>>().join(" ")
    };
    let heights = show(tips.iter().map(|tip| tip.as_ref().map(|tip| tip.height)).collect());
    let peers = show((0..tips.len()).map(|i| peers(network, i)).collect());
    let mut line = format!("heights {heights} | peers {peers}");
    let newest = tips.iter().enumerate().filter_map(|(i, tip)| Some((i, tip.as_ref()?.height))).max_by_key(|(_, h)| *h);
    let Some((node, height)) = newest else { return line };
    if let Some(Before { height: old, at }) = before.replace(Before { height, at: Instant::now() }) {
        let rpc = network.rpc(node);
        let transactions: usize = (old + 1..=height)
            .filter_map(|number| rpc.block(&format!("0x{number:x}")).ok().flatten())
            .map(|block| block.txs)
            .sum();
        let seconds = at.elapsed().as_secs_f64().max(0.001);
        let blocks = height.saturating_sub(old) as f64 / seconds;
        line += &format!(" | {blocks:.1} blocks/s | {:.0} tx/s", transactions as f64 / seconds);
    }
    line
}

fn peers(network: &Network, node: usize) -> Option<u64> {
    let count = network.rpc(node).call("net_peerCount", Default::default()).ok()?;
    u64::from_str_radix(count.as_str()?.trim_start_matches("0x"), 16).ok()
}
