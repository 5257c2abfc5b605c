//! Blobs that are kept compressed.
//!
//! A packed blob is one zstd frame with its length and a checksum in it, under the name of the blob and `.zst`: `zstdcat`
//! reads it. Whoever stages a blob writes plain bytes; they are packed when they are published. A blob lies in one form:
//! publishing one removes the other, once its own name is forced. Reading finds both, the plain one first, whatever is
//! asked for now.

use std::{
    collections::BTreeSet,
    fmt,
    fs::File,
    io::{self, Read, Seek},
    str::FromStr,
};

use flow::blobs::BlobKind;
use zstd::{
    stream::{read::Decoder, write::Encoder},
    zstd_safe::get_frame_content_size,
};

/// The level that zstd itself takes where none is given.
const LEVEL: i32 = 3;
/// The longest header of a frame.
const FRAME_HEADER_BYTES_MAX: u64 = 18;
/// The kinds that may be packed. The others are small, and read by people.
const KINDS: [BlobKind; 4] = [BlobKind::Raw, BlobKind::Text, BlobKind::Tokens, BlobKind::Counts];

/// Which kinds of blobs are packed when they are published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compression(BTreeSet<BlobKind>);

impl Compression {
    /// Whether this kind is.
    #[must_use]
    pub fn includes(&self, kind: BlobKind) -> bool {
        self.0.contains(&kind)
    }
}

/// A word that names no kind that may be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use none, zstd, or kinds such as raw,tokens: there are raw, text, tokens and counts")]
pub struct InvalidCompression;

impl FromStr for Compression {
    type Err = InvalidCompression;

    /// `none`, `zstd` for all kinds that may be packed, or some of them with commas between.
    fn from_str(words: &str) -> Result<Self, InvalidCompression> {
        let kind = |word: &str| KINDS.into_iter().find(|kind| kind.directory() == word.trim());
        match words {
            "none" => Ok(Self::default()),
            "zstd" => Ok(Self(KINDS.into())),
            _ => words
                .split(',')
                .map(|word| kind(word).ok_or(InvalidCompression))
                .collect::<Result<_, _>>()
                .map(Self),
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

/// Writes all of a file into another, packed.
pub(super) fn pack(mut from: &File, into: &File) -> io::Result<()> {
    let bytes = from.metadata()?.len();
    from.rewind()?;
    let mut encoder = Encoder::new(into, LEVEL)?;
    encoder.set_pledged_src_size(Some(bytes))?;
    encoder.include_checksum(true)?;
    io::copy(&mut from, &mut encoder)?;
    encoder.finish().map(drop)
}

/// Reads a packed file. Where it is damaged, with an error of the kind [`InvalidData`](io::ErrorKind::InvalidData).
pub(super) fn unpack(file: File) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(Unpacked(Decoder::new(file)?)))
}

struct Unpacked<R>(R);

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // What the system does not say, zstd says of the bytes.
        self.0.read(buffer).map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            None => io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }
}

/// The length of what is packed in a file: as its frame says; where it does not, counted.
pub(super) fn unpacked_len(mut file: File) -> io::Result<u64> {
    let mut header = Vec::new();
    file.by_ref().take(FRAME_HEADER_BYTES_MAX).read_to_end(&mut header)?;
    if let Ok(Some(bytes)) = get_frame_content_size(&header) {
        return Ok(bytes);
    }
    file.rewind()?;
    io::copy(&mut unpack(file)?, &mut io::sink())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(bytes: &[u8]) -> File {
        let mut from = tempfile::tempfile().unwrap();
        from.write_all(bytes).unwrap();
        let mut into = tempfile::tempfile().unwrap();
        pack(&from, &into).unwrap();
        into.rewind().unwrap();
        into
    }

    #[test]
    fn what_is_packed_reads_back_and_tells_its_length() {
        for bytes in [Vec::new(), b"x".to_vec(), b"a line of text\n".repeat(100_000)] {
            assert_eq!(unpacked_len(packed(&bytes)).unwrap(), bytes.len() as u64);
            let mut back = Vec::new();
            unpack(packed(&bytes)).unwrap().read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{} bytes", bytes.len());
        }
        assert!(packed(&b"a line of text\n".repeat(100_000)).metadata().unwrap().len() < 10_000);
    }

    #[test]
    fn what_was_packed_by_others_is_counted_where_it_does_not_say_its_length() {
        let mut file = tempfile::tempfile().unwrap();
        let mut encoder = Encoder::new(&file, 1).unwrap();
        encoder.write_all(b"twelve bytes").unwrap();
        encoder.finish().unwrap();
        file.rewind().unwrap();
        assert_eq!(unpacked_len(file).unwrap(), 12);
    }

    #[test]
    fn a_packed_file_that_is_cut_does_not_read_as_a_shorter_one() {
        let whole = packed(&b"a line of text\n".repeat(1000));
        whole.set_len(whole.metadata().unwrap().len() - 1).unwrap();
        let error = unpack(whole).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
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
