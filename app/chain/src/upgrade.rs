//! Changing the rules at a height that was agreed on before.
//!
//! ```text
//!   plan {height, app_version, name} in state ──▶ block height-1 is committed
//!        │                                            │ this program lacks the version: it stops here (Chain::ended)
//!        │                                            ▼ it has it
//!        └───────────▶ block `height`: migrations run first, then its transactions under the new rules;
//!                      FinalizeBlock tells CometBFT the new app version, which stands in headers from height+1 on
//! ```
//!
//! Where a plan may stand:
//! - In state, written by genesis (`app_state.upgrade`) or by governance. It is part of the app hash, so every node,
//!   whether it votes, replays, block-syncs or joins from a snapshot, changes the rules at the same block.
//! - In each operator's app.toml (`[upgrade]`), agreed on outside the chain. The change itself is written into state at
//!   its height, so nodes that join from a later snapshot need no entry. Whoever executes that block, now or in a replay
//!   years later, needs the same entry: without it the app hash differs and the node halts. A plan in state wins
//!   over it, and one that contradicts it is refused.
//!
//! Invariants
//! - The version in force is a function of state alone; a state without a record is under [`FIRST_VERSION`].
//! - A block is executed only by a program that knows its version: never under other rules "for now".
//! - Versions only ascend, one plan at a time.

use defchain_base::{
    CodecError, Decode, Encode, Height, Reader, StateError, StateKey, StateRead, StateReadExt, StateWrite,
    StateWriteExt, Substore,
};
use serde::{Deserialize, Serialize};

use crate::rules::{FIRST_VERSION, Rules, Table};

const RECORD_VERSION: u8 = 1;
/// Longest name of an upgrade.
pub const MAX_NAME_BYTES: usize = 64;

/// An agreed change of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradePlan {
    /// The first block under the new rules.
    pub height: Height,
    /// Their version.
    pub app_version: u64,
    /// For people: the release that carries them.
    pub name: String,
}

impl core::fmt::Display for UpgradePlan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "upgrade {:?} to rules version {} at block {}", self.name, self.app_version, self.height)
    }
}

impl UpgradePlan {
    /// What is wrong with the plan itself.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.height.0 < 2 {
            problems.push(format!("height is {}, must be 2 or more: block 1 is under genesis' rules", self.height));
        }
        if self.app_version <= FIRST_VERSION {
            problems.push(format!("app_version is {}, must be above {FIRST_VERSION}", self.app_version));
        }
        let printable = self.name.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES || !printable {
            problems.push(format!("name is {:?}, must be 1 to {MAX_NAME_BYTES} printable ASCII characters", self.name));
        }
        problems
    }
}

/// Why this program cannot execute the next block, or was set up wrongly for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// The next block needs rules that this program lacks.
    #[error(
        "block {} is committed and the {plan} comes next, but this program knows the rules up to version {newest}: \
         install the defchain-app of that release and start it; nothing is lost and nothing must be reset",
        .plan.height.prev()
    )]
    Needed {
        /// What comes.
        plan: UpgradePlan,
        /// This program's newest version.
        newest: u64,
    },
    /// The state is under rules newer than this program's.
    #[error(
        "the state of block {latest} is under rules version {version}, this program knows versions up to {newest}: it \
         is too old for this chain; start the release that made the upgrade, or a later one"
    )]
    TooOld {
        /// Newest block.
        latest: Height,
        /// Its version.
        version: u64,
        /// This program's newest.
        newest: u64,
    },
    /// The state is under rules that this program no longer carries.
    #[error(
        "the state of block {latest} is under rules version {version}, this program executes versions {oldest} to \
         {newest}: it was started too early; run the release before it until the upgrade, or join by state sync"
    )]
    TooNew {
        /// Newest block.
        latest: Height,
        /// Its version.
        version: u64,
        /// This program's oldest.
        oldest: u64,
        /// This program's newest.
        newest: u64,
    },
    /// app.toml's plan came too late.
    #[error(
        "app.toml says {agreed}, but block {latest} is committed under rules version {version}: this node passed the \
         height without the entry, so its state is not the network's. Correct or remove [upgrade], or go back with \
         `defchain-app rollback --to {}` and start again",
        .agreed.height.prev()
    )]
    Missed {
        /// The entry.
        agreed: UpgradePlan,
        /// Newest block.
        latest: Height,
        /// Its version.
        version: u64,
    },
    /// app.toml contradicts the chain.
    #[error("app.toml says {agreed}, the chain's own plan is the {plan}: remove [upgrade] from app.toml")]
    Contradiction {
        /// The entry.
        agreed: UpgradePlan,
        /// What stands in state.
        plan: UpgradePlan,
    },
}

/// Why a plan cannot be scheduled.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The plan itself.
    #[error("the upgrade is refused: {0}")]
    Invalid(String),
    /// State.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The version in force: `upgrade/version`.
struct VersionKey;

/// [`UpgradePlan`] to come: `upgrade/plan`.
struct PlanKey;

/// What was done at a height: `upgrade/done/` ‖ height.
struct DoneKey(Height);

pub(crate) struct Version(u64);

macro_rules! sys_key {
    ($key:ty, $value:ty, |$this:ident, $out:ident| $encode:expr) => {
        impl StateKey for $key {
            type Value = $value;
            const SUBSTORE: Substore = Substore::Sys;

            fn encode_key(&self, $out: &mut Vec<u8>) {
                let $this = self;
                $encode
            }
        }
    };
}

sys_key!(VersionKey, Version, |_this, out| out.extend_from_slice(b"upgrade/version"));
sys_key!(PlanKey, UpgradePlan, |_this, out| out.extend_from_slice(b"upgrade/plan"));
sys_key!(DoneKey, UpgradePlan, |this, out| {
    out.extend_from_slice(b"upgrade/done/");
    out.extend_from_slice(&this.0.0.to_be_bytes());
});

impl Encode for Version {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(RECORD_VERSION);
        out.extend_from_slice(&self.0.to_be_bytes());
    }
}

impl Decode for Version {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(RECORD_VERSION, "rules version")?;
        input.u64("rules version").map(Self)
    }
}

impl Encode for UpgradePlan {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(RECORD_VERSION);
        out.extend_from_slice(&self.height.0.to_be_bytes());
        out.extend_from_slice(&self.app_version.to_be_bytes());
        out.extend_from_slice(&u32::try_from(self.name.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(self.name.as_bytes());
    }
}

impl Decode for UpgradePlan {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "upgrade plan";
        input.version(RECORD_VERSION, WHAT)?;
        let (height, app_version) = (Height(input.u64(WHAT)?), input.u64(WHAT)?);
        let name = String::from_utf8(input.bytes(MAX_NAME_BYTES, WHAT)?.to_vec())
            .map_err(|e| CodecError::Invalid { what: WHAT, why: e.to_string() })?;
        Ok(Self { height, app_version, name })
    }
}

/// The version whose rules made the newest state.
///
/// # Errors
/// When state fails or the record is damaged.
pub fn version(state: &(impl StateRead + ?Sized)) -> Result<u64, StateError> {
    Ok(state.read(&VersionKey)?.map_or(FIRST_VERSION, |version| version.0))
}

/// The upgrade that the chain itself has agreed on and that is still to come.
///
/// # Errors
/// When state fails or the record is damaged.
pub fn plan(state: &(impl StateRead + ?Sized)) -> Result<Option<UpgradePlan>, StateError> {
    state.read(&PlanKey)
}

/// What was done at a height.
///
/// # Errors
/// When state fails or the record is damaged.
pub fn done(state: &(impl StateRead + ?Sized), height: Height) -> Result<Option<UpgradePlan>, StateError> {
    state.read(&DoneKey(height))
}

/// Genesis: the version it starts with. The first is not written, so that its absence is its record.
pub(crate) fn put_genesis_version(state: &mut (impl StateWrite + ?Sized), version: u64) -> Result<(), StateError> {
    if version == FIRST_VERSION { Ok(()) } else { state.write(&VersionKey, &Version(version)) }
}

/// Judges a plan. `now` is the block in work.
///
/// # Errors
/// When the plan is malformed, not in the future, or does not raise the version.
pub fn check_schedule(state: &(impl StateRead + ?Sized), now: Height, plan: &UpgradePlan) -> Result<(), ScheduleError> {
    let mut problems = plan.problems();
    let current = version(state)?;
    if plan.app_version <= current {
        problems.push(format!("app_version is {}, the rules in force have {current}", plan.app_version));
    }
    if plan.height <= now {
        problems.push(format!("height is {}, this is block {now}: it must lie ahead", plan.height));
    }
    if !problems.is_empty() {
        return Err(ScheduleError::Invalid(problems.join("; ")));
    }
    Ok(())
}

/// Writes a plan into state, in the place of one that stands there: for genesis and governance. `now` is the block in
/// work.
///
/// # Errors
/// As [`check_schedule`].
pub fn schedule(state: &mut (impl StateWrite + ?Sized), now: Height, plan: &UpgradePlan) -> Result<(), ScheduleError> {
    check_schedule(state, now, plan)?;
    Ok(state.write(&PlanKey, plan)?)
}

/// Takes a plan back.
///
/// # Errors
/// When state fails.
pub fn cancel(state: &mut (impl StateWrite + ?Sized)) -> Result<(), StateError> {
    state.remove(&PlanKey)
}

/// What decides about versions on this node: the rules it carries, and what its operator agreed to.
#[derive(Debug, Clone, Default)]
pub struct Upgrades {
    /// The rules that this program carries.
    pub table: Table,
    /// app.toml's `[upgrade]`.
    pub agreed: Option<UpgradePlan>,
}

impl Upgrades {
    /// The upgrade that comes with block `height`, on the state of the block before it.
    fn due(&self, state: &(impl StateRead + ?Sized), height: Height) -> Result<Option<UpgradePlan>, StateError> {
        let due = plan(state)?.or_else(|| self.agreed.clone()).filter(|plan| plan.height == height);
        let current = version(state)?;
        Ok(due.filter(|plan| plan.app_version > current))
    }

    /// The rules of the block after `latest`, whose state this is.
    ///
    /// # Errors
    /// When state fails; inside, when this program does not know the rules.
    pub(crate) fn next(
        &self,
        state: &(impl StateRead + ?Sized),
        latest: Height,
    ) -> Result<Result<&'static Rules, UpgradeError>, StateError> {
        let (oldest, newest) = (self.table.oldest(), self.table.newest());
        let version = version(state)?;
        if version > newest {
            return Ok(Err(UpgradeError::TooOld { latest, version, newest }));
        }
        let upgrade = self.due(state, latest.next())?;
        let target = upgrade.as_ref().map_or(version, |plan| plan.app_version);
        if let Some(plan) = upgrade.as_ref().filter(|plan| plan.app_version > newest) {
            return Ok(Err(UpgradeError::Needed { plan: plan.clone(), newest }));
        }
        Ok(match self.table.get(target) {
            Some(rules) => Ok(rules),
            None => Err(UpgradeError::TooNew { latest, version: target, oldest, newest }),
        })
    }

    /// Whether app.toml's entry fits the chain: judged once, when the chain is opened.
    ///
    /// # Errors
    /// When state fails; inside, when it does not fit.
    pub(crate) fn check_agreed(
        &self,
        state: &(impl StateRead + ?Sized),
        latest: Height,
    ) -> Result<Result<(), UpgradeError>, StateError> {
        let Some(agreed) = &self.agreed else { return Ok(Ok(())) };
        if let Some(plan) = plan(state)?.filter(|plan| plan != agreed) {
            return Ok(Err(UpgradeError::Contradiction { agreed: agreed.clone(), plan }));
        }
        let version = version(state)?;
        if agreed.height <= latest && version < agreed.app_version {
            return Ok(Err(UpgradeError::Missed { agreed: agreed.clone(), latest, version }));
        }
        Ok(Ok(()))
    }

    /// First step of a block: migrates state when the block brings new rules. Returns their version then.
    ///
    /// # Errors
    /// When state fails, or a migration refuses.
    pub fn begin(&self, state: &mut dyn StateWrite, height: Height) -> Result<Option<u64>, StateError> {
        let Some(plan) = self.due(state, height)? else { return Ok(None) };
        let from = version(state)?;
        for step in from.saturating_add(1)..=plan.app_version {
            let rules = self.table.get(step).ok_or_else(|| {
                StateError::Invariant(format!("block {height} needs rules version {step}, which this program lacks"))
            })?;
            if let Some(migrate) = rules.migration {
                migrate(state)?;
            }
        }
        state.write(&VersionKey, &Version(plan.app_version))?;
        state.write(&DoneKey(height), &plan)?;
        state.remove(&PlanKey)?;
        tracing::info!(%height, from, to = plan.app_version, name = plan.name, "state migrated, new rules in force");
        Ok(Some(plan.app_version))
    }
}

#[cfg(test)]
mod tests;
