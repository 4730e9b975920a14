//! Staking: positions, and the books they stand in (D22 to D25, D27, the positions' side of D31, D34 and D36).
//!
//! A position holds an amount for a term of 1 to 12 years, shrinks by monthly withdrawals, and unlocks day by day after its end.
//! Everything that is asked about *all* positions (dividends, weights, shares of income, slashes) must cost the same for ten
//! positions or ten million. So positions stand in **books**, and only books are touched by what concerns everybody:
//!
//! ```text
//!             lift (settle to now)             sums by term        ┌─ Global: β, β_PoD
//!  Position ─────────────────────▶ Desk ──▶ Book of a validator ───┤
//!     ▲      change it, lower it    │       Book of the unbound    └─ weights, own stake, income, slashes
//!     └─────────────────────────────┘
//!            day's ends: DayEnd ─▶ Ended      epochs: Joined      slashes: Slashed
//! ```
//!
//! - **Units.** A book keeps amounts in units: wei × 10^27 / its slash index, rounded up. A slash multiplies the index and nothing
//!   else; a position stores the index of its last touch and is worth amount × index now / index then, rounded down. A book that
//!   was never slashed counts plain wei. A slash of everything ends the book: later positions of that validator stand in the next
//!   *generation*.
//! - **Ends of terms.** What ends on a day stands in one [`records::DayEnd`] for each book. [`lifecycle::begin`] moves it at the
//!   day's first block from the running sums to a [`Class`], where `Σ units` and `Σ units × last day` give what is locked on any
//!   day. A position finds out by [`records::Ended`] when it is next touched.
//! - **Income** is shared by two accumulators for each unit × year, own and delegated ([`add_income`]). Who joins in an epoch is
//!   counted from the next one ([`start_epoch`], [`records::Joined`]).
//! - **Dividends** are the crate above; a position records at its first touch after a month's snapshot what it was then, from
//!   the index and the number of slashes that its book kept.
//!
//! All of it goes by staking's own day and month ([`records::Clock`]), set before a block's transactions, so that a position
//! and the sums over it never disagree about the date.
//!
//! Example: Alice delegates 1,000 DEF for 12 years to V, whose book was slashed once by 10 % (index 0.9): the book grows by
//! 1,111.1 units. V is slashed by 5 %: index 0.855, and the book gives up 0.045 × its units, of Alice's 50 DEF. Nothing of hers was
//! written. When she withdraws, her position settles to 1,000 × 0.855 / 0.9 = 950 DEF.
//!
//! Worked on by: [`msg`] (users), [`slash`] and its neighbours (the validators and slashing modules), [`lifecycle`] (blocks).
//!
//! Invariants, checked by [`invariants::check`]
//! - INV-STAKING-01: the staking pool holds what the books hold.
//! - INV-STAKING-02: a book's sums are those of its positions.
//! - INV-STAKING-03: what ends on each day is what the positions say.
//! - INV-STAKING-04: lazily settled positions find their records, no record waits for nobody; queue and members agree.
//! - INV-STAKING-05: the sums over all books are theirs.
//! - INV-STAKING-06: a book holds at least what its positions are worth and are owed; the validators' pool covers it.
//! - INV-STAKING-07: β and β_PoD are the positions' sums, rounded up.
//! - INV-STAKING-08: owners know how many positions they have; ids are never used again.
//! - INV-STAKING-10: amount ≤ initial amount, 1 to 12 years, started in the past, finished only when over (YP 4.1.1).

pub mod abi;
mod book;
mod cache;
pub mod compact;
mod desk;
mod entry;
mod error;
pub mod genesis;
pub mod invariants;
pub mod keys;
pub mod lifecycle;
mod math;
pub mod msg;
mod params;
mod position;
pub mod query;
pub mod records;
mod share;
mod terms;
mod validator;

pub use book::{Accumulators, Book, BookAtSnapshot, BookId, Sides};
pub use compact::compact;
pub use desk::{Desk, Lifted};
pub use entry::{FUNCTIONS, INTERFACE, POD_WEIGHT_ENTRY, POSITIONS_ENTRY};
pub use error::StakingError;
pub use lifecycle::calendar;
pub use msg::{
    PositionIds, bind, bind_own, close, extend, open_bound, release_own, restake, set_own_minimum, stake, unbind,
    unlock, withdraw, withdraw_part,
};
pub use params::StakingParams;
pub use position::{AtSnapshot, Bond, Position, PositionId, Unlocking};
pub use query::{Weights, beta, beta_pod, book_weights, counted_weights, own_bound, pod_weight, unclaimed_income};
pub use terms::{Class, Classes, MAX_YEARS, Terms};
pub use validator::{Fraction, add_income, claim_all_rewards, claim_rewards, rewards, slash, start_epoch};
