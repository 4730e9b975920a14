//! The `app.toml` that `init` writes: every setting with its default and what it does.

use toml::Value;
use toml_edit::DocumentMut;

use super::{AppConfig, variable};

const HEAD: &str = "\
# Settings of defchain-app. `defchain-app config set KEY VALUE` changes one and keeps the comments;
# `defchain-app config validate` checks all. A variable in the environment wins over this file:
";

/// What each setting does. A test keeps the list complete.
const DOCS: &[(&str, &str)] = &[
    ("abci", "The socket that CometBFT dials."),
    ("abci.address", "unix:///absolute/path or tcp://host:port; empty: abci.sock in the data folder."),
    ("cometbft", "CometBFT, when `start` supervises it."),
    ("cometbft.path", "The program to run; empty: none, CometBFT is started by somebody else."),
    ("cometbft.restart_min_ms", "Pause before the first restart; doubled with each failure."),
    ("cometbft.restart_max_ms", "Greatest pause before a restart."),
    ("cometbft.stop_timeout_ms", "How long each half may take to stop before it is killed."),
    ("chain", "Making blocks."),
    ("chain.build_time_ms", "How long this node, as proposer, may fill a block; below CometBFT's timeout_propose."),
    (
        "chain.work_time_ms",
        "How long a block may keep its validators busy in all, as this node measures it; it fills its blocks no further.",
    ),
    ("upgrade", "A change of rules that all operators agreed on outside the chain; the same on every node, for ever."),
    ("upgrade.height", "First block under the new rules; 0: no entry. A plan in the chain's own state needs none."),
    ("upgrade.app_version", "Version of the new rules."),
    ("upgrade.name", "The release that carries them."),
    ("rpc", "Ethereum's JSON-RPC over HTTP and WebSocket, /health, /ready and /metrics, on one port."),
    ("rpc.addr", "Where to listen. 127.0.0.1 is for this machine only, 0.0.0.0 for everybody."),
    ("rpc.cors_origins", "Web origins whose pages may call (\"https://app.example\"); [\"*\"] for all."),
    ("rpc.allowed_hosts", "Host names under which this node may be called; IP addresses always are. [\"*\"] for all."),
    ("rpc.max_body_bytes", "Most bytes of a request."),
    ("rpc.max_response_bytes", "Most bytes of an answer."),
    ("rpc.max_held_bytes", "Most bytes of requests and answers held for all callers together."),
    ("rpc.max_batch", "Most calls of a batch."),
    ("rpc.max_depth", "Deepest nesting of lists and objects in a request."),
    ("rpc.max_connections", "Most connections at a time."),
    ("rpc.max_connections_per_ip", "Most connections of one IP address; a proxy in front of the node is one address."),
    ("rpc.max_subscriptions_per_connection", "Most subscriptions of a WebSocket connection."),
    ("rpc.max_subscriptions", "Most subscriptions of all connections."),
    ("rpc.max_filters", "Most filters at a time."),
    ("rpc.filter_timeout_s", "Seconds after which a filter that nobody polls is forgotten."),
    ("rpc.max_log_range", "Most blocks that one log query spans."),
    ("rpc.max_log_results", "Most logs that one query returns."),
    ("rpc.call_gas_cap", "Most gas of an eth_call."),
    ("rpc.call_timeout_ms", "Most time of an eth_call."),
    ("rpc.trace_timeout_ms", "Most time of a debug_trace call."),
    ("rpc.request_timeout_ms", "Most time of a request."),
    ("rpc.header_timeout_ms", "Most time until the headers of a request that has begun are there."),
    ("rpc.body_timeout_ms", "Most time until a request's body is there."),
    ("rpc.write_timeout_ms", "Most time to take the next 64 KiB of an answer, or a WebSocket message."),
    ("rpc.idle_timeout_ms", "A connection that is silent for so long is closed."),
    ("rpc.max_sync_wait_ms", "Most time that eth_sendRawTransactionSync waits."),
    ("rpc.heavy_threads", "Threads for calls and log queries, and as many for batches; 0: one per core."),
    ("rpc.nice", "By how much these threads stand back behind the chain's: 0 not at all, 19 most."),
    ("rpc.balance", "What eth_getBalance shows: nominal (received) or effective (spendable now)."),
    ("rpc.suggested_tip_wei", "Tip that is suggested when blocks have room, wei per gas."),
    ("mempool", "Transactions that wait for a block."),
    ("mempool.max_transactions", "Most transactions."),
    ("mempool.max_bytes", "Most bytes of transactions; memory is about twice that and 1 KiB each."),
    ("mempool.max_queued", "Most transactions that wait behind a nonce gap."),
    ("mempool.max_per_sender", "Most transactions of one sender."),
    ("mempool.replacement_percent", "By how much a replacement must raise fee cap and tip."),
    ("mempool.pending_lifetime_s", "How long an executable transaction may wait."),
    ("mempool.queued_lifetime_s", "How long a transaction may wait behind a nonce gap."),
    ("mempool.forward_delay_ms", "How long others' transactions wait before they are passed on."),
    ("mempool.reoffer_interval_ms", "After how long what still waits is offered again; doubled each time."),
    ("mempool.gossip_queue_bytes", "Most bytes of others' bundles that wait to be judged."),
    ("mempool.gossip_workers", "Threads that judge others' bundles; 0: one per core."),
    ("mempool.remembered_senders", "How many recovered signers are remembered."),
    ("mempool.event_capacity", "How far a subscriber may fall behind before it misses events."),
    ("store", "The database."),
    ("store.retain_blocks", "Past states kept for queries and proofs; 0 keeps all (archive)."),
    (
        "store.retain_comet_blocks",
        "Newest blocks that CometBFT keeps in its own database; 0: all. Others can join by block sync only from who has all.",
    ),
    ("store.cache_mib", "Memory for the database's cache."),
    ("snapshots", "Snapshots of state in data/snapshots, from which other nodes join; taken beside the chain's work."),
    (
        "snapshots.interval",
        "A snapshot every so many blocks; 0: none. The same on all nodes, so that chunks come from all.",
    ),
    ("snapshots.keep", "How many are kept; older ones are removed."),
    ("snapshots.chunk_kib", "Size of a chunk, KiB. The same on all nodes."),
    ("state_sync", "Joining from a snapshot instead of executing every block; only a node without blocks does."),
    ("state_sync.enable", "Whether to. `defchain-app trust --write` fills in the rest."),
    ("state_sync.rpc_servers", "CometBFT's RPC of two or more nodes of different people: [\"http://HOST:26657\", …]."),
    ("state_sync.trust_height", "A height whose header you trust."),
    ("state_sync.trust_hash", "The hash of that header, 64 hex digits."),
    (
        "state_sync.trust_period_h",
        "Hours for which that header may be trusted: well below the time a stake stays bound.",
    ),
    ("metrics", "Prometheus."),
    ("metrics.enabled", "Whether to serve metrics on a port of their own."),
    ("metrics.addr", "Where."),
    ("log", "Logs."),
    ("log.format", "text for people, json for machines."),
    ("log.level", "error, warn, info, debug, trace; by crate: \"info,defchain_mempool=debug\"."),
];

fn doc(name: &str) -> Option<&'static str> {
    DOCS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// A value as it stands in a file.
pub(super) fn literal(value: &Value) -> String {
    value.to_string()
}

/// The file.
#[must_use]
pub fn render(config: &AppConfig) -> String {
    let plain = toml::to_string(config).unwrap_or_default();
    let mut document: DocumentMut = plain.parse().unwrap_or_default();
    for (section, item) in document.iter_mut() {
        let Some(table) = item.as_table_mut() else { continue };
        let about = doc(section.get()).map(|text| format!("\n# {text}\n")).unwrap_or_else(|| "\n".to_owned());
        let section = section.get().to_owned();
        table.decor_mut().set_prefix(about);
        for (mut key, _) in table.iter_mut() {
            if let Some(text) = doc(&format!("{section}.{}", key.get())) {
                key.leaf_decor_mut().set_prefix(format!("# {text}\n"));
            }
        }
    }
    format!("{HEAD}# {} for rpc.addr, and so on.\n{document}", variable("rpc", "addr"))
}

/// Settings without a line in [`DOCS`], and lines without a setting.
#[cfg(test)]
pub(super) fn undocumented() -> Vec<String> {
    use super::{defaults, settings};
    let mut known: Vec<String> = defaults().keys().cloned().collect();
    known.extend(settings().into_iter().map(|(section, key, _)| format!("{section}.{key}")));
    let missing = known.iter().filter(|name| doc(name).is_none()).cloned();
    let stale = DOCS.iter().map(|(name, _)| (*name).to_owned()).filter(|name| !known.contains(name));
    missing.chain(stale).collect()
}
