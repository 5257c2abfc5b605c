//! Compressed blobs.
//!
//! A compressed blob is one zstd frame with its length and a checksum in it, under the name of the blob and
//! `.zst`: `zstdcat` reads it. Whoever stages a blob writes plain bytes; they are compressed when they are
//! published. A blob is kept in one form: publishing it in one removes the other, when the new name is
//! durable. Reading finds both, the plain one first, whatever the configuration is.

use std::{
    collections::BTreeSet,
    fmt,
    fs::File,
    io::{self, Read, Seek},
    path::PathBuf,
    str::FromStr,
};

use flow::blobs::{BlobError, BlobKind};
use zstd::{
    stream::{read::Decoder, write::Encoder},
    zstd_safe::get_frame_content_size,
};

use crate::layout::BlobForm;

/// The compression level: zstd's own default.
const LEVEL: i32 = 3;
/// The maximum length in bytes of the header of a frame.
const FRAME_HEADER_BYTES_MAX: u64 = 18;
/// The kinds that may be compressed. The others are small, and read by people.
const KINDS: [BlobKind; 4] = [BlobKind::Raw, BlobKind::Text, BlobKind::Tokens, BlobKind::Counts];

/// The kinds of blobs that are compressed when they are published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compression(BTreeSet<BlobKind>);

impl Compression {
    /// Returns whether blobs of this kind are compressed.
    #[must_use]
    pub fn includes(&self, kind: BlobKind) -> bool {
        self.0.contains(&kind)
    }
}

/// The error for a word that names no kind that may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use none, zstd, or some of raw, text, tokens and counts, such as raw,tokens")]
pub struct InvalidCompression;

impl FromStr for Compression {
    type Err = InvalidCompression;

    /// Reads `none`, `zstd` for all kinds that may be compressed, or the names of some kinds, separated by
    /// commas.
    fn from_str(words: &str) -> Result<Self, InvalidCompression> {
        let kind = |word: &str| KINDS.into_iter().find(|kind| kind.directory() == word.trim());
        match words {
            "none" => Ok(Self::default()),
            "zstd" => Ok(Self(KINDS.into())),
            _ => words.split(',').map(kind).collect::<Option<_>>().map(Self).ok_or(InvalidCompression),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|kind| kind.directory()).collect();
        match words.len() {
            0 => f.pad("none"),
            all if all == KINDS.len() => f.pad("zstd"),
            _ => f.pad(&words.join(",")),
        }
    }
}

/// The open file of a blob.
pub(super) struct BlobFile {
    pub(super) form: BlobForm,
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl BlobFile {
    /// Returns a reader of the plain bytes of the blob.
    pub(super) fn into_reader(self) -> Result<Box<dyn Read + Send>, BlobError> {
        match self.form {
            BlobForm::Plain => Ok(Box::new(self.file)),
            BlobForm::Compressed => decompress(self.file).map_err(|error| BlobError::at(&self.path, error)),
        }
    }

    /// Returns the number of plain bytes of the blob.
    pub(super) fn into_content_len(self) -> Result<u64, BlobError> {
        let length = match self.form {
            BlobForm::Plain => self.file.metadata().map(|found| found.len()),
            BlobForm::Compressed => content_len(self.file),
        };
        length.map_err(|error| BlobError::at(&self.path, error))
    }
}

/// Compresses all of a file into another.
pub(super) fn compress(mut from: &File, into: &File) -> io::Result<()> {
    let bytes = from.metadata()?.len();
    from.rewind()?;
    let mut encoder = Encoder::new(into, LEVEL)?;
    // The length in the frame lets `len` answer without decompression.
    encoder.set_pledged_src_size(Some(bytes))?;
    encoder.include_checksum(true)?;
    io::copy(&mut from, &mut encoder)?;
    encoder.finish().map(drop)
}

/// Opens a compressed file. If it is damaged, reading fails with an error of the kind
/// [`InvalidData`](io::ErrorKind::InvalidData).
fn decompress(file: File) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(Decompressed(Decoder::new(file)?)))
}

struct Decompressed<R>(R);

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // An error that does not come from the system comes from zstd, and is about the bytes.
        self.0.read(buffer).map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            None => io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }
}

/// Returns the length of what is compressed in a file. It is read from the frame, or counted if the frame
/// does not give it.
fn content_len(mut file: File) -> io::Result<u64> {
    let mut header = Vec::new();
    file.by_ref().take(FRAME_HEADER_BYTES_MAX).read_to_end(&mut header)?;
    if let Ok(Some(bytes)) = get_frame_content_size(&header) {
        return Ok(bytes);
    }
    file.rewind()?;
    io::copy(&mut decompress(file)?, &mut io::sink())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn compressed(bytes: &[u8]) -> File {
        let mut from = tempfile::tempfile().unwrap();
        from.write_all(bytes).unwrap();
        let mut into = tempfile::tempfile().unwrap();
        compress(&from, &into).unwrap();
        into.rewind().unwrap();
        into
    }

    #[test]
    fn what_is_compressed_reads_back_and_has_its_length() {
        for bytes in [Vec::new(), b"x".to_vec(), b"a line of text\n".repeat(100_000)] {
            assert_eq!(content_len(compressed(&bytes)).unwrap(), bytes.len() as u64);
            let mut back = Vec::new();
            decompress(compressed(&bytes)).unwrap().read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{} bytes", bytes.len());
        }
        assert!(compressed(&b"a line of text\n".repeat(100_000)).metadata().unwrap().len() < 10_000);
    }

    #[test]
    fn what_others_compressed_without_its_length_is_counted() {
        let mut file = tempfile::tempfile().unwrap();
        let mut encoder = Encoder::new(&file, 1).unwrap();
        encoder.write_all(b"twelve bytes").unwrap();
        encoder.finish().unwrap();
        file.rewind().unwrap();
        assert_eq!(content_len(file).unwrap(), 12);
    }

    #[test]
    fn a_packed_file_that_is_cut_does_not_read_as_a_shorter_one() {
        let whole = compressed(&b"a line of text\n".repeat(1000));
        whole.set_len(whole.metadata().unwrap().len() - 1).unwrap();
        let error = decompress(whole).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn kinds_are_named_by_their_directories() {
        for words in ["none", "zstd", "raw", "raw,tokens"] {
            assert_eq!(words.parse::<Compression>().unwrap().to_string(), words);
        }
        assert_eq!("raw,text,tokens,counts".parse::<Compression>().unwrap(), "zstd".parse().unwrap());
        for words in ["", "gzip", "meta", "raw,", "raw tokens"] {
            assert_eq!(words.parse::<Compression>(), Err(InvalidCompression), "{words}");
        }
    }
}
