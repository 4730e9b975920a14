//! 0x…0107: referrers, settling, views (D10, D15, D18).

use alloy_sol_types::{SolCall, SolValue};
use defchain_base::{
    Address, Amount, Bytes,
    native::{Function, Host, Mutability, NativeCall, NativeError, Role, SystemEntry, decode_args},
    system,
};

use crate::{
    Party, Terms, TokenError,
    abi::IToken::{self, commissionOfCall, isExemptCall, portionsOfCall, referrerOfCall, setReferrerCall, settleCall},
    party, referral,
    state::TokenRead,
    terms,
};

/// The Solidity source.
pub const INTERFACE: &str = include_str!("../../../interfaces/IToken.sol");

/// The entry of 0x…0107.
pub const ENTRY: SystemEntry = SystemEntry {
    address: system::TOKEN,
    name: "Token",
    summary: "Referrers, settling, what can be known about DEF; emits the logs of native movements (D15, D18, D21).",
    interface: INTERFACE,
    role: Role::Active(&[
        acting::<setReferrerCall>("Names the caller's referrer, once and for ever.", set_referrer),
        acting::<settleCall>("Takes an account's losses up to now.", settle),
        view::<referrerOfCall>("An account's referrer.", referrer_of),
        view::<isExemptCall>("Whether an account does not decay.", is_exempt),
        view::<portionsOfCall>("An account's portions.", portions_of),
        view::<IToken::totalSupplyCall>("All DEF there is.", total_supply),
        view::<commissionOfCall>("The commission on a payment.", commission_of),
    ]),
    compact: None,
};

type Run = Result<Bytes, NativeError>;
type Body = fn(&mut NativeCall<'_>) -> Run;

const fn view<C: SolCall>(summary: &'static str, run: Body) -> Function {
    function::<C>(Mutability::View, 200, summary, run)
}

const fn acting<C: SolCall>(summary: &'static str, run: Body) -> Function {
    function::<C>(Mutability::Acting, 2_000, summary, run)
}

const fn function<C: SolCall>(mutability: Mutability, gas: u64, summary: &'static str, run: Body) -> Function {
    Function { signature: C::SIGNATURE, selector: C::SELECTOR, mutability, gas, releases: false, summary, run }
}

fn refused(e: TokenError) -> NativeError {
    match e {
        TokenError::State(e) => NativeError::State(e),
        other => NativeError::revert(other.to_string()),
    }
}

fn set_referrer(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<setReferrerCall>(call.args)?;
    let caller = call.caller;
    referral::set_referrer(call, caller, args.referrer).map_err(refused)?;
    Ok(Bytes::new())
}

fn settle(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<settleCall>(call.args)?;
    let (burned, dividend) = call.settle(args.account)?;
    Ok((burned.to_u256(), dividend.to_u256()).abi_encode_params().into())
}

fn referrer_of(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<referrerOfCall>(call.args)?;
    let referrer = referral::referrer_of(call, &args.account)?.unwrap_or_default();
    Ok(referrer.abi_encode().into())
}

fn is_exempt(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<isExemptCall>(call.args)?;
    let exempt = call.account(&args.account)?.is_some_and(|record| record.no_decay);
    Ok(exempt.abi_encode().into())
}

fn portions_of(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<portionsOfCall>(call.args)?;
    let now = call.block().age;
    let params = call.token_params()?;
    let record = if system::is_reserved(&args.account) { None } else { call.account(&args.account)? };
    let record = record.unwrap_or_default();
    call.elements(record.portions.as_slice().len())?;
    let shown = record.portions.as_slice().iter().map(|portion| {
        Ok(IToken::Portion {
            original: portion.original.to_u256(),
            effective: portion.effective(&params, now).map_err(refused)?.to_u256(),
            receivedAt: portion.received_at.0,
            settledDay: portion.settled_day,
            table: portion.table,
        })
    });
    Ok(shown.collect::<Result<Vec<_>, NativeError>>()?.abi_encode().into())
}

fn total_supply(call: &mut NativeCall<'_>) -> Run {
    decode_args::<IToken::totalSupplyCall>(call.args)?;
    Ok(TokenRead::total_supply(call)?.to_u256().abi_encode().into())
}

fn commission_of(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<commissionOfCall>(call.args)?;
    let amount = Amount::try_from(args.amount).map_err(|e| NativeError::revert(e.to_string()))?;
    let params = call.token_params()?;
    let payer = call.account(&args.payer)?.unwrap_or_default();
    let recipient = judged(call, &args.recipient)?;
    let (total, on_top) = match terms(party(&args.payer, payer.is_contract()), payer.no_decay, recipient) {
        Terms::Free(_) => (Amount::ZERO, false),
        due => {
            let commission = params.commission.on(amount, payer.referrer.is_some()).and_then(|c| c.total());
            (commission.map_err(|e| NativeError::State(e.into()))?, due == Terms::OnTop)
        }
    };
    Ok((total.to_u256(), on_top).abi_encode_params().into())
}

fn judged(call: &NativeCall<'_>, address: &Address) -> Result<Party, NativeError> {
    Ok(party(address, call.account(address)?.is_some_and(|record| record.is_contract())))
}
