//! The lock of a run: matched, or written at its end.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use blob_store::run_blobs::RunBlobs;
use corpus::lock::{self, ExpectedLock, LockError, LockHead, LockReport};
use flow::queue::QueueAdmin;
use sources::{error::SourceError, refresh, snapshot::integrity};

use crate::{
    blocking::blocking,
    directory,
    exit::{CliError, Exit},
};
use settings::resolved::Settings;

/// The maximum number of differences that are named for people.
pub(crate) const NAMED_MAX: usize = 40;

/// Reads the lock that a run must match, if there is one: the one at the given path, or without a path the
/// one in the run directory.
///
/// # Errors
/// Returns the errors of [`ExpectedLock::read`].
pub(crate) async fn read_expected(
    locked: Option<Option<PathBuf>>,
    run: &Path,
) -> Result<Option<Arc<ExpectedLock>>, CliError> {
    // Without --locked there is nothing to match; the run writes a lock at its end.
    let Some(named) = locked else { return Ok(None) };
    let own = lock::path_in(run);
    let reading = blocking(move || match named {
        // The user chose this path, so it may be a link; only files of the run directory are not followed.
        Some(path) if path.is_symlink() => ExpectedLock::read(&fs::canonicalize(&path).unwrap_or(path)),
        Some(path) => ExpectedLock::read(&path),
        None => ExpectedLock::read(&own),
    });
    Ok(Some(Arc::new(reading.await??)))
}

/// The lock of a run.
#[derive(Clone)]
pub(crate) struct LockSession {
    run: PathBuf,
    head: LockHead,
    blobs: Arc<RunBlobs>,
    /// The lock that the run must match. If there is none, a lock is written at its end.
    expected: Option<Arc<ExpectedLock>>,
}

impl LockSession {
    /// Creates the session of a run with these settings.
    pub(crate) fn new(
        settings: &Settings,
        blobs: Arc<RunBlobs>,
        expected: Option<Arc<ExpectedLock>>,
    ) -> Self {
        let head = LockHead::new(settings.store.strip, settings.identity());
        Self { run: settings.output_dir.clone(), head, blobs, expected }
    }

    /// Refuses a run that must match a lock and would differ from it.
    ///
    /// # Errors
    /// [`Exit::SomeFailed`] with the differences; the errors of [`ExpectedLock::check`].
    pub(crate) async fn check(&self, queue: &dyn QueueAdmin) -> Result<(), CliError> {
        let Some(expected) = self.expected.clone() else { return Ok(()) };
        // The cursors name all lists of the run, also those that were added before.
        let (cursors, session) = (queue.cursors().await?, self.clone());
        let path = expected.path().to_owned();
        let checking = blocking(move || {
            let snapshots = directory::sources(&session.run);
            let sources = cursors.iter().map(|cursor| &cursor.source);
            // A refresh has a cursor of its own over the entries of a list, which would count them twice.
            let lists = sources.filter(|source| refresh::list_of(source).is_none());
            // Each list is opened when the one before it has been read.
            let listed = lists.flat_map(|list| {
                let (entries, failed) = match integrity::read(&snapshots.join(format!("{list}.jsonl"))) {
                    Ok(entries) => (Some(entries), None),
                    Err(error) => (None, Some(Err(error))),
                };
                entries.into_iter().flatten().chain(failed)
            });
            let hashes = listed.map(|item: Result<_, SourceError>| {
                let (entry, _) = item?;
                Ok::<_, CliError>((entry.id, entry.listed.blake3))
            });
            expected.check(&session.head, hashes, &*session.blobs)
        });
        let found = checking.await??;
        if found.is_empty() {
            return Ok(());
        }
        let named = found.iter().take(NAMED_MAX).map(|one| format!("\n  {one}")).collect::<String>();
        let more = found.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!("\n  … and {more} more") } else { String::new() };
        let message = format!("this run would differ from '{}':{named}{more}", path.display());
        Err(CliError::new(Exit::SomeFailed, message)
            .advise("Nothing was fetched. Without --locked, the run continues and replaces corpus.lock."))
    }

    /// Compares the corpus with the lock that the run must match, or writes the lock.
    ///
    /// # Errors
    /// Returns the errors of [`ExpectedLock::compare`] and [`lock::record`].
    pub(crate) async fn finish(&self) -> Result<LockReport, CliError> {
        let session = self.clone();
        let finishing = blocking(move || match &session.expected {
            Some(expected) => expected.compare(&session.head, &*session.blobs),
            None => lock::record(&session.run, &session.head, &*session.blobs),
        });
        Ok(finishing.await??)
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Blob(error) => error.into(),
            LockError::Write { path, source } => Self::unwritten(&path, &source),
            LockError::Damaged { .. } => Self::caused(Exit::File, &error),
            LockError::Read { .. } => Self::caused(Exit::File, &error).advise(
                "A run without --locked writes corpus.lock to its run directory. Use --locked=FILE for a \
                 lock file at another path.",
            ),
        }
    }
}
