//! What a transaction asks of its sender beside gas: value, and commission on top of it (D17).
//!
//! Both depend on state: a native transaction (type 100) carries its value in a payload that its module reads, and
//! commission depends on what the recipient is. Everything that judges a transaction takes its demand from here.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use defchain_base::{
    Amount, Overlay, StateError, StateRead,
    native::{CompactCall, Function},
    tx::{RecoveredTx, SignedTx, TxBody, TxError},
};
use defchain_token::{Party, Terms, party, terms};

use crate::{
    BlockEnv, ExecError, Executor, Registry, TxOutcome,
    db::ChainDb,
    validity::{Demand, InvalidTx, Limits},
};

/// Where a transaction goes and what it brings, whichever form it has.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub to: TxKind,
    pub value: U256,
    pub input: Bytes,
}

/// Reads a transaction: a native one becomes the call of its system address that does the same (D10).
pub(crate) fn ask(tx: &SignedTx, registry: &Registry) -> Result<Ask, InvalidTx> {
    let native = match tx.body() {
        TxBody::Ethereum(envelope) => {
            let input = alloy_consensus::Transaction::input(envelope).clone();
            return Ok(Ask { to: tx.to(), value: tx.value(), input });
        }
        TxBody::Native(native) => &native.tx,
    };
    let to = native.kind.system_address();
    let Some(read) = registry.get(&to).and_then(|entry| entry.compact) else {
        return Err(TxError::NativeInactive(native.kind as u8).into());
    };
    let CompactCall { value, input } = read(&native.payload).map_err(InvalidTx::Payload)?;
    Ok(Ask { to: TxKind::Call(to), value: value.to_u256(), input })
}

/// The native money that a transaction carries, be it in its payload; nothing when that cannot be read.
#[must_use]
pub fn value_of(tx: &SignedTx, registry: &Registry) -> U256 {
    ask(tx, registry).map_or(U256::ZERO, |ask| ask.value)
}

/// The function of a system address that a call reaches.
fn function<'r>(registry: &'r Registry, ask: &Ask) -> Option<&'r Function> {
    let entry = registry.get(ask.to.to()?)?;
    entry.functions().iter().find(|f| ask.input.starts_with(&f.selector))
}

/// What `from` must be able to pay for this.
pub(crate) fn demand_of<S: StateRead>(
    db: &mut ChainDb<S>,
    registry: &Registry,
    from: Address,
    ask: &Ask,
) -> Result<Demand, StateError> {
    let on_top = on_top(db, from, &ask.to, ask.value)?;
    // Only a call that brings nothing can be paid for out of what it releases (D26a).
    let releases = ask.value.is_zero() && function(registry, ask).is_some_and(|f| f.releases);
    Ok(Demand { value: ask.value, on_top, releases })
}

/// The commission that a payer pays beside a value: none when it is deducted from what arrives, or nothing is due.
fn on_top<S: StateRead>(db: &mut ChainDb<S>, from: Address, to: &TxKind, value: U256) -> Result<U256, StateError> {
    let rates = db.params.commission;
    // More than 128 bits nobody can pay: the balance refuses it.
    let (false, Ok(amount)) = (value.is_zero() || rates.is_none(), Amount::try_from(value)) else {
        return Ok(U256::ZERO);
    };
    let recipient = match to {
        TxKind::Create => Party::Contract,
        TxKind::Call(to) => party(to, is_contract(db, *to)?),
    };
    let payer = party(&from, is_contract(db, from)?);
    let record = db.record(from)?;
    let (exempt, referred) = record.map_or((false, false), |r| (r.no_decay, r.referrer.is_some()));
    match terms(payer, exempt, recipient) {
        Terms::OnTop => Ok(rates.on(amount, referred)?.total()?.to_u256()),
        Terms::Free(_) | Terms::Deducted => Ok(U256::ZERO),
    }
}

fn is_contract<S: StateRead>(db: &mut ChainDb<S>, address: Address) -> Result<bool, StateError> {
    let record = db.record(address)?;
    Ok(record.is_some_and(defchain_token::AccountRecord::is_contract))
}

/// The demand of a transaction in a block of this environment: what the pool asks. The same reading as the executor's.
///
/// # Errors
/// When it is of a native type that nobody serves, its payload cannot be read, or the store fails.
pub fn demand<S: StateRead>(
    state: &S,
    env: &BlockEnv,
    registry: &Registry,
    tx: &SignedTx,
    from: Address,
) -> Result<Demand, ExecError> {
    let ask = ask(tx, registry)?;
    if ask.value.is_zero() && function(registry, &ask).is_none() {
        return Ok(Demand::default());
    }
    let mut db = ChainDb::new(Overlay::new(state), *env)?;
    Ok(demand_of(&mut db, registry, from, &ask)?)
}

/// Executes a transaction on a throw-away copy of a state, as the first of a block: how the pool admits what pays for
/// itself (D26a).
///
/// # Errors
/// As [`Executor::execute`].
pub fn try_out<S: StateRead>(
    state: &S,
    env: &BlockEnv,
    registry: &Registry,
    limits: &Limits,
    tx: &RecoveredTx,
) -> Result<TxOutcome, ExecError> {
    let mut executor = Executor::new(Overlay::new(state), *env, registry)?;
    executor.set_latched(limits.latched);
    executor.execute(tx, env.gas_limit)
}
