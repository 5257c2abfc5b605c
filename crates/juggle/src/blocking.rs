//! The way from async code to what blocks: files, hashes, threads that are waited for.

use crate::exit::{CliError, Exit};

/// Does work that blocks, on a thread that may.
///
/// # Errors
/// [`Exit::Bug`] where it panics.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| CliError::caused(Exit::Bug, &error))
}
