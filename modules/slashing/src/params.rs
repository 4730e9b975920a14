//! The table of penalties (YP 3.3.2, D34).

use defchain_base::Bps;

use crate::Kind;

defchain_base::module_params! {
    /// Shares, terms and clocks of faults. Days and hours are those of the age clock (D3).
    pub struct SlashingParams in "slashing" {
        /// Of double signing.
        double_sign: Bps = Bps(500), 1 ..= 10_000, "bps";
        /// Jail for it.
        double_sign_days: u16 = 30, 1 ..= 3_650, "days";
        /// Of downtime.
        downtime: Bps = Bps(100), 1 ..= 10_000, "bps";
        /// Jail for it.
        downtime_days: u16 = 7, 1 ..= 3_650, "days";
        /// Of an invalid proposal.
        invalid_proposal: Bps = Bps(200), 1 ..= 10_000, "bps";
        /// Jail for it.
        invalid_proposal_days: u16 = 14, 1 ..= 3_650, "days";
        /// Of proven censorship.
        censorship: Bps = Bps(1_000), 1 ..= 10_000, "bps";
        /// Jail for it.
        censorship_days: u16 = 90, 1 ..= 3_650, "days";
        /// Of equivocation: a light-client attack.
        equivocation: Bps = Bps(500), 1 ..= 10_000, "bps";
        /// Jail for it.
        equivocation_days: u16 = 30, 1 ..= 3_650, "days";
        /// Absence above which a validator is punished.
        downtime_hours: u16 = 24, 1 ..= 2_400, "hours";
        /// Absence at which it is warned.
        warning_hours: u16 = 12, 1 ..= 2_400, "hours";
        /// A fault so soon after one of its kind is a repeat.
        repeat_days: u16 = 365, 1 ..= 3_650, "days";
    }
    check |p| (p.warning_hours >= p.downtime_hours).then(|| format!(
        "warning_hours is {}, downtime_hours {}: the warning comes first", p.warning_hours, p.downtime_hours
    ));
}

impl SlashingParams {
    /// For networks with a short economy, whose day is seconds: a person restarts a node without being punished, and terms of
    /// jail are minutes. With days of 15 s: warned after 75 s of absence, punished after 150 s.
    #[must_use]
    pub fn short() -> Self {
        Self { downtime_hours: 240, warning_hours: 120, ..Self::default() }
    }

    /// What a first fault costs: share of the stake and days of jail.
    #[must_use]
    pub const fn penalty(&self, kind: Kind) -> (Bps, u16) {
        match kind {
            Kind::DoubleSign => (self.double_sign, self.double_sign_days),
            Kind::Downtime => (self.downtime, self.downtime_days),
            Kind::InvalidProposal => (self.invalid_proposal, self.invalid_proposal_days),
            Kind::Censorship => (self.censorship, self.censorship_days),
            Kind::Equivocation => (self.equivocation, self.equivocation_days),
        }
    }
}

/// Share of what is slashed that goes to the treasury; the rest beside it and the reporter's is burned (YP 4.4.3).
pub const TREASURY: Bps = Bps(3_000);
/// Share of the reporter; burned when there is none (D34).
pub const REPORTER: Bps = Bps(2_000);
/// Longest vote that is taken.
pub const MAX_VOTE_BYTES: usize = 1_024;
/// What two signatures cost to verify, in elements of a loop: about two recoveries of Ethereum's.
pub const VERIFY_ELEMENTS: usize = 200;

const _: () = assert!(TREASURY.0 + REPORTER.0 < 10_000);
