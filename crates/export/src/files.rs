//! `files/`: the files of each document, in directories and under names as in a run directory with the layout
//! `flat`.
//!
//! The files are the blobs of another store, to which those of a document are published together. So a file
//! has its final name only when it is complete, and a document that is damaged changes nothing. At the end
//! the files of other documents and of kinds that are not asked for are removed: they are of an earlier
//! export, and may differ from this corpus.

use std::{collections::VecDeque, io::Write, path::Path};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publishing, StagedBlob},
    document::DocumentId,
};

use crate::{
    corpus::{Corpus, Document, DocumentTotals, WordStats},
    error::ExportError,
    report::{ExportReport, WrittenFile},
};

/// The name of the directory of the files.
pub const DIRECTORY: &str = "files";

/// The kinds of files that a finished corpus has, in the order in which they are published and reported.
pub const KINDS: [BlobKind; 7] = {
    let [_spool, kinds @ ..] = BlobKind::IN_ORDER;
    kinds
};
/// The number of documents that are being published at the same time.
const PUBLISHING_MAX: usize = 64;

/// Writes the files of these kinds to `files`, the store in the directory `path`. Reports the directory of
/// each kind, with the number of its files and their bytes.
///
/// # Errors
/// Returns [`ExportError::Blob`] or [`ExportError::Damaged`] if a blob cannot be read, and
/// [`ExportError::Blob`] if a file cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    kinds: &[BlobKind],
    files: &dyn BlobStore,
    path: &Path,
) -> Result<ExportReport, ExportError> {
    let kinds: Vec<BlobKind> = KINDS.into_iter().filter(|kind| kinds.contains(kind)).collect();
    let mut writer = FilesWriter::new(&kinds, files, path);
    let (mut not_processed, mut raw_dropped) = (0, 0);
    let mut exported = Vec::new();
    let totals = corpus.for_each(|document| {
        let stats = if kinds.iter().any(|kind| is_result(*kind)) { document.read_stats()? } else { None };
        not_processed += u64::from(stats.is_none());
        raw_dropped += u64::from(!document.meta.raw.fate.is_kept());
        exported.push(document.id().clone());
        writer.write(document, stats.as_ref())
    })?;
    writer.finish(&exported)?;
    let count = |is_asked_for, number| if is_asked_for { number } else { 0 };
    Ok(ExportReport {
        files: writer.written,
        totals: DocumentTotals {
            not_processed: count(kinds.iter().any(|kind| is_result(*kind)), not_processed),
            raw_dropped: count(kinds.contains(&BlobKind::Raw), raw_dropped),
            ..totals
        },
    })
}

const fn is_result(kind: BlobKind) -> bool {
    matches!(kind, BlobKind::Tokens | BlobKind::Counts | BlobKind::Stats)
}

/// Writes documents to a store.
struct FilesWriter<'f> {
    files: &'f dyn BlobStore,
    kinds: &'f [BlobKind],
    /// One entry for each of `kinds`.
    written: Vec<WrittenFile>,
    publishing: VecDeque<Publishing>,
}

impl<'f> FilesWriter<'f> {
    fn new(kinds: &'f [BlobKind], files: &'f dyn BlobStore, path: &Path) -> Self {
        let nothing = |kind: &BlobKind| WrittenFile { path: path.join(kind.directory()), bytes: 0, rows: 0 };
        let written = kinds.iter().map(nothing).collect();
        Self { files, kinds, written, publishing: VecDeque::new() }
    }

    /// Begins to publish the files of a document.
    fn write(&mut self, document: &Document<'_>, stats: Option<&WordStats>) -> Result<(), ExportError> {
        let mut changes = Vec::new();
        for (kind, written) in self.kinds.iter().zip(&mut self.written) {
            let Some(expected) = Expected::of(document, stats, *kind) else {
                // An earlier export may have had it.
                changes.push(Change::Removed(document.blob_name(*kind)));
                continue;
            };
            let (staged, bytes) = stage(self.files, document, *kind, expected)?;
            changes.push(Change::Staged(staged));
            written.rows += 1;
            written.bytes += bytes;
        }
        self.publishing.push_back(self.files.begin_publishing(changes));
        if self.publishing.len() >= PUBLISHING_MAX
            && let Some(first) = self.publishing.pop_front()
        {
            first.wait()?;
        }
        Ok(())
    }

    /// Waits until everything is published, then removes all files that are not of this export. `exported`
    /// are its documents, in order.
    fn finish(&mut self, exported: &[DocumentId]) -> Result<(), ExportError> {
        self.publishing.drain(..).try_for_each(Publishing::wait)?;
        for kind in BlobKind::ALL {
            let is_asked_for = self.kinds.contains(&kind);
            let is_other = |id: &DocumentId| !is_asked_for || exported.binary_search(id).is_err();
            for id in self.files.list(kind)?.into_iter().filter(is_other) {
                self.files.remove(&BlobName::new(kind, id))?;
            }
        }
        Ok(())
    }
}

/// The proof that a blob is as it was published.
enum Expected<'d> {
    /// It has this BLAKE3.
    Hash(&'d str),
    /// It is a record, which contains its own checksum.
    Checksum,
}

impl<'d> Expected<'d> {
    /// Returns `None` if the document has no such blob.
    fn of(document: &'d Document<'_>, stats: Option<&'d WordStats>, kind: BlobKind) -> Option<Self> {
        let meta = &document.meta;
        match kind {
            BlobKind::Spool => None,
            BlobKind::Raw => meta.raw.fate.is_kept().then_some(Self::Hash(&meta.raw.blake3)),
            BlobKind::Text => Some(Self::Hash(&meta.text.blake3)),
            BlobKind::Meta | BlobKind::Arrival => Some(Self::Checksum),
            BlobKind::Tokens => stats.map(|stats| Self::Hash(&stats.outputs.tokens.blake3)),
            BlobKind::Counts => stats.map(|stats| Self::Hash(&stats.outputs.counts.blake3)),
            BlobKind::Stats => stats.map(|_| Self::Checksum),
        }
    }
}

/// Stages a copy of a blob and returns its length.
fn stage(
    files: &dyn BlobStore,
    document: &Document<'_>,
    kind: BlobKind,
    expected: Expected<'_>,
) -> Result<(StagedBlob, u64), ExportError> {
    let name = document.blob_name(kind);
    match expected {
        Expected::Checksum => {
            let bytes = document.read_record(kind)?;
            let length = bytes.len() as u64;
            Ok((StagedBlob::with_bytes(name, bytes), length))
        }
        Expected::Hash(blake3) => {
            let (mut staged, mut length) = (files.stage(&name)?, 0);
            document.read_blob(kind, blake3, |part| {
                length += part.len() as u64;
                staged.write_all(part).map_err(|error| BlobError::at(&name.relative_path(), error).into())
            })?;
            Ok((staged, length))
        }
    }
}
