//! Chooses the power cuts, and opens the queue on what they leave.

use std::path::Path;

use flow::queue::QueueError;
use powercut::{
    crash_states::{self, CrashPoint},
    disk::Model,
    record::{Change, Event, Record},
};
use queue::transport::client::QueueClient;

use crate::{child, operation::Line, oracle::Oracle};

/// Chooses `count` power cuts: half of them during the start of an owner, each owner alike; a quarter after a
/// write; the others anywhere.
pub(crate) fn cuts(record: &Record<Line>, count: usize, random: &mut fastrand::Rng) -> Vec<CrashPoint> {
    let starts = starts(record);
    let writes: Vec<usize> = (1..record.events.len())
        .filter(|at| matches!(record.events[at - 1], Event::Change(Change::Write { .. })))
        .collect();
    let places = |nth, random: &mut fastrand::Rng| match nth % 4 {
        0 | 1 => {
            let (from, to) = starts[random.usize(..starts.len())];
            random.usize(from..=to)
        }
        2 => writes[random.usize(..writes.len())],
        _ => random.usize(..=record.events.len()),
    };
    (0..count).map(|nth| CrashPoint::at(places(nth, random), random)).collect()
}

/// Returns the ranges of events from the begin of each owner to its first acknowledgement.
fn starts(record: &Record<Line>) -> Vec<(usize, usize)> {
    let events = &record.events;
    let lives = (0..events.len()).filter(|at| matches!(events[*at], Event::Process(_)));
    lives
        .map(|from| {
            let ends = |event: &Event<Line>| matches!(event, Event::Process(_) | Event::Line(Line::Did(_)));
            let length = events[from + 1..].iter().position(ends);
            (from, length.map_or(events.len(), |length| from + 1 + length))
        })
        .collect()
}

impl crash_states::Oracle for Oracle {
    type Line = Line;

    fn observe(&mut self, line: Line) {
        self.observe(line);
    }

    fn check(mut self, run: &Path, _model: Model) -> Result<(), Vec<String>> {
        open_and_compare(&mut self, run)
            .unwrap_or_else(|error| Err(vec![format!("it does not open: {error}")]))
    }
}

fn open_and_compare(oracle: &mut Oracle, run: &Path) -> Result<Result<(), Vec<String>>, QueueError> {
    let (link, thread) = child::open_at_rest(run)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let compared = runtime.block_on(oracle.compare(&QueueClient::Local(link)));
    thread.join().unwrap();
    Ok(compared)
}
