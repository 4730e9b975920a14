//! The generator: accounts, transfers signed ahead, and sending them.
//!
//! A *lane* is a connection with senders of its own. Its transfers go round its senders, so that consecutive ones come
//! from different accounts and an account's nonces arrive in order whatever the other lanes do.

mod accounts;
mod answer;
mod send;
mod transfers;
mod watch;
mod work;

pub use accounts::Accounts;
pub use answer::{Answer, Refusal, read_answer};
pub use send::{Pace, Progress, Sent, send};
pub use transfers::{Batch, Lane, TransferPlan, sign_ahead, sign_call};
pub use watch::{Arrival, Latency, Watcher};
pub use work::{Work, WorkCall, token_code};

/// Why load cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// A derived key is no key of the curve: happens once in 2^128.
    #[error("account {0} has no usable key; choose another seed")]
    Key(u64),
    /// The plan does not fit itself.
    #[error("{0}")]
    Plan(String),
    /// The node cannot be reached or answers nonsense.
    #[error(transparent)]
    Node(#[from] defchain_sdk::SdkError),
    /// The answer does not belong to the batch.
    #[error("a batch of {sent} transactions got {got} answers: {shown}")]
    Answers {
        /// Calls of the batch.
        sent: usize,
        /// Answers found.
        got: usize,
        /// The beginning of the answer.
        shown: String,
    },
}
