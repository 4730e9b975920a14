//! Who wins: a pure function of the weights (D36a).

use alloy_primitives::U256;

use crate::{
    GovernanceError,
    action::Rule,
    proposal::{Choice, Status, Tally},
};

/// How a vote ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is executed.
    Passed,
    /// Not above its share.
    Rejected,
    /// Fewer than a third of β_PoD voted.
    NoQuorum,
    /// A third of those who voted cast a veto.
    Vetoed,
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::Rejected => Self::Rejected,
            Outcome::NoQuorum => Self::NoQuorum,
            Outcome::Vetoed => Self::Vetoed,
        }
    }
}

const OVERFLOW: GovernanceError = GovernanceError::TallyOverflow;

impl Tally {
    const fn of(&mut self, choice: Choice) -> &mut U256 {
        match choice {
            Choice::Yes => &mut self.yes,
            Choice::No => &mut self.no,
            Choice::Abstain => &mut self.abstain,
            Choice::Veto => &mut self.veto,
        }
    }

    /// Counts a vote.
    ///
    /// # Errors
    /// When the sum exceeds 256 bits.
    pub fn add(&mut self, choice: Choice, weight: U256) -> Result<(), GovernanceError> {
        let sum = self.of(choice);
        *sum = sum.checked_add(weight).ok_or(OVERFLOW)?;
        Ok(())
    }

    /// Takes a counted vote back.
    ///
    /// # Errors
    /// When it was not counted.
    pub fn take(&mut self, choice: Choice, weight: U256) -> Result<(), GovernanceError> {
        let sum = self.of(choice);
        *sum = sum.checked_sub(weight).ok_or(OVERFLOW)?;
        Ok(())
    }

    /// All weight that voted.
    ///
    /// # Errors
    /// When the sum exceeds 256 bits.
    pub fn cast(&self) -> Result<U256, GovernanceError> {
        let sum = self.decided()?;
        sum.checked_add(self.abstain).ok_or(OVERFLOW)
    }

    /// The weight that said yes or no in any form.
    fn decided(&self) -> Result<U256, GovernanceError> {
        let against = self.no.checked_add(self.veto).ok_or(OVERFLOW)?;
        self.yes.checked_add(against).ok_or(OVERFLOW)
    }

    /// How it ends.
    ///
    /// - Quorum: at least a third of β_PoD voted, abstentions included. With β_PoD = 0 nobody can vote: no quorum.
    /// - Veto: at least a third of what voted. Only with a quorum, so that one small voter cannot burn a deposit that
    ///   nobody else looked at.
    /// - Otherwise it passes with yes strictly above the rule's share of yes, no and veto.
    ///
    /// # Errors
    /// When a product exceeds 256 bits.
    pub fn outcome(&self, beta_pod: U256, rule: Rule) -> Result<Outcome, GovernanceError> {
        const THREE: U256 = U256::from_limbs([3, 0, 0, 0]);
        let cast = self.cast()?;
        if cast.is_zero() || cast.checked_mul(THREE).ok_or(OVERFLOW)? < beta_pod {
            return Ok(Outcome::NoQuorum);
        }
        if self.veto.checked_mul(THREE).ok_or(OVERFLOW)? >= cast {
            return Ok(Outcome::Vetoed);
        }
        let yes = self.yes.checked_mul(U256::from(rule.den)).ok_or(OVERFLOW)?;
        let needed = self.decided()?.checked_mul(U256::from(rule.num)).ok_or(OVERFLOW)?;
        Ok(if yes > needed { Outcome::Passed } else { Outcome::Rejected })
    }
}
