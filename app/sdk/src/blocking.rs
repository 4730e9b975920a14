use core::time::Duration;

use tokio::runtime::Runtime;

use crate::{Client, SdkError};

/// The same client for code that is not async. Not to be used inside a tokio runtime.
///
/// ```no_run
/// let node = defchain_sdk::Blocking::new("http://127.0.0.1:8545")?;
/// let height = node.run(async |client| client.block_number().await)?;
/// # Ok::<(), defchain_sdk::SdkError>(())
/// ```
#[derive(Debug)]
pub struct Blocking {
    client: Client,
    runtime: Runtime,
}

impl Blocking {
    /// A client of the node at `url`.
    ///
    /// # Errors
    /// When `url` is not `http://…`, or no runtime can be made.
    pub fn new(url: &str) -> Result<Self, SdkError> {
        Self::of(Client::new(url)?)
    }

    /// As [`Blocking::new`], with a limit for each call.
    ///
    /// # Errors
    /// As [`Blocking::new`].
    pub fn with_timeout(url: &str, timeout: Duration) -> Result<Self, SdkError> {
        Self::of(Client::with_timeout(url, timeout)?)
    }

    fn of(client: Client) -> Result<Self, SdkError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| SdkError::Runtime(e.to_string()))?;
        Ok(Self { client, runtime })
    }

    /// Runs calls to their end.
    pub fn run<T>(&self, calls: impl AsyncFnOnce(&Client) -> T) -> T {
        self.runtime.block_on(calls(&self.client))
    }
}
