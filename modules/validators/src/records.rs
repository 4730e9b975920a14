//! What the module keeps, with its encodings.

use core::fmt;

use defchain_base::{Address, AgeMillis, B256, Bps, CodecError, ConsensusAddress, Decode, Encode, Reader, Timestamp};
use defchain_geo::Country;
use serde::{Deserialize, Serialize};

use crate::{error::invalid, pop::BlsKey};

mod presence;
mod set;

pub use presence::{Down, DownList, Operator, Removal, Removals, Tally};
pub use set::{Epoch, KeyTerm, Latch, Member, PowerUpdate, ValidatorSet};

const VERSION: u8 = 1;
/// The longest moniker, in bytes.
pub const MAX_MONIKER: usize = 64;
/// Most validators of a set: one of each jurisdiction.
pub const MAX_SET: usize = defchain_geo::JURISDICTIONS;

/// How a validator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Status {
    /// Waits for the seat of its country (D31).
    Queued = 0,
    /// Holds its country's seat; in CometBFT's set from the next epoch.
    Active = 1,
    /// Has too little own stake; holds its seat for a while (D34).
    Inactive = 2,
    /// Jailed (D34); holds its seat for a while (D31).
    Jailed = 3,
    /// Never again.
    Tombstoned = 4,
    /// Left; may register anew.
    Exited = 5,
}

impl Status {
    const ALL: [Self; 6] = [Self::Queued, Self::Active, Self::Inactive, Self::Jailed, Self::Tombstoned, Self::Exited];

    fn from_u8(n: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as u8 == n)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Jailed => "jailed",
            Self::Tombstoned => "tombstoned",
            Self::Exited => "exited",
        })
    }
}

/// What a validator is in jail for (D34's table, and D30's expiry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum JailKind {
    /// Two votes for one place.
    DoubleSign = 0,
    /// Absent too long.
    Downtime = 1,
    /// Proposed an invalid block.
    InvalidProposal = 2,
    /// Censorship, by vote.
    Censorship = 3,
    /// Light-client attack.
    Equivocation = 4,
    /// Its attestation expired, or its verifier was removed (D30).
    Attestation = 5,
}

impl JailKind {
    const ALL: [Self; 6] = [
        Self::DoubleSign,
        Self::Downtime,
        Self::InvalidProposal,
        Self::Censorship,
        Self::Equivocation,
        Self::Attestation,
    ];
}

/// An attestation as the chain keeps it (D30).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attested {
    /// EIP-712 hash; zero for a validator of genesis.
    pub hash: B256,
    /// Who signed; zero for a validator of genesis.
    pub verifier: Address,
    /// Seconds since 1970.
    pub expires_at: u64,
    /// Whether the warning event came.
    pub warned: bool,
}

/// The last time in jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jail {
    /// What for.
    pub kind: JailKind,
    /// Since when it is in jail without a break.
    pub since: AgeMillis,
    /// The end of its term; it stays in until it is unjailed.
    pub until: AgeMillis,
}

/// A validator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorRecord {
    /// For people.
    pub moniker: String,
    /// Where it stands.
    pub country: Country,
    /// How it stands.
    pub status: Status,
    /// Leaves at the next epoch boundary.
    pub leaving: bool,
    /// Own positions were released after it left; nothing is bound to it as its own any more.
    pub released: bool,
    /// Place in the queue (D31).
    pub registered_at: Timestamp,
    /// ed25519 key that signs for it.
    pub consensus_key: [u8; 32],
    /// Key that replaces it at the next epoch boundary (D31).
    pub next_key: Option<[u8; 32]>,
    /// BLS12-381 key.
    pub bls_key: BlsKey,
    /// Share of delegators' income (D36).
    pub commission: Bps,
    /// When that was set.
    pub commission_at: Timestamp,
    /// Its attestation.
    pub attested: Attested,
    /// Its last jail, also after it was unjailed.
    pub jail: Option<Jail>,
    /// Since when it is inactive; meaningful while it is.
    pub inactive_since: AgeMillis,
    /// The last slash: time to top up runs from here (D34).
    pub slashed_at: Option<AgeMillis>,
}

impl ValidatorRecord {
    /// Consensus address of its present key.
    #[must_use]
    pub fn consensus_address(&self) -> ConsensusAddress {
        ConsensusAddress::of_ed25519(&self.consensus_key)
    }

    /// Until when it is in jail; zero when it never was.
    #[must_use]
    pub fn jailed_until(&self) -> AgeMillis {
        self.jail.map_or(AgeMillis(0), |j| j.until)
    }
}

fn put_option<const N: usize>(out: &mut Vec<u8>, value: Option<[u8; N]>) {
    match value {
        None => out.push(0),
        Some(bytes) => {
            out.push(1);
            out.extend(bytes);
        }
    }
}

fn option<const N: usize>(input: &mut Reader<'_>, what: &'static str) -> Result<Option<[u8; N]>, CodecError> {
    match flag(input, what)? {
        false => Ok(None),
        true => input.array(what).map(Some),
    }
}

fn flag(input: &mut Reader<'_>, what: &'static str) -> Result<bool, CodecError> {
    match input.u8(what)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(CodecError::NotCanonical(what)),
    }
}

impl Encode for ValidatorRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.country.encode(out);
        out.push(self.status as u8);
        out.push(u8::from(self.leaving));
        out.push(u8::from(self.released));
        out.extend(self.registered_at.0.to_be_bytes());
        out.extend(self.consensus_key);
        put_option(out, self.next_key);
        out.extend(self.bls_key);
        out.extend(self.commission.0.to_be_bytes());
        out.extend(self.commission_at.0.to_be_bytes());
        out.extend(self.attested.hash);
        out.extend(self.attested.verifier);
        out.extend(self.attested.expires_at.to_be_bytes());
        out.push(u8::from(self.attested.warned));
        match self.jail {
            None => out.push(u8::MAX),
            Some(jail) => {
                out.push(jail.kind as u8);
                out.extend(jail.since.0.to_be_bytes());
                out.extend(jail.until.0.to_be_bytes());
            }
        }
        out.extend(self.inactive_since.0.to_be_bytes());
        put_option(out, self.slashed_at.map(|a| a.0.to_be_bytes()));
        out.extend(u32::try_from(self.moniker.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(self.moniker.as_bytes());
    }
}

impl Decode for ValidatorRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "validator")?;
        let country = Country::decode(input)?;
        let number = input.u8("status")?;
        let status = Status::from_u8(number).ok_or_else(|| invalid("status", number.to_string()))?;
        let leaving = flag(input, "leaving")?;
        let released = flag(input, "released")?;
        let registered_at = Timestamp(input.u64("registered at")?);
        let consensus_key = input.array("consensus key")?;
        let next_key = option(input, "next key")?;
        let bls_key = input.array("BLS key")?;
        let commission = Bps(input.u16("commission")?);
        let commission_at = Timestamp(input.u64("commission at")?);
        let attested = Attested {
            hash: B256::new(input.array("attestation hash")?),
            verifier: Address::new(input.array("verifier")?),
            expires_at: input.u64("attestation expiry")?,
            warned: flag(input, "warned")?,
        };
        let jail = match input.u8("jail kind")? {
            u8::MAX => None,
            n => Some(Jail {
                kind: JailKind::ALL
                    .into_iter()
                    .find(|k| *k as u8 == n)
                    .ok_or_else(|| invalid("jail kind", n.to_string()))?,
                since: AgeMillis(input.u64("jailed since")?),
                until: AgeMillis(input.u64("jailed until")?),
            }),
        };
        let inactive_since = AgeMillis(input.u64("inactive since")?);
        let slashed_at = option(input, "slashed at")?.map(|b| AgeMillis(u64::from_be_bytes(b)));
        let moniker = core::str::from_utf8(input.bytes(MAX_MONIKER, "moniker")?)
            .map_err(|e| invalid("moniker", e.to_string()))?
            .to_owned();
        Ok(Self {
            moniker,
            country,
            status,
            leaving,
            released,
            registered_at,
            consensus_key,
            next_key,
            bls_key,
            commission,
            commission_at,
            attested,
            jail,
            inactive_since,
            slashed_at,
        })
    }
}
