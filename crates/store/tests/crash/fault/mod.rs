//! Faults: whatever system call fails, nothing cut lies under a final name, nothing acknowledged is lost, and the next run
//! finishes, with the same files as one that nothing disturbed.
//!
//! A first run shows which calls there are ([`injector`]). Then every one of them goes wrong in every way it can, each in a
//! run of its own.

mod injector;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use powercut::{disk::Model, pretend::{FileSystem, Pretended}, trace};

use self::injector::{Fault, Injector, Step};
use crate::{
    book::{Book, files},
    child::{Forces, Orders},
    deed::Line,
};

const DOCUMENTS: usize = 2;
const VERSIONS: u32 = 2;
/// Runs at a time.
const THREADS: usize = 2;

#[test]
fn every_call_may_fail_where_files_are_forced_in_one_call() {
    let faults = inject_everywhere(FileSystem::Ext4);
    assert!(faults > 300, "{faults}");
}

#[test]
fn every_call_may_fail_where_files_are_forced_each_by_itself() {
    let faults = inject_everywhere(FileSystem::Fuse);
    assert!(faults > 300, "{faults}");
}

/// A run whose calls go wrong.
struct Trial {
    file_system: FileSystem,
    in_flight: usize,
    book: Book,
    /// What an undisturbed run leaves.
    undisturbed: BTreeMap<String, Vec<u8>>,
}

fn inject_everywhere(file_system: FileSystem) -> usize {
    let begun = Instant::now();
    let trial = Trial::of(file_system);
    let steps = trial.steps();
    let faults: Vec<(usize, Fault)> = steps
        .iter()
        .enumerate()
        .flat_map(|(at, step)| step.faults().into_iter().map(move |fault| (at, fault)))
        .collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((at, fault)) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    trial.inject(*at, *fault, &steps);
                }
            });
        }
    });
    let (calls, count) = (steps.len(), faults.len());
    println!("{file_system:?}: {calls} calls, {count} faults, in {:.1?}", begun.elapsed());
    count
}

impl Trial {
    fn of(file_system: FileSystem) -> Self {
        let book = Book::of(DOCUMENTS, VERSIONS);
        let run = powercut::child::scratch();
        book.clone().check(run.path(), Model::Ext4).unwrap();
        Self { file_system, in_flight: 1, book, undisturbed: files(run.path()) }
    }

    /// The calls of a run in which nothing goes wrong.
    fn steps(&self) -> Vec<Step> {
        let run = powercut::child::scratch();
        let root = run.path().canonicalize().unwrap();
        let injector = self.run(&root, None);
        assert!(files(&root) == self.undisturbed, "the process ends by itself, with all done");
        injector.steps
    }

    fn run(&self, root: &Path, fault: Option<(usize, Fault)>) -> Injector {
        let orders = Orders {
            run: root.to_owned(),
            forces: Forces::Everything,
            courses: self.book.courses().to_vec(),
            versions: VERSIONS,
            in_flight: self.in_flight,
        };
        let mut injector = Injector::of(root, fault);
        let mut observer = Pretended { observer: &mut injector, file_system: self.file_system };
        trace::trace(orders.command().spawn().unwrap(), &mut observer);
        injector
    }

    /// One call goes wrong; then all is looked at and finished.
    fn inject(&self, at: usize, fault: Fault, steps: &[Step]) {
        let run = powercut::child::scratch();
        let root = run.path().canonicalize().unwrap();
        let Injector { steps: made, lines, .. } = self.run(&root, Some((at, fault)));
        let what = format!("{fault:?} at call {at} ({:?})", steps[at]);
        assert_eq!(made.get(..=at), Some(&steps[..=at]), "{what} was not reached");
        if steps[at] == Step::Flush && matches!(fault, Fault::Fails(_)) {
            let after = lines.iter().find(|(begun, line)| *begun > at && matches!(line, Line::Did(_)));
            assert!(after.is_none(), "{what}: then {after:?}");
        }
        let mut book = self.book.clone();
        lines.iter().for_each(|(_, line)| book.hear(line));
        book.check(&root, Model::Ext4).unwrap_or_else(|wrong| panic!("{what}: {wrong:#?}\n{lines:#?}"));
        let left = files(&root);
        assert!(left == self.undisturbed, "{what}: {:?} are left", left.keys());
    }
}
