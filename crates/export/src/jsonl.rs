//! `jsonl/part-00000.jsonl…`: a JSON object for each document, one a line, in the form of Dolma.
//!
//! A line has `id`, `text`, `source` (the host of the listed URL), `added` (when the server says that the file changed last),
//! `created` (when the text was released, else as `added`) and `metadata`. Both times are those of `meta/`, not of the clock, so
//! that the same corpus gives the same bytes. A key has the same JSON type in all lines and is omitted if
//! nothing is known.
//!
//! A shard ends with the document that brings it to its size, which is counted before compression: so lines stand in the
//! same shards whatever the compression. Shards get their names when all are whole; only then those of an earlier export that
//! are no longer among them are removed.

mod line;
mod packed;
mod shards;

use std::{num::NonZeroU64, path::PathBuf};

pub use self::packed::Compression;
use self::shards::Shards;
use crate::{
    corpus::Corpus,
    directory::ExportDirectory,
    error::ExportError,
    written::{Written, commit_all},
};

/// The directory that the shards lie in.
pub const DIRECTORY: &str = "jsonl";

/// The size of a shard by default, in bytes before compression.
pub const SHARD_BYTES: NonZeroU64 = NonZeroU64::new(512 << 20).expect("it is not zero");

/// Writes them. A corpus without documents has one empty shard.
///
/// # Errors
/// Where a text cannot be read or a shard cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    compression: Compression,
    shard_bytes: NonZeroU64,
) -> Result<Written, ExportError> {
    let place = directory.make(DIRECTORY)?;
    let mut shards = Shards::new(&place, compression, shard_bytes)?;
    let seen = corpus.each(|document| {
        line::write(document, |part| shards.write(part))?;
        shards.end_line()
    })?;
    let files = commit_all(shards.finish()?)?;
    let kept: Vec<&PathBuf> = files.iter().map(|file| &file.path).collect();
    shards::remove_others(&place, &kept)?;
    Ok(Written { files, seen })
}
