//! Lines, divided into files.

use std::{
    fs::{self, File},
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use flow::atomic_file::AtomicFile;

use super::packed::{Compression, Packed};
use crate::{error::ExportError, written::Ready};

const PREFIX: &str = "part-";
const BUFFER_BYTES: usize = 64 << 10;

/// The shards that are whole, and the one that lines go to.
pub(super) struct Shards {
    directory: PathBuf,
    compression: Compression,
    bytes_max: NonZeroU64,
    whole: Vec<Ready>,
    open: Option<Shard>,
}

struct Shard {
    path: PathBuf,
    file: Packed,
    /// What waits to be handed to the file: parts of lines are small.
    waiting: Vec<u8>,
    bytes: u64,
    lines: u64,
}

impl Shards {
    /// Begins the first one.
    pub(super) fn new(
        directory: &Path,
        compression: Compression,
        bytes_max: NonZeroU64,
    ) -> Result<Self, ExportError> {
        let mut shards =
            Self { directory: directory.to_owned(), compression, bytes_max, whole: Vec::new(), open: None };
        shards.open()?;
        Ok(shards)
    }

    /// Writes a part of a line.
    pub(super) fn write(&mut self, part: &[u8]) -> Result<(), ExportError> {
        self.open()?.write(part)
    }

    /// A line has ended, and its shard where that is full.
    pub(super) fn end_line(&mut self) -> Result<(), ExportError> {
        if let Some(shard) = &mut self.open {
            shard.lines += 1;
            if shard.bytes >= self.bytes_max.get() {
                return self.settle();
            }
        }
        Ok(())
    }

    /// All of them; nobody sees them yet.
    pub(super) fn finish(mut self) -> Result<Vec<Ready>, ExportError> {
        self.settle()?;
        Ok(self.whole)
    }

    fn open(&mut self) -> Result<&mut Shard, ExportError> {
        let shard = match self.open.take() {
            Some(shard) => shard,
            None => {
                let name = format!("{PREFIX}{:05}{}", self.whole.len(), self.compression.ending());
                Shard::begin(self.directory.join(name), self.compression)?
            }
        };
        Ok(self.open.insert(shard))
    }

    fn settle(&mut self) -> Result<(), ExportError> {
        let ready = self.open.take().map(Shard::settle).transpose()?;
        self.whole.extend(ready);
        Ok(())
    }
}

impl Shard {
    fn begin(path: PathBuf, compression: Compression) -> Result<Self, ExportError> {
        let file = AtomicFile::create(&path).and_then(|file| Packed::begin(file, compression));
        let file = file.map_err(ExportError::writing(&path))?;
        Ok(Self { path, file, waiting: Vec::with_capacity(2 * BUFFER_BYTES), bytes: 0, lines: 0 })
    }

    fn write(&mut self, part: &[u8]) -> Result<(), ExportError> {
        self.bytes += part.len() as u64;
        if part.len() < BUFFER_BYTES {
            self.waiting.extend_from_slice(part);
            return if self.waiting.len() < BUFFER_BYTES { Ok(()) } else { self.hand_over(&[]) };
        }
        self.hand_over(part)
    }

    /// Hands over what waits, then a part.
    fn hand_over(&mut self, part: &[u8]) -> Result<(), ExportError> {
        let written = self.file.write_all(&self.waiting).and_then(|()| self.file.write_all(part));
        self.waiting.clear();
        written.map_err(ExportError::writing(&self.path))
    }

    fn settle(mut self) -> Result<Ready, ExportError> {
        self.hand_over(&[])?;
        let file = self.file.end().map_err(ExportError::writing(&self.path))?;
        Ready::sync(file, self.lines)
    }
}

/// Removes shards that are not among these.
pub(super) fn remove_others(directory: &Path, kept: &[&PathBuf]) -> Result<(), ExportError> {
    let failed = ExportError::writing(directory);
    for entry in fs::read_dir(directory).map_err(&failed)? {
        let path = entry.map_err(&failed)?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_shard) && !kept.contains(&&path) {
            fs::remove_file(&path).map_err(ExportError::writing(&path))?;
        }
    }
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}

fn is_shard(name: &str) -> bool {
    let number = |ending: &str| name.strip_prefix(PREFIX)?.strip_suffix(ending);
    let is_number = |text: &str| text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    Compression::ALL.iter().filter_map(|compression| number(compression.ending())).any(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_like_a_shard_is_one() {
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
