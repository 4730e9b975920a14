//! The begin of a block: what CometBFT and the validators report, and who has been absent too long.

use defchain_base::{
    Address, AgeMillis, B256, ConsensusAddress, Height, StateError, native::Host, params::ModuleParams,
};

use crate::{
    Kind, SlashingError, SlashingParams, clock, events,
    punish::{self, Offence},
    roster,
    state::{SlashingRead, SlashingWrite},
};

/// A fault that CometBFT found and verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// A light-client attack; else two votes of one round.
    pub light_client: bool,
    /// Whose.
    pub address: ConsensusAddress,
    /// Where.
    pub height: Height,
}

/// A proposal that validators with more than two thirds of the power refused, by notices in their vote extensions (D35).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// Its height.
    pub height: Height,
    /// Its block hash.
    pub hash: B256,
    /// Who proposed it.
    pub proposer: ConsensusAddress,
}

/// Punishes what is new among the reports, then who was absent for more than `downtime_hours`; warns at `warning_hours`. After the
/// votes of the previous block were counted.
///
/// # Errors
/// When the store fails.
pub fn begin(host: &mut dyn Host, faults: &[Fault], rejected: &[Rejected]) -> Result<(), StateError> {
    clock::tick(host)?;
    for fault in faults {
        let kind = if fault.light_client { Kind::Equivocation } else { Kind::DoubleSign };
        report(host, kind, fault.address, fault.height, B256::ZERO)?;
    }
    for proposal in rejected {
        report(host, Kind::InvalidProposal, proposal.proposer, proposal.height, proposal.hash)?;
    }
    absences(host)
}

/// Punishes a reported fault, or says in an event why not.
fn report(
    host: &mut dyn Host,
    kind: Kind,
    consensus: ConsensusAddress,
    height: Height,
    proof: B256,
) -> Result<(), StateError> {
    let result = match roster::operator_of(host, consensus)? {
        Some(operator) => punish::punish(host, &Offence { kind, operator, consensus, height, reporter: None, proof }),
        None => Err(SlashingError::UnknownKey(consensus)),
    };
    match result {
        Ok(_) => Ok(()),
        Err(e) => events::refused(host, consensus, kind, height, e.refusal()?),
    }
}

/// Looks at who is absent once a minute of the age clock (a 1,440th of a day): fine enough for limits in hours.
fn absences(host: &mut dyn Host) -> Result<(), StateError> {
    let day = defchain_staking::calendar(host)?.day_millis();
    let minute = host.block().age.0.checked_div((day / 1_440).max(1)).unwrap_or(0);
    if host.checked_minute()? == Some(minute) {
        return Ok(());
    }
    host.put_checked_minute(minute)?;
    let params = SlashingParams::load(host)?;
    for (operator, since) in roster::absent(host)? {
        absence(host, &params, day, operator, since)?;
    }
    Ok(())
}

fn absence(
    host: &mut dyn Host,
    params: &SlashingParams,
    day: u64,
    operator: Address,
    since: AgeMillis,
) -> Result<(), StateError> {
    let hours = |n: u16| u64::from(n).saturating_mul(day).checked_div(24).unwrap_or(0);
    let env = *host.block();
    // Who comes out of jail for downtime begins anew.
    let since = since.0.max(host.standing(operator)?.of(Kind::Downtime).last.0);
    let absent = env.age.0.saturating_sub(since);
    let limit = hours(params.downtime_hours);
    if absent > limit {
        let consensus = ConsensusAddress::default();
        let offence = Offence {
            kind: Kind::Downtime,
            operator,
            consensus,
            height: env.height,
            reporter: None,
            proof: B256::ZERO,
        };
        return match punish::punish(host, &offence) {
            Ok(_) => Ok(()),
            // In jail for it already, and waiting to be taken out of the set.
            Err(e) => e.refusal().map(drop),
        };
    }
    if absent >= hours(params.warning_hours) && host.warned(operator)? != Some(since) {
        host.put_warned(operator, since)?;
        events::warning(host, operator, since, since.saturating_add(limit))?;
    }
    Ok(())
}
