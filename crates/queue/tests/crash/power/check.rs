//! Opens the disks that power cuts leave, and compares them with what had been acknowledged.

use std::{
    fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
};

use flow::queue::QueueError;
use queue::client::QueueClient;

use super::{
    WATCHED,
    disk::{Disk, Luck, Model},
    record::{Change, Event, Record},
};
use crate::{book::Book, child, deed::Line};

/// Threads that open disks.
const THREADS: usize = 2;

/// A power cut before the event `at` of the record has returned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    at: usize,
    luck: Luck,
    seed: u64,
}

impl Cut {
    /// So many, in order: half of them while an owner starts, the owners alike; a quarter between a write and what
    /// follows; the rest anywhere.
    pub(crate) fn some(record: &Record, count: usize, random: &mut fastrand::Rng) -> Vec<Self> {
        let starts = starts(record);
        let writes: Vec<usize> = (1..record.events.len())
            .filter(|at| matches!(record.events[at - 1], Event::Change(Change::Write { .. })))
            .collect();
        let mut cuts: Vec<Self> = (0..count)
            .map(|nth| {
                let at = match nth % 4 {
                    0 | 1 => {
                        let (from, to) = starts[random.usize(..starts.len())];
                        random.usize(from..=to)
                    }
                    2 => writes[random.usize(..writes.len())],
                    _ => random.usize(..=record.events.len()),
                };
                Self { at, luck: Luck::any(random), seed: random.u64(..) }
            })
            .collect();
        cuts.sort_unstable_by_key(|cut| cut.at);
        cuts
    }
}

/// From where an owner begins to where it first acknowledges something.
fn starts(record: &Record) -> Vec<(usize, usize)> {
    let events = &record.events;
    let lives = (0..events.len()).filter(|at| matches!(events[*at], Event::Life(_)));
    lives
        .map(|from| {
            let ends = |event: &Event| matches!(event, Event::Life(_) | Event::Line(Line::Did(_)));
            let length = events[from + 1..].iter().position(ends);
            (from, length.map_or(events.len(), |length| from + 1 + length))
        })
        .collect()
}

/// A disk that does not hold what it must.
#[derive(Debug)]
pub(crate) struct Failure {
    cut: Cut,
    model: Model,
    why: Vec<String>,
    /// What happened around the cut.
    around: Vec<String>,
    /// What had happened and was not, or not wholly, on the disk.
    lost: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |lines: &[String]| lines.iter().map(|line| format!("\n    {line}")).collect::<String>();
        let Self { cut, model, why, around, lost } = self;
        let some = &why[..why.len().min(8)];
        writeln!(f, "{model:?}, {cut:?}, {} wrong:{}", why.len(), list(some))?;
        writeln!(f, "  the last events, and the one that was under way:{}", list(around))?;
        write!(f, "  lost or damaged, the latest {}:{}", lost.len(), list(lost))
    }
}

/// Opens the disk of every cut, by both models in turn.
pub(crate) fn check(record: &Record, cuts: Vec<Cut>) -> Vec<Failure> {
    let shares = (0..THREADS).map(|nth| cuts.iter().copied().skip(nth).step_by(THREADS));
    thread::scope(|scope| {
        let threads: Vec<_> =
            shares.map(|share| scope.spawn(move || check_share(record, share.collect()))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Goes through the record once.
fn check_share(record: &Record, cuts: Vec<Cut>) -> Vec<Failure> {
    let mut disks = [Disk::new(Model::Strict), Disk::new(Model::Ext4)];
    let mut book = Book::default();
    let mut failures = Vec::new();
    let mut now = 0;
    for (nth, cut) in cuts.into_iter().enumerate() {
        for (at, event) in record.events.iter().enumerate().take(cut.at).skip(now) {
            disks.iter_mut().for_each(|disk| disk.advance(at, event));
            if let Event::Line(line) = event {
                book.take(line.clone());
            }
        }
        now = cut.at;
        failures.extend(check_cut(record, cut, &disks[nth % disks.len()], book.clone()));
    }
    failures
}

fn check_cut<'r>(record: &'r Record, cut: Cut, disk: &Disk<'r>, mut book: Book) -> Option<Failure> {
    let mut random = fastrand::Rng::with_seed(cut.seed);
    let next = record.events.get(cut.at).map(|event| (cut.at, event));
    let (tree, lost) = disk.cut(next, cut.luck, &mut random);
    let run = tempfile::tempdir().unwrap();
    let watched = run.path().join(WATCHED);
    fs::create_dir_all(&watched).unwrap();
    tree.write_to(&watched).unwrap();
    let opened = catch_unwind(AssertUnwindSafe(|| open_and_compare(&mut book, run.path())));
    let why = match opened {
        Ok(Ok(Ok(()))) => return None,
        Ok(Ok(Err(wrong))) => wrong,
        Ok(Err(error)) => vec![format!("it does not open: {error}")],
        Err(_) => vec!["it panics when it is opened".to_owned()],
    };
    let until = record.events.len().min(cut.at + 1);
    let around = (cut.at.saturating_sub(8)..until).map(|at| record.describe(at)).collect();
    let lost = lost.iter().rev().take(12).map(|at| record.describe(*at)).collect();
    Some(Failure { cut, model: disk.model(), why, around, lost })
}

fn open_and_compare(book: &mut Book, run: &Path) -> Result<Result<(), Vec<String>>, QueueError> {
    let (link, thread) = child::open_at_rest(run)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let compared = runtime.block_on(book.compare(&QueueClient::Local(link)));
    thread.join().unwrap();
    Ok(compared)
}
