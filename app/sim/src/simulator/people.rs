//! The people of the economy: they pay each other, stake, claim, delegate, run validators and vote, sensibly and not.
//!
//! Operators come first (one for each replica, of a validator of genesis), then candidates who may register, then everybody
//! else. They look at the state of the replica they talk to, as a wallet does, so that most of what they do means something.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use defchain_base::{AgeMillis, Amount, Timestamp};
use defchain_chain::{Chain, StateAt};
use defchain_geo::{Attestation, Country};
use defchain_sdk::{
    Outgoing,
    contracts::IValidators::{Registration, SignedAttestation},
    native::{self, Proposal},
};
use defchain_slashing::votes::{BlockId, PartSetHeader, Timestamp as VoteTime, Vote};
use defchain_staking::{PositionId, compact::Operation};
use defchain_token::state::TokenRead;
use defchain_validators::{
    Status,
    pop::{self, BlsSecret},
};
use prost::Message;

use super::{
    comet::{self, Key},
    contracts::{PROXY, creation},
    genesis::CHAIN,
    script::Sent,
    stream::Stream,
    traffic::{CHAIN_ID, GWEI, User},
};

/// Who may register beside the validators of genesis.
pub const CANDIDATES: usize = 6;
/// Everybody else.
pub const HOUSEHOLDS: usize = 12;
/// The key that attests, by number of a person that does not exist otherwise.
const VERIFIER: u64 = 1_000;

/// Gas limits: what the dearest operations need.
const GAS: u64 = 1_500_000;

/// The people of a run.
pub struct People {
    stream: Stream,
    people: Vec<User>,
    operators: usize,
    verifier: Option<User>,
    /// Consensus keys that each operator or candidate has used.
    generations: Vec<usize>,
    nonce: u64,
    /// Addresses of proxies that were or will be created.
    proxies: Vec<Address>,
}

/// What somebody wants to do, in words too.
struct Deed {
    out: Outgoing,
    note: String,
    /// Its compact form, where it has one.
    compact: Option<Bytes>,
}

fn deed(out: Outgoing, note: impl Into<String>) -> Deed {
    Deed { out, note: note.into(), compact: None }
}

/// What the state says of somebody.
struct View<'a> {
    state: &'a StateAt,
    now: Timestamp,
    age: AgeMillis,
}

impl View<'_> {
    fn positions(&self, owner: Address) -> Vec<(PositionId, bool)> {
        let found = defchain_staking::query::positions(self.state, owner).unwrap_or_default();
        found.iter().map(|lifted| (lifted.id, lifted.position.is_bound())).collect()
    }

    fn balance(&self, owner: Address) -> Amount {
        self.state.effective_balance(&owner, self.age).unwrap_or_default()
    }
}

impl People {
    /// The people of a seed, with so many validators at genesis.
    #[must_use]
    pub fn new(seed: u64, operators: usize) -> Self {
        let count = operators + CANDIDATES + HOUSEHOLDS;
        Self {
            stream: Stream::new(seed, "people"),
            people: (0..count as u64).filter_map(User::person).collect(),
            operators,
            verifier: User::person(VERIFIER),
            generations: vec![0; count],
            nonce: 0,
            proxies: Vec::new(),
        }
    }

    /// Their addresses: operators, candidates, households.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.people.iter().map(|user| user.address)
    }

    /// Who attests.
    #[must_use]
    pub fn verifier(&self) -> Address {
        self.verifier.as_ref().map(|user| user.address).unwrap_or_default()
    }

    /// Who has this number.
    #[must_use]
    pub fn person(&self, at: usize) -> Option<&User> {
        self.people.get(at)
    }

    /// The next transaction, by somebody who looks at this replica.
    pub fn next(&mut self, chain: &Chain, replica: usize, by_comet: bool) -> Option<Sent> {
        let (header, state) = chain.reader().latest_state().ok()?;
        let view = View { state: &state, now: header.time, age: header.age };
        let user = self.stream.index(self.people.len());
        let me = self.people.get(user)?.address;
        let mut deed = self.deed(&view, user, me);
        let stray = self.stream.below(1_000);
        if stray < 20 && !self.proxies.is_empty() {
            deed = self.through_proxy(deed);
        }
        // Somebody types a wrong amount.
        if (20..30).contains(&stray) {
            deed.out.value = U256::from(self.stream.next_u64()) << self.stream.index(80);
        }
        let kind = match (deed.compact.take(), self.stream.below(10)) {
            (Some(payload), 0..3) => {
                deed.out.input = payload;
                100
            }
            (_, 3) => 0,
            _ => 2,
        };
        let to = match deed.out.to {
            TxKind::Call(to) => Some(to),
            TxKind::Create => None,
        };
        let tip = GWEI / 10 * u128::from(self.stream.between(1, 40));
        let gas = match (to, deed.out.input.len()) {
            (_, 0) => self.stream.between(21_000, 60_000),
            _ if self.stream.chance(30) => self.stream.between(25_000, 200_000),
            _ => GAS,
        };
        let Outgoing { value, input, .. } = deed.out;
        Some(Sent { replica, by_comet, user, to, value, input, gas, cap: 100 * GWEI + tip, tip, kind, note: deed.note })
    }

    fn deed(&mut self, view: &View<'_>, user: usize, me: Address) -> Deed {
        let poor = view.balance(me) < Amount::from_def(1);
        match self.stream.below(100) {
            // Whoever has nothing liquid looks where some is.
            _ if poor && self.stream.chance(600) => self.release(view, me),
            0..20 => self.payment(view, me),
            20..30 => self.release(view, me),
            30..52 => self.stake(view, me),
            52..66 => self.delegate(view, me),
            66..76 => self.validate(view, user, me),
            76..90 => self.govern(view, me),
            90..94 => self.token(me),
            94..97 => self.report(view),
            _ => self.proxy(me),
        }
    }

    fn somebody(&mut self) -> Address {
        let at = self.stream.index(self.people.len());
        self.people.get(at).map(|user| user.address).unwrap_or_default()
    }

    fn operator(&mut self, view: &View<'_>) -> Address {
        let active = defchain_validators::query::active(view.state).unwrap_or_default();
        match self.stream.pick(&active) {
            Some((_, operator)) if !self.stream.chance(80) => *operator,
            _ => self.somebody(),
        }
    }

    /// One of somebody's positions; now and then one that is not there.
    fn position(&mut self, view: &View<'_>, owner: Address, bound: Option<bool>) -> u32 {
        let mut found = view.positions(owner);
        if let Some(bound) = bound
            && !self.stream.chance(100)
        {
            found.retain(|(_, is)| *is == bound);
        }
        match self.stream.pick(&found) {
            Some((id, _)) if !self.stream.chance(30) => id.0,
            _ => u32::try_from(self.stream.below(12)).unwrap_or(0),
        }
    }

    fn amount(&mut self, view: &View<'_>, me: Address) -> U256 {
        let balance = view.balance(me).to_u256();
        match self.stream.below(12) {
            0 => U256::from(self.stream.below(2)),
            1 => U256::from(self.stream.below(1_000_000_000_000)),
            2 => balance,
            3 => balance * U256::from(95) / U256::from(100),
            _ => balance * U256::from(self.stream.between(1, 40)) / U256::from(100),
        }
    }

    fn years(&mut self) -> u8 {
        let odd = self.stream.chance(40);
        let years = if odd { self.stream.pick(&[0, 13, 255]).copied() } else { Some(self.stream.between(1, 12)) };
        u8::try_from(years.unwrap_or(1)).unwrap_or(1)
    }

    fn payment(&mut self, view: &View<'_>, me: Address) -> Deed {
        let to = match self.stream.below(8) {
            0 => self.stream.pick(&self.proxies).copied().unwrap_or_default(),
            1 => Address::from_word(keccak256(self.stream.below(64).to_be_bytes())),
            _ => self.somebody(),
        };
        let value = self.amount(view, me);
        deed(Outgoing { to: TxKind::Call(to), value, ..Outgoing::default() }, "pay")
    }

    /// Whatever brings liquid money.
    fn release(&mut self, view: &View<'_>, me: Address) -> Deed {
        let owner = if self.stream.chance(150) { self.somebody() } else { me };
        let id = self.position(view, owner, None);
        let n = u64::from(id);
        let with = |out: Outgoing, note: &str, operation: Operation| Deed {
            out,
            note: format!("{note}({id}) of {owner}"),
            compact: Some(operation.encoded().into()),
        };
        let own = owner == me;
        match self.stream.below(9) {
            0..3 if own => with(native::withdraw(id), "withdraw", Operation::Withdraw { id: n }),
            0..3 => with(native::withdraw_for(owner, id), "withdrawFor", Operation::WithdrawFor { owner, id: n }),
            3..5 if own => with(native::unlock(id), "unlock", Operation::Unlock { id: n }),
            3..5 => with(native::unlock_for(owner, id), "unlockFor", Operation::UnlockFor { owner, id: n }),
            5 if own => with(native::claim_dividends(id), "claimDividends", Operation::ClaimDividends { id: n }),
            5 => deed(native::claim_dividends_for(owner, id), format!("claimDividendsFor({owner}, {id})")),
            6 => with(native::claim_all_dividends(), "claimAllDividends", Operation::ClaimAllDividends),
            7 => deed(native::claim_rewards(owner, id), format!("claimRewards({owner}, {id})")),
            _ => {
                let amount = self.amount(view, me);
                deed(native::withdraw_part(id, amount), format!("withdrawPart({id}, {amount})"))
            }
        }
    }

    fn stake(&mut self, view: &View<'_>, me: Address) -> Deed {
        let years = self.years();
        let id = self.position(view, me, None);
        match self.stream.below(12) {
            0..6 => {
                let amount = self.amount(view, me);
                let operation = Amount::try_from(amount)
                    .ok()
                    .map(|amount| Operation::Stake { amount, years: u64::from(years) }.encoded().into());
                Deed { compact: operation, ..deed(native::stake(amount, years), format!("stake({years})")) }
            }
            6 | 7 => deed(native::extend(id, years), format!("extend({id}, {years})")),
            8 => deed(native::restake(id, years), format!("restake({id}, {years})")),
            9 => deed(native::compound(id), format!("compound({id})")),
            10 => {
                let on = !self.stream.chance(250);
                deed(native::set_auto_compound(id, on), format!("setAutoCompound({id}, {on})"))
            }
            _ => {
                let owner = self.somebody();
                deed(native::close(owner, id), format!("close({owner}, {id})"))
            }
        }
    }

    fn delegate(&mut self, view: &View<'_>, me: Address) -> Deed {
        let operator = self.operator(view);
        match self.stream.below(14) {
            0..5 => {
                let (amount, years) = (self.amount(view, me), self.years());
                deed(native::delegate(operator, amount, years), format!("delegate({operator}, {years})"))
            }
            5..8 => {
                let id = self.position(view, me, Some(false));
                deed(native::bind(id, operator), format!("bind({id}, {operator})"))
            }
            8..10 => {
                let id = self.position(view, me, Some(true));
                deed(native::unbind(id), format!("unbind({id})"))
            }
            10..12 => {
                let id = self.position(view, me, Some(true));
                deed(native::claim_rewards(me, id), format!("claimRewards({id})"))
            }
            12 => deed(native::claim_all_rewards(), "claimAllRewards"),
            _ => deed(native::claim_commission(operator), format!("claimCommission({operator})")),
        }
    }

    fn signed_attestation(&mut self, view: &View<'_>, user: usize, me: Address) -> Option<SignedAttestation> {
        let countries: Vec<Country> = Country::all().collect();
        // Few countries, so that seats are contested.
        let number =
            if self.stream.chance(700) { user % (self.operators + 3) } else { self.stream.index(self.operators + 3) };
        let country = *countries.get(number)?;
        self.nonce += 1;
        let date = view.now.seconds().saturating_sub(self.stream.below(3_600));
        let attestation = Attestation {
            validator: if self.stream.chance(30) { self.somebody() } else { me },
            country,
            verification_date: date,
            expiration_date: date + self.stream.between(1, 366) * 86_400,
            nonce: U256::from(if self.stream.chance(30) { self.nonce / 2 } else { self.nonce }),
        };
        let signer = if self.stream.chance(30) { self.people.first() } else { self.verifier.as_ref() };
        let signature = signer?.sign_hash(attestation.signing_hash(CHAIN_ID));
        Some(SignedAttestation {
            country: country.code().into(),
            verificationDate: attestation.verification_date,
            expirationDate: attestation.expiration_date,
            nonce: attestation.nonce,
            signature: signature.as_bytes().to_vec().into(),
        })
    }

    fn new_key(&mut self, user: usize) -> Option<&'static Key> {
        let again = self.stream.chance(60);
        let generation = self.generations.get_mut(user)?;
        // Operators of genesis use the first from the start.
        if !again {
            *generation += 1;
        }
        let generation = if user < self.operators { *generation } else { generation.saturating_sub(1) };
        comet::key_of(user, generation)
    }

    fn validate(&mut self, view: &View<'_>, user: usize, me: Address) -> Deed {
        let record = defchain_validators::query::record(view.state, me).ok().flatten();
        let status = record.as_ref().map(|r| r.status);
        let registers = matches!(status, None | Some(Status::Exited)) && user < self.operators + CANDIDATES;
        match (status, self.stream.below(10)) {
            (Some(Status::Jailed | Status::Inactive), 0..6) => deed(native::unjail(), "unjail"),
            (_, 0..7) if registers => self.register(view, user, me).unwrap_or_else(|| deed(native::exit(), "exit")),
            (_, 0..2) => match self.signed_attestation(view, user, me) {
                Some(signed) => deed(native::attest(signed), "attest"),
                None => deed(native::unjail(), "unjail"),
            },
            (_, 2..4) => {
                let bps = u16::try_from(self.stream.between(400, 2_100)).unwrap_or(500);
                let present = record.map_or(bps, |r| r.commission.0);
                let bps = if self.stream.chance(500) { present.saturating_add(100) } else { bps };
                deed(native::set_commission(bps), format!("setCommission({bps})"))
            }
            (_, 4) => match self.new_key(user) {
                Some(key) => {
                    let proof = key.secret.sign(&pop::consensus_message(CHAIN_ID, me, &key.public)).to_bytes();
                    deed(native::rotate_key(B256::new(key.public), proof.to_vec().into()), "rotateKey")
                }
                None => deed(native::unjail(), "unjail"),
            },
            (_, 5) if self.stream.chance(300) => deed(native::exit(), "exit"),
            (_, 6) => deed(native::unjail(), "unjail"),
            _ => deed(native::claim_commission(me), "claimCommission"),
        }
    }

    fn register(&mut self, view: &View<'_>, user: usize, me: Address) -> Option<Deed> {
        let attestation = self.signed_attestation(view, user, me)?;
        let key = self.new_key(user)?;
        let seed = keccak256([&b"defchain/sim/bls"[..], me.as_slice(), &key.public].concat());
        let secret = BlsSecret::from_seed(&seed.0).ok()?;
        let registration = Registration {
            moniker: format!("person-{user}"),
            attestation,
            consensusKey: B256::new(key.public),
            consensusProof: key
                .secret
                .sign(&pop::consensus_message(CHAIN_ID, me, &key.public))
                .to_bytes()
                .to_vec()
                .into(),
            blsKey: secret.public().to_vec().into(),
            blsProof: secret.prove(CHAIN_ID, me).to_vec().into(),
            commission: u16::try_from(self.stream.between(500, 2_000)).unwrap_or(500),
        };
        Some(deed(native::register(registration), "register"))
    }

    fn govern(&mut self, view: &View<'_>, me: Address) -> Deed {
        let newest = defchain_governance::query::proposals(view.state, None, 4).unwrap_or_default();
        let last = newest.first().map_or(0, |p| p.id);
        match self.stream.below(10) {
            0..7 if last > 0 => {
                let id = last.saturating_sub(self.stream.below(3)).max(1);
                // Mostly yes, so that something is decided.
                let choice = if self.stream.chance(750) { 1 } else { u8::try_from(self.stream.below(6)).unwrap_or(2) };
                deed(native::vote(id, choice), format!("vote({id}, {choice})"))
            }
            7 if last > 0 => {
                deed(native::approve_spending(last, !self.stream.chance(100)), format!("approveSpending({last})"))
            }
            _ => {
                let what = self.proposal(view, me);
                let note = format!("propose {what:?}");
                let deposit =
                    U256::from(if self.stream.chance(950) { 1_000 } else { 999 }) * U256::from(10).pow(U256::from(18));
                deed(native::propose(what, "because".to_owned(), deposit), note)
            }
        }
    }

    fn proposal(&mut self, view: &View<'_>, me: Address) -> Proposal {
        const PARAMETERS: [(&str, &str, u64, u64); 12] = [
            ("staking", "min_stake", 0, 2_000_000_000_000_000_000),
            ("staking", "unbinding_days", 0, 400),
            ("staking", "unlock_days_per_year", 0, 10),
            ("staking", "compound_per_block", 0, 5),
            ("staking", "m8", 6, 13),
            ("validators", "epoch_blocks", 0, 20),
            ("validators", "commission_step", 0, 300),
            ("slashing", "double_sign", 0, 2_000),
            ("slashing", "downtime_days", 0, 4),
            ("governance", "voting_days", 0, 9),
            ("chain", "min_base_fee", 0, 3_000_000_000),
            ("token", "min_portion", 0, 2_000_000_000_000),
        ];
        let who = self.somebody();
        match self.stream.below(16) {
            0..6 => {
                let (module, key, from, to) = self.stream.pick(&PARAMETERS).copied().unwrap_or(("x", "y", 0, 1));
                let value = U256::from(self.stream.between(from, to));
                Proposal::Parameter { module: module.to_owned(), key: key.to_owned(), value }
            }
            6 => Proposal::Text,
            7 => {
                let mut table = [100, 99, 97, 93, 85, 71, 48, 17, 0];
                let at = self.stream.between(1, 7);
                if let Some(value) = table.get_mut(usize::try_from(at).unwrap_or(1)) {
                    *value = u8::try_from(self.stream.below(101)).unwrap_or(50);
                }
                if self.stream.chance(500) { Proposal::BurnTable(table) } else { Proposal::LowerBurn(table) }
            }
            8 | 9 => Proposal::Exempt { account: who, exempt: !self.stream.chance(300) },
            10 => {
                Proposal::Verifier { verifier: who, name: "another".to_owned(), accredited: !self.stream.chance(300) }
            }
            11 | 12 => {
                let pool = u8::try_from(self.stream.below(5)).unwrap_or(1);
                Proposal::Spending { pool, to: who, amount: U256::from(self.stream.next_u64()) * U256::from(40) }
            }
            13 => Proposal::Slash(self.operator(view)),
            14 => Proposal::Signers(self.signers()),
            _ => Proposal::Spending { pool: 3, to: me, amount: U256::from(self.stream.next_u64()) },
        }
    }

    /// Nine of the people.
    #[must_use]
    pub fn signers(&self) -> [Address; 9] {
        let mut all = self.people.iter().rev().map(|user| user.address);
        core::array::from_fn(|_| all.next().unwrap_or_default())
    }

    fn token(&mut self, me: Address) -> Deed {
        let who = if self.stream.chance(60) { me } else { self.somebody() };
        if self.stream.chance(400) {
            deed(native::set_referrer(who), format!("setReferrer({who})"))
        } else {
            deed(native::settle(who), format!("settle({who})"))
        }
    }

    /// Two votes of one key for one height; good evidence, repeated evidence, and what is none.
    fn report(&mut self, view: &View<'_>) -> Deed {
        let owner = self.stream.index(self.operators + CANDIDATES);
        let generation = self.generations.get(owner).copied().unwrap_or(0);
        let Some(key) = comet::key_of(owner, self.stream.index(generation + 1)) else {
            return self.token(Address::ZERO);
        };
        let newest =
            defchain_validators::query::epoch(view.state).ok().and_then(|(epoch, _)| epoch).map_or(1, |e| e.start.0);
        let height = newest.saturating_sub(self.stream.below(12)).max(1);
        let vote = |block: u8| {
            let mut vote = Vote {
                kind: 2,
                height: i64::try_from(height).unwrap_or(1),
                round: 0,
                block_id: Some(BlockId {
                    hash: vec![block; 32],
                    parts: Some(PartSetHeader { total: 1, hash: vec![block; 32] }),
                }),
                timestamp: Some(VoteTime { seconds: 4_102_444_800, nanos: 0 }),
                validator_address: key.address.0.to_vec(),
                ..Vote::default()
            };
            vote.signature = key.secret.sign(&vote.sign_bytes(CHAIN)).to_bytes().to_vec();
            Bytes::from(vote.encode_to_vec())
        };
        let second = if self.stream.chance(200) { 1 } else { 2 };
        let out = native::submit_evidence(B256::new(key.public), vote(1), vote(second));
        deed(out, format!("submitEvidence(operator {owner}, height {height})"))
    }

    /// A contract that passes on what it is told, or a call of one.
    fn proxy(&mut self, me: Address) -> Deed {
        if self.proxies.len() < 6 {
            return deed(
                Outgoing { to: TxKind::Create, input: creation(PROXY), ..Outgoing::default() },
                "create a proxy",
            );
        }
        let to = self.somebody();
        let value = U256::from(self.stream.below(2_000_000_000_000_000_000));
        let inner = deed(Outgoing { to: TxKind::Call(to), value, ..Outgoing::default() }, format!("pay {to} for {me}"));
        self.through_proxy(inner)
    }

    /// A proxy came into being.
    pub fn found_proxy(&mut self, address: Address) {
        if self.proxies.len() < 6 && !self.proxies.contains(&address) {
            self.proxies.push(address);
        }
    }

    fn through_proxy(&mut self, inner: Deed) -> Deed {
        let (Some(proxy), TxKind::Call(to)) = (self.stream.pick(&self.proxies).copied(), inner.out.to) else {
            return inner;
        };
        let input = [to.into_word().as_slice(), &inner.out.input].concat().into();
        let out = Outgoing { to: TxKind::Call(proxy), value: inner.out.value, input, gas_limit: None };
        deed(out, format!("by proxy: {}", inner.note))
    }
}
