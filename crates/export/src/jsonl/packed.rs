//! A file that is compressed while it is written.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use flow::atomic_file::AtomicFile;

const ZSTD_LEVEL: i32 = 3;

/// How shards are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As gzip, without a name and time in it.
    Gz,
    /// As one zstd frame with a checksum.
    #[default]
    Zst,
}

impl Compression {
    /// What such files end in.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::None => ".jsonl",
            Self::Gz => ".jsonl.gz",
            Self::Zst => ".jsonl.zst",
        }
    }

    pub(super) const ALL: [Self; 3] = [Self::None, Self::Gz, Self::Zst];
}

/// The file, and what compresses it.
pub(super) enum Packed {
    Plain(AtomicFile),
    Gz(GzEncoder<AtomicFile>),
    Zst(zstd::Encoder<'static, AtomicFile>),
}

impl Packed {
    pub(super) fn begin(file: AtomicFile, compression: Compression) -> io::Result<Self> {
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

    /// All is written, though not durable.
    pub(super) fn end(self) -> io::Result<AtomicFile> {
        match self {
            Self::Plain(file) => Ok(file),
            Self::Gz(encoder) => encoder.finish(),
            Self::Zst(encoder) => encoder.finish(),
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gz(encoder) => encoder.write_all(bytes),
            Self::Zst(encoder) => encoder.write_all(bytes),
        }
    }
}
