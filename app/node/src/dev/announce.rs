//! What a development chain says when it is ready.

use std::{fmt::Write, net::SocketAddr};

use alloy_signer_local::PrivateKeySigner;
use defchain_base::Amount;
use defchain_chain::Chain;
use serde_json::json;

use crate::{cli::DevArgs, keys::path, output::Output};

/// Prints accounts, keys and the address, or the same as JSON.
pub(super) fn announce(
    args: &DevArgs,
    chain: &Chain,
    keys: &[PrivateKeySigner],
    balance: Amount,
    addr: SocketAddr,
    output: Output,
) {
    let params = chain.reader().params();
    let def = alloy_primitives::utils::format_ether(balance.wei());
    let mut text = String::new();
    let heading = |text: &mut String, title: &str| {
        let _ = write!(text, "\n{title}\n==================\n");
    };
    heading(&mut text, "Available Accounts");
    for (i, key) in keys.iter().enumerate() {
        let _ = write!(text, "\n({i}) {} ({def} DEF)", key.address());
    }
    text.push('\n');
    heading(&mut text, "Private Keys");
    for (i, key) in keys.iter().enumerate() {
        let _ = write!(text, "\n({i}) {}", key.to_bytes());
    }
    text.push('\n');
    heading(&mut text, "Wallet");
    let _ = writeln!(text, "Mnemonic:          {}", args.mnemonic);
    let _ = writeln!(text, "Derivation path:   {}", path(0).trim_end_matches('0'));
    for (title, figure) in [
        ("Chain ID", params.evm_chain_id),
        ("Base Fee", params.initial_base_fee),
        ("Gas Limit", params.block_gas_limit),
    ] {
        heading(&mut text, title);
        let _ = writeln!(text, "\n{figure}");
    }
    let _ = write!(text, "\nListening on {addr}");
    output.print(text, || {
        json!({
            "rpc": format!("http://{addr}"),
            "chain_id": params.evm_chain_id,
            "mnemonic": args.mnemonic,
            "accounts": keys
                .iter()
                .map(|key| json!({ "address": key.address(), "private_key": key.to_bytes(), "wei": balance }))
                .collect::<Vec<_>>(),
        })
    });
}
