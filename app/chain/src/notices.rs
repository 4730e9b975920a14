//! Refused proposals (D35): who says so, and whether more than two thirds of the power do.
//!
//! ```text
//!  ProcessProposal refuses ──▶ Refused ──▶ ExtendVote: a notice in the precommit's extension
//!  next PrepareProposal: an extension carries a notice ──▶ the extended commit is injected as item 0
//!  everybody: signatures by ZIP-215, power by the set of that height ──▶ Rejected, when above 2/3 ──▶ slashing
//! ```
//!
//! A vote extension is signed by its validator, so nobody can be accused in another's name; a single liar, or a third of
//! liars, proves nothing. A block whose injected commit does not verify is refused.

use std::collections::BTreeMap;

use defchain_abci::{
    envelope::{
        InjectedCommit, InjectedEnvelope, InjectedVote, MAX_NOTICES, MAX_VOTE_EXTENSION_BYTES, RejectedProposal,
        VoteExtension, vote_extension_sign_bytes,
    },
    types::ExtendedCommitInfo,
};
use defchain_base::{B256, ConsensusAddress, Height};
use ed25519_consensus::{Signature, VerificationKey};
use parking_lot::Mutex;

/// `BLOCK_ID_FLAG_COMMIT`.
const COMMIT: i32 = 2;

/// The proposals that this node refused at the present height.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<Vec<RejectedProposal>>);

impl Refused {
    /// Remembers one; those of other heights are forgotten.
    pub(crate) fn add(&self, height: Height, hash: B256, proposer: ConsensusAddress) {
        let mut kept = self.0.lock();
        kept.retain(|notice| notice.height == height.0);
        if kept.len() < MAX_NOTICES {
            kept.push(RejectedProposal { height: height.0, hash: hash.to_vec(), proposer: proposer.0.to_vec() });
        }
    }

    /// The extension of a vote at `height`.
    pub(crate) fn extension(&self, height: Height) -> VoteExtension {
        VoteExtension::with_rejected(self.0.lock().iter().filter(|n| n.height == height.0).cloned().collect())
    }
}

/// A proposal that more than two thirds of the power refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// Its height.
    pub height: Height,
    /// Its block hash.
    pub hash: B256,
    /// Who proposed it.
    pub proposer: ConsensusAddress,
    /// Power of those who say so.
    pub power: u64,
}

/// A validator of the set that voted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signer {
    pub key: [u8; 32],
    pub power: u64,
}

/// Item 0 of the block after this commit: the commit itself, when somebody's extension carries a notice.
pub(crate) fn envelope(commit: Option<&ExtendedCommitInfo>) -> InjectedEnvelope {
    let Some(commit) = commit else { return InjectedEnvelope::default() };
    let votes: Vec<InjectedVote> = commit
        .votes
        .iter()
        .filter(|vote| vote.block_id_flag == COMMIT)
        .filter_map(|vote| {
            let address = vote.validator.as_ref()?.address.to_vec();
            // A late precommit's extension is not verified by CometBFT: only what carries a good notice is of use here.
            let extension = VoteExtension::decode(&vote.vote_extension, MAX_VOTE_EXTENSION_BYTES).ok()?;
            let signature = vote.extension_signature.to_vec();
            (!extension.rejected().is_empty()).then(|| InjectedVote {
                address,
                extension: vote.vote_extension.to_vec(),
                signature,
            })
        })
        .collect();
    if votes.is_empty() {
        return InjectedEnvelope::default();
    }
    InjectedEnvelope::with_commit(InjectedCommit { round: u32::try_from(commit.round).unwrap_or(0), votes })
}

/// Takes out of an injected commit what does not verify: the proposer's part, so that its own block stands.
pub(crate) fn prune(
    commit: InjectedCommit,
    height: Height,
    chain_id: &str,
    signers: &BTreeMap<ConsensusAddress, Signer>,
) -> InjectedEnvelope {
    let InjectedCommit { round, votes } = commit;
    let votes: Vec<InjectedVote> =
        votes.into_iter().filter(|vote| verify(vote, round, height, chain_id, signers).is_ok()).collect();
    if votes.is_empty() {
        return InjectedEnvelope::default();
    }
    InjectedEnvelope::with_commit(InjectedCommit { round, votes })
}

/// Verifies an injected commit of `height` and counts its notices.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn count(
    commit: &InjectedCommit,
    height: Height,
    chain_id: &str,
    signers: &BTreeMap<ConsensusAddress, Signer>,
) -> Result<Vec<Rejected>, String> {
    let total: u128 = signers.values().map(|signer| u128::from(signer.power)).sum();
    let mut seen = BTreeMap::new();
    let mut said: BTreeMap<RejectedProposal, u64> = BTreeMap::new();
    for vote in &commit.votes {
        let (address, power, extension) = verify(vote, commit.round, height, chain_id, signers)?;
        if seen.insert(address, ()).is_some() {
            return Err(format!("validator {address} stands twice in the injected commit"));
        }
        if extension.rejected().is_empty() {
            return Err(format!("the vote of {address} carries no notice: it has no place in the injected commit"));
        }
        for notice in extension.rejected().iter().filter(|notice| notice.height == height.0) {
            let sum = said.entry(notice.clone()).or_default();
            *sum = sum.saturating_add(power);
        }
    }
    let above = said.into_iter().filter(|(_, power)| u128::from(*power).saturating_mul(3) > total.saturating_mul(2));
    Ok(above
        .map(|(notice, power)| Rejected {
            height,
            hash: B256::try_from(notice.hash.as_slice()).unwrap_or_default(),
            proposer: ConsensusAddress::try_from(notice.proposer.as_slice()).unwrap_or_default(),
            power,
        })
        .collect())
}

fn verify(
    vote: &InjectedVote,
    round: u32,
    height: Height,
    chain_id: &str,
    signers: &BTreeMap<ConsensusAddress, Signer>,
) -> Result<(ConsensusAddress, u64, VoteExtension), String> {
    let address = ConsensusAddress::try_from(vote.address.as_slice())
        .map_err(|_| format!("injected commit: an address of {} bytes", vote.address.len()))?;
    let signer = signers
        .get(&address)
        .ok_or_else(|| format!("injected commit: {address} is not of the set of height {height}"))?;
    let extension = VoteExtension::decode(&vote.extension, MAX_VOTE_EXTENSION_BYTES)
        .map_err(|error| format!("injected commit: extension of {address}: {error}"))?;
    let bytes = vote_extension_sign_bytes(
        chain_id,
        i64::try_from(height.0).unwrap_or(i64::MAX),
        i64::from(round),
        &vote.extension,
    );
    let good = VerificationKey::try_from(signer.key)
        .and_then(|key| key.verify(&Signature::try_from(vote.signature.as_slice())?, &bytes));
    good.map_err(|_| format!("injected commit: the signature of {address} over its extension is not good"))?;
    Ok((address, signer.power, extension))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use defchain_abci::types::{ExtendedVoteInfo, Validator};
    use ed25519_consensus::SigningKey;

    use super::*;

    const CHAIN: &str = "deflation-local-1";
    const HEIGHT: Height = Height(7);

    fn keys() -> Vec<SigningKey> {
        (1..=4u8).map(|n| SigningKey::from([n; 32])).collect()
    }

    fn signers(keys: &[SigningKey]) -> BTreeMap<ConsensusAddress, Signer> {
        let signer = |key: &SigningKey| {
            let key = key.verification_key().to_bytes();
            (ConsensusAddress::of_ed25519(&key), Signer { key, power: 25 })
        };
        keys.iter().map(signer).collect()
    }

    fn notice(height: u64) -> RejectedProposal {
        RejectedProposal { height, hash: vec![9; 32], proposer: vec![8; 20] }
    }

    fn commit(keys: &[SigningKey], saying: usize, height: u64) -> ExtendedCommitInfo {
        let votes = keys.iter().enumerate().map(|(i, key)| {
            let said = if i < saying { vec![notice(height)] } else { Vec::new() };
            let extension = VoteExtension::with_rejected(said).encode();
            let bytes = vote_extension_sign_bytes(CHAIN, 7, 2, &extension);
            let address = ConsensusAddress::of_ed25519(&key.verification_key().to_bytes());
            ExtendedVoteInfo {
                validator: Some(Validator { address: address.0.to_vec().into(), power: 25 }),
                vote_extension: extension.into(),
                extension_signature: key.sign(&bytes).to_bytes().to_vec().into(),
                block_id_flag: COMMIT,
            }
        });
        ExtendedCommitInfo { round: 2, votes: votes.collect() }
    }

    fn injected(commit: &ExtendedCommitInfo) -> InjectedCommit {
        envelope(Some(commit)).commit().unwrap().clone()
    }

    #[test]
    fn three_of_four_prove_a_refusal_and_two_do_not() {
        let keys = keys();
        let found = count(&injected(&commit(&keys, 3, 7)), HEIGHT, CHAIN, &signers(&keys)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].power, found[0].hash), (75, B256::repeat_byte(9)));
        assert!(count(&injected(&commit(&keys, 2, 7)), HEIGHT, CHAIN, &signers(&keys)).unwrap().is_empty());
        assert!(count(&injected(&commit(&keys, 4, 6)), HEIGHT, CHAIN, &signers(&keys)).unwrap().is_empty(), "height");
    }

    #[test]
    fn nothing_is_injected_when_nobody_complains() {
        assert_eq!(envelope(Some(&commit(&keys(), 0, 7))), InjectedEnvelope::default());
        assert_eq!(envelope(None), InjectedEnvelope::default());
    }

    #[test]
    fn a_forged_doubled_foreign_or_idle_vote_is_refused_and_a_proposer_leaves_it_out() {
        let keys = keys();
        let good = injected(&commit(&keys, 3, 7));
        let mut forged = good.clone();
        forged.votes[0].signature[0] ^= 1;
        let mut doubled = good.clone();
        doubled.votes.push(good.votes[0].clone());
        let mut idle = good.clone();
        idle.votes[0].extension = VoteExtension::default().encode();
        let bytes = vote_extension_sign_bytes(CHAIN, 7, 2, &idle.votes[0].extension);
        idle.votes[0].signature = keys[0].sign(&bytes).to_bytes().to_vec();
        for (wrong, why) in [(&forged, "is not good"), (&doubled, "stands twice"), (&idle, "carries no notice")] {
            let error = count(wrong, HEIGHT, CHAIN, &signers(&keys)).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let error = count(&good, HEIGHT, CHAIN, &signers(&keys[1..])).unwrap_err();
        assert!(error.contains("is not of the set"), "{error}");
        assert!(count(&good, HEIGHT, "deflation-1", &signers(&keys)).is_err(), "another chain's");
        let pruned = prune(forged, HEIGHT, CHAIN, &signers(&keys));
        assert_eq!(pruned.commit().unwrap().votes.len(), 2);
    }

    #[test]
    fn a_node_notes_what_it_refused_at_the_height_of_its_vote_alone() {
        let refused = Refused::default();
        refused.add(Height(6), B256::ZERO, ConsensusAddress([1; 20]));
        for n in 0..10 {
            refused.add(HEIGHT, B256::repeat_byte(n), ConsensusAddress([1; 20]));
        }
        assert_eq!(refused.extension(HEIGHT).rejected().len(), MAX_NOTICES);
        assert!(refused.extension(Height(6)).rejected().is_empty());
        assert!(refused.extension(Height(8)).rejected().is_empty());
    }
}
