//! A run: one seed, from genesis to its last block.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use defchain_abci::types::{CommitInfo, ExtendedCommitInfo, Misbehavior, RequestFinalizeBlock};
use defchain_base::{B256, ConsensusAddress, Timestamp};
use defchain_store::WriteFault;

use super::{
    audit::Audit,
    check::Checks,
    comet::{self, Comet},
    failure::{Failure, Phase},
    faults::{Fault, Planted},
    genesis::{DAY, GENESIS_TIME, Network},
    gossip::Parcel,
    people::People,
    replica::{Death, Moment, Place, Replica},
    script::{Event, Script},
    stream::Stream,
    traffic::Traffic,
};

/// What a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Everything random follows from it.
    pub seed: u64,
    /// Blocks.
    pub blocks: u64,
    /// Replicas, each a validator.
    pub replicas: usize,
    /// Transactions sent per block, on average.
    pub txs: u64,
    /// Whether replicas die, are cut off, and proposals fail.
    pub calm: bool,
    /// A fault to plant.
    pub fault: Option<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, blocks: 100, replicas: 4, txs: 10, calm: false, fault: None }
    }
}

/// What a run saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks decided.
    pub blocks: u64,
    /// Blocks executed by replicas, replays included.
    pub executed: u64,
    /// Rounds, those that decided included.
    pub rounds: u64,
    /// Proposals that the replicas refused.
    pub refused: u64,
    /// Transactions sent, taken by a pool, and in blocks.
    pub sent: u64,
    /// Taken by the pool they were sent to.
    pub taken: u64,
    /// With a receipt.
    pub included: u64,
    /// Of these: failed, created a contract, wrote logs, delegated (EIP-7702).
    pub failed: u64,
    /// Created a contract.
    pub created: u64,
    /// Wrote logs.
    pub logged: u64,
    /// Delegated (EIP-7702).
    pub delegated: u64,
    /// Replicas that died.
    pub crashes: u64,
    /// Blocks that came by block sync.
    pub synced: u64,
    /// Blocks that a handshake replayed.
    pub replayed: u64,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it was.
    pub settings: Settings,
    /// What it saw.
    pub counts: Counts,
    /// App hash after the last block.
    pub app_hash: B256,
    /// Every call.
    pub audit: Audit,
    /// What was wrong, if anything.
    pub failure: Option<Failure>,
    /// At which height a planted fault showed itself.
    pub planted_at: Option<u64>,
    /// What happened, to be played again.
    pub script: Script,
}

/// A decided block, as CometBFT's block store keeps it, and what the first replica made of it.
pub(super) struct Decided {
    pub request: RequestFinalizeBlock,
    pub hash: B256,
    /// Items of another proposal of the height that replicas accepted.
    pub other: Option<Vec<Bytes>>,
    /// App hash, digests of validator updates, of the commit's writes, of the records and of the state.
    pub app_hash: Option<B256>,
    pub updates: Option<u64>,
    pub writes: Option<u64>,
    pub records: Option<u64>,
    pub state: Option<u64>,
}

/// A stream per concern.
pub(super) struct Streams {
    pub time: Stream,
    pub rounds: Stream,
    pub crashes: Stream,
    pub gossip: Stream,
    pub checks: Stream,
    pub lies: Stream,
    pub senders: Stream,
    pub clocks: Stream,
}

/// A run at work.
pub struct Run {
    pub(super) settings: Settings,
    pub(super) network: Network,
    pub(super) traffic: Traffic,
    pub(super) people: People,
    pub(super) comet: Comet,
    /// What happens, as it is written down; or as it was given.
    pub(super) script: Script,
    pub(super) given: bool,
    /// What CometBFT proves in this height's block.
    pub(super) misbehavior: Vec<Misbehavior>,
    /// Whose precommit is missing in this height, or for nil.
    pub(super) away: BTreeMap<ConsensusAddress, bool>,
    pub(super) streams: Streams,
    pub(super) replicas: Vec<Replica>,
    /// Up to which height each replica is away: dead when it does not run, cut off when it does.
    pub(super) absence: Vec<u64>,
    pub(super) blocks: Vec<Decided>,
    /// Who signed the newest block, and what they added to their votes.
    pub(super) last_commit: CommitInfo,
    pub(super) last_extended: ExtendedCommitInfo,
    pub(super) on_the_way: Vec<Parcel>,
    /// Counts steps of gossip.
    pub(super) step: u64,
    pub(super) audit: Audit,
    pub(super) checks: Checks,
    pub(super) counts: Counts,
    pub(super) planted: Option<Planted>,
    /// App hash of the genesis state.
    pub(super) genesis_hash: Option<B256>,
    /// What a good clock shows.
    clock_at: Timestamp,
}

/// Runs a seed to its end, or to its first failure.
#[must_use]
pub fn run(settings: &Settings) -> Outcome {
    start(settings, None)
}

/// Plays what a script says, instead of what the seed would invent.
#[must_use]
pub fn replay(settings: &Settings, script: &Script) -> Outcome {
    start(settings, Some(script.clone()))
}

fn start(settings: &Settings, script: Option<Script>) -> Outcome {
    let mut run = Run::new(*settings);
    if let Some(script) = script {
        (run.script, run.given) = (script, true);
    }
    let failure = run.until_the_end().err();
    run.outcome(failure)
}

impl Run {
    fn new(settings: Settings) -> Self {
        let seed = settings.seed;
        let traffic = Traffic::new(seed);
        let people = People::new(seed, settings.replicas);
        let network = Network::new(seed, settings.replicas, &traffic, &people)
            .unwrap_or_else(|_| Network { init: Default::default(), max_bytes: 0 });
        let replicas = (0..settings.replicas).map(Replica::new).collect();
        let mut faults = Stream::new(seed, "faults");
        let planted = settings.fault.map(|fault| Planted {
            fault,
            replica: faults.index(settings.replicas),
            from: faults.between(2, 12),
            done: None,
        });
        Self {
            settings,
            network,
            traffic,
            people,
            comet: Comet::default(),
            script: Script::default(),
            given: false,
            misbehavior: Vec::new(),
            away: BTreeMap::new(),
            streams: Streams {
                time: Stream::new(seed, "time"),
                rounds: Stream::new(seed, "rounds"),
                crashes: Stream::new(seed, "crashes"),
                gossip: Stream::new(seed, "gossip"),
                checks: Stream::new(seed, "checks"),
                lies: Stream::new(seed, "lies"),
                senders: Stream::new(seed, "senders"),
                clocks: Stream::new(seed, "clocks"),
            },
            replicas,
            absence: vec![0; settings.replicas],
            blocks: Vec::new(),
            last_commit: CommitInfo::default(),
            last_extended: ExtendedCommitInfo::default(),
            on_the_way: Vec::new(),
            step: 0,
            audit: Audit::default(),
            checks: Checks::default(),
            counts: Counts::default(),
            planted,
            genesis_hash: None,
            clock_at: GENESIS_TIME,
        }
    }

    fn outcome(self, failure: Option<Failure>) -> Outcome {
        let mut counts = self.counts;
        counts.add(self.checks.seen());
        let app_hash = self.blocks.last().and_then(|block| block.app_hash).unwrap_or_default();
        let planted_at = self.planted.and_then(|planted| planted.done);
        Outcome {
            settings: self.settings,
            counts,
            app_hash,
            audit: self.audit,
            failure,
            planted_at,
            script: self.script,
        }
    }

    fn until_the_end(&mut self) -> Result<(), Failure> {
        let start = Place { height: 0, round: 0 };
        for at in 0..self.replicas.len() {
            self.start(at, start)?;
        }
        for height in 1..=self.settings.blocks {
            let place = Place { height, round: 0 };
            self.advance_clock(height);
            self.come_back(place)?;
            self.plan_lies(height);
            self.go_away(place);
            self.gossip(place)?;
            self.decide(height)?;
            self.check(height)?;
        }
        let end = Place { height: self.settings.blocks + 1, round: 0 };
        // Whoever dies on the way is brought back again: at the end everyone holds the same.
        for at in (0..self.replicas.len()).cycle().take(3 * self.replicas.len()) {
            self.fetch_back(at, end)?;
        }
        self.compare_states(end.height - 1)?;
        if self.streams.checks.chance(250) {
            self.execute_again()?;
        }
        Ok(())
    }

    /// Milliseconds to years since the block before.
    fn advance_clock(&mut self, height: u64) {
        let day = u64::from(DAY) * 1_000;
        let given = self.given.then(|| {
            let step =
                self.script.at(height).find_map(|event| if let Event::Time(step) = event { Some(*step) } else { None });
            step.unwrap_or(1_000)
        });
        let step = given.unwrap_or_else(|| {
            let time = &mut self.streams.time;
            let step = match time.below(1_000) {
                0..350 => time.between(1, 60),
                350..700 => time.between(300, 2_000),
                700..850 => time.between(2_000, 60_000),
                850..940 => time.between(60_000, 2 * day),
                // Months, years.
                940..985 => time.between(day, 4 * day),
                985..996 => time.between(4 * day, 12 * day),
                _ => time.between(12 * day, 36 * day),
            };
            self.script.note(height, Event::Time(step));
            step
        });
        let now = self.clock_at.0 + step;
        self.clock_at = Timestamp(now);
        for chain in self.replicas.iter().filter_map(Replica::chain) {
            // Clocks of different nodes differ a little.
            chain.pool().set_clock(now + self.streams.clocks.below(200));
        }
    }

    /// Who is caught lying, and whose precommit is missing although its machine is there.
    fn plan_lies(&mut self, height: u64) {
        self.misbehavior.clear();
        self.away.clear();
        if !self.given {
            self.invent_lies(height);
        }
        let events: Vec<Event> = self.script.at(height).cloned().collect();
        for event in events {
            match event {
                Event::Evidence { address, light_client, ago } => {
                    let Some(at) = height.checked_sub(1 + ago).filter(|at| *at > 0) else { continue };
                    let time = usize::try_from(at - 1).ok().and_then(|n| self.blocks.get(n)?.request.time);
                    self.misbehavior.push(Misbehavior {
                        r#type: if light_client { 2 } else { 1 },
                        validator: Some(self.comet.validator(at, &address)),
                        height: i64::try_from(at).unwrap_or(i64::MAX),
                        time,
                        total_voting_power: i64::try_from(self.comet.total(at)).unwrap_or(i64::MAX),
                    });
                }
                Event::Away { address, nil } => {
                    self.away.insert(address, nil);
                }
                _ => {}
            }
        }
    }

    fn invent_lies(&mut self, height: u64) {
        let lies = &mut self.streams.lies;
        if lies.chance(30) {
            let ago = lies.below(6);
            let at = height.saturating_sub(1 + ago).max(1);
            if let Some((address, _)) = lies.pick(self.comet.at(at)).copied() {
                let event = Event::Evidence { address, light_client: lies.chance(200), ago };
                self.script.note(height, event.clone());
                // Several pieces of evidence of one lie.
                if lies.chance(200) {
                    self.script.note(height, event);
                }
            }
        }
        if lies.chance(150)
            && let Some((address, _)) = lies.pick(self.comet.at(height)).copied()
        {
            self.script.note(height, Event::Away { address, nil: lies.chance(400) });
        }
    }

    /// Who is away and due comes back; more when what is left could not decide.
    fn come_back(&mut self, place: Place) -> Result<(), Failure> {
        for at in 0..self.replicas.len() {
            if self.absence.get(at).is_some_and(|until| *until <= place.height) {
                self.fetch_back(at, place)?;
            }
        }
        self.enough(place)
    }

    /// Makes sure that more than two thirds of the power take part.
    pub(super) fn enough(&mut self, place: Place) -> Result<(), Failure> {
        // A replica that is brought back may die once more on the way.
        for _ in 0..3 {
            for at in 0..self.replicas.len() {
                if self.decides(place.height, self.present(place.height)) {
                    return Ok(());
                }
                self.fetch_back(at, place)?;
            }
        }
        Ok(())
    }

    /// Who takes part in a height: runs, holds the block before, is not cut off.
    pub(super) fn present(&self, height: u64) -> Vec<usize> {
        let takes_part = |replica: &&Replica| {
            replica.runs()
                && replica.height() + 1 == height
                && self.absence.get(replica.index).is_none_or(|until| *until <= height)
        };
        self.replicas.iter().filter(takes_part).map(|replica| replica.index).collect()
    }

    /// Plans who dies in this height, and who is cut off from it on.
    fn go_away(&mut self, place: Place) {
        if self.settings.calm {
            return;
        }
        let streams = &mut self.streams.crashes;
        if streams.chance(150) {
            let at = streams.index(self.replicas.len());
            let phases = [
                Phase::CheckTx,
                Phase::InsertTx,
                Phase::ReapTxs,
                Phase::Prepare,
                Phase::Process,
                Phase::ExtendVote,
                Phase::Verify,
                Phase::Finalize,
                Phase::Commit,
                Phase::Commit,
                Phase::Commit,
            ];
            let phase = streams.pick(&phases).copied().unwrap_or(Phase::Commit);
            let moment = random_moment(streams, phase);
            if let Some(replica) = self.replicas.get_mut(at) {
                replica.death = Some(Death { height: place.height, phase, moment });
            }
        }
        if streams.chance(60) {
            let at = streams.index(self.replicas.len());
            let until = place.height + streams.between(1, 6);
            let others = self.present(place.height).into_iter().filter(|other| *other != at).collect();
            if self.decides(place.height, others)
                && let Some(absence) = self.absence.get_mut(at)
            {
                *absence = (*absence).max(until);
            }
        }
    }

    /// What must hold now: one replica is looked through, a proof is made now and then.
    fn check(&mut self, height: u64) -> Result<(), Failure> {
        let holders: Vec<usize> =
            self.replicas.iter().filter(|r| r.runs() && r.height() == height).map(|r| r.index).collect();
        let Some(at) = self.streams.checks.pick(&holders).copied() else { return Ok(()) };
        if let Some((replica, chain)) = self.replicas.get(at).and_then(|r| Some((r, r.chain()?))) {
            self.checks.newest(chain, &self.comet).map_err(|what| replica.failure(height, Phase::Check, what))?;
        }
        for (sender, contract) in self.checks.take_created() {
            if self.people.addresses().any(|person| person == sender) {
                self.people.found_proxy(contract);
            }
        }
        if height.is_multiple_of(8) {
            self.prove(at, height)?;
        }
        Ok(())
    }

    /// Whether these replicas, with the validators whose machines are not simulated, have more than two thirds of the power.
    pub(super) fn decides(&self, height: u64, replicas: Vec<usize>) -> bool {
        self.comet.decides(height, &self.signers(height, &replicas))
    }

    /// Validators of a height who vote when these replicas do.
    pub(super) fn signers(&self, height: u64, replicas: &[usize]) -> BTreeSet<ConsensusAddress> {
        let votes = |address: &ConsensusAddress| {
            comet::key_at(address)
                .is_some_and(|key| key.owner >= self.settings.replicas || replicas.contains(&key.owner))
        };
        self.comet.at(height).iter().map(|(address, _)| *address).filter(votes).collect()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock_at
    }
}

/// A moment of dying that makes sense in a call.
pub(super) fn random_moment(stream: &mut Stream, phase: Phase) -> Moment {
    let writes =
        [WriteFault::Refused, WriteFault::PowerBefore, WriteFault::PowerBeforeSync, WriteFault::PowerAfterSync];
    match stream.below(6) {
        0 => Moment::Before,
        1 => Moment::After,
        2 if matches!(phase, Phase::Prepare | Phase::Process | Phase::Finalize | Phase::Commit) => Moment::Reads,
        _ if matches!(phase, Phase::Commit | Phase::InitChain) => {
            Moment::Write(stream.pick(&writes).copied().unwrap_or(WriteFault::Refused))
        }
        _ => Moment::After,
    }
}
