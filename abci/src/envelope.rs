//! Two wire forms of our own: item 0 of every block, and the vote extension.
//!
//! Each is a version byte and then a protobuf message of optional sections. There is one encoding of a content (D8b):
//! a decoder encodes what it understood and compares, so unknown fields, trailing bytes, fields out of order and
//! spelled-out defaults are all refused. A new section therefore needs no new version, but every node must know it
//! before the first one is sent: an app version switches it on.
//!
//! Section fields, reserved so that they never change their meaning:
//!
//! | field | [`VoteExtension`] | [`InjectedEnvelope`] |
//! |---|---|---|
//! | 1 | receive times: 2 bytes per order bundle | extended commit of the previous height |
//! | 2 | oracle prices | |
//! | 3 | BLS attestation of (height, block hash, app hash, next validator set) | |
//! | 4 | rejected-proposal notice | |
//!
//! A notice names a proposal that its validator refused (D35). The extended commit is injected when one of its extensions
//! carries a notice, so that everybody sees who says so. Both forms are mostly empty: one byte.

use prost::Message;

use crate::error::Error;

/// The version that this node writes and the only one that it reads.
pub const VERSION: u8 = 1;

/// CometBFT refuses vote extensions above this (`types.MaxVoteExtensionSize`).
pub const MAX_VOTE_EXTENSION_BYTES: usize = 1024 * 1024;

/// Item 0 of every block: what the proposer injects before the payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InjectedEnvelope {
    sections: EnvelopeSections,
}

/// What a validator adds to its precommit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoteExtension {
    sections: ExtensionSections,
}

/// Fields: see the module's table.
#[derive(Clone, PartialEq, Eq, Message)]
struct EnvelopeSections {
    #[prost(message, optional, tag = "1")]
    commit: Option<InjectedCommit>,
}

/// Fields: see the module's table.
#[derive(Clone, PartialEq, Eq, Message)]
struct ExtensionSections {
    #[prost(message, repeated, tag = "4")]
    rejected: Vec<RejectedProposal>,
}

/// The extended commit of the previous height, as far as it was for the block.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct InjectedCommit {
    /// Round of the commit.
    #[prost(uint32, tag = "1")]
    pub round: u32,
    /// Precommits for the block, in the commit's order.
    #[prost(message, repeated, tag = "2")]
    pub votes: Vec<InjectedVote>,
}

/// A precommit's extension.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct InjectedVote {
    /// Consensus address, 20 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub address: Vec<u8>,
    /// The extension.
    #[prost(bytes = "vec", tag = "2")]
    pub extension: Vec<u8>,
    /// The validator's ed25519 signature over CometBFT's sign bytes of the extension.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
}

/// A proposal that a validator refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
pub struct RejectedProposal {
    /// Its height: that of the vote.
    #[prost(uint64, tag = "1")]
    pub height: u64,
    /// Its block hash, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
    /// Who proposed it by its header: consensus address, 20 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub proposer: Vec<u8>,
}

/// What CometBFT signs of a vote extension (`CanonicalVoteExtension`).
#[derive(Clone, PartialEq, Eq, Message)]
struct CanonicalVoteExtension {
    #[prost(bytes = "vec", tag = "1")]
    extension: Vec<u8>,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
    #[prost(string, tag = "4")]
    chain_id: String,
}

/// The bytes that a validator signs with a vote extension: CometBFT's canonical form with its length before it.
#[must_use]
pub fn vote_extension_sign_bytes(chain_id: &str, height: i64, round: i64, extension: &[u8]) -> Vec<u8> {
    let extension = extension.to_vec();
    CanonicalVoteExtension { extension, height, round, chain_id: chain_id.to_owned() }.encode_length_delimited_to_vec()
}

/// Most notices that one extension carries: rounds beyond this of one height stay unpunished.
pub const MAX_NOTICES: usize = 4;

impl InjectedEnvelope {
    const FORM: &'static str = "injected envelope (item 0 of the block)";

    /// With a commit.
    #[must_use]
    pub const fn with_commit(commit: InjectedCommit) -> Self {
        Self { sections: EnvelopeSections { commit: Some(commit) } }
    }

    /// The commit that was injected.
    #[must_use]
    pub const fn commit(&self) -> Option<&InjectedCommit> {
        self.sections.commit.as_ref()
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.sections)
    }

    /// Decodes the canonical encoding, and nothing else.
    ///
    /// # Errors
    /// [`Error::FormTooLarge`], [`Error::NoVersion`], [`Error::Version`], [`Error::FormUndecodable`],
    /// [`Error::NotCanonical`].
    pub fn decode(bytes: &[u8], max_bytes: usize) -> Result<Self, Error> {
        let sections: EnvelopeSections = decode(Self::FORM, bytes, max_bytes)?;
        if sections.commit.as_ref().is_some_and(|commit| commit.votes.is_empty()) {
            // A commit without votes says what an empty envelope says (D8b: one encoding).
            return Err(Error::NotCanonical { form: Self::FORM, bytes: bytes.len(), canonical: 1, at: 1 });
        }
        Ok(Self { sections })
    }
}

impl VoteExtension {
    const FORM: &'static str = "vote extension";

    /// With notices of refused proposals: sorted, each once, at most [`MAX_NOTICES`].
    #[must_use]
    pub fn with_rejected(mut rejected: Vec<RejectedProposal>) -> Self {
        rejected.sort();
        rejected.dedup();
        rejected.truncate(MAX_NOTICES);
        Self { sections: ExtensionSections { rejected } }
    }

    /// Refused proposals.
    #[must_use]
    pub fn rejected(&self) -> &[RejectedProposal] {
        &self.sections.rejected
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.sections)
    }

    /// Decodes the canonical encoding, and nothing else.
    ///
    /// # Errors
    /// As [`InjectedEnvelope::decode`].
    pub fn decode(bytes: &[u8], max_bytes: usize) -> Result<Self, Error> {
        let sections: ExtensionSections = decode(Self::FORM, bytes, max_bytes)?;
        let notices = &sections.rejected;
        let sorted = notices.is_sorted_by(|a, b| a < b);
        let shaped = notices.iter().all(|n| n.hash.len() == 32 && n.proposer.len() == 20);
        if notices.len() > MAX_NOTICES || !sorted || !shaped {
            return Err(Error::Notices { notices: notices.len(), limit: MAX_NOTICES });
        }
        Ok(Self { sections })
    }
}

fn encode(sections: &impl Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(sections.encoded_len().saturating_add(1));
    out.push(VERSION);
    sections.encode_raw(&mut out);
    out
}

fn decode<M: Message + Default>(form: &'static str, bytes: &[u8], max_bytes: usize) -> Result<M, Error> {
    if bytes.len() > max_bytes {
        return Err(Error::FormTooLarge { form, bytes: bytes.len(), limit: max_bytes });
    }
    let Some((version, body)) = bytes.split_first() else {
        return Err(Error::NoVersion { form });
    };
    if *version != VERSION {
        return Err(Error::Version { form, found: *version, known: VERSION });
    }
    let sections = M::decode(body).map_err(|source| Error::FormUndecodable { form, bytes: bytes.len(), source })?;
    let canonical = encode(&sections);
    if canonical == bytes {
        return Ok(sections);
    }
    let at = canonical.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
    Err(Error::NotCanonical { form, bytes: bytes.len(), canonical: canonical.len(), at })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_empty_forms_are_frozen_at_one_byte() {
        assert_eq!(InjectedEnvelope::default().encode(), [1]);
        assert_eq!(VoteExtension::default().encode(), [1]);
        assert_eq!(InjectedEnvelope::decode(&[1], 1).unwrap(), InjectedEnvelope::default());
        assert_eq!(VoteExtension::decode(&[1], 1).unwrap(), VoteExtension::default());
    }

    #[test]
    fn every_other_encoding_is_refused_with_its_figures() {
        type Check = fn(&Error) -> bool;
        let cases: [(&[u8], Check); 7] = [
            (&[], |e| matches!(e, Error::NoVersion { .. })),
            (&[0], |e| matches!(e, Error::Version { found: 0, known: 1, .. })),
            (&[2], |e| matches!(e, Error::Version { found: 2, known: 1, .. })),
            // An unknown field, length-delimited and empty.
            (&[1, 0x7a, 0], |e| matches!(e, Error::NotCanonical { bytes: 3, canonical: 1, at: 1, .. })),
            // An unknown number.
            (&[1, 0x78, 0], |e| matches!(e, Error::NotCanonical { at: 1, .. })),
            // A tail that is no field: its tag is 0.
            (&[1, 0], |e| matches!(e, Error::FormUndecodable { bytes: 2, .. })),
            (&[1; 11], |e| matches!(e, Error::FormTooLarge { bytes: 11, limit: 10, .. })),
        ];
        for (bytes, expected) in cases {
            let error = InjectedEnvelope::decode(bytes, 10).unwrap_err();
            assert!(expected(&error), "{bytes:02x?}: {error}");
            let error = VoteExtension::decode(bytes, 10).unwrap_err();
            assert!(expected(&error), "{bytes:02x?}: {error}");
        }
    }

    /// A form with a section, as a later version of this module will have.
    #[derive(Clone, PartialEq, Message)]
    struct WithSections {
        #[prost(bytes = "vec", tag = "1")]
        times: Vec<u8>,
        #[prost(uint64, tag = "2")]
        price: u64,
    }

    #[test]
    fn sections_out_of_order_or_spelled_out_or_doubled_are_not_canonical() {
        let form = "test";
        let full = WithSections { times: vec![9, 9], price: 300 };
        let bytes = encode(&full);
        assert_eq!(bytes, [1, 0x0a, 2, 9, 9, 0x10, 0xac, 0x02]);
        assert_eq!(decode::<WithSections>(form, &bytes, 64).unwrap(), full);
        for wrong in [
            &[1, 0x10, 0xac, 0x02, 0x0a, 2, 9, 9][..],      // order
            &[1, 0x0a, 2, 9, 9, 0x10, 0xac, 0x02, 0x1a, 0], // unknown field 3
            &[1, 0x0a, 2, 9, 9, 0x10, 0],                   // default spelled out
            &[1, 0x0a, 1, 5, 0x0a, 2, 9, 9],                // given twice
            &[1, 0x0a, 2, 9, 9, 0x10, 0xac, 0x82, 0x00],    // overlong varint
        ] {
            let error = decode::<WithSections>(form, wrong, 64).unwrap_err();
            assert!(matches!(error, Error::NotCanonical { .. }), "{wrong:02x?}: {error}");
        }
    }
}
