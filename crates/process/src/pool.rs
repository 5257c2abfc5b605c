//! The threads that compute, how long each was busy, and the one bridge from async code to them.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::error::ProcessError;

/// A pool of threads that know how long they were busy.
pub(crate) struct Pool {
    threads: rayon::ThreadPool,
    busy_ns: Vec<AtomicU64>,
}

impl Pool {
    /// Starts `threads` threads; 0 for as many as there are cores.
    pub(crate) fn new(threads: usize) -> Result<Self, ProcessError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("process-{n}"))
            .build()
            .map_err(|source| ProcessError::Threads { threads, source })?;
        let busy_ns = (0..pool.current_num_threads()).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { threads: pool, busy_ns })
    }

    /// How many threads there are.
    pub(crate) fn len(&self) -> usize {
        self.busy_ns.len()
    }

    /// Runs `work` in the pool and waits for it without blocking. A panic is an error; the pool goes on. Work whose
    /// caller has gone before it began is not begun.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, ProcessError> {
        // The thread sends once; the caller waits until then or goes.
        let (sender, receiver) = oneshot::channel();
        let pool = Arc::clone(self);
        self.threads.spawn(move || {
            if sender.is_closed() {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| work(&pool)));
            if sender.send(result).is_err() {
                tracing::debug!("nobody waits for a result any more");
            }
        });
        match receiver.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => Err(ProcessError::Panicked(message(&*panic))),
            Err(gone) => Err(ProcessError::Panicked(gone.to_string())),
        }
    }

    /// Does a piece of work that does not wait for other pieces, and counts its time for this thread.
    pub(crate) fn busy<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        if let Some(busy_ns) = self.threads.current_thread_index().and_then(|index| self.busy_ns.get(index)) {
            let ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            busy_ns.fetch_add(ns, Ordering::Relaxed);
        }
        result
    }

    /// How long each thread was busy so far.
    pub(crate) fn busy_times(&self) -> Vec<Duration> {
        self.busy_ns.iter().map(|ns| Duration::from_nanos(ns.load(Ordering::Relaxed))).collect()
    }
}

/// How unevenly the work was shared: the busiest thread's time over the mean. 1 is even, the number of threads is one
/// thread alone; none where nothing was done.
pub(crate) fn imbalance(busy: &[Duration]) -> Option<f64> {
    let sum: Duration = busy.iter().sum();
    let most = busy.iter().max()?;
    (!sum.is_zero()).then(|| most.as_secs_f64() * busy.len() as f64 / sum.as_secs_f64())
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_the_busiest_over_the_mean() {
        let ms = Duration::from_millis;
        assert_eq!(imbalance(&[]), None);
        assert_eq!(imbalance(&[ms(0), ms(0)]), None);
        assert_eq!(imbalance(&[ms(5), ms(5)]), Some(1.0));
        assert_eq!(imbalance(&[ms(8), ms(0), ms(0), ms(0)]), Some(4.0));
    }

    #[tokio::test]
    async fn busy_time_is_counted_for_the_thread_that_worked() {
        let pool = Arc::new(Pool::new(2).unwrap());
        let worked = Duration::from_millis(20);
        let spin = move |pool: &Pool| {
            pool.busy(|| {
                let started = Instant::now();
                while started.elapsed() < worked {
                    std::hint::spin_loop();
                }
            });
        };
        pool.run(spin).await.unwrap();
        let busy = pool.busy_times();
        assert_eq!(busy.len(), 2);
        assert_eq!(busy.iter().filter(|time| **time >= worked).count(), 1, "{busy:?}");
        assert_eq!(busy.iter().filter(|time| time.is_zero()).count(), 1, "{busy:?}");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_goes_on() {
        let pool = Arc::new(Pool::new(1).unwrap());
        let panicked = pool.run(|_| -> u8 { panic!("no {}", "luck") }).await.unwrap_err();
        assert_eq!(panicked.to_string(), "the processor panicked: no luck");
        assert_eq!(pool.run(|_| 7).await.unwrap(), 7);
    }
}
