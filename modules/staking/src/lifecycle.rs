//! Steps of every block.

use defchain_base::{Calendar, StateReadExt, StateWriteExt, Substore, native::Host};

use crate::{
    BookId, Desk, StakingError,
    desk::corrupt,
    keys::{ClockKey, DayEndKey, EndedKey, UnbindKey, range_of, read_day_end_key, read_unbind_key},
    records::{Clock, DayEnd, Ended},
};

/// Ends of days that are read at once.
const BATCH: usize = 1_024;

/// Days and months of consensus time on this chain (D3).
///
/// # Errors
/// When the store fails.
pub fn calendar<S: defchain_base::StateRead + ?Sized>(state: &S) -> Result<Calendar, defchain_base::StateError> {
    Ok(Desk::open(state)?.calendar(state)?)
}

/// Before any transaction and before the month's snapshot: the day's ends of terms and of unlocking, one record for each book.
/// Sets the day and month that everything in the block goes by.
///
/// # Errors
/// When the store fails.
pub fn begin<H: Host + ?Sized>(host: &mut H) -> Result<(), StakingError> {
    let calendar = calendar(host)?;
    let time = host.block().time;
    let (today, month) = (calendar.day_of(time), calendar.month_of(time));
    let stored = host.read(&ClockKey)?;
    let mut clock: Clock = stored.unwrap_or(Clock { day: today, ..Clock::default() });
    if stored == Some(Clock { day: today, month, ..clock }) {
        return Ok(());
    }
    if today > clock.day {
        clock.day = today;
        roll(host, &clock)?;
    }
    if month != clock.month {
        clock.month = month;
        clock.month_day = clock.day;
    }
    Ok(host.write(&ClockKey, &clock)?)
}

/// Moves what ended up to `clock.day` in the books' sums. Ends of unlocking that this makes may be due already, when the chain
/// stood still for long: hence until nothing is left.
fn roll<H: Host + ?Sized>(host: &mut H, clock: &Clock) -> Result<(), StakingError> {
    let from = DayEndKey::PREFIX.to_vec();
    let (to, _) = range_of(&[DayEndKey::PREFIX, &clock.day.saturating_add(1).to_be_bytes()].concat());
    loop {
        let due = host.range_raw(Substore::Def, &from, &to, BATCH)?;
        if due.is_empty() {
            return Ok(());
        }
        let mut desk = Desk::open(host)?;
        // Units that unlock are summed as of the day before the present one; sums by day do not depend on it.
        for (key, _) in &due {
            let key = read_day_end_key(key).map_err(corrupt)?;
            end_of_day(&mut desk, host, key)?;
        }
        desk.flush(host)?;
    }
}

fn end_of_day<H: Host + ?Sized>(desk: &mut Desk, host: &H, key: DayEndKey) -> Result<(), StakingError> {
    let DayEndKey(day, id) = key;
    let Some(end) = desk.ends.get(host, key)?.take() else { return Ok(()) };
    let unlock_days_per_year = desk.params.unlock_days_per_year;
    let book = desk.book(host, id)?;
    book.running.sub_all(&end.running)?;
    book.part.sub_all(&end.part)?;
    if end.join_seq == book.join_seq {
        book.joining.sub_all(&end.joining)?;
        book.joining_count = book.joining_count.saturating_sub(end.joining_count);
    }
    for class in end.classes.as_slice() {
        book.classes.sub_raw(class)?;
    }
    let (index, slashes, join_seq) = (book.index, book.slashes, book.join_seq);
    let ended =
        Ended { count: end.count, index, slashes, join_seq, accumulators: book.accumulators, unlock_days_per_year };
    unlock(desk, host, id, day, &end)?;
    if end.count > 0 {
        *desk.ended.get(host, EndedKey(id, day))? = Some(ended);
    }
    Ok(())
}

/// What ended begins to unlock, over days that depend on its term (D24).
fn unlock<H: Host + ?Sized>(desk: &mut Desk, host: &H, id: BookId, day: u32, end: &DayEnd) -> Result<(), StakingError> {
    for (years, units) in end.running.iter().filter(|(_, units)| !units.is_zero()) {
        let days = u32::from(years).saturating_mul(desk.params.unlock_days_per_year);
        let until = day.saturating_add(days);
        desk.book(host, id)?.classes.add(days, until, units)?;
        desk.ends.or_default(host, DayEndKey(until, id))?.classes.add(days, until, units)?;
    }
    Ok(())
}

/// After all transactions: unbinding that is due, at most `unbind_per_block`.
///
/// # Errors
/// When the store fails.
pub fn end<H: Host + ?Sized>(host: &mut H) -> Result<(), StakingError> {
    let now = host.block().age;
    let from = UnbindKey::PREFIX.to_vec();
    let to = [UnbindKey::PREFIX, &now.0.saturating_add(1).to_be_bytes()].concat();
    // Almost every block ends here, without having read the parameters.
    if host.range_raw(Substore::Def, &from, &to, 1)?.is_empty() {
        return Ok(());
    }
    let mut desk = Desk::open(host)?;
    let limit = usize::try_from(desk.params.unbind_per_block).unwrap_or(usize::MAX);
    let due = host.range_raw(Substore::Def, &from, &to, limit)?;
    for (key, _) in &due {
        let UnbindKey(_, owner, id) = read_unbind_key(key).map_err(corrupt)?;
        let mut lifted = desk.lift(host, owner, id)?;
        desk.finish_unbinding(host, &mut lifted)?;
        desk.lower(host, lifted)?;
    }
    desk.flush(host)
}
