use defchain_abci::{
    envelope::{MAX_VOTE_EXTENSION_BYTES, VoteExtension},
    types::{RequestVerifyVoteExtension, ResponseVerifyVoteExtension, response_verify_vote_extension::VerifyStatus},
};

use crate::chain::Inner;

impl Inner {
    /// Shape only: substance is judged where an extension is used (ARCHITECTURE, "Vote extension").
    pub(super) fn verify_vote_extension(&self, request: &RequestVerifyVoteExtension) -> ResponseVerifyVoteExtension {
        let status = match VoteExtension::decode(&request.vote_extension, MAX_VOTE_EXTENSION_BYTES) {
            Ok(_) => VerifyStatus::Accept,
            Err(error) => {
                let validator = super::proposer(&request.validator_address);
                tracing::warn!(%validator, height = request.height, %error, "vote extension refused");
                VerifyStatus::Reject
            }
        };
        ResponseVerifyVoteExtension { status: status as i32 }
    }
}
