//! How many lines may be passed on.

use std::time::Duration;

/// So many at once.
const BURST: u32 = 50;
/// One more each.
const EACH: Duration = Duration::from_millis(200);

/// Counts lines against time.
#[derive(Debug)]
pub(super) struct LogQuota {
    left: u32,
    /// Up to when time has been turned into lines.
    since: Duration,
    /// How many lines were left out since the last that was not.
    left_out: u64,
}

impl Default for LogQuota {
    fn default() -> Self {
        Self { left: BURST, since: Duration::ZERO, left_out: 0 }
    }
}

impl LogQuota {
    /// Whether a line may pass at this time since the beginning: how many were left out before it; none if it
    /// may not.
    pub(super) fn pass(&mut self, now: Duration) -> Option<u64> {
        while self.left < BURST && now.saturating_sub(self.since) >= EACH {
            self.left += 1;
            self.since += EACH;
        }
        if self.left == BURST {
            self.since = now;
        }
        if self.left == 0 {
            self.left_out += 1;
            return None;
        }
        self.left -= 1;
        Some(self.take_left_out())
    }

    /// How many were left out that nothing was said of yet.
    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_fast_is_left_out_and_counted() {
        let mut quota = LogQuota::default();
        let at = Duration::from_millis;
        let passed = (0..1000).filter(|_| quota.pass(at(0)).is_some()).count();
        assert_eq!(passed, 50);
        assert_eq!(quota.pass(at(199)), None);
        assert_eq!(quota.pass(at(200)), Some(951));
        assert_eq!(quota.pass(at(399)), None);
        assert_eq!((quota.pass(at(400)), quota.pass(at(400))), (Some(1), None));
        let later = (0..1000).filter(|_| quota.pass(at(3_600_000)).is_some()).count();
        assert_eq!(later, 50);
        assert_eq!(quota.take_left_out(), 950);
    }
}
