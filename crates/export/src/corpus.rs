//! The documents of a corpus, one after the other in order of their ids: so an export is the same whatever order they came
//! in. Of each only what is being written is held, of all of them the ids.

use std::io::{BufRead, BufReader, Read};

use corpus::{meta::Meta, records::RECORD_BYTES_MAX, stats::Stats};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{bibliography::Bibliography, error::ExportError};

const BUFFER_BYTES: usize = 256 << 10;

/// What becomes of documents that have the text of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// They are exported too, and marked where the form has a place for that.
    Marked,
    /// They are left out.
    LeftOut,
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Documents that are done.
    pub done: u64,
    /// All of them.
    pub of: u64,
}

/// Is told how far it is.
pub type Watch<'w> = dyn Fn(Step) + 'w;

/// The documents that are stored.
pub struct Corpus<'c> {
    blobs: &'c dyn BlobStore,
    documents: Vec<DocumentId>,
    duplicates: Duplicates,
    watch: &'c Watch<'c>,
}

/// How many documents went into an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Those that are in it.
    pub documents: u64,
    /// Those that were left out, for they have the text of another.
    pub duplicates_left_out: u64,
    /// Those of which there are no counts of their text: not processed yet. None where the form needs no counts.
    pub not_processed: u64,
}

impl<'c> Corpus<'c> {
    /// The documents that are stored now.
    ///
    /// # Errors
    /// Where they cannot be listed.
    pub fn open(
        blobs: &'c dyn BlobStore,
        duplicates: Duplicates,
        watch: &'c Watch<'c>,
    ) -> Result<Self, BlobError> {
        // A text is complete when its meta is there.
        Ok(Self { blobs, documents: blobs.list(BlobKind::Meta)?, duplicates, watch })
    }

    /// Who is told how far it is.
    pub const fn watch(&self) -> &Watch<'c> {
        self.watch
    }

    /// Shows each document to `take`, in order of ids.
    pub(crate) fn each(
        &self,
        mut take: impl FnMut(&Document<'_>) -> Result<(), ExportError>,
    ) -> Result<Seen, ExportError> {
        let mut seen = Seen::default();
        let of = self.documents.len() as u64;
        for (number, id) in self.documents.iter().enumerate() {
            let document = Document::read(self.blobs, id)?;
            if self.duplicates == Duplicates::LeftOut && document.meta.duplicate_of.is_some() {
                seen.duplicates_left_out += 1;
            } else {
                seen.documents += 1;
                take(&document)?;
            }
            (self.watch)(Step { done: number as u64 + 1, of });
        }
        Ok(seen)
    }

    /// Shows each document that was processed, with its measures; the others are counted.
    pub(crate) fn each_processed(
        &self,
        mut take: impl FnMut(&Document<'_>, &WordStats) -> Result<(), ExportError>,
    ) -> Result<Seen, ExportError> {
        let mut not_processed = 0;
        let seen = self.each(|document| match document.stats()? {
            Some(stats) => take(document, &stats),
            None => {
                not_processed += 1;
                Ok(())
            }
        })?;
        Ok(Seen { documents: seen.documents - not_processed, not_processed, ..seen })
    }
}

/// The stats of a document, with the measures that exports contain.
pub(crate) type WordStats = Stats<WordCounts>;

/// The measures that exports contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct WordCounts {
    pub(crate) words: u64,
    pub(crate) distinct_words: u64,
}

/// A document that is being exported.
pub(crate) struct Document<'c> {
    blobs: &'c dyn BlobStore,
    pub(crate) meta: Meta,
}

impl<'c> Document<'c> {
    fn read(blobs: &'c dyn BlobStore, id: &DocumentId) -> Result<Self, ExportError> {
        let name = BlobName::new(BlobKind::Meta, id.clone());
        let meta: Meta = record(blobs, &name)?;
        if meta.document != *id {
            let why = format!("it is the meta of '{}'", meta.document);
            return Err(ExportError::damaged(name.relative_path(), why));
        }
        Ok(Self { blobs, meta })
    }

    pub(crate) fn id(&self) -> &DocumentId {
        &self.meta.document
    }

    pub(crate) fn bibliography(&self) -> Bibliography<'_> {
        Bibliography(&self.meta)
    }

    /// Shows its text to `take`, part by part. It ends well only where it is the text that the meta tells of.
    pub(crate) fn text(
        &self,
        mut take: impl FnMut(&[u8]) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let name = self.name(BlobKind::Text);
        let hashing = Hashing { from: self.blobs.open(&name)?, hasher: blake3::Hasher::new() };
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, hashing);
        loop {
            let part = reader.fill_buf().map_err(|source| BlobError::at(&name.relative_path(), source))?;
            let count = part.len();
            if count == 0 {
                break;
            }
            take(part)?;
            reader.consume(count);
        }
        reader.into_inner().check(&name, &self.meta.text.blake3)
    }

    /// Its measures; none where its text was not processed yet.
    pub(crate) fn stats(&self) -> Result<Option<WordStats>, ExportError> {
        let stats: WordStats = match record(self.blobs, &self.name(BlobKind::Stats)) {
            Err(ExportError::Blob(BlobError::NotFound(_))) => return Ok(None),
            read => read?,
        };
        Ok((stats.text_blake3 == self.meta.text.blake3).then_some(stats))
    }

    /// Shows its tokens to `take`, each with how often it occurs: most frequent first.
    pub(crate) fn counts(
        &self,
        stats: &WordStats,
        mut take: impl FnMut(&str, u64) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let name = self.name(BlobKind::Counts);
        self.lines(&name, &stats.outputs.counts.blake3, |number, line| {
            // A token may contain a TAB: the last one counts.
            let (token, n) = line
                .rsplit_once('\t')
                .and_then(|(token, n)| Some((token, n.parse().ok()?)))
                .ok_or_else(|| {
                    ExportError::damaged(
                        name.relative_path(),
                        format!("line {number} is no token, TAB and number"),
                    )
                })?;
            take(token, n)
        })
    }

    /// Shows its tokens to `take`, in order of the text.
    pub(crate) fn tokens(
        &self,
        stats: &WordStats,
        mut take: impl FnMut(&str) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.lines(&self.name(BlobKind::Tokens), &stats.outputs.tokens.blake3, |_, line| take(line))
    }

    /// Passes the lines of a blob that has this hash to `take`.
    fn lines(
        &self,
        name: &BlobName,
        blake3: &str,
        mut take: impl FnMut(u64, &str) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let damaged = |why: String| ExportError::damaged(name.relative_path(), why);
        let hashing = Hashing { from: self.blobs.open(name)?, hasher: blake3::Hasher::new() };
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, hashing);
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            number += 1;
            let read = reader.read_until(b'\n', &mut line);
            if read.map_err(|source| BlobError::at(&name.relative_path(), source))? == 0 {
                break;
            }
            let text = str::from_utf8(&line).ok().and_then(|line| line.strip_suffix('\n'));
            take(number, text.ok_or_else(|| damaged(format!("line {number} is not UTF-8 or has no end")))?)?;
        }
        reader.into_inner().check(name, blake3)
    }

    fn name(&self, kind: BlobKind) -> BlobName {
        BlobName::new(kind, self.id().clone())
    }
}

fn record<T: DeserializeOwned>(blobs: &dyn BlobStore, name: &BlobName) -> Result<T, ExportError> {
    let bytes = blobs.read(name, RECORD_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| ExportError::damaged(name.relative_path(), error))
}

/// Hashes what is read.
struct Hashing<R> {
    from: R,
    hasher: blake3::Hasher,
}

impl<R> Hashing<R> {
    /// Whether all that was read is what was published under this name.
    fn check(&self, name: &BlobName, blake3: &str) -> Result<(), ExportError> {
        let is_same = self.hasher.finalize().to_hex().eq_ignore_ascii_case(blake3);
        let changed = || ExportError::damaged(name.relative_path(), "it has changed since it was written");
        if is_same { Ok(()) } else { Err(changed()) }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
