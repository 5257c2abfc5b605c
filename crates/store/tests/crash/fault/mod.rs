//! Faults: whatever system call fails, nothing cut lies under a final name, nothing acknowledged is lost, and
//! the next run finishes, with the same files as one that nothing disturbed.
//!
//! A first run shows which calls there are ([`injector`]). Then every one of them goes wrong in every way it
//! can, each in a run of its own; on another file system, and in other layouts of the run directory, in one
//! of them. With several texts under way at once the calls come in another order each time; there the runs go
//! on until one is undisturbed.

pub(crate) mod injector;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    durability::Durability,
};
use nix::errno::Errno;
use powercut::{
    disk::Model,
    fake_statfs::{FakeStatfs, FileSystem},
    faults::{Fault, FaultPlan, Step},
    ptrace,
};

use self::injector::Injector;
use crate::{
    child::{Forces, Orders},
    layout::RunLayout,
    operation::{Line, Operation},
    oracle::{Oracle, files},
};

const DOCUMENTS: usize = 2;
const VERSIONS: u32 = 2;
/// The number of texts under way at the same time, if there are several.
const IN_FLIGHT: usize = 5;
/// More calls than a run has.
const CALLS_MAX: usize = 2_000;
/// The number of runs at the same time.
const THREADS: usize = 2;

#[test]
fn every_call_may_fail_where_files_are_forced_in_one_call() {
    inject_everywhere(FileSystem::Ext4, RunLayout::Plain, every_fault);
}

#[test]
fn every_call_may_fail_where_files_are_forced_each_by_itself() {
    inject_everywhere(FileSystem::Fuse, RunLayout::Plain, every_fault_of_flushes);
}

#[test]
fn every_call_may_fail_where_blobs_are_packed_in_shards() {
    inject_everywhere(FileSystem::Fuse, RunLayout::Compressed, one_fault);
}

#[test]
fn every_call_may_fail_where_raw_bytes_are_dropped() {
    inject_everywhere(FileSystem::Ext4, RunLayout::Dropped, one_fault);
}

#[test]
fn every_call_may_fail_where_blobs_are_in_segments() {
    inject_everywhere(FileSystem::Ext4, RunLayout::Packed, every_fault);
    inject_everywhere(FileSystem::Ext4, RunLayout::Compacted, every_fault);
}

#[test]
fn every_flush_may_fail_while_several_texts_are_under_way() {
    for error in [Errno::EIO, Errno::ENOSPC] {
        inject_until_undisturbed(RunLayout::Plain, Fault::Fails(error), |step| step == Step::Flush);
    }
}

#[test]
fn the_process_may_be_killed_anywhere_while_several_texts_are_under_way() {
    inject_until_undisturbed(RunLayout::Plain, Fault::Kill, |_| true);
    inject_until_undisturbed(RunLayout::Packed, Fault::Kill, |_| true);
    inject_until_undisturbed(RunLayout::Compacted, Fault::Kill, |_| true);
}

#[test]
fn the_disk_may_be_full_from_anywhere_while_several_texts_are_under_way() {
    inject_until_undisturbed(RunLayout::Plain, Fault::DiskIsFull, Step::takes_room);
    inject_until_undisturbed(RunLayout::Packed, Fault::DiskIsFull, Step::takes_room);
}

/// Returns all faults of a call.
fn every_fault(_nth: usize, step: Step) -> Vec<Fault> {
    step.faults()
}

/// Returns all faults of a sync, which depends on the file system, and one fault of any other call.
fn every_fault_of_flushes(nth: usize, step: Step) -> Vec<Fault> {
    if step == Step::Flush { step.faults() } else { one_fault(nth, step) }
}

/// Returns one fault of a call, another one from call to call.
fn one_fault(nth: usize, step: Step) -> Vec<Fault> {
    let faults = step.faults();
    vec![faults[nth % faults.len()]]
}

/// Injects these faults into each call of a run.
fn inject_everywhere(file_system: FileSystem, layout: RunLayout, faults: fn(usize, Step) -> Vec<Fault>) {
    let begun = Instant::now();
    let trial = Trial::of(file_system, layout, DOCUMENTS, 1);
    let steps = trial.steps();
    let plans: Vec<FaultPlan> = steps
        .iter()
        .enumerate()
        .flat_map(|(nth, step)| {
            faults(nth, *step).into_iter().map(move |fault| FaultPlan { fault, nth, counts: |_| true })
        })
        .collect();
    let next = AtomicUsize::new(0);
    in_parallel(|| {
        while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
            assert_eq!(trial.inject(*plan), Some(steps[plan.nth]), "{plan:?}");
        }
    });
    let (calls, faults) = (steps.len(), plans.len());
    println!("{file_system:?}, {layout:?}: {calls} calls, {faults} faults, in {:.1?}", begun.elapsed());
    assert!(calls > 50, "hardly anything was seen");
}

/// Injects a fault into one call after the other, of those that count.
fn inject_until_undisturbed(layout: RunLayout, fault: Fault, counts: fn(Step) -> bool) {
    let begun = Instant::now();
    let trial = Trial::of(FileSystem::Ext4, layout, IN_FLIGHT, IN_FLIGHT);
    let (next, hits) = (AtomicUsize::new(0), AtomicUsize::new(0));
    in_parallel(|| {
        while trial.inject(FaultPlan { fault, nth: next.fetch_add(1, Ordering::Relaxed), counts }).is_some() {
            assert!(hits.fetch_add(1, Ordering::Relaxed) < CALLS_MAX, "the process does not end");
        }
    });
    println!("{layout:?}, {fault:?}: {hits:?} faults, in {:.1?}", begun.elapsed());
}

fn in_parallel(work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(&work);
        }
    });
}

/// Returns all files of a run directory. Segments differ from run to run, so their blobs count instead.
fn left(run: &Path, layout: RunLayout) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(run);
    if layout.is_packed() {
        // A download whose file could not be removed is in a segment, and begins anew if it is fetched again.
        let is_compared = |path: &str| ![".warc", ".index", ".part"].iter().any(|end| path.ends_with(end));
        files.retain(|path, _| is_compared(path));
        let blobs = layout.open(run, Durability::Process, 0).unwrap();
        for kind in BlobKind::ALL {
            for document in blobs.list(kind).unwrap() {
                let name = BlobName::new(kind, document);
                files.insert(name.relative_path().display().to_string(), blobs.read(&name, 1 << 20).unwrap());
            }
        }
    }
    files
}

/// Runs with faults.
struct Trial {
    file_system: FileSystem,
    in_flight: usize,
    oracle: Oracle,
    /// What an undisturbed run leaves.
    undisturbed: BTreeMap<String, Vec<u8>>,
}

impl Trial {
    fn of(file_system: FileSystem, layout: RunLayout, documents: usize, in_flight: usize) -> Self {
        let oracle = Oracle::of(documents, VERSIONS, layout);
        let run = powercut::child::scratch();
        oracle.clone().check(run.path(), Model::Ext4).unwrap();
        Self { file_system, in_flight, oracle, undisturbed: left(run.path(), layout) }
    }

    /// Returns the calls of a run without a fault.
    fn steps(&self) -> Vec<Step> {
        let run = powercut::child::scratch();
        let root = run.path().canonicalize().unwrap();
        let injector = self.run(&root, None);
        assert!(
            left(&root, self.oracle.layout()) == self.undisturbed,
            "the process ends by itself, with all done"
        );
        injector.faults.steps
    }

    fn run(&self, root: &Path, plan: Option<FaultPlan>) -> Injector {
        let orders = Orders {
            run: root.to_owned(),
            layout: self.oracle.layout(),
            process: 0,
            forces: Forces::Everything,
            courses: self.oracle.courses().to_vec(),
            versions: VERSIONS,
            in_flight: self.in_flight,
        };
        let mut injector = Injector::of(root, plan);
        let mut observer = FakeStatfs { observer: &mut injector, file_system: self.file_system };
        ptrace::trace(orders.command().spawn().unwrap(), &mut observer);
        injector
    }

    /// Runs with a fault, then compares and finishes. Returns the call that had the fault, if it was reached.
    fn inject(&self, plan: FaultPlan) -> Option<Step> {
        let run = powercut::child::scratch();
        let root = run.path().canonicalize().unwrap();
        let injector = self.run(&root, Some(plan));
        let step = injector.faults.hit.map(|at| injector.faults.steps[at]);
        let what = format!("{:?} at {} ({step:?})", plan.fault, plan.nth);
        if step == Some(Step::Flush) && plan.fault != Fault::Kill {
            let late = self.acknowledged_after(&injector);
            assert!(late.is_empty(), "{what}: then {late:?} were acknowledged");
        }
        let mut oracle = self.oracle.clone();
        injector.lines.iter().for_each(|(_, line)| oracle.hear(line));
        oracle
            .check(&root, Model::Ext4)
            .unwrap_or_else(|wrong| panic!("{what}: {wrong:#?}\n{:#?}", injector.lines));
        let left = left(&root, self.oracle.layout());
        assert!(left == self.undisturbed, "{what}: these are left: {:?}", left.keys());
        step
    }

    /// Returns the operations that were acknowledged after the faulty call. If several texts were under
    /// way, only those
    /// that had begun after it: an earlier acknowledgement may be reported later.
    fn acknowledged_after(&self, injector: &Injector) -> Vec<Operation> {
        let after =
            || injector.lines.iter().filter(|(steps, _)| injector.faults.hit.is_some_and(|at| *steps > at));
        let counts = |operation: &Operation| {
            self.in_flight == 1 || after().any(|(_, line)| *line == Line::Tries(*operation))
        };
        let done = after().filter_map(|(_, line)| match line {
            Line::Did(operation) => Some(*operation),
            Line::Tries(_) | Line::Failed(..) => None,
        });
        done.filter(counts).collect()
    }
}
