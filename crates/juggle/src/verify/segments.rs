//! Damage to segments in the result of `juggle verify`.

use std::collections::BTreeSet;

use blob_store::{
    packed::{SegmentDamage, SegmentPart},
    run_blobs::RunBlobs,
};
use flow::blobs::BlobError;
use serde::Serialize;

use crate::{
    exit::CliError,
    output::{Out, counted},
};

/// A damaged part of a segment or of its index log.
#[derive(Debug, Serialize)]
pub(super) struct DamagedPart {
    /// The path of the file below the run directory.
    file: String,
    offset: u64,
    part: SegmentPart,
    /// The document whose file is in the damaged record.
    document: Option<String>,
    #[serde(skip)]
    text: String,
}

impl From<&SegmentDamage> for DamagedPart {
    fn from(damage: &SegmentDamage) -> Self {
        Self {
            file: damage.file.display().to_string(),
            offset: damage.offset,
            part: damage.part,
            document: damage.blob.as_ref().map(|blob| blob.document.to_string()),
            text: damage.to_string(),
        }
    }
}

/// Removes the damage in files with contents of documents that have pending jobs. These files are healed when
/// the documents have been repaired.
pub(super) fn without_pending(damage: &mut Vec<SegmentDamage>, pending: &BTreeSet<String>) {
    let waits = |one: &&SegmentDamage| one.part == SegmentPart::Content && is_of(one, pending);
    let waiting: BTreeSet<_> = damage.iter().filter(waits).map(|one| one.file.clone()).collect();
    damage.retain(|one| !waiting.contains(&one.file));
}

fn is_of(damage: &SegmentDamage, documents: &BTreeSet<String>) -> bool {
    damage.blob.as_ref().is_some_and(|blob| documents.contains(blob.document.as_str()))
}

/// Heals segments, and returns the damage that is left and that no document in `repaired` explains.
pub(super) fn heal(
    blobs: &RunBlobs,
    damage: &[SegmentDamage],
    repaired: &BTreeSet<String>,
) -> Result<Vec<SegmentDamage>, BlobError> {
    if damage.is_empty() {
        return Ok(Vec::new());
    }
    blobs.heal(damage)?;
    let mut left = blobs.check()?;
    without_pending(&mut left, repaired);
    Ok(left)
}

/// Prints damaged parts, at most `named_max` of them.
pub(super) fn print(damaged: &[DamagedPart], named_max: usize, out: &Out) -> Result<(), CliError> {
    damaged.iter().take(named_max).try_for_each(|one| out.line(&format!("  {}", one.text)))?;
    if damaged.len() > named_max {
        out.line(&format!("  … {} in segments", counted(damaged.len() as u64, "damaged part")))?;
    }
    Ok(())
}
