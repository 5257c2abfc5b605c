//! Cuts the power: everything acknowledged is there, whatever else the disk kept.
//!
//! Everything that some owners do to the directory is recorded, one after another. Some end, some are killed,
//! most of these during their start. [`check`] opens the disks that a power cut could leave at any moment of
//! the record, and compares them with what had been acknowledged.

mod check;

use std::time::Instant;

use powercut::{
    crash_states, ptrace,
    record::{Event, Record},
    recorder::{End, Recorder},
    settings,
};

use crate::{
    child::{Orders, Role, Start},
    operation::Line,
    oracle::Oracle,
};

/// The number of power cuts of one record, and by default of the test; `make torture` sets a higher one.
const STATES: usize = 500;
/// The number of power cuts that show reliably that nothing was forced to the medium.
const STATES_OF_CONTROL: usize = 60;

#[test]
fn nothing_acknowledged_is_lost_when_the_power_fails() {
    let seed = settings::seed("power cuts");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut left = settings::number("JUGGLE_TORTURE_STATES", STATES);
    while left > 0 {
        let states = left.min(STATES);
        check_a_record(states, &mut random);
        left -= states;
    }
}

fn check_a_record(states: usize, random: &mut fastrand::Rng) {
    let begun = Instant::now();
    let record = record(Role::OwnerPower, random);
    println!("{} recorded in {:.1?}", summary(&record), begun.elapsed());
    let begun = Instant::now();
    let failures = crash_states::check(&record, check::cuts(&record, states, random), &Oracle::default());
    println!("{states} disks after a power cut: {} bad, in {:.1?}", failures.len(), begun.elapsed());
    let shown: Vec<_> = failures.iter().take(5).map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} of {states} disks are bad:\n\n{}", failures.len(), shown.join("\n\n"));
}

/// Shows that the test above can fail.
#[test]
fn an_owner_that_forces_nothing_to_the_medium_is_found_out() {
    let seed = settings::seed("power cuts without syncs");
    let mut random = fastrand::Rng::with_seed(seed);
    let record = record(Role::OwnerProcess, &mut random);
    let failures = crash_states::check(
        &record,
        check::cuts(&record, STATES_OF_CONTROL, &mut random),
        &Oracle::default(),
    );
    println!("{STATES_OF_CONTROL} disks after a power cut: {} bad", failures.len());
    assert!(!failures.is_empty(), "the test cannot see what is missing");
}

/// Records some owners in one directory.
fn record(role: Role, random: &mut fastrand::Rng) -> Record<Line> {
    let run = tempfile::tempdir().unwrap();
    let root = run.path().canonicalize().unwrap();
    // The directory exists and is durable before the first owner begins.
    let mut recorder = Recorder::of(&root);
    for (process, end) in (0..).zip(ends(random)) {
        let (seed, run) = (random.u64(..), root.clone());
        let orders = Orders { run, process, seed, role, tasks: 4, steps: Some(12), start: Start::OnCommand };
        recorder.begin_process(process, end);
        let was_killed = ptrace::trace(orders.command().spawn().unwrap(), &mut recorder);
        assert!(
            was_killed || end == End::ByItself || matches!(end, End::Lines(_)),
            "{end:?} was not reached"
        );
        recorder.end_process();
    }
    recorder.finish()
}

/// The ends of the owners: three while they create the queue, then in turn by themselves, at work, and during
/// the start.
fn ends(random: &mut fastrand::Rng) -> Vec<End> {
    let mut ends = vec![
        End::Events(random.usize(1..8)),
        End::Events(random.usize(1..25)),
        End::Events(random.usize(1..25)),
    ];
    for _ in 0..3 {
        ends.push(End::ByItself);
        ends.push(End::Lines(random.usize(1..150)));
        ends.push(End::Events(random.usize(1..40)));
    }
    ends.push(End::ByItself);
    ends
}

fn summary(record: &Record<Line>) -> String {
    let count = |is: fn(&Event<Line>) -> bool| record.events.iter().filter(|event| is(event)).count();
    format!(
        "{} owners, {} acknowledged operations, {} changes, {} syncs",
        count(|event| matches!(event, Event::Process(_))),
        count(|event| matches!(event, Event::Line(Line::Did(_)))),
        count(|event| matches!(event, Event::Change(_))),
        count(|event| matches!(event, Event::Sync { .. })),
    )
}
