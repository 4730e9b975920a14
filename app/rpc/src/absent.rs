//! Methods that other nodes have and this one has not: what to use in their place.

/// Advice for a method that does not exist here; tools still see "method not found".
pub(crate) fn advice(name: &str) -> Option<&'static str> {
    let exact = EXACT.iter().find(|(known, _)| *known == name);
    let space = || SPACES.iter().find(|(prefix, _)| name.starts_with(prefix));
    exact.or_else(space).map(|(_, advice)| *advice)
}

const SIGN: &str = "this node holds no keys; sign in a wallet and use eth_sendRawTransaction";
const MINING: &str = "blocks are decided by validators; eth_syncing and def_* tell the node's state";
pub(crate) const DEV_ONLY: &str = "only `defchain-app dev` has it";
const TRACE: &str = "use debug_traceTransaction, debug_traceBlockByNumber or debug_traceCall with flatCallTracer";
const PRUNED: &str = "state is kept in Jellyfish Merkle trees; use eth_getStorageAt, eth_call or def_getProof";

/// By name.
const EXACT: &[(&str, &str)] = &[
    ("eth_sendTransaction", SIGN),
    ("eth_signTransaction", SIGN),
    ("eth_sign", SIGN),
    ("eth_signTypedData", SIGN),
    ("eth_signTypedData_v3", SIGN),
    ("eth_signTypedData_v4", SIGN),
    ("eth_fillTransaction", "use eth_estimateGas, eth_feeHistory and eth_getTransactionCount"),
    ("eth_resend", "send the same nonce with higher fees by eth_sendRawTransaction"),
    ("eth_pendingTransactions", "use txpool_content, or eth_getBlockByNumber with \"pending\""),
    ("eth_callMany", "use eth_simulateV1"),
    ("eth_callBundle", "use eth_simulateV1"),
    ("debug_traceCallMany", "use eth_simulateV1, or debug_traceCall with stateOverrides"),
    ("eth_coinbase", MINING),
    ("eth_mining", MINING),
    ("eth_hashrate", MINING),
    ("eth_getWork", MINING),
    ("eth_submitWork", MINING),
    ("eth_submitHashrate", MINING),
    ("eth_protocolVersion", "use net_version, eth_chainId and web3_clientVersion"),
    ("eth_getCompilers", "compile with solc"),
    ("eth_getBlobSidecars", "this chain carries no blobs"),
    ("eth_getRawTransaction", "use eth_getRawTransactionByHash"),
    ("debug_traceBlock", "blocks have no RLP here; use debug_traceBlockByNumber or debug_traceBlockByHash"),
    ("debug_traceBlockFromFile", "use debug_traceBlockByNumber or debug_traceBlockByHash"),
    ("debug_traceBadBlock", "a block that is refused is not kept; use debug_traceBlockByHash for those that are"),
    ("debug_getBadBlocks", "a block that is refused is not kept"),
    ("debug_traceChain", "use debug_traceBlockByNumber for each block"),
    ("debug_storageRangeAt", PRUNED),
    ("debug_accountRange", PRUNED),
    ("debug_dumpBlock", "use `defchain-app export`"),
    ("debug_preimage", PRUNED),
    (
        "debug_intermediateRoots",
        "state has one root a block; the prestateTracer with diffMode shows each transaction's changes",
    ),
    ("debug_getModifiedAccountsByNumber", "use debug_traceBlockByNumber with the prestateTracer and diffMode"),
    ("debug_getModifiedAccountsByHash", "use debug_traceBlockByHash with the prestateTracer and diffMode"),
    ("debug_executionWitness", "use def_getProof"),
    ("debug_setHead", "stop the node and use `defchain-app rollback`"),
    ("rpc_discover", "the methods are listed in the documentation; rpc_modules names the namespaces"),
];

/// By namespace.
const SPACES: &[(&str, &str)] = &[
    ("personal_", SIGN),
    ("account_", SIGN),
    ("trace_", TRACE),
    ("ots_", TRACE),
    ("erigon_", "use the eth_ and debug_ namespaces"),
    ("parity_", "use the eth_ and debug_ namespaces"),
    ("miner_", MINING),
    ("clique_", MINING),
    ("engine_", "CometBFT drives this chain by ABCI, there is no engine API"),
    ("admin_", "peers and configuration are CometBFT's: see its /net_info and `defchain-app config`"),
    ("les_", "there is no light server; def_getProof proves state against a signed header"),
    ("evm_", DEV_ONLY),
    ("hardhat_", DEV_ONLY),
    ("anvil_", DEV_ONLY),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::table;

    #[test]
    fn advice_is_given_only_for_what_does_not_exist() {
        let always = table(false);
        for (name, _) in EXACT {
            assert!(!always.contains_key(name), "{name} exists");
        }
        for (prefix, _) in SPACES {
            assert!(!always.keys().any(|name| name.starts_with(prefix)), "{prefix}");
        }
        assert!(advice("trace_block").is_some_and(|text| text.contains("flatCallTracer")));
        assert!(advice("eth_chainId").is_none() && advice("foo_bar").is_none());
    }

    #[test]
    fn methods_that_advice_names_exist() {
        let all = table(true);
        let named = |text: &str| -> Vec<String> {
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            words.filter(|w| w.contains('_') && !w.ends_with('_')).map(str::to_owned).collect()
        };
        for (name, text) in EXACT.iter().chain(SPACES) {
            for method in named(text) {
                let ours = all.contains_key(method.as_str()) || ["net_info"].contains(&method.as_str());
                assert!(ours, "{name}: {method}");
            }
        }
    }
}
