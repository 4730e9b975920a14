use alloy_primitives::{Address, Bytes, Log};
use defchain_base::Amount;

/// What an executed transaction did. A transaction that reverted was executed too: it paid for its gas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxOutcome {
    /// Whether its state changes stand.
    pub success: bool,
    /// Gas it pays for, refunds taken off.
    pub gas_used: u64,
    /// Returned or revert data; the deployed code of a creation.
    pub output: Bytes,
    /// Logs; none when it reverted.
    pub logs: Vec<Log>,
    /// Address of the contract it created.
    pub created: Option<Address>,
    /// Wei per gas it pays.
    pub effective_gas_price: u128,
    /// Gas used × base fee: left the sender, not yet distributed (D19).
    pub base_fee: Amount,
    /// Gas used × tip: left the sender, not yet with the operator (D19).
    pub tip: Amount,
    /// Value destroyed inside the EVM and burned by decay; already taken off the supply (D4).
    pub burned: Amount,
}
