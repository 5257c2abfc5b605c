//! The ways of working that are measured, their times, and how they compare.

use std::{mem::discriminant, num::NonZeroU64, time::Duration};

use process::config::Chunk;
use serde::{Serialize, Serializer};

/// The smallest pieces: one line each.
const LINE: Chunk = Chunk::Bytes(NonZeroU64::MIN);

/// The work of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Workload {
    /// Texts are fetched.
    Fetch {
        /// The number of downloads at a time.
        at_a_time: usize,
    },
    /// Texts are processed.
    Process {
        /// The number of threads.
        threads: usize,
        /// The pieces of work.
        #[serde(serialize_with = "as_written")]
        chunk: Chunk,
    },
}

fn as_written<S: Serializer>(chunk: &Chunk, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(chunk)
}

impl Workload {
    /// Returns whether both fetch or both process.
    pub fn is_like(self, other: Self) -> bool {
        discriminant(&self) == discriminant(&other)
    }

    fn name(self) -> String {
        match self {
            Self::Fetch { at_a_time: 1 } => "fetch, one text at a time".to_owned(),
            Self::Fetch { at_a_time } => format!("fetch, {at_a_time} at a time"),
            Self::Process { threads, chunk } => {
                let pieces = match chunk {
                    Chunk::Auto => "in chunks",
                    Chunk::Whole | Chunk::Documents(_) => "in whole texts",
                    Chunk::Bytes(_) => "one task per line",
                };
                format!("process, {threads} {}, {pieces}", if threads == 1 { "thread" } else { "threads" })
            }
        }
    }
}

/// A workload and its times.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// The name for people.
    pub name: String,
    /// The work.
    #[serde(flatten)]
    pub work: Workload,
    /// The time of each run.
    seconds: Vec<f64>,
    /// The mean of the times.
    pub mean: f64,
    /// The sample standard deviation (divided by n − 1); `None` for one run.
    pub standard_deviation: Option<f64>,
    /// The mean of the first row of the same work, divided by this mean.
    pub speed_up: f64,
}

impl Measurement {
    /// Creates a measurement without times.
    #[must_use]
    pub fn new(work: Workload) -> Self {
        Self {
            name: work.name(),
            work,
            seconds: Vec::new(),
            mean: 0.0,
            standard_deviation: None,
            speed_up: 1.0,
        }
    }

    /// Returns the standard deviation for people: `± 1.2 ms`, or a dash for one run.
    #[must_use]
    pub fn deviation(&self) -> String {
        self.standard_deviation.map_or_else(|| "–".to_owned(), |deviation| format!("± {}", time(deviation)))
    }

    /// Adds the time of a run.
    pub fn add(&mut self, took: Duration) {
        self.seconds.push(took.as_secs_f64());
        let count = self.seconds.len() as f64;
        self.mean = self.seconds.iter().sum::<f64>() / count;
        let squares: f64 = self.seconds.iter().map(|seconds| (seconds - self.mean).powi(2)).sum();
        // Bessel's correction: the runs are a sample of all possible runs.
        self.standard_deviation = (self.seconds.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
    }
}

/// Returns all rows: fetching serially and concurrently, processing on more and more threads, then in other
/// pieces.
pub fn rows(downloads: usize, threads: usize, cores: usize) -> Vec<Measurement> {
    let most = if threads == 0 { cores } else { threads };
    let mut counts: Vec<usize> = std::iter::successors(Some(1), |count| Some(count * 2))
        .take_while(|count| *count < most)
        .chain([most])
        .collect();
    if threads == 0 {
        // More threads than cores show that cores compute, not threads.
        counts.push(2 * cores);
    }
    let mut works = vec![Workload::Fetch { at_a_time: 1 }];
    if downloads > 1 {
        works.push(Workload::Fetch { at_a_time: downloads });
    }
    works.extend(counts.into_iter().map(|threads| Workload::Process { threads, chunk: Chunk::Auto }));
    works.extend([Chunk::Whole, LINE].map(|chunk| Workload::Process { threads: most, chunk }));
    works.into_iter().map(Measurement::new).collect()
}

/// Computes the speed-up of each row.
pub fn compare(rows: &mut [Measurement]) {
    for at in 0..rows.len() {
        let first = rows.iter().find(|row| row.work.is_like(rows[at].work)).map_or(0.0, |row| row.mean);
        rows[at].speed_up = if rows[at].mean > 0.0 { first / rows[at].mean } else { 1.0 };
    }
}

/// Returns a time with a suitable unit.
#[must_use]
pub fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-6 => format!("{:.0} ns", seconds * 1e9),
        _ if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_and_the_deviation_are_those_of_the_runs() {
        let mut row = Measurement::new(Workload::Fetch { at_a_time: 1 });
        row.add(Duration::from_secs(1));
        assert_eq!((row.mean, row.standard_deviation), (1.0, None));
        row.add(Duration::from_secs(3));
        assert_eq!((row.mean, row.standard_deviation), (2.0, Some(2.0_f64.sqrt())));
    }

    #[test]
    fn threads_double_up_to_the_cores_and_once_beyond() {
        let names = |rows: Vec<Measurement>| rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
        let expected = [
            "fetch, one text at a time",
            "fetch, 16 at a time",
            "process, 1 thread, in chunks",
            "process, 2 threads, in chunks",
            "process, 4 threads, in chunks",
            "process, 6 threads, in chunks",
            "process, 12 threads, in chunks",
            "process, 6 threads, in whole texts",
            "process, 6 threads, one task per line",
        ];
        assert_eq!(names(rows(16, 0, 6)), expected);
        assert_eq!(names(rows(1, 1, 6)).len(), 4);
        for (threads, cores) in [(0, 1), (1, 1), (3, 2), (0, 8)] {
            let mut all = names(rows(16, threads, cores));
            let count = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count, "{threads} {cores}");
        }
    }

    #[test]
    fn rows_compare_with_the_first_of_their_work() {
        let mut rows = rows(16, 2, 2);
        for (row, seconds) in rows.iter_mut().zip([8, 2, 6, 3, 4, 12]) {
            row.add(Duration::from_secs(seconds));
        }
        compare(&mut rows);
        let speed_ups: Vec<f64> = rows.iter().map(|row| row.speed_up).collect();
        assert_eq!(speed_ups, [1.0, 4.0, 1.0, 2.0, 1.5, 0.5]);
    }
}
