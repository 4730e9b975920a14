//! Steps of every block, staking's included: their order matters.

use defchain_base::{
    Height, StateReadExt, StateWriteExt, U256,
    native::{Host, encode_log},
    params::ModuleParams,
    system::{self, Pool},
};
use defchain_staking::{StakingParams, abi::IStaking, query};
use defchain_token::state::TokenRead;

use crate::{
    DividendError,
    keys::{Snapshot, SnapshotKey},
};

/// Before any transaction and before slashes: staking's day, then, at the first block of a month, its snapshot (D26).
///
/// # Errors
/// When the store fails.
pub fn begin<H: Host + ?Sized>(host: &mut H) -> Result<(), DividendError> {
    defchain_staking::lifecycle::begin(host)?;
    let month = query::clock(host)?.month;
    if host.read(&SnapshotKey(month))?.is_some() {
        return Ok(());
    }
    let snapshot = Snapshot {
        height: Height(host.block().height.0),
        time: host.block().time,
        pool: host.pool(Pool::Dividend)?,
        beta: defchain_staking::beta(host)?,
        multipliers: StakingParams::load(host)?.multipliers(),
        ..Snapshot::default()
    };
    host.write(&SnapshotKey(month), &snapshot)?;
    let (month, pool, beta) = (U256::from(month.0), snapshot.pool.to_u256(), snapshot.beta);
    Ok(host.emit(encode_log(system::STAKING, &IStaking::MonthBegan { month, pool, beta }))?)
}

/// After all transactions: staking's queues, then auto-compounding, each within its bound.
///
/// # Errors
/// When the store fails.
pub fn end<H: Host + ?Sized>(host: &mut H) -> Result<(), DividendError> {
    defchain_staking::lifecycle::end(host)?;
    crate::auto::work(host)
}
