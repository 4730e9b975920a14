//! Where positions are worked on.
//!
//! Every operation lifts a position off its book (settled to the present moment), changes it, and lowers it again. The desk
//! keeps the books' sums, the days' ends and the lazily settled records equal to the positions, and writes each record once.
//! Views lift on a desk that is never flushed, so they see exactly what an operation would.

use defchain_base::{
    Address, Amount, Calendar, StateError, StateRead, StateReadExt, StateWriteExt, U256,
    native::Host,
    params::ModuleParams,
    system::{Pool, is_reserved},
};
use defchain_token::state::TokenRead;

use crate::{
    Book, BookId, Position, PositionId, StakingError, StakingParams,
    abi::IStaking,
    cache::Cache,
    keys::{
        BookKey, ClockKey, DayEndKey, EndedKey, GenerationKey, GlobalKey, JoinedKey, MemberKey, OwnerKey, PositionKey,
        SlashedKey, UnbindKey,
    },
    position::{AtSnapshot, Bond},
    records::{Clock, DayEnd, Global, Mark, Owner},
    share::{Kind, Part, Share},
};

/// A position that was lifted.
#[derive(Debug, Clone)]
pub struct Lifted {
    /// Whose.
    pub owner: Address,
    /// Which.
    pub id: PositionId,
    /// As it is now; to be changed.
    pub position: Position,
    /// What it adds to its book before the change.
    pub(crate) share: Share,
}

/// See the module.
#[derive(Debug)]
pub struct Desk {
    /// Parameters of staking.
    pub params: StakingParams,
    /// Staking's day and month.
    pub clock: Clock,
    pub(crate) books: Cache<BookKey>,
    pub(crate) ends: Cache<DayEndKey>,
    pub(crate) ended: Cache<EndedKey>,
    pub(crate) joined: Cache<JoinedKey>,
    pub(crate) slashed: Cache<SlashedKey>,
    owners: Cache<OwnerKey>,
    positions: Cache<PositionKey>,
    pub(crate) generations: Cache<GenerationKey>,
    members: Cache<MemberKey>,
    unbinding: Cache<UnbindKey>,
    freed: Vec<(Address, PositionId, Address)>,
}

impl Desk {
    /// A desk at the present moment of `state`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open<S: StateRead + ?Sized>(state: &S) -> Result<Self, StakingError> {
        Ok(Self {
            params: StakingParams::load(state)?,
            clock: state.read(&ClockKey)?.unwrap_or_default(),
            books: Cache::default(),
            ends: Cache::default(),
            ended: Cache::default(),
            joined: Cache::default(),
            slashed: Cache::default(),
            owners: Cache::default(),
            positions: Cache::default(),
            generations: Cache::default(),
            members: Cache::default(),
            unbinding: Cache::default(),
            freed: Vec::new(),
        })
    }

    /// Days and months.
    ///
    /// # Errors
    /// When the store fails.
    pub fn calendar<S: StateRead + ?Sized>(&self, state: &S) -> Result<Calendar, StakingError> {
        let day_seconds = state.token_params()?.day_seconds;
        Ok(Calendar { day_seconds, month_days: self.params.month_days })
    }

    pub(crate) fn book<S: StateRead + ?Sized>(&mut self, state: &S, book: BookId) -> Result<&mut Book, StakingError> {
        Ok(self.books.or_default(state, BookKey(book))?)
    }

    pub(crate) fn owner<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        owner: Address,
    ) -> Result<&mut Owner, StakingError> {
        Ok(self.owners.or_default(state, OwnerKey(owner))?)
    }

    /// The book in which positions of that validator stand from now on.
    pub(crate) fn book_of<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        operator: Address,
    ) -> Result<BookId, StakingError> {
        if operator.is_zero() {
            return Ok(BookId::UNBOUND);
        }
        let generation = self.generations.get(state, GenerationKey(operator))?.map_or(0, |n| n.0);
        Ok(BookId { operator, generation })
    }

    /// Takes up a position, settled to now.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub fn lift<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        owner: Address,
        id: PositionId,
    ) -> Result<Lifted, StakingError> {
        let stored = self.positions.get(state, PositionKey(owner, id))?.clone();
        let mut position = stored.ok_or(StakingError::NoPosition { owner, id: u64::from(id.0) })?;
        let share = self.settle(state, owner, &mut position)?;
        Ok(Lifted { owner, id, position, share })
    }

    /// Ends an unbinding whose time is over: the position goes into the book of what is bound to nobody.
    ///
    /// # Errors
    /// When the store fails.
    pub fn finish_unbinding<H: Host + ?Sized>(&mut self, host: &H, lifted: &mut Lifted) -> Result<bool, StakingError> {
        let Bond::Unbinding(until) = lifted.position.bond else { return Ok(false) };
        if host.block().age < until {
            return Ok(false);
        }
        self.unbinding.replace(UnbindKey(until, lifted.owner, lifted.id), Some(Mark), None);
        self.freed.push((lifted.owner, lifted.id, lifted.position.book.operator));
        self.move_to(host, &mut lifted.position, BookId::UNBOUND)?;
        lifted.position.bond = Bond::Idle;
        Ok(true)
    }

    pub(crate) fn queue_unbinding(&mut self, lifted: &mut Lifted, until: defchain_base::AgeMillis) {
        lifted.position.bond = Bond::Unbinding(until);
        self.unbinding.replace(UnbindKey(until, lifted.owner, lifted.id), None, Some(Mark));
    }

    /// Puts a settled position into another book, with its money and its unclaimed income.
    pub(crate) fn move_to<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        position: &mut Position,
        to: BookId,
    ) -> Result<(), StakingError> {
        let from = self.book(state, position.book)?;
        from.held = from.held.checked_sub(position.amount)?;
        from.income = from.income.checked_sub(position.rewards)?;
        let today = self.clock.day;
        let book = self.book(state, to)?;
        book.held = book.held.checked_add(position.amount)?;
        book.income = book.income.checked_add(position.rewards)?;
        (position.book, position.index, position.slashes) = (to, book.index, book.slashes);
        if let Some(unlocking) = &mut position.unlocking {
            let (locked, left) = (unlocking.locked(today)?, unlocking.until.saturating_sub(today));
            (unlocking.base, unlocking.base_day) = (locked, today);
            let (units, rounded) = crate::math::units(locked, book.index)?;
            let whole = crate::math::mul_div_ceil(units, U256::from(unlocking.days), U256::from(left.max(1)))?;
            unlocking.units = if locked.is_zero() { U256::ZERO } else { whole };
            unlocking.rounded = rounded || !locked.is_zero();
        }
        Ok(())
    }

    /// Puts a position back; closes it when it holds nothing and nothing can be claimed of it any more. Whether it closed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn lower<S: StateRead + ?Sized>(&mut self, state: &S, lifted: Lifted) -> Result<bool, StakingError> {
        let Lifted { owner, id, position, share } = lifted;
        let closes = self.is_spent(&position);
        if closes {
            self.take_share(state, &share)?;
            self.set_member(&share.book, None, owner, id);
            let record = self.owner(state, owner)?;
            record.open = record.open.saturating_sub(1);
            if let Bond::Unbinding(until) = position.bond {
                self.unbinding.replace(UnbindKey(until, owner, id), Some(Mark), None);
            }
        } else {
            let new = self.share_of(state, owner, &position)?;
            if new != share {
                self.take_share(state, &share)?;
                self.give_share(state, &new)?;
            }
            self.set_member(&share.book, Some(&new.book), owner, id);
        }
        *self.positions.get(state, PositionKey(owner, id))? = (!closes).then_some(position);
        Ok(closes)
    }

    /// Opens a position, whose money lies in the staking pool, in the book it names.
    ///
    /// # Errors
    /// When the owner has too many, or is an address of the protocol.
    pub(crate) fn add<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        owner: Address,
        mut position: Position,
    ) -> Result<PositionId, StakingError> {
        if is_reserved(&owner) || owner.is_zero() {
            return Err(StakingError::Reserved(owner));
        }
        let max = self.params.max_positions;
        let record = self.owner(state, owner)?;
        if record.open >= max {
            return Err(StakingError::TooMany { owner, open: record.open, more: 1, max });
        }
        let id = PositionId(record.next);
        record.open = record.open.saturating_add(1);
        record.next = record.next.checked_add(1).ok_or_else(|| StakingError::Invariant("2^32 positions".to_owned()))?;
        let book = self.book(state, position.book)?;
        book.held = book.held.checked_add(position.amount)?;
        (position.index, position.slashes) = (book.index, book.slashes);
        let share = self.share_of(state, owner, &position)?;
        self.give_share(state, &share)?;
        self.set_member(&BookId::UNBOUND, Some(&share.book), owner, id);
        self.positions.replace(PositionKey(owner, id), None, Some(position));
        Ok(id)
    }

    /// A position that begins now, bound to nobody.
    pub(crate) fn fresh<H: Host + ?Sized>(
        &self,
        host: &H,
        amount: Amount,
        years: u64,
    ) -> Result<Position, StakingError> {
        let calendar = self.calendar(host)?;
        let mut position = Position::new(amount, years, host.block().time, &self.params, &calendar)?;
        // It is not part of this month's snapshot (D26, YP 4.2.3).
        position.snapshot = AtSnapshot { month: self.clock.month, ..AtSnapshot::default() };
        Ok(position)
    }

    /// Adds `amount`, which comes into the staking pool, to a running position (D26).
    ///
    /// # Errors
    /// When the sum exceeds 128 bits, or the store fails.
    pub fn grow<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        lifted: &mut Lifted,
        amount: Amount,
    ) -> Result<(), StakingError> {
        let position = &mut lifted.position;
        let book = self.book(state, position.book)?;
        if book.index == 0 || position.unlocking.is_some() {
            return Err(StakingError::Nothing { id: lifted.id, what: "add to: the position is over" });
        }
        book.held = book.held.checked_add(amount)?;
        position.amount = position.amount.checked_add(amount)?;
        position.initial = position.initial.checked_add(amount)?;
        Ok(())
    }

    /// Whether nothing is left of it: no stake, no income, no dividend that may still be claimed.
    pub(crate) fn is_spent(&self, position: &Position) -> bool {
        position.amount.is_zero() && position.rewards.is_zero() && self.dividend_base(position).is_zero()
    }

    /// What may still earn this month's dividends.
    #[must_use]
    pub fn dividend_base(&self, position: &Position) -> Amount {
        let at = &position.snapshot;
        let (_, claimed) = position.claimed_in(self.clock.month);
        if at.month == self.clock.month && claimed.is_zero() { at.amount } else { Amount::ZERO }
    }

    fn set_member(&mut self, from: &BookId, to: Option<&BookId>, owner: Address, id: PositionId) {
        if Some(from) == to {
            return;
        }
        if *from != BookId::UNBOUND {
            self.members.replace(MemberKey(*from, owner, id), Some(Mark), None);
        }
        if let Some(to) = to.filter(|b| **b != BookId::UNBOUND) {
            self.members.replace(MemberKey(*to, owner, id), None, Some(Mark));
        }
    }

    fn give_share<S: StateRead + ?Sized>(&mut self, state: &S, share: &Share) -> Result<(), StakingError> {
        let book = self.book(state, share.book)?;
        book.count = book.count.saturating_add(1);
        book.rounded = book.rounded.saturating_add(u64::from(share.rounded));
        let join_seq = book.join_seq;
        match share.kind {
            Kind::Open => return Ok(()),
            Kind::Locked { days, until } => {
                book.classes.add(days, until, share.units)?;
                self.end(state, until, share.book)?.classes.add(days, until, share.units)?;
            }
            Kind::Running { years, end_day, part } => {
                book.running.add(years, share.units)?;
                match part {
                    Part::None => {}
                    Part::Counted { own } => book.part.side(own).add(years, share.units)?,
                    Part::Joining { own } => {
                        book.part.side(own).add(years, share.units)?;
                        book.joining.side(own).add(years, share.units)?;
                        book.joining_count = book.joining_count.saturating_add(1);
                    }
                }
                let end = self.end(state, end_day, share.book)?;
                if end.join_seq != join_seq {
                    // Whoever joined at another number is counted by now.
                    (end.joining, end.joining_count, end.join_seq) = (Default::default(), 0, join_seq);
                }
                end.count = end.count.saturating_add(1);
                end.running.add(years, share.units)?;
                if let Part::Counted { own } | Part::Joining { own } = part {
                    end.part.side(own).add(years, share.units)?;
                }
                if let Part::Joining { own } = part {
                    end.joining.side(own).add(years, share.units)?;
                    end.joining_count = end.joining_count.saturating_add(1);
                }
            }
        }
        Ok(())
    }

    fn take_share<S: StateRead + ?Sized>(&mut self, state: &S, share: &Share) -> Result<(), StakingError> {
        let book = self.book(state, share.book)?;
        let short = || StakingError::Invariant("a position leaves a book that does not count it".to_owned());
        book.count = book.count.checked_sub(1).ok_or_else(short)?;
        book.rounded = book.rounded.checked_sub(u64::from(share.rounded)).ok_or_else(short)?;
        let join_seq = book.join_seq;
        match share.kind {
            Kind::Open => return Ok(()),
            Kind::Locked { days, until } => {
                book.classes.sub(days, until, share.units)?;
                self.end(state, until, share.book)?.classes.sub(days, until, share.units)?;
            }
            Kind::Running { years, end_day, part } => {
                book.running.sub(years, share.units)?;
                match part {
                    Part::None => {}
                    Part::Counted { own } => book.part.side(own).sub(years, share.units)?,
                    Part::Joining { own } => {
                        book.part.side(own).sub(years, share.units)?;
                        book.joining.side(own).sub(years, share.units)?;
                        book.joining_count = book.joining_count.checked_sub(1).ok_or_else(short)?;
                    }
                }
                let end = self.end(state, end_day, share.book)?;
                if end.join_seq != join_seq {
                    (end.joining, end.joining_count, end.join_seq) = (Default::default(), 0, join_seq);
                }
                end.count = end.count.checked_sub(1).ok_or_else(short)?;
                end.running.sub(years, share.units)?;
                if let Part::Counted { own } | Part::Joining { own } = part {
                    end.part.side(own).sub(years, share.units)?;
                }
                if let Part::Joining { own } = part {
                    end.joining.side(own).sub(years, share.units)?;
                    end.joining_count = end.joining_count.checked_sub(1).ok_or_else(short)?;
                }
            }
        }
        Ok(())
    }

    fn end<S: StateRead + ?Sized>(&mut self, state: &S, day: u32, book: BookId) -> Result<&mut DayEnd, StateError> {
        self.ends.or_default(state, DayEndKey(day, book))
    }

    /// Writes everything, brings the sums over all books up to date, and burns what a book without positions still holds.
    ///
    /// # Errors
    /// When the store fails.
    pub fn flush<H: Host + ?Sized>(mut self, host: &mut H) -> Result<(), StakingError> {
        self.flush_books(host)?;
        self.ends.flush(host, |e| *e == DayEnd { join_seq: e.join_seq, ..DayEnd::default() })?;
        self.ended.flush(host, |e| e.count == 0)?;
        self.joined.flush(host, |j| j.count == 0)?;
        self.slashed.flush(host, |_| false)?;
        self.owners.flush(host, |_| false)?;
        self.positions.flush(host, |_| false)?;
        self.generations.flush(host, |_| false)?;
        self.members.flush(host, |_| false)?;
        self.unbinding.flush(host, |_| false)?;
        for (owner, id, validator) in self.freed {
            crate::msg::emit(host, &IStaking::Unbound { owner, id: U256::from(id.0), validator })?;
        }
        Ok(())
    }

    fn flush_books<H: Host + ?Sized>(&mut self, host: &mut H) -> Result<(), StakingError> {
        let mut dust = (Amount::ZERO, Amount::ZERO);
        let mut emptied = Vec::new();
        let changed = self.books.iter_mut().any(|(_, before, now)| before != now);
        if !changed {
            return Ok(());
        }
        let mut global: Global = host.read(&GlobalKey)?.unwrap_or_default();
        let unchanged = global.clone();
        for (key, before, now) in self.books.iter_mut() {
            if let Some(book) = now.as_mut().filter(|b| b.count == 0) {
                dust = (dust.0.checked_add(book.held)?, dust.1.checked_add(book.income)?);
                emptied.push((key.0, book.slashes));
                (book.held, book.income) = Default::default();
            }
            if before != now {
                global.exchange(before.as_ref(), now.as_ref())?;
            }
        }
        if global != unchanged {
            host.write(&GlobalKey, &global)?;
        }
        for (book, slashes) in emptied {
            // Whoever could look them up is gone.
            for number in 0..slashes {
                self.slashed.get(host, SlashedKey(book, number))?.take();
            }
        }
        self.books.flush(host, |b| b.count == 0)?;
        if !dust.0.is_zero() {
            host.burn(Pool::Staking, dust.0)?;
        }
        if !dust.1.is_zero() {
            host.burn(Pool::Validators, dust.1)?;
        }
        Ok(())
    }

    /// The owner's open positions, ascending.
    ///
    /// # Errors
    /// When the store fails.
    pub fn ids<S: StateRead + ?Sized>(&mut self, state: &S, owner: Address) -> Result<Vec<PositionId>, StakingError> {
        let open = usize::try_from(self.owner(state, owner)?.open).unwrap_or(usize::MAX);
        if open == 0 {
            return Ok(Vec::new());
        }
        let (from, to) = crate::keys::range_of(&crate::keys::positions_of(owner));
        let found = state.range_raw(defchain_base::Substore::Def, &from, &to, open)?;
        found.iter().map(|(key, _)| crate::keys::read_position_key(key).map(|(_, id)| id).map_err(corrupt)).collect()
    }
}

pub(crate) fn corrupt(e: defchain_base::CodecError) -> StakingError {
    StakingError::Invariant(format!("a key does not decode: {e}"))
}

impl Global {
    pub(crate) fn exchange(&mut self, before: Option<&Book>, now: Option<&Book>) -> Result<(), StakingError> {
        if let Some(book) = before {
            let (running, classes) = book.contribution()?;
            self.running.sub_all(&running)?;
            classes.as_slice().iter().try_for_each(|c| self.classes.sub_raw(c))?;
            self.held = self.held.checked_sub(book.held)?;
            self.income = self.income.checked_sub(book.income)?;
            self.count = self.count.saturating_sub(book.count);
        }
        if let Some(book) = now {
            let (running, classes) = book.contribution()?;
            self.running.add_all(&running)?;
            classes.as_slice().iter().try_for_each(|c| self.classes.add_raw(c))?;
            self.held = self.held.checked_add(book.held)?;
            self.income = self.income.checked_add(book.income)?;
            self.count = self.count.saturating_add(book.count);
        }
        Ok(())
    }
}
