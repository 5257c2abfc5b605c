//! A thread to which publications are passed, and which commits them in groups.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

/// Passes requests to a thread. Joins it when dropped.
#[derive(Debug)]
pub(crate) struct CommitThread<R> {
    /// Callers send, the thread receives. The thread ends when this is dropped.
    requests: Option<SyncSender<R>>,
    thread: Option<JoinHandle<()>>,
}

impl<R: Send + 'static> CommitThread<R> {
    /// Starts a thread that serves requests until there is no sender. Of the requests, `waiting_max` wait in
    /// the channel. Whoever sends further ones waits until there is room.
    pub(crate) fn start(
        name: &str,
        waiting_max: usize,
        serve: impl FnOnce(&Receiver<R>) + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, waiting) = sync_channel(waiting_max);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || serve(&waiting))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Sends a request. Returns it, with an error, if the thread has ended.
    pub(crate) fn send(&self, request: R) -> Result<(), (R, io::Error)> {
        let requests = self.requests.as_ref().expect("only drop takes it");
        let gone = || io::Error::other("the committing thread has ended");
        requests.send(request).map_err(|unsent| (unsent.0, gone()))
    }
}

impl<R> Drop for CommitThread<R> {
    fn drop(&mut self) {
        // The thread ends when no sender is left, after all requests that wait.
        drop(self.requests.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committing thread panicked");
        }
    }
}
