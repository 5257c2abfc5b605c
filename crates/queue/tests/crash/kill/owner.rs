//! Kills the owner of a queue, and starts the next one on what it has left.

use std::{path::Path, time::Duration};

use super::{KILLS, Lines, compare};
use crate::{
    child::{Orders, Role, Start},
    oracle::Oracle,
};

/// The number of kills in one directory. Then a new one is taken, since kills must also hit the creation of
/// the queue.
const OWNERS: u32 = 20;

#[test]
fn nothing_is_lost_or_done_twice_when_the_owner_is_killed() {
    let seed = powercut::settings::seed("kills of the owner");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kills = powercut::settings::number("JUGGLE_TORTURE_KILLS", KILLS);
    let (mut operations, mut silent) = (0, 0);
    while kills > 0 {
        let run = tempfile::tempdir().unwrap();
        let mut oracle = Oracle::default();
        let lives = kills.min(OWNERS);
        for process in 0..lives {
            let before = oracle.operations();
            live(run.path(), process, &mut random, &mut oracle);
            silent += u32::from(oracle.operations() == before);
            if process + 1 == lives || random.u8(..3) == 0 {
                compare(&mut oracle, run.path()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
            }
        }
        kills -= lives;
        operations += oracle.operations();
    }
    println!("{operations} acknowledged operations; {silent} owners were killed before the first of them");
}

/// Starts an owner and kills it at a random moment: during its start, after some time, or after some lines.
fn live(run: &Path, process: u32, random: &mut fastrand::Rng, oracle: &mut Oracle) {
    let role = if random.u8(..4) == 0 { Role::OwnerPower } else { Role::OwnerProcess };
    let orders = Orders {
        run: run.to_owned(),
        process,
        seed: random.u64(..),
        role,
        tasks: 6,
        steps: None,
        start: Start::AtOnce,
    };
    let mut owner = orders.command().spawn().unwrap();
    let lines = Lines::of(owner.stdout.take().unwrap());
    let patience = Duration::from_secs(60);
    match random.u8(..3) {
        0 => lines.observe(oracle, u32::MAX, Duration::from_micros(random.u64(..30_000))),
        1 => {
            lines.observe(oracle, 1, patience);
            lines.observe(oracle, u32::MAX, Duration::from_micros(random.u64(..100_000)));
        }
        _ => lines.observe(oracle, random.u32(..1_000), patience),
    }
    let ended = owner.try_wait().unwrap();
    assert_eq!(ended, None, "the owner ended before it was killed");
    owner.kill().unwrap();
    owner.wait().unwrap();
    lines.finish(oracle);
}
