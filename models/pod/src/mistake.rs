//! One rule wrong at a time, each a mistake that somebody could really make.

use core::fmt;

/// Which world a mistake is planted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// [`crate::worlds::money`].
    Money,
    /// [`crate::worlds::stakes`].
    Stakes,
    /// [`crate::worlds::validators`].
    Validators,
}

macro_rules! mistakes {
    ($($name:ident $place:ident breaks $property:literal: $what:literal,)*) => {
        /// A planted mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Mistake {
            $(#[doc = $what] $name,)*
        }

        impl Mistake {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The world it is planted in.
            #[must_use]
            pub const fn place(self) -> Place {
                match self { $(Self::$name => Place::$place,)* }
            }

            /// The property that must find it.
            #[must_use]
            pub const fn breaks(self) -> &'static str {
                match self { $(Self::$name => $property,)* }
            }

            /// What is wrong.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }
        }
    };
}

mistakes! {
    LossOnlyHalved Money breaks "value is conserved (D4)": "the half of a loss that burns leaves balances but not the supply",
    ReferrerPaidTwice Money breaks "supply never rises (D4)": "the referrer's share is minted, not taken from the commission",
    ChangeRoundedDown Money breaks "value is conserved (D4)": "what is left of a spent portion is rounded down",
    DividendByStep Money breaks "when an account is settled does not matter (D15)": "each settling halves its own step",
    DecayRestartsAtSettling Money breaks "when an account is settled does not matter (D15)": "settling writes a new original amount and time",
    ContractsRenew Money breaks "value that pays no commission keeps its age (D17a)": "money between contracts arrives fresh",
    NewestFirst Money breaks "the oldest portion is spent first (D14)": "spending takes the newest portion",
    PortionsOutOfOrder Money breaks "portions lie in the past, in order, each once (D12, D13)": "carried portions go to the end of the list",
    EternalLastDay Money breaks "nothing outlives its eighth day (D11)": "the table is read one day late from day seven on",
    ClaimedTwice Stakes breaks "claims of a month never exceed its snapshot (D26)": "a claim may be made twice in a month",
    YoungClaims Stakes breaks "no position younger than thirty days has a dividend (D26)": "a young position may claim",
    TermEndForgotten Stakes breaks "running sums are the sums over positions (D24, D26, D27)": "the end of a term leaves its multiplier in beta",
    SlashKeepsPositions Stakes breaks "the pool of stakes holds what positions are owed (D4)": "a slash takes from the pool but not from the positions",
    SlashedTwiceOut Stakes breaks "value is conserved (D4)": "the treasury's share of a slash also stays in the pool of stakes",
    UnlockFromStart Stakes breaks "unlocking is linear from the end of the term (D24)": "days of unlocking are counted from the start of the term",
    WithdrawRoundedUp Stakes breaks "a month gives one allowance (D23)": "a second allowance in the same month",
    ShortExtension Stakes breaks "a term only grows, up to the longest (D25)": "an extension may shorten the term",
    CompoundForgotten Stakes breaks "no position has more than went into it (YP 4.1.1)": "compounding raises the amount but not the initial amount",
    DustMinted Stakes breaks "supply never rises (D4)": "the rounding left by slashes is paid out and added to supply",
    DeltaTooLarge Validators breaks "at most a third of power leaves within an epoch (D28)": "removals do not count what the epoch removed before",
    LastOneLeaves Validators breaks "CometBFT always has a validator (D28)": "the last validator is removed like any other",
    NoRenormalising Validators breaks "power is exactly the total at every height (D27, D28)": "a removal leaves the powers of the others as they were",
    ActsAtOnce Validators breaks "a change acts two heights after the block that returned it (D28)": "the application takes a change to act at the next height",
    JailedStays Validators breaks "after a boundary nobody in jail has power (D28, D34)": "the boundary counts the jailed among the active",
    TwoPerSeat Validators breaks "a jurisdiction has one active validator (D29)": "a candidate is admitted although the seat is taken",
    YoungestPromoted Validators breaks "a freed seat goes to the oldest candidate (D31)": "the youngest candidate is promoted",
    QueueWeighs Validators breaks "only the active weigh (D27)": "candidates in the queue are given power",
    PunishedPerVote Validators breaks "a fault is punished once (D34)": "the same pair of votes is punished again",
    BeforeTheJail Validators breaks "a fault is punished once (D34)": "an older height of the same spell is punished after the jailing",
    NoDoubling Validators breaks "a repeat costs double (D34)": "a repeat costs what the first fault cost",
    EarlyRelease Validators breaks "nobody leaves jail before the term (D34)": "unjailing does not look at the clock",
    PoorReturn Validators breaks "the active have the minimum at a boundary (D31, D34)": "a validator below the minimum stays active",
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())
    }
}
