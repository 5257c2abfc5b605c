//! Runs blocking work from async code.

use crate::error::SourceError;

/// Runs blocking work on a thread for such work.
///
/// # Errors
/// Returns [`SourceError::Panicked`] if the work panics.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SourceError> {
    Ok(tokio::task::spawn_blocking(work).await?)
}
