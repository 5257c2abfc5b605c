//! The owner of a queue is killed, and the next one started on what it left.

use std::{path::Path, time::Duration};

use super::{KILLS, Lines, compare};
use crate::{
    book::Book,
    child::{Orders, Role, Start},
};

/// Kills in one directory, before a fresh one is taken: the creation of the queue is to be hit as well.
const LIVES: u32 = 20;

#[test]
fn nothing_is_lost_or_done_twice_when_the_owner_is_killed() {
    let seed = powercut::settings::seed("kills of the owner");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kills = powercut::settings::number("JUGGLE_TORTURE_KILLS", KILLS);
    let (mut deeds, mut silent) = (0, 0);
    while kills > 0 {
        let run = tempfile::tempdir().unwrap();
        let mut book = Book::default();
        let lives = kills.min(LIVES);
        for life in 0..lives {
            let deeds_before = book.deeds();
            live(run.path(), life, &mut random, &mut book);
            silent += u32::from(book.deeds() == deeds_before);
            if life + 1 == lives || random.u8(..3) == 0 {
                compare(&mut book, run.path()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
            }
        }
        kills -= lives;
        deeds += book.deeds();
    }
    println!("{deeds} acknowledged deeds; {silent} owners were killed before the first of them");
}

/// Starts an owner and kills it at a random moment: as it starts, after some time, or after so many lines.
fn live(run: &Path, life: u32, random: &mut fastrand::Rng, book: &mut Book) {
    let role = if random.u8(..4) == 0 { Role::OwnerPower } else { Role::OwnerProcess };
    let orders = Orders {
        run: run.to_owned(),
        life,
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
        0 => lines.take(book, u32::MAX, Duration::from_micros(random.u64(..30_000))),
        1 => {
            lines.take(book, 1, patience);
            lines.take(book, u32::MAX, Duration::from_micros(random.u64(..100_000)));
        }
        _ => lines.take(book, random.u32(..1_000), patience),
    }
    let ended = owner.try_wait().unwrap();
    assert_eq!(ended, None, "the owner ended before it was killed");
    owner.kill().unwrap();
    owner.wait().unwrap();
    lines.finish(book);
}
