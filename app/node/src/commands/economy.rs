//! `query supply`, `query validators`, …: what the chain's own modules know, as tables for people and JSON for programs.

use std::fmt::Write as _;

use alloy_primitives::{Address, U64, U256, utils::format_ether};
use anyhow::Result;
use clap::Subcommand;
use defchain_sdk::{
    BlockNumberOrTag, Blocking, Client, SdkError,
    types::{NativeEvent, ValidatorInfo},
};
use serde::Serialize;

use super::{
    tx::{args::wei, said},
    warp::clock,
};
use crate::{duration::shown as span, output::Output};

/// What the chain's own modules are asked.
#[derive(Debug, Subcommand)]
pub enum EconomyQuery {
    /// All DEF there is, what holds it, and what the newest block burned
    #[command(after_help = "Example:\n  defchain-app query supply")]
    Supply,
    /// What an address can spend, and what it loses next
    #[command(after_help = "Example:\n  defchain-app query balance 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Balance {
        /// Whose
        address: Address,
    },
    /// The portions of a balance: what came when, and when it ends
    #[command(after_help = "Example:\n  defchain-app query portions 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Portions {
        /// Whose
        address: Address,
    },
    /// What a balance loses day by day until nothing is left
    #[command(after_help = "Example:\n  defchain-app query forecast 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Forecast {
        /// Whose
        address: Address,
    },
    /// What blocks burned
    #[command(after_help = "Example:\n  defchain-app query burns 100 200")]
    Burns {
        /// First block: a number or tag
        #[arg(value_parser = tag)]
        from: BlockNumberOrTag,
        /// Last block
        #[arg(default_value = "latest", value_parser = tag)]
        to: BlockNumberOrTag,
    },
    /// What a payment costs beside its gas
    #[command(after_help = "Example:\n  defchain-app query commission 0x7099…79C8 0x3C44…93BC 100")]
    Commission {
        /// Who pays
        from: Address,
        /// Who is paid
        to: Address,
        /// DEF, or wei such as 5wei
        #[arg(value_parser = wei)]
        amount: u128,
    },
    /// The most that an address can send now, after decay, commission and gas
    #[command(after_help = "Example:\n  defchain-app query max-sendable 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    MaxSendable {
        /// Who sends
        from: Address,
        /// To whom (default: somebody without code)
        to: Option<Address>,
        /// Gas limit (default: what it takes)
        #[arg(long)]
        gas: Option<u64>,
    },
    /// Staking positions of an address
    #[command(after_help = "Example:\n  defchain-app query positions 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Positions {
        /// Whose
        address: Address,
    },
    /// What unlocks when
    #[command(
        after_help = "Examples:\n  defchain-app query unlocks 0x7099…79C8\n  defchain-app query unlocks 0x7099…79C8 --position 0"
    )]
    Unlocks {
        /// Whose
        address: Address,
        /// One position, day by day
        #[arg(long)]
        position: Option<u32>,
    },
    /// Positions of an address that are bound to validators
    #[command(after_help = "Example:\n  defchain-app query delegations 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Delegations {
        /// Whose
        address: Address,
    },
    /// Positions that are bound to a validator
    #[command(after_help = "Example:\n  defchain-app query delegators 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Delegators {
        /// Its operator
        validator: Address,
        /// At most so many
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Dividends that an address can claim
    #[command(after_help = "Example:\n  defchain-app query dividends 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Dividends {
        /// Whose
        address: Address,
        /// A month, such as 202611 (default: the present one)
        #[arg(long)]
        month: Option<u32>,
    },
    /// Months with their dividend pools
    #[command(after_help = "Example:\n  defchain-app query months")]
    Months {
        /// At most so many
        #[arg(long)]
        limit: Option<usize>,
    },
    /// β and β_PoD: the sums that dividends and weights are shares of
    #[command(after_help = "Example:\n  defchain-app query beta")]
    Beta,
    /// Validators with countries, powers and what they did
    #[command(after_help = "Example:\n  defchain-app query validators")]
    Validators,
    /// A validator in full
    #[command(after_help = "Example:\n  defchain-app query validator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Validator {
        /// Its operator
        operator: Address,
    },
    /// The epoch, and whether the chain is open
    #[command(after_help = "Example:\n  defchain-app query epoch")]
    Epoch,
    /// Jurisdictions with their seats and queues
    #[command(after_help = "Examples:\n  defchain-app query jurisdictions\n  defchain-app query jurisdictions DE")]
    Jurisdictions {
        /// One country
        country: Option<String>,
    },
    /// Verifiers of attestations
    #[command(after_help = "Example:\n  defchain-app query verifiers")]
    Verifiers,
    /// Punished faults
    #[command(after_help = "Example:\n  defchain-app query evidence")]
    Evidence {
        /// Of one validator
        validator: Option<Address>,
    },
    /// Proposals, newest first
    #[command(after_help = "Example:\n  defchain-app query proposals")]
    Proposals,
    /// A proposal with its votes
    #[command(after_help = "Example:\n  defchain-app query proposal 1")]
    Proposal {
        /// Its number
        id: u64,
    },
    /// Every parameter with its bounds
    #[command(after_help = "Example:\n  defchain-app query params")]
    Params,
    /// What a block did outside its transactions
    #[command(after_help = "Example:\n  defchain-app query events 100")]
    Events {
        /// A number or tag
        #[arg(default_value = "latest", value_parser = tag)]
        block: BlockNumberOrTag,
    },
}

/// A block as people name it: 100, 0x64, latest, earliest.
fn tag(text: &str) -> Result<BlockNumberOrTag, String> {
    match text.parse::<u64>() {
        Ok(number) => Ok(BlockNumberOrTag::Number(number)),
        Err(_) => text.parse().map_err(|_| format!("{text:?} is no block: write 100, 0x64, latest or earliest")),
    }
}

pub(super) fn run(rpc: &str, query: &EconomyQuery, output: Output) -> Result<()> {
    Blocking::new(rpc)?.run(async |client| {
        let answered = match query {
            EconomyQuery::Supply
            | EconomyQuery::Balance { .. }
            | EconomyQuery::Portions { .. }
            | EconomyQuery::Forecast { .. }
            | EconomyQuery::Burns { .. }
            | EconomyQuery::Commission { .. }
            | EconomyQuery::MaxSendable { .. } => money(client, query, output).await,
            EconomyQuery::Positions { .. }
            | EconomyQuery::Unlocks { .. }
            | EconomyQuery::Delegations { .. }
            | EconomyQuery::Delegators { .. }
            | EconomyQuery::Dividends { .. }
            | EconomyQuery::Months { .. }
            | EconomyQuery::Beta => staking(client, query, output).await,
            _ => others(client, query, output).await,
        };
        answered.map_err(said)
    })
}

/// Prints an answer: its JSON is the method's own.
#[allow(clippy::unnecessary_wraps, reason = "ends a match arm")]
fn tell(output: Output, human: impl std::fmt::Display, answer: &impl Serialize) -> Result<(), SdkError> {
    output.print(human, || serde_json::to_value(answer).unwrap_or_default());
    Ok(())
}

fn def(amount: U256) -> String {
    let text = format_ether(amount);
    match text.split_once('.') {
        Some((whole, decimals)) => {
            let decimals = decimals.trim_end_matches('0');
            if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") }
        }
        None => text,
    }
}

fn time(at: U64) -> String {
    clock(at.to())
}

fn percent(bps: u16) -> String {
    format!("{}.{:02} %", bps / 100, bps % 100)
}

/// Parts of 10^18 as percent with two decimals.
fn share(part: U256) -> String {
    let hundredths = part.checked_div(U256::from(100_000_000_000_000_u64)).unwrap_or_default();
    percent(u16::try_from(hundredths).unwrap_or(10_000))
}

/// Columns as wide as their widest cell; numbers to the right.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return "none".to_owned();
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|name| name.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>, right: &[bool]| {
        let mut text = String::new();
        for (column, cell) in cells.enumerate() {
            let width = widths.get(column).copied().unwrap_or(0);
            let _ = match right.get(column) {
                Some(true) => write!(text, "{cell:>width$}  "),
                _ => write!(text, "{cell:<width$}  "),
            };
        }
        let _ = writeln!(out, "{}", text.trim_end());
    };
    let numeric = |cell: &String| cell.starts_with(|c: char| c.is_ascii_digit()) && !cell.starts_with("0x");
    let right: Vec<bool> = (0..head.len()).map(|c| rows.iter().filter_map(|row| row.get(c)).all(numeric)).collect();
    line(&mut head.iter().copied(), &right);
    for row in &rows {
        line(&mut row.iter().map(String::as_str), &right);
    }
    out.trim_end().to_owned()
}

async fn money(client: &Client, query: &EconomyQuery, output: Output) -> Result<(), SdkError> {
    match query {
        EconomyQuery::Supply => {
            let s = client.supply().await?;
            let mut rows = vec![vec!["accounts".to_owned(), def(s.accounts)]];
            rows.extend(s.pools.iter().map(|(pool, amount)| vec![format!("pool {pool}"), def(*amount)]));
            rows.push(vec!["total supply".to_owned(), def(s.total_supply)]);
            rows.push(vec![format!("burned in block {}", s.height.to::<u64>()), def(s.burned)]);
            tell(output, format!("{}\n\n{}", table(&["", "DEF"], rows), s.note), &s)
        }
        EconomyQuery::Balance { address } => {
            let f = client.burn_forecast(*address).await?;
            let next = f.next.as_ref().map(|next| {
                format!(
                    "\n  loses next   {} DEF in {} ({})",
                    def(next.amount),
                    span(next.in_seconds.to()),
                    time(next.at)
                )
            });
            let zero = f.zero_at.map(|at| format!("\n  zero         {}", time(at)));
            tell(
                output,
                format!(
                    "{address}\n  can spend    {} DEF\n  nominal      {} DEF{}{}",
                    def(f.effective),
                    def(f.nominal),
                    next.unwrap_or_default(),
                    zero.unwrap_or_default()
                ),
                &f,
            )
        }
        EconomyQuery::Portions { address } => {
            let portions = client.balance_portions(*address).await?;
            let row = |p: &defchain_sdk::types::BalancePortion| {
                vec![
                    time(p.received_at),
                    p.days.to_string(),
                    def(p.original),
                    format!("{} %", p.preserved),
                    def(p.effective),
                    p.next_burn_at.map_or_else(|| "never".to_owned(), time),
                    p.expires_at.map_or_else(|| "never".to_owned(), time),
                ]
            };
            let head = ["received", "days", "was DEF", "left", "is DEF", "loses next", "ends"];
            tell(output, table(&head, portions.iter().map(row).collect()), &portions)
        }
        EconomyQuery::Forecast { address } => {
            let f = client.burn_forecast(*address).await?;
            let row = |d: &defchain_sdk::types::DayOfBurning| {
                vec![d.day.to_string(), time(d.until), def(d.lost), def(d.dividend), def(d.burned), def(d.left)]
            };
            let head = ["day", "until", "loses", "to dividends", "burned", "left"];
            let days =
                if f.decays { table(&head, f.days.iter().map(row).collect()) } else { "does not decay".to_owned() };
            tell(output, format!("now {} DEF\n{days}", def(f.effective)), &f)
        }
        EconomyQuery::Burns { from, to } => {
            let h = client.burn_history(*from, *to).await?;
            let row = |b: &defchain_sdk::types::BurnedBlock| {
                vec![b.height.to::<u64>().to_string(), time(b.timestamp), def(b.burned)]
            };
            let rows = table(&["block", "time", "DEF"], h.blocks.iter().map(row).collect());
            tell(
                output,
                format!("{rows}\n{} DEF in blocks {} to {}", def(h.total), h.from.to::<u64>(), h.to.to::<u64>()),
                &h,
            )
        }
        EconomyQuery::Commission { from, to, amount } => {
            let c = client.commission(*from, *to, U256::from(*amount)).await?;
            let on_top = if c.on_top { "on top" } else { "out of it" };
            tell(
                output,
                format!(
                    "{} DEF sent\n  commission   {} DEF, {on_top}\n  leaves       {} DEF\n  arrives      {} DEF\n  burned {}, dividends {}, \
                     technical {}, marketing {}, referrer {}",
                    def(c.value),
                    def(c.commission),
                    def(c.paid),
                    def(c.received),
                    def(c.burned),
                    def(c.dividend),
                    def(c.technical),
                    def(c.marketing),
                    def(c.reward)
                ),
                &c,
            )
        }
        EconomyQuery::MaxSendable { from, to, gas } => {
            let m = client.max_sendable(*from, *to, *gas).await?;
            tell(
                output,
                format!(
                    "{} DEF can be sent, {} DEF arrive\n  can spend    {} DEF\n  commission   {} DEF, {}\n  gas          {} DEF at most \
                     ({} gas)",
                    def(m.value),
                    def(m.received),
                    def(m.spendable),
                    def(m.commission),
                    if m.on_top { "on top" } else { "out of it" },
                    def(m.gas_cost),
                    m.gas.to::<u64>()
                ),
                &m,
            )
        }
        _ => Ok(()),
    }
}

async fn staking(client: &Client, query: &EconomyQuery, output: Output) -> Result<(), SdkError> {
    match query {
        EconomyQuery::Positions { address } => {
            let positions = client.staking_positions(*address).await?;
            let row = |p: &defchain_sdk::types::StakePosition| {
                vec![
                    p.id.to_string(),
                    def(p.amount),
                    p.years.to_string(),
                    time(p.end_time),
                    if p.ended { "over" } else { "runs" }.to_owned(),
                    def(if p.ended { p.unlocked } else { p.withdrawable }),
                    p.validator.map_or_else(String::new, |v| format!("{v} {}", p.bond)),
                    def(p.income),
                    if p.auto_compound { "compounds" } else { "" }.to_owned(),
                ]
            };
            let head = ["id", "DEF", "years", "term ends", "", "can take", "validator", "income", ""];
            tell(output, table(&head, positions.iter().map(row).collect()), &positions)
        }
        EconomyQuery::Unlocks { address, position } => {
            let schedules = client.unlock_schedule(*address, *position).await?;
            let row = |s: &defchain_sdk::types::UnlockSchedule| {
                let next = s.next_at.zip(s.next_amount).map(|(at, more)| format!("{} DEF at {}", def(more), time(at)));
                vec![
                    s.id.to_string(),
                    def(s.amount),
                    def(s.unlocked),
                    def(s.locked),
                    time(s.end_time),
                    next.unwrap_or_default(),
                    time(s.unlock_end),
                ]
            };
            let head = ["id", "DEF", "unlocked", "locked", "term ends", "next", "all unlocked"];
            let mut human = table(&head, schedules.iter().map(row).collect());
            for day in schedules.iter().flat_map(|s| s.days.iter().flatten()) {
                let _ = write!(human, "\n{}  {}", time(day.at), def(day.unlocked));
            }
            tell(output, human, &schedules)
        }
        EconomyQuery::Delegations { address } => delegations(output, &client.delegations(*address).await?),
        EconomyQuery::Delegators { validator, limit } => {
            delegations(output, &client.delegators(*validator, None, *limit).await?)
        }
        EconomyQuery::Dividends { address, month } => {
            let d = client.dividend_info(*address, *month).await?;
            let row = |p: &defchain_sdk::types::PositionDividend| {
                vec![p.id.to_string(), def(p.claimable), def(p.claimed), p.reason.clone().unwrap_or_default()]
            };
            let rows = table(&["id", "claimable", "claimed", ""], d.positions.iter().map(row).collect());
            let pool = d.pool.map_or_else(|| "no pool was fixed".to_owned(), |pool| format!("pool {} DEF", def(pool)));
            tell(output, format!("month {}: {pool}\n{rows}\nto claim: {} DEF", d.month, def(d.claimable)), &d)
        }
        EconomyQuery::Months { limit } => {
            let months = client.months(None, *limit).await?;
            let row = |m: &defchain_sdk::types::DividendMonth| {
                vec![m.month.to_string(), time(m.time), def(m.pool), def(m.beta), def(m.claimed)]
            };
            let head = ["month", "fixed", "pool DEF", "beta", "claimed DEF"];
            tell(output, table(&head, months.iter().map(row).collect()), &months)
        }
        EconomyQuery::Beta => {
            let b = client.beta().await?;
            let rows = vec![
                vec!["staked DEF".to_owned(), def(b.staked)],
                vec!["positions".to_owned(), b.positions.to::<u64>().to_string()],
                vec!["beta (DEF x multiplier)".to_owned(), def(b.beta)],
                vec!["beta PoD (DEF x years)".to_owned(), def(b.beta_pod)],
            ];
            tell(output, table(&["", ""], rows), &b)
        }
        _ => Ok(()),
    }
}

fn delegations(output: Output, list: &[defchain_sdk::types::Delegation]) -> Result<(), SdkError> {
    let row = |d: &defchain_sdk::types::Delegation| {
        vec![
            d.owner.to_string(),
            d.id.to_string(),
            d.validator.to_string(),
            def(d.amount),
            d.years.to_string(),
            d.bond.clone(),
            def(d.income),
        ]
    };
    let head = ["owner", "id", "validator", "DEF", "years", "counts", "income"];
    tell(output, table(&head, list.iter().map(row).collect()), &list)
}

async fn others(client: &Client, query: &EconomyQuery, output: Output) -> Result<(), SdkError> {
    match query {
        EconomyQuery::Validators => {
            let v = client.validators(None, None).await?;
            let row = |v: &ValidatorInfo| {
                vec![
                    v.country.clone(),
                    v.moniker.clone(),
                    v.operator.to_string(),
                    v.status.clone(),
                    share(U256::from(v.power.to::<u64>())),
                    def(v.own_stake),
                    def(v.weight),
                    percent(v.commission_bps),
                    v.performance.proposed.to::<u64>().to_string(),
                    v.performance.missed.to::<u64>().to_string(),
                ]
            };
            let head =
                ["", "name", "operator", "status", "power", "own DEF", "weight", "commission", "proposed", "missed"];
            tell(output, table(&head, v.validators.iter().map(row).collect()), &v)
        }
        EconomyQuery::Validator { operator } => {
            let v = client.validator(*operator).await?;
            tell(output, validator(&v), &v)
        }
        EconomyQuery::Epoch => {
            let e = client.epoch().await?;
            let open = if e.open { "open" } else { "not open yet" };
            tell(
                output,
                format!(
                    "epoch {} from block {} to {} ({} blocks left)\n{} active validators, {} open the chain: {open}\nminimum own \
                     stake {} DEF",
                    e.number.to::<u64>(),
                    e.start.to::<u64>(),
                    e.end.to::<u64>().saturating_sub(1),
                    e.blocks_left.to::<u64>(),
                    e.active,
                    e.threshold,
                    def(e.min_stake)
                ),
                &e,
            )
        }
        EconomyQuery::Jurisdictions { country } => {
            let list = client.jurisdictions(country.as_deref()).await?;
            let row = |j: &defchain_sdk::types::Jurisdiction| {
                vec![
                    j.code.clone(),
                    j.name.clone(),
                    j.operator.map_or_else(|| "free".to_owned(), |o| o.to_string()),
                    j.status.clone().unwrap_or_default(),
                    j.queue.len().to_string(),
                ]
            };
            let head = ["", "jurisdiction", "seat", "status", "waiting"];
            tell(output, table(&head, list.iter().map(row).collect()), &list)
        }
        EconomyQuery::Verifiers => {
            let list = client.verifiers().await?;
            let row = |v: &defchain_sdk::types::VerifierInfo| {
                vec![
                    v.address.to_string(),
                    v.name.clone(),
                    v.removed_at.map_or_else(|| "accredited".to_owned(), |at| format!("removed {}", time(at))),
                ]
            };
            tell(output, table(&["verifier", "name", ""], list.iter().map(row).collect()), &list)
        }
        EconomyQuery::Evidence { validator } => {
            let list = client.evidence(*validator, None, None).await?;
            let row = |e: &defchain_sdk::types::EvidenceInfo| {
                vec![
                    e.id.to::<u64>().to_string(),
                    e.kind.clone(),
                    e.operator.to_string(),
                    e.fault_height.to::<u64>().to_string(),
                    percent(e.share_bps),
                    def(e.slashed),
                    def(e.burned),
                    def(e.treasury),
                    def(e.reward),
                ]
            };
            let head = ["id", "fault", "validator", "height", "share", "slashed", "burned", "treasury", "reward"];
            tell(output, table(&head, list.iter().map(row).collect()), &list)
        }
        EconomyQuery::Params => {
            let p = client.params().await?;
            let row = |module: &String, p: &defchain_sdk::types::ParamInfo| {
                let number = |n: alloy_primitives::U128| n.to::<u128>().to_string();
                vec![format!("{module}.{}", p.name), number(p.value), number(p.min), number(p.max), p.unit.clone()]
            };
            let rows =
                p.modules.iter().flat_map(|(module, list)| list.iter().map(move |one| row(module, one))).collect();
            tell(output, table(&["parameter", "value", "least", "most", "unit"], rows), &p)
        }
        EconomyQuery::Events { block } => {
            let b = client.block_events(*block).await?;
            let lines: Vec<String> = b.events.iter().map(event).collect();
            let lines = if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") };
            tell(output, format!("block {} ({}):\n{lines}", b.height.to::<u64>(), time(b.timestamp)), &b)
        }
        EconomyQuery::Proposals => {
            let list = client.proposals(None, None).await?;
            let row = |p: &defchain_sdk::types::ProposalInfo| {
                vec![p.id.to::<u64>().to_string(), p.status.clone(), time(p.due), p.action.clone()]
            };
            tell(output, table(&["id", "status", "due", "what"], list.iter().map(row).collect()), &list)
        }
        EconomyQuery::Proposal { id } => {
            let (p, votes) = (client.proposal(*id).await?, client.votes(*id, None, None).await?);
            let row = |v: &defchain_sdk::types::VoteInfo| vec![v.voter.to_string(), v.choice.clone(), def(v.weight)];
            let votes_shown = table(&["voter", "choice", "weight"], votes.iter().map(row).collect());
            let human = format!(
                "proposal {id}, {}: {}\n{}\n  vote     {} to {}, due {}\n  yes {}, no {}, abstain {}, veto {}; quorum {}, more than {} must \
                 say yes\n{votes_shown}",
                p.status,
                p.action,
                p.description,
                time(p.start),
                time(p.end),
                time(p.due),
                def(p.yes),
                def(p.no),
                def(p.abstain),
                def(p.veto),
                def(p.quorum),
                p.threshold
            );
            tell(output, human, &serde_json::json!({ "proposal": p, "votes": votes }))
        }
        _ => Ok(()),
    }
}

fn event(e: &NativeEvent) -> String {
    let args = e.args.as_ref().and_then(|args| args.as_object());
    let args = args.into_iter().flatten().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name} {text}"),
        None => format!("{name} {value}"),
    });
    format!("  {}: {}", e.event.as_deref().unwrap_or("unknown"), args.collect::<Vec<_>>().join(", "))
}

fn validator(v: &ValidatorInfo) -> String {
    let jail = match (&v.jail_kind, v.jailed_until) {
        (Some(kind), Some(until)) => format!("\n  jail         {kind}, until {}", time(until)),
        (Some(kind), None) => format!("\n  jail         {kind}, for ever"),
        _ => String::new(),
    };
    let faults = v.faults.iter().filter(|f| f.count > 0).fold(String::new(), |mut text, f| {
        let _ = write!(text, "\n  faults       {} {}: the next costs {}", f.count, f.kind, percent(f.next_share_bps));
        text
    });
    format!(
        "{} ({}), {}\n  operator     {}\n  status       {}{}{}\n  power        {}\n  own stake    {} DEF\n  weight       own {}, delegated {} \
         ({} of all)\n  commission   {} ({} DEF owed)\n  attested     until {}, by {}\n  consensus    {} ({})\n  BLS          {}\n  blocks       \
         {} proposed, {} signed, {} missed{}{jail}{faults}",
        v.moniker,
        v.country,
        v.country_name,
        v.operator,
        v.status,
        if v.seat { ", holds the seat" } else { "" },
        if v.leaving { ", leaving" } else { "" },
        share(U256::from(v.power.to::<u64>())),
        def(v.own_stake),
        def(v.own_weight),
        def(v.delegated_weight),
        share(v.weight_share),
        percent(v.commission_bps),
        def(v.owed),
        time(v.attested_until),
        v.verifier,
        v.consensus_address,
        v.consensus_key,
        v.bls_key,
        v.performance.proposed.to::<u64>(),
        v.performance.signed.to::<u64>(),
        v.performance.missed.to::<u64>(),
        if v.performance.absent_since_age.is_some() { ", absent now" } else { "" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_as_wide_as_their_cells_with_numbers_to_the_right() {
        let rows = vec![vec!["a".to_owned(), "5".to_owned()], vec!["long".to_owned(), "500".to_owned()]];
        assert_eq!(table(&["name", "n"], rows), "name    n\na       5\nlong  500");
        assert_eq!(table(&["name"], Vec::new()), "none");
    }

    #[test]
    fn money_and_shares_are_written_without_idle_zeros() {
        assert_eq!(def(U256::from(1_500_000_000_000_000_000_u64)), "1.5");
        assert_eq!(def(U256::from(1_000_000_000_000_000_000_u64)), "1");
        assert_eq!(def(U256::ONE), "0.000000000000000001");
        assert_eq!(share(U256::from(250_000_000_000_000_000_u64)), "25.00 %");
        assert_eq!(percent(1_005), "10.05 %");
    }
}
