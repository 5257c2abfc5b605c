//! The threads that convert texts.
//!
//! A thread continues with the next text that waits, so that a busy stage wakes no thread for each text.
//! There are never more threads than processors, each with buffers of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::available_parallelism,
};

use crate::convert::WorkBuffers;

/// Starts threads of the runtime as they are needed.
pub(super) struct Converters {
    shared: Arc<Mutex<State>>,
    threads_max: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    /// The number of threads at work.
    threads: usize,
    /// The buffers that no thread uses.
    buffers: Vec<WorkBuffers>,
}

/// The conversion of one text. It must not panic.
type Work = Box<dyn FnOnce(&mut WorkBuffers) + Send>;

impl Default for Converters {
    fn default() -> Self {
        Self { shared: Arc::default(), threads_max: available_parallelism().map_or(1, usize::from) }
    }
}

impl Converters {
    /// Starts `work` after the work that was started before.
    pub(super) fn start(&self, work: impl FnOnce(&mut WorkBuffers) + Send + 'static) {
        let mut state = lock(&self.shared);
        state.waiting.push_back(Box::new(work));
        if state.threads < self.threads_max {
            state.threads += 1;
            let shared = Arc::clone(&self.shared);
            drop(tokio::task::spawn_blocking(move || work_off(&shared)));
        }
    }
}

/// Does the work that waits, until there is none.
fn work_off(shared: &Mutex<State>) {
    let mut buffers = lock(shared).buffers.pop().unwrap_or_default();
    loop {
        let mut state = lock(shared);
        let Some(work) = state.waiting.pop_front() else {
            state.threads -= 1;
            return state.buffers.push(buffers);
        };
        drop(state);
        work(&mut buffers);
    }
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing panics while it holds the lock.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn all_work_is_done_by_no_more_threads_than_processors() {
        let converters = Converters::default();
        const TEXTS: usize = 1_000;
        let (done, results) = mpsc::sync_channel(TEXTS);
        for number in 0..TEXTS {
            let (done, shared) = (done.clone(), Arc::clone(&converters.shared));
            converters.start(move |_| done.send((number, lock(&shared).threads)).unwrap());
        }
        drop(done);
        let results = tokio::task::spawn_blocking(move || results.iter().collect::<Vec<_>>()).await.unwrap();
        let processors = available_parallelism().unwrap().get();
        assert!(results.iter().all(|(_, threads)| (1..=processors).contains(threads)));
        let mut numbers: Vec<_> = results.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..TEXTS).collect::<Vec<_>>());
    }
}
