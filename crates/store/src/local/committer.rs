//! Group commit: what many publish at once costs few flushes.
//!
//! One thread takes all that is waiting, forces the files, renames, forces each touched directory once, and ends every
//! publication of the group. Nothing is delayed for the sake of a larger group: while one group is being forced, the
//! next one gathers. How files are forced is for [`Directories`] to say: all of a group in one call where the file
//! system can, else each by itself, several at a time.

use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
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
    publish_op::{self, OtherForm, PublishOp},
};

/// The most steps in one group, but for those of its last publication.
const GROUP_MAX: usize = 2048;
/// The most publications that wait in the channel; whoever begins further ones waits to get in.
const WAITING_MAX: usize = 1024;
/// The most threads that force the files of one group.
const THREADS_MAX: usize = 8;
/// So many files are forced each by itself, though the file system could be forced as a whole: that costs less, and does
/// not wait for what others have written there.
const FEW_FILES: usize = 2;
/// So many directories are forced each by itself; more, those of a sharded run directory, as a whole where that can be.
const FEW_DIRECTORIES: usize = 16;

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
    places: BlobPaths,
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
    condition: MachineFailure,
    message: String,
}

#[derive(Debug)]
struct Request {
    steps: Vec<PublishOp>,
    publisher: Publisher,
}

/// A publication whose files have their names.
struct Made {
    publisher: Publisher,
    result: Result<(), BlobError>,
    /// What is removed when all of it is durable.
    removed: Vec<BlobName>,
}

impl Committer {
    pub(super) fn start(
        places: BlobPaths,
        directories: Directories,
        durability: Durability,
    ) -> Result<Self, BlobError> {
        let dir = places.dir().to_owned();
        let shared = Arc::new(Shared {
            places,
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
                let mut directories = directories;
                move || shared.serve(&mut directories, &waiting)
            })
            .map_err(|error| BlobError::at(&dir, error))?;
        Ok(Self { shared, requests: Some(requests), thread: Some(thread) })
    }

    pub(super) fn flushes(&self) -> SyncCounts {
        SyncCounts {
            files: self.shared.files.load(Ordering::Relaxed),
            file_systems: self.shared.file_systems.load(Ordering::Relaxed),
            directories: self.shared.directories.load(Ordering::Relaxed),
        }
    }

    pub(super) fn begin_publishing(&self, steps: Vec<PublishOp>) -> Publishing {
        let (publisher, publishing) = Publishing::begun();
        let requests = self.requests.as_ref().expect("it is taken only by drop");
        if let Err(unsent) = requests.send(Request { steps, publisher }) {
            let gone = io::Error::other("the committing thread has ended");
            unsent.0.publisher.end(Err(BlobError::at(self.shared.places.dir(), gone)));
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
    fn serve(&self, directories: &mut Directories, waiting: &Receiver<Request>) {
        while let Ok(first) = waiting.recv() {
            let group = gather(first, waiting);
            self.commit(directories, group);
        }
    }

    /// Forces the files of one group, renames them, forces their directories, then removes what is replaced and ends each
    /// of its publications.
    fn commit(&self, directories: &mut Directories, group: Vec<Request>) {
        self.flushed(self.force_files(directories, &group));
        let mut touched = BTreeSet::new();
        let make = |Request { steps, publisher }| {
            let removed = removed(&steps);
            let result =
                self.refuse_after_failure().and_then(|()| self.make(directories, steps, &mut touched));
            Made { publisher, result, removed }
        };
        let made: Vec<Made> = group.into_iter().map(make).collect();
        self.flushed(self.force_directories(directories, touched));
        for Made { publisher, result, removed } in made {
            let remove = || removed.iter().try_for_each(|name| publish_op::remove(&self.places, name));
            publisher.end(result.and_then(|()| self.refuse_after_failure()).and_then(|()| remove()));
        }
    }

    fn force_files(&self, directories: &Directories, group: &[Request]) -> Result<(), BlobError> {
        if self.durability == Durability::Process || self.failed.get().is_some() {
            return Ok(());
        }
        let steps = group.iter().flat_map(|request| &request.steps);
        let blobs: Vec<&StagedBlob> = steps
            .filter_map(|step| match step {
                PublishOp::Place(blob, _) => Some(blob),
                PublishOp::Rename { .. } | PublishOp::Remove(_) | PublishOp::Refuse(_) => None,
            })
            .collect();
        if blobs.len() > FEW_FILES
            && let Some(forced) = self.force_as_a_whole(directories, blobs.iter().map(|blob| blob.name.kind))
        {
            return forced;
        }
        self.force_each(&blobs)
    }

    /// Forces the file systems on which these kinds lie; none where that is not as good as forcing each file.
    fn force_as_a_whole(
        &self,
        directories: &Directories,
        kinds: impl Iterator<Item = BlobKind>,
    ) -> Option<Result<(), BlobError>> {
        let file_systems = directories.file_systems(kinds)?;
        Some(file_systems.iter().try_for_each(|file_system| {
            self.file_systems.fetch_add(1, Ordering::Relaxed);
            file_system.force()
        }))
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
        directories: &mut Directories,
        touched: BTreeSet<BlobDirectory>,
    ) -> Result<(), BlobError> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        let touched = directories.with_above(touched);
        if touched.len() > FEW_DIRECTORIES
            && let Some(forced) = self.force_as_a_whole(directories, touched.iter().map(|shelf| shelf.kind))
        {
            forced?;
        } else {
            touched.iter().try_for_each(|shelf| {
                self.directories.fetch_add(1, Ordering::Relaxed);
                directories.force(*shelf, &self.places)
            })?;
        }
        directories.are_forced(touched);
        Ok(())
    }

    fn make(
        &self,
        directories: &Directories,
        steps: Vec<PublishOp>,
        touched: &mut BTreeSet<BlobDirectory>,
    ) -> Result<(), BlobError> {
        steps.into_iter().try_for_each(|step| {
            let made = step.make(&self.places)?;
            touched.extend(made.touched);
            made.other.map_or(Ok(()), |other| self.remove_other(directories, &other))
        })
    }

    /// Removes the form that a blob had until now, if it was another. The name of the new one is forced first, or a power cut
    /// could take both.
    fn remove_other(&self, directories: &Directories, other: &OtherForm) -> Result<(), BlobError> {
        if fs::symlink_metadata(&other.path).is_err() {
            return Ok(());
        }
        if self.durability == Durability::Power {
            self.directories.fetch_add(1, Ordering::Relaxed);
            self.flushed(directories.force(other.shelf, &self.places));
            self.refuse_after_failure()?;
        }
        publish_op::remove_file(&other.path)
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
        // Data that cannot be flushed is lost, whatever error the system returns.
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
            "a flush failed ({}), so nothing more is published: look after the disk and start again",
            self.message
        );
        BlobError::machine(&self.path, self.condition, io::Error::other(message))
    }
}

fn removed(steps: &[PublishOp]) -> Vec<BlobName> {
    let removed = steps.iter().filter_map(|step| match step {
        PublishOp::Remove(name) => Some(name.clone()),
        PublishOp::Place(..) | PublishOp::Rename { .. } | PublishOp::Refuse(_) => None,
    });
    removed.collect()
}

fn gather(first: Request, waiting: &Receiver<Request>) -> Vec<Request> {
    let mut steps = first.steps.len();
    let mut group = vec![first];
    while steps < GROUP_MAX
        && let Ok(request) = waiting.try_recv()
    {
        steps += request.steps.len();
        group.push(request);
    }
    group
}

#[cfg(test)]
pub(super) mod testing {
    use super::{super::publish_op::BlobForm, *};

    /// Commits one request a blob, all in one group, as if their callers had waited together.
    pub(in crate::local) fn publish_as_one_group(committer: &Committer, blobs: Vec<StagedBlob>) {
        let places = &committer.shared.places;
        let mut directories = Directories::open(places, Durability::Power).expect("they are there");
        let (requests, waiting) = sync_channel(blobs.len());
        let publishings: Vec<_> = blobs
            .into_iter()
            .map(|blob| {
                let (publisher, publishing) = Publishing::begun();
                let steps = vec![PublishOp::Place(blob, BlobForm::Plain)];
                requests.send(Request { steps, publisher }).expect("there is room");
                publishing
            })
            .collect();
        drop(requests);
        committer.shared.serve(&mut directories, &waiting);
        for publishing in publishings {
            publishing.wait().expect("the group is committed");
        }
    }
}
