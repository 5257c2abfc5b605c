//! The records of the documents, and the search in them.

use std::{
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};

use corpus::meta::{Confidence, Meta};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    clock::Millis,
    document::DocumentId,
};
use serde::Serialize;

use crate::refusal::Refusal;

/// The age at which the records are read again for a search.
const INDEX_AGE_MS: Millis = 60_000;
/// The age at which the ids are listed again.
const IDS_AGE_MS: Millis = 3_000;
/// The length of the beginning of a text that is shown, in bytes and lines.
const EXCERPT_BYTES: u64 = 4 << 10;
const EXCERPT_LINES: usize = 40;

/// A stored document.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stored {
    /// Its record.
    pub(crate) meta: Meta,
    /// The first lines of its text.
    pub(crate) text_begins: Vec<String>,
}

impl Stored {
    /// Reads the record and the beginning of the text. Returns `None` if the document is not stored.
    pub(crate) fn read(blobs: &dyn BlobStore, document: &DocumentId) -> Result<Option<Self>, Refusal> {
        let Some(meta) = Meta::read(blobs, document).map_err(Refusal::fault)? else { return Ok(None) };
        let mut bytes = Vec::new();
        match blobs.open(&BlobName::new(BlobKind::Text, document.clone())) {
            Ok(text) => {
                text.take(EXCERPT_BYTES).read_to_end(&mut bytes).map_err(Refusal::fault)?;
            }
            // Between the record and the text the document may have been removed.
            Err(BlobError::NotFound(_)) => {}
            Err(error) => return Err(Refusal::fault(error)),
        }
        Ok(Some(Self { meta, text_begins: excerpt(&bytes) }))
    }
}

/// Returns the whole lines at the beginning, or a part of the first line if it is very long.
fn excerpt(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let is_cut = bytes.len() as u64 == EXCERPT_BYTES;
    let whole = match text.rfind('\n') {
        Some(end) if is_cut => &text[..end],
        // Cut within a character at most.
        _ if is_cut => text.trim_end_matches('\u{FFFD}'),
        _ => &text,
    };
    whole.lines().take(EXCERPT_LINES).map(str::to_owned).collect()
}

/// A document in a list.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: DocumentId,
    pub(crate) title: Box<str>,
    pub(crate) author: Box<str>,
    pub(crate) language: Box<str>,
    pub(crate) bytes: u64,
    pub(crate) is_doubtful: bool,
    pub(crate) is_duplicate: bool,
}

impl Entry {
    fn of(meta: &Meta) -> Self {
        let text = |field: &Option<String>| field.as_deref().unwrap_or_default().trim().into();
        Self {
            id: meta.document.clone(),
            title: text(&meta.title),
            author: text(&meta.author),
            language: text(&meta.language),
            bytes: meta.text.bytes,
            is_doubtful: meta.encoding.confidence == Some(Confidence::Doubtful),
            is_duplicate: meta.duplicate_of.is_some(),
        }
    }
}

/// A search.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// Letters in the id, title or author.
    pub(crate) words: String,
    pub(crate) language: String,
    pub(crate) only: Only,
    /// The id to begin after.
    pub(crate) after: Option<DocumentId>,
    pub(crate) limit: usize,
}

flow::choices! {
    /// A selection of documents.
    Only {
        /// All documents.
        #[default]
        All = "all",
        /// Those whose encoding is doubtful.
        Doubtful = "doubtful",
        /// Those with the text of another.
        Duplicates = "duplicates",
    }
}

impl Search {
    /// Returns whether records must be read for all documents.
    fn is_narrow(&self) -> bool {
        !self.words.is_empty() || !self.language.is_empty() || self.only != Only::All
    }

    fn takes(&self, entry: &Entry, words: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(words);
        let is_of = match self.only {
            Only::All => true,
            Only::Doubtful => entry.is_doubtful,
            Only::Duplicates => entry.is_duplicate,
        };
        is_of
            && (self.language.is_empty() || *entry.language == *self.language)
            && (words.is_empty() || has(entry.id.as_str()) || has(&entry.title) || has(&entry.author))
    }
}

/// The result of a search.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    /// The number of documents that match, on all pages.
    pub(crate) total: usize,
    /// The id to begin the next page after.
    pub(crate) next: Option<DocumentId>,
    /// The time at which the records were read.
    pub(crate) as_of_ms: Millis,
    /// The languages of all documents, once they are known.
    pub(crate) languages: Arc<[Box<str>]>,
}

/// The ids of all documents, and their records once somebody has searched.
#[derive(Clone, Default)]
pub(crate) struct DocumentIndex(Arc<Mutex<Index>>);

#[derive(Default)]
struct Index {
    ids: Option<(Millis, Arc<[DocumentId]>)>,
    entries: Option<(Millis, Arc<[Entry]>)>,
    languages: Arc<[Box<str>]>,
}

impl DocumentIndex {
    /// Searches. Blocking: the first search reads all records.
    pub(crate) fn find(
        &self,
        blobs: &dyn BlobStore,
        search: &Search,
        now_ms: Millis,
    ) -> Result<Found, Refusal> {
        // Held while reading, so that two searches do not read all records twice.
        let mut index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if search.is_narrow() {
            return index.narrow(blobs, search, now_ms);
        }
        let ids = index.ids(blobs, now_ms)?;
        let begin = search.after.as_ref().map_or(0, |after| ids.partition_point(|id| id <= after));
        let page = &ids[begin..ids.len().min(begin + search.limit)];
        let mut entries = Vec::new();
        for id in page {
            // A document without a record was removed in between, or verify says what is wrong with it.
            entries.extend(Meta::read(blobs, id).map_err(Refusal::fault)?.as_ref().map(Entry::of));
        }
        let next = (begin + page.len() < ids.len()).then(|| page.last().cloned()).flatten();
        let languages = Arc::clone(&index.languages);
        Ok(Found { entries, total: ids.len(), next, as_of_ms: now_ms, languages })
    }
}

impl Index {
    fn ids(&mut self, blobs: &dyn BlobStore, now_ms: Millis) -> Result<Arc<[DocumentId]>, Refusal> {
        if let Some((at_ms, ids)) = &self.ids
            && at_ms + IDS_AGE_MS > now_ms
        {
            return Ok(Arc::clone(ids));
        }
        let mut ids = blobs.list(BlobKind::Meta).map_err(Refusal::fault)?;
        ids.sort();
        let ids: Arc<[DocumentId]> = ids.into();
        self.ids = Some((now_ms, Arc::clone(&ids)));
        Ok(ids)
    }

    fn entries(&mut self, blobs: &dyn BlobStore, now_ms: Millis) -> Result<(Millis, Arc<[Entry]>), Refusal> {
        if let Some((at_ms, entries)) = &self.entries
            && at_ms + INDEX_AGE_MS > now_ms
        {
            return Ok((*at_ms, Arc::clone(entries)));
        }
        let mut entries = Vec::new();
        for id in &*self.ids(blobs, now_ms)? {
            entries.extend(Meta::read(blobs, id).map_err(Refusal::fault)?.as_ref().map(Entry::of));
        }
        let mut languages: Vec<Box<str>> = entries.iter().map(|entry| entry.language.clone()).collect();
        languages.sort();
        languages.dedup();
        languages.retain(|language| !language.is_empty());
        self.languages = languages.into();
        let entries: Arc<[Entry]> = entries.into();
        self.entries = Some((now_ms, Arc::clone(&entries)));
        Ok((now_ms, entries))
    }

    fn narrow(&mut self, blobs: &dyn BlobStore, search: &Search, now_ms: Millis) -> Result<Found, Refusal> {
        let (as_of_ms, all) = self.entries(blobs, now_ms)?;
        let words = search.words.to_lowercase();
        let found: Vec<&Entry> = all.iter().filter(|entry| search.takes(entry, &words)).collect();
        let begin =
            search.after.as_ref().map_or(0, |after| found.partition_point(|entry| entry.id <= *after));
        let page = &found[begin..found.len().min(begin + search.limit)];
        let is_last = begin + page.len() == found.len();
        Ok(Found {
            entries: page.iter().map(|entry| (*entry).clone()).collect(),
            total: found.len(),
            next: page.last().filter(|_| !is_last).map(|entry| entry.id.clone()),
            as_of_ms,
            languages: Arc::clone(&self.languages),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_has_whole_lines_and_whole_characters() {
        assert_eq!(excerpt(b"one\ntwo"), ["one", "two"]);
        let long = "é".repeat(5_000);
        let cut = excerpt(&long.as_bytes()[..4_096]);
        assert_eq!(cut[0].chars().count(), 2_048);
        let cut = excerpt(&[b"a".as_slice(), &long.as_bytes()[..4_095]].concat());
        assert!(cut[0].ends_with('é') && cut[0].chars().count() == 2_048);
        let lines = "line\n".repeat(1_000);
        assert_eq!(excerpt(&lines.as_bytes()[..4_096]).len(), EXCERPT_LINES);
        assert_eq!(excerpt(&["x\n".as_bytes(), &[b'y'; 4_094]].concat()), ["x"]);
    }
}
