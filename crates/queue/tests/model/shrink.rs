//! Shortens a failing sequence.

use super::action::{Action, Sequence};

/// The maximum number of runs.
const RUNS_MAX: usize = 3_000;

/// Returns a shorter sequence that fails as well. No action of it can be left out, unless that takes too many
/// runs to find.
pub(crate) fn shrink(sequence: Sequence, fails: impl Fn(&Sequence) -> bool) -> Sequence {
    let mut shortest = sequence;
    let mut runs = 0;
    let mut try_actions = |shortest: &mut Sequence, actions: Vec<Action>| {
        runs += 1;
        let candidate = Sequence { actions, ..*shortest };
        let is_shorter = runs < RUNS_MAX && fails(&candidate);
        if is_shorter {
            *shortest = candidate;
        }
        is_shorter
    };
    let mut chunk = shortest.actions.len().div_ceil(2);
    while chunk > 0 {
        let mut has_shrunk = false;
        let mut at = 0;
        while at < shortest.actions.len() {
            let rest = without(&shortest.actions, at, chunk);
            if try_actions(&mut shortest, rest) {
                has_shrunk = true;
            } else {
                at += chunk;
            }
        }
        chunk = if has_shrunk && chunk == 1 { 1 } else { chunk / 2 };
    }
    for at in 0..shortest.actions.len() {
        while thinner(&shortest.actions[at]).into_iter().any(|action| {
            let mut actions = shortest.actions.clone();
            actions[at] = action;
            try_actions(&mut shortest, actions)
        }) {}
    }
    shortest
}

/// Returns the action with one job less, for each of its jobs.
fn thinner(action: &Action) -> Vec<Action> {
    if let Action::Push { jobs, cursor } = action {
        let fewer = |at| Action::Push { jobs: without(jobs, at, 1), cursor: cursor.clone() };
        (0..jobs.len()).map(fewer).collect()
    } else if let Action::Complete { token, next } = action {
        (0..next.len()).map(|at| Action::Complete { token: *token, next: without(next, at, 1) }).collect()
    } else {
        Vec::new()
    }
}

fn without<T: Clone>(all: &[T], at: usize, count: usize) -> Vec<T> {
    let end = (at + count).min(all.len());
    [&all[..at], &all[end..]].concat()
}
