//! What the module keeps, with its encodings.

use core::fmt;

use alloy_primitives::hex;
use defchain_base::{
    Address, AgeMillis, Amount, B256, Bps, CodecError, ConsensusAddress, Decode, Encode, Height, Reader, Timestamp,
    U256,
};
use defchain_geo::Country;
use serde::{Deserialize, Serialize};

use crate::{error::invalid, pop::BlsKey};

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

/// A validator of CometBFT's set.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub operator: Address,
    /// Its ed25519 key.
    #[serde(with = "hex")]
    pub key: [u8; 32],
    /// W at the epoch's start (D27), wei × years.
    pub weight: U256,
    /// Voting power; never zero.
    pub power: u64,
}

impl Member {
    /// Its address in CometBFT.
    #[must_use]
    pub fn consensus_address(&self) -> ConsensusAddress {
        ConsensusAddress::of_ed25519(&self.key)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} power {} weight {}", self.operator, self.consensus_address(), self.power, self.weight)
    }
}

/// CometBFT's set from some height on, by ascending operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValidatorSet(pub Vec<Member>);

impl ValidatorSet {
    /// The member of an operator.
    #[must_use]
    pub fn get(&self, operator: Address) -> Option<&Member> {
        self.0.binary_search_by(|m| m.operator.cmp(&operator)).ok().and_then(|at| self.0.get(at))
    }
}

impl Encode for ValidatorSet {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        for Member { operator, key, weight, power } in &self.0 {
            out.extend(operator);
            out.extend(key);
            out.extend(weight.to_be_bytes::<32>());
            out.extend(power.to_be_bytes());
        }
    }
}

impl Decode for ValidatorSet {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "validator set")?;
        let count = input.count(MAX_SET, "validator set")?;
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            members.push(Member {
                operator: Address::new(input.array("operator")?),
                key: input.array("consensus key")?,
                weight: U256::from_be_bytes(input.array::<32>("weight")?),
                power: input.u64("power")?,
            });
        }
        if !members.is_sorted_by(|a, b| a.operator < b.operator) {
            return Err(CodecError::NotCanonical("validator set"));
        }
        Ok(Self(members))
    }
}

/// The present epoch (D28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Epoch {
    /// The first is 0.
    pub number: u64,
    /// Its first block.
    pub start: Height,
    /// How many blocks it has.
    pub blocks: u64,
    /// Σ weight of the set it began with.
    pub total_weight: U256,
    /// What of it was removed since: at most a third (D28).
    pub removed_weight: U256,
    /// Parameter `min_stake` as operators' own stakes are held to it.
    pub min_stake: Amount,
}

impl Epoch {
    /// First block of the next epoch.
    #[must_use]
    pub const fn end(&self) -> Height {
        Height(self.start.0.saturating_add(self.blocks))
    }
}

impl Encode for Epoch {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.number.to_be_bytes());
        out.extend(self.start.0.to_be_bytes());
        out.extend(self.blocks.to_be_bytes());
        out.extend(self.total_weight.to_be_bytes::<32>());
        out.extend(self.removed_weight.to_be_bytes::<32>());
        out.extend(self.min_stake.wei().to_be_bytes());
    }
}

impl Decode for Epoch {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "epoch")?;
        Ok(Self {
            number: input.u64("epoch number")?,
            start: Height(input.u64("epoch start")?),
            blocks: input.u64("epoch blocks")?,
            total_weight: U256::from_be_bytes(input.array::<32>("total weight")?),
            removed_weight: U256::from_be_bytes(input.array::<32>("removed weight")?),
            min_stake: input.amount("minimum stake")?,
        })
    }
}

/// That the chain is open (D32): written once, never removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    /// The block that closed it.
    pub height: Height,
    /// Its time.
    pub time: Timestamp,
}

impl Encode for Latch {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.height.0.to_be_bytes());
        out.extend(self.time.0.to_be_bytes());
    }
}

impl Decode for Latch {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "latch")?;
        Ok(Self { height: Height(input.u64("latch height")?), time: Timestamp(input.u64("latch time")?) })
    }
}

/// A validator that is absent since some height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// Who.
    pub operator: Address,
    /// The first height whose commit lacks it.
    pub from: Height,
    /// The age clock when that was seen: its last sign of life.
    pub since: AgeMillis,
}

/// All that are absent, by ascending operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DownList(pub Vec<Down>);

impl Encode for DownList {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        for Down { operator, from, since } in &self.0 {
            out.extend(operator);
            out.extend(from.0.to_be_bytes());
            out.extend(since.0.to_be_bytes());
        }
    }
}

impl Decode for DownList {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "absent validators")?;
        let count = input.count(MAX_SET, "absent validators")?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(Down {
                operator: Address::new(input.array("operator")?),
                from: Height(input.u64("absent from")?),
                since: AgeMillis(input.u64("absent since")?),
            });
        }
        if !list.is_sorted_by(|a, b| a.operator < b.operator) {
            return Err(CodecError::NotCanonical("absent validators"));
        }
        Ok(Self(list))
    }
}

/// Removals from the set that wait, by ascending operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removals(pub Vec<Removal>);

/// A removal from the set that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// Who.
    pub operator: Address,
    /// Whether D28 made it wait for the boundary, which was said in an event.
    pub deferred: bool,
}

impl Encode for Removals {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        for Removal { operator, deferred } in &self.0 {
            out.extend(operator);
            out.push(u8::from(*deferred));
        }
    }
}

impl Decode for Removals {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "removals")?;
        let count = input.count(MAX_SET, "removals")?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(Removal { operator: Address::new(input.array("operator")?), deferred: flag(input, "deferred")? });
        }
        if !list.is_sorted_by(|a, b| a.operator < b.operator) {
            return Err(CodecError::NotCanonical("removals"));
        }
        Ok(Self(list))
    }
}

/// What a validator did, kept so that a block writes it only for its proposer and for who comes, goes, or returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blocks it proposed.
    pub proposed: u64,
    /// Heights it was to sign in earlier memberships of the set.
    pub earlier: u64,
    /// Heights it missed in absences that ended.
    pub missed: u64,
    /// Since when it is in the newest set, if it is.
    pub member_from: Option<Height>,
    /// The end of the last of the earlier memberships, which may lie two heights ahead.
    pub last_end: Height,
}

impl Tally {
    /// Heights below `height` that it was to sign.
    #[must_use]
    pub const fn heights_before(&self, height: Height) -> u64 {
        let ahead = self.last_end.0.saturating_sub(height.0);
        let member = match self.member_from {
            Some(from) => height.0.saturating_sub(from.0),
            None => 0,
        };
        self.earlier.saturating_sub(ahead).saturating_add(member)
    }
}

impl Encode for Tally {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.proposed.to_be_bytes());
        out.extend(self.earlier.to_be_bytes());
        out.extend(self.missed.to_be_bytes());
        put_option(out, self.member_from.map(|h| h.0.to_be_bytes()));
        out.extend(self.last_end.0.to_be_bytes());
    }
}

impl Decode for Tally {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "tally")?;
        Ok(Self {
            proposed: input.u64("proposed")?,
            earlier: input.u64("earlier")?,
            missed: input.u64("missed")?,
            member_from: option(input, "member from")?.map(|b| Height(u64::from_be_bytes(b))),
            last_end: Height(input.u64("last end")?),
        })
    }
}

/// An operator's address as a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator(pub Address);

impl Encode for Operator {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.0);
    }
}

impl Decode for Operator {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "operator")?;
        input.array("operator").map(|b| Self(Address::new(b)))
    }
}

/// A change of CometBFT's set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerUpdate {
    /// ed25519 key.
    pub key: [u8; 32],
    /// Power from two heights on; 0 removes it.
    pub power: u64,
}
