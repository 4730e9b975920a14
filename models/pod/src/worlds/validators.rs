//! Validators: seats, epochs, the sets of CometBFT, faults and jail (D27–D34).
//!
//! Every action is one block with at most one thing in it. An epoch is three blocks, and blocks are also the clock of
//! jail. CometBFT is there as it is: what block `H` returns is its set from `H + 2` on. Money is only what stands behind
//! a validator; where slashed money goes is [`super::stakes`]. All evidence lies within the year in which a repeat
//! doubles. The seven days to top up after a slash (D34) pass in jail here, as they do with every penalty of the table.

use stateright::{Model, Property};

use crate::{
    Mistake,
    check::Size,
    rules::{
        power,
        slash::{self, Fault},
        stake,
    },
};

/// Blocks of an epoch (D28).
const EPOCH: u32 = 3;
/// Total power; 10^18 on the chain (D27).
const TOTAL: u64 = 1_000;
/// A validator's own stake is at least this (D31).
const MINIMUM: u128 = 200;
/// Years of every stake.
const YEARS: u8 = 4;
/// Days of the penalty table in one block.
const DAYS_A_BLOCK: u32 = 15;
/// A longer jail frees the seat (D31).
const SEAT_KEPT_DAYS: u32 = 30;

/// A set of CometBFT: id and power, ascending.
type Set = Vec<(u64, u64)>;

/// Where a validator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not registered yet.
    Nobody,
    /// The one of its jurisdiction.
    Active,
    /// Has the seat, but not the minimum.
    Inactive,
    /// Waits for the seat since that block.
    Queued(u32),
    /// Until that block.
    Jailed(u32),
    /// Left.
    Exited,
}

/// A punishment that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Punished {
    kind: Fault,
    /// Height of the fault.
    at: u32,
    /// Height of the jailing.
    when: u32,
    percent: u128,
    blocks: u32,
}

/// One validator or candidate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Validator {
    country: u8,
    stake: u128,
    status: Status,
    punished: Vec<Punished>,
}

impl Validator {
    const fn eligible(&self) -> bool {
        self.stake >= MINIMUM
    }
}

/// The chain and CometBFT.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The last block.
    height: u32,
    validators: Vec<Validator>,
    /// Who holds each jurisdiction.
    seats: Vec<Option<usize>>,
    /// CometBFT's sets for the next block and the one after.
    comet: [Set; 2],
    /// What the application takes them to be.
    app: [Set; 2],
    /// The weights counted at the last boundary, of those who are still in.
    weights: Vec<(u64, u128)>,
    /// The set that the last boundary returned.
    epoch_set: Set,
    /// Power of it that was removed since.
    removed: u64,
    events: u8,
    overtaken: bool,
}

/// What is in a block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing.
    Empty,
    /// Evidence against a validator, of a fault some blocks ago.
    Evidence(usize, Fault, u32),
    /// Its operator asks to come back.
    Unjail(usize),
    /// A candidate registers.
    Register(usize),
    /// A validator leaves.
    Exit(usize),
    /// More stake for it.
    TopUp(usize),
    /// A term of its own stake ends.
    TermEnds(usize),
}

/// A bounded world.
#[derive(Debug, Clone)]
pub struct Validators {
    /// Country and stake of those who are there from the start.
    pub first: Vec<(u8, u128)>,
    /// Country and stake of those who may come.
    pub candidates: Vec<(u8, u128)>,
    /// Blocks.
    pub blocks: u32,
    /// Blocks with something in them.
    pub events: u8,
    /// Faults that are committed.
    pub faults: Vec<Fault>,
    /// A planted mistake.
    pub mistake: Option<Mistake>,
}

impl Validators {
    /// What is checked in each form.
    #[must_use]
    pub fn worlds(size: Size) -> Vec<(&'static str, Self)> {
        let faults = vec![Fault::DoubleSign, Fault::Censorship];
        // One above a third of power, two that are together.
        let unequal = Self {
            first: vec![(0, 600), (1, 300), (2, 201)],
            candidates: vec![],
            blocks: 10,
            events: 3,
            faults,
            mistake: None,
        };
        // Five of a fifth: the second removal of an epoch is one too many.
        let seats = Self {
            first: vec![(0, 400), (1, 400), (2, 400), (3, 400)],
            candidates: vec![(0, 500), (0, 400)],
            blocks: 7,
            events: 3,
            ..unequal.clone()
        };
        match size {
            Size::Short => vec![("validators: unequal", unequal), ("validators: a contested seat", seats)],
            Size::Long => vec![
                ("validators: unequal", Self { blocks: 12, events: 4, ..unequal }),
                ("validators: a contested seat", Self { blocks: 10, events: 4, ..seats }),
            ],
        }
    }

    fn wrong(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// D34, D35: once for each fault, where everything up to the jailing is one; a repeat doubles.
    fn punish(&self, state: &mut State, index: usize, kind: Fault, at: u32) -> Option<()> {
        let when = state.height;
        let validator = &mut state.validators[index];
        let known = validator.punished.iter().any(|p| {
            if self.wrong(Mistake::BeforeTheJail) {
                at == p.at
            } else if self.wrong(Mistake::PunishedPerVote) {
                at <= p.when && at != p.at
            } else {
                at <= p.when
            }
        });
        if known || matches!(validator.status, Status::Nobody | Status::Queued(_) | Status::Exited) {
            return None;
        }
        let same_kind = validator.punished.iter().filter(|p| p.kind == kind).count();
        let repeats = if self.wrong(Mistake::NoDoubling) { 0 } else { same_kind as u32 };
        let penalty = slash::penalty(slash::base(kind), repeats);
        let blocks = penalty.days.div_ceil(DAYS_A_BLOCK);
        validator.stake -= crate::rules::floor(validator.stake, penalty.percent, 100);
        let until = match validator.status {
            Status::Jailed(until) => until.max(when + blocks),
            _ => when + blocks,
        };
        validator.status = Status::Jailed(until);
        validator.punished.push(Punished { kind, at, when, percent: penalty.percent, blocks });
        if penalty.days > SEAT_KEPT_DAYS {
            state.seats[usize::from(validator.country)].take_if(|holder| *holder == index);
        }
        self.remove(state, index as u64);
        Some(())
    }

    /// D28: out of the set at once, unless that would be too much at once or leave nobody.
    fn remove(&self, state: &mut State, id: u64) {
        let share = |set: &Set| set.iter().find(|(i, _)| *i == id).map_or(0, |(_, power)| *power);
        let power = share(&state.epoch_set);
        let before = if self.wrong(Mistake::DeltaTooLarge) { 0 } else { state.removed };
        let too_much = 3 * (before + power) > TOTAL;
        let last = state.weights.len() == 1 && !self.wrong(Mistake::LastOneLeaves);
        if share(&state.comet[1]) == 0 || last || (too_much && !self.wrong(Mistake::LastOneLeaves)) {
            return;
        }
        state.removed += power;
        state.weights.retain(|(i, _)| *i != id);
    }

    /// The operator's own way back (D34).
    fn unjail(&self, state: &mut State, index: usize) -> Option<()> {
        let now = state.height;
        let validator = &state.validators[index];
        let Status::Jailed(until) = validator.status else { return None };
        if (now < until && !self.wrong(Mistake::EarlyRelease)) || validator.stake < MINIMUM {
            return None;
        }
        let country = usize::from(validator.country);
        let free = state.seats[country].is_none() && !self.waiting(state, validator.country);
        if free {
            state.seats[country] = Some(index);
        }
        let seated = state.seats[country] == Some(index);
        state.validators[index].status = if seated { Status::Active } else { Status::Queued(now) };
        Some(())
    }

    fn waiting(&self, state: &State, country: u8) -> bool {
        state.validators.iter().any(|v| v.country == country && matches!(v.status, Status::Queued(_)))
    }

    /// D31: one jurisdiction, one validator; who comes second waits.
    fn register(&self, state: &mut State, index: usize) -> Option<()> {
        let now = state.height;
        let country = state.validators[index].country;
        let seat = state.seats[usize::from(country)];
        if state.validators[index].status != Status::Nobody {
            return None;
        }
        let free = seat.is_none() && !self.waiting(state, country);
        if free || self.wrong(Mistake::TwoPerSeat) {
            state.seats[usize::from(country)] = Some(index);
            state.validators[index].status = Status::Active;
        } else {
            state.validators[index].status = Status::Queued(now);
        }
        Some(())
    }

    fn exit(&self, state: &mut State, index: usize) -> Option<()> {
        let validator = &mut state.validators[index];
        if !matches!(validator.status, Status::Active | Status::Inactive | Status::Queued(_)) {
            return None;
        }
        validator.status = Status::Exited;
        state.seats[usize::from(validator.country)].take_if(|holder| *holder == index);
        Some(())
    }

    /// The end of an epoch: seats, minimum, weights (D28, D31, D34).
    fn boundary(&self, state: &mut State) {
        for country in 0..state.seats.len() {
            if state.seats[country].is_some() {
                continue;
            }
            let mut queue: Vec<(u32, usize)> = Vec::new();
            for (index, validator) in state.validators.iter().enumerate() {
                if let (Status::Queued(since), true) = (validator.status, usize::from(validator.country) == country) {
                    queue.push((since, index));
                }
            }
            queue.sort_unstable();
            let youngest = self.wrong(Mistake::YoungestPromoted);
            let Some((since, index)) = (if youngest { queue.last() } else { queue.first() }).copied() else { continue };
            state.overtaken |= queue.iter().any(|(other, _)| *other < since);
            state.seats[country] = Some(index);
            state.validators[index].status = Status::Active;
        }
        for validator in &mut state.validators {
            validator.status = match validator.status {
                Status::Active if !validator.eligible() && !self.wrong(Mistake::PoorReturn) => Status::Inactive,
                Status::Inactive if validator.eligible() => Status::Active,
                other => other,
            };
        }
        let weighs = |v: &Validator| match v.status {
            Status::Active => true,
            Status::Jailed(_) => self.wrong(Mistake::JailedStays),
            Status::Queued(_) => self.wrong(Mistake::QueueWeighs),
            _ => false,
        };
        let weights: Vec<(u64, u128)> = (0..)
            .zip(&state.validators)
            .filter(|(_, v)| weighs(v))
            .map(|(id, v)| (id, stake::weight(v.stake, YEARS)))
            .filter(|(_, weight)| *weight > 0)
            .collect();
        // Nobody is left: CometBFT cannot be without a validator, so all stays as it is.
        if !weights.is_empty() {
            state.weights = weights;
        }
        state.removed = 0;
    }

    /// The set that this block returns, and what becomes of the sets.
    fn hand_over(&self, state: &mut State, at_boundary: bool) {
        let newest = state.comet[1].clone();
        let stays = |id: &u64| state.weights.iter().any(|(i, _)| i == id);
        let set = if self.wrong(Mistake::NoRenormalising) && !at_boundary {
            newest.into_iter().filter(|(id, _)| stays(id)).collect()
        } else {
            power::normalise(&state.weights, TOTAL)
        };
        if at_boundary {
            state.epoch_set.clone_from(&set);
        }
        let [_, next] = &state.comet;
        state.comet = [next.clone(), set.clone()];
        let early = self.wrong(Mistake::ActsAtOnce);
        let [_, next] = &state.app;
        state.app = [if early { set.clone() } else { next.clone() }, set];
    }
}

/// Percent that the `n`-th punishment of a kind must cost, counted from the record alone.
fn costs(punished: &[Punished], n: usize) -> u128 {
    let this = &punished[n];
    let before = punished[..n].iter().filter(|p| p.kind == this.kind).count();
    (0..before).fold(slash::base(this.kind).percent, |percent, _| (percent * 2).min(100))
}

impl Model for Validators {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let list = |list: &[(u8, u128)], status| -> Vec<Validator> {
            list.iter()
                .map(|(country, stake)| Validator { country: *country, stake: *stake, status, punished: vec![] })
                .collect()
        };
        let mut validators = list(&self.first, Status::Active);
        validators.extend(list(&self.candidates, Status::Nobody));
        let countries = validators.iter().map(|v| v.country + 1).max().unwrap_or(0);
        let mut seats = vec![None; usize::from(countries)];
        let mut weights = Vec::new();
        for (index, (country, stake)) in self.first.iter().enumerate() {
            seats[usize::from(*country)] = Some(index);
            weights.push((index as u64, stake::weight(*stake, YEARS)));
        }
        let set = power::normalise(&weights, TOTAL);
        vec![State {
            height: 0,
            validators,
            seats,
            comet: [set.clone(), set.clone()],
            app: [set.clone(), set.clone()],
            weights,
            epoch_set: set,
            removed: 0,
            events: 0,
            overtaken: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.height == self.blocks {
            return;
        }
        actions.push(Action::Empty);
        if state.events == self.events {
            return;
        }
        for index in 0..state.validators.len() {
            for kind in &self.faults {
                actions.extend([0, 1].map(|ago| Action::Evidence(index, *kind, ago)));
            }
            actions.extend([Action::Unjail(index), Action::Register(index), Action::Exit(index)]);
            let enough = state.validators[index].eligible();
            actions.push(if enough { Action::TermEnds(index) } else { Action::TopUp(index) });
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        next.height += 1;
        next.events += u8::from(action != Action::Empty);
        match action {
            Action::Empty => {}
            Action::Evidence(index, kind, ago) => {
                let at = last.height.checked_sub(ago)?;
                self.punish(&mut next, index, kind, at)?;
            }
            Action::Unjail(index) => self.unjail(&mut next, index)?,
            Action::Register(index) => self.register(&mut next, index)?,
            Action::Exit(index) => self.exit(&mut next, index)?,
            Action::TopUp(index) => next.validators[index].stake += MINIMUM / 2,
            Action::TermEnds(index) => next.validators[index].stake /= 2,
        }
        let at_boundary = next.height.is_multiple_of(EPOCH);
        if at_boundary {
            self.boundary(&mut next);
        }
        self.hand_over(&mut next, at_boundary);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Self::of_sets();
        properties.extend(Self::of_validators());
        properties
    }
}

impl Validators {
    fn of_sets() -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("CometBFT always has a validator (D28)", |_, s: &State| {
                s.comet.iter().all(|set| set.iter().any(|(_, power)| *power > 0))
            }),
            Property::<Self>::always("power is exactly the total at every height (D27, D28)", |_, s| {
                s.comet.iter().all(|set| set.is_empty() || set.iter().map(|(_, power)| power).sum::<u64>() == TOTAL)
            }),
            Property::<Self>::always("a change acts two heights after the block that returned it (D28)", |_, s| {
                s.comet == s.app
            }),
            Property::<Self>::always("at most a third of power leaves within an epoch (D28)", |_, s| {
                let gone = |id: &u64| !s.comet[1].iter().any(|(i, _)| i == id);
                let left: u64 = s.epoch_set.iter().filter(|(id, _)| gone(id)).map(|(_, power)| power).sum();
                s.comet[1].is_empty() || 3 * left <= TOTAL
            }),
            Property::<Self>::always("after a boundary nobody in jail has power (D28, D34)", |_, s| {
                s.after_boundary(|status| !matches!(status, Status::Jailed(_)))
            }),
            Property::<Self>::always("only the active weigh (D27)", |_, s| {
                s.after_boundary(|status| matches!(status, Status::Active | Status::Jailed(_)))
            }),
            Property::<Self>::always("the active have the minimum at a boundary (D31, D34)", |_, s| {
                !s.height.is_multiple_of(EPOCH)
                    || s.validators.iter().all(|v| v.status != Status::Active || v.eligible())
            }),
            Property::<Self>::sometimes("a removal waits for the boundary", |_, s| {
                s.comet[1].iter().any(|(id, _)| matches!(s.validators[*id as usize].status, Status::Jailed(_)))
            }),
            Property::<Self>::sometimes("a removal acts at once", |_, s| s.removed > 0),
        ]
    }

    fn of_validators() -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("a jurisdiction has one active validator (D29)", |_, s: &State| {
                (0..s.seats.len()).all(|country| {
                    let active = |v: &&Validator| usize::from(v.country) == country && v.status == Status::Active;
                    s.validators.iter().filter(active).count() <= 1
                })
            }),
            Property::<Self>::always("a freed seat goes to the oldest candidate (D31)", |_, s| !s.overtaken),
            Property::<Self>::always("a fault is punished once (D34)", |_, s| {
                s.validators.iter().all(|v| v.punished.windows(2).all(|w| w[1].at > w[0].when))
            }),
            Property::<Self>::always("a repeat costs double (D34)", |_, s| {
                s.validators
                    .iter()
                    .all(|v| (0..v.punished.len()).all(|n| v.punished[n].percent == costs(&v.punished, n)))
            }),
            Property::<Self>::always("nobody leaves jail before the term (D34)", |_, s| {
                s.validators.iter().all(|v| {
                    let free = matches!(v.status, Status::Active | Status::Inactive | Status::Queued(_));
                    !free || v.punished.iter().all(|p| s.height >= p.when + p.blocks)
                })
            }),
            Property::<Self>::sometimes("somebody comes back from jail", |_, s| {
                s.validators.iter().any(|v| v.status == Status::Active && !v.punished.is_empty())
            }),
        ]
    }
}

impl State {
    /// What holds for the standing of all who have power, in the set that a boundary returned, unless nobody active is
    /// left.
    fn after_boundary(&self, holds: impl Fn(Status) -> bool) -> bool {
        let nobody = self.validators.iter().all(|v| v.status != Status::Active);
        !self.height.is_multiple_of(EPOCH)
            || nobody
            || self.comet[1].iter().all(|(id, _)| holds(self.validators[*id as usize].status))
    }
}
