use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::FirstSeen;

/// The node's own clock. Tests move it on instead of waiting; a simulation sets it.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: Instant,
    shift: Arc<AtomicU64>,
    /// Milliseconds since 1970 when it was set first, and now; zero while it is the system's.
    set: Arc<[AtomicU64; 2]>,
}

impl Clock {
    pub fn new() -> Self {
        Self { start: Instant::now(), shift: Arc::new(AtomicU64::new(0)), set: Arc::default() }
    }

    pub fn now(&self) -> FirstSeen {
        let shift = Duration::from_nanos(self.shift.load(Ordering::Relaxed));
        let [first, set] = [0, 1].map(|at: usize| self.set.get(at).map_or(0, |ms| ms.load(Ordering::Acquire)));
        let (now, unix) = if first == 0 {
            (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
        } else {
            let passed = Duration::from_millis(set.saturating_sub(first));
            (self.start.checked_add(passed).unwrap_or(self.start), Duration::from_millis(set))
        };
        let instant = now.checked_add(shift).unwrap_or(now);
        let unix = unix.saturating_add(shift);
        FirstSeen { instant, unix_micros: u64::try_from(unix.as_micros()).unwrap_or(u64::MAX) }
    }

    /// From now on it shows this time, until it is set again. It does not go back.
    pub fn set(&self, unix_millis: u64) {
        let [first, now] = &*self.set;
        now.fetch_max(unix_millis, Ordering::Release);
        // An error means that it was set before.
        let _ = first.compare_exchange(0, unix_millis, Ordering::Release, Ordering::Relaxed);
    }

    /// Nanoseconds since the pool was opened: 584 years fit.
    pub fn nanos(&self, at: Instant) -> u64 {
        as_nanos(at.saturating_duration_since(self.start))
    }

    pub fn now_nanos(&self) -> u64 {
        self.nanos(self.now().instant)
    }

    #[cfg(test)]
    pub fn advance(&self, by: Duration) {
        self.shift.fetch_add(as_nanos(by), Ordering::Relaxed);
    }
}

pub(crate) fn as_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
