//! Group commit: what many threads publish at once costs one flush a directory.
//!
//! Each caller forces its own files, on its own thread; so they are forced in parallel. Then one thread takes all that
//! is waiting, renames, forces each touched directory once, and answers everyone. Nothing is delayed for the sake of a
//! larger group: while one group is being forced, the next one gathers.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TryIter, sync_channel},
    },
    thread::{self, JoinHandle},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, Kept, StagedBlob},
    durability::Durability,
};

use super::{Flushes, directories::Directories};

/// The most renames in one group.
const GROUP_MAX: usize = 512;
/// The most callers that wait in the channel; further ones wait to get in.
const WAITING_MAX: usize = 1024;
/// The most threads that force the files of one call.
const THREADS_MAX: usize = 8;

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
    moves: Vec<Move>,
    /// The committing thread answers once; the caller waits.
    reply: SyncSender<Result<(), BlobError>>,
}

/// One rename, and the directories it touches.
#[derive(Debug)]
struct Move {
    from: PathBuf,
    to: PathBuf,
    kinds: [BlobKind; 2],
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
            directories: self.shared.directories.load(Ordering::Relaxed),
        }
    }

    pub(super) fn publish(&self, mut blobs: Vec<StagedBlob>) -> Result<(), BlobError> {
        self.shared.refuse_after_failure()?;
        self.shared.sync_files(&blobs)?;
        let moves = blobs.iter().map(|blob| Move {
            from: blob.path.clone(),
            to: self.shared.dir.join(blob.name.relative_path()),
            kinds: [blob.name.kind; 2],
        });
        self.commit(moves.collect())?;
        for blob in &mut blobs {
            blob.kept = Kept::Yes;
        }
        Ok(())
    }

    pub(super) fn rename(&self, from: &BlobName, to: &BlobName) -> Result<(), BlobError> {
        self.commit(vec![Move {
            from: self.shared.dir.join(from.relative_path()),
            to: self.shared.dir.join(to.relative_path()),
            kinds: [from.kind, to.kind],
        }])
    }

    fn commit(&self, moves: Vec<Move>) -> Result<(), BlobError> {
        let (reply, answer) = sync_channel(1);
        let requests = self.requests.as_ref().expect("it is taken only by drop");
        let gone = || BlobError::at(&self.shared.dir, io::Error::other("the committing thread has ended"));
        requests.send(Request { moves, reply }).map_err(|_| gone())?;
        answer.recv().unwrap_or_else(|_| Err(gone()))
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
            let group = gather(first, waiting.try_iter());
            self.commit(directories, group);
        }
    }

    /// Renames and forces one group, then answers each of its callers.
    fn commit(&self, directories: &Directories, group: Vec<Request>) {
        let mut touched = BTreeSet::new();
        let mut answers = Vec::with_capacity(group.len());
        for Request { moves, reply } in group {
            let renamed = self.refuse_after_failure().and_then(|()| rename_all(&moves, &mut touched));
            answers.push((reply, renamed));
        }
        let forced = self.sync_directories(directories, touched);
        for (reply, renamed) in answers {
            let answer = match &forced {
                Ok(()) => renamed,
                Err(_) => renamed.and_then(|()| self.refuse_after_failure()),
            };
            // A caller waits until it is answered; if its thread is gone, nobody is left to tell.
            if reply.send(answer).is_err() {
                tracing::debug!("a caller went away before its blobs were published");
            }
        }
    }

    fn sync_directories(
        &self,
        directories: &Directories,
        touched: BTreeSet<BlobKind>,
    ) -> Result<(), BlobError> {
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Power => touched.into_iter().try_for_each(|kind| {
                self.directories.fetch_add(1, Ordering::Relaxed);
                self.flushed(directories.sync(kind))
            }),
        }
    }

    fn sync_files(&self, blobs: &[StagedBlob]) -> Result<(), BlobError> {
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Power if blobs.len() <= THREADS_MAX / 2 => {
                blobs.iter().try_for_each(|blob| self.sync_file(blob))
            }
            Durability::Power => thread::scope(|scope| {
                let share = blobs.len().div_ceil(THREADS_MAX);
                let threads: Vec<_> = blobs
                    .chunks(share)
                    .map(|part| scope.spawn(|| part.iter().try_for_each(|blob| self.sync_file(blob))))
                    .collect();
                threads
                    .into_iter()
                    .try_for_each(|thread| thread.join().expect("forcing a file does not panic"))
            }),
        }
    }

    fn sync_file(&self, blob: &StagedBlob) -> Result<(), BlobError> {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.flushed(blob.file.sync_data().map_err(|error| BlobError::at(&blob.path, error)))
    }

    /// Remembers the first flush that failed.
    fn flushed(&self, result: Result<(), BlobError>) -> Result<(), BlobError> {
        if let Err(error) = &result {
            self.failed.get_or_init(|| Failed::of(error));
            tracing::error!(%error, "a flush failed; nothing more is published");
        }
        result
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

fn gather(first: Request, waiting: TryIter<'_, Request>) -> Vec<Request> {
    let mut moves = first.moves.len();
    let mut group = vec![first];
    for request in waiting {
        moves += request.moves.len();
        group.push(request);
        if moves >= GROUP_MAX {
            break;
        }
    }
    group
}

fn rename_all(moves: &[Move], touched: &mut BTreeSet<BlobKind>) -> Result<(), BlobError> {
    moves.iter().try_for_each(|step| {
        fs::rename(&step.from, &step.to).map_err(|error| BlobError::at(&step.from, error))?;
        touched.extend(step.kinds);
        Ok(())
    })
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Commits one request a blob, all in one group, as if their callers had waited together.
    pub(in crate::local) fn publish_as_one_group(committer: &Committer, dir: &Path, blobs: Vec<StagedBlob>) {
        let directories = Directories::open(dir, Durability::Power).expect("they are there");
        let (requests, waiting) = sync_channel(blobs.len());
        let answers: Vec<_> = blobs
            .iter()
            .map(|blob| {
                let (reply, answer) = sync_channel(1);
                let to = dir.join(blob.name.relative_path());
                let moves = vec![Move { from: blob.path.clone(), to, kinds: [blob.name.kind; 2] }];
                requests.send(Request { moves, reply }).expect("there is room");
                answer
            })
            .collect();
        drop(requests);
        committer.shared.serve(&directories, &waiting);
        for answer in answers {
            answer.recv().expect("everyone is answered").expect("the group is committed");
        }
    }
}
