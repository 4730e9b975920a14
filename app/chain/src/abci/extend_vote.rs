use defchain_abci::types::{RequestExtendVote, ResponseExtendVote};

use super::height;
use crate::chain::Inner;

impl Inner {
    /// What this validator adds to its precommit: the proposals of this height that it refused (D35).
    pub(super) fn extend_vote(&self, request: &RequestExtendVote) -> ResponseExtendVote {
        ResponseExtendVote { vote_extension: self.refused.extension(height(request.height)).encode().into() }
    }
}
