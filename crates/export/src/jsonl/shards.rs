//! Divides lines into files.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use flow::atomic_file::AtomicFile;

use super::compressed_writer::{CompressedWriter, Compression};
use crate::{error::ExportError, report::UncommittedFile};

const PREFIX: &str = "part-";
const BUFFER_BYTES: usize = 64 << 10;

/// The complete shards, and the one being written.
pub(super) struct Shards {
    directory: PathBuf,
    compression: Compression,
    bytes_max: NonZeroU64,
    complete: Vec<UncommittedFile>,
    open: Option<Shard>,
}

/// A shard being written.
struct Shard {
    path: PathBuf,
    /// Most parts of lines are too small for a call of the encoder each.
    file: BufWriter<CompressedWriter>,
    bytes: u64,
    lines: u64,
}

impl Shards {
    /// Creates the first shard.
    pub(super) fn new(
        directory: &Path,
        compression: Compression,
        bytes_max: NonZeroU64,
    ) -> Result<Self, ExportError> {
        let directory = directory.to_owned();
        let mut shards = Self { directory, compression, bytes_max, complete: Vec::new(), open: None };
        // A corpus without documents has a shard, too: readers expect at least one file.
        shards.open()?;
        Ok(shards)
    }

    /// Writes a part of a line.
    pub(super) fn write(&mut self, part: &[u8]) -> Result<(), ExportError> {
        self.open()?.write(part)
    }

    /// Ends a line, and the shard if it is full.
    pub(super) fn end_line(&mut self) -> Result<(), ExportError> {
        if let Some(shard) = &mut self.open {
            shard.lines += 1;
            if shard.bytes >= self.bytes_max.get() {
                return self.finish_shard();
            }
        }
        Ok(())
    }

    /// Returns all shards, still under temporary names.
    pub(super) fn finish(mut self) -> Result<Vec<UncommittedFile>, ExportError> {
        self.finish_shard()?;
        Ok(self.complete)
    }

    fn open(&mut self) -> Result<&mut Shard, ExportError> {
        let shard = match self.open.take() {
            Some(shard) => shard,
            None => {
                let name = format!("{PREFIX}{:05}{}", self.complete.len(), self.compression.ending());
                Shard::create(self.directory.join(name), self.compression)?
            }
        };
        Ok(self.open.insert(shard))
    }

    fn finish_shard(&mut self) -> Result<(), ExportError> {
        let complete = self.open.take().map(Shard::finish).transpose()?;
        self.complete.extend(complete);
        Ok(())
    }
}

impl Shard {
    fn create(path: PathBuf, compression: Compression) -> Result<Self, ExportError> {
        let file = AtomicFile::create(&path).and_then(|file| CompressedWriter::new(file, compression));
        let file = file.map_err(ExportError::writing(&path))?;
        Ok(Self { path, file: BufWriter::with_capacity(BUFFER_BYTES, file), bytes: 0, lines: 0 })
    }

    fn write(&mut self, part: &[u8]) -> Result<(), ExportError> {
        self.bytes += part.len() as u64;
        self.file.write_all(part).map_err(ExportError::writing(&self.path))
    }

    fn finish(self) -> Result<UncommittedFile, ExportError> {
        let encoder = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        let file = encoder.and_then(CompressedWriter::finish).map_err(ExportError::writing(&self.path))?;
        UncommittedFile::sync(file, self.lines)
    }
}

/// Removes all shards that are not in `kept`.
pub(super) fn remove_others(directory: &Path, kept: &[&PathBuf]) -> Result<(), ExportError> {
    let failed = ExportError::writing(directory);
    for entry in fs::read_dir(directory).map_err(&failed)? {
        let path = entry.map_err(&failed)?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_shard) && !kept.contains(&&path) {
            fs::remove_file(&path).map_err(ExportError::writing(&path))?;
        }
    }
    // Removals are durable when the directory is synced.
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}

/// Returns whether a file name is that of a shard. Other files in the directory belong to the user.
fn is_shard(name: &str) -> bool {
    let number = |ending: &str| name.strip_prefix(PREFIX)?.strip_suffix(ending);
    let is_number = |text: &str| text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    Compression::ALL.iter().filter_map(|compression| number(compression.ending())).any(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_shards_are_recognised() {
        for (name, expected) in [
            ("part-00000.jsonl", true),
            ("part-00012.jsonl.gz", true),
            ("part-123456.jsonl.zst", true),
            ("part-0001.jsonl", false),
            ("part-0000a.jsonl", false),
            ("part-00000.jsonl.xz", false),
            ("notes.jsonl", false),
        ] {
            assert_eq!(is_shard(name), expected, "{name}");
        }
    }
}
