//! The lock of a run: kept to, or written at its end.

use std::{path::PathBuf, sync::Arc};

use flow::queue::QueueAdmin;
use serde::Serialize;
use store::local::LocalBlobs;

use super::{Difference, Expected, Head, Lock, Root, Seal, compare, documents, path_in, write};
use sources::feed::GroupOf;

use crate::{
    blocking::blocking, directory, exit::CliError, rebuild::survey::Surveyor, settings::resolved::Settings,
    stages::group_of,
};

/// Reads the lock that a run keeps to, where it does.
///
/// # Errors
/// Those of [`Expected::read`].
pub(crate) async fn expected(locked: Option<PathBuf>) -> Result<Option<Arc<Expected>>, CliError> {
    let Some(path) = locked else { return Ok(None) };
    let expected = blocking(move || Expected::read(&path)).await??;
    Ok(Some(Arc::new(expected)))
}

/// What became of the lock.
#[derive(Debug, Serialize)]
pub(crate) struct LockSummary {
    pub(crate) path: PathBuf,
    /// The documents of the corpus that have gone through all stages.
    pub(crate) documents: u64,
    /// The root hash of the corpus.
    pub(crate) root: String,
    /// What differs from the lock that the run kept to; none where it was written.
    pub(crate) differences: Option<Vec<Difference>>,
}

/// The lock of a run.
#[derive(Clone)]
pub(crate) struct Keeping {
    run: PathBuf,
    head: Head,
    group_of: GroupOf,
    blobs: Arc<LocalBlobs>,
    expected: Option<Arc<Expected>>,
}

impl Keeping {
    /// The lock of a run with these settings, which keeps to `expected` where it is to keep to one.
    pub(crate) fn new(settings: &Settings, blobs: Arc<LocalBlobs>, expected: Option<Arc<Expected>>) -> Self {
        Self {
            run: settings.output_dir.clone(),
            head: Head::new(settings.store.strip, settings.identity()),
            group_of: group_of(settings),
            blobs,
            expected,
        }
    }

    /// Refuses a run that keeps to a lock and would differ from it.
    ///
    /// # Errors
    /// Those of [`Expected::check`].
    pub(crate) async fn check(&self, queue: &dyn QueueAdmin) -> Result<(), CliError> {
        let Some(expected) = self.expected.clone() else { return Ok(()) };
        let (cursors, keeping) = (queue.cursors().await?, self.clone());
        blocking(move || {
            let snapshots = directory::sources(&keeping.run);
            expected.check(&keeping.head, &cursors, &snapshots, &keeping.surveyor())
        })
        .await?
    }

    /// The run has ended: compares what is there with the lock that was kept to, else writes the lock.
    ///
    /// # Errors
    /// Where documents cannot be read, or the lock cannot be read or written.
    pub(crate) async fn finish(&self) -> Result<LockSummary, CliError> {
        let keeping = self.clone();
        blocking(move || {
            let surveyor = keeping.surveyor();
            let here = documents(&surveyor, &keeping.head.processor)?;
            let summary = |path: PathBuf, Seal { documents, root }, differences| LockSummary {
                path,
                documents,
                root,
                differences,
            };
            let Some(expected) = &keeping.expected else {
                let path = path_in(&keeping.run);
                let seal = write(&path, &keeping.head, here)?;
                return Ok(summary(path, seal, None));
            };
            let mut root = Root::default();
            let here = here.inspect(|one| one.iter().for_each(|one| root.add(one)));
            let differences = compare(&mut Lock::open(expected.path())?, here)?;
            Ok(summary(expected.path().to_owned(), root.seal(), Some(differences)))
        })
        .await?
    }

    fn surveyor(&self) -> Surveyor<'_> {
        Surveyor { blobs: &*self.blobs, group_of: &*self.group_of }
    }
}
