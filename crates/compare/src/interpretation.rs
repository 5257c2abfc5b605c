//! Says what the figures mean. Each sentence follows from the measurements.

use std::{cmp::Ordering, time::Duration};

use indicatif::HumanCount;
use process::config::Chunk;

use crate::measurement::{Measurement, Workload, time};

/// Smaller differences count as none, as a share of the larger mean.
const SHARE_MIN: f64 = 0.03;
/// The same for rows with one run, whose deviation is unknown.
// A tenth: single runs on a shared machine differ by this much.
const SHARE_OF_ONE_RUN_MIN: f64 = 0.1;

/// The conditions of the measurements.
pub struct Conditions {
    /// The number of cores.
    pub cores: usize,
    /// The delay of each response.
    pub latency: Duration,
    /// The number of lines that are processed.
    pub lines: u64,
}

/// Returns the interpretation, one paragraph.
#[must_use]
pub fn interpret(rows: &[Measurement], facts: &Conditions) -> String {
    let find = |is: &dyn Fn(Workload) -> bool| rows.iter().find(|row| is(row.work));
    let in_chunks: Vec<(usize, &Measurement)> =
        rows.iter().filter_map(|row| Some((threads_in_chunks(row.work)?, row))).collect();
    // The rows are ordered by threads, so the last one has the most.
    let within = in_chunks.iter().rfind(|(threads, _)| *threads <= facts.cores).copied();
    let beyond = in_chunks.iter().rfind(|(threads, _)| *threads > facts.cores).copied();
    let mut sentences = Vec::new();
    if let (Some(serial), Some(concurrent)) = (
        find(&|work| work == Workload::Fetch { at_a_time: 1 }),
        find(&|work| matches!(work, Workload::Fetch { at_a_time } if at_a_time > 1)),
    ) {
        sentences.push(of_fetching(serial, concurrent, facts.latency));
    }
    if let (Some((_, one)), Some((threads, many))) = (in_chunks.first(), within) {
        sentences.push(of_threads(one, many, threads));
    }
    if let (Some((cores, within)), Some((threads, beyond))) = (within, beyond) {
        sentences.push(of_more_threads(within, cores, beyond, threads));
    }
    let pieces = |wanted: fn(Chunk) -> bool| {
        let row = find(&|work| matches!(work, Workload::Process { chunk, .. } if wanted(chunk)))?;
        let Workload::Process { threads, .. } = row.work else { return None };
        let chunks = in_chunks.iter().find(|(count, _)| *count == threads)?.1;
        Some((chunks, row))
    };
    if let Some((chunks, whole)) = pieces(|chunk| chunk == Chunk::Whole) {
        sentences.push(of_whole_texts(chunks, whole));
    }
    if let Some((chunks, lines)) = pieces(|chunk| matches!(chunk, Chunk::Bytes(_))) {
        sentences.push(of_lines(chunks, lines, facts.lines));
    }
    sentences.join(" ")
}

fn threads_in_chunks(work: Workload) -> Option<usize> {
    match work {
        Workload::Process { threads, chunk: Chunk::Auto } => Some(threads),
        Workload::Process { .. } | Workload::Fetch { .. } => None,
    }
}

/// Compares the means of two rows, and returns how many times as long the slower took. They are equal if they
/// differ by no more than the sum of their standard deviations.
fn compared(row: &Measurement, other: &Measurement) -> (Ordering, f64) {
    let (less, more) = (row.mean.min(other.mean), row.mean.max(other.mean));
    let scatter = row.standard_deviation.zip(other.standard_deviation).map(|(one, two)| one + two);
    let least = scatter.map_or(more * SHARE_OF_ONE_RUN_MIN, |scatter| scatter.max(more * SHARE_MIN));
    let order = if more - less <= least { Ordering::Equal } else { row.mean.total_cmp(&other.mean) };
    // A mean of zero gives no ratio; it happens only with a clock that is too coarse.
    (order, if less > 0.0 { more / less } else { 1.0 })
}

fn of_fetching(serial: &Measurement, concurrent: &Measurement, latency: Duration) -> String {
    let waits = if latency.is_zero() {
        "the server responds at once".to_owned()
    } else {
        format!("the server delays each response by {} ms", latency.as_millis())
    };
    let name = &concurrent.name;
    match compared(concurrent, serial) {
        (Ordering::Less, times) => format!(
            "Fetching is bound by waiting ({waits}). '{name}' took {} instead of {}, {times:.1} times as \
             fast, because it waits for many responses at the same time. That is concurrency.",
            time(concurrent.mean),
            time(serial.mean)
        ),
        (Ordering::Equal, _) => format!(
            "Fetching had little to wait for ({waits}). '{name}' took as long as one text at a time, \
             within the variation of the runs, so concurrency has no effect here."
        ),
        (Ordering::Greater, times) => format!(
            "Fetching had little to wait for ({waits}). '{name}' took {times:.1} times as long as one text \
             at a time, so concurrency costs more than it saves here."
        ),
    }
}

fn of_threads(one: &Measurement, many: &Measurement, threads: usize) -> String {
    if threads == 1 {
        return "Processing had one core, so no work can be shared.".to_owned();
    }
    match compared(many, one) {
        (Ordering::Less, times) => format!(
            "Processing is bound by computing. {threads} threads took {} instead of {}, {times:.1} times \
             as fast, which is {:.0} % of the maximum for {threads} cores. That is parallelism.",
            time(many.mean),
            time(one.mean),
            times / threads as f64 * 100.0
        ),
        (Ordering::Equal, _) => format!(
            "Processing on {threads} threads took as long as on one ({}), within the variation of the \
             runs. Other programs use the cores, or there is too little work.",
            time(one.mean)
        ),
        (Ordering::Greater, times) => format!(
            "Processing on {threads} threads took {times:.1} times as long as on one ({}). Other programs \
             use the cores, or there is too little work.",
            time(one.mean)
        ),
    }
}

fn of_more_threads(within: &Measurement, cores: usize, beyond: &Measurement, threads: usize) -> String {
    let cores_are = if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
    match compared(beyond, within) {
        (Ordering::Less, times) => {
            format!(
                "{threads} threads on {cores_are} were {times:.2} times as fast as {cores}. With {cores}, \
                 the cores were not busy all the time."
            )
        }
        (Ordering::Equal, _) => {
            format!(
                "{threads} threads on {cores_are} were no faster than {cores}, because the number of cores \
                 limits the speed."
            )
        }
        (Ordering::Greater, times) => {
            format!(
                "{threads} threads on {cores_are} took {times:.2} times as long as {cores}, because the \
                 number of cores limits the speed."
            )
        }
    }
}

fn of_whole_texts(chunks: &Measurement, whole: &Measurement) -> String {
    match compared(whole, chunks) {
        (Ordering::Less, times) => {
            format!(
                "Whole texts as tasks were {times:.2} times as fast as chunks. There were enough texts for \
                 all threads."
            )
        }
        (Ordering::Equal, _) => {
            "Whole texts as tasks took as long as chunks. There were enough texts for all threads.".to_owned()
        }
        (Ordering::Greater, times) => format!(
            "Whole texts as tasks took {times:.2} times as long as chunks. The texts were too few, or too \
             unequal in size, to keep all threads busy."
        ),
    }
}

fn of_lines(chunks: &Measurement, lines: &Measurement, count: u64) -> String {
    let tasks = HumanCount(count);
    match compared(lines, chunks) {
        (Ordering::Less, times) => {
            format!("One task per line ({tasks} tasks) was {times:.2} times as fast as chunks.")
        }
        (Ordering::Equal, _) => format!(
            "One task per line ({tasks} tasks) took as long as chunks, because starting a task costs \
             little compared with a line."
        ),
        (Ordering::Greater, times) => format!(
            "One task per line ({tasks} tasks) took {times:.1} times as long as chunks. The difference is \
             the cost of starting the tasks and merging their results, {} for each task.",
            time((lines.mean - chunks.mean) / count.max(1) as f64)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement;

    /// Two runs for each row, a hundredth apart.
    fn told(seconds: [f64; 7], latency_ms: u64) -> String {
        let mut rows = measurement::rows(16, 0, 2);
        for (row, seconds) in rows.iter_mut().zip(seconds) {
            row.add(Duration::from_secs_f64(seconds * 0.995));
            row.add(Duration::from_secs_f64(seconds * 1.005));
        }
        interpret(
            &rows,
            &Conditions { cores: 2, latency: Duration::from_millis(latency_ms), lines: 1_000_000 },
        )
    }

    #[track_caller]
    fn assert_says(told: &str, all: &[&str]) {
        for words in all {
            assert!(told.contains(words), "'{words}' is not said: {told}");
        }
    }

    #[test]
    fn the_usual_figures_give_the_usual_lesson() {
        let told = told([0.65, 0.05, 1.0, 0.5, 0.5, 0.6, 1.5], 50);
        assert_says(
            &told,
            &[
                "each response by 50 ms",
                "50.0 ms instead of 650.0 ms, 13.0 times as fast",
                "That is concurrency.",
            ],
        );
        assert_says(
            &told,
            &["500.0 ms instead of 1.00 s, 2.0 times as fast, which is 100 % of the maximum for 2 cores"],
        );
        assert_says(
            &told,
            &["4 threads on 2 cores were no faster than 2", "took 1.20 times as long as chunks"],
        );
        assert_says(
            &told,
            &["One task per line (1,000,000 tasks) took 3.0 times as long", "1.0 µs for each"],
        );
    }

    #[test]
    fn other_figures_give_another_lesson() {
        let told = told([0.05, 0.05, 1.0, 1.0, 1.2, 0.9, 1.0], 0);
        assert_says(&told, &["the server responds at once", "concurrency has no effect here"]);
        assert_says(&told, &["Processing on 2 threads took as long as on one (1.00 s)"]);
        assert_says(&told, &["4 threads on 2 cores took 1.20 times as long as 2"]);
        assert_says(
            &told,
            &["were 1.11 times as fast as chunks", "took as long as chunks, because starting a task"],
        );
        assert!(!told.contains("That is"), "{told}");
    }

    #[test]
    fn what_the_runs_differ_by_is_no_difference() {
        let row = |seconds: &[f64]| {
            let mut row = Measurement::new(Workload::Fetch { at_a_time: 1 });
            seconds.iter().for_each(|seconds| row.add(Duration::from_secs_f64(*seconds)));
            row
        };
        assert_eq!(compared(&row(&[1.0, 2.0]), &row(&[1.5, 3.0])).0, Ordering::Equal);
        assert_eq!(compared(&row(&[1.0, 1.01]), &row(&[2.0, 2.01])).0, Ordering::Less);
        assert_eq!(compared(&row(&[1.05]), &row(&[1.0])).0, Ordering::Equal);
        assert_eq!(compared(&row(&[1.5]), &row(&[1.0])).0, Ordering::Greater);
    }
}
