//! Where the power is cut, and the queue opened on what is left.

use std::path::Path;

use flow::queue::QueueError;
use powercut::{
    cut::{self, Cut},
    disk::Model,
    record::{Change, Event, Record},
};
use queue::transport::client::QueueClient;

use crate::{book::Book, child, deed::Line};

/// So many: half of them while an owner starts, the owners alike; a quarter between a write and what follows; the rest
/// anywhere.
pub(crate) fn cuts(record: &Record<Line>, count: usize, random: &mut fastrand::Rng) -> Vec<Cut> {
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
    (0..count).map(|nth| Cut::at(places(nth, random), random)).collect()
}

/// From where an owner begins to where it first acknowledges something.
fn starts(record: &Record<Line>) -> Vec<(usize, usize)> {
    let events = &record.events;
    let lives = (0..events.len()).filter(|at| matches!(events[*at], Event::Life(_)));
    lives
        .map(|from| {
            let ends = |event: &Event<Line>| matches!(event, Event::Life(_) | Event::Line(Line::Did(_)));
            let length = events[from + 1..].iter().position(ends);
            (from, length.map_or(events.len(), |length| from + 1 + length))
        })
        .collect()
}

impl cut::Book for Book {
    type Line = Line;

    fn take(&mut self, line: Line) {
        self.take(line);
    }

    fn check(mut self, run: &Path, _model: Model) -> Result<(), Vec<String>> {
        open_and_compare(&mut self, run)
            .unwrap_or_else(|error| Err(vec![format!("it does not open: {error}")]))
    }
}

fn open_and_compare(book: &mut Book, run: &Path) -> Result<Result<(), Vec<String>>, QueueError> {
    let (link, thread) = child::open_at_rest(run)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let compared = runtime.block_on(book.compare(&QueueClient::Local(link)));
    thread.join().unwrap();
    Ok(compared)
}
