//! Lays down the disks that power cuts leave, and has them compared with what had been said.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
};

use crate::{
    child,
    disk::{Disk, Luck, Model},
    record::{Event, Record},
};

/// Threads that look at disks.
const THREADS: usize = 2;

/// A power cut before the event `at` of the record has returned.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// When, as a place in the record.
    pub at: usize,
    /// How much of what was not synced is there after all.
    pub luck: Luck,
    /// Of what is left to chance.
    pub seed: u64,
}

impl Cut {
    /// A cut at this place, with any luck.
    pub fn at(at: usize, random: &mut fastrand::Rng) -> Self {
        Self { at, luck: Luck::any(random), seed: random.u64(..) }
    }
}

/// What is known from the lines of a record, and must hold of every disk.
pub trait Book: Clone + Sync {
    /// What the processes say.
    type Line: Clone + fmt::Debug + Sync;

    /// The next line.
    fn take(&mut self, line: Self::Line);

    /// Looks at a directory as the power cut left it, and goes on with it.
    ///
    /// # Errors
    /// All that is wrong with it.
    fn check(self, run: &Path, model: Model) -> Result<(), Vec<String>>;
}

/// A disk that does not hold what it must.
#[derive(Debug)]
pub struct Failure {
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

/// Looks at the disk of every cut, by both models in turn: so a pair of cuts at one place, given twice, is looked at by both
/// models each. The book is that of somebody who has heard nothing yet.
#[must_use]
pub fn check<B: Book>(record: &Record<B::Line>, mut cuts: Vec<Cut>, book: &B) -> Vec<Failure> {
    cuts.sort_by_key(|cut| cut.at);
    let shares = (0..THREADS).map(|nth| cuts.iter().copied().skip(nth).step_by(THREADS));
    thread::scope(|scope| {
        let threads: Vec<_> = shares
            .map(|share| scope.spawn(move || check_share(record, share.collect(), book.clone())))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Goes through the record once.
fn check_share<B: Book>(record: &Record<B::Line>, cuts: Vec<Cut>, mut book: B) -> Vec<Failure> {
    let mut disks = [Disk::new(Model::Strict), Disk::new(Model::Ext4)];
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

fn check_cut<'r, B: Book>(
    record: &'r Record<B::Line>,
    cut: Cut,
    disk: &Disk<'r>,
    book: B,
) -> Option<Failure> {
    let mut random = fastrand::Rng::with_seed(cut.seed);
    let next = record.events.get(cut.at).map(|event| (cut.at, event));
    let (tree, lost) = disk.cut(next, cut.luck, &mut random);
    let run = child::scratch();
    tree.write_to(run.path()).unwrap();
    let checked = catch_unwind(AssertUnwindSafe(|| book.check(run.path(), disk.model())));
    let why = checked.unwrap_or_else(|_| Err(vec!["it panics when it is opened".to_owned()])).err()?;
    let until = record.events.len().min(cut.at + 1);
    let around = (cut.at.saturating_sub(8)..until).map(|at| record.describe(at)).collect();
    let lost = lost.iter().rev().take(12).map(|at| record.describe(*at)).collect();
    Some(Failure { cut, model: disk.model(), why, around, lost })
}
