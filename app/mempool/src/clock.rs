use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::FirstSeen;

/// The node's own clock. Tests move it on instead of waiting.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: Instant,
    shift: Arc<AtomicU64>,
}

impl Clock {
    pub fn new() -> Self {
        Self { start: Instant::now(), shift: Arc::new(AtomicU64::new(0)) }
    }

    pub fn now(&self) -> FirstSeen {
        let shift = Duration::from_nanos(self.shift.load(Ordering::Relaxed));
        let now = Instant::now();
        let instant = now.checked_add(shift).unwrap_or(now);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(shift);
        FirstSeen { instant, unix_micros: u64::try_from(unix.as_micros()).unwrap_or(u64::MAX) }
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
