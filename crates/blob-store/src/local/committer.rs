//! Group commit: many publications share few syncs.
//!
//! One thread takes all publications that wait, syncs their files, renames them, syncs each touched directory
//! once, and ends every publication of the group. Nothing waits for a larger group: while one group is
//! synced, the next one gathers. [`Directories`] knows whether a file system can be synced in one call. If it
//! cannot, each file is synced by itself, several at a time.
//!
//! The order within a group is what makes a publication durable:
//!
//! 1. Blobs in memory are written to files, and the bytes of all files are synced before the first rename, so
//!    that no name ever leads to lost bytes.
//! 2. The renames of a publication are made in the given order.
//! 3. The directories are synced before a publication ends, so that no acknowledged name is lost.
//! 4. Removals come last, so that a power cut cannot take the old blob before the new one is durable.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
    thread,
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, Publisher, StagedFile},
    durability::Durability,
};

use crate::{
    commit_thread::CommitThread,
    failed_sync::FailedSync,
    layout::{BlobDirectory, BlobPaths},
};

use super::{
    SyncCounts,
    directories::Directories,
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

/// Passes publications to the committing thread.
#[derive(Debug)]
pub(super) struct Committer {
    paths: BlobPaths,
    counters: Arc<SyncCounters>,
    thread: CommitThread<PublishRequest>,
}

#[derive(Debug, Default)]
struct SyncCounters {
    files: AtomicU64,
    file_systems: AtomicU64,
    directories: AtomicU64,
}

/// The state of the committing thread.
struct GroupCommitter {
    paths: BlobPaths,
    directories: Directories,
    durability: Durability,
    counters: Arc<SyncCounters>,
    /// The first sync that failed.
    failed: Option<FailedSync>,
}

#[derive(Debug)]
struct PublishRequest {
    /// The operations, up to the first that could not be prepared.
    operations: Vec<Result<PublishOp, BlobError>>,
    publisher: Publisher,
}

impl Committer {
    /// Starts the committing thread.
    pub(super) fn start(
        paths: BlobPaths,
        directories: Directories,
        durability: Durability,
    ) -> Result<Self, BlobError> {
        let counters = Arc::<SyncCounters>::default();
        let mut committer = GroupCommitter {
            paths: paths.clone(),
            directories,
            durability,
            counters: Arc::clone(&counters),
            failed: None,
        };
        let serve = move |waiting: &Receiver<PublishRequest>| committer.serve(waiting);
        let thread = CommitThread::start("blob-committer", WAITING_MAX, serve)
            .map_err(|error| BlobError::at(paths.dir(), error))?;
        Ok(Self { paths, counters, thread })
    }

    /// Returns the number of syncs since the start.
    pub(super) fn sync_counts(&self) -> SyncCounts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let SyncCounters { files, file_systems, directories } = &*self.counters;
        SyncCounts { files: load(files), file_systems: load(file_systems), directories: load(directories) }
    }

    /// Begins a publication, and passes its result to `publisher`. Waits if too many are under way.
    pub(super) fn publish_for(&self, operations: Vec<Result<PublishOp, BlobError>>, publisher: Publisher) {
        if let Err((unsent, error)) = self.thread.send(PublishRequest { operations, publisher }) {
            unsent.publisher.end(Err(BlobError::at(self.paths.dir(), error)));
        }
    }
}

impl GroupCommitter {
    fn serve(&mut self, waiting: &Receiver<PublishRequest>) {
        while let Ok(first) = waiting.recv() {
            self.commit(gather(first, waiting));
        }
    }

    /// Commits one group, in the order of the module's documentation.
    fn commit(&mut self, mut group: Vec<PublishRequest>) {
        for PublishRequest { operations, .. } in &mut group {
            let written = |operation: Result<PublishOp, _>| operation?.written(&self.paths);
            *operations = std::mem::take(operations).into_iter().map(written).collect();
        }
        let synced = self.sync_files(&group);
        self.remember_failure(synced);
        let mut touched = BTreeSet::new();
        let rename = |PublishRequest { operations, publisher }| {
            let removed = removed(&operations);
            let result = self.check_not_failed().and_then(|()| self.apply(operations, &mut touched));
            (publisher, result, removed)
        };
        let renamed: Vec<_> = group.into_iter().map(rename).collect();
        let synced = self.sync_directories(touched);
        self.remember_failure(synced);
        for (publisher, result, removed) in renamed {
            let remove = || removed.iter().try_for_each(|name| publish_op::remove(&self.paths, name));
            publisher.end(result.and_then(|()| self.check_not_failed()).and_then(|()| remove()));
        }
    }

    fn sync_files(&self, group: &[PublishRequest]) -> Result<(), BlobError> {
        // After a failure nothing is published, so nothing need be durable.
        if self.durability == Durability::Process || self.failed.is_some() {
            return Ok(());
        }
        let operations = group.iter().flat_map(|request| &request.operations);
        let blobs: Vec<&StagedFile> = operations
            .filter_map(|operation| match operation {
                Ok(PublishOp::Place(blob, _)) => Some(blob),
                // The bytes of a published blob are durable already.
                Ok(PublishOp::Write(..) | PublishOp::Rename { .. } | PublishOp::Remove(_)) | Err(_) => None,
            })
            .collect();
        if blobs.len() > FEW_FILES && self.sync_file_systems(blobs.iter().map(|blob| blob.name.kind))? {
            return Ok(());
        }
        self.sync_each(&blobs)
    }

    /// Syncs the file systems on which these kinds lie, and returns whether that is as good as a sync of each
    /// file. If not, nothing is synced.
    fn sync_file_systems(&self, kinds: impl Iterator<Item = BlobKind>) -> Result<bool, BlobError> {
        let Some(file_systems) = self.directories.file_systems(kinds) else { return Ok(false) };
        for directory in file_systems {
            self.counters.file_systems.fetch_add(1, Ordering::Relaxed);
            directory.sync_file_system()?;
        }
        Ok(true)
    }

    fn sync_each(&self, blobs: &[&StagedFile]) -> Result<(), BlobError> {
        let sync = |blob: &&StagedFile| {
            self.counters.files.fetch_add(1, Ordering::Relaxed);
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

    fn sync_directories(&mut self, touched: BTreeSet<BlobDirectory>) -> Result<(), BlobError> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        let touched = self.directories.with_above(touched);
        let is_synced = touched.len() > FEW_DIRECTORIES
            && self.sync_file_systems(touched.iter().map(|directory| directory.kind))?;
        if !is_synced {
            touched.iter().try_for_each(|directory| self.sync_directory(*directory))?;
        }
        self.directories.mark_synced(touched);
        Ok(())
    }

    fn sync_directory(&self, directory: BlobDirectory) -> Result<(), BlobError> {
        self.counters.directories.fetch_add(1, Ordering::Relaxed);
        self.directories.sync(directory, &self.paths)
    }

    /// Applies the operations of one publication, up to the first that fails.
    fn apply(
        &mut self,
        operations: Vec<Result<PublishOp, BlobError>>,
        touched: &mut BTreeSet<BlobDirectory>,
    ) -> Result<(), BlobError> {
        for operation in operations {
            // A removal is made last.
            let Some(applied) = operation?.apply(&self.paths)? else { continue };
            touched.extend(applied.touched);
            self.remove_other_form(&applied.other_form, applied.directory)?;
        }
        Ok(())
    }

    /// Removes the file of the form that a blob had until now, if there is one.
    fn remove_other_form(&mut self, path: &Path, directory: BlobDirectory) -> Result<(), BlobError> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        // The name of the new form is synced first, or a power cut could take both.
        if self.durability == Durability::Power {
            let synced = self.sync_directory(directory);
            self.remember_failure(synced);
            self.check_not_failed()?;
        }
        publish_op::remove_file(path)
    }

    /// Remembers the first sync that failed. After a failed sync, nobody knows which bytes the system still
    /// has: it may drop them, and report success the next time. So nothing more is published.
    fn remember_failure(&mut self, result: Result<(), BlobError>) {
        if let Err(error) = result {
            self.failed.get_or_insert_with(|| FailedSync::of(&error));
            tracing::error!(%error, "a sync failed, so nothing more is published");
        }
    }

    fn check_not_failed(&self) -> Result<(), BlobError> {
        self.failed.as_ref().map_or(Ok(()), |failed| Err(failed.refusal()))
    }
}

fn removed(operations: &[Result<PublishOp, BlobError>]) -> Vec<BlobName> {
    let removed = operations.iter().filter_map(|operation| match operation {
        Ok(PublishOp::Remove(name)) => Some(name.clone()),
        Ok(PublishOp::Write(..) | PublishOp::Place(..) | PublishOp::Rename { .. }) | Err(_) => None,
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
    use std::sync::mpsc::sync_channel;

    use flow::blobs::{Publishing, StagedBlob, StagedBytes};

    use super::*;
    use crate::layout::BlobForm;

    /// Commits one request for each blob, all in one group, as if their callers had waited together.
    pub(in crate::local) fn publish_as_one_group(committer: &Committer, blobs: Vec<StagedBlob>) {
        let mut same = GroupCommitter {
            paths: committer.paths.clone(),
            directories: Directories::open(&committer.paths, Durability::Power).expect("they are there"),
            durability: Durability::Power,
            counters: Arc::clone(&committer.counters),
            failed: None,
        };
        let (requests, waiting) = sync_channel(blobs.len());
        let publishings: Vec<_> = blobs
            .into_iter()
            .map(|blob| {
                let (publisher, publishing) = Publishing::begun();
                let StagedBytes::File(file) = blob.bytes else { panic!("this store stages files") };
                let operations = vec![Ok(PublishOp::Place(file, BlobForm::Plain))];
                requests.send(PublishRequest { operations, publisher }).expect("there is room");
                publishing
            })
            .collect();
        drop(requests);
        same.serve(&waiting);
        for publishing in publishings {
            publishing.wait().expect("the group is committed");
        }
    }
}
