//! Compares the ledger with a simple model under random actions, including clock steps, crashes and restarts.
//!
//! Every sequence has a seed of its own. A failure prints it with the shortest failing sequence that was
//! found. `JUGGLE_MODEL_SEED=<seed>` runs only that sequence, `JUGGLE_MODEL_SEQUENCES=<n>` another number of
//! them.

#![expect(clippy::unwrap_used, reason = "a test fails if it cannot go on")]
#![expect(clippy::print_stderr, reason = "seeds are printed")]

mod action;
mod generate;
mod model;
mod resolve;
mod run;
mod shrink;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use self::{action::Sequence, model::Check};

const SEQUENCES: u64 = 10_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap())
}

#[test]
fn whatever_happens_the_ledger_does_as_the_model_says() {
    if let Some(seed) = number("JUGGLE_MODEL_SEED") {
        return check(seed).unwrap_or_else(|report| panic!("{report}"));
    }
    let first = fastrand::u64(..);
    let sequences = number("JUGGLE_MODEL_SEQUENCES").unwrap_or(SEQUENCES);
    eprintln!("the seeds of {sequences} sequences begin at {first}");
    let next = AtomicU64::new(0);
    let has_failed = AtomicBool::new(false);
    let work = || {
        while !has_failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= sequences {
                return;
            }
            if let Err(report) = check(first.wrapping_add(at)) {
                has_failed.store(true, Ordering::Relaxed);
                panic!("{report}");
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}

/// Runs the sequence of a seed. A failure is the error, with the shortest sequence.
fn check(seed: u64) -> Check {
    let sequence = generate::sequence(seed);
    let Err(why) = outcome(&sequence) else { return Ok(()) };
    let shortest = shrink::shrink(sequence, |shorter| outcome(shorter).is_err());
    let why = outcome(&shortest).err().unwrap_or(why);
    let actions: Vec<_> = shortest.actions.iter().enumerate().map(|(at, a)| format!("{at}: {a:?}")).collect();
    let capacity = shortest.capacity;
    Err(format!("with JUGGLE_MODEL_SEED={seed}, lanes of {capacity} jobs:\n{}\n{why}", actions.join("\n")))
}

fn outcome(sequence: &Sequence) -> Check {
    catch_unwind(AssertUnwindSafe(|| run::run(sequence)))
        .unwrap_or_else(|_| Err("the ledger panicked".to_owned()))
}
