//! What a payment costs (D17, D18), and the greatest that can be made now.

use alloy_eips::BlockId;
use alloy_primitives::{Address, U64, U256};
use defchain_base::Amount;
use defchain_evm::CallRequest;
use defchain_rpc_types::{MaxSendable, PaymentCommission};
use defchain_token::{AccountRecord, Commission, CommissionRates, Terms, party, state::TokenRead, terms};
use serde::Deserialize;

use crate::{
    api::{Api, Cost},
    def::wei,
    error::{RpcError, RpcResult, json},
    eth::{call, fee},
    methods::Method,
    params::Params,
    tags::{View, view_at},
};

pub(super) const METHODS: &[Method] = &[
    Method::new("def_getCommission", Cost::Read, commission),
    Method::new("def_getMaxSendable", Cost::Heavy, max_sendable),
];

/// Gas of a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;

/// The third parameter of `def_getMaxSendable`: a gas limit, or that and a price.
#[derive(Deserialize)]
#[serde(untagged)]
enum GasOption {
    Limit(U64),
    Both(GasAndPrice),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GasAndPrice {
    gas: Option<U64>,
    max_fee_per_gas: Option<U256>,
}

/// How a payment between two accounts is judged. The EVM's journal judges the movement of a plain transaction so too.
struct Judgement {
    rates: CommissionRates,
    terms: Terms,
    referrer: Option<Address>,
}

impl Judgement {
    fn of(view: &View, from: &Address, to: &Address) -> Result<Self, RpcError> {
        let record = |address| Ok::<AccountRecord, RpcError>(view.state.account(address)?.unwrap_or_default());
        let (payer, recipient) = (record(from)?, record(to)?);
        let terms = terms(party(from, payer.is_contract()), payer.no_decay, party(to, recipient.is_contract()));
        Ok(Self { rates: view.state.token_params()?.commission, terms, referrer: payer.referrer })
    }

    fn on(&self, value: Amount) -> Result<Commission, RpcError> {
        match self.terms {
            Terms::Free(_) => Ok(Commission::default()),
            Terms::Deducted | Terms::OnTop => Ok(self.rates.on(value, self.referrer.is_some())?),
        }
    }

    fn on_top(&self) -> bool {
        self.terms == Terms::OnTop
    }

    /// What leaves the payer, and what reaches the recipient.
    fn both_ends(&self, value: Amount) -> Result<(Amount, Amount), RpcError> {
        let commission = self.on(value)?.total()?;
        match self.terms {
            Terms::OnTop => Ok((value.checked_add(commission)?, value)),
            Terms::Deducted | Terms::Free(_) => Ok((value, value.checked_sub(commission)?)),
        }
    }

    /// The greatest value that a payer can send who has `budget`. What leaves the payer never falls with the value, so it
    /// is found by halving.
    fn greatest(&self, budget: Amount) -> Result<Amount, RpcError> {
        let (mut fits, mut above) = (0_u128, budget.wei());
        while fits < above {
            let middle = above - (above - fits) / 2;
            // Beyond 2^128 - 1 wei nobody has the money.
            let leaves = self.both_ends(Amount::from_wei(middle)).ok().map(|(paid, _)| paid);
            if leaves.is_some_and(|paid| paid <= budget) {
                fits = middle;
            } else {
                above = middle - 1;
            }
        }
        Ok(Amount::from_wei(fits))
    }
}

fn commission(api: &Api, mut params: Params<'_>) -> RpcResult {
    let from: Address = params.required("from")?;
    let to: Address = params.required("to")?;
    let value: U256 = params.required("value")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let value = Amount::try_from(value).map_err(|e| RpcError::argument(2, "value", e))?;
    let judgement = Judgement::of(&view_at(api, id)?, &from, &to)?;
    let commission = judgement.on(value)?;
    let (paid, received) = judgement.both_ends(value)?;
    json(&PaymentCommission {
        value: wei(value),
        commission: wei(commission.total()?),
        on_top: judgement.on_top(),
        paid: wei(paid),
        received: wei(received),
        burned: wei(commission.shares.burned),
        dividend: wei(commission.shares.dividend),
        technical: wei(commission.shares.technical),
        marketing: wei(commission.shares.marketing),
        referrer: judgement.referrer,
        reward: wei(commission.reward),
    })
}

fn max_sendable(api: &Api, mut params: Params<'_>) -> RpcResult {
    let from: Address = params.required("from")?;
    let to: Option<Address> = params.optional("to")?;
    let gas: Option<GasOption> = params.optional("gas")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let (limit, price) = match gas {
        None => (None, None),
        Some(GasOption::Limit(limit)) => (Some(limit), None),
        Some(GasOption::Both(both)) => (both.gas, both.max_fee_per_gas),
    };
    let view = view_at(api, Some(id.unwrap_or(BlockId::pending())))?;
    // Nobody in particular has no code.
    let to = to.unwrap_or(Address::repeat_byte(0xff));
    let judgement = Judgement::of(&view, &from, &to)?;
    let gas = match limit {
        Some(limit) => limit.to(),
        None => gas_of(api, &view, from, to)?,
    };
    let price = match price {
        Some(price) => price,
        None => {
            let base_fee = U256::from(view.env.base_fee).saturating_mul(U256::from(2));
            base_fee.saturating_add(U256::from(fee::suggested_tip(api)?))
        }
    };
    let gas_cost = price.saturating_mul(U256::from(gas));
    let spendable = view.state.effective_balance(&from, view.age())?;
    let budget = Amount::try_from(wei(spendable).saturating_sub(gas_cost))?;
    let value = judgement.greatest(budget)?;
    let (_, received) = judgement.both_ends(value)?;
    json(&MaxSendable {
        value: wei(value),
        received: wei(received),
        commission: wei(judgement.on(value)?.total()?),
        on_top: judgement.on_top(),
        gas_cost,
        gas: U64::from(gas),
        max_fee_per_gas: price,
        spendable: wei(spendable),
        nominal: wei(view.state.nominal_balance(&from)?),
    })
}

/// Gas of a payment of the least value there is: who has code may do something with it.
fn gas_of(api: &Api, view: &View, from: Address, to: Address) -> Result<u64, RpcError> {
    let has_code = view.state.account(&to)?.is_some_and(|record| record.has_code());
    if !has_code && !defchain_base::system::is_reserved(&to) {
        return Ok(TRANSFER_GAS);
    }
    call::estimate_next(api, CallRequest { from: Some(from), to: Some(to), value: U256::ONE, ..CallRequest::default() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use defchain_token::MovementKind;

    use super::*;

    fn judgement(terms: Terms, referred: bool) -> Judgement {
        Judgement { rates: CommissionRates::default(), terms, referrer: referred.then_some(Address::ZERO) }
    }

    #[test]
    fn the_greatest_payment_fits_and_one_wei_more_does_not() {
        for terms in [Terms::OnTop, Terms::Deducted, Terms::Free(MovementKind::Fresh)] {
            for referred in [false, true] {
                let judgement = judgement(terms, referred);
                for budget in [0, 1, 19, 20, 21, 105, 1_049, 1_000_000_007, u128::from(u64::MAX), u128::MAX] {
                    let greatest = judgement.greatest(Amount::from_wei(budget)).unwrap().wei();
                    let paid = |value: u128| judgement.both_ends(Amount::from_wei(value)).map(|ends| ends.0.wei());
                    assert!(paid(greatest).unwrap() <= budget, "{terms:?} {budget}");
                    let more = greatest.checked_add(1).map(paid);
                    assert!(
                        more.is_none_or(|paid| paid.is_err() || paid.is_ok_and(|p| p > budget)),
                        "{terms:?} {budget}"
                    );
                }
            }
        }
        // 105 DEF pay for 100 and 5 on top (D17); out of the value, all of it can be sent.
        assert_eq!(judgement(Terms::OnTop, false).greatest(Amount::from_def(105)).unwrap(), Amount::from_def(100));
        assert_eq!(judgement(Terms::Deducted, false).greatest(Amount::from_def(105)).unwrap(), Amount::from_def(105));
    }
}
