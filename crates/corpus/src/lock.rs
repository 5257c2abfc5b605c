//! `corpus.lock`: the contents of a corpus, down to their hashes.
//!
//! Disk form, JSON Lines: a head with the settings that the results depend on; a line for each document that
//! has gone through all stages, in order of ids; a seal with their number and the root hash, by which a
//! truncated lock is detected. The same texts with the same settings give the same lines, except for the URL
//! that a text came from, and the version.
//!
//! The *root* is the BLAKE3 of all results: of each document the id, the hashes of raw bytes, text, tokens
//! and counts, and the encoding. It is the same on every machine, whatever the threads, the order, and the
//! mirrors.

mod compare;
mod error;
mod expected;
mod file;

use std::path::{Path, PathBuf};

use flow::{
    blobs::{BlobError, BlobKind, BlobStore},
    document::DocumentId,
};
use serde::{Deserialize, Serialize};

use self::{
    compare::compare,
    file::{LockReader, write},
};
pub use self::{
    compare::{Difference, DifferenceKind},
    error::LockError,
    expected::ExpectedLock,
};
use crate::{
    boilerplate::Strip,
    fingerprint::Fingerprint,
    meta::Meta,
    records,
    stats::{self, ProcessorIdentity, Stats},
};

/// The version of the disk form.
const FORM: u32 = 1;

/// Returns the path of the lock of a run directory.
#[must_use]
pub fn path_in(run: &Path) -> PathBuf {
    run.join("corpus.lock")
}

/// The first line of a lock: the settings that results depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHead {
    /// The version of the disk form.
    lock: u32,
    /// The version of juggle that wrote it.
    juggle: String,
    strip: Strip,
    processor: ProcessorIdentity,
}

impl LockHead {
    /// Creates the head for a run with these settings.
    #[must_use]
    pub fn new(strip: Strip, processor: ProcessorIdentity) -> Self {
        Self { lock: FORM, juggle: env!("CARGO_PKG_VERSION").to_owned(), strip, processor }
    }

    /// Returns how the results of a run with another head would differ, for people.
    fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.strip != now.strip {
            found.push(format!("--strip is {} in the lock file, {} in this run", self.strip, now.strip));
        }
        if self.processor != now.processor {
            let name = |ProcessorIdentity { name, version, parameters }: &ProcessorIdentity| {
                format!("{name} {version} {parameters:?}")
            };
            let (locked, now) = (name(&self.processor), name(&now.processor));
            found.push(format!("texts are tokenised by {locked} in the lock file, by {now} in this run"));
        }
        found
    }
}

/// A line of a lock: a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LockedDocument {
    id: DocumentId,
    /// The URL that answered.
    url: String,
    raw: Fingerprint,
    text: Fingerprint,
    /// The encoding that was used.
    encoding: String,
    /// The BLAKE3 hash of the tokens.
    tokens: String,
    /// The BLAKE3 hash of the counts.
    counts: String,
}

/// The last line of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    documents: u64,
    root: String,
}

/// Computes the root of documents that are added in order of their ids.
#[derive(Default)]
struct RootHasher {
    hasher: blake3::Hasher,
    documents: u64,
}

impl RootHasher {
    fn add(&mut self, one: &LockedDocument) {
        self.documents += 1;
        // The URL is left out, because the same bytes may come from any mirror.
        let hashes = [&one.raw.blake3, &one.text.blake3, &one.encoding, &one.tokens, &one.counts];
        for word in std::iter::once(one.id.as_str()).chain(hashes.map(String::as_str)) {
            self.hasher.update(word.as_bytes());
            // No word contains a line end, so different words cannot give the same bytes.
            self.hasher.update(b"\n");
        }
    }

    fn seal(&self) -> Seal {
        Seal { documents: self.documents, root: self.hasher.finalize().to_hex().to_string() }
    }
}

/// The state of a corpus at the end of a run, as its lock records it.
#[derive(Debug, Clone, Serialize)]
pub struct LockReport {
    /// The lock that was written or compared.
    pub path: PathBuf,
    /// The number of documents that have gone through all stages.
    pub documents: u64,
    /// The root hash of the corpus.
    pub root: String,
    /// The differences from the lock that the run had to match. `None` if the lock was written.
    pub differences: Option<Vec<Difference>>,
}

/// Writes the lock of a run directory. Blocking.
///
/// # Errors
/// [`LockError::Blob`] if the store cannot be read, [`LockError::Write`] if the lock cannot be written.
pub fn record(run: &Path, head: &LockHead, blobs: &dyn BlobStore) -> Result<LockReport, LockError> {
    let path = path_in(run);
    let Seal { documents, root } = write(&path, head, documents(blobs, &head.processor)?)?;
    Ok(LockReport { path, documents, root, differences: None })
}

/// Returns the documents of a store that have gone through all stages, in order of their ids.
fn documents<'s>(
    blobs: &'s dyn BlobStore,
    processor: &'s ProcessorIdentity,
) -> Result<impl Iterator<Item = Result<LockedDocument, LockError>> + use<'s>, LockError> {
    let all = blobs.list(BlobKind::Meta)?;
    let locked = |document: DocumentId| locked_document(blobs, processor, &document);
    Ok(records::read_ahead(all, locked).filter_map(|locked| locked.map_err(Into::into).transpose()))
}

/// Returns the line of a document. Returns `None` if its results do not exist, or are of another text or
/// processor.
fn locked_document(
    blobs: &dyn BlobStore,
    processor: &ProcessorIdentity,
    document: &DocumentId,
) -> Result<Option<LockedDocument>, BlobError> {
    // An unreadable meta is damage, which verifying reports and repairs.
    let Some(meta) = Meta::read(blobs, document)? else { return Ok(None) };
    let is_current = |stats: &Stats| stats.text_blake3 == meta.text.blake3 && stats.processor == *processor;
    let stats = stats::read(blobs, document)?.filter(is_current);
    Ok(stats.map(|Stats { outputs, .. }| LockedDocument {
        id: meta.document,
        url: meta.final_url,
        raw: Fingerprint { bytes: meta.raw.bytes, blake3: meta.raw.blake3 },
        text: Fingerprint { bytes: meta.text.bytes, blake3: meta.text.blake3 },
        encoding: meta.encoding.used,
        tokens: outputs.tokens.blake3,
        counts: outputs.counts.blake3,
    }))
}
