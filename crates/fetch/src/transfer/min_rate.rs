//! The minimum rate of a body.
//!
//! Time is counted in windows of waiting for the server. The time that this machine takes to write does not
//! count. A window that ends with too few bytes ends the download, however the bytes were spread over it, so
//! a server that sends a few bytes now and then gains nothing.

use std::time::Duration;

use tokio::time::Instant;

/// Measures the rate of one body.
#[derive(Debug)]
pub(crate) struct MinRate {
    /// The number of bytes that a window must bring.
    bytes_min: u64,
    window: Duration,
    came: u64,
    waited: Duration,
}

/// A window has brought too few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooSlow {
    pub(crate) bytes: u64,
    pub(crate) window: Duration,
}

impl MinRate {
    /// Requires at least `rate_min` bytes a second on average over each `window`. 0 for any rate.
    pub(crate) fn new(rate_min: u64, window: Duration) -> Self {
        let bytes_min = u128::from(rate_min) * window.as_millis() / 1_000;
        Self { bytes_min: bytes_min.try_into().unwrap_or(u64::MAX), window, came: 0, waited: Duration::ZERO }
    }

    /// Waits for the next bytes, `length` of them, for as long as the window allows.
    ///
    /// # Errors
    /// Returns an error if the window is over and has brought too few bytes.
    pub(crate) async fn wait<T>(
        &mut self,
        next: impl Future<Output = T>,
        length: impl FnOnce(&T) -> usize,
    ) -> Result<T, TooSlow> {
        if self.bytes_min == 0 {
            return Ok(next.await);
        }
        let started = Instant::now();
        tokio::pin!(next);
        let left = self.window.saturating_sub(self.waited);
        let came = match tokio::time::timeout(left, &mut next).await {
            Ok(came) => came,
            // The window is over.
            Err(_) if self.came < self.bytes_min => return Err(self.too_slow()),
            Err(_) => {
                self.begin();
                let brought = tokio::time::timeout(self.window, next).await;
                brought.map_err(|_| self.too_slow())?
            }
        };
        self.note(length(&came), started.elapsed());
        Ok(came)
    }

    fn note(&mut self, bytes: usize, waited: Duration) {
        self.came = self.came.saturating_add(bytes as u64);
        self.waited += waited;
        if self.came >= self.bytes_min && self.waited >= self.window {
            self.begin();
        }
    }

    fn begin(&mut self) {
        (self.came, self.waited) = (0, Duration::ZERO);
    }

    fn too_slow(&self) -> TooSlow {
        TooSlow { bytes: self.came, window: self.window }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Bytes that come so many seconds after the last ones.
    async fn takes(rate: &mut MinRate, seconds: u32, bytes: usize) -> Result<usize, TooSlow> {
        let next = async {
            tokio::time::sleep(SECOND * seconds).await;
            bytes
        };
        rate.wait(next, |bytes| *bytes).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_fast_enough_may_take_any_time() {
        let mut rate = MinRate::new(100, 10 * SECOND);
        for _ in 0..100 {
            assert_eq!(takes(&mut rate, 9, 1_000).await, Ok(1_000));
        }
        assert_eq!(takes(&mut rate, 0, 1_000_000).await, Ok(1_000_000));
        assert_eq!(takes(&mut rate, 9, 1_000).await, Ok(1_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up_after_one_stretch() {
        let mut rate = MinRate::new(100, 10 * SECOND);
        let started = Instant::now();
        let mut drops = 0;
        while takes(&mut rate, 1, 99).await.is_ok() {
            drops += 1;
        }
        assert_eq!((drops, started.elapsed()), (10, 10 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_in_one_stretch_does_not_help_the_next() {
        let mut rate = MinRate::new(100, 10 * SECOND);
        assert_eq!(takes(&mut rate, 1, 1_000_000).await, Ok(1_000_000));
        let slow = takes(&mut rate, 30, 1).await.unwrap_err();
        assert_eq!((slow.bytes, slow.window), (0, 10 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_is_not_spent_waiting_does_not_count() {
        let mut rate = MinRate::new(100, 10 * SECOND);
        for _ in 0..9 {
            assert_eq!(takes(&mut rate, 1, 1).await, Ok(1));
            tokio::time::advance(60 * SECOND).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_zero_allows_anything() {
        let mut rate = MinRate::new(0, SECOND);
        assert_eq!(takes(&mut rate, 100_000, 1).await, Ok(1));
    }
}
