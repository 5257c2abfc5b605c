//! Reads the wall clock, for the whole workspace. Synchronous code takes `now` as an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds: of a time since the Unix epoch (`now_ms`, `due_ms`), or of a duration (`after_ms`,
/// `wait_ms`).
pub type Millis = u64;

/// A wall clock that never jumps while the process lives. It is read once and then continued by the monotonic
/// clock.
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

    /// Returns the milliseconds since the epoch at the start, plus the time that has passed since.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.started_ms + millis(self.started.elapsed())
    }
}

/// Returns the whole milliseconds of a duration, at most [`Millis::MAX`].
#[must_use]
pub fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the only place that reads the wall clock")]
fn wall_ms() -> Millis {
    // A clock before 1970 counts as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}
