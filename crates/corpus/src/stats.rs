//! `stats/ID.json`: the measures of a document, and what they were computed from.
//!
//! The record names the text by its hash, the processor with all parameters that influence its results, and
//! the other results by length and hash. So it proves by itself that all results of the document exist and
//! are up to date, in whatever order a crash let them reach the disk. If its checksum does not match
//! ([`flow::record`]), the results count as missing.
//!
//! It is a stored format: a field may be added, but never renamed or given another meaning.

use std::collections::BTreeMap;

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    payload::ProcessJob,
};
use serde::{Deserialize, Serialize};

use crate::{fingerprint::Fingerprint, records};

/// The record. `M` holds the measures, whose fields stand between `processor` and `outputs`. The order of the
/// fields is that in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats<M = Unmeasured> {
    /// The id of the document.
    pub document: DocumentId,
    /// The BLAKE3 hash of the text that was processed, as 64 hex digits.
    pub text_blake3: String,
    /// The processor that made the results.
    pub processor: ProcessorIdentity,
    /// The measures.
    #[serde(flatten)]
    pub measures: M,
    /// The other results.
    pub outputs: Outputs,
}

/// Stands for the measures if they are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Unmeasured {}

/// The other results of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// The file in `tokens/`.
    pub tokens: Fingerprint,
    /// The file in `counts/`.
    pub counts: Fingerprint,
}

/// Identifies the processor that made a result. Two processors with equal identities make the same bytes from
/// the same text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessorIdentity {
    /// Its name.
    pub name: String,
    /// Increases with every change that may change a result.
    pub version: u32,
    /// The other things that influence the result. Threads and chunks do not.
    pub parameters: BTreeMap<String, String>,
}

impl ProcessorIdentity {
    /// Creates an identity without parameters.
    #[must_use]
    pub fn new(name: &str, version: u32) -> Self {
        Self { name: name.to_owned(), version, parameters: BTreeMap::new() }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, parameter: &str, value: impl ToString) -> Self {
        self.parameters.insert(parameter.to_owned(), value.to_string());
        self
    }
}

impl Outputs {
    /// Reads the results and returns whether they are as they were made.
    fn match_blobs(&self, blobs: &dyn BlobStore, document: &DocumentId) -> Result<bool, BlobError> {
        let name = |kind| BlobName::new(kind, document.clone());
        Ok(self.counts.matches(blobs, &name(BlobKind::Counts))?
            && self.tokens.matches(blobs, &name(BlobKind::Tokens))?)
    }
}

/// Reads the stats of a document, without the measures. Returns `None` if they are missing, cannot be parsed,
/// or do not match their checksum.
///
/// # Errors
/// Returns the errors of [`BlobStore::read`], except [`BlobError::NotFound`] and [`BlobError::TooLarge`].
pub fn read(blobs: &dyn BlobStore, document: &DocumentId) -> Result<Option<Stats>, BlobError> {
    records::read_verified(blobs, BlobKind::Stats, document)
}

/// Reads the stats of the text that a job names. Returns `None` also if they are of another text.
///
/// # Errors
/// Returns the errors of [`read`].
pub fn of_job(blobs: &dyn BlobStore, job: &ProcessJob) -> Result<Option<Stats>, BlobError> {
    Ok(read(blobs, &job.document)?.filter(|stats| stats.text_blake3 == job.text_blake3))
}

/// Reads all results of a job and returns whether this processor made them and they are as they were made.
///
/// # Errors
/// Returns the errors of [`read`] and of [`Fingerprint::matches`].
pub fn is_current(
    blobs: &dyn BlobStore,
    job: &ProcessJob,
    identity: &ProcessorIdentity,
) -> Result<bool, BlobError> {
    match of_job(blobs, job)? {
        Some(stats) if stats.processor == *identity => stats.outputs.match_blobs(blobs, &job.document),
        Some(_) | None => Ok(false),
    }
}

/// Reads all results of a job and returns whether they are as some processor made them.
///
/// # Errors
/// Returns the errors of [`read`] and of [`Fingerprint::matches`].
pub fn is_whole(blobs: &dyn BlobStore, job: &ProcessJob) -> Result<bool, BlobError> {
    of_job(blobs, job)?.map_or(Ok(false), |stats| stats.outputs.match_blobs(blobs, &job.document))
}

/// Returns whether all results of a job exist with their lengths, whatever processor made them. Reads only
/// the stats.
///
/// # Errors
/// Returns the errors of [`read`] and of [`BlobStore::len`].
pub fn is_complete(blobs: &dyn BlobStore, job: &ProcessJob) -> Result<bool, BlobError> {
    let Some(Stats { outputs, .. }) = of_job(blobs, job)? else { return Ok(false) };
    let length = |kind| blobs.len(&BlobName::new(kind, job.document.clone()));
    Ok(length(BlobKind::Counts)? == Some(outputs.counts.bytes)
        && length(BlobKind::Tokens)? == Some(outputs.tokens.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Measures {
        words: u64,
        type_token_ratio: f64,
    }

    fn stats() -> Stats<Measures> {
        let fingerprint = |bytes, digits: &str| Fingerprint { bytes, blake3: digits.repeat(32) };
        Stats {
            document: "PG84".parse().unwrap(),
            text_blake3: "00".repeat(32),
            processor: ProcessorIdentity::new("uax29", 2).with("case", "lower"),
            measures: Measures { words: 3, type_token_ratio: 0.666_667 },
            outputs: Outputs { tokens: fingerprint(12, "11"), counts: fingerprint(9, "22") },
        }
    }

    #[test]
    fn the_stored_bytes_of_stats_do_not_change() {
        let golden = include_str!("golden/stats.json");
        assert_eq!(String::from_utf8(flow::record::to_bytes(&stats()).unwrap()).unwrap(), golden);
        assert_eq!(serde_json::from_str::<Stats<Measures>>(golden).unwrap(), stats());
    }

    #[test]
    fn stats_are_read_whatever_was_measured() {
        let read: Stats = serde_json::from_str(include_str!("golden/stats.json")).unwrap();
        assert_eq!((read.processor, read.outputs), (stats().processor, stats().outputs));
    }
}
