//! `trust`: the header that a joining node begins to trust, from several nodes that must agree on it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    comet, config,
    home::{Home, replace},
    output::{EXIT_REFUSED, EXIT_UNREACHABLE, Output, coded},
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// How far below the newest height the trusted one lies: every node that is asked has it.
const BEHIND: u64 = 5;

/// `trust`
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// CometBFT's RPC of a node that you have reason to trust, such as http://node.example:26657; two or more, of different people
    #[arg(long = "from", value_name = "URL", required = true)]
    pub from: Vec<String>,
    /// The height (default: a few below the newest that all of them have)
    #[arg(long)]
    pub height: Option<u64>,
    /// Write it into [state_sync] of this home's app.toml
    #[arg(long)]
    pub write: bool,
}

/// What a node says of a height.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    chain_id: String,
    hash: String,
    app_hash: String,
}

pub(super) fn run(home: &Home, args: &TrustArgs, output: Output) -> Result<()> {
    let mut servers = args.from.clone();
    servers.sort_unstable();
    servers.dedup();
    if servers.len() < 2 {
        return Err(coded(
            EXIT_REFUSED,
            format!(
                "{} node is asked, two or more are needed (--from URL --from URL): one could lie alone",
                servers.len()
            ),
        ));
    }
    let client = reqwest::blocking::Client::builder().timeout(TIMEOUT).build().context("HTTP client")?;
    let height = match args.height {
        Some(height) => height,
        None => {
            let mut least = u64::MAX;
            for server in &servers {
                least = least.min(newest(&client, server)?);
            }
            least.saturating_sub(BEHIND).max(1)
        }
    };
    let mut answers = Vec::new();
    for server in &servers {
        answers.push((server, answer(&client, server, height)?));
    }
    let Some((_, first)) = answers.first() else { bail!("nobody was asked") };
    if answers.iter().any(|(_, other)| other != first) {
        let said: Vec<String> = answers
            .iter()
            .map(|(server, a)| format!("  {server}: chain {:?}, hash {}, app hash {}", a.chain_id, a.hash, a.app_hash))
            .collect();
        return Err(coded(
            EXIT_REFUSED,
            format!(
                "the nodes disagree about height {height}; trust none of them before you know why:\n{}",
                said.join("\n")
            ),
        ));
    }
    if args.write {
        write(home, &args.from, height, &first.hash)?;
    }
    let wrote = if args.write {
        format!(
            "Written into {}; the next start joins from a snapshot if this node has no blocks.",
            home.app_toml().display()
        )
    } else {
        "`--write` puts this into [state_sync] of app.toml.".to_owned()
    };
    output.print(
        format!(
            "{} nodes agree on height {height} of {}:\n  trust_height  {height}\n  trust_hash    {}\n  app_hash      {} (the \
             state after block {})\n{wrote}",
            servers.len(),
            first.chain_id,
            first.hash,
            first.app_hash,
            height.saturating_sub(1)
        ),
        || {
            json!({
                "chain_id": first.chain_id,
                "trust_height": height,
                "trust_hash": first.hash,
                "app_hash": first.app_hash,
                "app_hash_of_height": height.saturating_sub(1),
                "servers": args.from,
                "written": args.write,
            })
        },
    );
    Ok(())
}

fn get(client: &reqwest::blocking::Client, server: &str, path: &str) -> Result<Value> {
    let url = format!("{}/{path}", server.trim_end_matches('/'));
    let answer: Value = client
        .get(&url)
        .send()
        .and_then(reqwest::blocking::Response::json)
        .map_err(|error| coded(EXIT_UNREACHABLE, format!("{url} does not answer as CometBFT does: {error}")))?;
    match answer.get("result") {
        Some(result) => Ok(result.clone()),
        None => bail!("{url}: {}", answer.pointer("/error/data").or(answer.get("error")).unwrap_or(&answer)),
    }
}

fn text(value: &Value, pointer: &str, server: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| anyhow!("{server} answers without {pointer}: is it CometBFT's RPC?"))
}

fn newest(client: &reqwest::blocking::Client, server: &str) -> Result<u64> {
    let status = get(client, server, "status")?;
    let height = text(&status, "/sync_info/latest_block_height", server)?;
    height.parse().with_context(|| format!("{server} is at height {height:?}"))
}

fn answer(client: &reqwest::blocking::Client, server: &str, height: u64) -> Result<Answer> {
    let commit = get(client, server, &format!("commit?height={height}"))?;
    Ok(Answer {
        chain_id: text(&commit, "/signed_header/header/chain_id", server)?,
        hash: text(&commit, "/signed_header/commit/block_id/hash", server)?,
        app_hash: text(&commit, "/signed_header/header/app_hash", server)?,
    })
}

fn write(home: &Home, servers: &[String], height: u64, hash: &str) -> Result<()> {
    home.must_exist()?;
    let path = home.app_toml();
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut document: toml_edit::DocumentMut = text.parse().with_context(|| path.display().to_string())?;
    let servers: toml_edit::Array = servers.iter().map(String::as_str).collect();
    let settings = [
        ("enable", "true".to_owned()),
        ("rpc_servers", servers.to_string()),
        ("trust_height", height.to_string()),
        ("trust_hash", hash.to_owned()),
    ];
    for (name, value) in settings {
        super::config::set_app(&mut document, &format!("state_sync.{name}"), &value)?;
    }
    let changed = document.to_string();
    let config = config::parse(&changed, std::iter::empty())
        .map_err(|errors| coded(EXIT_REFUSED, format!("nothing was changed: {errors}")))?;
    replace(&path, changed.as_bytes())?;
    // `start` does it too; CometBFT's own commands want it now.
    comet::state_sync::apply(home, &config.state_sync)
}
