use std::{ffi::OsStr, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::spec::{Node, Spec, operator};

/// Where the validators stand, one jurisdiction each.
const COUNTRIES: [&str; 20] = [
    "DE", "BR", "JP", "KE", "FR", "IN", "CA", "AU", "ZA", "MX", "NO", "TH", "EG", "CL", "NZ", "PL", "GH", "VN", "UY",
    "IS",
];
/// What a validator must stake itself, wei.
const MIN_STAKE: u128 = 10_000_000_000_000_000_000_000;

/// Makes the homes of a network with `defchain-app`'s own commands; what exists already is used as it is.
///
/// # Errors
/// When a command fails, or the folder holds a network of another shape.
pub fn create(spec: &Spec) -> Result<Vec<Node>> {
    let record = spec.dir.join("network.json");
    if record.exists() {
        return existing(spec, &record);
    }
    let nodes = spec.nodes()?;
    let declarations = spec.dir.join("declarations");
    fs::create_dir_all(&declarations).with_context(|| format!("cannot make {}", declarations.display()))?;
    for (node, stake) in nodes.iter().zip(stakes(&spec.powers)) {
        init(spec, node)?;
        let out = declarations.join(format!("declaration-node{}.json", node.index));
        let (operator, stake) = (operator(node.index), format!("{stake}wei"));
        let country = COUNTRIES.get(node.index).copied().unwrap_or_default();
        let line =
            ["genesis", "add-validator", "--operator", &operator, "--country", country, "--stake", &stake, "--out"];
        run(spec, node, line.iter().map(OsStr::new).chain([out.as_os_str()]))?;
    }
    let Some(first) = nodes.first() else { bail!("a network needs a validator") };
    for (address, amount) in &spec.accounts {
        run(spec, first, ["genesis", "add-account", address, amount])?;
    }
    run(spec, first, [OsStr::new("genesis"), OsStr::new("collect"), declarations.as_os_str()])?;
    for node in nodes.iter().skip(1) {
        copy_genesis(&first.home, &node.home)?;
    }
    configure(spec, &nodes)?;
    // Last: the sign of a complete network.
    fs::write(&record, serde_json::to_vec_pretty(&nodes)?)?;
    Ok(nodes)
}

/// Own stakes in the proportion of the powers, wei: the least of them is what a validator must have (D31).
fn stakes(powers: &[u64]) -> Vec<u128> {
    let least = u128::from(powers.iter().copied().min().unwrap_or(1).max(1));
    let (whole, rest) = (MIN_STAKE / least, MIN_STAKE % least);
    powers.iter().map(|power| u128::from(*power)).map(|power| whole * power + (rest * power).div_ceil(least)).collect()
}

fn existing(spec: &Spec, record: &Path) -> Result<Vec<Node>> {
    let bytes = fs::read(record).with_context(|| format!("cannot read {}", record.display()))?;
    let mut nodes: Vec<Node> =
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged: use --reset", record.display()))?;
    if nodes.len() != spec.powers.len() {
        bail!(
            "{} holds a network of {} validators, {} are asked for: --reset starts anew",
            spec.dir.display(),
            nodes.len(),
            spec.powers.len()
        );
    }
    let held = declared_weights(&spec.dir, &nodes);
    if held.as_ref().is_some_and(|held| !proportional(held, &spec.powers)) {
        bail!(
            "{} holds a network with powers {:?}, {:?} are asked for: --reset starts anew, without --powers it goes on",
            spec.dir.display(),
            held.unwrap_or_default(),
            spec.powers
        );
    }
    for node in &mut nodes {
        node.cometbft = spec.cometbft.get(node.index).or_else(|| spec.cometbft.first()).cloned().unwrap_or_default();
    }
    Ok(nodes)
}

/// The weights of the network that lies in a folder; none when there is none, or they are not known.
#[must_use]
pub fn held_powers(dir: &Path) -> Option<Vec<u64>> {
    let nodes: Vec<Node> = serde_json::from_slice(&fs::read(dir.join("network.json")).ok()?).ok()?;
    declared_weights(dir, &nodes)
}

/// What the validators declared when the network was made; none when that is not known.
fn declared_weights(dir: &Path, nodes: &[Node]) -> Option<Vec<u64>> {
    let stake = |node: &Node| {
        let file = dir.join("declarations").join(format!("declaration-node{}.json", node.index));
        let declaration: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        let wei: u128 = declaration.get("stake")?.as_str()?.parse().ok()?;
        // Millionths of a DEF: shares are compared, not sums of money.
        u64::try_from(wei / 1_000_000_000_000).ok()
    };
    nodes.iter().map(stake).collect()
}

/// Whether two lists of weights mean the same shares, to a millionth.
fn proportional(a: &[u64], b: &[u64]) -> bool {
    let shares = |list: &[u64]| {
        let whole = list.iter().map(|w| u128::from(*w)).sum::<u128>().max(1);
        list.iter().map(|w| (u128::from(*w) * 1_000_000 + whole / 2) / whole).collect::<Vec<_>>()
    };
    shares(a) == shares(b)
}

fn init(spec: &Spec, node: &Node) -> Result<()> {
    if node.home.join("config/app.toml").exists() {
        return Ok(());
    }
    let moniker = format!("node{}", node.index);
    match &spec.draft {
        Some(draft) => {
            run(spec, node, [OsStr::new("init"), moniker.as_ref(), OsStr::new("--genesis"), draft.as_ref()])?
        }
        None => run(spec, node, ["init", &moniker, "--chain-id", &spec.chain_id, "--economy", &spec.economy])?,
    };
    Ok(())
}

fn copy_genesis(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from.join("config"))?.flatten() {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text == "genesis.json" || text.starts_with("accounts-") {
            fs::copy(entry.path(), to.join("config").join(&name))?;
        }
    }
    Ok(())
}

fn configure(spec: &Spec, nodes: &[Node]) -> Result<()> {
    let mut peers = Vec::new();
    for node in nodes {
        peers.push(format!("{}@{}:{}", node_id(node)?, node.place.p2p_host, node.p2p));
    }
    for node in nodes {
        let others: Vec<&str> =
            peers.iter().enumerate().filter(|(i, _)| *i != node.index).map(|(_, peer)| peer.as_str()).collect();
        settings(spec, node, &others)?;
    }
    Ok(())
}

/// A node's address in CometBFT's p2p network.
///
/// # Errors
/// When its CometBFT does not say it.
pub fn node_id(node: &Node) -> Result<String> {
    let output = Command::new(&node.cometbft).arg("show-node-id").arg("--home").arg(&node.home).output();
    let output = output.with_context(|| format!("cannot run {}", node.cometbft.display()))?;
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if id.len() != 40 {
        bail!("{} show-node-id: {}", node.cometbft.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(id)
}

/// Makes the home of a node that is no validator: the network's genesis, its validators as peers. Its settings are the
/// spec's.
///
/// # Errors
/// When a command fails or no ports are free.
pub fn add_follower(spec: &Spec, network: &[Node]) -> Result<Node> {
    let Some(first) = network.first() else { bail!("there is no network to follow") };
    let ports = crate::free_ports(5)?;
    let &[rpc, comet_rpc, p2p, metrics, comet_metrics] = ports.as_slice() else { bail!("no free ports") };
    let index = network.len();
    let home = spec.dir.join(format!("node{index}"));
    let node = Node { index, home, rpc, comet_rpc, p2p, metrics, comet_metrics, ..first.clone() };
    let (moniker, genesis) = (format!("node{index}"), first.home.join("config/genesis.json"));
    run(spec, &node, [OsStr::new("init"), moniker.as_ref(), OsStr::new("--genesis"), genesis.as_ref()])?;
    copy_genesis(&first.home, &node.home)?;
    let mut peers = Vec::new();
    for peer in network {
        peers.push(format!("{}@{}:{}", node_id(peer)?, peer.place.p2p_host, peer.p2p));
    }
    settings(spec, &node, &peers.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(node)
}

fn settings(spec: &Spec, node: &Node, others: &[&str]) -> Result<()> {
    let (host, p2p_host) = (&node.place.host, &node.place.p2p_host);
    let mut comet = vec![
        ("rpc.laddr".to_owned(), format!("tcp://{host}:{}", node.comet_rpc)),
        ("p2p.laddr".to_owned(), format!("tcp://{p2p_host}:{}", node.p2p)),
        ("p2p.persistent_peers".to_owned(), others.join(",")),
        ("p2p.addr_book_strict".to_owned(), "false".to_owned()),
        ("p2p.allow_duplicate_ip".to_owned(), "true".to_owned()),
        ("instrumentation.prometheus_listen_addr".to_owned(), format!("{host}:{}", node.comet_metrics)),
    ];
    comet.extend(spec.comet_config.iter().cloned());
    set(spec, node, &["config", "--comet", "set"], &comet)?;
    let mut app = vec![
        ("rpc.addr".to_owned(), format!("{host}:{}", node.rpc)),
        ("metrics.addr".to_owned(), format!("{host}:{}", node.metrics)),
    ];
    app.extend(spec.app_config.iter().cloned());
    set(spec, node, &["config", "set"], &app)
}

fn set(spec: &Spec, node: &Node, command: &[&str], pairs: &[(String, String)]) -> Result<()> {
    let pairs = pairs.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    run(spec, node, command.iter().copied().chain(pairs)).map(|_| ())
}

/// Runs `defchain-app` on a home; its JSON answer, if it gave one.
fn run<S: AsRef<OsStr>>(spec: &Spec, node: &Node, args: impl IntoIterator<Item = S>) -> Result<Value> {
    let mut command = Command::new(&spec.app);
    command.arg("--json").arg("--home").arg(&node.home).args(args);
    let output = command.output().with_context(|| format!("cannot run {}", spec.app.display()))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&said).trim());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_stake_is_what_a_validator_must_have() {
        assert_eq!(stakes(&[19, 24, 27, 30])[0], MIN_STAKE);
        assert_eq!(stakes(&[1, 2]), [MIN_STAKE, 2 * MIN_STAKE]);
        assert!(stakes(&[7, 7, 13]).iter().all(|stake| *stake >= MIN_STAKE));
    }

    #[test]
    fn weights_are_compared_by_their_shares() {
        assert!(proportional(&[19, 24, 27, 30], &[190, 240, 270, 300]));
        assert!(proportional(&[1, 1], &[7, 7]));
        assert!(!proportional(&[19, 24, 27, 30], &[25, 25, 25, 25]));
        assert!(!proportional(&[1, 1], &[1, 1, 1]));
    }
}
