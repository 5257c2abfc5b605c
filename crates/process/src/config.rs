//! The division of the work. Nothing here changes the results.

use std::{fmt, num::NonZeroU64, str::FromStr};

use flow::byte_size::ByteSize;

/// The minimum number of documents in progress: they share a sync, and the largest of them is processed next.
/// At any time, all but one more than there are threads only wait.
pub const CONCURRENCY_MIN: usize = 64;

/// The configuration of the process stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessConfig {
    /// The number of threads; 0 uses one for each core.
    pub threads: usize,
    /// The division of documents into pieces of work.
    pub chunk: Chunk,
}

/// The division of documents into the pieces of work that threads take.
///
/// Written `whole`, `auto`, `docs:N`, or `bytes:N`, in which the number of bytes can have a unit (see
/// [`ByteSize`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Chunk {
    /// A piece is one document. It is still read window by window.
    Whole,
    /// A piece has at least this many bytes, and extends to the next line end. A document takes memory for
    /// two windows, each of this many bytes for every thread.
    Bytes(NonZeroU64),
    /// A piece is this many documents, which a thread processes one after the other.
    Documents(NonZeroU64),
    /// A piece takes a thread about 2.5 ms, by the speed so far.
    #[default]
    Auto,
}

/// An invalid chunk setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a chunk: use whole, auto, docs:N, or bytes:N with N from 1, such as docs:16, bytes:65536 or bytes:1MiB"
)]
pub struct InvalidChunk(String);

impl FromStr for Chunk {
    type Err = InvalidChunk;

    fn from_str(text: &str) -> Result<Self, InvalidChunk> {
        match text {
            "whole" => Ok(Self::Whole),
            "auto" => Ok(Self::Auto),
            _ => {
                let documents = text.strip_prefix("docs:").and_then(|n| n.parse().ok()).map(Self::Documents);
                let bytes = || text.strip_prefix("bytes:").and_then(bytes).map(Self::Bytes);
                documents.or_else(bytes).ok_or_else(|| InvalidChunk(text.to_owned()))
            }
        }
    }
}

fn bytes(text: &str) -> Option<NonZeroU64> {
    NonZeroU64::new(text.parse::<ByteSize>().ok()?.bytes())
}

impl fmt::Display for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.pad("whole"),
            Self::Auto => f.pad("auto"),
            Self::Documents(n) => f.pad(&format!("docs:{n}")),
            Self::Bytes(n) if n.get().is_multiple_of(1 << 10) => {
                f.pad(&format!("bytes:{}", ByteSize::new(n.get())))
            }
            Self::Bytes(n) => f.pad(&format!("bytes:{n}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_parsed_as_it_is_written() {
        for text in
            ["whole", "auto", "bytes:1", "bytes:7", "bytes:1000", "bytes:64KiB", "bytes:1MiB", "bytes:3GiB"]
        {
            assert_eq!(text.parse::<Chunk>().unwrap().to_string(), text);
        }
        assert_eq!("bytes:2mb".parse(), Ok(Chunk::Bytes(NonZeroU64::new(2_000_000).unwrap())));
        assert_eq!("bytes:1024".parse::<Chunk>().unwrap().to_string(), "bytes:1KiB");
    }

    #[test]
    fn an_invalid_chunk_is_refused_with_the_valid_forms() {
        for text in [
            "",
            "Whole",
            "bytes",
            "bytes:",
            "bytes:0",
            "bytes:-1",
            "bytes:1.5MiB",
            "bytes:1XiB",
            "bytes:MiB",
            "7",
        ] {
            let error = text.parse::<Chunk>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{text}'")) && error.contains("bytes:1MiB"), "{error}");
        }
        assert!("bytes:99999999999999999999".parse::<Chunk>().is_err());
        assert!("bytes:99999999999GiB".parse::<Chunk>().is_err());
    }
}
