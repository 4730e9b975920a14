//! A replica's way through decided blocks: live, by block sync, and by the handshake's replay after a restart.

use defchain_abci::{
    Application,
    types::{RequestFinalizeBlock, RequestInfo, ValidatorUpdate},
};
use defchain_base::{Address, B256, ConsensusAddress};
use defchain_chain::{Chain, payload};
use tendermint_proto::v0_38::crypto::public_key::Sum;

use super::{
    audit::Digest,
    check::{provable, records_digest, state_digest},
    failure::{Failure, Phase, Wrong},
    faults::{Around, Fault, in_request, on_disk},
    replica::{Death, Place, Replica},
    run::{Run, random_moment},
};

/// How far back acknowledged states are proven.
const PROVEN_BACK: u64 = 20;

/// App hash, and what becomes of the validators.
type Finalized = (B256, Vec<ValidatorUpdate>);

fn updates_digest(updates: &[ValidatorUpdate]) -> u64 {
    let digest = Digest::default().number(updates.len() as u64);
    let key = |update: &ValidatorUpdate| match update.pub_key.as_ref().and_then(|key| key.sum.as_ref()) {
        Some(Sum::Ed25519(key)) => key.to_vec(),
        _ => Vec::new(),
    };
    updates.iter().fold(digest, |digest, u| digest.bytes(&key(u)).number(u.power.unsigned_abs())).get()
}

/// Notes the first replica's figure and compares the others'.
fn agree<T: PartialEq + Copy>(
    slot: &mut Option<T>,
    found: T,
    what: &'static str,
    show: impl Fn(T) -> String,
) -> Result<(), Wrong> {
    match *slot.get_or_insert(found) {
        expected if expected == found => Ok(()),
        expected => Err(Wrong::Differs { what, found: show(found), expected: show(expected) }),
    }
}

fn hex(number: u64) -> String {
    format!("{number:016x}")
}

impl Run {
    /// Starts a replica for the first time, or again after it died: handshake and replay.
    pub(super) fn start(&mut self, at: usize, place: Place) -> Result<(), Failure> {
        let may_die = !self.settings.calm && at < self.settings.replicas && self.streams.crashes.chance(150);
        let clock = self.now().0;
        let death = may_die.then(|| {
            let phases = [Phase::Info, Phase::InitChain, Phase::InitChain, Phase::Finalize, Phase::Commit];
            let phase = self.streams.crashes.pick(&phases).copied().unwrap_or(Phase::Commit);
            Death { height: 0, phase, moment: random_moment(&mut self.streams.crashes, phase) }
        });
        let Some(replica) = self.replicas.get_mut(at) else { return Ok(()) };
        replica.open(&mut self.audit, place, clock)?;
        replica.death = death;
        let Some(height) = self.handshake(at, place)? else { return Ok(()) };
        if height == 0 && self.init_chain(at)?.is_none() {
            return Ok(());
        }
        let saved = self.replicas.get(at).map_or(0, |replica| replica.saved);
        for height in height + 1..=saved {
            self.counts.replayed += 1;
            if !self.execute(at, height, 0)? {
                return Ok(());
            }
        }
        if height > 0 {
            self.prove(at, height)?;
        }
        Ok(())
    }

    /// What Info answers: never less than was acknowledged, and the hash that was answered then.
    fn handshake(&mut self, at: usize, place: Place) -> Result<Option<u64>, Failure> {
        let Some(replica) = self.replicas.get_mut(at) else { return Ok(None) };
        let here = Place { height: place.height, round: 0 };
        let run = |chain: &Chain| {
            let answer = chain.info(RequestInfo::default());
            (u64::try_from(answer.last_block_height).unwrap_or(0), answer.last_block_app_hash)
        };
        let digest = |(height, hash): &(u64, bytes::Bytes)| Digest::default().number(*height).bytes(hash).get();
        let answer = replica.call(&mut self.audit, here, (Phase::Info, 0), run, digest);
        let Some((height, hash)) = self.survived(answer, at, place)? else { return Ok(None) };
        let Some(replica) = self.replicas.get_mut(at) else { return Ok(None) };
        replica.informed(height);
        let known = usize::try_from(height).ok().and_then(|h| h.checked_sub(1)).and_then(|at| self.blocks.get(at));
        let expected = known.and_then(|block| block.app_hash);
        let acknowledged = replica.acknowledged;
        if height < acknowledged {
            let what = format!("the restarted replica is at height {height}, it had acknowledged {acknowledged}");
            return Err(replica.failure(acknowledged, Phase::Info, Wrong::Lost(what)));
        }
        if let Some(expected) = expected.filter(|expected| expected.as_slice() != &hash[..]) {
            let found = alloy_primitives::hex::encode(&hash);
            let what = Wrong::Differs { what: "the app hash in Info", found, expected: expected.to_string() };
            return Err(replica.failure(height, Phase::Info, what));
        }
        Ok(Some(height))
    }

    fn init_chain(&mut self, at: usize) -> Result<Option<()>, Failure> {
        let place = Place { height: 0, round: 0 };
        let request = self.network.init.clone();
        let Some(replica) = self.replicas.get_mut(at) else { return Ok(None) };
        let digest = Digest::default().bytes(&request.app_state_bytes).get();
        let run = |chain: &Chain| {
            let answer = chain.init_chain(request);
            (answer.app_hash, answer.validators)
        };
        let hash = |(hash, validators): &(bytes::Bytes, Vec<ValidatorUpdate>)| {
            Digest::default().bytes(hash).number(updates_digest(validators)).get()
        };
        let answer = replica.call(&mut self.audit, place, (Phase::InitChain, digest), run, hash);
        replica.writes.clear();
        let Some((hash, validators)) = self.survived(answer, at, place)? else { return Ok(None) };
        let failure = |what| Failure { height: 0, phase: Phase::InitChain, replica: at, what };
        if self.genesis_hash.is_none() {
            self.comet.start(&validators).map_err(|why| failure(Wrong::Comet(why)))?;
        }
        let hash = B256::try_from(hash.as_ref()).unwrap_or_default();
        agree(&mut self.genesis_hash, hash, "the app hash of genesis", |hash| hash.to_string()).map_err(failure)?;
        Ok(Some(()))
    }

    /// Brings a replica back to the newest block, from death or from being cut off.
    pub(super) fn fetch_back(&mut self, at: usize, place: Place) -> Result<(), Failure> {
        if let Some(absence) = self.absence.get_mut(at) {
            *absence = 0;
        }
        if self.replicas.get(at).is_some_and(|replica| !replica.runs()) {
            self.start(at, place)?;
        }
        loop {
            let Some(replica) = self.replicas.get(at).filter(|replica| replica.runs()) else { return Ok(()) };
            let next = replica.height() + 1;
            if next > self.blocks.len() as u64 {
                return Ok(());
            }
            self.counts.synced += 1;
            if !self.execute(at, next, 0)? {
                return Ok(());
            }
        }
    }

    /// FinalizeBlock and Commit of a decided block. Whether the replica is still there.
    pub(super) fn execute(&mut self, at: usize, height: u64, round: u32) -> Result<bool, Failure> {
        let place = Place { height, round };
        let Some(index) = usize::try_from(height).ok().and_then(|h| h.checked_sub(1)) else { return Ok(false) };
        let Some(mut request) = self.blocks.get(index).map(|block| block.request.clone()) else { return Ok(false) };
        let fault = self.fault_of(at, height);
        let mut senders = Vec::new();
        if let (Some(fault), Some(chain)) = (fault, self.replicas.get(at).and_then(Replica::chain)) {
            senders = senders_of(chain, &request);
            let validators: Vec<ConsensusAddress> = self.comet.at(height).iter().map(|(a, _)| *a).collect();
            let other = self.blocks.get(index).and_then(|block| block.other.as_deref());
            let around = Around { validators: &validators, other, senders: &senders };
            if in_request(fault, &mut request, &around) {
                self.planted_now(height);
            }
            // Else the replica might die before its fault can show.
            if let Some(replica) = self.replicas.get_mut(at) {
                replica.death = None;
            }
        }
        if let Some(replica) = self.replicas.get_mut(at) {
            replica.saved = replica.saved.max(height);
            replica.writes.clear();
        }
        let Some((mut app_hash, updates)) = self.finalize(at, place, request)? else { return Ok(false) };
        if fault == Some(Fault::WrongAppHash) {
            app_hash.0[31] ^= 1;
            self.planted_now(height);
        }
        self.compare(at, place, Phase::Finalize, |block, _| {
            agree(&mut block.app_hash, app_hash, "the app hash", |hash| hash.to_string())?;
            agree(&mut block.updates, updates_digest(&updates), "what validators change", hex)
        })?;
        // The first to execute tells CometBFT.
        if self.comet.at(height + 2).is_empty() {
            self.comet.update(height, &updates).map_err(|why| {
                let what = Wrong::Comet(why);
                Failure { height, phase: Phase::Finalize, replica: at, what }
            })?;
        }
        if let (Some(fault), Some(replica)) = (fault, self.replicas.get(at))
            && on_disk(fault, replica.disk(), &senders)
        {
            self.planted_now(height);
        }
        if !self.commit(at, place)? {
            return Ok(false);
        }
        self.counts.executed += 1;
        self.after_commit(at, place, fault)?;
        Ok(true)
    }

    fn finalize(
        &mut self,
        at: usize,
        place: Place,
        request: RequestFinalizeBlock,
    ) -> Result<Option<Finalized>, Failure> {
        let digest = Digest::default().list(&request.txs).bytes(&request.hash).bytes(&request.proposer_address);
        let time = request.time.unwrap_or_default();
        let digest = digest.number(time.seconds.unsigned_abs()).number(u64::from(time.nanos.unsigned_abs())).get();
        let Some(replica) = self.replicas.get_mut(at) else { return Ok(None) };
        let run = |chain: &Chain| {
            let answer = chain.finalize_block(request);
            let rest = (answer.tx_results.len(), answer.events.len());
            (B256::try_from(answer.app_hash.as_ref()).unwrap_or_default(), answer.validator_updates, rest)
        };
        let hash = |(app_hash, updates, (results, events)): &(B256, Vec<ValidatorUpdate>, (usize, usize))| {
            let digest = Digest::default().bytes(app_hash.as_slice()).number(*results as u64);
            digest.number(updates_digest(updates)).number(*events as u64).get()
        };
        let answer = replica.call(&mut self.audit, place, (Phase::Finalize, digest), run, hash);
        Ok(self.survived(answer, at, place)?.map(|(app_hash, updates, _)| (app_hash, updates)))
    }

    fn commit(&mut self, at: usize, place: Place) -> Result<bool, Failure> {
        let Some(replica) = self.replicas.get_mut(at) else { return Ok(false) };
        let run = |chain: &Chain| chain.commit().retain_height;
        let hash = |height: &i64| height.unsigned_abs();
        let answer = replica.call(&mut self.audit, place, (Phase::Commit, place.height), run, hash);
        if self.survived(answer, at, place)?.is_none() {
            return Ok(false);
        }
        self.compare(at, place, Phase::Commit, |block, replica| {
            let [write] = replica.writes.as_slice() else {
                return Err(Wrong::Invariant(format!("a commit made {} writes, not one", replica.writes.len())));
            };
            if !write.synced {
                return Err(Wrong::Lost("the commit did not wait for the disk".to_owned()));
            }
            agree(&mut block.writes, write.digest, "what the commit wrote", hex)?;
            let Some(chain) = replica.chain() else { return Ok(()) };
            agree(&mut block.records, records_digest(chain, place.height)?, "what is stored of the block", hex)?;
            // At once: what a later block writes again would hide it.
            agree(&mut block.state, state_digest(chain)?, "the state on disk", hex)
        })?;
        if let Some(replica) = self.replicas.get_mut(at) {
            replica.acknowledged = place.height;
        }
        Ok(true)
    }

    /// Compares something of a replica with what the first replica had for that block.
    fn compare(
        &mut self,
        at: usize,
        place: Place,
        phase: Phase,
        look: impl FnOnce(&mut super::run::Decided, &Replica) -> Result<(), Wrong>,
    ) -> Result<(), Failure> {
        let index = usize::try_from(place.height).ok().and_then(|h| h.checked_sub(1));
        let block = index.and_then(|at| self.blocks.get_mut(at));
        let (Some(block), Some(replica)) = (block, self.replicas.get(at)) else { return Ok(()) };
        look(block, replica).map_err(|what| replica.failure(place.height, phase, what))
    }

    /// Every replica at this height has the same state on its disk.
    pub(super) fn compare_states(&mut self, height: u64) -> Result<(), Failure> {
        for at in 0..self.replicas.len() {
            if !self.replicas.get(at).is_some_and(|replica| replica.runs() && replica.height() == height) {
                continue;
            }
            self.compare(at, Place { height, round: 0 }, Phase::Check, |block, replica| {
                let Some(chain) = replica.chain() else { return Ok(()) };
                agree(&mut block.state, state_digest(chain)?, "the state on disk", hex)
            })?;
        }
        Ok(())
    }

    /// Something of a recent acknowledged height is there and provable.
    pub(super) fn prove(&mut self, at: usize, newest: u64) -> Result<(), Failure> {
        let height = self.streams.checks.between(newest.saturating_sub(PROVEN_BACK).max(1), newest);
        let index = usize::try_from(height).ok().and_then(|h| h.checked_sub(1));
        let app_hash = index.and_then(|at| self.blocks.get(at)).and_then(|block| block.app_hash);
        let (Some(replica), Some(app_hash)) = (self.replicas.get(at), app_hash) else { return Ok(()) };
        let Some(chain) = replica.chain() else { return Ok(()) };
        provable(chain, height, app_hash, &mut self.streams.checks)
            .map_err(|what| replica.failure(height, Phase::Check, what))
    }

    /// A replica that never saw a proposal executes the whole chain from genesis.
    pub(super) fn execute_again(&mut self) -> Result<(), Failure> {
        let (at, height) = (self.replicas.len(), self.blocks.len() as u64);
        self.replicas.push(Replica::new(at));
        self.absence.push(0);
        self.fetch_back(at, Place { height: height + 1, round: 0 })?;
        self.compare_states(height)?;
        self.replicas.pop();
        self.absence.pop();
        Ok(())
    }

    /// The fault that is planted in a replica, if it may show now and has not.
    fn fault_of(&self, at: usize, height: u64) -> Option<Fault> {
        let planted = self.planted.filter(|p| p.replica == at && p.from <= height && p.done.is_none())?;
        Some(planted.fault)
    }

    fn planted_now(&mut self, height: u64) {
        if let Some(planted) = &mut self.planted {
            planted.done = Some(height);
        }
    }

    /// Faults that show after a commit was answered.
    fn after_commit(&mut self, at: usize, place: Place, fault: Option<Fault>) -> Result<(), Failure> {
        match fault {
            Some(Fault::UnsyncedCommit) if self.planted.is_some_and(|p| p.done.is_some()) => {
                if let Some(replica) = self.replicas.get_mut(at) {
                    replica.die(&mut self.audit, place, 1);
                    self.start(at, place)?;
                }
                Ok(())
            }
            Some(Fault::BlockTwice) => {
                self.planted_now(place.height);
                if let Some(replica) = self.replicas.get_mut(at) {
                    replica.informed(place.height.saturating_sub(1));
                }
                self.execute(at, place.height, place.round).map(|_| ())
            }
            _ => Ok(()),
        }
    }
}

fn senders_of(chain: &Chain, request: &RequestFinalizeBlock) -> Vec<Address> {
    let raw = payload::decode_items(&request.txs, &Default::default()).unwrap_or_default();
    chain.pool().recover_all(&raw).into_iter().filter_map(|tx| tx.ok().map(|tx| tx.sender)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_figure_is_the_others_measure() {
        let mut slot = None;
        assert_eq!(agree(&mut slot, 5, "it", hex), Ok(()));
        assert_eq!(agree(&mut slot, 5, "it", hex), Ok(()));
        let expected = Wrong::Differs { what: "it", found: hex(6), expected: hex(5) };
        assert_eq!(agree(&mut slot, 6, "it", hex), Err(expected));
    }
}
