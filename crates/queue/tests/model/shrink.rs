//! Leaves out of a sequence what it does not take to fail.

use super::action::{Action, Sequence};

/// Most runs that are spent on it.
const RUNS_MAX: usize = 2_000;

/// A shorter sequence that fails as well: no single action of it can be left out, unless that takes too long to find.
pub(crate) fn shrink(sequence: Sequence, fails: impl Fn(&Sequence) -> bool) -> Sequence {
    let mut shortest = sequence;
    let mut runs = 0;
    let mut chunk = shortest.actions.len().div_ceil(2);
    while chunk > 0 && runs < RUNS_MAX {
        let mut at = 0;
        let before = shortest.actions.len();
        while at < shortest.actions.len() && runs < RUNS_MAX {
            let candidate = Sequence { actions: without(&shortest.actions, at, chunk), ..shortest };
            runs += 1;
            if fails(&candidate) {
                shortest = candidate;
            } else {
                at += chunk;
            }
        }
        let has_converged = chunk == 1 && shortest.actions.len() == before;
        chunk = if has_converged { 0 } else { (chunk / 2).max(1) };
    }
    shortest
}

fn without(actions: &[Action], at: usize, count: usize) -> Vec<Action> {
    let end = (at + count).min(actions.len());
    [&actions[..at], &actions[end..]].concat()
}
