//! Limits the number of lines that a child may write to the log.

use std::time::Duration;

/// The number of lines that may come at once.
const BURST: u32 = 50;
/// The time after which one more line may come.
const INTERVAL: Duration = Duration::from_millis(200);

/// A token bucket of lines.
#[derive(Debug)]
pub(super) struct LogQuota {
    left: u32,
    /// The time up to which the bucket has been refilled.
    refilled: Duration,
    /// The number of lines that were dropped since the last one that was not.
    dropped: u64,
}

impl Default for LogQuota {
    fn default() -> Self {
        Self { left: BURST, refilled: Duration::ZERO, dropped: 0 }
    }
}

impl LogQuota {
    /// Takes a line from the quota at `now`, the time since the start. Returns the number of lines that were
    /// dropped before it, or `None` if this line must be dropped.
    pub(super) fn take(&mut self, now: Duration) -> Option<u64> {
        while self.left < BURST && now.saturating_sub(self.refilled) >= INTERVAL {
            self.left += 1;
            self.refilled += INTERVAL;
        }
        // A full bucket saves no time for later.
        if self.left == BURST {
            self.refilled = now;
        }
        if self.left == 0 {
            self.dropped += 1;
            return None;
        }
        self.left -= 1;
        Some(self.take_dropped())
    }

    /// Returns the number of dropped lines that were not returned yet.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_come_too_fast_are_dropped_and_counted() {
        let mut quota = LogQuota::default();
        let at = Duration::from_millis;
        let passed = (0..1000).filter(|_| quota.take(at(0)).is_some()).count();
        assert_eq!(passed, 50);
        assert_eq!(quota.take(at(199)), None);
        assert_eq!(quota.take(at(200)), Some(951));
        assert_eq!(quota.take(at(399)), None);
        assert_eq!((quota.take(at(400)), quota.take(at(400))), (Some(1), None));
        let later = (0..1000).filter(|_| quota.take(at(3_600_000)).is_some()).count();
        assert_eq!(later, 50);
        assert_eq!(quota.take_dropped(), 950);
    }
}
