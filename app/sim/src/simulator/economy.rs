//! What the economy says it did, held against the rules: every log and block event is judged by the model's arithmetic
//! (`models/pod`), never by the modules' own.

use std::collections::{BTreeMap, BTreeSet};

use alloy_consensus::Transaction;
use alloy_primitives::{Address, Log, U256};
use alloy_sol_types::SolEvent;
use defchain_base::{Timestamp, params::ModuleParams, system::Pool};
use defchain_chain::{Block, StateAt};
use defchain_pod_model::rules::{burn, commission, floor, power, slash, stake};
use defchain_sdk::contracts::{
    IGovernance as Gov, ISlashing as Slash, IStaking as Stake, IToken as Token, IValidators as Val,
};
use defchain_staking::{Bond, Position, StakingParams, query as staking};
use defchain_token::state::TokenRead;

use super::{comet::Comet, failure::Wrong, genesis::DAY};

/// Most portions of an account (D13): each rounds for itself.
const PORTIONS: u128 = 201;
/// Days of a month of this economy.
const MONTH: u64 = 4;

/// What was seen of earlier blocks.
#[derive(Debug, Default)]
pub struct Economy {
    /// Pool and beta of each month, and what was claimed of it.
    months: BTreeMap<u64, (u128, U256, u128)>,
    /// Dividends taken: owner, position, month.
    claimed: BTreeMap<(Address, u64, u64), u128>,
    /// Withdrawn of a position in a month.
    withdrawn: BTreeMap<(Address, u64, u64), u128>,
    /// The first position of a stake whose second must come next.
    staked: Option<((Address, u64), u128, u8)>,
    /// Of each validator and kind of fault: when it was punished last, and how often in a row.
    faults: BTreeMap<(Address, u8), (u64, u32)>,
    /// Those whose count is not known, because a block was judged without its state.
    missed: BTreeSet<(Address, u8)>,
    /// Positions whose term was made longer.
    extended: BTreeSet<(Address, u64)>,
    /// The newest epoch.
    epoch: Option<u64>,
    /// Kind of each proposal, and the moment from which it may be executed.
    proposals: BTreeMap<u64, (u8, Option<u64>)>,
    /// Pools after the height that was looked at last.
    pools: Option<(u64, Pools)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pools {
    treasury: u128,
    technical: u128,
    marketing: u128,
}

/// What a block did to pools, by its events.
#[derive(Debug, Default)]
struct Flows {
    treasury_in: u128,
    spent: BTreeMap<u8, u128>,
    shared: u128,
    commissions: u128,
    faults: Vec<(Address, u8, u16)>,
    /// A parameter changed.
    changed: bool,
}

fn rule(holds: bool, why: impl FnOnce() -> String) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong::Rule(why())) }
}

fn unreadable(why: impl core::fmt::Display) -> Wrong {
    Wrong::Rule(format!("unreadable: {why}"))
}

fn small(wei: U256) -> u128 {
    u128::try_from(wei).unwrap_or(u128::MAX)
}

fn number(value: U256) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn month_of(time: Timestamp) -> u64 {
    time.seconds() / u64::from(DAY) / MONTH
}

impl Economy {
    /// Judges the events of a block. Every block once, in order.
    pub fn block(&mut self, block: &Block, state: Option<&StateAt>) -> Result<(), Wrong> {
        let mut flows = Flows::default();
        let time = block.header.time;
        for log in block.receipts.iter().flat_map(|r| &r.logs).chain(&block.events) {
            self.money(log, &mut flows)?;
            self.stakes(log, time)?;
            self.validators(log, &mut flows)?;
            self.governance(log, time, &mut flows)?;
        }
        rule(self.staked.is_none(), || format!("D22: no twelve years go with {:?}", self.staked))?;
        self.payments(block)?;
        let fees = U256::from(block.header.gas_used) * U256::from(block.header.base_fee);
        let (fees, height) = (small(fees), block.header.height.0);
        let share = floor(fees, 30, 100);
        // D19: an operator that is gone earns nothing.
        let nobody = block.header.beneficiary.is_zero();
        rule(flows.shared == share || (nobody && flows.shared == 0), || {
            format!(
                "D19: base fees of {fees} wei in block {height} brought the proposer {} wei, not {share}",
                flows.shared
            )
        })?;
        match state {
            Some(state) => {
                self.repeats(state, block.header.age.0, &flows)?;
                self.pools(state, height, fees, &flows)
            }
            None => {
                self.pools = None;
                flows.faults.iter().for_each(|(who, kind, _)| {
                    self.faults.remove(&(*who, *kind));
                    self.missed.insert((*who, *kind));
                });
                Ok(())
            }
        }
    }

    /// What must hold of the newest state itself.
    pub fn state(&mut self, block: &Block, state: &StateAt, comet: &Comet) -> Result<(), Wrong> {
        let params = state.token_params().map_err(unreadable)?;
        let first = params.tables.first().map(|t| t.preserved.0.map(u128::from));
        rule(first == Some(burn::PRESERVED), || format!("D11: the first burn table is {first:?}"))?;
        let height = block.header.height.0;
        let logs = block.receipts.iter().flat_map(|r| &r.logs).chain(&block.events);
        for log in logs.clone() {
            positions_of(log, block, state, &self.extended)?;
            if let Ok(event) = Val::Unjailed::decode_log(log) {
                let record = defchain_validators::query::record(state, event.operator).map_err(unreadable)?;
                let until = record.map_or(0, |r| r.jailed_until().0);
                rule(until <= block.header.age.0, || {
                    format!("D34: {} left jail at age {}, its term ends at {until}", event.operator, block.header.age.0)
                })?;
            }
        }
        if logs.into_iter().any(|log| Val::EpochStarted::decode_log(log).is_ok()) {
            weights(state, height, comet)?;
            fit(state, block)?;
        }
        Ok(())
    }

    /// D12, D17, D18.
    fn money(&self, log: &Log, flows: &mut Flows) -> Result<(), Wrong> {
        if let Ok(event) = Token::Settled::decode_log(log) {
            let (burned, dividend) = (small(event.burned), small(event.toDividendPool));
            rule(burned.abs_diff(dividend) <= PORTIONS, || {
                format!(
                    "D12: {} lost {burned} wei burned and {dividend} wei to dividends: halves, but for a unit each portion",
                    event.account
                )
            })?;
        }
        if let Ok(event) = Token::Swept::decode_log(log) {
            let (burned, dividend, accounts) =
                (small(event.burned), small(event.toDividendPool), small(event.accounts));
            rule(burned.abs_diff(dividend) <= accounts * PORTIONS, || {
                format!("D15: a sweep of {accounts} accounts burned {burned} wei and gave {dividend} wei to dividends")
            })?;
        }
        flows.commissions += u128::from(Token::Commission::decode_log(log).is_ok());
        Ok(())
    }

    /// D17: a plain payment costs what the model says, and the payer's referrer gets his part (D18).
    fn payments(&self, block: &Block) -> Result<(), Wrong> {
        for (tx, receipt) in block.txs.iter().zip(&block.receipts) {
            let (value, to) = (small(tx.tx.value()), receipt.to.unwrap_or_default());
            let plain = receipt.success
                && receipt.kind != 4
                && tx.tx.ethereum().is_some_and(|tx| tx.input().is_empty())
                && value >= 1_000;
            if !plain || to == tx.sender || defchain_base::system::is_reserved(&to) || receipt.to.is_none() {
                continue;
            }
            let logs = receipt.logs.iter();
            let first = logs.clone().find_map(|log| Token::Commission::decode_log(log).ok());
            let part =
                logs.clone().find_map(|log| Token::Referral::decode_log(log).ok()).filter(|r| r.payer == tx.sender);
            let expected = if part.is_some() { commission::referred(value) } else { commission::standard(value) };
            let found = first.as_ref().map(|event| small(event.amount));
            rule(found == Some(expected.total), || {
                format!("D17: {} paid {value} wei to {to}, commission {found:?}, must be {}", tx.sender, expected.total)
            })?;
            if let Some(part) = part {
                rule(small(part.amount) == expected.referrer, || {
                    format!("D18: of {value} wei the referrer got {}, must be {}", part.amount, expected.referrer)
                })?;
            }
        }
        Ok(())
    }

    /// D22, D23, D26: amounts of a month.
    fn stakes(&mut self, log: &Log, time: Timestamp) -> Result<(), Wrong> {
        let month = month_of(time);
        if let Ok(event) = Stake::Staked::decode_log(log) {
            let (amount, years) = (small(event.amount), u8::try_from(event.numYears).unwrap_or(0));
            let position = (event.owner, number(event.id));
            // The second of a pair must be what the first left of the whole (D22).
            if let Some((first, main, term)) = self.staked.take() {
                let expected = stake::open(&stake::REAL, main + amount, term);
                let together = first.0 == position.0 && first.1 + 1 == position.1 && years == stake::REAL.longest;
                rule(together && expected == (main, amount), || {
                    format!("D22: {main} wei for {term} years go with {amount} wei for {years}, must be {expected:?}")
                })?;
            } else if years < stake::REAL.longest && amount >= 1_000 {
                self.staked = Some((position, amount, years));
            }
        }
        if let Ok(event) = Stake::MonthBegan::decode_log(log) {
            let began = number(event.month);
            rule(began == month && !self.months.contains_key(&began), || {
                format!("D26: month {began} begins in month {month}, after {:?}", self.months.keys().last())
            })?;
            self.months.insert(began, (small(event.pool), event.beta, 0));
        }
        let claim = Stake::DividendsClaimed::decode_log(log)
            .map(|e| (e.owner, e.id, e.month, e.amount))
            .or_else(|_| Stake::Compounded::decode_log(log).map(|e| (e.owner, e.id, e.month, e.amount)));
        if let Ok((owner, id, of, amount)) = claim {
            let (id, of, amount) = (number(id), number(of), small(amount));
            rule(of == month, || format!("D26: {owner} claims month {of} in month {month}"))?;
            rule(self.claimed.insert((owner, id, of), amount).is_none(), || {
                format!("D26: position {id} of {owner} has a second dividend in month {of}")
            })?;
            if let Some((pool, _, claimed)) = self.months.get_mut(&of) {
                *claimed += amount;
                rule(*claimed <= *pool, || {
                    format!("D26: {claimed} wei were claimed of month {of}, its pool was {pool}")
                })?;
            }
        }
        if let Ok(event) = Stake::Extended::decode_log(log) {
            self.extended.insert((event.owner, number(event.id)));
        }
        if let Ok(event) = Stake::Withdrawn::decode_log(log) {
            *self.withdrawn.entry((event.owner, number(event.id), month)).or_default() += small(event.amount);
        }
        Ok(())
    }

    /// D34's split, D19's share, epochs.
    fn validators(&mut self, log: &Log, flows: &mut Flows) -> Result<(), Wrong> {
        if let Ok(event) = Slash::Slashed::decode_log(log) {
            // Whoever reports itself gets nothing.
            let reported = !event.reporter.is_zero() && event.reporter != event.validator;
            let expected = slash::split(small(event.slashed), reported);
            let found = slash::Split {
                burned: small(event.burned),
                treasury: small(event.treasury),
                reporter: small(event.reward),
            };
            rule(found == expected, || {
                format!("D34: {} wei were slashed: {found:?}, must be {expected:?}", event.slashed)
            })?;
            rule(event.share <= 10_000, || format!("D34: a share of {} bps", event.share))?;
            flows.treasury_in += found.treasury;
            flows.faults.push((event.validator, event.kind, event.share));
        }
        if let Ok(event) = Val::IncomeShared::decode_log(log) {
            flows.shared += small(event.amount);
        }
        if let Ok(event) = Val::IncomeBurned::decode_log(log) {
            flows.shared += small(event.amount);
        }
        if let Ok(event) = Val::CommissionSet::decode_log(log) {
            rule((500..=2_000).contains(&event.bps), || format!("D31: a commission of {} bps", event.bps))?;
        }
        if let Ok(event) = Val::EpochStarted::decode_log(log) {
            let last = self.epoch.replace(event.number);
            rule(last.is_none_or(|last| last + 1 == event.number), || {
                format!("D28: epoch {} follows {last:?}", event.number)
            })?;
        }
        Ok(())
    }

    /// D36a: quorum, threshold, veto, timelock.
    fn governance(&mut self, log: &Log, time: Timestamp, flows: &mut Flows) -> Result<(), Wrong> {
        if let Ok(event) = Gov::ProposalCreated::decode_log(log) {
            self.proposals.insert(number(event.id), (event.kind, None));
        }
        if let Ok(event) = Gov::VoteEnded::decode_log(log) {
            let (yes, no, veto) = (event.yes, event.no, event.veto);
            let (three, voted) = (U256::from(3), yes + no + veto + event.abstain);
            let entry = self.proposals.entry(number(event.id)).or_default();
            // Emergency, verifiers, spending, slash, signers need two thirds.
            let (num, den) = if matches!(entry.0, 3 | 5 | 6 | 7 | 8) { (2, 3) } else { (1, 2) };
            let enough = voted * three >= event.betaPod && !event.betaPod.is_zero();
            let passes = yes * U256::from(den) > (yes + no + veto) * U256::from(num);
            let vetoed = !voted.is_zero() && veto * three >= voted;
            let passed = matches!(event.status, 1 | 2);
            rule(!passed || (enough && passes && !vetoed), || {
                format!("D36a: proposal {} passed with {yes} yes, {no} no, {veto} veto of {}", event.id, event.betaPod)
            })?;
            entry.1 = passed.then_some(event.due);
        }
        if let Ok(event) = Gov::ProposalSettled::decode_log(log)
            && event.status == 3
        {
            let due = self.proposals.get(&number(event.id)).and_then(|p| p.1);
            rule(due.is_some_and(|due| due <= time.0), || {
                format!("D36a: proposal {} was executed at {}, it was due at {due:?}", event.id, time.0)
            })?;
        }
        flows.changed |= Gov::ParameterChanged::decode_log(log).is_ok();
        if let Ok(event) = Gov::PoolSpent::decode_log(log) {
            *flows.spent.entry(event.pool).or_default() += small(event.amount);
        }
        Ok(())
    }

    /// D34: a repeat within the year doubles the share of the one before.
    fn repeats(&mut self, state: &StateAt, age: u64, flows: &Flows) -> Result<(), Wrong> {
        let params = defchain_slashing::SlashingParams::load(state).map_err(unreadable)?;
        let year = u64::from(params.repeat_days) * u64::from(DAY) * 1_000;
        for (who, kind, share) in &flows.faults {
            let known = defchain_slashing::Kind::ALL.into_iter().find(|k| *k as u8 == *kind);
            let Some(base) = known.map(|kind| params.penalty(kind).0) else { continue };
            let last = self.faults.get(&(*who, *kind)).copied();
            let in_a_row = match last {
                Some((at, count)) if age - at <= year => count + 1,
                _ => 0,
            };
            self.faults.insert((*who, *kind), (age, in_a_row));
            let expected = (u32::from(base.0) << in_a_row.min(16)).min(10_000);
            let sure = !flows.changed && !self.missed.contains(&(*who, *kind));
            rule(!sure || u32::from(*share) == expected, || {
                format!("D34: fault {} of kind {kind} of {who} costs {share} bps, must be {expected}", in_a_row + 1)
            })?;
        }
        Ok(())
    }

    /// D17, D19: pools grow by what events say, to the unit.
    fn pools(&mut self, state: &StateAt, height: u64, fees: u128, flows: &Flows) -> Result<(), Wrong> {
        let pool = |pool| state.pool(pool).map(|amount| amount.wei()).map_err(unreadable);
        let now = Pools {
            treasury: pool(Pool::Treasury)?,
            technical: pool(Pool::Technical)?,
            marketing: pool(Pool::Marketing)?,
        };
        let spent = |pool: Pool| flows.spent.get(&(pool as u8)).copied().unwrap_or(0);
        if let Some((_, before)) = self.pools.filter(|(at, _)| at + 1 == height) {
            let expected = before.treasury + floor(fees, 20, 100) + flows.treasury_in;
            let found = now.treasury + spent(Pool::Treasury);
            // What somebody sent there comes on top.
            rule(found >= expected && found - expected < 1_000_000, || {
                format!("D19, D34: the treasury has {found} wei before spending, must be {expected}")
            })?;
            // Each commission rounds, and that of the tips, which has no event.
            let technical = (now.technical + spent(Pool::Technical)).saturating_sub(before.technical);
            let marketing = (now.marketing + spent(Pool::Marketing)).saturating_sub(before.marketing);
            rule(marketing >= 2 * technical && marketing - 2 * technical <= 2 * (flows.commissions + 1), || {
                format!("D17: technical pool +{technical} wei, marketing pool +{marketing} wei: one and two percent")
            })?;
        }
        self.pools = Some((height, now));
        Ok(())
    }
}

/// Rules about the position that an event is about.
fn positions_of(log: &Log, block: &Block, state: &StateAt, extended: &BTreeSet<(Address, u64)>) -> Result<(), Wrong> {
    let claimed = Stake::DividendsClaimed::decode_log(log).map(|e| (e.owner, e.id, Some(e.amount)));
    let other = || {
        let withdrawn = Stake::Withdrawn::decode_log(log).map(|e| (e.owner, e.id, None));
        withdrawn.or_else(|_| Stake::Unlocked::decode_log(log).map(|e| (e.owner, e.id, None)))
    };
    let Ok((owner, id, dividend)) = claimed.or_else(|_| other()) else { return Ok(()) };
    let all = staking::positions(state, owner).map_err(unreadable)?;
    let id = number(id);
    let Some(position) = all.iter().find(|lifted| u64::from(lifted.id.0) == id).map(|lifted| &lifted.position) else {
        return Ok(());
    };
    let params = StakingParams::load(state).map_err(unreadable)?;
    let day = u64::from(DAY) * 1_000;
    let withdrawn = Stake::Withdrawn::decode_log(log).is_ok();
    rule(!withdrawn || month_of(position.start) < month_of(block.header.time), || {
        format!("D23: position {id} of {owner} is withdrawn from in the month of its staking")
    })?;
    if let Some(amount) = dividend {
        let lived = block.header.time.0.saturating_sub(position.start.0);
        rule(lived >= u64::from(params.dividend_min_days) * day, || {
            format!("D26: position {id} of {owner} is {lived} ms old and has a dividend of {amount} wei")
        })?;
        let at = position.snapshot;
        let month = defchain_dividends::query::snapshot(state, at.month).map_err(unreadable)?;
        // Governance moves the multiplier of eight years here.
        if let Some(month) = month.filter(|_| at.years != 8) {
            let multiplier = if at.years == 0 { 1 } else { stake::multiplier(at.years) };
            let weighted = U256::from(at.amount.wei()) * U256::from(multiplier);
            let expected = weighted * U256::from(month.pool.wei()) / month.beta;
            rule(amount == expected, || {
                format!("D26: position {id} of {owner} has a dividend of {amount} wei, must be {expected}")
            })?;
        }
    }
    // What was withdrawn before an extension was of the larger allowance.
    if !extended.contains(&(owner, id)) {
        allowance(owner, id, position)?;
    }
    unlocked(owner, id, position, block.header.time)
}

/// D23: not more than an allowance a month, but for the last.
fn allowance(owner: Address, id: u64, position: &Position) -> Result<(), Wrong> {
    if position.unlocking.is_some() || position.claimed_staking.is_zero() {
        return Ok(());
    }
    let monthly = position.initial.wei() / (u128::from(position.years) * stake::REAL.months_a_year);
    let taken = position.claimed_staking.wei();
    // An allowance that leaves less than one pays all.
    rule(taken <= monthly || position.amount.wei() < monthly, || {
        format!("D23: {taken} wei were withdrawn of position {id} of {owner} in a month, it allows {monthly}")
    })
}

/// D24: what is there is at least what must still be locked.
fn unlocked(owner: Address, id: u64, position: &Position, now: Timestamp) -> Result<(), Wrong> {
    let untouched = |u: &defchain_staking::Unlocking| u.base_day == position.end_day && u.base == position.finished;
    let Some(unlocking) = position.unlocking.filter(untouched) else { return Ok(()) };
    let today = now.0 / (u64::from(DAY) * 1_000);
    let after = u128::from(today.saturating_sub(u64::from(position.end_day)));
    let terms =
        stake::Terms { unlock_days_a_year: u128::from(unlocking.days) / u128::from(position.years), ..stake::REAL };
    let locked = stake::locked(&terms, (position.finished.wei(), 0), position.years, after);
    rule(position.amount.wei() >= locked, || {
        format!("D24: position {id} of {owner} holds {} wei, {locked} must be locked on day {after}", position.amount)
    })
}

/// D30, D31, D34: at an epoch's start the active are attested and have the minimum, or time to top up.
fn fit(state: &StateAt, block: &Block) -> Result<(), Wrong> {
    let params = defchain_validators::ValidatorParams::load(state).map_err(unreadable)?;
    for (_, operator) in defchain_validators::query::active(state).map_err(unreadable)? {
        let record = defchain_validators::query::record(state, operator).map_err(unreadable)?;
        let Some(record) = record.filter(|r| r.status == defchain_validators::Status::Active) else { continue };
        let (until, now) = (record.attested.expires_at, block.header.time.seconds());
        rule(until > now, || format!("D30: {operator} is active at {now}, its attestation ended at {until}"))?;
        let own = staking::positions(state, operator).map_err(unreadable)?;
        let counts = |p: &Position| {
            p.is_own(operator) && p.years >= 4 && p.unlocking.is_none() && !matches!(p.bond, Bond::Unbinding(_))
        };
        let own: u128 = own.iter().map(|l| &l.position).filter(|p| counts(p)).map(|p| p.amount.wei()).sum();
        let age = block.header.age.0;
        let time = record.slashed_at.is_some_and(|at| age < at.0 + params.top_up * 1_000);
        rule(own >= params.min_stake.wei() || time, || {
            format!("D31: {operator} is active with {own} wei of its own, the minimum is {}", params.min_stake)
        })?;
    }
    Ok(())
}

/// D27: at an epoch's start powers are the weights' shares of 10^18, where weights are summed over positions one by one.
fn weights(state: &StateAt, height: u64, comet: &Comet) -> Result<(), Wrong> {
    let set = defchain_validators::query::set_at(state, defchain_base::Height(height + 2)).map_err(unreadable)?;
    let Some(set) = set else { return Ok(()) };
    // Nobody was fit: whoever signed goes on with the power he had (D28).
    for member in &set.0 {
        let record = defchain_validators::query::record(state, member.operator).map_err(unreadable)?;
        if record.is_none_or(|r| r.status != defchain_validators::Status::Active) {
            return Ok(());
        }
    }
    let mut sums: BTreeMap<Address, u128> = BTreeMap::new();
    let today = staking::clock(state).map_err(unreadable)?.day;
    for member in &set.0 {
        let bound = staking::members(state, member.operator, None, 100_000).map_err(unreadable)?;
        for (_, position) in bound {
            let runs = position.unlocking.is_none() && today < position.end_day;
            if runs && position.bond == Bond::Counted {
                *sums.entry(member.operator).or_default() += stake::weight(position.amount.wei(), position.years);
            }
        }
    }
    let members: Vec<_> =
        set.0.iter().map(|m| (m.consensus_address(), sums.get(&m.operator).copied().unwrap_or(0))).collect();
    // Ids in the order of consensus addresses, which is how ties are decided.
    let mut order = members.clone();
    order.sort_unstable();
    let numbered: Vec<(u64, u128)> = (0..).zip(&order).map(|(id, (_, weight))| (id, *weight)).collect();
    let expected = power::normalise(&numbered, 1_000_000_000_000_000_000);
    for (id, expected) in expected {
        let Some((address, weight)) = usize::try_from(id).ok().and_then(|id| order.get(id)) else { continue };
        let found = comet.at(height + 2).iter().find(|(a, _)| a == address).map_or(0, |(_, power)| power.0);
        // Books round what slashes leave; a wei there is far below a unit of power.
        rule(found.abs_diff(expected) <= 2, || {
            format!("D27: {address} has weight {weight} and power {found}, its share of 10^18 is {expected}")
        })?;
    }
    Ok(())
}
