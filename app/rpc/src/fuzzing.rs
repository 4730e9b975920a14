//! The fuzzer's door: the bytes of a request in, the bytes of its answer out, without a socket.

use std::{io, sync::Arc};

use tokio::runtime::{Builder, Runtime};

use crate::{api::Api, config::RpcConfig, context::RpcContext, dispatch};

/// A server without a port.
pub struct Door {
    api: Arc<Api>,
    runtime: Runtime,
}

impl Door {
    /// Over a chain.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn new(config: RpcConfig, context: RpcContext) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build()?;
        Ok(Self { api: Arc::new(Api::new(config, context)), runtime })
    }

    /// What a request is answered with; `None` when it holds notifications only.
    #[must_use]
    pub fn answer(&self, body: &[u8]) -> Option<Vec<u8>> {
        let body = bytes::Bytes::copy_from_slice(body);
        self.runtime.block_on(dispatch::answer(&self.api, None, body))
    }

    /// Names of all methods.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.api.method_names()
    }
}
