//! What must hold after every block. Slow: simulator and tests only.
#![allow(clippy::arithmetic_side_effects, reason = "never part of a block; sums of a supply that fits 128 bits")]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use defchain_base::{
    Address, Amount, BlockEnv, StateError, StateKey, StateRead, StateReadExt, Substore, U256, read_exact_value,
    system::Pool,
};
use defchain_token::state::TokenRead;

use crate::{
    Book, BookId, Desk, Position, PositionId, StakingError,
    desk::corrupt,
    keys::{
        BookKey, DayEndKey, EndedKey, GlobalKey, JoinedKey, MemberKey, OwnerKey, PositionKey, UnbindKey, range_of,
        read_book_key, read_day_end_key, read_member_key, read_position_key, read_unbind_key,
    },
    position::Bond,
    records::{DayEnd, Global},
    share::{Kind, Part, Share},
    terms::MAX_YEARS,
};

/// What the positions say that the records must be.
#[derive(Default)]
struct Expected {
    books: BTreeMap<BookId, Book>,
    ends: BTreeMap<(u32, BookId), DayEnd>,
    ended: BTreeMap<(BookId, u32), u64>,
    joined: BTreeMap<(BookId, u64), u64>,
    owners: BTreeMap<Address, (u32, u32)>,
    unbinding: BTreeSet<UnbindKey>,
    members: BTreeSet<MemberKey>,
    beta: U256,
    beta_pod: U256,
    positions: u64,
}

/// Every rule of this module that does not hold.
///
/// # Errors
/// When the store fails.
pub fn check<S: StateRead + ?Sized>(state: &S, env: &BlockEnv) -> Result<Vec<String>, StateError> {
    let mut broken = Vec::new();
    let expected = expect(state, env, &mut broken)?;
    books(state, &expected, &mut broken)?;
    ends(state, &expected, &mut broken)?;
    lookups(state, &expected, &mut broken)?;
    sums(state, &expected, &mut broken)?;
    Ok(broken)
}

/// All entries of a kind of record.
pub(crate) fn scan<S: StateRead + ?Sized>(state: &S, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, StateError> {
    let (from, to) = range_of(prefix);
    state.range_raw(Substore::Def, &from, &to, usize::MAX >> 1)
}

fn value<K: StateKey>(bytes: &[u8]) -> Result<K::Value, StateError> {
    Ok(read_exact_value(bytes).map_err(corrupt)?)
}

fn expect<S: StateRead + ?Sized>(state: &S, env: &BlockEnv, broken: &mut Vec<String>) -> Result<Expected, StateError> {
    let mut expected = Expected::default();
    let params = Desk::open(state)?.params;
    for (key, bytes) in scan(state, PositionKey::PREFIX)? {
        let (owner, id) = read_position_key(&key).map_err(corrupt)?;
        let stored: Position = value::<PositionKey>(&bytes)?;
        sane(env, owner, id, &stored, broken);
        count_lookups(state, &mut expected, owner, id, &stored)?;
        let mut desk = Desk::open(state)?;
        let today = desk.clock.day;
        let lifted = desk.lift(state, owner, id)?;
        let position = &lifted.position;
        let years = position.years;
        let (earns, pod) = match &position.unlocking {
            None => (
                position.amount.to_u256() * U256::from(params.multiplier(years)),
                position.amount.to_u256() * U256::from(years),
            ),
            Some(u) => (u.locked_floor(today)?.to_u256(), U256::ZERO),
        };
        expected.beta += earns;
        expected.beta_pod += pod;
        expected.positions += 1;
        let join_seq = desk.book(state, lifted.share.book)?.join_seq;
        let book = expected.books.entry(lifted.share.book).or_default();
        book.held = book.held.checked_add(position.amount)?;
        book.income = book.income.checked_add(position.rewards)?;
        add_share(&mut expected, &lifted.share, join_seq)?;
    }
    Ok(expected)
}

fn add_share(expected: &mut Expected, share: &Share, join_seq: u64) -> Result<(), StakingError> {
    let book = expected.books.entry(share.book).or_default();
    book.count += 1;
    book.rounded += u64::from(share.rounded);
    match share.kind {
        Kind::Open => {}
        Kind::Locked { days, until } => {
            book.classes.add(days, until, share.units)?;
            expected.ends.entry((until, share.book)).or_default().classes.add(days, until, share.units)?;
        }
        Kind::Running { years, end_day, part } => {
            let end = expected.ends.entry((end_day, share.book)).or_default();
            book.running.add(years, share.units)?;
            end.running.add(years, share.units)?;
            end.count += 1;
            end.join_seq = join_seq;
            if let Part::Counted { own } | Part::Joining { own } = part {
                book.part.side(own).add(years, share.units)?;
                end.part.side(own).add(years, share.units)?;
            }
            if let Part::Joining { own } = part {
                book.joining.side(own).add(years, share.units)?;
                book.joining_count += 1;
                end.joining.side(own).add(years, share.units)?;
                end.joining_count += 1;
            }
        }
    }
    Ok(())
}

fn count_lookups<S: StateRead + ?Sized>(
    state: &S,
    expected: &mut Expected,
    owner: Address,
    id: PositionId,
    stored: &Position,
) -> Result<(), StateError> {
    let today = crate::query::clock(state)?.day;
    let mut join_seq = state.read(&BookKey(stored.book))?.unwrap_or_default().join_seq;
    if stored.unlocking.is_none() && stored.end_day <= today {
        *expected.ended.entry((stored.book, stored.end_day)).or_default() += 1;
        join_seq = state.read(&EndedKey(stored.book, stored.end_day))?.map_or(join_seq, |e| e.join_seq);
    }
    if let Bond::Joining(at) = stored.bond
        && at < join_seq
    {
        *expected.joined.entry((stored.book, at)).or_default() += 1;
    }
    if let Bond::Unbinding(until) = stored.bond {
        expected.unbinding.insert(UnbindKey(until, owner, id));
    }
    if stored.is_bound() {
        expected.members.insert(MemberKey(stored.book, owner, id));
    }
    let (open, next) = expected.owners.entry(owner).or_default();
    *open += 1;
    *next = (*next).max(id.0 + 1);
    Ok(())
}

fn sane(env: &BlockEnv, owner: Address, id: PositionId, p: &Position, broken: &mut Vec<String>) {
    let mut say = |why: String| broken.push(format!("INV-STAKING-10 position {owner}/{id}: {why}"));
    if p.amount > p.initial {
        say(format!("holds {} wei of initially {} wei", p.amount, p.initial));
    }
    if !(1..=MAX_YEARS).contains(&p.years) {
        say(format!("a term of {} years", p.years));
    }
    if p.start > env.time {
        say(format!("begins at {} ms, now is {} ms", p.start.0, env.time.0));
    }
    if p.unlocking.is_none() && !p.finished.is_zero() {
        say(format!("finished with {} wei before its end", p.finished));
    }
}

fn books<S: StateRead + ?Sized>(state: &S, expected: &Expected, broken: &mut Vec<String>) -> Result<(), StateError> {
    let mut ids: BTreeSet<BookId> = expected.books.keys().copied().collect();
    for (key, _) in scan(state, BookKey::PREFIX)? {
        ids.insert(read_book_key(&key).map_err(corrupt)?);
    }
    for id in ids {
        let found = state.read(&BookKey(id))?.unwrap_or_default();
        let want = expected.books.get(&id).cloned().unwrap_or_default();
        let same = Book {
            index: found.index,
            slashes: found.slashes,
            held: found.held,
            income: found.income,
            join_seq: found.join_seq,
            accumulators: found.accumulators,
            snapshot: found.snapshot,
            ..want.clone()
        };
        if same != found {
            broken.push(format!("INV-STAKING-02 book {id:?}: holds {found:?}, its positions say {same:?}"));
        }
        if found.held < want.held || found.income < want.income {
            broken.push(format!(
                "INV-STAKING-06 book {id:?}: {} wei and {} wei of income for positions of {} wei and {} wei",
                found.held, found.income, want.held, want.income
            ));
        }
    }
    Ok(())
}

fn ends<S: StateRead + ?Sized>(state: &S, expected: &Expected, broken: &mut Vec<String>) -> Result<(), StateError> {
    let mut found = BTreeMap::new();
    for (key, bytes) in scan(state, DayEndKey::PREFIX)? {
        let DayEndKey(day, book) = read_day_end_key(&key).map_err(corrupt)?;
        let mut end: DayEnd = value::<DayEndKey>(&bytes)?;
        let join_seq = state.read(&BookKey(book))?.unwrap_or_default().join_seq;
        if end.join_seq != join_seq {
            (end.joining, end.joining_count) = Default::default();
        }
        end.join_seq = 0;
        found.insert((day, book), end);
    }
    let ends = expected.ends.iter().map(|(key, end)| (*key, DayEnd { join_seq: 0, ..end.clone() }));
    // What a slash took whole has no units to end.
    let want: BTreeMap<_, _> = ends.filter(|(_, end)| *end != DayEnd::default()).collect();
    if found != want {
        broken.push(format!("INV-STAKING-03 ends of days are {found:?}, the positions say {want:?}"));
    }
    Ok(())
}

fn lookups<S: StateRead + ?Sized>(state: &S, expected: &Expected, broken: &mut Vec<String>) -> Result<(), StateError> {
    let mut say = |what: &str, found: String, want: String| {
        if found != want {
            broken.push(format!("INV-STAKING-04 {what}: {found}, the positions say {want}"));
        }
    };
    let ended = scan(state, EndedKey::PREFIX)?.len();
    say("records of ended terms", ended.to_string(), expected.ended.len().to_string());
    for ((book, day), count) in &expected.ended {
        let found = state.read(&EndedKey(*book, *day))?.map_or(0, |e| e.count);
        say(&format!("terms ended on day {day}"), found.to_string(), count.to_string());
    }
    let joined = scan(state, JoinedKey::PREFIX)?.len();
    say("records of joining", joined.to_string(), expected.joined.len().to_string());
    for ((book, sequence), count) in &expected.joined {
        let found = state.read(&JoinedKey(*book, *sequence))?.map_or(0, |j| j.count);
        say(&format!("joined at {sequence}"), found.to_string(), count.to_string());
    }
    let mut queue = BTreeSet::new();
    for (key, _) in scan(state, UnbindKey::PREFIX)? {
        queue.insert(read_unbind_key(&key).map_err(corrupt)?);
    }
    say("unbinding queue", format!("{queue:?}"), format!("{:?}", expected.unbinding));
    let mut members = BTreeSet::new();
    for (key, _) in scan(state, MemberKey::PREFIX)? {
        members.insert(read_member_key(&key).map_err(corrupt)?);
    }
    let want: BTreeSet<_> = expected.members.iter().map(|m| (m.1, m.2)).collect();
    say("members of books", format!("{members:?}"), format!("{want:?}"));
    for (key, bytes) in scan(state, OwnerKey::PREFIX)? {
        let owner = Address::from_slice(key.get(OwnerKey::PREFIX.len()..).unwrap_or_default());
        let record = value::<OwnerKey>(&bytes)?;
        let (open, next) = expected.owners.get(&owner).copied().unwrap_or_default();
        if record.open != open || record.next < next {
            let (has, will) = (record.open, record.next);
            broken.push(format!("INV-STAKING-08 {owner}: {has} open, next {will}; there are {open}, below {next}"));
        }
    }
    Ok(())
}

fn sums<S: StateRead + ?Sized>(state: &S, expected: &Expected, broken: &mut Vec<String>) -> Result<(), StateError> {
    let global: Global = state.read(&GlobalKey)?.unwrap_or_default();
    let mut want = Global::default();
    let mut slashes = 1_u64;
    for (key, bytes) in scan(state, BookKey::PREFIX)? {
        let _ = read_book_key(&key).map_err(corrupt)?;
        let book: Book = value::<BookKey>(&bytes)?;
        slashes += u64::from(book.slashes);
        want.exchange(None, Some(&book))?;
    }
    if global != want {
        broken.push(format!("INV-STAKING-05 sums over all books are {global:?}, the books say {want:?}"));
    }
    let (pool, income) = (state.pool(Pool::Staking)?, state.pool(Pool::Validators)?);
    if pool != global.held {
        broken.push(format!("INV-STAKING-01 the staking pool holds {pool} wei, the books {} wei", global.held));
    }
    if income < global.income {
        let owed: Amount = global.income;
        broken.push(format!("INV-STAKING-06 the validators' pool holds {income} wei, the books are owed {owed} wei"));
    }
    // Each touch and slash may round a position down by a wei or two; a multiplier is at most 1,000.
    let slack = U256::from(expected.positions) * U256::from(slashes) * U256::from(4_000) + U256::ONE;
    for (name, sum, least) in
        [("beta", crate::beta(state)?, expected.beta), ("beta of PoD", crate::beta_pod(state)?, expected.beta_pod)]
    {
        if sum < least || sum - least > slack {
            broken.push(format!("INV-STAKING-07 {name} is {sum}, the positions sum to {least}, at most {slack} less"));
        }
    }
    Ok(())
}
