//! Power cuts: what was acknowledged is there, whatever of the rest the disk kept, and the next run finishes.
//!
//! Some processes work on one directory, one after another: one is killed as it begins, some at work, most of these between
//! a rename and what forces it, and the last ends by itself. All that they do is recorded, and the disks that a power cut could leave at any moment of it are looked at:
//! once with all files of a group forced in one call, once with each by itself, whatever file system the test runs on.

use std::time::Instant;

use powercut::{
    cut::{self, Cut},
    pretend::{FileSystem, Pretended},
    record::{Change, Event, Record, Synced},
    recorder::{End, Recorder},
    settings, trace,
};

use crate::{
    book::Book,
    child::{Forces, Orders},
    deed::Line,
};

/// Power cuts for either way of forcing files, when nothing else is said, and in one record.
const STATES: usize = 500;
const STATES_OF_RECORD: usize = 100;
/// Enough to see what is missing where nothing is forced to the medium.
const STATES_OF_CONTROL: usize = 60;
/// Where nothing else is said, the same cuts are made every time.
const SEED: u64 = 84;
const DOCUMENTS: usize = 12;
const VERSIONS: u32 = 3;
/// Texts that a process works on at once: one of these.
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
    let book = Book::of(DOCUMENTS, VERSIONS);
    let mut left = settings::number("JUGGLE_TORTURE_STATES", STATES);
    while left > 0 {
        let states = left.min(STATES_OF_RECORD);
        check_a_record(file_system, states, &book, &mut random);
        left -= states;
    }
}

fn check_a_record(file_system: FileSystem, states: usize, book: &Book, random: &mut fastrand::Rng) {
    let begun = Instant::now();
    let record = record(Forces::Everything, file_system, book, random);
    println!("{file_system:?}: {} recorded in {:.1?}", summary(&record), begun.elapsed());
    let is_in_one_call = |event: &Event<Line>| matches!(event, Event::Sync { what: Synced::FileSystem, .. });
    assert_eq!(record.events.iter().any(is_in_one_call), file_system == FileSystem::Ext4);
    let begun = Instant::now();
    let failures = cut::check(&record, cuts(&record, states, random), book);
    println!("{file_system:?}: {states} disks: {} bad, in {:.1?}", failures.len(), begun.elapsed());
    let shown: Vec<_> = failures.iter().take(5).map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} of {states} disks are bad:\n\n{}", failures.len(), shown.join("\n\n"));
}

/// Without this the tests above could be blind.
#[test]
fn a_store_that_forces_nothing_to_the_medium_is_found_out() {
    let mut random = fastrand::Rng::with_seed(SEED);
    let book = Book::of(DOCUMENTS, VERSIONS);
    let record = record(Forces::Nothing, FileSystem::Ext4, &book, &mut random);
    let failures = cut::check(&record, cuts(&record, STATES_OF_CONTROL, &mut random), &book);
    println!("{STATES_OF_CONTROL} disks: {} bad", failures.len());
    assert!(!failures.is_empty(), "the test cannot see what is missing");
}

/// Lets some processes work on one directory.
fn record(forces: Forces, file_system: FileSystem, book: &Book, random: &mut fastrand::Rng) -> Record<Line> {
    let run = powercut::child::scratch();
    let root = run.path().canonicalize().unwrap();
    let mut recorder = Recorder::of(&root);
    for (life, end) in (0..).zip(ends(random)) {
        let mut book = book.clone();
        recorder.record().lines().for_each(|line| book.hear(line));
        let courses = book.courses().to_vec();
        let in_flight = IN_FLIGHT[random.usize(..IN_FLIGHT.len())];
        let orders = Orders { run: root.clone(), forces, courses, versions: VERSIONS, in_flight };
        recorder.begin_life(life, end);
        let mut observer = Pretended { observer: &mut recorder, file_system };
        let was_killed = trace::trace(orders.command().spawn().unwrap(), &mut observer);
        assert!(was_killed || end == End::ByItself, "{end:?} was not reached");
        recorder.end_life();
    }
    recorder.finish()
}

fn ends(random: &mut fastrand::Rng) -> Vec<End> {
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

/// So many: half of them between a change of a name and what follows, the rest anywhere.
fn cuts(record: &Record<Line>, count: usize, random: &mut fastrand::Rng) -> Vec<Cut> {
    let renames: Vec<usize> = (1..record.events.len())
        .filter(|at| matches!(record.events[at - 1], Event::Change(Change::Rename { .. })))
        .collect();
    let place = |nth: usize, random: &mut fastrand::Rng| {
        if nth.is_multiple_of(2) {
            renames[random.usize(..renames.len())]
        } else {
            random.usize(..=record.events.len())
        }
    };
    (0..count).map(|nth| Cut::at(place(nth, random), random)).collect()
}

fn summary(record: &Record<Line>) -> String {
    let count = |is: fn(&Event<Line>) -> bool| record.events.iter().filter(|event| is(event)).count();
    format!(
        "{} processes, {} acknowledged deeds, {} changes, {} syncs",
        count(|event| matches!(event, Event::Life(_))),
        count(|event| matches!(event, Event::Line(Line::Did(_)))),
        count(|event| matches!(event, Event::Change(_))),
        count(|event| matches!(event, Event::Sync { .. })),
    )
}
