//! Transactions on their way: into some replica through RPC or CheckTx, and as bundles from pool to pool, late, in
//! another order, or never.

use alloy_primitives::hex;
use bytes::Bytes;
use defchain_abci::{
    AbciApplication, Application,
    types::{RequestCheckTx, RequestInsertTx, RequestReapTxs},
};

use super::{
    audit::Digest,
    failure::{Failure, Phase},
    replica::{NoAnswer, Place},
    run::Run,
    script::{At, Event, Sent},
    traffic::{self, Wallet},
};

/// Bundles on the way at most; what is more is lost, as in a network that is jammed.
const MAX_ON_THE_WAY: usize = 256;

/// A bundle on its way.
pub struct Parcel {
    to: usize,
    bundle: Bytes,
    /// At which step it arrives.
    due: u64,
}

impl Run {
    /// Users send, pools gossip, for some steps.
    pub(super) fn gossip(&mut self, place: Place) -> Result<(), Failure> {
        let steps = self.streams.gossip.between(1, 3);
        let count = self.streams.gossip.below(2 * self.settings.txs + 1);
        for step in 0..steps {
            let share = if step + 1 == steps { count - count / steps * step } else { count / steps };
            if !self.given {
                self.submit(place, step, share)?;
            } else {
                // The last step takes what belongs to later ones of a run that had more.
                let end = if step + 1 == steps { u64::MAX } else { step + 1 };
                self.submit_given(place, step, end)?;
            }
            self.reap(place)?;
            self.deliver(place)?;
            self.step += 1;
        }
        Ok(())
    }

    fn running(&self) -> Vec<usize> {
        self.replicas.iter().filter(|replica| replica.runs()).map(|replica| replica.index).collect()
    }

    fn submit(&mut self, place: Place, step: u64, count: u64) -> Result<(), Failure> {
        for _ in 0..count {
            let running = self.running();
            let Some(at) = self.streams.senders.pick(&running).copied() else { return Ok(()) };
            let by_comet = self.streams.senders.chance(200);
            let of_people = self.streams.senders.chance(600);
            let Some(replica) = self.replicas.get(at) else { continue };
            let event = match replica.chain().filter(|_| of_people) {
                Some(chain) => match self.people.next(chain, at, by_comet) {
                    Some(sent) => Event::Send(sent),
                    None => continue,
                },
                None => Event::Raw { replica: at, by_comet, bytes: self.traffic.next(replica) },
            };
            self.script.note_at(At { height: place.height, step }, event.clone());
            self.send(place, &event)?;
        }
        Ok(())
    }

    /// What the script says is sent in this height.
    fn submit_given(&mut self, place: Place, from: u64, end: u64) -> Result<(), Failure> {
        let events: Vec<Event> = self.script.steps(place.height, from, end).cloned().collect();
        events.iter().try_for_each(|event| self.send(place, event))
    }

    fn send(&mut self, place: Place, event: &Event) -> Result<(), Failure> {
        let (at, by_comet) = match event {
            Event::Send(Sent { replica, by_comet, .. }) | Event::Raw { replica, by_comet, .. } => (*replica, *by_comet),
            _ => return Ok(()),
        };
        let running = self.running();
        let Some(at) = running.iter().find(|r| **r == at).or(running.first()).copied() else { return Ok(()) };
        let Some(replica) = self.replicas.get_mut(at) else { return Ok(()) };
        let raw = match event {
            Event::Raw { bytes, .. } => bytes.clone(),
            Event::Send(sent) => match self.people.person(sent.user) {
                Some(user) => traffic::envelope(user, sent, replica.next_nonce(&user.address)),
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        self.counts.sent += 1;
        let request = Digest::default().bytes(&raw).number(u64::from(by_comet)).get();
        let run = |chain: &defchain_chain::Chain| {
            if by_comet {
                let answer = chain.check_tx(RequestCheckTx { tx: raw.0.clone(), r#type: 0 });
                (answer.code == 0, format!("{} {}", answer.log, hex::encode(&answer.data)))
            } else {
                match chain.pool().add_local(raw.clone()) {
                    Ok(hash) => (true, hash.to_string()),
                    Err(error) => (false, error.to_string()),
                }
            }
        };
        let digest = |(_, text): &(bool, String)| Digest::default().bytes(text.as_bytes()).get();
        let answer = replica.call(&mut self.audit, place, (Phase::CheckTx, request), run, digest);
        if let Some((taken, _)) = self.survived(answer, at, place)? {
            self.counts.taken += u64::from(taken);
        }
        Ok(())
    }

    fn reap(&mut self, place: Place) -> Result<(), Failure> {
        for at in self.running() {
            let Some(replica) = self.replicas.get_mut(at) else { continue };
            let run = |chain: &defchain_chain::Chain| chain.reap_txs(RequestReapTxs { max_bytes: 0, max_gas: 0 }).txs;
            let digest = |bundles: &Vec<Bytes>| Digest::default().list(bundles).get();
            let answer = replica.call(&mut self.audit, place, (Phase::ReapTxs, 0), run, digest);
            for bundle in self.survived(answer, at, place)?.unwrap_or_default() {
                for to in (0..self.replicas.len()).filter(|to| *to != at) {
                    if self.streams.gossip.chance(100) || self.on_the_way.len() >= MAX_ON_THE_WAY {
                        continue;
                    }
                    let due = self.step + self.streams.gossip.below(4);
                    self.on_the_way.push(Parcel { to, bundle: bundle.clone(), due });
                }
            }
        }
        Ok(())
    }

    fn deliver(&mut self, place: Place) -> Result<(), Failure> {
        let mut due: Vec<Parcel> = self.on_the_way.extract_if(.., |parcel| parcel.due <= self.step).collect();
        self.streams.gossip.shuffle(&mut due);
        for Parcel { to, bundle, .. } in due {
            let bundle = if self.streams.gossip.chance(20) { self.garble(&bundle) } else { bundle };
            let Some(replica) = self.replicas.get_mut(to).filter(|replica| replica.runs()) else { continue };
            let request = Digest::default().bytes(&bundle).get();
            let run = |chain: &defchain_chain::Chain| {
                let code = chain.insert_tx(RequestInsertTx { tx: bundle }).code;
                // Its workers judge the bundle: at no moment of the run may some of it be under way.
                chain.pool().wait_idle();
                (code, chain.pool().status())
            };
            let digest = |(code, status): &(u32, defchain_mempool::Status)| {
                let digest = Digest::default().number(u64::from(*code));
                digest.number(status.pending as u64).number(status.queued as u64).get()
            };
            let answer = replica.call(&mut self.audit, place, (Phase::InsertTx, request), run, digest);
            self.survived(answer, to, place)?;
        }
        Ok(())
    }

    fn garble(&mut self, bundle: &Bytes) -> Bytes {
        let mut bytes = bundle.to_vec();
        let at = self.streams.gossip.index(bytes.len());
        match self.streams.gossip.below(3) {
            0 => bytes.truncate(at),
            1 => bytes.push(0),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 0x40;
                }
            }
        }
        bytes.into()
    }

    /// An answer; `None` when the replica died, which is noted.
    pub(super) fn survived<R>(
        &mut self,
        answer: Result<R, NoAnswer>,
        at: usize,
        place: Place,
    ) -> Result<Option<R>, Failure> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(NoAnswer::Died) => {
                self.counts.crashes += 1;
                let back = place.height + self.streams.crashes.below(4);
                if let Some(absence) = self.absence.get_mut(at) {
                    *absence = back;
                }
                Ok(None)
            }
            Err(NoAnswer::Failed(failure)) => Err(*failure),
        }
    }
}
