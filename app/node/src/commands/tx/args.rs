//! The command line of `tx`.

use std::{path::PathBuf, time::Duration};

use alloy_primitives::{Address, B256, Bytes};
use clap::{Args, Subcommand};

use crate::{commands::genesis::parse_amount, keys::PasswordArgs};

/// `tx`
#[derive(Debug, Args)]
pub struct TxArgs {
    /// The node's RPC
    #[arg(long, default_value = "http://127.0.0.1:8545", global = true)]
    pub rpc: String,
    /// What
    #[command(subcommand)]
    pub command: TxCommand,
}

/// What to do with a transaction.
#[derive(Debug, Subcommand)]
pub enum TxCommand {
    /// Send money
    #[command(visible_alias = "send")]
    Transfer {
        /// To whom
        to: Address,
        /// DEF, such as 1 or 0.5; or wei, such as 5wei
        #[arg(value_parser = wei)]
        amount: u128,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Call a contract, with a transaction
    Call {
        /// The contract
        to: Address,
        /// What is called
        #[command(flatten)]
        data: DataArgs,
        /// Money sent along
        #[arg(long, value_name = "AMOUNT", value_parser = wei, default_value = "0")]
        value: u128,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Deploy a contract
    Deploy {
        /// Init code: hex, or a file with hex or with a compiler's JSON (field bytecode)
        code: String,
        /// Types of the constructor's arguments, such as "(address,uint256)"
        #[arg(long, value_name = "TYPES", requires = "args")]
        constructor: Option<String>,
        /// The constructor's arguments
        args: Vec<String>,
        /// Money sent along
        #[arg(long, value_name = "AMOUNT", value_parser = wei, default_value = "0")]
        value: u128,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// One of the chain's own operations
    #[command(flatten)]
    Native(super::native::NativeCommand),
    /// Send a transaction that was signed elsewhere
    Raw {
        /// Its EIP-2718 bytes
        raw: Bytes,
        /// Whether to wait
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// What became of a transaction
    Status {
        /// Its hash
        hash: B256,
        /// Whether to wait
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// What a contract is called with.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct DataChoice {
    /// The function, such as "transfer(address,uint256)"; its arguments follow
    #[arg(long)]
    pub function: Option<String>,
    /// Call data in hex
    #[arg(long)]
    pub data: Option<Bytes>,
}

/// What a contract is called with.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// One of the two
    #[command(flatten)]
    pub choice: DataChoice,
    /// Arguments of the function
    pub args: Vec<String>,
}

/// Who signs.
#[derive(Debug, Args)]
pub struct AccountArgs {
    /// The account: a name in this home's keystore, or an address with --signer
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub from: Option<String>,
    /// Where the keystore's password comes from
    #[command(flatten)]
    pub password: PasswordArgs,
    /// Without --from: the variable of the environment that holds the private key
    #[arg(long, value_name = "VARIABLE", default_value = "DEFCHAIN_PRIVATE_KEY")]
    pub key_env: String,
    /// A remote signer (Web3Signer, clef): its JSON-RPC is asked for eth_signTransaction
    #[arg(long, value_name = "URL", requires = "from")]
    pub signer: Option<String>,
}

/// Who signs, what is paid, what is printed.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Who signs
    #[command(flatten)]
    pub account: AccountArgs,
    /// Nonce (default: the next one, behind what waits in the pool)
    #[arg(long)]
    pub nonce: Option<u64>,
    /// Gas limit (default: estimated)
    #[arg(long, value_name = "GAS")]
    pub gas_limit: Option<u64>,
    /// Most for a unit of gas, such as 3gwei or 5wei (default: twice the newest base fee, and the tip)
    #[arg(long, value_name = "PRICE", value_parser = price)]
    pub max_fee: Option<u128>,
    /// Tip for a unit of gas (default: what the node suggests)
    #[arg(long, value_name = "PRICE", value_parser = price)]
    pub tip: Option<u128>,
    /// Run it and print what it would do and cost; nothing is signed or sent
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Whether to wait
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Whether to wait for a block.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Wait until a block has it; a failed transaction fails the command
    #[arg(long)]
    pub wait: bool,
    /// How long to wait, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

impl WaitArgs {
    /// How long to wait; none not to.
    #[must_use]
    pub fn limit(&self) -> Option<Duration> {
        self.wait.then(|| Duration::from_secs(self.timeout))
    }
}

pub(crate) fn wei(text: &str) -> Result<u128, String> {
    parse_amount(text).map(|amount| amount.wei())
}

/// Wei per gas: a whole number of wei, or gwei with at most nine decimals.
fn price(text: &str) -> Result<u128, String> {
    const DECIMALS: usize = 9;
    let refused = || format!("{text:?} is no price of gas: write 5wei, or 1.5gwei with at most {DECIMALS} decimals");
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if let Some(gwei) = text.strip_suffix("gwei").map(str::trim_end) {
        let (whole, fraction) = gwei.split_once('.').unwrap_or((gwei, "0"));
        if !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
            return Err(refused());
        }
        return format!("{whole}{fraction:0<DECIMALS$}").parse().map_err(|_| refused());
    }
    let wei = text.strip_suffix("wei").map_or(text, str::trim_end);
    if digits(wei) { wei.parse().map_err(|_| refused()) } else { Err(refused()) }
}

/// A path that [`super::encode::code`] reads.
#[must_use]
pub fn as_file(code: &str) -> Option<PathBuf> {
    let path = PathBuf::from(code);
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_to_the_wei() {
        for (text, wei) in
            [("5", 5), ("5wei", 5), ("1gwei", 1_000_000_000), ("1.5 gwei", 1_500_000_000), ("0.000000001gwei", 1)]
        {
            assert_eq!(price(text), Ok(wei), "{text}");
        }
        for text in ["", "gwei", "1.gwei", "-1", "1e9", "0.0000000001gwei", "1ether", "1.5"] {
            assert!(price(text).is_err(), "{text}");
        }
    }
}
