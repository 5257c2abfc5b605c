//! Group commit: many publications share few syncs.
//!
//! One thread takes all publications that wait, syncs their files, renames them, syncs each touched directory
//! once, and ends every publication of the group. Nothing waits for a larger group: while one group is
//! synced, the next one gathers. [`Directories`] knows whether a file system can be synced in one call. If it
//! cannot, each file is synced by itself, several at a time.
//!
//! The order within a group is what makes a publication durable:
//!
//! 1. The bytes of all files are synced before the first rename, so that no name ever leads to lost bytes.
//! 2. The renames of a publication are made in the given order.
//! 3. The directories are synced before a publication ends, so that no acknowledged name is lost.
//! 4. Removals come last, so that a power cut cannot take the old blob before the new one is durable.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, Publisher, Publishing, StagedBlob},
    durability::Durability,
    machine::MachineFailure,
};

use super::{
    SyncCounts,
    directories::Directories,
    layout::{BlobDirectory, BlobPaths},
    publish_op::{self, PublishOp},
};

/// The number of operations from which a group takes no further publication, so that its memory is bounded.
const GROUP_MAX: usize = 2048;
/// The maximum number of publications in the channel. Whoever begins further ones waits until there is room.
const WAITING_MAX: usize = 1024;
/// The maximum number of threads that sync the files of one group.
const THREADS_MAX: usize = 8;
/// The number of files that are synced each by itself even if the file system can be synced as a whole. That
/// costs less, and does not wait for what other processes have written there.
const FEW_FILES: usize = 2;
/// The same for directories. A sharded run directory has more.
const FEW_DIRECTORIES: usize = 16;

/// Passes publications to the committing thread. Joins it when dropped.
#[derive(Debug)]
pub(super) struct Committer {
    state: Arc<CommitterState>,
    /// Callers send, the committing thread receives. The thread ends when this is dropped.
    requests: Option<SyncSender<PublishRequest>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct CommitterState {
    paths: BlobPaths,
    durability: Durability,
    files: AtomicU64,
    file_systems: AtomicU64,
    directories: AtomicU64,
    /// The first sync that failed.
    failed: OnceLock<FailedSync>,
}

#[derive(Debug)]
struct FailedSync {
    path: PathBuf,
    condition: MachineFailure,
    message: String,
}

#[derive(Debug)]
struct PublishRequest {
    operations: Vec<PublishOp>,
    publisher: Publisher,
}

/// A publication whose files have their names.
struct Renamed {
    publisher: Publisher,
    result: Result<(), BlobError>,
    /// The blobs that are removed when the rest is durable.
    removed: Vec<BlobName>,
}

impl Committer {
    /// Starts the committing thread.
    pub(super) fn start(
        paths: BlobPaths,
        mut directories: Directories,
        durability: Durability,
    ) -> Result<Self, BlobError> {
        let state = Arc::new(CommitterState {
            paths,
            durability,
            files: AtomicU64::new(0),
            file_systems: AtomicU64::new(0),
            directories: AtomicU64::new(0),
            failed: OnceLock::new(),
        });
        let (requests, waiting) = sync_channel(WAITING_MAX);
        let of_thread = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("blob-committer".to_owned())
            .spawn(move || of_thread.serve(&mut directories, &waiting))
            .map_err(|error| BlobError::at(state.paths.dir(), error))?;
        Ok(Self { state, requests: Some(requests), thread: Some(thread) })
    }

    /// Returns the number of syncs since the start.
    pub(super) fn sync_counts(&self) -> SyncCounts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let CommitterState { files, file_systems, directories, .. } = &*self.state;
        SyncCounts { files: load(files), file_systems: load(file_systems), directories: load(directories) }
    }

    /// Begins a publication. Waits if too many are under way.
    pub(super) fn begin_publishing(&self, operations: Vec<PublishOp>) -> Publishing {
        let (publisher, publishing) = Publishing::begun();
        let requests = self.requests.as_ref().expect("only drop takes it");
        if let Err(unsent) = requests.send(PublishRequest { operations, publisher }) {
            let gone = io::Error::other("the committing thread has ended");
            unsent.0.publisher.end(Err(BlobError::at(self.state.paths.dir(), gone)));
        }
        publishing
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        // The thread ends when no sender is left, after all publications that wait.
        drop(self.requests.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committing thread panicked");
        }
    }
}

impl CommitterState {
    fn serve(&self, directories: &mut Directories, waiting: &Receiver<PublishRequest>) {
        while let Ok(first) = waiting.recv() {
            self.commit(directories, gather(first, waiting));
        }
    }

    /// Commits one group, in the order of the module's documentation.
    fn commit(&self, directories: &mut Directories, group: Vec<PublishRequest>) {
        self.remember_failure(self.sync_files(directories, &group));
        let mut touched = BTreeSet::new();
        let rename = |PublishRequest { operations, publisher }| {
            let removed = removed(&operations);
            let result =
                self.check_not_failed().and_then(|()| self.apply(directories, operations, &mut touched));
            Renamed { publisher, result, removed }
        };
        let renamed: Vec<Renamed> = group.into_iter().map(rename).collect();
        self.remember_failure(self.sync_directories(directories, touched));
        for Renamed { publisher, result, removed } in renamed {
            let remove = || removed.iter().try_for_each(|name| publish_op::remove(&self.paths, name));
            publisher.end(result.and_then(|()| self.check_not_failed()).and_then(|()| remove()));
        }
    }

    fn sync_files(&self, directories: &Directories, group: &[PublishRequest]) -> Result<(), BlobError> {
        // After a failure nothing is published, so nothing need be durable.
        if self.durability == Durability::Process || self.failed.get().is_some() {
            return Ok(());
        }
        let operations = group.iter().flat_map(|request| &request.operations);
        let blobs: Vec<&StagedBlob> = operations
            .filter_map(|operation| match operation {
                PublishOp::Place(blob, _) => Some(blob),
                // The bytes of a published blob are durable already.
                PublishOp::Rename { .. } | PublishOp::Remove(_) | PublishOp::Refuse(_) => None,
            })
            .collect();
        if blobs.len() > FEW_FILES
            && self.sync_file_systems(directories, blobs.iter().map(|blob| blob.name.kind))?
        {
            return Ok(());
        }
        self.sync_each(&blobs)
    }

    /// Syncs the file systems on which these kinds lie, and returns whether that is as good as a sync of each
    /// file. If not, nothing is synced.
    fn sync_file_systems(
        &self,
        directories: &Directories,
        kinds: impl Iterator<Item = BlobKind>,
    ) -> Result<bool, BlobError> {
        let Some(file_systems) = directories.file_systems(kinds) else { return Ok(false) };
        for directory in file_systems {
            self.file_systems.fetch_add(1, Ordering::Relaxed);
            directory.sync_file_system()?;
        }
        Ok(true)
    }

    fn sync_each(&self, blobs: &[&StagedBlob]) -> Result<(), BlobError> {
        let sync = |blob: &&StagedBlob| {
            self.files.fetch_add(1, Ordering::Relaxed);
            blob.file.sync_data().map_err(|error| BlobError::at(&blob.path, error))
        };
        // A thread costs more than it saves for so few.
        if blobs.len() <= FEW_FILES {
            return blobs.iter().try_for_each(sync);
        }
        thread::scope(|scope| {
            let share = blobs.len().div_ceil(THREADS_MAX);
            let threads: Vec<_> =
                blobs.chunks(share).map(|part| scope.spawn(move || part.iter().try_for_each(sync))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a sync does not panic"))
        })
    }

    fn sync_directories(
        &self,
        directories: &mut Directories,
        touched: BTreeSet<BlobDirectory>,
    ) -> Result<(), BlobError> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        let touched = directories.with_above(touched);
        let is_synced = touched.len() > FEW_DIRECTORIES
            && self.sync_file_systems(directories, touched.iter().map(|directory| directory.kind))?;
        if !is_synced {
            touched.iter().try_for_each(|directory| self.sync_directory(directories, *directory))?;
        }
        directories.mark_synced(touched);
        Ok(())
    }

    fn sync_directory(&self, directories: &Directories, directory: BlobDirectory) -> Result<(), BlobError> {
        self.directories.fetch_add(1, Ordering::Relaxed);
        directories.sync(directory, &self.paths)
    }

    /// Applies the operations of one publication, up to the first that fails.
    fn apply(
        &self,
        directories: &Directories,
        operations: Vec<PublishOp>,
        touched: &mut BTreeSet<BlobDirectory>,
    ) -> Result<(), BlobError> {
        for operation in operations {
            let applied = operation.apply(&self.paths)?;
            touched.extend(applied.touched);
            if let Some((path, directory)) = applied.other_form {
                self.remove_other_form(directories, &path, directory)?;
            }
        }
        Ok(())
    }

    /// Removes the file of the form that a blob had until now, if there is one.
    fn remove_other_form(
        &self,
        directories: &Directories,
        path: &Path,
        directory: BlobDirectory,
    ) -> Result<(), BlobError> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        // The name of the new form is synced first, or a power cut could take both.
        if self.durability == Durability::Power {
            self.remember_failure(self.sync_directory(directories, directory));
            self.check_not_failed()?;
        }
        publish_op::remove_file(path)
    }

    /// Remembers the first sync that failed. After a failed sync, nobody knows which bytes the system still
    /// has: it may drop them, and report success the next time. So nothing more is published.
    fn remember_failure(&self, result: Result<(), BlobError>) {
        if let Err(error) = result {
            self.failed.get_or_init(|| FailedSync::of(&error));
            tracing::error!(%error, "a sync failed, so nothing more is published");
        }
    }

    fn check_not_failed(&self) -> Result<(), BlobError> {
        self.failed.get().map_or(Ok(()), |failed| Err(failed.refusal()))
    }
}

impl FailedSync {
    fn of(error: &BlobError) -> Self {
        // Data that cannot be synced is lost, whatever error the system returns.
        let (path, condition) = match error {
            BlobError::DiskFull { path, .. } => (path, MachineFailure::DiskFull),
            BlobError::Machine { path, condition, .. } => (path, *condition),
            BlobError::Damaged { path, .. }
            | BlobError::Io { path, .. }
            | BlobError::NotFound(path)
            | BlobError::Busy(path)
            | BlobError::TooLarge { path, .. } => (path, MachineFailure::Disk),
        };
        Self { path: path.clone(), condition, message: error.to_string() }
    }

    /// Returns an error with the same condition as the failure, so that a full disk is still reported as a
    /// full disk.
    fn refusal(&self) -> BlobError {
        let message = format!(
            "a sync failed ({}), so nothing more is published: check the disk, then start again",
            self.message
        );
        BlobError::machine(&self.path, self.condition, io::Error::other(message))
    }
}

fn removed(operations: &[PublishOp]) -> Vec<BlobName> {
    let removed = operations.iter().filter_map(|operation| match operation {
        PublishOp::Remove(name) => Some(name.clone()),
        PublishOp::Place(..) | PublishOp::Rename { .. } | PublishOp::Refuse(_) => None,
    });
    removed.collect()
}

/// Returns the group of all publications that wait at this moment.
fn gather(first: PublishRequest, waiting: &Receiver<PublishRequest>) -> Vec<PublishRequest> {
    let mut operations = first.operations.len();
    let mut group = vec![first];
    while operations < GROUP_MAX
        && let Ok(request) = waiting.try_recv()
    {
        operations += request.operations.len();
        group.push(request);
    }
    group
}

#[cfg(test)]
pub(super) mod testing {
    use super::{super::layout::BlobForm, *};

    /// Commits one request for each blob, all in one group, as if their callers had waited together.
    pub(in crate::local) fn publish_as_one_group(committer: &Committer, blobs: Vec<StagedBlob>) {
        let paths = &committer.state.paths;
        let mut directories = Directories::open(paths, Durability::Power).expect("they are there");
        let (requests, waiting) = sync_channel(blobs.len());
        let publishings: Vec<_> = blobs
            .into_iter()
            .map(|blob| {
                let (publisher, publishing) = Publishing::begun();
                let operations = vec![PublishOp::Place(blob, BlobForm::Plain)];
                requests.send(PublishRequest { operations, publisher }).expect("there is room");
                publishing
            })
            .collect();
        drop(requests);
        committer.state.serve(&mut directories, &waiting);
        for publishing in publishings {
            publishing.wait().expect("the group is committed");
        }
    }
}
