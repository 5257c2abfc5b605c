//! The contract of the blob store, which holds the files of documents.
//!
//! A blob is first *staged*: written where no reader finds it. Then it is *published*: made durable, and
//! after that visible, as a whole. Every implementation guarantees the following, and
//! `testing::blob_contract` checks it:
//!
//! 1. A publication ends with `Ok` only after all of its changes are durable and visible. They are made in
//!    the given order. A reader sees the old blob or the new one, and never a part of one.
//! 2. Staged bytes are invisible to `open`, `len` and `list`. Those of [`stage`](BlobStore::stage) are
//!    removed with the value. Those of [`resume`](BlobStore::resume) stay and can be resumed, even after a
//!    crash.
//! 3. After a failed write to the medium, nothing is reported as durable.

mod error;
mod staged;

use std::{
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
};

use tokio::sync::oneshot;

pub use self::{
    error::BlobError,
    staged::{Kept, StagedBlob, StagedBytes, StagedFile},
};
use crate::document::DocumentId;

/// The kind of a blob's content. Each kind has a directory in the run directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobKind {
    /// The received bytes, on their way from fetch to store.
    Spool,
    /// The received bytes.
    Raw,
    /// The text: UTF-8, LF, without boilerplate.
    Text,
    /// Metadata of the text. The same bytes from the same source give the same metadata.
    Meta,
    /// The times and attempts of the download. They differ from run to run.
    Arrival,
    /// The tokens, one per line.
    Tokens,
    /// The different tokens with their counts.
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

    /// All kinds, in the order in which stages publish them. A document with a meta is complete.
    pub const IN_ORDER: [Self; 8] = [
        Self::Spool,
        Self::Raw,
        Self::Text,
        Self::Arrival,
        Self::Meta,
        Self::Tokens,
        Self::Counts,
        Self::Stats,
    ];

    /// Returns the directory, relative to the run directory.
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

    /// Returns the end of the file name, after the document id.
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

/// The name of a blob: a kind and a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName {
    /// The kind of content.
    pub kind: BlobKind,
    /// The document.
    pub document: DocumentId,
}

impl BlobName {
    /// Creates the name of a document's blob of a kind.
    #[must_use]
    pub const fn new(kind: BlobKind, document: DocumentId) -> Self {
        Self { kind, document }
    }

    /// Returns the file name, for example `PG84_text.txt`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}{}", self.document, self.kind.suffix())
    }

    /// Returns the path relative to the run directory, for example `text/PG84_text.txt`.
    #[must_use]
    pub fn relative_path(&self) -> PathBuf {
        Path::new(self.kind.directory()).join(self.file_name())
    }
}

/// One step of a publication.
#[derive(Debug)]
pub enum Change {
    /// Makes staged bytes visible. They replace an earlier blob of the same name.
    Staged(StagedBlob),
    /// Renames a published blob without copying it. If both names are the same, the blob stays as it is and
    /// is made durable, even if another process published it.
    Renamed {
        /// The present name. If there is no such blob, the publication fails with [`BlobError::NotFound`] and
        /// skips the changes after this one, even if an earlier publication has renamed the blob to `to`.
        from: BlobName,
        /// The new name.
        to: BlobName,
    },
    /// Removes a published blob after all other changes of the publication are durable. The removal itself is
    /// not durable: after power loss the blob may exist again. A missing blob is no error.
    Removed(BlobName),
}

/// A publication in progress. It continues if this value is dropped.
#[derive(Debug)]
#[must_use = "nothing is durable before the publication has ended"]
pub struct Publishing(oneshot::Receiver<Result<(), BlobError>>);

/// Takes the result of a publication, once. It is called by the thread that ends the publication, so it must
/// not block. If the publication is abandoned, it is dropped.
pub struct Publisher(Box<dyn FnOnce(Result<(), BlobError>) + Send>);

impl Publishing {
    /// Creates a publication in progress, and the value that ends it.
    pub fn begun() -> (Publisher, Self) {
        let (ended, publishing) = oneshot::channel();
        let publisher = Publisher::new(move |result| {
            // The caller may have been cancelled. The publication does not depend on it.
            if ended.send(result).is_err() {
                tracing::debug!("no caller waits for this publication any more");
            }
        });
        (publisher, Self(publishing))
    }

    /// Blocks the thread until the publication has ended.
    ///
    /// # Errors
    /// Returns the error of the change that failed.
    pub fn wait(mut self) -> Result<(), BlobError> {
        match self.0.try_recv() {
            // `blocking_recv` panics in async code, so a publication that has ended is not waited for.
            Err(oneshot::error::TryRecvError::Empty) => {
                self.0.blocking_recv().unwrap_or_else(|_| Err(given_up()))
            }
            ended => ended.unwrap_or_else(|_| Err(given_up())),
        }
    }

    /// Waits until the publication has ended.
    ///
    /// # Errors
    /// Returns the error of the change that failed.
    pub async fn end(self) -> Result<(), BlobError> {
        self.0.await.unwrap_or_else(|_| Err(given_up()))
    }
}

impl Publisher {
    /// Returns the publisher that passes the result to `end`.
    pub fn new(end: impl FnOnce(Result<(), BlobError>) + Send + 'static) -> Self {
        Self(Box::new(end))
    }

    /// Ends the publication.
    pub fn end(self, result: Result<(), BlobError>) {
        (self.0)(result);
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Publisher")
    }
}

fn given_up() -> BlobError {
    BlobError::at(Path::new("."), io::Error::other("the publication was abandoned"))
}

/// A blob store. Its methods block, so async code calls them in a blocking task, if they do not say
/// otherwise.
///
/// Every method fails with [`BlobError::DiskFull`] or [`BlobError::Machine`] if the machine is the cause, and
/// with [`BlobError::Io`] for other errors of the operating system.
pub trait BlobStore: Send + Sync + 'static {
    /// Begins a new blob.
    ///
    /// # Errors
    /// Only those of the [trait](Self).
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError>;

    /// Continues the blob that was staged under this name by an earlier `resume` of any process, or begins
    /// it.
    ///
    /// # Errors
    /// [`BlobError::Busy`] if another writer of any process holds it.
    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError>;

    /// Begins to publish: staged bytes become durable, then all changes visible. Publications at the same
    /// time share their cost, so a caller with many of them begins the next before the first has ended. If
    /// all changes are blobs of [`BlobKind::Spool`] in memory, nothing is read or written before it returns,
    /// so async code may call it.
    fn begin_publishing(&self, changes: Vec<Change>) -> Publishing {
        let (publisher, publishing) = Publishing::begun();
        self.publish_for(changes, publisher);
        publishing
    }

    /// Does the same as [`begin_publishing`](Self::begin_publishing), and passes the result to `publisher`.
    fn publish_for(&self, changes: Vec<Change>, publisher: Publisher);

    /// Publishes blobs and waits until they are durable. They replace earlier blobs of the same names.
    ///
    /// # Errors
    /// Only those of the [trait](Self).
    fn publish(&self, blobs: Vec<StagedBlob>) -> Result<(), BlobError> {
        self.begin_publishing(blobs.into_iter().map(Change::Staged).collect()).wait()
    }

    /// Renames a published blob durably, without copying it.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] if there is no blob `from`.
    fn rename(&self, from: &BlobName, to: &BlobName) -> Result<(), BlobError> {
        let change = Change::Renamed { from: from.clone(), to: to.clone() };
        self.begin_publishing(vec![change]).wait()
    }

    /// Opens a published blob for reading.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] if there is no such blob; [`BlobError::Damaged`] if it is not as it was
    /// published.
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError>;

    /// Returns the length of a published blob in bytes. Returns `None` if there is no such blob, or if it is
    /// damaged and its length is unknown.
    ///
    /// # Errors
    /// Only those of the [trait](Self).
    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError>;

    /// Removes a published blob. A missing blob is no error.
    ///
    /// # Errors
    /// Only those of the [trait](Self).
    fn remove(&self, name: &BlobName) -> Result<(), BlobError>;

    /// Lets two published blobs with the same bytes share their room on the disk, and returns whether it did.
    /// A store may not be able to. Readers see no change. Neither blob may be published at the same time.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] if one of the blobs does not exist.
    fn share(&self, _original: &BlobName, _copy: &BlobName) -> Result<bool, BlobError> {
        Ok(false)
    }

    /// Returns the documents that have a published blob of a kind, in the order of their ids.
    ///
    /// # Errors
    /// Only those of the [trait](Self).
    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError>;

    /// Reads a published blob and returns its length and hash. Returns `None` if there is no such blob.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] if the blob is not as it was published.
    fn digest(&self, name: &BlobName) -> Result<Option<Digest>, BlobError> {
        let mut blob = match self.open(name) {
            // A missing blob is an answer here, not an error: callers ask whether it is there.
            Err(BlobError::NotFound(_)) => return Ok(None),
            opened => opened?,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut blob).map_err(|source| BlobError::at(&name.relative_path(), source))?;
        Ok(Some(Digest { bytes: hasher.count(), blake3: hasher.finalize() }))
    }

    /// Reads a small published blob.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open), and [`BlobError::TooLarge`] if it has more than `bytes_max` bytes.
    fn read(&self, name: &BlobName, bytes_max: u64) -> Result<Vec<u8>, BlobError> {
        let mut bytes = Vec::new();
        self.open(name)?
            // One byte more shows that the blob is too large.
            .take(bytes_max + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| BlobError::at(&name.relative_path(), source))?;
        if bytes.len() as u64 > bytes_max {
            return Err(BlobError::TooLarge { path: name.relative_path(), bytes_max });
        }
        Ok(bytes)
    }
}

/// The length and hash of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// The length in bytes.
    pub bytes: u64,
    /// The BLAKE3 of the bytes.
    pub blake3: blake3::Hash,
}
