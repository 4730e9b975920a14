use alloy_primitives::{Address, Bytes, Log};
use defchain_base::Amount;
use defchain_token::Shares;

/// What an executed transaction did. A transaction that reverted was executed too: it paid for its gas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxOutcome {
    /// Whether its state changes stand.
    pub success: bool,
    /// Gas it pays for, refunds taken off.
    pub gas_used: u64,
    /// Returned or revert data; the deployed code of a creation.
    pub output: Bytes,
    /// Logs. Of one that reverted only those of accounts' losses, which are taken all the same (D15, D21).
    pub logs: Vec<Log>,
    /// Address of the contract it created.
    pub created: Option<Address>,
    /// Wei per gas it pays.
    pub effective_gas_price: u128,
    /// Gas used × base fee: left the sender, not yet distributed (D19).
    pub base_fee: Amount,
    /// Gas used × tip: left the sender, not yet with the operator (D19).
    pub tip: Amount,
    /// What left accounts by commission and decay, and what was destroyed: credited to pools, and taken off the supply, at
    /// the end of the block.
    pub shares: Shares,
}
