//! The threads that compute, how long each was busy, and with what.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{error::ProcessError, schedule::chunking::Pace};

/// So much must have been worked on before chunks are chosen by its pace.
const PACE_BYTES_MIN: u64 = 16 << 20;

/// A pool of threads that know how long they were busy.
pub(crate) struct ThreadPool {
    threads: rayon::ThreadPool,
    busy_ns: Vec<AtomicU64>,
    done: Mutex<Done>,
}

/// The documents that were worked on, in bytes of text.
#[derive(Default)]
struct Done {
    sizes: Vec<u64>,
    bytes: u64,
}

impl ThreadPool {
    /// Starts `threads` threads; 0 for as many as there are cores.
    pub(crate) fn new(threads: usize) -> Result<Self, ProcessError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("process-{n}"))
            .build()
            .map_err(|source| ProcessError::Threads { threads, source })?;
        let busy_ns = (0..pool.current_num_threads()).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { threads: pool, busy_ns, done: Mutex::default() })
    }

    /// How many threads there are.
    pub(crate) fn len(&self) -> usize {
        self.busy_ns.len()
    }

    /// Runs `work` in the pool, some time. It must not panic: see [`caught`].
    pub(crate) fn spawn(self: &Arc<Self>, work: impl FnOnce(&Self) + Send + 'static) {
        let pool = Arc::clone(self);
        self.threads.spawn(move || work(&pool));
    }

    /// Runs `work` in the pool and waits for it without blocking. A panic is an error; the pool goes on. Work
    /// whose caller has gone before it began is not begun.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, ProcessError> {
        // The thread sends once; the caller waits until then or goes.
        let (sender, receiver) = oneshot::channel();
        self.spawn(move |pool| {
            if !sender.is_closed() && sender.send(caught(|| Ok(work(pool)))).is_err() {
                tracing::debug!("nobody waits for a result any more");
            }
        });
        receiver.await.unwrap_or_else(|gone| Err(ProcessError::Panicked(gone.to_string())))
    }

    /// A document of this size was worked on.
    pub(crate) fn note(&self, bytes: u64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.sizes.push(bytes);
        done.bytes += bytes;
    }

    /// The sizes of the documents that were worked on.
    pub(crate) fn done(&self) -> Vec<u64> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).sizes.clone()
    }

    /// How fast a thread has been so far.
    pub(crate) fn pace(&self) -> Pace {
        let bytes = self.done.lock().unwrap_or_else(PoisonError::into_inner).bytes;
        let busy_ns = self.busy_ns.iter().map(|ns| ns.load(Ordering::Relaxed)).sum();
        if bytes == 0 { Pace::default() } else { Pace { bytes, busy_ns } }
    }

    /// The pace by which chunks are chosen: that of the first texts, which warm up, says too little.
    pub(crate) fn steady_pace(&self) -> Pace {
        Some(self.pace()).filter(|pace| pace.bytes >= PACE_BYTES_MIN).unwrap_or_default()
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

thread_local! {
    /// Whether this thread does other work in between.
    static IS_HELPING: Cell<bool> = const { Cell::new(false) };
}

/// Does one piece of work that has been begun, if there is any: a thread of the pool that is about to begin
/// something new helps first. What is done so does not help in turn, or it would go ever deeper.
pub(crate) fn help() {
    if !IS_HELPING.replace(true) {
        rayon::yield_now();
        IS_HELPING.set(false);
    }
}

/// Does `work`; a panic is an error, and the thread goes on.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, ProcessError>) -> Result<T, ProcessError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(ProcessError::Panicked(message(&*panic))))
}

/// How unevenly the work was shared: the busiest thread's time over the mean. 1 is even, the number of
/// threads is one thread alone; none where nothing was done.
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

    #[test]
    fn busy_time_is_counted_for_the_thread_that_worked() {
        let pool = Arc::new(ThreadPool::new(2).unwrap());
        let worked = Duration::from_millis(20);
        let spin = move |pool: &ThreadPool| {
            pool.busy(|| {
                let started = Instant::now();
                while started.elapsed() < worked {
                    std::hint::spin_loop();
                }
            });
        };
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        pool.spawn(move |pool| {
            spin(pool);
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
        let busy = pool.busy_times();
        assert_eq!(busy.len(), 2);
        assert_eq!(busy.iter().filter(|time| **time >= worked).count(), 1, "{busy:?}");
        assert_eq!(busy.iter().filter(|time| time.is_zero()).count(), 1, "{busy:?}");
    }

    #[test]
    fn what_helps_does_not_go_ever_deeper() {
        const WORK: usize = 1000;
        let (pool, depths) = (Arc::new(ThreadPool::new(1).unwrap()), Arc::new(Mutex::new((0, 0))));
        let (sender, receiver) = std::sync::mpsc::sync_channel(WORK);
        let (all_wait, wait) = std::sync::mpsc::sync_channel::<()>(1);
        pool.spawn(move |_| wait.recv().unwrap());
        for _ in 0..WORK {
            let (depths, sender) = (Arc::clone(&depths), sender.clone());
            pool.spawn(move |_| {
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
        let panicked = caught(|| -> Result<(), _> { panic!("no {}", "luck") }).unwrap_err();
        assert_eq!(panicked.to_string(), "the processor panicked: no luck");
        assert_eq!(caught(|| Ok(7)).unwrap(), 7);
    }

    #[test]
    fn the_pace_is_taken_from_what_was_worked_on() {
        let pool = ThreadPool::new(1).unwrap();
        assert_eq!(pool.pace(), Pace::default());
        pool.note(1000);
        assert_eq!((pool.pace(), pool.done()), (Pace { bytes: 1000, busy_ns: 0 }, vec![1000]));
        assert_eq!(pool.steady_pace(), Pace::default());
        pool.note(PACE_BYTES_MIN);
        assert_eq!(pool.pace(), Pace { bytes: PACE_BYTES_MIN + 1000, busy_ns: 0 });
        assert_eq!(pool.steady_pace(), pool.pace());
    }
}
