//! The one table of system addresses (D10).
//!
//! An entry yields everything about an address: which functions it has and what runs for them, its account at genesis,
//! its Solidity interface (held against the functions by a test), its place among the warm addresses, and its
//! documentation. Adding a module is adding an entry.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use alloy_primitives::{Address, Bytes, map::AddressSet};

use crate::{
    Amount, CodecError,
    native::{NativeCall, NativeError, NativeGas},
    system,
};

/// What a native function is.
pub type NativeFn = fn(&mut NativeCall<'_>) -> Result<Bytes, NativeError>;

/// What a function may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// Reads only. May be reached by any kind of call, without value.
    View,
    /// Writes. By plain CALL only, without value.
    Acting,
    /// Writes and takes value. By plain CALL only.
    Payable,
}

/// A function of a system address.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Canonical signature, as hashed for the selector: `getEffectiveBalance(address)`.
    pub signature: &'static str,
    /// First four bytes of the signature's keccak.
    pub selector: [u8; 4],
    /// What it may do.
    pub mutability: Mutability,
    /// Gas of every call, before state access and loops.
    pub gas: u64,
    /// Whether it pays its caller what was the caller's already, so that its gas may come out of that (D26a).
    pub releases: bool,
    /// One sentence for the documentation.
    pub summary: &'static str,
    /// What runs.
    pub run: NativeFn,
}

/// What a native transaction asks for, as the call that does the same (D10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactCall {
    /// Native money sent along.
    pub value: Amount,
    /// Selector and arguments.
    pub input: Bytes,
}

/// Reads the payload of a native transaction (types 100 to 102).
pub type CompactFn = fn(&[u8]) -> Result<CompactCall, CodecError>;

/// What answers a call.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// The functions.
    Active(&'static [Function]),
    /// The functions; any other input goes to Ethereum's precompile of the same address (D9).
    ActiveOverPrecompile(&'static [Function]),
    /// Nothing yet: its module comes later. Every call reverts.
    Reserved,
    /// Nothing: the address shows a pool's balance. Every call reverts.
    Pool,
}

/// A system address.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntry {
    /// Where.
    pub address: Address,
    /// Name, as in the Solidity interface without its `I`.
    pub name: &'static str,
    /// One sentence for the documentation.
    pub summary: &'static str,
    /// Solidity interface; empty while nothing can be called.
    pub interface: &'static str,
    /// What answers.
    pub role: Role,
    /// The compact form of its operations, if it has one.
    pub compact: Option<CompactFn>,
}

/// All system addresses. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    entries: Arc<BTreeMap<Address, SystemEntry>>,
    addresses: Arc<AddressSet>,
}

/// How a call reached a system address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// By CALL, not DELEGATECALL, CALLCODE or STATICCALL.
    pub plain: bool,
    /// Under a STATICCALL somewhere above.
    pub is_static: bool,
}

impl Registry {
    /// A registry of these entries; a later one replaces an earlier one of the same address.
    pub fn new(entries: impl IntoIterator<Item = SystemEntry>) -> Self {
        let entries: BTreeMap<Address, SystemEntry> = entries.into_iter().map(|e| (e.address, e)).collect();
        let addresses = entries.keys().copied().collect();
        Self { entries: Arc::new(entries), addresses: Arc::new(addresses) }
    }

    /// The entry of an address.
    #[must_use]
    pub fn get(&self, address: &Address) -> Option<&SystemEntry> {
        // Almost every address fails this one comparison of the high bytes.
        if !system::is_reserved(address) {
            return None;
        }
        self.entries.get(address)
    }

    /// All entries by address.
    pub fn entries(&self) -> impl Iterator<Item = &SystemEntry> {
        self.entries.values()
    }

    /// All addresses: warm from a transaction's start, as Ethereum's precompiles are.
    #[must_use]
    pub fn addresses(&self) -> &AddressSet {
        &self.addresses
    }

    /// The documentation of all entries, in Markdown.
    #[must_use]
    pub fn documentation(&self) -> String {
        let mut out = String::from("# System addresses\n\n");
        for entry in self.entries() {
            // Writing to a String cannot fail.
            let _ = write!(out, "## {} `{}`\n\n{}\n\n", entry.name, entry.address, entry.summary);
            let functions = entry.functions();
            if functions.is_empty() {
                out.push_str("Every call reverts.\n\n");
                continue;
            }
            out.push_str("| Function | Selector | Kind | Gas | |\n|---|---|---|---|---|\n");
            for f in functions {
                let selector = alloy_primitives::hex::encode_prefixed(f.selector);
                let _ = writeln!(
                    out,
                    "| `{}` | `{selector}` | {:?} | {} | {} |",
                    f.signature, f.mutability, f.gas, f.summary
                );
            }
            let _ = write!(out, "\n```solidity\n{}\n```\n\n", entry.interface.trim());
        }
        out.push_str(&gas_table());
        out
    }
}

fn gas_table() -> String {
    let rows = [
        ("state read", NativeGas::READ),
        ("each 32 bytes read", NativeGas::READ_WORD),
        ("state write or deletion", NativeGas::WRITE),
        ("each 32 bytes written", NativeGas::WRITE_WORD),
        ("element of a loop", NativeGas::ELEMENT),
        ("balance of a cold account", NativeGas::COLD_ACCOUNT),
        ("balance of a warm account", NativeGas::WARM_ACCOUNT),
        ("payment out of a pool", NativeGas::PAY),
        ("log", NativeGas::LOG),
        ("each topic of a log", NativeGas::LOG_TOPIC),
        ("each byte of a log", NativeGas::LOG_BYTE),
    ];
    let mut out = String::from("## Gas of native work\n\n| Work | Gas |\n|---|---|\n");
    for (work, gas) in rows {
        let _ = writeln!(out, "| {work} | {gas} |");
    }
    out
}

impl SystemEntry {
    /// Its functions.
    #[must_use]
    pub const fn functions(&self) -> &'static [Function] {
        match self.role {
            Role::Active(functions) | Role::ActiveOverPrecompile(functions) => functions,
            Role::Reserved | Role::Pool => &[],
        }
    }

    /// Whether this input belongs to Ethereum's precompile of the same address: D9 takes for ours only exactly one
    /// word of arguments after one of our selectors.
    pub fn yields_to_precompile(&self, input: &[u8]) -> bool {
        let Role::ActiveOverPrecompile(functions) = self.role else { return false };
        input.len() != 36 || !functions.iter().any(|f| input.starts_with(&f.selector))
    }

    /// Finds the function and checks how it was reached.
    ///
    /// # Errors
    /// A revert that says why the call has no place here.
    pub fn function(&self, input: &[u8], value: Amount, how: Reached) -> Result<&'static Function, NativeError> {
        match self.role {
            Role::Reserved => {
                return Err(NativeError::revert(format!(
                    "{} ({}) is not active on this chain yet",
                    self.name, self.address
                )));
            }
            Role::Pool => {
                return Err(NativeError::revert(format!(
                    "{} ({}) is a pool: it takes no calls and no value",
                    self.name, self.address
                )));
            }
            Role::Active(_) | Role::ActiveOverPrecompile(_) => {}
        }
        let Some(function) = self.functions().iter().find(|f| input.starts_with(&f.selector)) else {
            let selector = alloy_primitives::hex::encode_prefixed(input.get(..4).unwrap_or(input));
            return Err(NativeError::revert(format!("{} ({}) has no function {selector}", self.name, self.address)));
        };
        if function.mutability != Mutability::Payable && !value.is_zero() {
            return Err(NativeError::revert(format!("{} takes no value: {value} wei sent", function.signature)));
        }
        if function.mutability != Mutability::View && (!how.plain || how.is_static) {
            return Err(NativeError::revert(format!(
                "{} acts: reach it by a plain CALL, not by DELEGATECALL, CALLCODE or STATICCALL",
                function.signature
            )));
        }
        Ok(function)
    }
}
