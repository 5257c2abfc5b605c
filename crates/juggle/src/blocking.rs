//! Runs blocking work from async code: files, hashes, joins of threads.

use crate::exit::{CliError, Exit};

/// Runs blocking work on a thread for it.
///
/// # Errors
/// Returns an error with [`Exit::Bug`] if the work panics.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| CliError::caused(Exit::Bug, &error))
}
