//! Conversion: a process that copies a run directory into a packed one may end at any call, any call of it
//! may fail, or the power may fail. The source stays as it is, each blob of the copy is that of the source,
//! and the same conversion, made again, gives the same blobs. Once the process has said that all is copied,
//! all is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use blob_store::{conversion::copy_blobs, run_blobs::RunBlobs};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    durability::Durability,
    stage::{Attempt, Stage},
};
use nix::errno::Errno;
use powercut::{
    crash_states::{self, CrashPoint},
    disk::Model,
    event_stream::EventWriter,
    fake_statfs::{FakeStatfs, FileSystem},
    faults::{Fault, FaultPlan, Step as Call},
    ptrace,
    record::Record,
    recorder::{End, Recorder},
    settings,
};
use serde::{Deserialize, Serialize};
use store::stage::Store;
use tempfile::TempDir;

use crate::{
    child::{self, Forces},
    fault::injector::Injector,
    layout::RunLayout,
    operation::{Line, Operation, Step},
    oracle::files,
    workload::{job_of, raw, spool_bytes},
};

/// The number of texts that are stored. One more is only downloaded.
const STORED: usize = 5;
/// More calls than a conversion has.
const CALLS_MAX: usize = 500;
/// The default number of power cuts.
const STATES: usize = 300;
/// The number of power cuts that is enough to find losses if nothing is synced.
const STATES_OF_CONTROL: usize = 20;
/// The default seed, so that the same cuts are made every time.
const SEED: u64 = 84;
/// The line of a process that has copied everything.
const CONVERTED: Line = Line::Did(Operation { document: 0, version: 1, step: Step::Store });

/// The orders of a process that converts.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Orders {
    from: PathBuf,
    to: PathBuf,
    forces: Forces,
}

/// The entry point of the processes that convert. Without orders it does nothing.
#[test]
fn a_process_that_is_told_to_converts() {
    let Some(Orders { from, to, forces }) = child::orders() else { return };
    powercut::child::wait_for_start();
    if convert(&from, &to, forces.durability()).is_ok() {
        EventWriter::default().write(&CONVERTED);
    }
}

fn convert(from: &Path, to: &Path, durability: Durability) -> Result<(), String> {
    let source = RunLayout::Compressed.open(from, Durability::Process, 0)?;
    let target = RunLayout::Packed.open(to, durability, 0)?;
    copy_blobs(&source, &target, |_, _| ()).map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_conversion_may_end_at_any_call_and_any_call_of_it_may_fail() {
    let source = Source::new();
    for fault in [Fault::Kill, Fault::Fails(Errno::EIO), Fault::Fails(Errno::ENOSPC)] {
        inject_until_undisturbed(&source, fault, |_| true);
    }
    inject_until_undisturbed(&source, Fault::DiskIsFull, Call::takes_room);
}

/// Injects a fault into one call after the other, of those that count. Their order differs from run to run.
fn inject_until_undisturbed(source: &Source, fault: Fault, counts: fn(Call) -> bool) {
    let begun = Instant::now();
    for nth in 0..CALLS_MAX {
        let run = powercut::child::scratch();
        let injector = source.converted_with(run.path(), Some(FaultPlan { fault, nth, counts }));
        let is_done = injector.lines.iter().any(|(_, line)| *line == CONVERTED);
        let step = injector.faults.hit.map(|at| injector.faults.steps[at]);
        let checked = source.check(run.path(), is_done);
        checked.unwrap_or_else(|wrong| panic!("{fault:?} at {nth} ({step:?}): {wrong:#?}"));
        if step.is_none() {
            println!("conversion, {fault:?}: {nth} faults, in {:.1?}", begun.elapsed());
            assert!(is_done && nth > 10, "hardly anything was seen");
            return;
        }
    }
    panic!("the process does not end");
}

#[test]
fn a_conversion_survives_power_cuts() {
    let begun = Instant::now();
    let mut random = fastrand::Rng::with_seed(settings::seed_or("power cuts of a conversion", SEED));
    let source = Source::new();
    let record = source.record(Forces::Everything, &mut random);
    let states = settings::number("JUGGLE_TORTURE_STATES", STATES);
    let failures = crash_states::check(&record, cuts(&record, states, &mut random), &Oracle::of(&source));
    println!("conversion: {states} disks: {} bad, in {:.1?}", failures.len(), begun.elapsed());
    let shown: Vec<_> = failures.iter().take(5).map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} of {states} disks are bad:\n\n{}", failures.len(), shown.join("\n\n"));
}

/// Shows that the test above can find losses.
#[test]
fn a_conversion_that_forces_nothing_is_found_out() {
    let mut random = fastrand::Rng::with_seed(SEED);
    let source = Source::new();
    let record = source.record(Forces::Nothing, &mut random);
    let at_the_end = |_| CrashPoint::at(record.events.len(), &mut random);
    let points = (0..STATES_OF_CONTROL).map(at_the_end).collect();
    assert!(!crash_states::check(&record, points, &Oracle::of(&source)).is_empty());
}

/// A power cut is anywhere, and every fourth is after the end, when all must be there.
fn cuts(record: &Record<Line>, count: usize, random: &mut fastrand::Rng) -> Vec<CrashPoint> {
    let place = |nth: usize, random: &mut fastrand::Rng| match nth % 4 {
        0 => record.events.len(),
        _ => random.usize(..=record.events.len()),
    };
    (0..count).map(|nth| CrashPoint::at(place(nth, random), random)).collect()
}

/// The run directory that is converted.
#[derive(Debug)]
struct Source {
    run: TempDir,
    files: BTreeMap<String, Vec<u8>>,
    blobs: BTreeMap<BlobName, Vec<u8>>,
}

impl Source {
    fn new() -> Self {
        let run = powercut::child::scratch();
        let blobs: Arc<dyn BlobStore> =
            Arc::new(RunLayout::Compressed.open(run.path(), Durability::Process, 0).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for document in 0..=STORED {
            let bytes = raw(document, 1);
            spool_bytes(&*blobs, document, &bytes).unwrap();
            if document < STORED {
                let stage = Store::new(Arc::clone(&blobs), Arc::default());
                let stored = stage.run(job_of(document, &bytes, 1), Attempt { number: 1, failures: 0 });
                runtime.block_on(stored).into_result().unwrap();
            }
        }
        let found = contents(&*blobs).unwrap();
        assert_eq!(found.len(), 4 * STORED + 1);
        Self { files: files(run.path()), blobs: found, run }
    }

    fn orders(&self, to: &Path, forces: Forces) -> Orders {
        let canonical = |path: &Path| path.canonicalize().unwrap();
        Orders { from: canonical(self.run.path()), to: canonical(to), forces }
    }

    fn converted_with(&self, to: &Path, plan: Option<FaultPlan>) -> Injector {
        let orders = self.orders(to, Forces::Everything);
        let mut injector = Injector::of(&orders.to, plan);
        let command = &mut child::command("conversion::a_process_that_is_told_to_converts", &orders);
        ptrace::trace(command.spawn().unwrap(), &mut injector);
        injector
    }

    /// Records some processes that are killed, and one that ends by itself.
    fn record(&self, forces: Forces, random: &mut fastrand::Rng) -> Record<Line> {
        let to = powercut::child::scratch();
        let orders = self.orders(to.path(), forces);
        let mut recorder = Recorder::of(&orders.to);
        let ends = [1, 6, 12].map(|from| End::Events(random.usize(from..from + 6)));
        for (process, end) in ends.into_iter().chain([End::ByItself]).enumerate() {
            recorder.begin_process(u32::try_from(process).unwrap(), end);
            let command = &mut child::command("conversion::a_process_that_is_told_to_converts", &orders);
            let mut observer = FakeStatfs { observer: &mut recorder, file_system: FileSystem::Ext4 };
            ptrace::trace(command.spawn().unwrap(), &mut observer);
            recorder.end_process();
        }
        let record = recorder.finish();
        println!("conversion: {} events", record.events.len());
        assert_eq!(record.lines().filter(|line| **line == CONVERTED).count(), 1, "the last one ends");
        record
    }

    /// Compares what processes left, converts again, and compares once more.
    fn check(&self, to: &Path, is_done: bool) -> Result<(), Vec<String>> {
        if is_done {
            self.must_be_in(to, "when all was copied")?;
        } else {
            self.must_not_differ(to)?;
        }
        convert(self.run.path(), to, Durability::Process).map_err(|error| vec![error])?;
        self.must_be_in(to, "after another conversion")?;
        if files(self.run.path()) != self.files {
            return Err(vec!["the source has changed".to_owned()]);
        }
        Ok(())
    }

    /// Each blob that is there is that of the source.
    fn must_not_differ(&self, to: &Path) -> Result<(), Vec<String>> {
        let found = in_run(to)?;
        let wrong = found.iter().filter(|(name, bytes)| self.blobs.get(*name) != Some(*bytes));
        let wrong: Vec<_> = wrong.map(|(name, _)| format!("{name:?} differs")).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn must_be_in(&self, to: &Path, when: &str) -> Result<(), Vec<String>> {
        let found = in_run(to)?;
        if found == self.blobs {
            return Ok(());
        }
        let missing = self.blobs.keys().filter(|name| !found.contains_key(*name));
        Err(missing
            .map(|name| format!("{name:?} is missing {when}"))
            .chain(["they differ".to_owned()])
            .collect())
    }
}

/// Returns all blobs of a packed run directory.
fn in_run(run: &Path) -> Result<BTreeMap<BlobName, Vec<u8>>, Vec<String>> {
    let blobs: RunBlobs = RunLayout::Packed.open(run, Durability::Process, 0).map_err(|error| vec![error])?;
    contents(&blobs).map_err(|error| vec![error.to_string()])
}

fn contents(blobs: &dyn BlobStore) -> Result<BTreeMap<BlobName, Vec<u8>>, BlobError> {
    let mut found = BTreeMap::new();
    for kind in BlobKind::ALL {
        for document in blobs.list(kind)? {
            let name = BlobName::new(kind, document);
            found.insert(name.clone(), blobs.read(&name, 1 << 20)?);
        }
    }
    Ok(found)
}

/// The knowledge that the lines of a record give about the copy.
#[derive(Debug, Clone)]
struct Oracle<'s> {
    source: &'s Source,
    is_done: bool,
}

impl<'s> Oracle<'s> {
    fn of(source: &'s Source) -> Self {
        Self { source, is_done: false }
    }
}

impl crash_states::Oracle for Oracle<'_> {
    type Line = Line;

    fn observe(&mut self, line: Line) {
        self.is_done |= line == CONVERTED;
    }

    fn check(self, run: &Path, _model: Model) -> Result<(), Vec<String>> {
        self.source.check(run, self.is_done)
    }
}
