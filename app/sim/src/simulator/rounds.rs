//! The rounds of one height: who proposes, who accepts, what fails, what is decided.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::keccak256;
use bytes::Bytes;
use defchain_abci::{
    Application,
    envelope::{VoteExtension, vote_extension_sign_bytes},
    types::{
        CommitInfo, ExtendedCommitInfo, ExtendedVoteInfo, RequestExtendVote, RequestFinalizeBlock,
        RequestPrepareProposal, RequestProcessProposal, RequestVerifyVoteExtension, VoteInfo,
    },
};
use defchain_base::{B256, ConsensusAddress, Height, Power, Timestamp};
use defchain_chain::{Chain, proposer};
use tendermint_proto::google::protobuf::Timestamp as ProtoTime;

use super::{
    audit::Digest,
    comet,
    failure::{Failure, Phase, Wrong},
    genesis::{CHAIN, proto_time},
    replica::Place,
    run::{Decided, Run},
};

/// More rounds than any height of a run takes.
const MAX_ROUNDS: u32 = 2_000;
/// Rounds after which everybody comes back.
const PATIENCE: u32 = 16;
/// `BlockIDFlag` of CometBFT.
const ABSENT: i32 = 1;
const COMMIT: i32 = 2;
const NIL: i32 = 3;
/// Extensions by voter.
type Votes = BTreeMap<ConsensusAddress, Bytes>;
/// `ACCEPT` of ProcessProposal and VerifyVoteExtension.
const ACCEPT: i32 = 1;

#[derive(Clone)]
struct Proposal {
    items: Vec<Bytes>,
    time: Timestamp,
    proposer: ConsensusAddress,
    hash: B256,
    /// As the application made it, so that every replica must accept it.
    honest: bool,
}

impl Run {
    /// Rounds until a block is decided, and its execution by everyone who is there.
    pub(super) fn decide(&mut self, height: u64) -> Result<(), Failure> {
        let previous = self.blocks.last().map_or_else(|| proposer::genesis_hash(CHAIN), |block| block.hash);
        let mut valid: Option<Proposal> = None;
        let mut other = None;
        for round in 0..MAX_ROUNDS {
            let place = Place { height, round };
            self.enough(place)?;
            if round % PATIENCE == PATIENCE - 1 {
                // Nobody who is there is ever drawn: whoever is missing is waited for.
                (0..self.replicas.len()).try_for_each(|at| self.fetch_back(at, place))?;
            }
            self.counts.rounds += 1;
            let set = self.comet.at(height);
            let Some(drawn) = proposer::draw(set, Height(height), u64::from(round), &previous) else { continue };
            // A machine that is not simulated proposes through some replica.
            let leader = comet::key_at(&drawn).map(|key| key.owner % self.settings.replicas);
            let Some(leader) = leader.filter(|at| self.present(height).contains(at)) else { continue };
            let again = valid.take_if(|_| self.streams.rounds.chance(600));
            let proposal = match again {
                Some(proposal) => proposal,
                None => match self.propose(place, leader, drawn)? {
                    Some(proposal) => proposal,
                    None => continue,
                },
            };
            let Some(signers) = self.vote(place, &proposal)? else {
                // Accepted by some, decided by none: its results are thrown away, or it is proposed again.
                other = Some(proposal.items.clone());
                valid = Some(proposal).filter(|_| self.streams.rounds.chance(500));
                continue;
            };
            self.settle(place, proposal, other, signers);
            let mut order = self.present(height);
            self.streams.rounds.shuffle(&mut order);
            for at in order {
                self.execute(at, height, round)?;
            }
            return Ok(());
        }
        let what = Wrong::Invariant(format!("no block was decided in {MAX_ROUNDS} rounds"));
        Err(Failure { height, phase: Phase::Check, replica: 0, what })
    }

    fn propose(&mut self, place: Place, leader: usize, address: ConsensusAddress) -> Result<Option<Proposal>, Failure> {
        // CometBFT's time is later with every block, whatever the clocks say.
        let last = self.blocks.last().and_then(|block| block.request.time).map_or(0, millis);
        let time = Timestamp((self.now().0 + u64::from(place.round)).max(last + 1));
        let request = RequestPrepareProposal {
            max_tx_bytes: self.network.max_bytes,
            txs: Vec::new(),
            local_last_commit: Some(self.last_extended.clone()),
            misbehavior: self.misbehavior.clone(),
            height: raw(place.height),
            time: Some(proto_time(time)),
            next_validators_hash: self.comet.hash(place.height + 1),
            proposer_address: Bytes::copy_from_slice(&address.0),
        };
        let digest = Digest::default().number(place.height).number(time.0).bytes(&request.proposer_address);
        let digest = commit_digest(digest, &self.last_commit).get();
        let Some(replica) = self.replicas.get_mut(leader) else { return Ok(None) };
        let run = |chain: &Chain| chain.prepare_proposal(request).txs;
        let answer = replica
            .call(&mut self.audit, place, (Phase::Prepare, digest), run, |items| Digest::default().list(items).get());
        let Some(items) = self.survived(answer, leader, place)? else { return Ok(None) };
        let honest = self.settings.calm || !self.streams.rounds.chance(80);
        let items = if honest { items } else { self.tamper(items) };
        let hash = block_hash(&self.blocks, place, time, &address, &items);
        Ok(Some(Proposal { items, time, proposer: address, hash, honest }))
    }

    /// What a lying proposer sends instead.
    fn tamper(&mut self, mut items: Vec<Bytes>) -> Vec<Bytes> {
        let stream = &mut self.streams.rounds;
        let len = items.len();
        match stream.below(6) {
            0 => items.truncate(stream.index(len)),
            1 => items.push(Bytes::from_static(b"third")),
            2 => items.reverse(),
            kind => {
                let at = stream.index(len);
                if let Some(item) = items.get_mut(at) {
                    let mut bytes = item.to_vec();
                    let place = stream.index(bytes.len());
                    match kind {
                        3 => bytes.truncate(place),
                        4 => bytes.extend_from_slice(&stream.bytes(3)),
                        _ => {
                            if let Some(byte) = bytes.get_mut(place) {
                                *byte ^= 1 << stream.below(8);
                            }
                        }
                    }
                    *item = bytes.into();
                }
            }
        }
        items
    }

    /// Process on everyone it reaches; ExtendVote and Verify where it passes. Who signed, when that decides.
    fn vote(&mut self, place: Place, proposal: &Proposal) -> Result<Option<Votes>, Failure> {
        let mut reached = self.present(place.height);
        if !self.settings.calm {
            reached.retain(|_| !self.streams.rounds.chance(60));
        }
        self.streams.rounds.shuffle(&mut reached);
        let mut accepted = Vec::new();
        let mut verdict = None;
        for at in reached {
            let Some(accepts) = self.process(place, proposal, at)? else { continue };
            if *verdict.get_or_insert(accepts) != accepts || (proposal.honest && !accepts) {
                let say = |accepts: bool| if accepts { "accept" } else { "refuse" }.to_owned();
                let expected = say(if proposal.honest { true } else { !accepts });
                let what = Wrong::Differs { what: "the verdict on a proposal", found: say(accepts), expected };
                return Err(Failure { height: place.height, phase: Phase::Process, replica: at, what });
            }
            if accepts {
                accepted.push(at);
            }
        }
        if verdict == Some(false) {
            self.counts.refused += 1;
        }
        let split = !self.settings.calm && self.streams.rounds.chance(120);
        if split || accepted.is_empty() || !self.decides(place.height, accepted.clone()) {
            return Ok(None);
        }
        let votes = self.extend(place, proposal, &accepted)?;
        let signers = votes.keys().copied().collect();
        Ok(Some(votes).filter(|_| self.comet.decides(place.height, &signers)))
    }

    fn process(&mut self, place: Place, proposal: &Proposal, at: usize) -> Result<Option<bool>, Failure> {
        let request = RequestProcessProposal {
            txs: proposal.items.clone(),
            proposed_last_commit: Some(self.last_commit.clone()),
            misbehavior: self.misbehavior.clone(),
            hash: Bytes::copy_from_slice(proposal.hash.as_slice()),
            height: raw(place.height),
            time: Some(proto_time(proposal.time)),
            next_validators_hash: self.comet.hash(place.height + 1),
            proposer_address: Bytes::copy_from_slice(&proposal.proposer.0),
        };
        let digest = proposal_digest(place.height, proposal, &self.last_commit);
        let Some(replica) = self.replicas.get_mut(at) else { return Ok(None) };
        let run = |chain: &Chain| chain.process_proposal(request).status;
        let status = |status: &i32| u64::from(status.unsigned_abs());
        let answer = replica.call(&mut self.audit, place, (Phase::Process, digest), run, status);
        Ok(self.survived(answer, at, place)?.map(|status| status == ACCEPT))
    }

    /// What each voter adds to its precommit. A machine that is not simulated adds nothing.
    fn extend(&mut self, place: Place, proposal: &Proposal, accepted: &[usize]) -> Result<Votes, Failure> {
        let digest = proposal_digest(place.height, proposal, &self.last_commit);
        let mut votes = Votes::new();
        for at in accepted.iter().copied() {
            let request = RequestExtendVote {
                hash: Bytes::copy_from_slice(proposal.hash.as_slice()),
                height: raw(place.height),
                time: Some(proto_time(proposal.time)),
                txs: proposal.items.clone(),
                proposed_last_commit: Some(self.last_commit.clone()),
                misbehavior: self.misbehavior.clone(),
                next_validators_hash: self.comet.hash(place.height + 1),
                proposer_address: Bytes::copy_from_slice(&proposal.proposer.0),
            };
            let Some(replica) = self.replicas.get_mut(at) else { continue };
            let run = |chain: &Chain| chain.extend_vote(request).vote_extension;
            let hash = |extension: &Bytes| Digest::default().bytes(extension).get();
            let answer = replica.call(&mut self.audit, place, (Phase::ExtendVote, digest), run, hash);
            if let Some(extension) = self.survived(answer, at, place)? {
                let own = |(a, _): &&(ConsensusAddress, _)| comet::key_at(a).is_some_and(|key| key.owner == at);
                if let Some((address, _)) = self.comet.at(place.height).iter().find(own) {
                    votes.insert(*address, extension);
                }
            }
        }
        for address in self.signers(place.height, &[]) {
            votes.insert(address, VoteExtension::default().encode().into());
        }
        if self.streams.rounds.chance(50) {
            let len = self.streams.rounds.index(40);
            let garbage = Bytes::from(self.streams.rounds.bytes(len));
            self.verify(place, proposal, &ConsensusAddress::default(), &garbage)?;
        }
        for (signer, extension) in &votes {
            self.verify(place, proposal, signer, extension)?;
        }
        Ok(votes)
    }

    /// Everyone else looks at an extension and says the same: yes to an honest one.
    fn verify(
        &mut self,
        place: Place,
        proposal: &Proposal,
        signer: &ConsensusAddress,
        extension: &Bytes,
    ) -> Result<(), Failure> {
        let owner = comet::key_at(signer).map(|key| key.owner);
        let expected = owner.is_some() || *extension == VoteExtension::default().encode();
        let mut verdict = if expected { Some(true) } else { None };
        for at in self.present(place.height).into_iter().filter(|at| Some(*at) != owner) {
            let request = RequestVerifyVoteExtension {
                hash: Bytes::copy_from_slice(proposal.hash.as_slice()),
                validator_address: Bytes::copy_from_slice(&signer.0),
                height: raw(place.height),
                vote_extension: extension.clone(),
            };
            let digest = Digest::default().bytes(&signer.0).bytes(extension).get();
            let Some(replica) = self.replicas.get_mut(at) else { continue };
            let run = |chain: &Chain| chain.verify_vote_extension(request).status;
            let status = |status: &i32| u64::from(status.unsigned_abs());
            let answer = replica.call(&mut self.audit, place, (Phase::Verify, digest), run, status);
            let Some(status) = self.survived(answer, at, place)? else { continue };
            let accepts = status == ACCEPT;
            if *verdict.get_or_insert(accepts) != accepts {
                let say = |accepts: bool| if accepts { "accept" } else { "refuse" }.to_owned();
                let what = Wrong::Differs {
                    what: "the verdict on a vote extension",
                    found: say(accepts),
                    expected: say(!accepts),
                };
                return Err(Failure { height: place.height, phase: Phase::Verify, replica: at, what });
            }
        }
        Ok(())
    }

    /// The block is decided: from now on every CometBFT has it.
    fn settle(&mut self, place: Place, proposal: Proposal, other: Option<Vec<Bytes>>, votes: Votes) {
        let request = RequestFinalizeBlock {
            txs: proposal.items,
            decided_last_commit: Some(self.last_commit.clone()),
            misbehavior: self.misbehavior.clone(),
            hash: Bytes::copy_from_slice(proposal.hash.as_slice()),
            height: raw(place.height),
            time: Some(proto_time(proposal.time)),
            next_validators_hash: self.comet.hash(place.height + 1),
            proposer_address: Bytes::copy_from_slice(&proposal.proposer.0),
        };
        self.sign(place, votes);
        self.counts.blocks += 1;
        self.blocks.push(Decided {
            request,
            hash: proposal.hash,
            other,
            app_hash: None,
            updates: None,
            writes: None,
            records: None,
            state: None,
        });
    }

    /// The commit that the next block carries: who signed, with signed extensions.
    fn sign(&mut self, place: Place, mut votes: Votes) {
        // Whoever is away is missing, as long as the rest decides.
        let mut nil = BTreeSet::new();
        for (address, for_nil) in &self.away {
            let mut rest: BTreeSet<_> = votes.keys().copied().collect();
            rest.remove(address);
            if self.comet.decides(place.height, &rest) && votes.remove(address).is_some() && *for_nil {
                nil.insert(*address);
            }
        }
        let (height, round) = (raw(place.height), i64::from(place.round));
        let vote = |(address, _): &(ConsensusAddress, Power)| {
            let flag = match votes.get(address) {
                Some(_) => COMMIT,
                None if nil.contains(address) => NIL,
                None => ABSENT,
            };
            let extension = votes.get(address).cloned().unwrap_or_default();
            let signature = comet::key_at(address).filter(|_| flag == COMMIT).map_or_else(Bytes::new, |key| {
                let bytes = vote_extension_sign_bytes(CHAIN, height, round, &extension);
                Bytes::copy_from_slice(&key.secret.sign(&bytes).to_bytes())
            });
            ExtendedVoteInfo {
                validator: Some(self.comet.validator(place.height, address)),
                vote_extension: extension,
                extension_signature: signature,
                block_id_flag: flag,
            }
        };
        let votes: Vec<_> = self.comet.at(place.height).iter().map(vote).collect();
        let round = i32::try_from(place.round).unwrap_or(i32::MAX);
        let plain =
            |vote: &ExtendedVoteInfo| VoteInfo { validator: vote.validator.clone(), block_id_flag: vote.block_id_flag };
        self.last_commit = CommitInfo { round, votes: votes.iter().map(plain).collect() };
        self.last_extended = ExtendedCommitInfo { round, votes };
    }
}

fn millis(time: ProtoTime) -> u64 {
    time.seconds.unsigned_abs() * 1_000 + u64::from(time.nanos.unsigned_abs()) / 1_000_000
}

fn raw(height: u64) -> i64 {
    i64::try_from(height).unwrap_or(i64::MAX)
}

fn commit_digest(digest: Digest, commit: &CommitInfo) -> Digest {
    let digest = digest.number(u64::from(commit.round.unsigned_abs()));
    commit.votes.iter().fold(digest, |digest, vote| digest.number(u64::from(vote.block_id_flag.unsigned_abs())))
}

fn proposal_digest(height: u64, proposal: &Proposal, last: &CommitInfo) -> u64 {
    let digest = Digest::default().number(height).number(proposal.time.0).bytes(&proposal.proposer.0);
    commit_digest(digest.bytes(proposal.hash.as_slice()).list(&proposal.items), last).get()
}

/// Stands in for the header's hash.
fn block_hash(blocks: &[Decided], place: Place, time: Timestamp, proposer: &ConsensusAddress, items: &[Bytes]) -> B256 {
    let mut bytes = b"defchain/sim-block".to_vec();
    bytes.extend_from_slice(blocks.last().map(|block| block.hash).unwrap_or_default().as_slice());
    bytes.extend_from_slice(&place.height.to_be_bytes());
    bytes.extend_from_slice(&time.0.to_be_bytes());
    bytes.extend_from_slice(&proposer.0);
    for item in items {
        bytes.extend_from_slice(keccak256(item).as_slice());
    }
    keccak256(bytes)
}
