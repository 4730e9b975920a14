use defchain_abci::types::{RequestCheckTx, ResponseCheckTx};
use defchain_base::Bytes;

use crate::chain::Inner;

impl Inner {
    /// A single raw transaction from CometBFT's own `broadcast_tx_*`: the door for those without Ethereum RPC.
    pub(super) fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        match self.pool.add_local(Bytes::from(request.tx)) {
            Ok(hash) => ResponseCheckTx { data: hash.to_vec().into(), ..Default::default() },
            Err(error) => ResponseCheckTx {
                code: error.code(),
                log: error.to_string(),
                codespace: "defchain".to_owned(),
                ..Default::default()
            },
        }
    }
}
