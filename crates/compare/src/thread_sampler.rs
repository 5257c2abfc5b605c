//! Samples which threads of this process use a core, and when.
//!
//! The system counts the time that each thread has used a core (`schedstat` of proc(5)). A thread of its own
//! reads these counters every [`PERIOD`], so nothing that is measured has to take part. Threads that were
//! there before the sampler are left out: they do not belong to what is measured.

use std::{
    collections::{HashMap, HashSet},
    fs,
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The time between two samples. The counters of a thread that does not pause move in steps of about this.
pub(crate) const PERIOD: Duration = Duration::from_millis(4);
/// The number of samples in which the name of a thread is read.
const NAME_SAMPLES: usize = 3;
/// True if this system has the counters.
pub(crate) const CAN_SAMPLE: bool = cfg!(target_os = "linux");

/// A time, from its begin to its end.
pub(crate) type Interval = (Duration, Duration);

/// A thread, and when it used a core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SampledThread {
    /// Its name.
    pub(crate) name: String,
    /// The times in which it used a core, in order, without overlaps. Within a sample, all of them are put at
    /// its begin.
    pub(crate) working: Vec<Interval>,
}

/// Samples until it is asked for what it has seen.
pub(crate) struct ThreadSampler {
    stop: SyncSender<()>,
    sampling: JoinHandle<Samples>,
}

impl ThreadSampler {
    /// Starts to sample the threads that are started from now on.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let known: HashSet<u32> = thread_ids().collect();
        let sampling = std::thread::Builder::new().name("sampler".to_owned()).spawn(move || {
            let own = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
            let mut samples = Samples { known, own, threads: Vec::new(), positions: HashMap::new() };
            loop {
                samples.take(Instant::now());
                match stopped.recv_timeout(PERIOD) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            samples.take(Instant::now());
            samples
        })?;
        Ok(Self { stop, sampling })
    }

    /// Ends, and returns the threads that used a core between `started` and `took` later.
    pub(crate) fn end(self, started: Instant, took: Duration) -> Vec<SampledThread> {
        drop(self.stop);
        let samples = self.sampling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let threads = samples.threads.into_iter().map(|thread| SampledThread {
            working: working(&thread.counts, started, took),
            name: thread.name,
        });
        threads.filter(|thread| !thread.working.is_empty()).collect()
    }
}

struct Samples {
    /// Threads that are left out.
    known: HashSet<u32>,
    own: u32,
    threads: Vec<Counted>,
    /// The position of each thread in `threads`.
    positions: HashMap<u32, usize>,
}

struct Counted {
    name: String,
    /// The time on a core at each sample.
    counts: Vec<(Instant, Duration)>,
}

impl Samples {
    fn take(&mut self, now: Instant) {
        for id in thread_ids() {
            if id == self.own || self.known.contains(&id) {
                continue;
            }
            // It has ended in between.
            let Some(used) = time_on_core(id) else { continue };
            let at = *self.positions.entry(id).or_insert_with(|| {
                self.threads.push(Counted { name: String::new(), counts: Vec::new() });
                self.threads.len() - 1
            });
            let thread = &mut self.threads[at];
            thread.counts.push((now, used));
            // A thread begins with the name of the one that started it, and then takes its own.
            if thread.counts.len() <= NAME_SAMPLES {
                let name = fs::read_to_string(format!("/proc/self/task/{id}/comm")).unwrap_or_default();
                name.trim().clone_into(&mut thread.name);
            }
        }
    }
}

fn thread_ids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn time_on_core(id: u32) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/self/task/{id}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Returns when a thread worked, from the time on a core at each sample. Times are since `started`.
fn working(counts: &[(Instant, Duration)], started: Instant, took: Duration) -> Vec<Interval> {
    let mut intervals: Vec<Interval> = Vec::new();
    for pair in counts.windows(2) {
        let [(from, before), (to, after)] = pair else { continue };
        let begin = from.saturating_duration_since(started).min(took);
        let end = to.saturating_duration_since(started).min(took);
        let used = after.saturating_sub(*before).min(end - begin);
        if used.is_zero() {
            continue;
        }
        match intervals.last_mut() {
            Some((_, last)) if *last == begin => *last = begin + used,
            _ => intervals.push((begin, begin + used)),
        }
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_on_a_core_becomes_intervals_that_do_not_overlap() {
        let started = Instant::now();
        let ms = Duration::from_millis;
        let counts = [(0, 0), (10, 10), (20, 20), (30, 20), (40, 25), (50, 90)]
            .map(|(at, used)| (started + ms(at), ms(used)));
        let expected = [(ms(0), ms(20)), (ms(30), ms(35)), (ms(40), ms(45))];
        assert_eq!(working(&counts, started, ms(45)), expected);
        assert!(working(&counts[..1], started, ms(45)).is_empty());
        assert!(working(&counts, started + ms(100), ms(45)).is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_computes_works_and_one_that_was_there_before_is_left_out() {
        let (sender, receiver) = sync_channel::<()>(0);
        let before =
            std::thread::Builder::new().name("before".to_owned()).spawn(move || receiver.recv().is_err());
        let (sampler, started) = (ThreadSampler::start().unwrap(), Instant::now());
        // Until it has used a core for a while, however busy the machine is.
        let computing = std::thread::Builder::new().name("computing".to_owned()).spawn(|| {
            let id = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
            while time_on_core(id).unwrap() < 20 * PERIOD {
                std::hint::black_box((0..10_000).sum::<u64>());
            }
        });
        computing.unwrap().join().unwrap();
        let took = started.elapsed();
        let threads = sampler.end(started, took);
        drop(sender);
        assert!(before.unwrap().join().unwrap());
        let named = |name: &str| threads.iter().find(|thread| thread.name == name);
        assert!(named("before").is_none() && named("sampler").is_none());
        let worked: Duration = named("computing").unwrap().working.iter().map(|(from, to)| *to - *from).sum();
        assert!(worked <= took && worked > PERIOD, "{worked:?} of {took:?}");
    }
}
