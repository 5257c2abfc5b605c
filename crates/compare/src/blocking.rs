//! Runs blocking work from async code.

/// Runs blocking work on a thread for it. A panic in the work is a panic here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The task is never aborted, so the error is always a panic.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
