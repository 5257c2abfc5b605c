//! The queue's time, which never goes back.

use flow::clock::Millis;

/// The amount by which a synchronised clock may be set back now and then.
const CLOCK_STEP_MS: Millis = 60_000;

/// Converts the wall clock's time to the queue's time. That is never before the latest time in the log,
/// whatever the wall clock did meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct QueueTime {
    ahead_ms: Millis,
}

impl QueueTime {
    /// Continues from the latest time in the log. The offset by which the queue's time was ahead before is
    /// kept, so that the time between two processes counts. Otherwise, after a clock that was a year ahead is
    /// corrected, the queue's time would stand still for a year, except while a process runs.
    pub(super) fn from(latest_ms: Millis, ahead_before_ms: Millis, wall_ms: Millis) -> Self {
        Self { ahead_ms: latest_ms.saturating_sub(wall_ms).max(ahead_before_ms) }
    }

    /// Returns how far the queue's time is ahead of the wall clock, if that is more than a correction of the
    /// clock.
    pub(super) fn ahead_ms(self) -> Option<Millis> {
        Some(self.ahead_ms).filter(|ahead_ms| *ahead_ms >= CLOCK_STEP_MS)
    }

    /// Returns the queue's time when the wall clock shows `wall_ms`. The clock must not jump while the
    /// process lives.
    pub(super) const fn at(self, wall_ms: Millis) -> Millis {
        wall_ms.saturating_add(self.ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queues_time_goes_on_when_the_wall_clock_goes_back() {
        assert_eq!(QueueTime::from(1_000, 0, 400).at(400), 1_000);
        assert_eq!(QueueTime::from(1_000, 0, 400).at(500), 1_100);
        assert_eq!(QueueTime::from(1_000, 0, 4_000).at(4_000), 4_000);
        assert_eq!(QueueTime::from(1_000, 600, 700).at(700), 1_300, "the time between two processes counts");
    }
}
