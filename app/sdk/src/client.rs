//! The calls.

use core::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256};
use alloy_rpc_types_eth::{
    Block, BlockId, BlockNumberOrTag, Filter, Log, Transaction, TransactionReceipt, TransactionRequest,
};
use alloy_rpc_types_txpool::TxpoolStatus;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    SdkError,
    rpc::{Call, DEFAULT_TIMEOUT, Transport},
    wallet::{Signed, Wallet},
};

/// First pause between two looks for a receipt; blocks come several times a second.
const RECEIPT_POLL: Duration = Duration::from_millis(25);
/// Longest pause.
const RECEIPT_POLL_MAX: Duration = Duration::from_millis(250);

/// What a transaction should pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// Most for a unit of gas, wei.
    pub max_fee_per_gas: u128,
    /// Tip for a unit of gas, wei.
    pub max_priority_fee_per_gas: u128,
}

/// What [`Client::transact`] sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// To whom; [`TxKind::Create`] deploys `input`.
    pub to: TxKind,
    /// Wei.
    pub value: U256,
    /// Call data or init code.
    pub input: Bytes,
    /// Gas limit; estimated when absent.
    pub gas_limit: Option<u64>,
}

/// A client of one node. Clones share its connections.
///
/// Every call can fail as [`Client::request`] does: the node cannot be reached, refuses ([`SdkError::Rpc`]), or answers
/// something else than the method's result.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// A client of the node at `url` (`http://host:port`). Connects with the first call.
    ///
    /// # Errors
    /// When `url` cannot be used.
    pub fn new(url: &str) -> Result<Self, SdkError> {
        Self::with_timeout(url, DEFAULT_TIMEOUT)
    }

    /// As [`Client::new`], with a limit for each call.
    pub fn with_timeout(url: &str, timeout: Duration) -> Result<Self, SdkError> {
        Ok(Self { transport: Transport::new(url, timeout)? })
    }

    /// Where the node is.
    #[must_use]
    pub fn url(&self) -> &str {
        self.transport.url()
    }

    /// Any method.
    ///
    /// # Errors
    /// When the node cannot be reached, refuses, or returns something else than an `R`.
    pub async fn request<P: Serialize + ?Sized, R: DeserializeOwned>(
        &self,
        method: &str,
        params: &P,
    ) -> Result<R, SdkError> {
        self.transport.request(method, params).await
    }

    /// Many calls in one HTTP request; the results stand in the order of the calls.
    ///
    /// # Errors
    /// When the batch as a whole fails; each call has its own result besides.
    pub async fn batch<R: DeserializeOwned>(&self, calls: &[Call]) -> Result<Vec<Result<R, SdkError>>, SdkError> {
        self.transport.batch(calls).await
    }

    /// Posts a body that is JSON-RPC already and returns the answer's bytes: for load generators, that encode ahead.
    ///
    /// # Errors
    /// When the node cannot be reached or answers with an HTTP error.
    pub async fn post(&self, what: &str, body: bytes::Bytes) -> Result<bytes::Bytes, SdkError> {
        self.transport.post(what, body).await
    }

    /// `eth_chainId`.
    pub async fn chain_id(&self) -> Result<u64, SdkError> {
        self.quantity("eth_chainId", json!([])).await
    }

    /// `eth_blockNumber`.
    pub async fn block_number(&self) -> Result<u64, SdkError> {
        self.quantity("eth_blockNumber", json!([])).await
    }

    /// `web3_clientVersion`.
    pub async fn client_version(&self) -> Result<String, SdkError> {
        self.request("web3_clientVersion", &json!([])).await
    }

    /// `net_peerCount`.
    pub async fn peer_count(&self) -> Result<u64, SdkError> {
        self.quantity("net_peerCount", json!([])).await
    }

    /// `eth_getBalance` in wei.
    pub async fn balance(&self, of: Address, at: BlockId) -> Result<U256, SdkError> {
        self.request("eth_getBalance", &json!([of, at])).await
    }

    /// `eth_getTransactionCount`: the next nonce, with [`BlockNumberOrTag::Pending`] behind what waits in the pool.
    pub async fn nonce(&self, of: Address, at: BlockId) -> Result<u64, SdkError> {
        self.quantity("eth_getTransactionCount", json!([of, at])).await
    }

    /// `eth_getCode`.
    pub async fn code(&self, of: Address, at: BlockId) -> Result<Bytes, SdkError> {
        self.request("eth_getCode", &json!([of, at])).await
    }

    /// A block by number, tag or hash, with the hashes of its transactions; `None` when there is none.
    pub async fn block(&self, at: BlockId) -> Result<Option<Block>, SdkError> {
        self.block_with(at, false).await
    }

    /// As [`Client::block`], with the transactions themselves.
    pub async fn full_block(&self, at: BlockId) -> Result<Option<Block>, SdkError> {
        self.block_with(at, true).await
    }

    async fn block_with(&self, at: BlockId, full: bool) -> Result<Option<Block>, SdkError> {
        match at {
            BlockId::Hash(hash) => self.request("eth_getBlockByHash", &json!([hash.block_hash, full])).await,
            BlockId::Number(number) => self.request("eth_getBlockByNumber", &json!([number, full])).await,
        }
    }

    /// How many transactions each of these blocks has, in one HTTP request.
    ///
    /// # Errors
    /// As [`Client::request`], or when a block does not exist.
    pub async fn transaction_counts(&self, heights: &[u64]) -> Result<Vec<u64>, SdkError> {
        let call = |height: &u64| Call {
            method: "eth_getBlockTransactionCountByNumber",
            params: json!([BlockNumberOrTag::Number(*height)]),
        };
        let calls: Vec<Call> = heights.iter().map(call).collect();
        let answers = self.batch::<Option<U64>>(&calls).await?.into_iter().zip(heights);
        answers
            .map(|(count, height)| {
                count?.map(|c| c.to()).ok_or_else(|| SdkError::Unknown { what: format!("block {height}") })
            })
            .collect()
    }

    /// `eth_getTransactionByHash`.
    pub async fn transaction(&self, hash: B256) -> Result<Option<Transaction>, SdkError> {
        self.request("eth_getTransactionByHash", &json!([hash])).await
    }

    /// `eth_getTransactionReceipt`; `None` while no block has the transaction.
    pub async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, SdkError> {
        self.request("eth_getTransactionReceipt", &json!([hash])).await
    }

    /// Waits until a block has the transaction. Whether it succeeded is in the receipt's status.
    ///
    /// # Errors
    /// [`SdkError::NotMined`] after `limit`; as [`Client::request`].
    pub async fn wait_receipt(&self, hash: B256, limit: Duration) -> Result<TransactionReceipt, SdkError> {
        let started = Instant::now();
        let mut pause = RECEIPT_POLL;
        loop {
            if let Some(receipt) = self.receipt(hash).await? {
                return Ok(receipt);
            }
            let waited = started.elapsed();
            if waited >= limit {
                return Err(SdkError::NotMined { hash, waited });
            }
            sleep(pause.min(limit.saturating_sub(waited))).await;
            pause = pause.saturating_mul(2).min(RECEIPT_POLL_MAX);
        }
    }

    /// `eth_sendRawTransaction`.
    ///
    /// # Errors
    /// As [`Client::request`]; a refusal has its rule in [`crate::RpcError::rule`].
    pub async fn send_raw(&self, raw: &Bytes) -> Result<B256, SdkError> {
        self.request("eth_sendRawTransaction", &json!([raw])).await
    }

    /// Sends many transactions in one HTTP request, in their order.
    ///
    /// # Errors
    /// When the batch as a whole fails; each transaction has its own result besides.
    pub async fn send_raw_batch<'a>(
        &self,
        raw: impl IntoIterator<Item = &'a Bytes>,
    ) -> Result<Vec<Result<B256, SdkError>>, SdkError> {
        let call = |raw| Call { method: "eth_sendRawTransaction", params: json!([raw]) };
        let calls: Vec<Call> = raw.into_iter().map(call).collect();
        self.batch(&calls).await
    }

    /// `eth_call`.
    ///
    /// # Errors
    /// As [`Client::request`]; a revert has code 3 and its data in [`crate::RpcError::revert_data`].
    pub async fn call(&self, request: &TransactionRequest, at: BlockId) -> Result<Bytes, SdkError> {
        self.request("eth_call", &json!([request, at])).await
    }

    /// `eth_estimateGas` on the pending block.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn estimate_gas(&self, request: &TransactionRequest) -> Result<u64, SdkError> {
        self.quantity("eth_estimateGas", json!([request])).await
    }

    /// `eth_gasPrice` in wei.
    pub async fn gas_price(&self) -> Result<u128, SdkError> {
        self.wei("eth_gasPrice").await
    }

    /// Fees that hold through several full blocks: twice the newest base fee, and the tip that the node suggests.
    ///
    /// # Errors
    /// As [`Client::request`], or when the node has no base fee.
    pub async fn fees(&self) -> Result<Fees, SdkError> {
        let latest = self.block(BlockNumberOrTag::Latest.into()).await?;
        let base_fee = latest.and_then(|block| block.header.base_fee_per_gas);
        let base_fee = base_fee.ok_or_else(|| SdkError::Unknown { what: "the newest block's base fee".to_owned() })?;
        let tip = self.wei("eth_maxPriorityFeePerGas").await?;
        let max_fee_per_gas = u128::from(base_fee).saturating_mul(2).saturating_add(tip);
        Ok(Fees { max_fee_per_gas, max_priority_fee_per_gas: tip })
    }

    /// `eth_getLogs`.
    ///
    /// # Errors
    /// As [`Client::request`]; a range above the node's limit is refused with the figure.
    pub async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, SdkError> {
        self.request("eth_getLogs", &json!([filter])).await
    }

    /// `txpool_status`.
    pub async fn txpool_status(&self) -> Result<TxpoolStatus, SdkError> {
        self.request("txpool_status", &json!([])).await
    }

    /// Signs and sends what `outgoing` says: nonce, fees and gas come from the node.
    ///
    /// # Errors
    /// As [`Client::request`]; a call that would revert is refused before it is sent.
    pub async fn transact(&self, wallet: &Wallet, outgoing: Outgoing) -> Result<B256, SdkError> {
        let Outgoing { to, value, input, gas_limit } = outgoing;
        let gas_limit = match gas_limit {
            Some(limit) => limit,
            None => {
                let mut request = TransactionRequest::default().from(wallet.address()).value(value);
                request.to = Some(to);
                request.input = input.clone().into();
                self.estimate_gas(&request).await?
            }
        };
        let fees = self.fees().await?;
        let Signed { raw, .. } = wallet.sign(TxEip1559 {
            chain_id: wallet.chain_id(),
            nonce: self.nonce(wallet.address(), BlockNumberOrTag::Pending.into()).await?,
            gas_limit,
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
            to,
            value,
            input,
            ..Default::default()
        })?;
        self.send_raw(&raw).await
    }

    async fn quantity(&self, method: &str, params: Value) -> Result<u64, SdkError> {
        self.request::<_, U64>(method, &params).await.map(|q| q.to())
    }

    async fn wei(&self, method: &str) -> Result<u128, SdkError> {
        self.request::<_, alloy_primitives::U128>(method, &json!([])).await.map(|q| q.to())
    }
}
