//! The ways of working that are measured, their times, and how they compare.

use std::{num::NonZeroU64, time::Duration};

use process::config::Chunk;
use serde::{Serialize, Serializer};

/// The smallest pieces: one line each.
const LINE: Chunk = Chunk::Bytes(NonZeroU64::MIN);

/// The work that is done with every text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The fetch stage: a download.
    Fetch,
    /// The store stage: the text and its records, durably on the disk.
    Save,
    /// The process stage: words and counts.
    Process,
    /// All three, one after the other for each text.
    Whole,
}

impl Work {
    /// All kinds of work, in the order of the rows.
    pub const ALL: [Self; 4] = [Self::Fetch, Self::Save, Self::Process, Self::Whole];

    /// Returns the name, as JSON has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Save => "save",
            Self::Process => "process",
            Self::Whole => "whole",
        }
    }
}

/// The way in which the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// One text after the other, on one core.
    Serial,
    /// Many texts at a time, on one core.
    Concurrent,
    /// Many texts at a time, on many threads and all cores.
    Parallel,
}

impl Way {
    /// Returns the name, as JSON has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Concurrent => "concurrent",
            Self::Parallel => "parallel",
        }
    }
}

/// The work of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Workload {
    /// The work.
    pub work: Work,
    /// The way it is done.
    pub way: Way,
    /// The number of texts at a time.
    pub at_a_time: usize,
    /// The number of threads that compute.
    pub threads: usize,
    /// The pieces in which a text is processed.
    #[serde(serialize_with = "as_written")]
    pub chunk: Chunk,
}

fn as_written<S: Serializer>(chunk: &Chunk, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(chunk)
}

impl Workload {
    fn name(self) -> String {
        let pieces = match self.chunk {
            Chunk::Auto => "",
            Chunk::Whole | Chunk::Documents(_) => ", in whole texts",
            Chunk::Bytes(_) => ", one task per line",
        };
        format!("{}, {}{pieces}", self.work.name(), self.way.name())
    }
}

/// A workload and its times.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// The name for people.
    pub name: String,
    /// The work.
    #[serde(flatten)]
    pub workload: Workload,
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
    pub fn new(workload: Workload) -> Self {
        Self {
            name: workload.name(),
            workload,
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

/// Returns all rows: each work in each way, and processing in other pieces. With one download at a time there
/// is no concurrent row, and with one thread no parallel one.
pub fn rows(downloads: usize, threads: usize, cores: usize) -> Vec<Measurement> {
    let threads = if threads == 0 { cores } else { threads };
    let mut workloads = Vec::new();
    for work in Work::ALL {
        let row = |way, at_a_time, threads| Workload { work, way, at_a_time, threads, chunk: Chunk::Auto };
        workloads.push(row(Way::Serial, 1, 1));
        if downloads > 1 {
            workloads.push(row(Way::Concurrent, downloads, 1));
        }
        if threads > 1 {
            // At least one text for each thread.
            let parallel = row(Way::Parallel, downloads.max(threads), threads);
            workloads.push(parallel);
            if work == Work::Process {
                workloads.extend([Chunk::Whole, LINE].map(|chunk| Workload { chunk, ..parallel }));
            }
        }
    }
    workloads.into_iter().map(Measurement::new).collect()
}

/// Computes the speed-up of each row.
pub fn compare(rows: &mut [Measurement]) {
    for at in 0..rows.len() {
        let first = rows.iter().find(|row| row.workload.work == rows[at].workload.work);
        let first = first.map_or(0.0, |row| row.mean);
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
        let mut row = rows(16, 2, 2).remove(0);
        row.add(Duration::from_secs(1));
        assert_eq!((row.mean, row.standard_deviation), (1.0, None));
        row.add(Duration::from_secs(3));
        assert_eq!((row.mean, row.standard_deviation), (2.0, Some(2.0_f64.sqrt())));
    }

    #[test]
    fn every_work_is_done_in_every_way_that_differs() {
        let names = |rows: Vec<Measurement>| rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
        let expected = [
            "fetch, serial",
            "fetch, concurrent",
            "fetch, parallel",
            "save, serial",
            "save, concurrent",
            "save, parallel",
            "process, serial",
            "process, concurrent",
            "process, parallel",
            "process, parallel, in whole texts",
            "process, parallel, one task per line",
            "whole, serial",
            "whole, concurrent",
            "whole, parallel",
        ];
        assert_eq!(names(rows(16, 0, 6)), expected);
        assert_eq!(
            names(rows(1, 1, 6)),
            ["fetch, serial", "save, serial", "process, serial", "whole, serial"]
        );
        assert_eq!((names(rows(16, 0, 1)).len(), names(rows(1, 0, 2)).len()), (8, 10));
        let parallel = rows(16, 20, 6).remove(2).workload;
        assert_eq!((parallel.at_a_time, parallel.threads), (20, 20));
    }

    #[test]
    fn rows_compare_with_the_first_of_their_work() {
        let mut rows = rows(16, 2, 2);
        for (row, seconds) in rows.iter_mut().zip([8, 2, 1, 6, 3, 4]) {
            row.add(Duration::from_secs(seconds));
        }
        compare(&mut rows);
        let speed_ups: Vec<f64> = rows.iter().take(6).map(|row| row.speed_up).collect();
        assert_eq!(speed_ups, [1.0, 4.0, 8.0, 1.0, 2.0, 1.5]);
    }

    #[test]
    fn a_row_of_json_has_its_work_flat() {
        let mut row = rows(16, 2, 2).remove(2);
        row.add(Duration::from_secs(2));
        let json = serde_json::to_value(&row).unwrap();
        let expected = serde_json::json!({
            "name": "fetch, parallel", "work": "fetch", "way": "parallel", "at_a_time": 16, "threads": 2,
            "chunk": "auto", "seconds": [2.0], "mean": 2.0, "standard_deviation": null, "speed_up": 1.0,
        });
        assert_eq!(json, expected);
    }
}
