//! A writer that compresses a file.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use flow::atomic_file::AtomicFile;

/// The default level of zstd.
const ZSTD_LEVEL: i32 = 3;

/// The compression of shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    None,
    /// gzip, with neither name nor time in the header.
    Gz,
    /// One zstd frame with a checksum.
    #[default]
    Zst,
}

impl Compression {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::Gz, Self::Zst];

    /// Returns the extensions of a shard.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::None => ".jsonl",
            Self::Gz => ".jsonl.gz",
            Self::Zst => ".jsonl.zst",
        }
    }
}

/// A file with its encoder.
pub(super) enum CompressedWriter {
    Plain(AtomicFile),
    Gz(GzEncoder<AtomicFile>),
    Zst(zstd::Encoder<'static, AtomicFile>),
}

impl CompressedWriter {
    pub(super) fn new(file: AtomicFile, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(file),
            Compression::Gz => Self::Gz(GzEncoder::new(file, flate2::Compression::default())),
            Compression::Zst => {
                let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zst(encoder)
            }
        })
    }

    /// Writes the end of the compressed data. The file is complete but not durable.
    pub(super) fn finish(self) -> io::Result<AtomicFile> {
        match self {
            Self::Plain(file) => Ok(file),
            Self::Gz(encoder) => encoder.finish(),
            Self::Zst(encoder) => encoder.finish(),
        }
    }
}

impl Write for CompressedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gz(encoder) => encoder.write(bytes),
            Self::Zst(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gz(encoder) => encoder.flush(),
            Self::Zst(encoder) => encoder.flush(),
        }
    }
}
