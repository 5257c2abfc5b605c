//! Decides when a failed job is retried: exponential backoff with jitter, up to a limit.

use crate::{clock::Millis, job::Lease};

/// The limits and delays of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The maximum number of retries.
    pub retries_max: u32,
    /// The longest time from the first failure to the start of a retry.
    pub age_max_ms: Millis,
    /// The longest delay before the first retry. It doubles with each retry.
    pub base_ms: Millis,
    /// The longest delay before any retry.
    pub cap_ms: Millis,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries_max: 5, age_max_ms: 15 * 60_000, base_ms: 1_000, cap_ms: 60_000 }
    }
}

impl RetryPolicy {
    /// Returns the delay before the next attempt, or `None` if there is none. `failures` counts the failed
    /// attempts, including this one; the first of them was `age_ms` ago. `after_ms` is the delay that the
    /// other side asked for.
    ///
    /// The delay is between 0 and the exponential one (full jitter), so that jobs that failed together do not
    /// return together. It is derived from the lease, so the same history gives the same delay.
    #[must_use]
    pub fn wait_ms(
        &self,
        lease: Lease,
        failures: u32,
        age_ms: Millis,
        after_ms: Option<Millis>,
    ) -> Option<Millis> {
        // The first attempt is no retry.
        if failures > self.retries_max {
            return None;
        }
        // Twenty doublings exceed any sensible cap, and the shift cannot overflow.
        let doubled = self.base_ms.saturating_mul(1 << (failures.max(1) - 1).min(20)).min(self.cap_ms);
        let wait = after_ms.unwrap_or_else(|| jitter(lease, doubled));
        // A retry that would begin too late is not made at all.
        (age_ms.saturating_add(wait) <= self.age_max_ms).then_some(wait)
    }
}

fn jitter(lease: Lease, up_to: Millis) -> Millis {
    let hash =
        blake3::Hasher::new().update(lease.id.as_bytes()).update(&lease.attempt.to_le_bytes()).finalize();
    let low = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
    // The bias of the remainder is negligible: a day has 2^27 milliseconds, and the hash 2^64 values.
    u64::from_le_bytes(*low) % (up_to + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{job::JobId, lane::Lane};

    fn lease(attempt: u32) -> Lease {
        Lease { id: JobId::of(Lane::Fetch, "x"), attempt }
    }

    #[test]
    fn waits_double_up_to_the_cap_and_end_at_the_limit() {
        let policy = RetryPolicy { retries_max: 8, age_max_ms: u64::MAX, base_ms: 1_000, cap_ms: 10_000 };
        for failures in 1..=8 {
            let most = (1_000 << (failures - 1)).min(10_000);
            let waits: Vec<Millis> =
                (0..200).map(|attempt| policy.wait_ms(lease(attempt), failures, 0, None).unwrap()).collect();
            assert!(waits.iter().all(|wait| *wait <= most), "{failures}: {waits:?}");
            assert!(waits.iter().any(|wait| *wait < most / 10), "{failures}: {waits:?}");
            assert!(waits.iter().any(|wait| *wait > most - most / 10), "{failures}: {waits:?}");
        }
        assert_eq!(policy.wait_ms(lease(9), 9, 0, None), None);
    }

    #[test]
    fn the_age_limit_counts_the_wait_to_come() {
        let policy = RetryPolicy { age_max_ms: 10_000, ..RetryPolicy::default() };
        assert_eq!(policy.wait_ms(lease(1), 1, 0, Some(10_000)), Some(10_000));
        assert_eq!(policy.wait_ms(lease(1), 1, 1, Some(10_000)), None);
    }
}
