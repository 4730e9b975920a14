//! Money that ages: settling, commissions, referral, staking in and out (D11–D18).
//!
//! Each state holds two copies of the same economy. One settles an account only when it is touched, as the chain does;
//! the other settles everybody every day. Whatever people do, settling the first must give the second (D15).
//!
//! Left out: hours (all receipts of a day share its time), the bound of 201 portions, gas (it carries no commission,
//! except tips, which are payments like others).

use stateright::{Model, Property};

use crate::{
    Mistake,
    rules::{burn, commission, commission::Charge},
};

/// One portion of an account (D12).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Portion {
    original: u128,
    /// The day it was received.
    received: u32,
    /// The age in days at which it was last settled.
    settled: u32,
}

impl Portion {
    fn nominal(&self) -> u128 {
        burn::effective(self.original, self.settled)
    }
}

/// One economy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Economy {
    accounts: Vec<Vec<Portion>>,
    dividend: u128,
    technical: u128,
    marketing: u128,
    staked: u128,
    supply: u128,
}

/// The same history lived twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    day: u32,
    /// Movements so far.
    moves: u32,
    lazy: Economy,
    daily: Economy,
    /// The supply went up in some step.
    rose: bool,
    /// A portion was spent while an older one was left.
    skipped: bool,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// A day of the age clock passes.
    Day,
    /// Anybody settles an account.
    Settle(usize),
    /// A value movement; the amount is what the payer names.
    Pay {
        /// Payer.
        from: usize,
        /// Recipient.
        to: usize,
        /// Units.
        amount: u128,
    },
    /// Into the system account of stakes: no commission.
    Stake(usize, u128),
    /// Out of it: fresh.
    Release(usize, u128),
}

/// A bounded world.
#[derive(Debug, Clone)]
pub struct Money {
    /// For each account whether it is a contract.
    pub contracts: Vec<bool>,
    /// What each begins with: amount, and the day it was received.
    pub start: Vec<Vec<(u128, u32)>>,
    /// The day on which it begins.
    pub first_day: u32,
    /// Each one's referrer (D18).
    pub referrers: Vec<Option<usize>>,
    /// Amounts that are moved.
    pub amounts: Vec<u128>,
    /// Days.
    pub days: u32,
    /// Movements.
    pub moves: u32,
    /// Whether stakes are part of it.
    pub staking: bool,
    /// A planted mistake.
    pub mistake: Option<Mistake>,
}

impl Money {
    /// Two people, one the other's referrer, and a contract.
    #[must_use]
    pub fn people(days: u32, moves: u32) -> Self {
        Self {
            contracts: vec![false, false, true],
            start: vec![vec![(997, 0)], vec![], vec![(60, 0)]],
            first_day: 0,
            referrers: vec![Some(1), None, None],
            amounts: vec![41, 200],
            days,
            moves,
            staking: true,
            mistake: None,
        }
    }

    /// Contracts alone, passing what they have about: they must not be able to keep it young (D17a).
    #[must_use]
    pub fn contracts(days: u32, moves: u32) -> Self {
        Self {
            contracts: vec![true, true],
            start: vec![vec![(997, 0)], vec![(501, 2)]],
            first_day: 2,
            referrers: vec![None; 2],
            amounts: vec![1, 333],
            days,
            moves,
            staking: false,
            mistake: None,
        }
    }

    fn wrong(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    fn age(&self, portion: &Portion, day: u32) -> u32 {
        let age = day - portion.received;
        if self.wrong(Mistake::EternalLastDay) && age > 7 { 7 } else { age }
    }

    fn worth(&self, portions: &[Portion], day: u32) -> u128 {
        portions.iter().map(|p| burn::effective(p.original, self.age(p, day))).sum()
    }

    /// Brings an account to today (D12, D15): what was lost is halved, nothing is left of what is worth nothing.
    fn settle(&self, economy: &mut Economy, who: usize, day: u32) {
        let mut portions = core::mem::take(&mut economy.accounts[who]);
        for portion in &mut portions {
            let age = self.age(portion, day);
            let mut parts = burn::settle(portion.original, portion.settled, age);
            if self.wrong(Mistake::DividendByStep) {
                let step = parts.dividend + parts.burned;
                parts = burn::Settled { dividend: step / 2, burned: step - step / 2 };
            }
            economy.dividend += parts.dividend;
            if !self.wrong(Mistake::LossOnlyHalved) {
                economy.supply -= parts.burned;
            }
            portion.settled = age;
            if self.wrong(Mistake::DecayRestartsAtSettling) && age > 0 {
                *portion = Portion { original: burn::effective(portion.original, age), received: day, settled: 0 };
            }
        }
        portions.retain(|p| p.nominal() > 0);
        economy.accounts[who] = portions;
    }

    /// Takes effective value from a settled account, oldest first (D14), and says what was taken of which day and
    /// age.
    fn take(&self, economy: &mut Economy, who: usize, amount: u128) -> Vec<(u128, u32, u32)> {
        let portions = &mut economy.accounts[who];
        let (mut left, mut taken) = (amount, Vec::new());
        while left > 0 {
            let at = if self.wrong(Mistake::NewestFirst) { portions.len() - 1 } else { 0 };
            let portion = &mut portions[at];
            let (age, worth) = (portion.settled, portion.nominal());
            let part = worth.min(left);
            taken.push((part, portion.received, age));
            left -= part;
            if part == worth {
                portions.remove(at);
            } else if self.wrong(Mistake::ChangeRoundedDown) {
                portion.original = (worth - part) * 100 / burn::preserved(age);
            } else {
                portion.original = burn::original_for(worth - part, age);
            }
        }
        taken
    }

    /// Gives value of a certain day and age to a settled account. Receipts of one day are one portion (D13).
    fn give(&self, economy: &mut Economy, who: usize, (amount, received, age): (u128, u32, u32)) {
        if amount == 0 {
            return;
        }
        let portions = &mut economy.accounts[who];
        if let Some(same) = portions.iter_mut().find(|p| p.received == received) {
            same.original = burn::original_for(same.nominal() + amount, age);
            return;
        }
        let at = portions.iter().take_while(|p| p.received < received).count();
        let at = if self.wrong(Mistake::PortionsOutOfOrder) { portions.len() } else { at };
        portions.insert(at, Portion { original: burn::original_for(amount, age), received, settled: age });
    }

    /// One value movement (D17, D17a, D18). `None`: the payer has not enough.
    fn pay(&self, economy: &mut Economy, (from, to): (usize, usize), amount: u128, day: u32) -> Option<()> {
        self.settle(economy, from, day);
        self.settle(economy, to, day);
        let charge = commission::charge(self.contracts[from], self.contracts[to]);
        let shares = match (charge, self.referrers[from]) {
            (Charge::Free, _) => commission::Shares::default(),
            (_, None) => commission::standard(amount),
            (_, Some(_)) => commission::referred(amount),
        };
        let (gross, net) = match charge {
            Charge::Free => (amount, amount),
            Charge::Deducted => (amount, amount - shares.total),
            Charge::OnTop => (amount + shares.total, amount),
        };
        if self.worth(&economy.accounts[from], day) < gross {
            return None;
        }
        let pieces = self.take(economy, from, gross);
        if charge == Charge::Free && !self.wrong(Mistake::ContractsRenew) {
            pieces.into_iter().for_each(|piece| self.give(economy, to, piece));
        } else {
            self.give(economy, to, (net, day, 0));
        }
        economy.supply -= shares.burned;
        economy.dividend += shares.dividend;
        economy.technical += shares.technical;
        economy.marketing += shares.marketing;
        if let Some(referrer) = self.referrers[from] {
            self.settle(economy, referrer, day);
            self.give(economy, referrer, (shares.referrer, day, 0));
            if self.wrong(Mistake::ReferrerPaidTwice) {
                self.give(economy, referrer, (shares.total, day, 0));
                economy.supply += shares.total;
            }
        }
        Some(())
    }

    /// One action on one of the two copies.
    fn act(&self, economy: &mut Economy, action: &Action, day: u32) -> Option<()> {
        match action {
            Action::Day => {}
            Action::Settle(who) => self.settle(economy, *who, day),
            Action::Pay { from, to, amount } => self.pay(economy, (*from, *to), *amount, day)?,
            Action::Stake(who, amount) => {
                self.settle(economy, *who, day);
                if self.worth(&economy.accounts[*who], day) < *amount {
                    return None;
                }
                self.take(economy, *who, *amount);
                economy.staked += amount;
            }
            Action::Release(who, amount) => {
                economy.staked = economy.staked.checked_sub(*amount)?;
                self.settle(economy, *who, day);
                self.give(economy, *who, (*amount, day, 0));
            }
        }
        Some(())
    }

    fn settle_all(&self, economy: &Economy, day: u32) -> Economy {
        let mut settled = economy.clone();
        (0..settled.accounts.len()).for_each(|who| self.settle(&mut settled, who, day));
        settled
    }

    /// Whether the last action took a portion although an older one of the same account was left over.
    fn skipped(before: &Economy, after: &Economy) -> bool {
        before.accounts.iter().zip(&after.accounts).any(|(before, after)| {
            let Some(oldest) = after.first() else { return false };
            let kept_whole = before.iter().any(|p| p.received == oldest.received && p.original == oldest.original);
            kept_whole
                && before.iter().any(|p| {
                    p.received > oldest.received
                        && after.iter().find(|a| a.received == p.received).is_none_or(|a| a.original < p.original)
                })
        })
    }
}

impl Model for Money {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let day = self.first_day;
        let portion = |(original, received): &(u128, u32)| Portion {
            original: *original,
            received: *received,
            settled: day - received,
        };
        let accounts: Vec<Vec<_>> = self.start.iter().map(|list| list.iter().map(portion).collect()).collect();
        let supply = accounts.iter().flatten().map(Portion::nominal).sum();
        let economy = Economy { accounts, dividend: 0, technical: 0, marketing: 0, staked: 0, supply };
        let (lazy, daily) = (economy.clone(), economy);
        vec![State { day, moves: 0, lazy, daily, rose: false, skipped: false }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.day < self.days {
            actions.push(Action::Day);
        }
        let everyone = 0..self.contracts.len();
        actions.extend(everyone.clone().map(Action::Settle));
        if state.moves == self.moves {
            return;
        }
        for amount in &self.amounts {
            for from in everyone.clone() {
                for to in everyone.clone().filter(|to| *to != from) {
                    actions.push(Action::Pay { from, to, amount: *amount });
                }
                if self.staking && !self.contracts[from] {
                    actions.push(Action::Stake(from, *amount));
                    actions.push(Action::Release(from, *amount));
                }
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        match action {
            Action::Day => {
                next.day += 1;
                next.daily = self.settle_all(&next.daily, next.day);
            }
            // The daily copy is settled already.
            Action::Settle(_) => self.act(&mut next.lazy, &action, next.day)?,
            _ => {
                next.moves += 1;
                let before = self.settle_all(&next.daily, next.day);
                self.act(&mut next.lazy, &action, next.day)?;
                self.act(&mut next.daily, &action, next.day)?;
                next.skipped |= Self::skipped(&before, &next.daily);
            }
        }
        next.rose |= next.lazy.supply > last.lazy.supply || next.daily.supply > last.daily.supply;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("value is conserved (D4)", |_, state| {
                [&state.lazy, &state.daily].into_iter().all(|e| {
                    let held: u128 = e.accounts.iter().flatten().map(Portion::nominal).sum();
                    e.supply == held + e.dividend + e.technical + e.marketing + e.staked
                })
            }),
            Property::<Self>::always("supply never rises (D4)", |_, state| !state.rose),
            Property::<Self>::always("when an account is settled does not matter (D15)", |model, state| {
                model.settle_all(&state.lazy, state.day) == state.daily
            }),
            Property::<Self>::always("value that pays no commission keeps its age (D17a)", |model, state| {
                // Contracts alone: all there is decays as if nobody had touched it. Each cut of a portion may round up
                // by one unit.
                if model.contracts.contains(&false) {
                    return true;
                }
                let worth = |(amount, received): &(u128, u32)| burn::effective(*amount, state.day - received);
                let untouched: u128 = model.start.iter().flatten().map(worth).sum();
                let held: u128 = state.daily.accounts.iter().flatten().map(Portion::nominal).sum();
                held <= untouched + u128::from(state.moves)
            }),
            Property::<Self>::always("the oldest portion is spent first (D14)", |_, state| !state.skipped),
            Property::<Self>::always("portions lie in the past, in order, each once (D12, D13)", |_, state| {
                state.lazy.accounts.iter().all(|portions| {
                    portions.iter().all(|p| p.received + p.settled <= state.day)
                        && portions.windows(2).all(|w| w[0].received < w[1].received)
                })
            }),
            Property::<Self>::always("nothing outlives its eighth day (D11)", |_, state| {
                state.daily.accounts.iter().flatten().all(|p| state.day - p.received < burn::LIFE_DAYS)
            }),
            Property::<Self>::sometimes("an account runs empty", |_, state| {
                state.moves > 0 && state.daily.accounts.iter().all(Vec::is_empty)
            }),
            Property::<Self>::sometimes("an account holds several portions", |_, state| {
                state.daily.accounts.iter().any(|a| a.len() > 1)
            }),
        ]
    }
}
