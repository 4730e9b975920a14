//! The one place where a fault costs something.

use defchain_base::{
    Address, AgeMillis, Amount, B256, Bps, ConsensusAddress, Height, native::Host, params::ModuleParams, system::Pool,
};

use crate::{
    Kind, SlashingError, SlashingParams, clock, events,
    params::{REPORTER, TREASURY},
    records::{Evidence, Past, Split},
    roster,
    state::{SlashingRead, SlashingWrite},
};

/// More doublings than any share or term takes: 2^14 hundredths of a percent are more than all.
const MAX_REPEATS: u8 = 14;
/// All of it.
const WHOLE: Bps = Bps(10_000);
/// For ever.
pub const FOR_EVER: AgeMillis = AgeMillis(u64::MAX);

/// A fault that is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offence {
    pub kind: Kind,
    pub operator: Address,
    /// Zero for censorship.
    pub consensus: ConsensusAddress,
    pub height: Height,
    pub reporter: Option<Address>,
    pub proof: B256,
}

/// What a fault costs, repeats counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Penalty {
    /// Share of the stake.
    pub share: Bps,
    /// Jail, milliseconds of the age clock.
    pub jail: u64,
    /// How often both were doubled.
    pub repeats: u8,
}

impl Penalty {
    /// A repeat of a kind within `repeat_days` doubles share and term of the one before, at most to the whole (D34).
    #[must_use]
    pub fn of(params: &SlashingParams, day_millis: u64, kind: Kind, past: &Past, now: AgeMillis) -> Self {
        let window = u64::from(params.repeat_days).saturating_mul(day_millis);
        let again = past.count > 0 && now.0.saturating_sub(past.last.0) <= window;
        let repeats = if again { past.repeats.saturating_add(1).min(MAX_REPEATS) } else { 0 };
        let (base, days) = params.penalty(kind);
        let factor = 1_u32.checked_shl(u32::from(repeats)).unwrap_or(u32::MAX);
        let share = u32::from(base.0).saturating_mul(factor).min(u32::from(WHOLE.0));
        let jail = u64::from(days).saturating_mul(day_millis).saturating_mul(u64::from(factor));
        Self { share: Bps(u16::try_from(share).unwrap_or(WHOLE.0)), jail, repeats }
    }
}

impl Split {
    /// 30 % to the treasury, 20 % to the reporter, if there is one; the rest, with what rounding leaves, is burned (D34).
    ///
    /// # Errors
    /// Never: the parts are smaller than the whole.
    pub fn of(slashed: Amount, rewarded: bool) -> Result<Self, SlashingError> {
        let part = |share: Bps| slashed.mul_div_floor(u128::from(share.0), u128::from(WHOLE.0));
        let treasury = part(TREASURY)?;
        let reward = if rewarded { part(REPORTER)? } else { Amount::ZERO };
        let burned = slashed.checked_sub(treasury)?.checked_sub(reward)?;
        Ok(Self { slashed, burned, treasury, reward })
    }
}

/// Whether a fault would be punished now.
pub(crate) fn check(host: &dyn Host, kind: Kind, operator: Address, height: Height) -> Result<(), SlashingError> {
    let env = *host.block();
    if height > env.height {
        return Err(SlashingError::Ahead { height, now: env.height });
    }
    if let Some(first) = clock::first_punishable(host)?.filter(|first| height < *first) {
        return Err(SlashingError::TooOld { height, first });
    }
    match host.standing(operator)?.covers(kind, height, env.age) {
        Some(past) => Err(SlashingError::Punished { operator, kind, evidence: past.evidence, covered: past.covered }),
        None => Ok(()),
    }
}

/// Slashes, splits, jails, and keeps the evidence. Returns its number.
///
/// A key that double signed is compromised: whoever has it unjailed and signs twice with it again has reused it, and is out for
/// good (D31, D34).
pub(crate) fn punish(host: &mut dyn Host, offence: &Offence) -> Result<u64, SlashingError> {
    let Offence { kind, operator, consensus, height, reporter, proof } = *offence;
    check(host, kind, operator, height)?;
    let env = *host.block();
    let params = SlashingParams::load(host)?;
    let mut standing = host.standing(operator)?;
    let day = defchain_staking::calendar(host)?.day_millis();
    let penalty = Penalty::of(&params, day, kind, standing.of(kind), env.age);
    let reused = kind.spends_key() && host.spent_by(consensus)?.is_some();
    let jailed_until = if reused { FOR_EVER } else { AgeMillis(env.age.0.saturating_add(penalty.jail)) };

    let slashed = roster::slash(host, operator, penalty.share)?;
    let rewarded = reporter.filter(|r| *r != operator);
    let split = Split::of(slashed, rewarded.is_some())?;
    pay(host, &split, rewarded)?;
    if reused {
        roster::tombstone(host, operator)?;
    } else {
        roster::jail(host, operator, jailed_until, kind)?;
    }

    let id = host.next_evidence()?;
    let past = standing.of_mut(kind);
    *past = Past {
        count: past.count.saturating_add(1),
        repeats: penalty.repeats,
        last: env.age,
        jailed_until,
        // A removal acts two heights later (D28): until then the validator still votes.
        covered: env.height.next(),
        evidence: id,
    };
    host.put_standing(operator, &standing)?;
    if kind.spends_key() {
        host.spend_key(consensus, id)?;
    }
    let evidence = Evidence {
        kind,
        operator,
        consensus,
        fault_height: height,
        height: env.height,
        age: env.age,
        share: penalty.share,
        repeats: penalty.repeats,
        split,
        reporter: reporter.unwrap_or_default(),
        jailed_until,
        proof,
    };
    host.put_evidence(id, &evidence)?;
    events::slashed(host, id, &evidence)?;
    Ok(id)
}

/// What staking took stands in its pool until it is paid: all of it, and nothing else.
fn pay(host: &mut dyn Host, split: &Split, reporter: Option<Address>) -> Result<(), SlashingError> {
    if !split.burned.is_zero() {
        host.burn(Pool::Staking, split.burned)?;
    }
    if !split.treasury.is_zero() {
        host.pay(Pool::Staking, Pool::Treasury.address(), split.treasury)?;
    }
    if let Some(reporter) = reporter
        && !split.reward.is_zero()
    {
        host.pay(Pool::Staking, reporter, split.reward)?;
    }
    Ok(())
}
