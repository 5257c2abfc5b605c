//! Group commit: what many publish at once costs few flushes.
//!
//! One thread takes all that is waiting, forces the files, renames, forces each touched directory once, and ends every
//! publication of the group. Nothing is delayed for the sake of a larger group: while one group is being forced, the
//! next one gathers. How files are forced is for [`Directories`] to say: all of a group in one call where the file
//! system can, else each by itself, several at a time.

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
    blobs::{BlobError, BlobKind, Change, Kept, Publisher, Publishing, StagedBlob},
    durability::Durability,
};

use super::{Flushes, directories::Directories};

/// The most changes in one group, but for those of its last publication.
const GROUP_MAX: usize = 2048;
/// The most publications that wait in the channel; whoever begins further ones waits to get in.
const WAITING_MAX: usize = 1024;
/// The most threads that force the files of one group.
const THREADS_MAX: usize = 8;
/// So many files are forced each by itself, though the file system could be forced as a whole: that costs less, and does
/// not wait for what others have written there.
const FEW_FILES: usize = 2;

/// Hands work to the committing thread; joins it when dropped.
#[derive(Debug)]
pub(super) struct Committer {
    shared: Arc<Shared>,
    /// Callers send, the committing thread receives; it ends when this is dropped.
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    durability: Durability,
    files: AtomicU64,
    file_systems: AtomicU64,
    directories: AtomicU64,
    /// The flush that failed, if one has.
    failed: OnceLock<Failed>,
}

#[derive(Debug)]
struct Failed {
    path: PathBuf,
    kind: io::ErrorKind,
    message: String,
}

#[derive(Debug)]
struct Request {
    changes: Vec<Change>,
    publisher: Publisher,
}

impl Committer {
    pub(super) fn start(
        dir: &Path,
        directories: Directories,
        durability: Durability,
    ) -> Result<Self, BlobError> {
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            durability,
            files: AtomicU64::new(0),
            file_systems: AtomicU64::new(0),
            directories: AtomicU64::new(0),
            failed: OnceLock::new(),
        });
        let (requests, waiting) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new()
            .name("blob-committer".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.serve(&directories, &waiting)
            })
            .map_err(|error| BlobError::at(dir, error))?;
        Ok(Self { shared, requests: Some(requests), thread: Some(thread) })
    }

    pub(super) fn flushes(&self) -> Flushes {
        Flushes {
            files: self.shared.files.load(Ordering::Relaxed),
            file_systems: self.shared.file_systems.load(Ordering::Relaxed),
            directories: self.shared.directories.load(Ordering::Relaxed),
        }
    }

    pub(super) fn begin_publishing(&self, changes: Vec<Change>) -> Publishing {
        let (publisher, publishing) = Publishing::begun();
        let requests = self.requests.as_ref().expect("it is taken only by drop");
        if let Err(unsent) = requests.send(Request { changes, publisher }) {
            let gone = io::Error::other("the committing thread has ended");
            unsent.0.publisher.end(Err(BlobError::at(&self.shared.dir, gone)));
        }
        publishing
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committing thread panicked");
        }
    }
}

impl Shared {
    fn serve(&self, directories: &Directories, waiting: &Receiver<Request>) {
        while let Ok(first) = waiting.recv() {
            let group = gather(first, waiting);
            self.commit(directories, group);
        }
    }

    /// Forces the files of one group, renames them, forces their directories, then ends each of its publications.
    fn commit(&self, directories: &Directories, group: Vec<Request>) {
        self.flushed(self.force_files(directories, &group));
        let mut touched = BTreeSet::new();
        let mut made = Vec::with_capacity(group.len());
        for Request { changes, publisher } in group {
            let result = self.refuse_after_failure().and_then(|()| self.make(changes, &mut touched));
            made.push((publisher, result));
        }
        self.flushed(self.force_directories(directories, touched));
        for (publisher, result) in made {
            publisher.end(result.and_then(|()| self.refuse_after_failure()));
        }
    }

    fn force_files(&self, directories: &Directories, group: &[Request]) -> Result<(), BlobError> {
        if self.durability == Durability::Process || self.failed.get().is_some() {
            return Ok(());
        }
        let changes = group.iter().flat_map(|request| &request.changes);
        let blobs: Vec<&StagedBlob> = changes
            .filter_map(|change| match change {
                Change::Staged(blob) => Some(blob),
                Change::Renamed { .. } => None,
            })
            .collect();
        if blobs.len() > FEW_FILES
            && let Some(file_systems) = directories.file_systems(blobs.iter().map(|blob| blob.name.kind))
        {
            return file_systems.iter().try_for_each(|file_system| {
                self.file_systems.fetch_add(1, Ordering::Relaxed);
                file_system.force()
            });
        }
        self.force_each(&blobs)
    }

    fn force_each(&self, blobs: &[&StagedBlob]) -> Result<(), BlobError> {
        let force = |blob: &&StagedBlob| {
            self.files.fetch_add(1, Ordering::Relaxed);
            blob.file.sync_data().map_err(|error| BlobError::at(&blob.path, error))
        };
        if blobs.len() <= FEW_FILES {
            return blobs.iter().try_for_each(force);
        }
        thread::scope(|scope| {
            let share = blobs.len().div_ceil(THREADS_MAX);
            let threads: Vec<_> = blobs
                .chunks(share)
                .map(|part| scope.spawn(move || part.iter().try_for_each(force)))
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("forcing a file does not panic"))
        })
    }

    fn force_directories(
        &self,
        directories: &Directories,
        touched: BTreeSet<BlobKind>,
    ) -> Result<(), BlobError> {
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Power => touched.into_iter().try_for_each(|kind| {
                self.directories.fetch_add(1, Ordering::Relaxed);
                directories.force(kind)
            }),
        }
    }

    fn make(&self, changes: Vec<Change>, touched: &mut BTreeSet<BlobKind>) -> Result<(), BlobError> {
        changes.into_iter().try_for_each(|change| match change {
            Change::Staged(mut blob) => {
                let to = self.dir.join(blob.name.relative_path());
                fs::rename(&blob.path, to).map_err(|error| BlobError::at(&blob.path, error))?;
                blob.kept = Kept::Yes;
                touched.insert(blob.name.kind);
                Ok(())
            }
            Change::Renamed { from, to } => {
                let old = self.dir.join(from.relative_path());
                fs::rename(&old, self.dir.join(to.relative_path()))
                    .map_err(|error| BlobError::at(&old, error))?;
                touched.extend([from.kind, to.kind]);
                Ok(())
            }
        })
    }

    /// Remembers the first flush that failed.
    fn flushed(&self, result: Result<(), BlobError>) {
        if let Err(error) = result {
            self.failed.get_or_init(|| Failed::of(&error));
            tracing::error!(%error, "a flush failed; nothing more is published");
        }
    }

    fn refuse_after_failure(&self) -> Result<(), BlobError> {
        self.failed.get().map_or(Ok(()), |failed| Err(failed.refusal()))
    }
}

impl Failed {
    fn of(error: &BlobError) -> Self {
        let (path, kind) = match error {
            BlobError::DiskFull { path, source } | BlobError::Io { path, source } => (path, source.kind()),
            BlobError::NotFound(path) | BlobError::Busy(path) | BlobError::TooLarge { path, .. } => {
                (path, io::ErrorKind::Other)
            }
        };
        Self { path: path.clone(), kind, message: error.to_string() }
    }

    /// Of the same kind as the failure, so that a full disk is still told as one.
    fn refusal(&self) -> BlobError {
        let message = format!(
            "a flush failed ({}), so nothing more is published: look after the disk and start again",
            self.message
        );
        BlobError::at(&self.path, io::Error::new(self.kind, message))
    }
}

fn gather(first: Request, waiting: &Receiver<Request>) -> Vec<Request> {
    let mut changes = first.changes.len();
    let mut group = vec![first];
    while changes < GROUP_MAX
        && let Ok(request) = waiting.try_recv()
    {
        changes += request.changes.len();
        group.push(request);
    }
    group
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Commits one request a blob, all in one group, as if their callers had waited together.
    pub(in crate::local) fn publish_as_one_group(committer: &Committer, dir: &Path, blobs: Vec<StagedBlob>) {
        let directories = Directories::open(dir, Durability::Power).expect("they are there");
        let (requests, waiting) = sync_channel(blobs.len());
        let publishings: Vec<_> = blobs
            .into_iter()
            .map(|blob| {
                let (publisher, publishing) = Publishing::begun();
                let changes = vec![Change::Staged(blob)];
                requests.send(Request { changes, publisher }).expect("there is room");
                publishing
            })
            .collect();
        drop(requests);
        committer.shared.serve(&directories, &waiting);
        for publishing in publishings {
            publishing.wait().expect("the group is committed");
        }
    }
}
