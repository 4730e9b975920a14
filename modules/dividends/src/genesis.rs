//! Auto-compounding that is on from the begin.

use defchain_base::{Address, StateWriteExt, native::Host};
use defchain_staking::{Desk, PositionId, records::Mark};
use serde::{Deserialize, Serialize};

use crate::{DividendError, keys::AutoKey};

/// What genesis says about dividends. Parameters stand in staking's section; the pool in the accounts'.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Genesis positions whose dividends are compounded every month.
    pub auto_compound: Vec<AutoCompound>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoCompound {
    /// Whose.
    pub owner: Address,
    /// Which of the owner's positions, from 0.
    pub id: PositionId,
}

impl Section {
    /// Everything that is wrong with it, each with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut seen = std::collections::BTreeSet::new();
        let twice = self.auto_compound.iter().enumerate().filter(|(_, a)| !seen.insert(**a));
        twice
            .map(|(at, a)| format!("dividends.auto_compound[{at}]: position {} of {} stands twice", a.id, a.owner))
            .collect()
    }

    /// Flags the positions. After staking's section and the validators'.
    ///
    /// # Errors
    /// When there is no such position, or the store fails.
    pub fn apply<H: Host + ?Sized>(&self, host: &mut H) -> Result<(), DividendError> {
        for AutoCompound { owner, id } in &self.auto_compound {
            let mut desk = Desk::open(host)?;
            // The first block takes a month's snapshot; the queue comes to it at that block's end.
            let at = host.block().time;
            let mut lifted = desk.lift(host, *owner, *id)?;
            lifted.position.compound_at = Some(at);
            desk.lower(host, lifted)?;
            desk.flush(host)?;
            host.write(&AutoKey(at, *owner, *id), &Mark)?;
        }
        Ok(())
    }
}
