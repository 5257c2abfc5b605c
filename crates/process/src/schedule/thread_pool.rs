//! The threads that compute, with the time that each was busy.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{busy_time::BusyTimes, chunking::Pace};
use crate::error::ProcessError;

/// The amount of text after which the pace chooses the sizes of chunks, in bytes.
const STEADY_BYTES_MIN: u64 = 16 << 20;

/// A pool of threads that measures how long each was busy.
pub(crate) struct ThreadPool {
    threads: rayon::ThreadPool,
    busy: BusyTimes,
    /// Locked for a moment only.
    done: Mutex<Done>,
}

/// The documents that were processed.
#[derive(Default)]
struct Done {
    /// The size of each text, in bytes.
    sizes: Vec<u64>,
    /// The sum of the sizes.
    bytes: u64,
}

impl ThreadPool {
    /// Starts `threads` threads; 0 starts one for each core.
    pub(crate) fn new(threads: usize) -> Result<Self, ProcessError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("process-{n}"))
            .build()
            .map_err(|source| ProcessError::Threads { threads, source })?;
        Ok(Self { busy: BusyTimes::new(pool.current_num_threads()), threads: pool, done: Mutex::default() })
    }

    /// Returns the number of threads.
    pub(crate) fn len(&self) -> usize {
        self.busy.workers()
    }

    /// Starts `work` in the pool. It must not panic: see [`catch_panic`].
    pub(crate) fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        self.threads.spawn(work);
    }

    /// Runs `work` in the pool and waits for it without blocking. A panic becomes an error, and the pool goes
    /// on. If the caller is dropped before the work starts, the work does not start.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ProcessError> {
        // The thread sends once; the caller waits for it or is dropped.
        let (sender, receiver) = oneshot::channel();
        self.spawn(move || {
            if !sender.is_closed() && sender.send(catch_panic(|| Ok(work()))).is_err() {
                tracing::debug!("the caller of a piece of work was dropped");
            }
        });
        receiver.await.unwrap_or_else(|gone| Err(ProcessError::Panicked(gone.to_string())))
    }

    /// Records that a document of this size was processed.
    pub(crate) fn record_document(&self, bytes: u64) {
        let mut done = self.lock_done();
        done.sizes.push(bytes);
        done.bytes += bytes;
    }

    /// Returns the sizes of the documents that were processed, in bytes.
    pub(crate) fn document_sizes(&self) -> Vec<u64> {
        self.lock_done().sizes.clone()
    }

    /// Returns the speed of a thread so far.
    pub(crate) fn pace(&self) -> Pace {
        let bytes = self.lock_done().bytes;
        let busy: Duration = self.busy.all().iter().sum();
        if bytes == 0 { Pace::default() } else { Pace { bytes, busy_ns: busy.as_nanos() as u64 } }
    }

    /// Returns the pace that chooses the sizes of chunks. The pace of the first texts is not used: it
    /// includes the warm-up.
    pub(crate) fn steady_pace(&self) -> Pace {
        Some(self.pace()).filter(|pace| pace.bytes >= STEADY_BYTES_MIN).unwrap_or_default()
    }

    /// Runs a piece of work that does not wait for other pieces, and adds its time to the busy time of this
    /// thread.
    pub(crate) fn track<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        if let Some(thread) = self.threads.current_thread_index() {
            self.busy.add(thread, started.elapsed());
        }
        result
    }

    /// Returns the busy time of each thread.
    pub(crate) fn busy_times(&self) -> Vec<Duration> {
        self.busy.all()
    }

    fn lock_done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// Set while this thread helps with other work.
    static IS_HELPING: Cell<bool> = const { Cell::new(false) };
}

/// Runs one piece of work that waits in the pool, if there is any. A thread calls this before it starts
/// another document.
pub(crate) fn help() {
    // Work that runs here does not help in turn: otherwise the stack would grow with every document.
    if !IS_HELPING.replace(true) {
        rayon::yield_now();
        IS_HELPING.set(false);
    }
}

/// Runs `work` and converts a panic to an error.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> Result<T, ProcessError>) -> Result<T, ProcessError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(ProcessError::Panicked(panic_message(&*panic))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn busy_time_is_counted_for_the_thread_that_worked() {
        let pool = Arc::new(ThreadPool::new(2).unwrap());
        let worked = Duration::from_millis(20);
        let spin = move |pool: &ThreadPool| {
            pool.track(|| {
                let started = Instant::now();
                while started.elapsed() < worked {
                    std::hint::spin_loop();
                }
            });
        };
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let spinning = Arc::clone(&pool);
        pool.spawn(move || {
            spin(&spinning);
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
        let busy = pool.busy_times();
        assert_eq!(busy.len(), 2);
        assert_eq!(busy.iter().filter(|time| **time >= worked).count(), 1, "{busy:?}");
        assert_eq!(busy.iter().filter(|time| time.is_zero()).count(), 1, "{busy:?}");
    }

    #[test]
    fn work_that_helps_does_not_help_in_turn() {
        const WORK: usize = 1000;
        let (pool, depths) = (ThreadPool::new(1).unwrap(), Arc::new(Mutex::new((0, 0))));
        let (sender, receiver) = std::sync::mpsc::sync_channel(WORK);
        let (all_wait, wait) = std::sync::mpsc::sync_channel::<()>(1);
        pool.spawn(move || wait.recv().unwrap());
        for _ in 0..WORK {
            let (depths, sender) = (Arc::clone(&depths), sender.clone());
            pool.spawn(move || {
                let depth = |change: isize| {
                    let (now, most) = &mut *depths.lock().unwrap();
                    *now += change;
                    *most = (*most).max(*now);
                };
                depth(1);
                help();
                depth(-1);
                sender.send(()).unwrap();
            });
        }
        all_wait.send(()).unwrap();
        assert_eq!(receiver.iter().take(WORK).count(), WORK);
        assert_eq!(*depths.lock().unwrap(), (0, 2));
    }

    #[test]
    fn a_panic_is_an_error() {
        let panicked = catch_panic(|| -> Result<(), _> { panic!("no {}", "luck") }).unwrap_err();
        assert_eq!(panicked.to_string(), "the processor panicked: no luck");
        assert_eq!(catch_panic(|| Ok(7)).unwrap(), 7);
    }

    #[test]
    fn the_pace_follows_from_the_documents_that_were_processed() {
        let pool = ThreadPool::new(1).unwrap();
        assert_eq!(pool.pace(), Pace::default());
        pool.record_document(1000);
        assert_eq!((pool.pace(), pool.document_sizes()), (Pace { bytes: 1000, busy_ns: 0 }, vec![1000]));
        assert_eq!(pool.steady_pace(), Pace::default());
        pool.record_document(STEADY_BYTES_MIN);
        assert_eq!(pool.pace(), Pace { bytes: STEADY_BYTES_MIN + 1000, busy_ns: 0 });
        assert_eq!(pool.steady_pace(), pool.pace());
    }
}
