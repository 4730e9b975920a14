use serde::{Deserialize, Serialize};

/// What a validator can be punished for (YP 3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Kind {
    /// Two different votes at one height, round and step.
    DoubleSign = 0,
    /// No vote for more than a day.
    Downtime = 1,
    /// A proposal that more than two thirds of the power refused.
    InvalidProposal = 2,
    /// Keeping transactions out, proven to governance.
    Censorship = 3,
    /// Signing for a light client what the chain did not decide.
    Equivocation = 4,
}

impl Kind {
    /// All kinds, by number.
    pub const ALL: [Self; 5] =
        [Self::DoubleSign, Self::Downtime, Self::InvalidProposal, Self::Censorship, Self::Equivocation];

    /// The kind of that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|k| *k as u8 == number)
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DoubleSign => "double signing",
            Self::Downtime => "downtime",
            Self::InvalidProposal => "an invalid proposal",
            Self::Censorship => "censorship",
            Self::Equivocation => "equivocation",
        }
    }

    /// Whether faults of both kinds up to one jailing are one fault (D34).
    ///
    /// Double signing and a light-client attack are: the same signatures prove both. Others are not, or a validator could go to
    /// jail for a day's absence and leave with two votes of that day unpunished.
    #[must_use]
    pub const fn same_fault(self, other: Self) -> bool {
        self as u8 == other as u8 || (self.spends_key() && other.spends_key())
    }

    /// Whether the consensus key itself is compromised by it.
    #[must_use]
    pub const fn spends_key(self) -> bool {
        matches!(self, Self::DoubleSign | Self::Equivocation)
    }
}
