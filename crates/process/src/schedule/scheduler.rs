//! Chooses the documents that a thread processes next: the largest that wait, so that none is left at the end
//! for which all threads but one must wait.
//!
//! A document that several threads share counts as much as they do. So few others are started at the same
//! time, and they are left for the end, when the shared one has too little work for all threads.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The documents that wait for a thread.
#[derive(Debug)]
pub(crate) struct Scheduler<T> {
    /// Locked for a moment only.
    state: Mutex<State<T>>,
    /// The number of threads with work at which no further batch is started.
    threads: usize,
    /// The number of documents in a batch.
    batch: usize,
}

/// Documents that are processed one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch<T> {
    pub(crate) documents: Vec<T>,
    /// The number of threads that share the batch.
    pub(crate) threads: usize,
}

#[derive(Debug)]
struct State<T> {
    /// The documents that wait, the largest first; of the same size, the first that was added.
    waiting: BTreeMap<(Reverse<u64>, u64), Waiting<T>>,
    /// The number of documents that were added.
    added: u64,
    /// The threads of all batches in progress.
    busy: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    document: T,
    /// The number of threads that can share the document.
    threads: usize,
}

impl<T> Scheduler<T> {
    /// Returns an empty scheduler, which starts batches of `batch` documents until `threads` threads have
    /// work.
    pub(crate) fn new(threads: usize, batch: usize) -> Self {
        let state = State { waiting: BTreeMap::new(), added: 0, busy: 0 };
        Self { state: Mutex::new(state), threads, batch }
    }

    /// Adds a document of this size, which this number of threads can share.
    pub(crate) fn add(&self, bytes: u64, threads: usize, document: T) {
        let mut state = self.state();
        let number = state.added;
        state.added += 1;
        state.waiting.insert((Reverse(bytes), number), Waiting { document, threads });
    }

    /// Returns the documents to process next, or `None` if none waits or all threads have work. The caller
    /// calls [`finish`](Self::finish) afterwards.
    pub(crate) fn start_batch(&self) -> Option<Batch<T>> {
        let mut state = self.state();
        if state.busy >= self.threads || state.waiting.is_empty() {
            return None;
        }
        let documents = Vec::with_capacity(self.batch.min(state.waiting.len()));
        let mut batch = Batch { documents, threads: 1 };
        while batch.documents.len() < self.batch
            && let Some((_, largest)) = state.waiting.pop_first()
        {
            batch.documents.push(largest.document);
            batch.threads = batch.threads.max(largest.threads);
        }
        // May exceed the limit: a shared document does not wait until all its threads are free.
        state.busy += batch.threads;
        Some(batch)
    }

    /// Ends a batch that this number of threads shared.
    pub(crate) fn finish(&self, threads: usize) {
        self.state().busy -= threads;
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
        let scheduler = Scheduler::new(10, 1);
        for (bytes, name) in [(2, "b"), (9, "a"), (2, "c"), (1, "d")] {
            scheduler.add(bytes, 1, name);
        }
        let order: Vec<_> =
            std::iter::from_fn(|| scheduler.start_batch()).flat_map(|batch| batch.documents).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }

    #[test]
    fn no_more_is_started_than_allowed_and_a_batch_takes_the_largest() {
        let scheduler = Scheduler::new(2, 3);
        (0..8).for_each(|n| scheduler.add(n, 1, n));
        let start = || scheduler.start_batch().map(|batch| batch.documents);
        assert_eq!((start(), start()), (Some(vec![7, 6, 5]), Some(vec![4, 3, 2])));
        assert_eq!(start(), None);
        scheduler.finish(1);
        assert_eq!((start(), start()), (Some(vec![1, 0]), None));
    }

    #[test]
    fn a_shared_document_leaves_room_for_one_more() {
        let scheduler = Scheduler::new(5, 1);
        scheduler.add(9, 4, "shared");
        ["a", "b"].into_iter().for_each(|name| scheduler.add(1, 1, name));
        let shared = scheduler.start_batch().unwrap();
        assert_eq!(shared, Batch { documents: vec!["shared"], threads: 4 });
        assert_eq!(scheduler.start_batch(), Some(Batch { documents: vec!["a"], threads: 1 }));
        assert_eq!(scheduler.start_batch(), None);
        scheduler.finish(shared.threads);
        assert_eq!(scheduler.start_batch(), Some(Batch { documents: vec!["b"], threads: 1 }));
    }

    #[test]
    fn a_shared_document_does_not_wait_for_all_its_threads() {
        let scheduler = Scheduler::new(3, 1);
        ["a", "b"].into_iter().for_each(|name| scheduler.add(2, 1, name));
        scheduler.add(1, 2, "shared");
        assert_eq!(std::iter::from_fn(|| scheduler.start_batch()).count(), 3);
    }
}
