//! Writes the disks that a power cut may leave, and compares them with what the processes had reported.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
};

use crate::{
    child,
    disk::{Disk, Model, Survival},
    record::{Event, Record},
};

/// The number of threads that check disks.
const THREADS: usize = 2;

/// A power cut before the event `at` of the record has returned.
#[derive(Debug, Clone, Copy)]
pub struct CrashPoint {
    /// The index of the event in the record.
    pub at: usize,
    /// The part of the unsynced changes that is on the disk.
    pub survival: Survival,
    /// The seed of everything random.
    pub seed: u64,
}

impl CrashPoint {
    /// Creates a power cut at this event, with a random part of the unsynced changes.
    pub fn at(at: usize, random: &mut fastrand::Rng) -> Self {
        Self { at, survival: Survival::any(random), seed: random.u64(..) }
    }
}

/// The knowledge that the lines of a record give about the disk.
pub trait Oracle: Clone + Sync {
    /// A line of the processes.
    type Line: Clone + fmt::Debug + Sync;

    /// Takes the next line into account.
    fn observe(&mut self, line: Self::Line);

    /// Checks a directory as the power cut left it, and continues with it.
    ///
    /// # Errors
    /// Returns everything that is wrong with it.
    fn check(self, run: &Path, model: Model) -> Result<(), Vec<String>>;
}

/// A disk that does not hold what it must.
#[derive(Debug)]
pub struct BadDisk {
    point: CrashPoint,
    model: Model,
    why: Vec<String>,
    /// The events around the power cut.
    around: Vec<String>,
    /// The changes that are not, or not wholly, on the disk.
    lost: Vec<String>,
}

impl fmt::Display for BadDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |lines: &[String]| lines.iter().map(|line| format!("\n    {line}")).collect::<String>();
        let Self { point, model, why, around, lost } = self;
        let some = &why[..why.len().min(8)];
        writeln!(f, "{model:?}, {point:?}, {} wrong:{}", why.len(), list(some))?;
        writeln!(f, "  the last events, and the one that was under way:{}", list(around))?;
        write!(f, "  lost or damaged, the latest {}:{}", lost.len(), list(lost))
    }
}

/// Checks the disk of every power cut, by both models in turn: a pair of points at one event, given twice, is
/// checked by both models each. `oracle` has observed no line yet.
#[must_use]
pub fn check<B: Oracle>(record: &Record<B::Line>, mut points: Vec<CrashPoint>, oracle: &B) -> Vec<BadDisk> {
    // In the order of the record, so that each thread goes through it once.
    points.sort_by_key(|point| point.at);
    let shares = (0..THREADS).map(|nth| points.iter().copied().skip(nth).step_by(THREADS));
    thread::scope(|scope| {
        let threads: Vec<_> = shares
            .map(|share| scope.spawn(move || check_share(record, share.collect(), oracle.clone())))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Checks some of the points, in one pass over the record.
fn check_share<B: Oracle>(record: &Record<B::Line>, points: Vec<CrashPoint>, mut oracle: B) -> Vec<BadDisk> {
    let mut disks = [Disk::new(Model::Strict), Disk::new(Model::Ext4)];
    let mut failures = Vec::new();
    let mut now = 0;
    for (nth, point) in points.into_iter().enumerate() {
        for (at, event) in record.events.iter().enumerate().take(point.at).skip(now) {
            disks.iter_mut().for_each(|disk| disk.advance(at, event));
            if let Event::Line(line) = event {
                oracle.observe(line.clone());
            }
        }
        now = point.at;
        failures.extend(check_point(record, point, &disks[nth % disks.len()], oracle.clone()));
    }
    failures
}

fn check_point<'r, B: Oracle>(
    record: &'r Record<B::Line>,
    point: CrashPoint,
    disk: &Disk<'r>,
    oracle: B,
) -> Option<BadDisk> {
    let mut random = fastrand::Rng::with_seed(point.seed);
    let next = record.events.get(point.at).map(|event| (point.at, event));
    let (tree, lost) = disk.cut(next, point.survival, &mut random);
    let run = child::scratch();
    tree.write_to(run.path()).unwrap();
    // The report names the disk, also if opening it panics.
    let checked = catch_unwind(AssertUnwindSafe(|| oracle.check(run.path(), disk.model())));
    let why = checked.unwrap_or_else(|_| Err(vec!["it panics when it is opened".to_owned()])).err()?;
    let until = record.events.len().min(point.at + 1);
    let around = (point.at.saturating_sub(8)..until).map(|at| record.describe(at)).collect();
    let lost = lost.iter().rev().take(12).map(|at| record.describe(*at)).collect();
    Some(BadDisk { point, model: disk.model(), why, around, lost })
}
