//! What governance does to native money: the list of those who do not decay (D16), and new burn tables (D11).

use defchain_base::{
    Address, Amount, StateError, StateRead, StateReadExt, StateWriteExt, Substore,
    native::Host,
    system::{self, Pool},
};

use crate::{
    BurnTable, Ledger, Shares, TableVersion, TokenError, events,
    keys::{ExemptKey, Present},
    state::{TokenRead, TokenWrite},
};

/// Puts an address on the list of those who do not decay, or takes it off. Its losses up to now are taken; leaving, its
/// balance becomes one fresh portion. Whether that changed anything.
///
/// A step of a block, never of a transaction: pools move.
///
/// # Errors
/// For system addresses, which never decay; when the store fails.
pub fn set_exempt<H: Host + ?Sized>(host: &mut H, address: Address, on: bool) -> Result<bool, TokenError> {
    if system::is_reserved(&address) || address.is_zero() {
        return Err(TokenError::NotListable(address));
    }
    let params = host.token_params()?;
    let mut ledger = Ledger::new(&params, host.block().age);
    let changed = ledger.set_no_decay(host, &address, on)?;
    let effects = ledger.write(host)?;
    // What burns is burned through the host, which counts it: the header's figure is all that left the supply (D4).
    let burned = effects.shares.burned;
    let dividend = effects.shares.dividend.checked_add(burned)?;
    Shares { dividend, burned: Amount::ZERO, ..effects.shares }.credit(host)?;
    if !burned.is_zero() {
        host.burn(Pool::Dividend, burned)?;
    }
    for (account, taken) in &effects.settled {
        host.emit(events::settled(*account, taken))?;
    }
    if changed {
        let key = ExemptKey(address);
        if on {
            host.write(&key, &Present)?
        } else {
            host.remove(&key)?
        }
        host.emit(events::exempt_set(address, on))?;
    }
    Ok(changed)
}

/// Whether an address is on the list of those who do not decay.
///
/// # Errors
/// When the store fails.
pub fn is_exempt<S: StateRead + ?Sized>(state: &S, address: &Address) -> Result<bool, StateError> {
    Ok(state.read(&ExemptKey(*address))?.is_some())
}

/// The list of those who do not decay, ascending, at most `limit` after `after`.
///
/// # Errors
/// When the store fails.
pub fn exempt<S: StateRead + ?Sized>(
    state: &S,
    after: Option<Address>,
    limit: usize,
) -> Result<Vec<Address>, StateError> {
    let mut from = ExemptKey::PREFIX.to_vec();
    if let Some(after) = after {
        from.extend(after);
        from.push(0);
    }
    let mut to = ExemptKey::PREFIX.to_vec();
    to.extend([0xff; 21]);
    let found = state.range_raw(Substore::Def, &from, &to, limit)?;
    let address = |key: &[u8]| Address::try_from(key.strip_prefix(ExemptKey::PREFIX)?).ok();
    Ok(found.iter().filter_map(|(key, _)| address(key)).collect())
}

/// Puts a burn table into force for what is received from the next hour on (D11). One that was to come into force at
/// that hour is replaced.
///
/// # Errors
/// When the table breaks a bound, there are too many, or the store fails.
pub fn add_burn_table<H: Host + ?Sized>(host: &mut H, preserved: BurnTable) -> Result<TableVersion, TokenError> {
    let mut params = host.token_params()?;
    let version = TableVersion { since: params.next_hour(host.block().age), preserved };
    if params.tables.last().is_some_and(|last| last.since >= version.since) {
        params.tables.pop();
    }
    params.tables.push(version);
    host.put_token_params(&params)?;
    host.emit(events::burn_table_set(&version))?;
    Ok(version)
}
