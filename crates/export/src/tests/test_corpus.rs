//! A corpus in memory, made of texts.

use std::{collections::BTreeMap, fs, path::PathBuf};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    document::DocumentId,
    record,
    testing::memory_blobs::MemoryBlobs,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    corpus::{Corpus, Duplicates},
    directory::ExportDirectory,
    error::ExportError,
    report::ExportReport,
};

/// The time at which all texts were received.
const ARRIVED_AT: &str = "2026-11-22T08:15:31.123Z";

/// A corpus in memory, and a directory to export to.
pub(super) struct TestCorpus {
    pub(super) blobs: MemoryBlobs,
    place: TempDir,
}

impl TestCorpus {
    pub(super) fn new() -> Self {
        Self { blobs: MemoryBlobs::default(), place: tempfile::tempdir().unwrap() }
    }

    /// Creates a corpus of three documents: `b` has the text of `a`, and `c` has not been processed.
    pub(super) fn of_three() -> Self {
        let corpus = Self::new();
        // Not in order of ids: an export must sort them.
        corpus.put("b", "the cat\nthe dog", &json!({ "duplicate_of": "a" }));
        corpus.process("b", "the cat\nthe dog");
        corpus.put(
            "a",
            "the cat\nthe dog",
            &json!({ "title": "One, \"two\"\nthree", "language": "English" }),
        );
        corpus.process("a", "the cat\nthe dog");
        corpus.put("c", "a bird\n", &json!({ "author": "Doe" }));
        corpus
    }

    /// Stores a text that was downloaded as it is. The fields in `more` replace those of its meta.
    pub(super) fn put(&self, id: &str, text: &str, more: &Value) {
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        let mut meta = json!({
            "document": id,
            "url": format!("https://books.example/{id}.txt"),
            "final_url": format!("https://mirror.example/{id}.txt"),
            "content_type": "text/plain", "charset": null, "etag": null, "last_modified": null,
            "raw": { "bytes": text.len(), "blake3": hash },
            "text": { "bytes": text.len(), "blake3": hash, "lines": 1 },
            "encoding": { "used": "UTF-8", "bom": false, "replacements": 0 },
            "title": null, "author": null, "language": null, "release_date": null,
            "cuts": [], "listed": {}, "duplicate_of": null,
        });
        for (key, value) in more.as_object().unwrap() {
            meta[key] = value.clone();
        }
        let arrival = json!({ "at": ARRIVED_AT, "took_ms": 500, "attempts": 1, "status": 200 });
        self.blobs.put(name(BlobKind::Raw, id), text.as_bytes());
        self.blobs.put(name(BlobKind::Arrival, id), &record::to_bytes(&arrival).unwrap());
        self.blobs.put(name(BlobKind::Text, id), text.as_bytes());
        self.blobs.put(name(BlobKind::Meta, id), meta.to_string().as_bytes());
    }

    /// Stores the tokens, counts and stats of a text whose words are separated by spaces and line feeds.
    pub(super) fn process(&self, id: &str, text: &str) {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        let words: Vec<&str> = text.split([' ', '\n']).filter(|word| !word.is_empty()).collect();
        for word in &words {
            *counts.entry(word).or_default() += 1;
        }
        let mut ranked: Vec<_> = counts.into_iter().collect();
        // By descending count, then by word, as in a file of counts.
        ranked.sort_by_key(|(word, n)| (u64::MAX - n, *word));
        let counts: String = ranked.iter().map(|(word, n)| format!("{word}\t{n}\n")).collect();
        let tokens: String = words.iter().map(|word| format!("{word}\n")).collect();
        let print = |text: &str| json!({ "bytes": text.len(), "blake3": blake3::hash(text.as_bytes()).to_hex().as_str() });
        let stats = json!({
            "document": id, "text_blake3": blake3::hash(text.as_bytes()).to_hex().as_str(),
            "processor": { "name": "spaces", "version": 1, "parameters": {} },
            "words": words.len(), "distinct_words": ranked.len(),
            "outputs": { "tokens": print(&tokens), "counts": print(&counts) },
        });
        self.blobs.put(name(BlobKind::Tokens, id), tokens.as_bytes());
        self.blobs.put(name(BlobKind::Counts, id), counts.as_bytes());
        self.blobs.put(name(BlobKind::Stats, id), stats.to_string().as_bytes());
    }

    pub(super) fn export(
        &self,
        duplicates: Duplicates,
        write: impl FnOnce(&Corpus<'_>, &ExportDirectory) -> Result<ExportReport, ExportError>,
    ) -> Result<ExportReport, ExportError> {
        let corpus = Corpus::open(&self.blobs, duplicates, &|_| {})?;
        write(&corpus, &ExportDirectory::open(self.place.path())?)
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.place.path().join(file)
    }

    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Returns the names in the export directory, in order.
    pub(super) fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.place.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Flips a bit of a blob.
    pub(super) fn damage(&self, kind: BlobKind, id: &str) {
        let mut bytes = self.blobs.read(&name(kind, id), 1 << 20).unwrap();
        bytes[0] ^= 1;
        self.blobs.put(name(kind, id), &bytes);
    }
}

pub(super) fn name(kind: BlobKind, id: &str) -> BlobName {
    BlobName::new(kind, id.parse::<DocumentId>().unwrap())
}
