//! Power cuts: all that was acknowledged is there, whatever else the disk kept, and the next run finishes.
//!
//! Some processes work on one directory, one after another: one is killed as it begins, some at work, most of
//! these between a rename and what forces it, and the last ends by itself. All that they do is recorded, and
//! the disks that a power cut could leave at any moment of it are looked at: once with all files of a group
//! forced in one call, once with each by itself, whatever file system the test runs on.

use std::time::Instant;

use powercut::{
    crash_states::{self, CrashPoint},
    disk::Survival,
    fake_statfs::{FakeStatfs, FileSystem},
    ptrace,
    record::{Change, Event, Record, Synced},
    recorder::{End, Recorder},
    settings,
};
use tempfile::TempDir;

use crate::{
    child::{Forces, Orders},
    layout::RunLayout,
    operation::Line,
    oracle::Oracle,
};

/// The default number of power cuts for each way of syncing files, and the number in one record.
const STATES: usize = 600;
const STATES_OF_RECORD: usize = 100;
/// The number of power cuts that is enough to find losses if nothing is synced.
const STATES_OF_CONTROL: usize = 20;
/// More events than a process has that brings one text to its second version.
const EVENTS_MAX: usize = 500;
/// The default seed, so that the same cuts are made every time.
const SEED: u64 = 84;
/// The layouts of run directories. Each gets a record in turn.
const LAYOUTS: [RunLayout; 6] = [
    RunLayout::Plain,
    RunLayout::Compressed,
    RunLayout::Changing,
    RunLayout::Dropped,
    RunLayout::Packed,
    RunLayout::Compacted,
];
const DOCUMENTS: usize = 12;
const VERSIONS: u32 = 3;
/// The numbers of texts that a process may work on at the same time.
const IN_FLIGHT: [usize; 3] = [1, 2, 6];

#[test]
fn nothing_acknowledged_is_lost_where_files_are_forced_in_one_call() {
    check(FileSystem::Ext4);
}

#[test]
fn nothing_acknowledged_is_lost_where_files_are_forced_each_by_itself() {
    check(FileSystem::Fuse);
}

fn check(file_system: FileSystem) {
    let mut random = fastrand::Rng::with_seed(settings::seed_or("power cuts of the store", SEED));
    let oracles = LAYOUTS.map(|layout| Oracle::of(DOCUMENTS, VERSIONS, layout));
    let mut left = settings::number("JUGGLE_TORTURE_STATES", STATES);
    for oracle in oracles.iter().cycle() {
        let states = left.min(STATES_OF_RECORD);
        if states == 0 {
            return;
        }
        check_a_record(file_system, states, oracle, &mut random);
        left -= states;
    }
}

fn check_a_record(file_system: FileSystem, states: usize, oracle: &Oracle, random: &mut fastrand::Rng) {
    let begun = Instant::now();
    let layout = oracle.layout();
    let record = record(Forces::Everything, file_system, oracle, random);
    println!("{file_system:?}, {layout:?}: {} recorded in {:.1?}", summary(&record), begun.elapsed());
    let is_in_one_call = |event: &Event<Line>| matches!(event, Event::Sync { what: Synced::FileSystem, .. });
    // A segment is synced by itself.
    let is_expected = file_system == FileSystem::Ext4 && !layout.is_packed();
    assert_eq!(record.events.iter().any(is_in_one_call), is_expected);
    let begun = Instant::now();
    let failures = crash_states::check(&record, cuts(&record, states, random), oracle);
    println!(
        "{file_system:?}, {layout:?}: {states} disks: {} bad, in {:.1?}",
        failures.len(),
        begun.elapsed()
    );
    let shown: Vec<_> = failures.iter().take(5).map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} of {states} disks are bad:\n\n{}", failures.len(), shown.join("\n\n"));
}

/// Kills one process after each of its events in turn, and lets another finish what it left.
#[test]
fn what_a_killed_process_left_unforced_is_forced_by_the_next() {
    kill_after_events(RunLayout::Plain, 1);
}

#[test]
fn what_a_killed_process_left_unforced_is_forced_by_the_next_in_other_forms() {
    kill_after_events(RunLayout::Compressed, 2);
    kill_after_events(RunLayout::Dropped, 2);
    kill_after_events(RunLayout::Changing, 2);
    kill_after_events(RunLayout::Packed, 1);
    kill_after_events(RunLayout::Compacted, 2);
}

/// Kills a process after every `step`-th event.
fn kill_after_events(layout: RunLayout, step: usize) {
    let begun = Instant::now();
    let oracle = Oracle::of(1, 2, layout);
    let mut random = fastrand::Rng::with_seed(SEED);
    for events in (1..EVENTS_MAX).step_by(step) {
        let mut recording = Recording::of(&oracle, Forces::Everything, FileSystem::Fuse);
        let was_killed = recording.live(End::Events(events), 1);
        recording.live(End::ByItself, 1);
        let record = recording.finish();
        let at = record.events.len();
        let cuts = [Survival::Nothing, Survival::ContentOnly]
            .map(|survival| CrashPoint { survival, ..CrashPoint::at(at, &mut random) });
        // By both models each.
        let failures = crash_states::check(&record, cuts.repeat(2), &oracle);
        assert!(failures.is_empty(), "{layout:?}, killed after {events}: {}", failures[0]);
        if !was_killed {
            println!("{layout:?}: killed after each {step} of {events} events, in {:.1?}", begun.elapsed());
            return;
        }
    }
    panic!("the process does not end");
}

/// Shows that the tests above can find losses.
#[test]
fn a_store_that_forces_nothing_to_the_medium_is_found_out() {
    let mut random = fastrand::Rng::with_seed(SEED);
    for layout in [RunLayout::Plain, RunLayout::Compressed, RunLayout::Dropped, RunLayout::Packed] {
        let oracle = Oracle::of(DOCUMENTS, VERSIONS, layout);
        let record = record(Forces::Nothing, FileSystem::Ext4, &oracle, &mut random);
        let failures = crash_states::check(&record, cuts(&record, STATES_OF_CONTROL, &mut random), &oracle);
        println!("{layout:?}: {STATES_OF_CONTROL} disks: {} bad", failures.len());
        assert!(!failures.is_empty(), "the test cannot see what is missing");
    }
}

/// The recording of processes that work on one directory.
struct Recording<'b> {
    run: TempDir,
    recorder: Recorder<Line>,
    lives: u32,
    oracle: &'b Oracle,
    forces: Forces,
    file_system: FileSystem,
}

impl<'b> Recording<'b> {
    fn of(oracle: &'b Oracle, forces: Forces, file_system: FileSystem) -> Self {
        let run = powercut::child::scratch();
        let recorder = Recorder::of(&run.path().canonicalize().unwrap());
        Self { run, recorder, lives: 0, oracle, forces, file_system }
    }

    /// Runs one process, which continues the work of the last one. Returns whether it was killed.
    fn live(&mut self, end: End, in_flight: usize) -> bool {
        let mut oracle = self.oracle.clone();
        self.recorder.record().lines().for_each(|line| oracle.hear(line));
        let orders = Orders {
            run: self.run.path().canonicalize().unwrap(),
            layout: self.oracle.layout(),
            process: self.lives,
            forces: self.forces,
            courses: oracle.courses().to_vec(),
            versions: oracle.versions(),
            in_flight,
        };
        self.recorder.begin_process(self.lives, end);
        self.lives += 1;
        let mut observer = FakeStatfs { observer: &mut self.recorder, file_system: self.file_system };
        let was_killed = ptrace::trace(orders.command().spawn().unwrap(), &mut observer);
        self.recorder.end_process();
        was_killed
    }

    fn finish(self) -> Record<Line> {
        self.recorder.finish()
    }
}

/// Records some processes that work on one directory.
fn record(
    forces: Forces,
    file_system: FileSystem,
    oracle: &Oracle,
    random: &mut fastrand::Rng,
) -> Record<Line> {
    let mut recording = Recording::of(oracle, forces, file_system);
    for end in ends(oracle.layout(), random) {
        let was_killed = recording.live(end, IN_FLIGHT[random.usize(..IN_FLIGHT.len())]);
        assert!(was_killed || end == End::ByItself, "{end:?} was not reached");
    }
    recording.finish()
}

fn ends(layout: RunLayout, random: &mut fastrand::Rng) -> Vec<End> {
    // A segment is renamed once, and then only grows.
    if layout.is_packed() {
        let events = |from: usize, random: &mut fastrand::Rng| End::Events(random.usize(from..from + 40));
        return vec![
            events(1, random),
            events(5, random),
            events(20, random),
            End::Lines(random.usize(5..20)),
            events(1, random),
            End::Lines(random.usize(10..30)),
            End::ByItself,
        ];
    }
    let renames = random.usize(1..20);
    vec![
        End::Events(random.usize(1..20)),
        End::Events(random.usize(20..80)),
        End::Renames(random.usize(1..8)),
        End::Renames(renames),
        End::Renames(renames + random.usize(1..5)),
        End::Lines(random.usize(10..30)),
        End::ByItself,
    ]
}

/// Returns `count` power cuts. A quarter follow a rename directly, a quarter a removal, and the rest are
/// anywhere.
fn cuts(record: &Record<Line>, count: usize, random: &mut fastrand::Rng) -> Vec<CrashPoint> {
    let after = |is: fn(&Change) -> bool| -> Vec<usize> {
        let events = record.events.iter().zip(1..record.events.len());
        let changed = events.filter(|(event, _)| matches!(event, Event::Change(change) if is(change)));
        changed.map(|(_, at)| at).collect()
    };
    let renamed = after(|change| matches!(change, Change::Rename { .. }));
    let removed =
        after(|change| matches!(change, Change::Remove { place, .. } if !place.name.starts_with('.')));
    let removed = if removed.is_empty() { &renamed } else { &removed };
    let place = |nth: usize, random: &mut fastrand::Rng| match nth % 4 {
        0 => renamed[random.usize(..renamed.len())],
        1 => removed[random.usize(..removed.len())],
        _ => random.usize(..=record.events.len()),
    };
    (0..count).map(|nth| CrashPoint::at(place(nth, random), random)).collect()
}

fn summary(record: &Record<Line>) -> String {
    let count = |is: fn(&Event<Line>) -> bool| record.events.iter().filter(|event| is(event)).count();
    format!(
        "{} processes, {} acknowledged operations, {} changes, {} syncs",
        count(|event| matches!(event, Event::Process(_))),
        count(|event| matches!(event, Event::Line(Line::Did(_)))),
        count(|event| matches!(event, Event::Change(_))),
        count(|event| matches!(event, Event::Sync { .. })),
    )
}
