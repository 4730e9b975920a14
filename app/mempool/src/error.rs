use defchain_base::{Address, B256, U256, tx::TxError};
use defchain_evm::validity::InvalidTx;

/// State could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ViewError(pub String);

/// Why a transaction was not judged valid by a view of the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unjudged {
    /// No block could carry it.
    #[error(transparent)]
    Invalid(#[from] InvalidTx),
    /// Nobody can say.
    #[error(transparent)]
    View(#[from] ViewError),
}

/// Why the pool does not take a transaction. Messages carry the words that Ethereum tools match on; codes are stable
/// (101–110 form, 201–215 validity, from 301 the pool's own).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// No block could carry it.
    #[error(transparent)]
    Invalid(#[from] InvalidTx),
    /// The next block could not carry it: the rule of [`InvalidTx::FeeTooLow`], applied before the signer is known.
    #[error(
        "transaction underpriced: max fee per gas less than block base fee: maxFeePerGas: {max_fee}, baseFee: {base_fee}"
    )]
    BelowBaseFee {
        /// Offered, wei per gas.
        max_fee: u128,
        /// Base fee of the next block, wei per gas.
        base_fee: u64,
    },
    /// It is in the pool.
    #[error("already known: transaction {0}")]
    AlreadyKnown(B256),
    /// Another transaction has this nonce, and this one does not pay enough more.
    #[error(
        "replacement transaction underpriced: nonce {nonce} of {address} is taken by {held}: \
         maxFeePerGas {max_fee} needs {needed_fee}, maxPriorityFeePerGas {tip} needs {needed_tip}"
    )]
    ReplacementUnderpriced {
        /// Sender.
        address: Address,
        /// The contested nonce.
        nonce: u64,
        /// Hash of what is held.
        held: B256,
        /// Offered, wei per gas.
        max_fee: u128,
        /// Least fee cap that replaces.
        needed_fee: u128,
        /// Offered, wei per gas.
        tip: u128,
        /// Least tip that replaces.
        needed_tip: u128,
    },
    /// Full, and what is held pays at least as much.
    #[error(
        "transaction underpriced: txpool is full ({transactions} transactions, {bytes} bytes): \
         its tip of {tip} wei per gas is not above the lowest held, {lowest}"
    )]
    Full {
        /// Held.
        transactions: usize,
        /// Held.
        bytes: usize,
        /// Effective tip at the next base fee, wei per gas.
        tip: u128,
        /// What would have to be outbid, wei per gas.
        lowest: u128,
    },
    /// The room for transactions that wait behind a gap is full.
    #[error(
        "txpool is full: {limit} transactions wait behind a nonce gap; nonce {nonce} of {address} is ahead of {next}, \
         send that one first"
    )]
    QueueFull {
        /// Sender.
        address: Address,
        /// Nonce of the transaction.
        nonce: u64,
        /// The nonce that is missing.
        next: u64,
        /// The most that may wait.
        limit: usize,
    },
    /// Too many of one sender.
    #[error("account limit exceeded: {address} has {limit} transactions in the pool, wait until some are in a block")]
    AccountLimit {
        /// Sender.
        address: Address,
        /// The most there may be.
        limit: usize,
    },
    /// Each could be paid for alone, all together not.
    #[error(
        "insufficient funds for gas * price + value: address {address} have {have}, pooled transactions cost {pooled}, \
         this one {cost}: overshot {overshot} wei"
    )]
    Overdraft {
        /// Sender.
        address: Address,
        /// Spendable at the next block's time, wei.
        have: U256,
        /// Most that the sender's other transactions can cost, wei.
        pooled: U256,
        /// Most that this one can cost, wei.
        cost: U256,
        /// What is missing, wei.
        overshot: U256,
    },
    /// State could not be read.
    #[error("state of {address} cannot be read: {source}")]
    State {
        /// Whose.
        address: Address,
        /// What the chain says.
        source: ViewError,
    },
    /// The node is stopping.
    #[error("the node is shutting down: send the transaction to another node")]
    ShuttingDown,
    /// A field of [`crate::PoolConfig`].
    #[error("pool configuration: {field} is {found}, it must be between {least} and {most}")]
    Config {
        /// Which.
        field: &'static str,
        /// As configured.
        found: usize,
        /// Least.
        least: usize,
        /// Most.
        most: usize,
    },
    /// The system gave no thread.
    #[error("a worker thread of the pool cannot be started: {0}")]
    Thread(String),
}

impl PoolError {
    /// The stable numeric code.
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Invalid(e) => e.code(),
            // The same rule as InvalidTx::FeeTooLow, so the same code.
            Self::BelowBaseFee { .. } => 205,
            Self::AlreadyKnown(_) => 301,
            Self::ReplacementUnderpriced { .. } => 302,
            Self::Full { .. } => 303,
            Self::QueueFull { .. } => 304,
            Self::AccountLimit { .. } => 305,
            Self::Overdraft { .. } => 306,
            Self::State { .. } => 307,
            Self::ShuttingDown => 308,
            Self::Config { .. } => 309,
            Self::Thread(_) => 310,
        }
    }
}

impl From<TxError> for PoolError {
    fn from(e: TxError) -> Self {
        Self::Invalid(InvalidTx::Form(e))
    }
}

/// The answer to `InsertTx`. CometBFT remembers an item that was refused below 32000 and never brings it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertCode {
    /// Queued; nothing is known of its content yet.
    Queued,
    /// Cannot be a bundle: nothing in it, or more than a bundle's bytes.
    NotABundle,
    /// The queue is full: bring it again.
    Full,
    /// The node is stopping.
    ShuttingDown,
}

impl InsertCode {
    /// The code of the ABCI response.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Queued => 0,
            Self::NotABundle => 1,
            Self::Full => 32_000,
            Self::ShuttingDown => 32_001,
        }
    }
}
