//! The edge at which wall time is read. The cores take `now` as an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// A wall clock that never jumps while the process lives: read once, then carried on by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_ms: Millis,
}

impl Clock {
    /// Reads the wall clock now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now(), started_ms: wall_ms() }
    }

    /// Milliseconds since the epoch as of the start, plus the time that has passed since.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.started_ms + millis(self.started.elapsed())
    }
}

/// Whole milliseconds of a duration; saturates.
#[must_use]
pub fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the edge")]
fn wall_ms() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}
