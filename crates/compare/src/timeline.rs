//! The timeline of a run: when each thread worked and when it waited.
//!
//! A thread works while it uses a core. It waits while it does not: for the server, for the disk, for other
//! threads or for the core.

use std::time::Duration;

use serde::Serialize;

use crate::{
    measurement::Way,
    thread_sampler::{Interval, SampledThread},
};

/// The maximum number of lanes.
pub const LANES_MAX: usize = 16;
/// The number of cells that a lane is drawn with, so that any number of spans gives a bounded picture.
const CELLS: usize = 600;

/// A run, lane by lane.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    /// The way of working.
    pub way: Way,
    /// The duration of the run.
    pub seconds: f64,
    /// The lanes: one for each thread that worked, the busiest first.
    pub lanes: Vec<Lane>,
    /// The number of lanes that are not shown.
    pub lanes_left_out: usize,
}

/// A thread.
#[derive(Debug, Clone, Serialize)]
pub struct Lane {
    /// The name.
    pub name: String,
    /// The time of work.
    pub working_seconds: f64,
    /// The time without work.
    pub waiting_seconds: f64,
    /// The main activity in each cell of the lane, from the start of the run to its end.
    #[serde(skip)]
    pub cells: Vec<Cell>,
}

/// A part of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// It works.
    Working,
    /// It waits.
    Waiting,
}

impl Timeline {
    /// Arranges what was sampled in a run that took `took`.
    pub(crate) fn new(way: Way, took: Duration, threads: &[SampledThread]) -> Self {
        let mut lanes: Vec<Lane> = threads.iter().map(|thread| Lane::new(thread, took)).collect();
        lanes.sort_by(|a, b| b.working_seconds.total_cmp(&a.working_seconds));
        let lanes_left_out = lanes.len().saturating_sub(LANES_MAX);
        lanes.truncate(LANES_MAX);
        Self { way, seconds: took.as_secs_f64(), lanes, lanes_left_out }
    }
}

impl Lane {
    fn new(SampledThread { name, working }: &SampledThread, took: Duration) -> Self {
        let worked: Duration = working.iter().map(|(from, to)| *to - *from).sum();
        let is_working = |share: f64| if share >= 0.5 { Cell::Working } else { Cell::Waiting };
        Self {
            name: name.clone(),
            working_seconds: worked.as_secs_f64(),
            waiting_seconds: took.saturating_sub(worked).as_secs_f64(),
            cells: filled(took, working).into_iter().map(is_working).collect(),
        }
    }

    /// Returns the share of the time in which it worked.
    #[must_use]
    pub fn share_working(&self) -> f64 {
        let all = self.working_seconds + self.waiting_seconds;
        if all > 0.0 { self.working_seconds / all } else { 0.0 }
    }
}

/// Returns the share of each cell that the intervals fill.
fn filled(took: Duration, intervals: &[Interval]) -> Vec<f64> {
    let mut shares = vec![0.0; CELLS];
    // Not 0, because positions are divided by it.
    let width = (took.as_secs_f64() / CELLS as f64).max(1e-9);
    for (from, to) in intervals {
        let (from, to) = (from.as_secs_f64() / width, to.as_secs_f64() / width);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and bounded")]
        let (first, last) = (from as usize, (to as usize).min(CELLS - 1));
        for (at, share) in shares.iter_mut().enumerate().take(last + 1).skip(first) {
            *share += (to.min(at as f64 + 1.0) - from.max(at as f64)).max(0.0);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(600);

    fn thread(name: &str, working: &[(u64, u64)]) -> SampledThread {
        let ms = Duration::from_millis;
        let working = working.iter().map(|&(from, to)| (ms(from), ms(to))).collect();
        SampledThread { name: name.to_owned(), working }
    }

    #[test]
    fn a_thread_works_or_waits_and_the_busiest_comes_first() {
        let threads = [thread("a", &[(0, 100), (200, 210)]), thread("b", &[(0, 300)])];
        let timeline = Timeline::new(Way::Concurrent, TOOK, &threads);
        let names: Vec<&str> = timeline.lanes.iter().map(|lane| lane.name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        let a = &timeline.lanes[1];
        assert_eq!((a.working_seconds, a.waiting_seconds), (0.11, 0.49));
        let count = |wanted: Cell| a.cells.iter().filter(|cell| **cell == wanted).count();
        assert_eq!((count(Cell::Working), count(Cell::Waiting)), (110, 490));
        assert_eq!(timeline.lanes[0].share_working(), 0.5);
    }

    #[test]
    fn the_number_of_lanes_is_bounded_and_a_run_without_threads_is_empty() {
        let threads: Vec<SampledThread> = (0..40).map(|_| thread("x", &[(0, 600)])).collect();
        let timeline = Timeline::new(Way::Parallel, TOOK, &threads);
        assert_eq!((timeline.lanes.len(), timeline.lanes_left_out), (LANES_MAX, 24));
        assert!(Timeline::new(Way::Serial, Duration::ZERO, &[]).lanes.is_empty());
    }
}
