//! The eighteen ABCI calls, their field numbers, and which of CometBFT's connections carries which.

use std::fmt;

/// One of CometBFT's four connections. It does not name them: the calls it makes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// `Info`, `Query`, `Echo`.
    Query,
    /// State sync: the four snapshot calls.
    Snapshot,
    /// `CheckTx`, `InsertTx`, `ReapTxs`.
    Mempool,
    /// `InitChain`, the proposal and vote calls, `FinalizeBlock`, `Commit`.
    Consensus,
}

impl Role {
    /// The order in which CometBFT v0.40 dials (`proxy/multi_app_conn.go`, `OnStart`).
    pub const DIALLING_ORDER: [Self; 4] = [Self::Query, Self::Snapshot, Self::Mempool, Self::Consensus];

    /// Lower-case name, as CometBFT writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Snapshot => "snapshot",
            Self::Mempool => "mempool",
            Self::Consensus => "consensus",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! calls {
    ($($variant:ident, $label:literal, $request:literal, $response:literal, $role:expr;)*) => {
        /// An ABCI call, known by the field that its request fills in the outer message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Call {
            $(#[doc = concat!("Request field ", $request, ", response field ", $response, ".")] $variant,)*
        }

        impl Call {
            /// Every call, in order of its request field.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The call's name as the ABCI documentation writes it, e.g. `FinalizeBlock`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The name for a metrics label, e.g. `finalize_block`.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }

            /// Field number in the outer `Request`.
            pub const fn request_field(self) -> u32 {
                match self { $(Self::$variant => $request,)* }
            }

            /// Field number in the outer `Response`.
            pub const fn response_field(self) -> u32 {
                match self { $(Self::$variant => $response,)* }
            }

            /// The connection that carries the call; `None` when any may.
            pub const fn role(self) -> Option<Role> {
                match self { $(Self::$variant => $role,)* }
            }
        }
    };
}

calls! {
    Echo, "echo", 1, 2, None;
    Flush, "flush", 2, 3, None;
    Info, "info", 3, 4, Some(Role::Query);
    InitChain, "init_chain", 5, 6, Some(Role::Consensus);
    Query, "query", 6, 7, Some(Role::Query);
    CheckTx, "check_tx", 8, 9, Some(Role::Mempool);
    Commit, "commit", 11, 12, Some(Role::Consensus);
    ListSnapshots, "list_snapshots", 12, 13, Some(Role::Snapshot);
    OfferSnapshot, "offer_snapshot", 13, 14, Some(Role::Snapshot);
    LoadSnapshotChunk, "load_snapshot_chunk", 14, 15, Some(Role::Snapshot);
    ApplySnapshotChunk, "apply_snapshot_chunk", 15, 16, Some(Role::Snapshot);
    PrepareProposal, "prepare_proposal", 16, 17, Some(Role::Consensus);
    ProcessProposal, "process_proposal", 17, 18, Some(Role::Consensus);
    ExtendVote, "extend_vote", 18, 19, Some(Role::Consensus);
    VerifyVoteExtension, "verify_vote_extension", 19, 20, Some(Role::Consensus);
    FinalizeBlock, "finalize_block", 20, 21, Some(Role::Consensus);
    InsertTx, "insert_tx", 21, 22, Some(Role::Mempool);
    ReapTxs, "reap_txs", 22, 23, Some(Role::Mempool);
}

impl Call {
    /// The call whose request has this field number.
    pub fn from_request_field(field: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|call| call.request_field() == field)
    }

    /// The call whose response has this field number (`None` for an exception, field 1).
    pub fn from_response_field(field: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|call| call.response_field() == field)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of calls: what a connection carried, what a recorder keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallSet(u32);

// One bit per request field.
const _: () = assert!(Call::ReapTxs.request_field() < u32::BITS);

impl CallSet {
    /// No call.
    pub const EMPTY: Self = Self(0);

    /// The given calls.
    pub const fn of(calls: &[Call]) -> Self {
        let mut bits = 0;
        let mut rest = calls;
        while let [first, tail @ ..] = rest {
            bits |= Self::bit(*first);
            rest = tail;
        }
        Self(bits)
    }

    pub(crate) const fn bit(call: Call) -> u32 {
        1_u32.wrapping_shl(call.request_field())
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether the call is in the set.
    pub const fn contains(self, call: Call) -> bool {
        self.0 & Self::bit(call) != 0
    }

    /// The calls, in order of their request field.
    pub fn iter(self) -> impl Iterator<Item = Call> {
        Call::ALL.iter().copied().filter(move |call| self.contains(*call))
    }

    /// The connection that carries such calls, judged by the first that tells.
    pub fn role(self) -> Option<Role> {
        self.iter().find_map(Call::role)
    }
}

impl fmt::Display for CallSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("nothing");
        }
        for (index, call) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(call.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_found_again_by_either_field_number() {
        for call in Call::ALL {
            assert_eq!(Call::from_request_field(call.request_field()), Some(*call));
            assert_eq!(Call::from_response_field(call.response_field()), Some(*call));
        }
        assert_eq!(Call::ALL.len(), 18);
        // SetOption, BeginBlock, DeliverTx, EndBlock of older ABCI, and what lies beyond.
        for reserved in [0, 4, 7, 9, 10, 23] {
            assert_eq!(Call::from_request_field(reserved), None);
        }
        assert_eq!(Call::from_response_field(1), None, "the exception is no call");
    }

    #[test]
    fn a_set_of_calls_names_the_connection_that_carries_them() {
        let set = CallSet::of(&[Call::Echo, Call::Flush]);
        assert_eq!(set.role(), None);
        assert_eq!(set.to_string(), "Echo, Flush");
        let set = CallSet::of(&[Call::Flush, Call::ReapTxs]);
        assert_eq!(set.role(), Some(Role::Mempool));
        assert!(set.contains(Call::ReapTxs) && !set.contains(Call::InsertTx));
        assert_eq!(CallSet::EMPTY.to_string(), "nothing");
    }
}
