//! The contract of the place where bytes live.
//!
//! A blob is written under a name that nobody sees (*staged*), then *published*: durable first, visible second, whole
//! or not at all. What every implementation guarantees (and `testing::blob_contract` checks):
//!
//! 1. A publication ends with `Ok` only when all its changes are durable and visible, made in the order given. A reader
//!    sees the old blob or the new one, never a part.
//! 2. Staged bytes are invisible to `open`, `len` and `list`. Those from [`stage`](BlobStore::stage) go away with the
//!    value; those from [`resume`](BlobStore::resume) stay and can be resumed, after a crash too.
//! 3. After a failed write to the medium, nothing is reported durable.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use tokio::sync::oneshot;

use crate::{document::DocumentId, machine::MachineFailure};

/// What a blob holds; its directory in the run directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobKind {
    /// Bytes as received, on their way from fetch to store.
    Spool,
    /// Bytes as received, kept.
    Raw,
    /// The text: UTF-8, LF, without boilerplate.
    Text,
    /// What is known of the text. The same for the same bytes and source.
    Meta,
    /// When and how the text came: times, attempts. Differs from run to run.
    Arrival,
    /// The tokens, one a line.
    Tokens,
    /// Tokens and how often they occur.
    Counts,
    /// Measures of the text.
    Stats,
}

impl BlobKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Spool,
        Self::Raw,
        Self::Text,
        Self::Meta,
        Self::Arrival,
        Self::Tokens,
        Self::Counts,
        Self::Stats,
    ];

    /// The directory in the run directory.
    #[must_use]
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Spool => "spool",
            Self::Raw => "raw",
            Self::Text => "text",
            Self::Meta => "meta",
            Self::Arrival => "logs/arrival",
            Self::Tokens => "tokens",
            Self::Counts => "counts",
            Self::Stats => "stats",
        }
    }

    /// What follows the document id in the file name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Spool => ".spool",
            Self::Raw => "_raw.txt",
            Self::Text => "_text.txt",
            Self::Meta | Self::Arrival | Self::Stats => ".json",
            Self::Tokens => "_tokens.txt",
            Self::Counts => "_counts.txt",
        }
    }
}

/// Names a blob: a kind and a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName {
    /// What it holds.
    pub kind: BlobKind,
    /// Of which text.
    pub document: DocumentId,
}

impl BlobName {
    /// The name of this document's blob of this kind.
    #[must_use]
    pub const fn new(kind: BlobKind, document: DocumentId) -> Self {
        Self { kind, document }
    }

    /// `PG84_text.txt`
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}{}", self.document, self.kind.suffix())
    }

    /// `text/PG84_text.txt`
    #[must_use]
    pub fn relative_path(&self) -> PathBuf {
        Path::new(self.kind.directory()).join(self.file_name())
    }
}

/// A blob being written, which nobody sees. Staging is always on a local file system.
#[derive(Debug)]
pub struct StagedBlob {
    /// The name it will be published under.
    pub name: BlobName,
    /// Where it is being written.
    pub path: PathBuf,
    /// Open for reading and writing; positioned at its end.
    pub file: File,
    /// Whether the bytes stay when the value is dropped.
    pub kept: Kept,
}

/// Whether staged bytes outlive the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// They go away with it.
    No,
    /// They stay, to be resumed.
    Yes,
}

impl Drop for StagedBlob {
    fn drop(&mut self) {
        if self.kept == Kept::No
            && let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "failed to remove a temporary file");
        }
    }
}

/// One step of a publication.
#[derive(Debug)]
pub enum Change {
    /// Staged bytes become visible, replacing an earlier blob of the same name.
    Staged(StagedBlob),
    /// Published bytes get another name, without being copied; the old name is gone. Where both are the same, the bytes stay
    /// as they are, and are durable under it from then on, whoever published them.
    Renamed {
        /// The name they have. Where it is not there, the publication ends with [`BlobError::NotFound`], even if an
        /// earlier one has made `to` of it; the changes after this one are not made.
        from: BlobName,
        /// The name they get.
        to: BlobName,
    },
    /// A published blob is removed once everything else of its publication is durable. That is not durable by itself: after
    /// power loss the blob may be there again. One that is not there is no error.
    Removed(BlobName),
}

/// A publication under way. It goes on if this is dropped.
#[derive(Debug)]
#[must_use = "nothing is known to be durable before this has ended"]
pub struct Publishing(oneshot::Receiver<Result<(), BlobError>>);

/// Ends a publication; dropped, it ends it as one that failed.
#[derive(Debug)]
pub struct Publisher(oneshot::Sender<Result<(), BlobError>>);

impl Publishing {
    /// One that has not ended, and what ends it.
    pub fn begun() -> (Publisher, Self) {
        let (publisher, publishing) = oneshot::channel();
        (Publisher(publisher), Self(publishing))
    }

    /// One that has ended.
    pub fn ended(result: Result<(), BlobError>) -> Self {
        let (publisher, publishing) = Self::begun();
        publisher.end(result);
        publishing
    }

    /// Waits for its end, on a thread that may block.
    ///
    /// # Errors
    /// Why it failed.
    pub fn wait(mut self) -> Result<(), BlobError> {
        match self.0.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => {
                self.0.blocking_recv().unwrap_or_else(|_| Err(given_up()))
            }
            ended => ended.unwrap_or_else(|_| Err(given_up())),
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn end(self) -> Result<(), BlobError> {
        self.0.await.unwrap_or_else(|_| Err(given_up()))
    }
}

impl Publisher {
    /// Ends it.
    pub fn end(self, result: Result<(), BlobError>) {
        if self.0.send(result).is_err() {
            tracing::debug!("nobody waits any more for blobs that were published");
        }
    }
}

fn given_up() -> BlobError {
    BlobError::at(Path::new("."), io::Error::other("the publication was given up"))
}

/// The place where bytes live. Blocking: async code calls it through a blocking task.
pub trait BlobStore: Send + Sync + 'static {
    /// Begins a new blob.
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError>;

    /// Goes on with the blob that was staged under this name by `resume` before, in this process or another; else begins
    /// it.
    ///
    /// # Errors
    /// [`BlobError::Busy`] while another writer, in any process, holds it.
    fn resume(&self, name: &BlobName) -> Result<StagedBlob, BlobError>;

    /// Begins to make staged bytes durable, then all changes visible. Many publications at once share the cost, so whoever
    /// has many to make begins the next ones before the first has ended.
    fn begin_publishing(&self, changes: Vec<Change>) -> Publishing;

    /// Makes the blobs durable, then visible, replacing earlier ones of the same names.
    fn publish(&self, blobs: Vec<StagedBlob>) -> Result<(), BlobError> {
        self.begin_publishing(blobs.into_iter().map(Change::Staged).collect()).wait()
    }

    /// Gives published bytes another name, durably, without copying them. The old name is gone.
    fn rename(&self, from: &BlobName, to: &BlobName) -> Result<(), BlobError> {
        let change = Change::Renamed { from: from.clone(), to: to.clone() };
        self.begin_publishing(vec![change]).wait()
    }

    /// Reads a published blob from its beginning.
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError>;

    /// The length of a published blob in bytes; none where there is none, or it is damaged so that nobody can say.
    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError>;

    /// Removes a published blob. One that is not there is no error.
    fn remove(&self, name: &BlobName) -> Result<(), BlobError>;

    /// Sees to it that a published blob which has the same bytes as another takes no room of its own, where the store can do
    /// that. Gives whether it did; nothing changes for readers. Neither may be published meanwhile.
    fn share(&self, _original: &BlobName, _copy: &BlobName) -> Result<bool, BlobError> {
        Ok(false)
    }

    /// The documents that have a published blob of this kind, in order of their ids.
    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError>;

    /// Length and hash of a published blob, which is read for it; none where there is none.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] where it cannot be read as what it is.
    fn digest(&self, name: &BlobName) -> Result<Option<Digest>, BlobError> {
        let mut blob = match self.open(name) {
            Err(BlobError::NotFound(_)) => return Ok(None),
            opened => opened?,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut blob).map_err(|source| BlobError::at(&name.relative_path(), source))?;
        Ok(Some(Digest { bytes: hasher.count(), blake3: hasher.finalize() }))
    }

    /// The whole of a small published blob.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] where it has more than `bytes_max` bytes.
    fn read(&self, name: &BlobName, bytes_max: u64) -> Result<Vec<u8>, BlobError> {
        let mut bytes = Vec::new();
        self.open(name)?
            .take(bytes_max + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| BlobError::at(&name.relative_path(), source))?;
        if bytes.len() as u64 > bytes_max {
            return Err(BlobError::TooLarge { path: name.relative_path(), bytes_max });
        }
        Ok(bytes)
    }
}

/// Length and hash of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// How many bytes it has.
    pub bytes: u64,
    /// Their BLAKE3.
    pub blake3: blake3::Hash,
}

/// Why bytes could not be read or written, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob.
    #[error("'{}' is not there", .0.display())]
    NotFound(PathBuf),
    /// Another writer has it; try again later.
    #[error("another process is writing '{}'", .0.display())]
    Busy(PathBuf),
    /// Make room on the disk; nothing was published.
    #[error("no room on the disk for '{}'", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A blob that should be small is not.
    #[error("'{}' is over {bytes_max} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// What lies there is not what was published; it can be made anew.
    #[error("'{}' is damaged: {source}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The machine cannot go on, for example because the disk fails, too many files are open, or a permission
    /// is missing. Nothing was published, and no document is the cause.
    #[error("'{}': {condition} ({source})", path.display())]
    Machine {
        /// The path of the blob or directory.
        path: PathBuf,
        /// The condition of the machine. Never [`MachineFailure::DiskFull`], which is
        /// [`BlobError::DiskFull`].
        condition: MachineFailure,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Anything else the system says.
    #[error("'{}': {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl BlobError {
    /// The error for what the system said about a path.
    #[must_use]
    pub fn at(path: &Path, source: io::Error) -> Self {
        match (MachineFailure::from_own_io(&source), source.kind()) {
            (Some(condition), _) => Self::machine(path, condition, source),
            (None, io::ErrorKind::NotFound) => Self::NotFound(path.to_owned()),
            (None, io::ErrorKind::InvalidData) => Self::Damaged { path: path.to_owned(), source },
            (None, _) => Self::Io { path: path.to_owned(), source },
        }
    }

    /// Creates the error for a condition of the machine that occurred at a path.
    #[must_use]
    pub fn machine(path: &Path, condition: MachineFailure, source: io::Error) -> Self {
        let path = path.to_owned();
        match condition {
            MachineFailure::DiskFull => Self::DiskFull { path, source },
            MachineFailure::TooManyFiles
            | MachineFailure::OutOfMemory
            | MachineFailure::ReadOnly
            | MachineFailure::NoPermission
            | MachineFailure::Disk => Self::Machine { path, condition, source },
        }
    }
}
