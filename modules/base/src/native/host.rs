use alloy_primitives::{Address, Log};
use alloy_sol_types::{SolCall, SolEvent};

use crate::{Amount, BlockEnv, StateError, StateWrite, native::NativeError, system::Pool};

/// What a module may do beside reading and writing state.
///
/// Money that a module holds stands in a [`Pool`] of its own; value that a caller sent has been added there before the
/// module's function runs. A module never debits an account.
pub trait Host: StateWrite {
    /// The block.
    fn block(&self) -> &BlockEnv;

    /// What `address` can spend now (D20); for a pool's address, the pool's balance.
    ///
    /// # Errors
    /// When the store fails, or gas ends.
    fn balance(&mut self, address: Address) -> Result<Amount, StateError>;

    /// Pays out of a pool. An account gets a fresh portion without commission (D17a); another pool is credited.
    ///
    /// # Errors
    /// When the pool holds less, which is a mistake of the module; when the store fails, or gas ends.
    fn pay(&mut self, from: Pool, to: Address, amount: Amount) -> Result<(), StateError>;

    /// Destroys money of a pool (D4).
    ///
    /// # Errors
    /// As [`Self::pay`].
    fn burn(&mut self, from: Pool, amount: Amount) -> Result<(), StateError>;

    /// Emits a log: in a transaction's receipt, or among the block's events (D21).
    ///
    /// # Errors
    /// Under a static call, or when gas ends.
    fn emit(&mut self, log: Log) -> Result<(), StateError>;

    /// Charges for `n` elements of a loop, before it runs. Free in a block's own steps, which are bounded.
    ///
    /// # Errors
    /// When gas ends.
    fn elements(&self, n: usize) -> Result<(), StateError>;
}

/// A log of a Solidity event from a system address.
pub fn encode_log<E: SolEvent>(address: Address, event: &E) -> Log {
    Log { address, data: event.encode_log_data() }
}

/// The arguments of a call, refused unless they are exactly their ABI encoding's values.
///
/// # Errors
/// A revert that says what does not decode.
pub fn decode_args<C: SolCall>(args: &[u8]) -> Result<C, NativeError> {
    C::abi_decode_raw_validate(args).map_err(|e| {
        NativeError::revert(format!("{}: {} bytes of arguments do not decode: {e}", C::SIGNATURE, args.len()))
    })
}
