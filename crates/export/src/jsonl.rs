//! `jsonl/part-00000.jsonl…`: one JSON object a document, one a line, with the fields of Dolma.
//!
//! A line has `id`, `text`, `source` (the host of the listed URL), `added` (when the file last changed on its
//! server), `created` (when the text was released, or the same as `added`) and `metadata`. Both times are
//! those of `meta/`, not of the clock, so that the same corpus gives the same bytes. A key has the same JSON
//! type in all lines and is omitted if its value is unknown.
//!
//! A shard ends with the document that brings it to its size before compression, so the compression does not
//! change which lines are in which shard. The shards are renamed to their final names when all are complete.
//! Then the shards of earlier exports that are not among them are removed.

mod compressed_writer;
mod line;
mod shards;

use std::{num::NonZeroU64, path::PathBuf};

pub use self::compressed_writer::Compression;
use self::shards::Shards;
use crate::{
    corpus::Corpus,
    directory::ExportDirectory,
    error::ExportError,
    report::{ExportReport, commit_all},
};

/// The name of the directory of the shards.
pub const DIRECTORY: &str = "jsonl";

/// The default size of a shard, in bytes before compression.
pub const SHARD_BYTES: NonZeroU64 = NonZeroU64::new(512 << 20).expect("it is not zero");

/// Writes all documents to shards. A corpus without documents has one empty shard.
///
/// # Errors
/// Returns [`ExportError::Blob`] or [`ExportError::Damaged`] if a text or its meta cannot be read, and
/// [`ExportError::Write`] if a shard cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    compression: Compression,
    shard_bytes: NonZeroU64,
) -> Result<ExportReport, ExportError> {
    let shard_directory = directory.create_subdirectory(DIRECTORY)?;
    let mut shards = Shards::new(&shard_directory, compression, shard_bytes)?;
    let totals = corpus.for_each(|document| {
        line::write(document, |part| shards.write(part))?;
        shards.end_line()
    })?;
    let files = commit_all(shards.finish()?)?;
    // Only now: if a commit failed, the earlier export would still be needed.
    let kept: Vec<&PathBuf> = files.iter().map(|file| &file.path).collect();
    shards::remove_others(&shard_directory, &kept)?;
    Ok(ExportReport { files, totals })
}
