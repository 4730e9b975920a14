//! What a native function sees when the EVM calls it: input, parties, the block, metered state, and nothing else.
//!
//! A function of a system address is a plain `fn(&mut NativeCall) -> Result<Bytes, NativeError>`. It runs inside the
//! checkpoint of its frame, so whatever it wrote is undone with the frame. All it does costs gas by [`NativeGas`]:
//! state access through [`NativeCall::state`], loops through [`NativeCall::elements`].

use core::cell::Cell;

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use alloy_sol_types::{Revert, SolError};
/// Values of state as the traits carry them.
use bytes::Bytes as RawBytes;

use crate::{Amount, BlockEnv, StateError, StateRead, StateWrite, Substore, native::Host, system::Pool};

/// The price of native work. Close to what the EVM asks for the same work on storage, so that neither is a way around
/// the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NativeGas;

impl NativeGas {
    /// Reading a key.
    pub const READ: u64 = 2_100;
    /// Each 32 bytes read.
    pub const READ_WORD: u64 = 20;
    /// Writing or deleting a key.
    pub const WRITE: u64 = 5_000;
    /// Each 32 bytes written.
    pub const WRITE_WORD: u64 = 625;
    /// One element of a loop over values already read.
    pub const ELEMENT: u64 = 50;
    /// The balance of an account that this transaction has not touched yet (EIP-2929).
    pub const COLD_ACCOUNT: u64 = 2_600;
    /// The balance of one it has.
    pub const WARM_ACCOUNT: u64 = 100;
    /// Paying out of a pool, beside the recipient's balance.
    pub const PAY: u64 = 9_000;
    /// A log.
    pub const LOG: u64 = 375;
    /// Each topic of a log.
    pub const LOG_TOPIC: u64 = 375;
    /// Each byte of a log's data.
    pub const LOG_BYTE: u64 = 8;
}

/// How a native function fails. Its frame is undone in every case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NativeError {
    /// With a reason for the caller; unused gas returns.
    Revert(Bytes),
    /// The frame's gas is gone.
    OutOfGas,
    /// State: a write under a static call halts the frame, a damaged store the block.
    State(StateError),
}

impl NativeError {
    /// A revert with Solidity's `Error(string)`.
    #[must_use]
    pub fn revert(reason: impl Into<String>) -> Self {
        Self::Revert(Revert::from(reason.into()).abi_encode().into())
    }
}

impl From<StateError> for NativeError {
    fn from(e: StateError) -> Self {
        Self::State(e)
    }
}

/// What the EVM lends to native functions.
pub trait NativeHost {
    /// State, with what this transaction wrote.
    fn state(&mut self) -> &mut dyn StateWrite;
    /// The same, to read.
    fn state_ref(&self) -> &dyn StateRead;
    /// The block.
    fn env(&self) -> &BlockEnv;
    /// Effective balance as the EVM has it at this instruction, and whether the account was cold.
    ///
    /// # Errors
    /// When the store fails.
    fn balance(&mut self, address: Address) -> Result<(Amount, bool), StateError>;
    /// Moves money of a pool through the journal; whether the recipient was cold.
    ///
    /// # Errors
    /// When the pool holds less, or the store fails.
    fn pay(&mut self, from: Pool, to: Address, amount: Amount) -> Result<bool, StateError>;
    /// Destroys money of a pool.
    ///
    /// # Errors
    /// When the pool holds less, or the store fails.
    fn burn(&mut self, from: Pool, amount: Amount) -> Result<(), StateError>;
    /// Takes an account's losses by decay up to now, with the frame; says what burns and what goes to the dividend pool.
    ///
    /// # Errors
    /// When the store fails.
    fn settle(&mut self, account: Address) -> Result<(Amount, Amount), StateError>;
    /// Appends a log to the transaction's.
    fn log(&mut self, log: Log);
}

/// One call of a native function.
pub struct NativeCall<'a> {
    host: &'a mut dyn NativeHost,
    meter: Meter,
    /// The system address.
    pub address: Address,
    /// Who calls.
    pub caller: Address,
    /// Native money sent along; zero for every function that is not payable.
    pub value: Amount,
    /// Arguments, without the selector.
    pub args: &'a [u8],
    is_static: bool,
}

impl core::fmt::Debug for NativeCall<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NativeCall").field("address", &self.address).field("caller", &self.caller).finish()
    }
}

/// Gas of a frame, counted down through shared references because reads take `&self`.
#[derive(Debug)]
struct Meter {
    left: Cell<u64>,
    exhausted: Cell<bool>,
}

impl Meter {
    fn charge(&self, gas: u64) -> Result<(), NativeError> {
        match self.left.get().checked_sub(gas) {
            Some(left) if !self.exhausted.get() => {
                self.left.set(left);
                Ok(())
            }
            _ => {
                self.exhausted.set(true);
                self.left.set(0);
                Err(NativeError::OutOfGas)
            }
        }
    }

    /// For the state traits, whose errors know nothing of gas. [`NativeCall::finish`] turns it back.
    fn charge_state(&self, gas: u64) -> Result<(), StateError> {
        self.charge(gas).map_err(|_| StateError::Invariant("out of gas in native work".to_owned()))
    }
}

impl<'a> NativeCall<'a> {
    /// A call that may use `gas_limit`; `parties` are the system address and the caller.
    pub fn new(
        host: &'a mut dyn NativeHost,
        gas_limit: u64,
        (address, caller): (Address, Address),
        value: Amount,
        args: &'a [u8],
        is_static: bool,
    ) -> Self {
        let meter = Meter { left: Cell::new(gas_limit), exhausted: Cell::new(false) };
        Self { host, meter, address, caller, value, args, is_static }
    }

    /// The block.
    #[must_use]
    pub fn env(&self) -> &BlockEnv {
        self.host.env()
    }

    /// Charges gas.
    ///
    /// # Errors
    /// [`NativeError::OutOfGas`].
    pub fn charge(&self, gas: u64) -> Result<(), NativeError> {
        self.meter.charge(gas)
    }

    /// State, metered: the call itself. Writes fail under a static call.
    pub const fn state(&mut self) -> &mut Self {
        self
    }

    /// Emits a log from the system address.
    ///
    /// # Errors
    /// [`NativeError::OutOfGas`]; under a static call as a write.
    pub fn emit(&mut self, topics: Vec<B256>, data: Bytes) -> Result<(), NativeError> {
        let log = Log::new_unchecked(self.address, topics, data);
        Ok(Host::emit(self, log)?)
    }

    /// Takes an account's losses by decay (D15): what burns, and what goes to the dividend pool.
    ///
    /// # Errors
    /// Under a static call, or when gas ends.
    pub fn settle(&mut self, account: Address) -> Result<(Amount, Amount), StateError> {
        if self.is_static {
            return Err(StateError::StaticWrite);
        }
        self.meter.charge_state(NativeGas::COLD_ACCOUNT.saturating_add(NativeGas::WRITE))?;
        self.host.settle(account)
    }

    /// The `index`-th argument word.
    ///
    /// # Errors
    /// A revert when the input is too short.
    pub fn word(&self, index: usize) -> Result<U256, NativeError> {
        let from = index.saturating_mul(32);
        let bytes = self.args.get(from..from.saturating_add(32)).ok_or_else(|| {
            NativeError::revert(format!("argument {index} is missing: {} bytes of arguments", self.args.len()))
        })?;
        Ok(U256::from_be_slice(bytes))
    }

    /// The `index`-th argument as an address.
    ///
    /// # Errors
    /// A revert when the input is too short or the word is no address.
    pub fn address_arg(&self, index: usize) -> Result<Address, NativeError> {
        let word = B256::from(self.word(index)?);
        let (high, low) = word.split_at(12);
        if high.iter().any(|b| *b != 0) {
            return Err(NativeError::revert(format!("argument {index} is no address: {word}")));
        }
        Ok(Address::from_slice(low))
    }

    /// The result with the gas left: an error of state is out-of-gas when the meter ran dry.
    pub fn finish(self, result: Result<Bytes, NativeError>) -> (Result<Bytes, NativeError>, u64) {
        if self.meter.exhausted.get() {
            return (Err(NativeError::OutOfGas), 0);
        }
        (result, self.meter.left.get())
    }
}

fn words(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(32)).unwrap_or(u64::MAX)
}

impl StateRead for NativeCall<'_> {
    fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<RawBytes>, StateError> {
        self.meter.charge_state(NativeGas::READ)?;
        let value = self.host.state_ref().get_raw(substore, key)?;
        let size = value.as_ref().map_or(0, |v| v.len());
        self.meter.charge_state(NativeGas::READ_WORD.saturating_mul(words(size)))?;
        Ok(value)
    }

    fn range_raw(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(RawBytes, RawBytes)>, StateError> {
        // Charged for what may come before it is read: a frame without gas reads nothing.
        self.meter.charge_state(NativeGas::READ.saturating_mul(u64::try_from(limit.max(1)).unwrap_or(u64::MAX)))?;
        let found = self.host.state_ref().range_raw(substore, from, to, limit)?;
        let size = found.iter().map(|(_, v)| words(v.len())).fold(0, u64::saturating_add);
        self.meter.charge_state(NativeGas::READ_WORD.saturating_mul(size))?;
        Ok(found)
    }
}

impl StateWrite for NativeCall<'_> {
    fn put_raw(&mut self, substore: Substore, key: Vec<u8>, value: RawBytes) -> Result<(), StateError> {
        let size = words(value.len());
        self.meter.charge_state(NativeGas::WRITE.saturating_add(NativeGas::WRITE_WORD.saturating_mul(size)))?;
        self.host.state().put_raw(substore, key, value)
    }

    fn delete_raw(&mut self, substore: Substore, key: Vec<u8>) -> Result<(), StateError> {
        self.meter.charge_state(NativeGas::WRITE)?;
        self.host.state().delete_raw(substore, key)
    }
}

impl Host for NativeCall<'_> {
    fn block(&self) -> &BlockEnv {
        self.host.env()
    }

    fn balance(&mut self, address: Address) -> Result<Amount, StateError> {
        let (amount, cold) = self.host.balance(address)?;
        self.meter.charge_state(if cold { NativeGas::COLD_ACCOUNT } else { NativeGas::WARM_ACCOUNT })?;
        Ok(amount)
    }

    fn pay(&mut self, from: Pool, to: Address, amount: Amount) -> Result<(), StateError> {
        if self.is_static {
            return Err(StateError::StaticWrite);
        }
        self.meter.charge_state(NativeGas::PAY)?;
        let cold = self.host.pay(from, to, amount)?;
        self.meter.charge_state(if cold { NativeGas::COLD_ACCOUNT } else { NativeGas::WARM_ACCOUNT })
    }

    fn burn(&mut self, from: Pool, amount: Amount) -> Result<(), StateError> {
        if self.is_static {
            return Err(StateError::StaticWrite);
        }
        self.meter.charge_state(NativeGas::PAY)?;
        self.host.burn(from, amount)
    }

    fn emit(&mut self, log: Log) -> Result<(), StateError> {
        if self.is_static {
            return Err(StateError::StaticWrite);
        }
        let count = |n: usize, price: u64| price.saturating_mul(u64::try_from(n).unwrap_or(u64::MAX));
        let topics = count(log.data.topics().len(), NativeGas::LOG_TOPIC);
        let data = count(log.data.data.len(), NativeGas::LOG_BYTE);
        self.meter.charge_state(NativeGas::LOG.saturating_add(topics).saturating_add(data))?;
        self.host.log(log);
        Ok(())
    }

    fn elements(&self, n: usize) -> Result<(), StateError> {
        self.meter.charge_state(NativeGas::ELEMENT.saturating_mul(u64::try_from(n).unwrap_or(u64::MAX)))
    }
}
