//! `def_*`, typed: what the chain's own modules know. Each answers for the newest block; [`crate::Client::request`] asks for
//! older ones.

use alloy_primitives::{Address, U64, U256};
use defchain_rpc_types as types;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{BlockNumberOrTag, Client, SdkError};

/// Each fails as [`Client::request`] does.
impl Client {
    async fn def<R: DeserializeOwned>(&self, method: &str, params: Value) -> Result<R, SdkError> {
        self.request(method, &params).await
    }

    /// `def_getEffectiveBalance`: what can be spent, wei.
    pub async fn effective_balance(&self, of: Address) -> Result<U256, SdkError> {
        self.def("def_getEffectiveBalance", json!([of])).await
    }

    /// `def_getBalancePortions`, oldest first.
    pub async fn balance_portions(&self, of: Address) -> Result<Vec<types::BalancePortion>, SdkError> {
        self.def("def_getBalancePortions", json!([of])).await
    }

    /// `def_getBurnForecast`.
    pub async fn burn_forecast(&self, of: Address) -> Result<types::BurnForecast, SdkError> {
        self.def("def_getBurnForecast", json!([of])).await
    }

    /// `def_getTotalSupply`.
    pub async fn supply(&self) -> Result<types::Supply, SdkError> {
        self.def("def_getTotalSupply", json!([])).await
    }

    /// `def_getBurnHistory` of a range of blocks.
    pub async fn burn_history(
        &self,
        from: BlockNumberOrTag,
        to: BlockNumberOrTag,
    ) -> Result<types::BurnHistory, SdkError> {
        self.def("def_getBurnHistory", json!([from, to])).await
    }

    /// `def_getCommission` on a plain payment.
    pub async fn commission(
        &self,
        from: Address,
        to: Address,
        value: U256,
    ) -> Result<types::PaymentCommission, SdkError> {
        self.def("def_getCommission", json!([from, to, value])).await
    }

    /// `def_getMaxSendable`; without a gas limit the node estimates.
    pub async fn max_sendable(
        &self,
        from: Address,
        to: Option<Address>,
        gas: Option<u64>,
    ) -> Result<types::MaxSendable, SdkError> {
        self.def("def_getMaxSendable", json!([from, to, gas.map(U64::from)])).await
    }

    /// `def_getStakingPositions`, by ascending id.
    pub async fn staking_positions(&self, of: Address) -> Result<Vec<types::StakePosition>, SdkError> {
        self.def("def_getStakingPositions", json!([of])).await
    }

    /// `def_getUnlockSchedule` of all positions, or in full of one.
    pub async fn unlock_schedule(
        &self,
        of: Address,
        position: Option<u32>,
    ) -> Result<Vec<types::UnlockSchedule>, SdkError> {
        self.def("def_getUnlockSchedule", json!([of, position])).await
    }

    /// `def_getDelegations`: positions of an owner that are bound to validators.
    pub async fn delegations(&self, of: Address) -> Result<Vec<types::Delegation>, SdkError> {
        self.def("def_getDelegations", json!([of])).await
    }

    /// `def_getDelegators`: positions that are bound to a validator, after one, so many.
    pub async fn delegators(
        &self,
        validator: Address,
        after: Option<(Address, u32)>,
        limit: Option<usize>,
    ) -> Result<Vec<types::Delegation>, SdkError> {
        self.def("def_getDelegators", json!([validator, after, limit])).await
    }

    /// `def_getPoDWeight` of an account, wei × years.
    pub async fn pod_weight(&self, of: Address) -> Result<U256, SdkError> {
        self.def("def_getPoDWeight", json!([of])).await
    }

    /// `def_getBeta`.
    pub async fn beta(&self) -> Result<types::Beta, SdkError> {
        self.def("def_getBeta", json!([])).await
    }

    /// `def_getDividendInfo` of a month, or of the present one.
    pub async fn dividend_info(&self, of: Address, month: Option<u32>) -> Result<types::DividendInfo, SdkError> {
        self.def("def_getDividendInfo", json!([of, month])).await
    }

    /// `def_getMonths` from a month on, so many, oldest first.
    pub async fn months(&self, from: Option<u32>, limit: Option<usize>) -> Result<Vec<types::DividendMonth>, SdkError> {
        self.def("def_getMonths", json!([from, limit])).await
    }

    /// `def_getValidatorInfo`.
    pub async fn validator(&self, operator: Address) -> Result<types::ValidatorInfo, SdkError> {
        self.def("def_getValidatorInfo", json!([operator])).await
    }

    /// `def_getValidators` after one, so many.
    pub async fn validators(
        &self,
        after: Option<Address>,
        limit: Option<usize>,
    ) -> Result<types::Validators, SdkError> {
        self.def("def_getValidators", json!([after, limit])).await
    }

    /// `def_getEpoch`.
    pub async fn epoch(&self) -> Result<types::EpochInfo, SdkError> {
        self.def("def_getEpoch", json!([])).await
    }

    /// `def_getJurisdictions`: all, or one.
    pub async fn jurisdictions(&self, country: Option<&str>) -> Result<Vec<types::Jurisdiction>, SdkError> {
        self.def("def_getJurisdictions", json!([country])).await
    }

    /// `def_getVerifiers`.
    pub async fn verifiers(&self) -> Result<Vec<types::VerifierInfo>, SdkError> {
        self.def("def_getVerifiers", json!([])).await
    }

    /// `def_getEvidence`: newest first of everybody, or of one validator above a number.
    pub async fn evidence(
        &self,
        validator: Option<Address>,
        cursor: Option<u64>,
        limit: Option<usize>,
    ) -> Result<Vec<types::EvidenceInfo>, SdkError> {
        self.def("def_getEvidence", json!([validator, cursor.map(U64::from), limit])).await
    }

    /// `def_getProposals`, newest first.
    pub async fn proposals(
        &self,
        newest: Option<u64>,
        limit: Option<usize>,
    ) -> Result<Vec<types::ProposalInfo>, SdkError> {
        self.def("def_getProposals", json!([newest.map(U64::from), limit])).await
    }

    /// `def_getProposal`.
    pub async fn proposal(&self, id: u64) -> Result<types::ProposalInfo, SdkError> {
        self.def("def_getProposal", json!([U64::from(id)])).await
    }

    /// `def_getVotes` on a proposal after a voter, so many.
    pub async fn votes(
        &self,
        id: u64,
        after: Option<Address>,
        limit: Option<usize>,
    ) -> Result<Vec<types::VoteInfo>, SdkError> {
        self.def("def_getVotes", json!([U64::from(id), after, limit])).await
    }

    /// `def_getParams`.
    pub async fn params(&self) -> Result<types::AllParams, SdkError> {
        self.def("def_getParams", json!([])).await
    }

    /// `def_getBlockEvents`.
    pub async fn block_events(&self, block: BlockNumberOrTag) -> Result<types::BlockEvents, SdkError> {
        self.def("def_getBlockEvents", json!([block])).await
    }
}
