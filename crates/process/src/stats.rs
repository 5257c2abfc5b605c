//! `stats/ID.json`: the measures of a document, and what they were computed from.
//!
//! It names the text by its hash, the processor with all that influences its results, and the other results by
//! length and hash. So it proves by itself that all results of the document are there and up to date, in whatever
//! order a crash let them reach the disk. If the stats are not as they were written ([`flow::record`]), the
//! results count as missing.

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    payload::ProcessJob,
    record::{self, Checksum},
};
use serde::{Deserialize, Serialize};

use crate::{document::output::Print, document::results::name, processor::Identity};

/// The largest `stats/` file that is read back.
const STATS_BYTES_MAX: u64 = 16 << 20;

/// All that the file says. The order of the fields is that in the file.
#[derive(Debug, Serialize)]
pub(crate) struct Stats<'a, M> {
    pub(crate) document: &'a DocumentId,
    pub(crate) text_blake3: &'a str,
    pub(crate) processor: &'a Identity,
    #[serde(flatten)]
    pub(crate) measures: M,
    pub(crate) outputs: Outputs,
}

/// The other results.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outputs {
    pub(crate) tokens: Print,
    pub(crate) counts: Print,
}

/// What of the file says whether the results are up to date.
#[derive(Debug, Deserialize)]
struct Stamp {
    text_blake3: String,
    processor: Identity,
    outputs: Outputs,
}

/// Whether all results of this job are published already: as they were made, to the byte.
///
/// # Errors
/// Where the blobs cannot be read.
pub fn is_current(blobs: &dyn BlobStore, job: &ProcessJob, identity: &Identity) -> Result<bool, BlobError> {
    match stamped(blobs, job)? {
        Some(stamp) if stamp.processor == *identity => stamp.outputs.are_whole(blobs, job),
        Some(_) | None => Ok(false),
    }
}

/// Whether all results of this job are there as they were made, to the byte, whatever processor made them.
///
/// # Errors
/// Where the blobs cannot be read.
pub fn are_whole(blobs: &dyn BlobStore, job: &ProcessJob) -> Result<bool, BlobError> {
    let Some(Stamp { outputs, .. }) = stamped(blobs, job)? else { return Ok(false) };
    outputs.are_whole(blobs, job)
}

/// Whether all results of this job are there by their lengths, whatever processor made them: nothing but `stats/` is read.
///
/// # Errors
/// Where the blobs cannot be looked at.
pub fn are_there(blobs: &dyn BlobStore, job: &ProcessJob) -> Result<bool, BlobError> {
    let Some(Stamp { outputs, .. }) = stamped(blobs, job)? else { return Ok(false) };
    Ok(blobs.len(&name(job, BlobKind::Counts))? == Some(outputs.counts.bytes())
        && blobs.len(&name(job, BlobKind::Tokens))? == Some(outputs.tokens.bytes()))
}

/// Whether this document has results of another processor.
///
/// # Errors
/// Where the blobs cannot be read.
pub fn is_of_another(
    blobs: &dyn BlobStore,
    document: &DocumentId,
    identity: &Identity,
) -> Result<bool, BlobError> {
    let stamp = stamp(blobs, &BlobName::new(BlobKind::Stats, document.clone()))?;
    Ok(stamp.is_some_and(|stamp| stamp.processor != *identity))
}

/// The hashes of a document's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    /// The BLAKE3 of the tokens, as 64 hex digits.
    pub tokens: String,
    /// That of the counts.
    pub counts: String,
}

/// The hashes of the results of this job, as `stats/` tells them; none where there are none of this text and processor.
///
/// # Errors
/// Where the blobs cannot be read.
pub fn hashes(
    blobs: &dyn BlobStore,
    job: &ProcessJob,
    identity: &Identity,
) -> Result<Option<Hashes>, BlobError> {
    let stamp = stamped(blobs, job)?.filter(|stamp| stamp.processor == *identity);
    Ok(stamp.map(|Stamp { outputs: Outputs { tokens, counts }, .. }| Hashes {
        tokens: tokens.into_blake3(),
        counts: counts.into_blake3(),
    }))
}

impl Outputs {
    fn are_whole(&self, blobs: &dyn BlobStore, job: &ProcessJob) -> Result<bool, BlobError> {
        Ok(self.counts.is_of(blobs, &name(job, BlobKind::Counts))?
            && self.tokens.is_of(blobs, &name(job, BlobKind::Tokens))?)
    }
}

/// What `stats/` tells of, where it is of this text.
fn stamped(blobs: &dyn BlobStore, job: &ProcessJob) -> Result<Option<Stamp>, BlobError> {
    let stamp = stamp(blobs, &name(job, BlobKind::Stats))?;
    Ok(stamp.filter(|stamp| stamp.text_blake3 == job.text_blake3))
}

fn stamp(blobs: &dyn BlobStore, name: &BlobName) -> Result<Option<Stamp>, BlobError> {
    match blobs.read(name, STATS_BYTES_MAX) {
        Ok(bytes) if record::checksum(&bytes) == Checksum::Differs => Ok(None),
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(BlobError::NotFound(_) | BlobError::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
