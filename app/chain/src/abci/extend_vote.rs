use defchain_abci::{
    envelope::VoteExtension,
    types::{RequestExtendVote, ResponseExtendVote},
};

use crate::chain::Inner;

impl Inner {
    /// What this validator adds to its precommit: nothing until a module has a section.
    pub(super) fn extend_vote(&self, _request: &RequestExtendVote) -> ResponseExtendVote {
        ResponseExtendVote { vote_extension: VoteExtension::default().encode().into() }
    }
}
