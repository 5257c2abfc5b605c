//! The setting `--limit-rate`: a maximum rate of all downloads together.
//!
//! Each received chunk reserves the time that it takes at the limited rate, after the chunks before it. Its
//! download waits for the end of that time before it reads on. The server is slowed down by full buffers, and
//! the wait does not count towards the idle timeout. No lock is held while a download waits, and no download
//! waits twice for the same bytes.

use std::{
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The time that downloads may catch up after they were slower than allowed.
const BURST: Duration = Duration::from_millis(100);
const NANOS: u128 = 1_000_000_000;

/// Limits the rate of all downloads that share it.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// The rate in bytes a second. `None` for no limit.
    rate: Option<NonZeroU64>,
    /// The end of the reserved time.
    booked_until: Mutex<Instant>,
}

impl RateLimit {
    /// Creates a limit in bytes a second. `None` for no limit.
    pub(crate) fn new(rate: Option<NonZeroU64>) -> Self {
        Self { rate, booked_until: Mutex::new(Instant::now()) }
    }

    /// Waits until the received bytes are within the rate.
    pub(crate) async fn wait(&self, bytes: usize) {
        if let Some(rate) = self.rate {
            tokio::time::sleep_until(self.book(bytes, rate, Instant::now())).await;
        }
    }

    fn book(&self, bytes: usize, rate: NonZeroU64, now: Instant) -> Instant {
        let nanos = bytes as u128 * NANOS / u128::from(rate.get());
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        // An instant has no state that a panic could leave half-written.
        let mut booked_until = self.booked_until.lock().unwrap_or_else(PoisonError::into_inner);
        let from = (*booked_until).max(now.checked_sub(BURST).unwrap_or(now));
        *booked_until = from.checked_add(takes).unwrap_or(from);
        *booked_until
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;

    fn limit(rate: u64) -> Arc<RateLimit> {
        Arc::new(RateLimit::new(NonZeroU64::new(rate)))
    }

    /// Downloads at a time, each of so many chunks; says when each was done.
    async fn download(
        limit: &Arc<RateLimit>,
        downloads: usize,
        chunks: usize,
        bytes: usize,
    ) -> Vec<Duration> {
        let started = Instant::now();
        let mut all = JoinSet::new();
        for _ in 0..downloads {
            let limit = Arc::clone(limit);
            all.spawn(async move {
                for _ in 0..chunks {
                    limit.wait(bytes).await;
                }
                started.elapsed()
            });
        }
        all.join_all().await
    }

    #[tokio::test(start_paused = true)]
    async fn all_downloads_share_one_rate_and_are_treated_alike() {
        let took = download(&limit(100_000), 5, 40, 10_000).await;
        let (first, last) = (took.iter().min().unwrap(), took.iter().max().unwrap());
        // 2 MB at 100 kB/s, all but the burst at the beginning.
        assert!(
            *last >= Duration::from_secs(20) - BURST && *last <= Duration::from_millis(20_050),
            "{last:?}"
        );
        // Whoever began first is at most one round ahead.
        assert!(*last - *first <= Duration::from_millis(500), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_caught_up() {
        let limit = limit(1_000);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let took = download(&limit, 1, 10, 1_000).await;
        assert!(took[0] >= Duration::from_secs(10) - BURST, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_takes_no_time() {
        assert_eq!(download(&Arc::new(RateLimit::new(None)), 2, 100, usize::MAX).await, [Duration::ZERO; 2]);
    }
}
