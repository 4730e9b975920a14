//! When blocks are made, and of what time.

use std::{sync::Arc, time::Duration};

use defchain_base::{Height, Timestamp};

use super::{DevNode, DriverError, node::State};
use crate::{declared::system_now, records::Header};

/// Most blocks of one call: half a minute's work.
pub const MAX_BLOCKS: u64 = 100_000;
/// The end of the year 9999, in seconds.
const MAX_SECONDS: u64 = 253_402_300_799;

/// What makes a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mining {
    /// A transaction that can be executed.
    Auto,
    /// The clock.
    Interval(Duration),
    /// A call.
    Manual,
}

fn seconds(what: &'static str, asked: u64) -> Result<u64, DriverError> {
    if asked > MAX_SECONDS { Err(DriverError::TooMuch { what, asked, most: MAX_SECONDS }) } else { Ok(asked) }
}

impl DevNode {
    /// What makes blocks now.
    #[must_use]
    pub fn mining(&self) -> Mining {
        self.state.lock().mining
    }

    /// Changes what makes blocks. Transactions that wait are taken when it becomes [`Mining::Auto`].
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub fn set_mining(&self, mining: Mining) -> Result<(), DriverError> {
        self.state.lock().mining = mining;
        self.settle()
    }

    /// Makes a block of what waits in the pool, and more while more fits, if blocks are made with transactions. No
    /// block is made of nothing: transactions that cannot be paid for any more are dropped from the pool instead.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub fn settle(&self) -> Result<(), DriverError> {
        let mut state = self.state.lock();
        while state.mining == Mining::Auto && self.chain().pool().status().pending > 0 {
            let proposal = self.driver.propose(self.next_time(&state)?)?;
            if proposal.is_empty() {
                self.abandon();
                return Ok(());
            }
            let header = self.driver.make(proposal)?;
            self.after_block(&mut state, &header)?;
        }
        Ok(())
    }

    /// Forgets a proposal, and has the pool judge again what the proposal left out.
    fn abandon(&self) {
        let inner = &self.chain().inner;
        inner.optimistic.clear();
        inner.pool.on_commit(&[], crate::pool_view::View::new(&inner.shared));
    }

    /// Makes so many blocks now, empty if need be; the second and later ones `step` after the one before, or by the
    /// clock when `step` is zero.
    ///
    /// # Errors
    /// When they are too many, or the chain cannot be read.
    pub fn mine(&self, blocks: u64, step: Duration) -> Result<Vec<Height>, DriverError> {
        if blocks > MAX_BLOCKS {
            return Err(DriverError::TooMuch { what: "the number of blocks", asked: blocks, most: MAX_BLOCKS });
        }
        seconds("the interval in seconds", step.as_secs())?;
        let step = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
        let mut state = self.state.lock();
        let mut made = Vec::new();
        for n in 0..blocks {
            if n > 0 && step > 0 {
                let parent = self.chain().reader().latest()?;
                state.clock.exact = Some(Timestamp(parent.time.0.saturating_add(step)));
            }
            let header = self.driver.block(self.next_time(&state)?)?;
            self.after_block(&mut state, &header)?;
            made.push(header.height);
        }
        Ok(made)
    }

    /// Makes a block of that time.
    ///
    /// # Errors
    /// When the time is not after the newest block's, or the chain cannot be read.
    pub fn mine_at(&self, seconds: u64) -> Result<Vec<Height>, DriverError> {
        self.set_next_time(seconds)?;
        self.mine(1, Duration::ZERO)
    }

    /// The time that the next block would have now.
    #[must_use]
    pub fn next_block_time(&self) -> Timestamp {
        let clock = self.chain().inner.shared.declared().clock;
        let parent = self.chain().reader().latest().map(|header| header.time).unwrap_or_default();
        clock.next_block(parent, system_now())
    }

    /// Moves the clock ahead; returns by how many seconds it is ahead altogether.
    ///
    /// # Errors
    /// When it would go beyond the year 9999.
    pub fn increase_time(&self, by: u64) -> Result<i64, DriverError> {
        let mut state = self.state.lock();
        let now = state.clock.at(system_now());
        seconds("the clock in seconds", now.seconds().saturating_add(by))?;
        let millis = i64::try_from(by.saturating_mul(1_000)).unwrap_or(i64::MAX);
        state.clock.offset_ms = state.clock.offset_ms.saturating_add(millis);
        self.declare(&state);
        Ok(state.clock.offset_ms.div_euclid(1_000))
    }

    /// Sets the clock; returns by how many seconds it is ahead.
    ///
    /// # Errors
    /// When the time is not after the newest block's, or beyond the year 9999.
    pub fn set_time(&self, to: u64) -> Result<i64, DriverError> {
        let time = self.future(to)?;
        let mut state = self.state.lock();
        state.clock.exact = None;
        state.clock.offset_ms = crate::declared::difference(time, system_now());
        self.declare(&state);
        Ok(state.clock.offset_ms.div_euclid(1_000))
    }

    /// Sets the next block's time; the clock goes on from there.
    ///
    /// # Errors
    /// When the time is not after the newest block's, or beyond the year 9999.
    pub fn set_next_time(&self, to: u64) -> Result<(), DriverError> {
        let time = self.future(to)?;
        let mut state = self.state.lock();
        state.clock.exact = Some(time);
        self.declare(&state);
        Ok(())
    }

    /// Sets by how much each block is later than the one before, or gives this back to the clock. Returns whether it
    /// was set before.
    ///
    /// # Errors
    /// When it is beyond the year 9999.
    pub fn set_time_step(&self, step: Option<u64>) -> Result<bool, DriverError> {
        let step = step.map(|step| seconds("the interval in seconds", step)).transpose()?;
        let mut state = self.state.lock();
        let before = state.clock.step_ms.is_some();
        state.clock.step_ms = step.map(|step| step.saturating_mul(1_000));
        self.declare(&state);
        Ok(before)
    }

    fn future(&self, asked: u64) -> Result<Timestamp, DriverError> {
        let time = Timestamp(seconds("the timestamp in seconds", asked)?.saturating_mul(1_000));
        let newest = self.chain().reader().latest()?;
        if time > newest.time {
            return Ok(time);
        }
        let least = newest.time.seconds().saturating_add(1);
        Err(DriverError::Past { asked, height: newest.height, newest_ms: newest.time.0, least })
    }

    fn next_time(&self, state: &State) -> Result<Timestamp, DriverError> {
        Ok(state.clock.next_block(self.chain().reader().latest()?.time, system_now()))
    }

    fn after_block(&self, state: &mut State, header: &Arc<Header>) -> Result<(), DriverError> {
        let before = state.clock;
        state.clock.follow(header.time, system_now());
        state.next = crate::declared::ForNext::default();
        if state.clock != before {
            self.declare(state);
        }
        Ok(())
    }
}
