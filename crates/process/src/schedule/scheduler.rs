//! Which documents a thread works on next: the largest of those that wait, so that none is left over at the
//! end that all others must wait for. One that several threads share counts as much as they do: few others
//! are begun beside it, and are left for the time when there is too little of it to share.

use std::{
    collections::BinaryHeap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Documents that wait for a thread.
#[derive(Debug)]
pub(crate) struct Scheduler<T> {
    state: Mutex<State<T>>,
    /// How many threads must have work before nothing more is begun.
    threads: usize,
    /// How many documents are one batch.
    batch: usize,
}

/// Documents that are worked on one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch<T> {
    pub(crate) work: Vec<T>,
    /// How many threads share it.
    pub(crate) threads: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: BinaryHeap<Waiting<T>>,
    /// Documents that came before the next one.
    came: u64,
    /// The threads of all batches that are worked on.
    begun: usize,
}

/// Ordered by size; of the same size the one that came first is the greater.
#[derive(Debug)]
struct Waiting<T> {
    bytes: u64,
    number: u64,
    threads: usize,
    work: T,
}

impl<T> Waiting<T> {
    const fn rank(&self) -> (u64, std::cmp::Reverse<u64>) {
        (self.bytes, std::cmp::Reverse(self.number))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl<T> Scheduler<T> {
    pub(crate) fn new(threads: usize, batch: usize) -> Self {
        let state = State { waiting: BinaryHeap::new(), came: 0, begun: 0 };
        Self { state: Mutex::new(state), threads, batch }
    }

    /// A document of this size, which so many threads can share, waits from now on.
    pub(crate) fn add(&self, bytes: u64, threads: usize, work: T) {
        let mut state = self.state();
        let number = state.came;
        state.came += 1;
        state.waiting.push(Waiting { bytes, number, threads, work });
    }

    /// The documents to work on next; none where none waits, or as much is worked on as may be. To be
    /// followed by [`end`](Self::end).
    pub(crate) fn begin(&self) -> Option<Batch<T>> {
        let mut state = self.state();
        if state.begun >= self.threads || state.waiting.is_empty() {
            return None;
        }
        let mut batch = Batch { work: Vec::with_capacity(self.batch.min(state.waiting.len())), threads: 1 };
        while batch.work.len() < self.batch
            && let Some(largest) = state.waiting.pop()
        {
            batch.work.push(largest.work);
            batch.threads = batch.threads.max(largest.threads);
        }
        state.begun += batch.threads;
        Some(batch)
    }

    /// A batch that so many threads shared has been worked on.
    pub(crate) fn end(&self, threads: usize) {
        self.state().begun -= threads;
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_goes_first_and_of_the_same_size_the_first() {
        let dispatch = Scheduler::new(10, 1);
        for (bytes, name) in [(2, "b"), (9, "a"), (2, "c"), (1, "d")] {
            dispatch.add(bytes, 1, name);
        }
        let order: Vec<_> = std::iter::from_fn(|| dispatch.begin()).flat_map(|batch| batch.work).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }

    #[test]
    fn no_more_is_begun_than_may_be_and_a_batch_is_what_waits() {
        let dispatch = Scheduler::new(2, 3);
        (0..8).for_each(|n| dispatch.add(n, 1, n));
        let begun = || dispatch.begin().map(|batch| batch.work);
        assert_eq!((begun(), begun()), (Some(vec![7, 6, 5]), Some(vec![4, 3, 2])));
        assert_eq!(begun(), None);
        dispatch.end(1);
        assert_eq!((begun(), begun()), (Some(vec![1, 0]), None));
    }

    #[test]
    fn what_is_shared_leaves_room_for_one_beside_it() {
        let dispatch = Scheduler::new(5, 1);
        dispatch.add(9, 4, "shared");
        ["a", "b"].into_iter().for_each(|name| dispatch.add(1, 1, name));
        let shared = dispatch.begin().unwrap();
        assert_eq!(shared, Batch { work: vec!["shared"], threads: 4 });
        assert_eq!(dispatch.begin(), Some(Batch { work: vec!["a"], threads: 1 }));
        assert_eq!(dispatch.begin(), None);
        dispatch.end(shared.threads);
        assert_eq!(dispatch.begin(), Some(Batch { work: vec!["b"], threads: 1 }));
    }

    #[test]
    fn what_is_shared_does_not_wait_for_as_many_threads() {
        let dispatch = Scheduler::new(3, 1);
        ["a", "b"].into_iter().for_each(|name| dispatch.add(2, 1, name));
        dispatch.add(1, 2, "shared");
        assert_eq!(std::iter::from_fn(|| dispatch.begin()).count(), 3);
    }
}
