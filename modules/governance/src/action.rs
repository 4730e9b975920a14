//! What a proposal asks for.

use core::fmt;

use bytes::Bytes;
use defchain_base::{Address, Amount, CodecError, Decode, Encode, Height, Reader, system, system::Pool};

use crate::params::SIGNERS;

const VERSION: u8 = 1;
/// Longest name of a module.
pub const MAX_MODULE_BYTES: usize = 32;
/// Longest name of a parameter.
pub const MAX_KEY_BYTES: usize = 64;
/// Longest value of a parameter.
pub const MAX_VALUE_BYTES: usize = 64;
/// Longest name of a verifier or an upgrade.
pub const MAX_NAME_BYTES: usize = 64;

/// What is executed when a proposal has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing on chain: the description is what is decided.
    Text,
    /// Sets a module's parameter. Governance does not look inside the value: the application decodes it.
    Param {
        /// Which module: `staking`.
        module: String,
        /// Which parameter.
        key: String,
        /// Its value, as the module encodes it; a number is 16 bytes, big-endian.
        value: Bytes,
    },
    /// A burn table for what is received from the next hour on (D11).
    BurnTable {
        /// Percent preserved after 0 to 8 days.
        preserved: [u8; 9],
    },
    /// The same in an emergency: voted on for a shorter time, and never harder than the table in force (YP 8.5.3).
    LowerBurn {
        /// Percent preserved after 0 to 8 days.
        preserved: [u8; 9],
    },
    /// Puts an address on the list of those that do not decay, or takes it off (D16).
    Exempt {
        /// Whose balance.
        account: Address,
        /// On or off.
        exempt: bool,
    },
    /// Accredits a verifier of attestations, or removes one (D30).
    Verifier {
        /// The key that signs.
        verifier: Address,
        /// For people; empty when one is removed.
        name: String,
        /// Accredited or removed.
        accredited: bool,
    },
    /// Pays out of the treasury, the technical or the marketing pool (D36a).
    Spend {
        /// Which.
        pool: Pool,
        /// To whom.
        to: Address,
        /// How much.
        amount: Amount,
    },
    /// Punishes a validator for proven censorship (D34).
    Slash {
        /// Its operator.
        validator: Address,
    },
    /// Elects the treasury's signers (D36a).
    Signers {
        /// All nine.
        signers: [Address; SIGNERS],
    },
    /// Schedules a change of rules.
    Upgrade {
        /// First block under the new rules.
        height: Height,
        /// Their version.
        app_version: u64,
        /// The release that carries them.
        name: String,
    },
    /// Takes the scheduled change of rules back.
    CancelUpgrade,
}

/// How an action is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// It passes with more than `num / den` of yes among yes, no and veto.
    pub num: u8,
    /// See `num`.
    pub den: u8,
    /// Voted on and locked for the shorter times of an emergency.
    pub emergency: bool,
    /// Needs the treasury's signers beside the vote.
    pub signed: bool,
}

impl Action {
    /// How it is decided: above one half; slashing, verifiers and the treasury above two thirds (D36a). Whoever elects the
    /// signers holds the treasury, so their election is under the treasury's rule. An emergency is too, because its vote is
    /// short.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        const HALF: Rule = Rule { num: 1, den: 2, emergency: false, signed: false };
        const TWO_THIRDS: Rule = Rule { num: 2, den: 3, emergency: false, signed: false };
        match self {
            Self::Spend { pool: Pool::Treasury, .. } => Rule { signed: true, ..TWO_THIRDS },
            Self::LowerBurn { .. } => Rule { emergency: true, ..TWO_THIRDS },
            Self::Slash { .. } | Self::Verifier { .. } | Self::Signers { .. } => TWO_THIRDS,
            Self::Text
            | Self::Param { .. }
            | Self::BurnTable { .. }
            | Self::Exempt { .. }
            | Self::Spend { .. }
            | Self::Upgrade { .. }
            | Self::CancelUpgrade => HALF,
        }
    }

    /// Its number in encodings and events.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Param { .. } => 1,
            Self::BurnTable { .. } => 2,
            Self::LowerBurn { .. } => 3,
            Self::Exempt { .. } => 4,
            Self::Verifier { .. } => 5,
            Self::Spend { .. } => 6,
            Self::Slash { .. } => 7,
            Self::Signers { .. } => 8,
            Self::Upgrade { .. } => 9,
            Self::CancelUpgrade => 10,
        }
    }

    /// Its name, as in queries.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Param { .. } => "param",
            Self::BurnTable { .. } => "burnTable",
            Self::LowerBurn { .. } => "lowerBurn",
            Self::Exempt { .. } => "exempt",
            Self::Verifier { .. } => "verifier",
            Self::Spend { .. } => "spend",
            Self::Slash { .. } => "slash",
            Self::Signers { .. } => "signers",
            Self::Upgrade { .. } => "upgrade",
            Self::CancelUpgrade => "cancelUpgrade",
        }
    }

    /// What is wrong with the action whatever the state.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Text | Self::CancelUpgrade => None,
            Self::Param { module, key, value } => sized("module", module.len(), 1, MAX_MODULE_BYTES)
                .or_else(|| sized("parameter", key.len(), 1, MAX_KEY_BYTES))
                .or_else(|| sized("value", value.len(), 1, MAX_VALUE_BYTES)),
            Self::BurnTable { preserved } | Self::LowerBurn { preserved } => table_problem(preserved),
            Self::Exempt { account, .. } => account_problem("the exempt account", account),
            Self::Verifier { verifier, name, accredited } => account_problem("the verifier", verifier)
                .or_else(|| sized("verifier's name", name.len(), usize::from(*accredited), MAX_NAME_BYTES))
                .or_else(|| {
                    name.chars()
                        .any(char::is_control)
                        .then(|| format!("the verifier's name {name:?} has control characters"))
                }),
            Self::Spend { pool, to, amount } => spend_problem(*pool, to, *amount),
            Self::Slash { validator } => account_problem("the validator", validator),
            Self::Signers { signers } => signers_problem(signers),
            Self::Upgrade { name, .. } => sized("upgrade's name", name.len(), 1, MAX_NAME_BYTES),
        }
    }
}

fn sized(what: &str, found: usize, min: usize, max: usize) -> Option<String> {
    (found < min || found > max).then(|| format!("the {what} has {found} bytes: {min} to {max}"))
}

fn account_problem(what: &str, address: &Address) -> Option<String> {
    if address.is_zero() {
        return Some(format!("{what} is the zero address"));
    }
    system::is_reserved(address).then(|| format!("{what} {address} is an address that the protocol keeps"))
}

/// D11: R[0] = 100, R[8] = 0, never increasing.
fn table_problem(preserved: &[u8; 9]) -> Option<String> {
    let [first, .., last] = preserved;
    let falls = preserved.is_sorted_by(|a, b| a >= b);
    (*first != 100 || *last != 0 || !falls)
        .then(|| format!("the burn table {preserved:?} must begin with 100, end with 0 and never increase (D11)"))
}

fn spend_problem(pool: Pool, to: &Address, amount: Amount) -> Option<String> {
    if !matches!(pool, Pool::Treasury | Pool::Technical | Pool::Marketing) {
        return Some(format!("the {} pool is not spent by proposals: technical, marketing, treasury", pool.name()));
    }
    if amount.is_zero() {
        return Some("a spending of 0 wei".to_owned());
    }
    // Of the protocol's addresses only pools take money; moving between pools is how the treasury tops one up.
    let to_pool = Pool::by_address(to).is_some_and(|p| Pool::FREE.contains(&p) && p != pool);
    if to_pool { None } else { account_problem("the recipient", to) }
}

pub(crate) fn signers_problem(signers: &[Address]) -> Option<String> {
    if signers.len() != SIGNERS {
        return Some(format!("{} signers: the treasury has {SIGNERS}", signers.len()));
    }
    for (i, signer) in signers.iter().enumerate() {
        if let Some(problem) = account_problem("a signer", signer) {
            return Some(problem);
        }
        if signers.iter().take(i).any(|s| s == signer) {
            return Some(format!("signer {signer} stands twice"));
        }
    }
    None
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Param { module, key, value } => {
                write!(f, "set {module}.{key} to {}", display_value(value))
            }
            Self::BurnTable { preserved } => write!(f, "burn table {preserved:?}"),
            Self::LowerBurn { preserved } => write!(f, "emergency burn table {preserved:?}"),
            Self::Exempt { account, exempt: true } => write!(f, "exempt {account} from decay"),
            Self::Exempt { account, exempt: false } => write!(f, "let {account} decay again"),
            Self::Verifier { verifier, name, accredited: true } => write!(f, "accredit verifier {verifier} ({name})"),
            Self::Verifier { verifier, .. } => write!(f, "remove verifier {verifier}"),
            Self::Spend { pool, to, amount } => write!(f, "pay {amount} wei of the {} pool to {to}", pool.name()),
            Self::Slash { validator } => write!(f, "slash {validator} for censorship"),
            Self::Signers { signers } => write!(f, "elect the signers {signers:?}"),
            Self::Upgrade { height, app_version, name } => {
                write!(f, "upgrade {name:?} to rules version {app_version} at block {height}")
            }
            Self::CancelUpgrade => f.write_str("cancel the upgrade"),
        }
    }
}

fn display_value(value: &[u8]) -> String {
    match <[u8; 16]>::try_from(value) {
        Ok(number) => u128::from_be_bytes(number).to_string(),
        Err(_) => alloy_primitives::hex::encode_prefixed(value),
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

impl Encode for Action {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.kind());
        match self {
            Self::Text | Self::CancelUpgrade => {}
            Self::Param { module, key, value } => {
                put_bytes(out, module.as_bytes());
                put_bytes(out, key.as_bytes());
                put_bytes(out, value);
            }
            Self::BurnTable { preserved } | Self::LowerBurn { preserved } => out.extend(preserved),
            Self::Exempt { account, exempt } => {
                out.extend(account);
                out.push(u8::from(*exempt));
            }
            Self::Verifier { verifier, name, accredited } => {
                out.extend(verifier);
                out.push(u8::from(*accredited));
                put_bytes(out, name.as_bytes());
            }
            Self::Spend { pool, to, amount } => {
                out.push(*pool as u8);
                out.extend(to);
                out.extend(amount.wei().to_be_bytes());
            }
            Self::Slash { validator } => out.extend(validator),
            Self::Signers { signers } => signers.iter().for_each(|s| out.extend(s)),
            Self::Upgrade { height, app_version, name } => {
                out.extend(height.0.to_be_bytes());
                out.extend(app_version.to_be_bytes());
                put_bytes(out, name.as_bytes());
            }
        }
    }
}

impl Decode for Action {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "governance action";
        input.version(VERSION, WHAT)?;
        Ok(match input.u8(WHAT)? {
            0 => Self::Text,
            1 => Self::Param {
                module: text(input, MAX_MODULE_BYTES)?,
                key: text(input, MAX_KEY_BYTES)?,
                value: Bytes::copy_from_slice(input.bytes(MAX_VALUE_BYTES, WHAT)?),
            },
            2 => Self::BurnTable { preserved: input.array(WHAT)? },
            3 => Self::LowerBurn { preserved: input.array(WHAT)? },
            4 => Self::Exempt { account: address(input)?, exempt: flag(input)? },
            5 => {
                let (verifier, accredited) = (address(input)?, flag(input)?);
                Self::Verifier { verifier, name: text(input, MAX_NAME_BYTES)?, accredited }
            }
            6 => Self::Spend { pool: pool(input)?, to: address(input)?, amount: input.amount(WHAT)? },
            7 => Self::Slash { validator: address(input)? },
            8 => {
                let mut signers = [Address::ZERO; SIGNERS];
                for signer in &mut signers {
                    *signer = address(input)?;
                }
                Self::Signers { signers }
            }
            9 => Self::Upgrade {
                height: Height(input.u64(WHAT)?),
                app_version: input.u64(WHAT)?,
                name: text(input, MAX_NAME_BYTES)?,
            },
            10 => Self::CancelUpgrade,
            kind => return Err(CodecError::Invalid { what: WHAT, why: format!("no kind {kind}: 0 to 10") }),
        })
    }
}

pub(crate) fn address(input: &mut Reader<'_>) -> Result<Address, CodecError> {
    input.array::<20>("address").map(Address::new)
}

pub(crate) fn flag(input: &mut Reader<'_>) -> Result<bool, CodecError> {
    match input.u8("flag")? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(CodecError::NotCanonical("flag")),
    }
}

pub(crate) fn text(input: &mut Reader<'_>, limit: usize) -> Result<String, CodecError> {
    let bytes = input.bytes(limit, "text")?;
    String::from_utf8(bytes.to_vec()).map_err(|e| CodecError::Invalid { what: "text", why: e.to_string() })
}

fn pool(input: &mut Reader<'_>) -> Result<Pool, CodecError> {
    let number = input.u8("pool")?;
    Pool::ALL
        .into_iter()
        .find(|p| *p as u8 == number)
        .ok_or_else(|| CodecError::Invalid { what: "pool", why: format!("no pool {number}") })
}
