//! Says what the figures mean. Each sentence follows from the measurements.

use std::cmp::Ordering;

use indicatif::HumanCount;
use process::config::Chunk;

use crate::{
    cores,
    measurement::{Measurement, Way, Work, time},
    timeline::Timeline,
};

/// Returns the interpretation, one paragraph. `lines` is the number of lines of a run.
#[must_use]
pub fn interpret(rows: &[Measurement], timelines: &[Timeline], lines: u64) -> String {
    if rows.iter().any(|row| row.standard_deviation.is_none()) {
        return "With one run of each row it is unknown how much the runs vary, so nothing is concluded. \
                Use --runs 3 or more."
            .to_owned();
    }
    let mut sentences = Vec::new();
    for work in Work::ALL {
        let find = |way| rows.iter().find(|row| (row.workload.work, row.workload.way) == (work, way));
        let (serial, concurrent, parallel) = (find(Way::Serial), find(Way::Concurrent), find(Way::Parallel));
        if let Some((serial, concurrent)) = serial.zip(concurrent) {
            sentences.push(of_concurrency(serial, concurrent));
        }
        if let Some((before, parallel)) = concurrent.or(serial).zip(parallel) {
            sentences.push(of_parallelism(before, parallel));
        }
    }
    let in_pieces = |is: fn(Chunk) -> bool| rows.iter().find(|row| is(row.workload.chunk));
    let chunks =
        rows.iter().find(|row| (row.workload.work, row.workload.way) == (Work::Process, Way::Parallel));
    if let Some((chunks, whole)) = chunks.zip(in_pieces(|chunk| chunk == Chunk::Whole)) {
        sentences.push(of_whole_texts(chunks, whole));
    }
    if let Some((chunks, by_line)) = chunks.zip(in_pieces(|chunk| matches!(chunk, Chunk::Bytes(_)))) {
        sentences.push(of_lines(chunks, by_line, lines));
    }
    sentences.extend(timelines.iter().filter(|timeline| timeline.way == Way::Serial).filter_map(of_waiting));
    sentences.join(" ")
}

/// Compares the means of two rows, and returns how many times as long the slower took. They are equal if the
/// intervals of mean ± standard deviation overlap.
fn compared(row: &Measurement, other: &Measurement) -> (Ordering, f64) {
    let (less, more) = (row.mean.min(other.mean), row.mean.max(other.mean));
    let deviations = row.standard_deviation.zip(other.standard_deviation).map(|(one, two)| one + two);
    let overlap = deviations.is_none_or(|deviations| more - less <= deviations);
    let order = if overlap { Ordering::Equal } else { row.mean.total_cmp(&other.mean) };
    // A mean of zero gives no ratio; it happens only with a clock that is too coarse.
    (order, if less > 0.0 { more / less } else { 1.0 })
}

/// Returns a factor with as many digits as people can use.
fn times(factor: f64) -> String {
    if factor < 1.95 { format!("{factor:.2} times") } else { format!("{factor:.1} times") }
}

fn subject(work: Work) -> &'static str {
    match work {
        Work::Fetch => "Fetching",
        Work::Save => "Saving",
        Work::Process => "Processing",
        Work::Whole => "Fetching, saving and processing",
    }
}

fn of_concurrency(serial: &Measurement, concurrent: &Measurement) -> String {
    let (who, at_a_time) = (subject(serial.workload.work), concurrent.workload.at_a_time);
    let took = format!("took {} instead of {}", time(concurrent.mean), time(serial.mean));
    match compared(concurrent, serial) {
        // One core computes no faster with more tasks, so what is saved is waiting.
        (Ordering::Less, factor) if cores::CAN_BIND => format!(
            "{who} {at_a_time} texts at a time on one core {took}, {} as fast: while one text waits, another \
             continues. That is concurrency.",
            times(factor)
        ),
        (Ordering::Less, factor) => {
            format!("{who} {at_a_time} texts at a time {took}, {} as fast.", times(factor))
        }
        (Ordering::Equal, _) => {
            format!(
                "{who} {at_a_time} texts at a time took as long as one by one, within what the runs vary."
            )
        }
        (Ordering::Greater, factor) => format!(
            "{who} {at_a_time} texts at a time took {} as long as one by one ({} instead of {}).",
            times(factor),
            time(concurrent.mean),
            time(serial.mean)
        ),
    }
}

fn of_parallelism(before: &Measurement, parallel: &Measurement) -> String {
    let (who, threads) = (subject(before.workload.work), parallel.workload.threads);
    // Without a concurrent row, what is saved may be waiting.
    let lesson = if before.workload.way == Way::Serial { "" } else { " That is parallelism." };
    match compared(parallel, before) {
        (Ordering::Less, factor) => format!(
            "{who} on {threads} threads took {} instead of {}, {} as fast.{lesson}",
            time(parallel.mean),
            time(before.mean),
            times(factor)
        ),
        (Ordering::Equal, _) => {
            format!("{who} on {threads} threads took as long, within what the runs vary.")
        }
        (Ordering::Greater, factor) => format!(
            "{who} on {threads} threads took {} as long ({} instead of {}).",
            times(factor),
            time(parallel.mean),
            time(before.mean)
        ),
    }
}

fn of_whole_texts(chunks: &Measurement, whole: &Measurement) -> String {
    match compared(whole, chunks) {
        (Ordering::Less, factor) => {
            format!("Whole texts as pieces of work were {} as fast as chunks.", times(factor))
        }
        (Ordering::Equal, _) => {
            "Whole texts as pieces of work took as long as chunks, within what the runs vary.".to_owned()
        }
        (Ordering::Greater, factor) => {
            format!("Whole texts as pieces of work took {} as long as chunks.", times(factor))
        }
    }
}

fn of_lines(chunks: &Measurement, by_line: &Measurement, lines: u64) -> String {
    let tasks = HumanCount(lines);
    match compared(by_line, chunks) {
        (Ordering::Less, factor) => {
            format!("One task per line ({tasks} tasks) was {} as fast as chunks.", times(factor))
        }
        (Ordering::Equal, _) => {
            format!("One task per line ({tasks} tasks) took as long as chunks, within what the runs vary.")
        }
        (Ordering::Greater, factor) => format!(
            "One task per line ({tasks} tasks) took {} as long as chunks, {} more for each task.",
            times(factor),
            time((by_line.mean - chunks.mean) / lines.max(1) as f64)
        ),
    }
}

/// Says how much of the serial whole its threads worked, as it was sampled.
fn of_waiting(serial: &Timeline) -> Option<String> {
    // On one core, threads work one after the other.
    if !cores::CAN_BIND || serial.lanes.is_empty() || serial.lanes_left_out > 0 {
        return None;
    }
    let worked: f64 = serial.lanes.iter().map(|lane| lane.working_seconds).sum();
    let share = (worked / serial.seconds).min(1.0) * 100.0;
    Some(format!(
        "In the last serial run of the whole, threads worked for {share:.0} % of the time, and otherwise \
         all of them waited."
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measurement;

    /// Two runs for each row, which differ by this share of their mean.
    fn told(seconds: [f64; 14], differ: f64) -> String {
        let mut rows = measurement::rows(16, 2, 2);
        for (row, seconds) in rows.iter_mut().zip(seconds) {
            row.add(Duration::from_secs_f64(seconds * (1.0 - differ / 2.0)));
            row.add(Duration::from_secs_f64(seconds * (1.0 + differ / 2.0)));
        }
        interpret(&rows, &[], 1_000_000)
    }

    const FIGURES: [f64; 14] = [0.65, 0.05, 0.05, 0.3, 0.2, 0.1, 1.0, 1.0, 0.5, 0.6, 1.5, 2.0, 1.2, 0.6];

    #[track_caller]
    fn assert_says(told: &str, all: &[&str]) {
        for words in all {
            assert!(told.contains(words), "'{words}' is not said: {told}");
        }
    }

    #[test]
    fn the_usual_figures_give_the_usual_lesson() {
        let told = told(FIGURES, 0.01);
        assert_says(&told, &["took 50.0 ms instead of 650.0 ms, 13.0 times as fast"]);
        assert_says(&told, &["Fetching on 2 threads took as long, within what the runs vary."]);
        assert_says(
            &told,
            &["Processing 16 texts at a time took as long as one by one, within what the runs"],
        );
        assert_says(&told, &["Processing on 2 threads took 500.0 ms instead of 1.00 s, 2.0 times as fast."]);
        assert_says(&told, &["Whole texts as pieces of work took 1.20 times as long as chunks."]);
        assert_says(
            &told,
            &["(1,000,000 tasks) took 3.0 times as long as chunks, 1.0 µs more for each task"],
        );
        assert_says(&told, &["Fetching, saving and processing on 2 threads took 600.0 ms instead of 1.20 s"]);
    }

    #[test]
    fn slower_rows_are_said_to_be_slower() {
        let mut figures = FIGURES;
        (figures[1], figures[8], figures[9]) = (1.3, 2.0, 1.0);
        let told = told(figures, 0.01);
        assert_says(
            &told,
            &["Fetching 16 texts at a time took 2.0 times as long as one by one (1.30 s instead"],
        );
        assert_says(&told, &["Processing on 2 threads took 2.0 times as long (2.00 s instead of 1.00 s)."]);
        assert_says(&told, &["Whole texts as pieces of work were 2.0 times as fast as chunks."]);
    }

    #[test]
    fn nothing_is_concluded_from_runs_that_vary_more_than_the_rows_differ() {
        let told = told(FIGURES, 1.9);
        assert!(!told.contains("as fast"), "{told}");
        assert!(!told.contains("That is") && !told.contains("instead of"), "{told}");
    }

    #[test]
    fn nothing_is_concluded_from_one_run() {
        let mut rows = measurement::rows(16, 2, 2);
        rows.iter_mut().for_each(|row| row.add(Duration::from_secs(1)));
        assert!(interpret(&rows, &[], 1).contains("nothing is concluded"));
    }

    #[test]
    fn rows_whose_deviations_overlap_are_equal() {
        let row = |seconds: &[f64]| {
            let mut row = measurement::rows(16, 2, 2).remove(0);
            seconds.iter().for_each(|seconds| row.add(Duration::from_secs_f64(*seconds)));
            row
        };
        assert_eq!(compared(&row(&[1.0, 2.0]), &row(&[1.5, 3.0])).0, Ordering::Equal);
        assert_eq!(compared(&row(&[1.0, 1.01]), &row(&[2.0, 2.01])).0, Ordering::Less);
        assert_eq!(compared(&row(&[3.0, 3.0]), &row(&[2.0, 2.0])), (Ordering::Greater, 1.5));
        // 1.0 ± 1.0 touches 3.0 ± 1.0.
        let (one, three) = (row(&[1.0 - 0.5_f64.sqrt(), 1.0 + 0.5_f64.sqrt()]), row(&[3.0, 3.0]));
        assert_eq!(compared(&one, &three).0, Ordering::Less);
        assert_eq!(compared(&row(&[1.5]), &row(&[1.0])).0, Ordering::Equal);
    }
}
