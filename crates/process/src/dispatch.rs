//! Which documents a thread works on next: the largest of those that wait, so that none is left over at the end that all
//! others must wait for.

use std::{
    collections::BinaryHeap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Documents that wait for a thread.
#[derive(Debug)]
pub(crate) struct Dispatch<T> {
    state: Mutex<State<T>>,
    /// The most batches that are worked on at a time.
    batches_max: usize,
    /// How many documents are one batch.
    batch: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: BinaryHeap<Waiting<T>>,
    /// Documents that came before the next one.
    came: u64,
    /// Batches that are worked on.
    begun: usize,
}

/// Ordered by size; of the same size the one that came first is the greater.
#[derive(Debug)]
struct Waiting<T> {
    bytes: u64,
    number: u64,
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

impl<T> Dispatch<T> {
    pub(crate) fn new(batches_max: usize, batch: usize) -> Self {
        let state = State { waiting: BinaryHeap::new(), came: 0, begun: 0 };
        Self { state: Mutex::new(state), batches_max, batch }
    }

    /// A document of this size waits from now on.
    pub(crate) fn add(&self, bytes: u64, work: T) {
        let mut state = self.state();
        let number = state.came;
        state.came += 1;
        state.waiting.push(Waiting { bytes, number, work });
    }

    /// The documents to work on next; none where none waits, or as many are worked on as may be. To be followed by
    /// [`end`](Self::end).
    pub(crate) fn begin(&self) -> Option<Vec<T>> {
        let mut state = self.state();
        if state.begun == self.batches_max || state.waiting.is_empty() {
            return None;
        }
        state.begun += 1;
        let mut batch = Vec::with_capacity(self.batch.min(state.waiting.len()));
        while batch.len() < self.batch
            && let Some(largest) = state.waiting.pop()
        {
            batch.push(largest.work);
        }
        Some(batch)
    }

    /// A batch has been worked on.
    pub(crate) fn end(&self) {
        self.state().begun -= 1;
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
        let dispatch = Dispatch::new(10, 1);
        for (bytes, name) in [(2, "b"), (9, "a"), (2, "c"), (1, "d")] {
            dispatch.add(bytes, name);
        }
        let order: Vec<_> = std::iter::from_fn(|| dispatch.begin()).flatten().collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }

    #[test]
    fn no_more_is_begun_than_may_be_and_a_batch_is_what_waits() {
        let dispatch = Dispatch::new(2, 3);
        (0..8).for_each(|n| dispatch.add(n, n));
        assert_eq!((dispatch.begin(), dispatch.begin()), (Some(vec![7, 6, 5]), Some(vec![4, 3, 2])));
        assert_eq!(dispatch.begin(), None);
        dispatch.end();
        assert_eq!((dispatch.begin(), dispatch.begin()), (Some(vec![1, 0]), None));
    }
}
