//! Positions through their whole life: term, withdrawals, dividends, slashes, unlock (D22–D26, D34, D35).
//!
//! Time goes in half months of fifteen days, and a year has two months, so that a position of one year lives eight
//! steps with its unlocking. All positions stand with one validator, which may be slashed. Liquid money does not decay
//! here; that is [`super::money`].
//!
//! The chain keeps sums and never loops over positions. This world loops, and keeps the running sums beside it to hold
//! the one against the other. Rounding: what a position is owed is rounded down at a slash, what the pool gives up too,
//! so the pool holds at least what is owed; dust burns when the last position is gone.

use stateright::{Model, Property};

use crate::{
    Mistake,
    check::Size,
    rules::{slash, stake, stake::Terms},
};

/// Half months in a month.
const MONTH: u32 = 2;

/// A short calendar.
const TERMS: Terms = Terms { months_a_year: 2, unlock_days_a_year: 2, longest: 2, young_days: 2 };

/// Half months in a year.
const YEAR: u32 = 4;

/// One position (D22).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// With what it began, and what was compounded.
    initial: u128,
    /// During the term: all of it. Afterwards: what is still locked.
    amount: u128,
    years: u8,
    first_years: u8,
    opened: u32,
    /// After the term: what was locked, and how many days after the end (D24). `None` while the term runs.
    unlocking: Option<(u128, u128)>,
    /// Unlocked, not yet withdrawn.
    free: u128,
    /// Amount × multiplier as of this month's snapshot (D26).
    weighted: u128,
    claimed: bool,
    /// Withdrawals in this month (D23).
    withdrawals: u8,
}

impl Position {
    const fn end(&self) -> u32 {
        self.opened + self.years as u32 * YEAR
    }

    /// What it counts for in beta (D26, D24).
    fn beta(&self) -> u128 {
        if self.unlocking.is_some() { self.amount } else { self.amount * stake::multiplier(self.years) }
    }

    /// What it counts for in votes (D27).
    fn weight(&self) -> u128 {
        if self.unlocking.is_some() { 0 } else { stake::weight(self.amount, self.years) }
    }
}

/// The books.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    now: u32,
    positions: Vec<Position>,
    /// The pool of stakes: what positions are owed, and dust.
    staked: u128,
    liquid: u128,
    dividend: u128,
    treasury: u128,
    supply: u128,
    /// Running sums.
    beta: u128,
    weight: u128,
    /// This month's snapshot: pool, beta, and what was claimed of it.
    snapshot: (u128, u128, u128),
    opens: u8,
    slashes: u8,
    incomes: u8,
    extensions: u8,
    acts: u8,
    rose: bool,
    young_paid: bool,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Half a month passes.
    HalfMonth,
    /// A stake of some years.
    Open(u128, u8),
    /// This month's allowance.
    Withdraw(usize),
    /// This month's dividend: paid out, or compounded.
    Claim(usize, bool),
    /// What is unlocked.
    Unlock(usize),
    /// A longer term.
    Extend(usize, u8),
    /// The validator is slashed; with a reporter or without.
    Slash(bool),
    /// Fees come into the dividend pool.
    Income,
}

/// A bounded world.
#[derive(Debug, Clone)]
pub struct Stakes {
    /// Half months.
    pub until: u32,
    /// Stakes: amount, years.
    pub stakes: Vec<(u128, u8)>,
    /// How many of them may be made.
    pub opens: u8,
    /// Slashes.
    pub slashes: u8,
    /// Incomes of the dividend pool.
    pub incomes: u8,
    /// Extensions.
    pub extensions: u8,
    /// Withdrawals, claims and unlocks together.
    pub acts: u8,
    /// A planted mistake.
    pub mistake: Option<Mistake>,
}

const INCOME: u128 = 503;
const SLASH_PERCENT: u128 = 20;

impl Stakes {
    /// What is checked in each form.
    #[must_use]
    pub fn worlds(size: Size) -> Vec<(&'static str, Self)> {
        let one = Self {
            until: 13,
            stakes: vec![(1_003, 1)],
            opens: 1,
            slashes: 1,
            incomes: 1,
            extensions: 1,
            acts: 2,
            mistake: None,
        };
        let two =
            Self { until: 7, stakes: vec![(1_003, 1), (207, 2)], opens: 2, extensions: 0, acts: 2, ..one.clone() };
        match size {
            Size::Short => vec![("stakes: a whole life", one), ("stakes: several", two)],
            Size::Long => vec![
                ("stakes: a whole life", Self { slashes: 2, acts: 4, ..one }),
                ("stakes: several", Self { until: 9, acts: 3, ..two }),
            ],
        }
    }

    fn wrong(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Time passes: ends of terms, unlocking, then the month's snapshot (D24, D26).
    fn pass(&self, state: &mut State) {
        state.now += 1;
        let now = state.now;
        for index in 0..state.positions.len() {
            self.change(state, index, |position| {
                if now < position.end() {
                    return;
                }
                let from = if self.wrong(Mistake::UnlockFromStart) { position.opened } else { position.end() };
                let (base, then) = *position.unlocking.get_or_insert((position.amount, 0));
                let still = stake::locked(&TERMS, (base, then), position.years, u128::from(now - from));
                position.free += position.amount - still;
                position.amount = still;
            });
        }
        if !now.is_multiple_of(MONTH) {
            return;
        }
        state.snapshot = (state.dividend, state.beta, 0);
        for position in &mut state.positions {
            position.weighted = position.beta();
            position.claimed = false;
            position.withdrawals = 0;
        }
    }

    /// Changes one position and the running sums with it.
    fn change(&self, state: &mut State, index: usize, how: impl FnOnce(&mut Position)) {
        let position = &mut state.positions[index];
        let ran = position.unlocking.is_none();
        let (beta, weight) = (position.beta(), position.weight());
        how(position);
        if self.wrong(Mistake::TermEndForgotten) && ran && position.unlocking.is_some() {
            return;
        }
        state.beta = (state.beta + position.beta()).saturating_sub(beta);
        state.weight = (state.weight + position.weight()).saturating_sub(weight);
    }

    fn open(&self, state: &mut State, (amount, years): (u128, u8)) -> Option<()> {
        state.liquid = state.liquid.checked_sub(amount)?;
        state.staked += amount;
        let (main, grabbed) = stake::open(&TERMS, amount, years);
        for (amount, years) in [(main, years), (grabbed, TERMS.longest)] {
            if amount == 0 {
                continue;
            }
            state.positions.push(Position {
                initial: amount,
                amount: 0,
                years,
                first_years: years,
                opened: state.now,
                unlocking: None,
                free: 0,
                weighted: 0,
                claimed: false,
                withdrawals: 0,
            });
            self.change(state, state.positions.len() - 1, |p| p.amount = amount);
        }
        Some(())
    }

    /// D23: once a month, from the month after staking, while the term runs.
    fn withdraw(&self, state: &mut State, index: usize) -> Option<()> {
        let position = &state.positions[index];
        let first_month = position.opened / MONTH == state.now / MONTH;
        let again = position.withdrawals > 0 && !self.wrong(Mistake::WithdrawRoundedUp);
        if position.unlocking.is_some() || first_month || again {
            return None;
        }
        let out = stake::monthly(&TERMS, position.initial, position.amount, position.years);
        if out == 0 {
            return None;
        }
        self.change(state, index, |p| {
            p.amount -= out;
            p.withdrawals += 1;
        });
        self.pay(state, out)
    }

    /// D26: as of the snapshot, once, and not for the young.
    fn claim(&self, state: &mut State, index: usize, compound: bool) -> Option<()> {
        let position = &state.positions[index];
        let young = state.now - position.opened < TERMS.young_days;
        if (position.claimed && !self.wrong(Mistake::ClaimedTwice))
            || (young && !self.wrong(Mistake::YoungClaims))
            || (compound && position.unlocking.is_some())
        {
            return None;
        }
        let (pool, beta, claimed) = state.snapshot;
        let out = stake::dividend(position.weighted, pool, beta);
        if out == 0 {
            return None;
        }
        state.dividend = state.dividend.checked_sub(out)?;
        state.snapshot.2 = claimed + out;
        state.young_paid |= young;
        self.change(state, index, |p| {
            p.claimed = true;
            if compound {
                p.amount += out;
                p.initial += if self.wrong(Mistake::CompoundForgotten) { 0 } else { out };
            }
        });
        *(if compound { &mut state.staked } else { &mut state.liquid }) += out;
        Some(())
    }

    fn unlock(&self, state: &mut State, index: usize) -> Option<()> {
        let free = core::mem::take(&mut state.positions[index].free);
        if free == 0 { None } else { self.pay(state, free) }
    }

    /// D25: during the term, to a longer one.
    fn extend(&self, state: &mut State, index: usize, years: u8) -> Option<()> {
        let position = &state.positions[index];
        let longer = years > position.years || (self.wrong(Mistake::ShortExtension) && years != position.years);
        if position.unlocking.is_some() || !longer || state.now >= position.opened + u32::from(years) * YEAR {
            return None;
        }
        self.change(state, index, |p| p.years = years);
        Some(())
    }

    /// D34, D35: what is staked or still locked loses its percentage; what is unlocked does not.
    fn slash(&self, state: &mut State, reported: bool) -> Option<()> {
        let free: u128 = state.positions.iter().map(|p| p.free).sum();
        let taken = crate::rules::floor(state.staked - free, SLASH_PERCENT, 100);
        if taken == 0 {
            return None;
        }
        let now = state.now;
        for index in 0..state.positions.len() {
            if self.wrong(Mistake::SlashKeepsPositions) {
                break;
            }
            self.change(state, index, |p| {
                p.amount = crate::rules::floor(p.amount, 100 - SLASH_PERCENT, 100);
                if p.unlocking.is_some() {
                    p.unlocking = Some((p.amount, u128::from(now - p.end())));
                }
            });
        }
        let split = slash::split(taken, reported);
        state.staked -= if self.wrong(Mistake::SlashedTwiceOut) { taken - split.treasury } else { taken };
        state.treasury += split.treasury;
        state.liquid += split.reporter;
        state.supply -= split.burned;
        Some(())
    }

    /// Out of the pool of stakes. What is left when nobody is owed anything is dust, and burns.
    fn pay(&self, state: &mut State, amount: u128) -> Option<()> {
        state.staked = state.staked.checked_sub(amount)?;
        state.liquid += amount;
        state.positions.retain(|p| p.amount + p.free > 0);
        if state.positions.is_empty() {
            if self.wrong(Mistake::DustMinted) {
                state.liquid += state.staked;
                state.supply += state.staked;
            } else {
                state.supply -= state.staked;
                state.staked = 0;
            }
        }
        Some(())
    }
}

impl Model for Stakes {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let (liquid, dividend) = (5_000, 301);
        vec![State {
            now: 0,
            positions: vec![],
            staked: 0,
            liquid,
            dividend,
            treasury: 0,
            supply: liquid + dividend,
            beta: 0,
            weight: 0,
            snapshot: (dividend, 0, 0),
            opens: 0,
            slashes: 0,
            incomes: 0,
            extensions: 0,
            acts: 0,
            rose: false,
            young_paid: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now < self.until {
            actions.push(Action::HalfMonth);
        }
        if state.opens < self.opens {
            actions.extend(self.stakes.iter().map(|(amount, years)| Action::Open(*amount, *years)));
        }
        if state.slashes < self.slashes {
            actions.extend([Action::Slash(true), Action::Slash(false)]);
        }
        if state.incomes < self.incomes {
            actions.push(Action::Income);
        }
        for index in 0..state.positions.len() {
            if state.acts == self.acts {
                break;
            }
            actions.extend([Action::Withdraw(index), Action::Unlock(index)]);
            actions.extend([Action::Claim(index, false), Action::Claim(index, true)]);
        }
        for index in 0..state.positions.len() {
            if state.extensions < self.extensions {
                actions.extend((1..=TERMS.longest).map(|years| Action::Extend(index, years)));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        let acts = matches!(action, Action::Withdraw(_) | Action::Claim(..) | Action::Unlock(_));
        next.acts += u8::from(acts);
        match action {
            Action::HalfMonth => self.pass(&mut next),
            Action::Open(amount, years) => {
                next.opens += 1;
                self.open(&mut next, (amount, years))?;
            }
            Action::Withdraw(index) => self.withdraw(&mut next, index)?,
            Action::Claim(index, compound) => self.claim(&mut next, index, compound)?,
            Action::Unlock(index) => self.unlock(&mut next, index)?,
            Action::Extend(index, years) => {
                next.extensions += 1;
                self.extend(&mut next, index, years)?;
            }
            Action::Slash(reported) => {
                next.slashes += 1;
                self.slash(&mut next, reported)?;
            }
            Action::Income => {
                next.incomes += 1;
                next.liquid = next.liquid.checked_sub(INCOME)?;
                next.dividend += INCOME;
            }
        }
        next.rose |= next.supply > last.supply;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Self::of_positions();
        if self.until > TERMS.longest as u32 * (YEAR + TERMS.unlock_days_a_year as u32) {
            let gone = |_: &Self, s: &State| s.opens > 0 && s.staked == 0;
            properties.push(Property::sometimes("everything has left the pool of stakes", gone));
        }
        properties
    }
}

impl Stakes {
    fn of_positions() -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("value is conserved (D4)", |_, s: &State| {
                s.supply == s.liquid + s.staked + s.dividend + s.treasury
            }),
            Property::<Self>::always("supply never rises (D4)", |_, s| !s.rose),
            Property::<Self>::always("the pool of stakes holds what positions are owed (D4)", |_, s| {
                s.staked >= s.positions.iter().map(|p| p.amount + p.free).sum()
            }),
            Property::<Self>::always("claims of a month never exceed its snapshot (D26)", |_, s| {
                s.snapshot.2 <= s.snapshot.0
            }),
            Property::<Self>::always("no position younger than thirty days has a dividend (D26)", |_, s| !s.young_paid),
            Property::<Self>::always("running sums are the sums over positions (D24, D26, D27)", |_, s| {
                s.beta == s.positions.iter().map(Position::beta).sum::<u128>()
                    && s.weight == s.positions.iter().map(Position::weight).sum::<u128>()
            }),
            Property::<Self>::always("unlocking is linear from the end of the term (D24)", |_, s| {
                s.positions.iter().all(|p| match p.unlocking {
                    None => s.now < p.end() && p.free == 0,
                    Some(base) => {
                        let days = u128::from(s.now - p.end());
                        p.amount == stake::locked(&TERMS, base, p.years, days)
                    }
                })
            }),
            Property::<Self>::always("a month gives one allowance (D23)", |_, s| {
                s.positions.iter().all(|p| p.withdrawals <= u8::from(p.opened / MONTH != s.now / MONTH))
            }),
            Property::<Self>::always("a term only grows, up to the longest (D25)", |_, s| {
                s.positions.iter().all(|p| (p.first_years..=TERMS.longest).contains(&p.years))
            }),
            Property::<Self>::always("no position has more than went into it (YP 4.1.1)", |_, s| {
                s.positions.iter().all(|p| p.amount + p.free <= p.initial)
            }),
            Property::<Self>::sometimes("a dividend is paid", |_, s| s.snapshot.2 > 0),
            Property::<Self>::sometimes("a slashed position is unlocking", |_, s| {
                s.slashes > 0 && s.positions.iter().any(|p| p.unlocking.is_some_and(|(_, then)| then > 0))
            }),
        ]
    }
}
