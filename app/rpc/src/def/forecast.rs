//! What a balance loses if nobody touches it: moment by moment, then day by day until nothing is left (D11, D12).

use std::collections::BTreeMap;

use alloy_eips::BlockId;
use alloy_primitives::{Address, U64};
use defchain_base::{AgeMillis, Amount, AmountError};
use defchain_rpc_types::{BurnForecast, DayOfBurning, NextBurn};
use defchain_token::{Portion, TokenParams, state::TokenRead};

use crate::{
    api::{Api, Cost},
    def::{money, time_of_age, wei},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::{View, view_at},
};

pub(super) const METHODS: &[Method] = &[Method::new("def_getBurnForecast", Cost::Read, burn_forecast)];

/// What settling would take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Loss {
    dividend: Amount,
    burned: Amount,
}

impl Loss {
    fn plus(self, other: Self) -> Result<Self, AmountError> {
        let (dividend, burned) = (self.dividend.checked_add(other.dividend)?, self.burned.checked_add(other.burned)?);
        Ok(Self { dividend, burned })
    }

    fn total(self) -> Result<Amount, AmountError> {
        self.dividend.checked_add(self.burned)
    }
}

/// Every loss after `now` by its moment. At most 201 portions of 8 days each (D13).
fn losses(rules: &TokenParams, portions: &[Portion], now: AgeMillis) -> Result<BTreeMap<AgeMillis, Loss>, RpcError> {
    let mut found = BTreeMap::<AgeMillis, Loss>::new();
    for portion in portions {
        let mut worth = portion.effective(rules, now)?;
        for (at, left) in money::losses(rules, portion, now)? {
            // Half of the loss since receipt, rounded down, is the pool's; so steps telescope (D12).
            let half = |worth: Amount| {
                portion.original.checked_sub(worth).map(|lost| Amount::from_wei(lost.wei().div_euclid(2)))
            };
            let dividend = half(left)?.checked_sub(half(worth)?)?;
            let burned = worth.checked_sub(left)?.checked_sub(dividend)?;
            let entry = found.entry(at).or_default();
            *entry = entry.plus(Loss { dividend, burned })?;
            worth = left;
        }
    }
    Ok(found)
}

fn burn_forecast(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    json(&forecast(&view_at(api, id)?, address)?)
}

fn forecast(view: &View, address: Address) -> Result<BurnForecast, RpcError> {
    let (rules, portions) = money::portions_of(view, &address)?;
    let now = view.age();
    let effective = view.state.effective_balance(&address, now)?;
    let losses = losses(&rules, &portions, now)?;
    let next = match losses.first_key_value() {
        None => None,
        Some((at, loss)) => Some(NextBurn {
            age: U64::from(at.0),
            at: time_of_age(view, *at),
            in_seconds: U64::from(at.0.saturating_sub(now.0).div_ceil(1_000)),
            amount: wei(loss.total()?),
        }),
    };
    let days = by_day(view, &rules, effective, &losses)?;
    let zero = losses.last_key_value().filter(|_| days.last().is_some_and(|day| day.left.is_zero()));
    Ok(BurnForecast {
        address,
        effective: wei(effective),
        nominal: wei(view.state.nominal_balance(&address)?),
        decays: !losses.is_empty(),
        next,
        zero_at: zero.map(|(at, _)| time_of_age(view, *at)),
        days,
    })
}

/// Sums by days from now on. A loss exactly a day from now belongs to the first day.
fn by_day(
    view: &View,
    rules: &TokenParams,
    effective: Amount,
    losses: &BTreeMap<AgeMillis, Loss>,
) -> Result<Vec<DayOfBurning>, RpcError> {
    let (now, day_millis) = (view.age().0, rules.day_millis());
    let mut sums = BTreeMap::<u64, Loss>::new();
    for (at, loss) in losses {
        let day = at.0.saturating_sub(now).div_ceil(day_millis);
        let sum = sums.entry(day).or_default();
        *sum = sum.plus(*loss)?;
    }
    let last = sums.last_key_value().map_or(0, |(day, _)| *day);
    let mut left = effective;
    let mut days = Vec::new();
    for day in 1..=last {
        let loss = sums.get(&day).copied().unwrap_or_default();
        left = left.checked_sub(loss.total()?)?;
        days.push(DayOfBurning {
            day: u32::try_from(day).unwrap_or(u32::MAX),
            until: time_of_age(view, AgeMillis(now.saturating_add(day.saturating_mul(day_millis)))),
            lost: wei(loss.total()?),
            dividend: wei(loss.dividend),
            burned: wei(loss.burned),
            left: wei(left),
        });
    }
    Ok(days)
}
