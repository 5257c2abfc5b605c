//! Decompresses lists. gzip and Zstandard are recognised by their first bytes, never by the file name.

use std::io::{self, BufRead, BufReader, Read};

use fetch::coding::zstd;
use flate2::bufread::MultiGzDecoder;

const WINDOW_BYTES: usize = 64 * 1024;

/// Returns a reader of the decompressed bytes of `input`. It reads all members of a gzip file and all frames
/// of a zstd file. More bytes than `bytes_max` are an error.
pub(crate) fn decompress(
    input: impl Read + Send + 'static,
    bytes_max: Option<u64>,
) -> io::Result<Box<dyn BufRead + Send>> {
    let decompressed = decompress_whole(input)?;
    Ok(match bytes_max {
        None => decompressed,
        Some(left) => Box::new(BufReader::with_capacity(WINDOW_BYTES, Limited { input: decompressed, left })),
    })
}

/// A reader that returns an error after a number of bytes.
struct Limited {
    input: Box<dyn BufRead + Send>,
    left: u64,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is too long after \
                decompression",
            )
        })?;
        Ok(read)
    }
}

fn decompress_whole(input: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut input = BufReader::with_capacity(WINDOW_BYTES, input);
    let mut magic = Vec::with_capacity(4);
    // `fill_buf` could return fewer bytes than the signature has.
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(&[0x1f, 0x8b]);
    let zstd = zstd::is_magic(&magic);
    let whole = io::Cursor::new(magic).chain(input);
    Ok(if gzip {
        Box::new(BufReader::with_capacity(WINDOW_BYTES, MultiGzDecoder::new(whole)))
    } else if zstd {
        Box::new(BufReader::with_capacity(WINDOW_BYTES, zstd::decoder(whole)))
    } else {
        Box::new(whole)
    })
}

/// Returns the name of a file without the extension of its compression.
pub(crate) fn unpacked_name(name: &str) -> &str {
    name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name)
}

/// Returns whether a file is compressed, by its name.
pub(crate) fn is_packed_name(name: &str) -> bool {
    unpacked_name(name) != name
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("memory writes");
        encoder.finish().expect("memory writes")
    }

    fn zstd(text: &str) -> Vec<u8> {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).expect("memory");
        encoder.include_checksum(true).expect("a known parameter");
        encoder.write_all(text.as_bytes()).expect("memory writes");
        encoder.finish().expect("memory writes")
    }

    fn read(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        decompress(io::Cursor::new(bytes), None)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn every_member_and_every_frame_is_read() {
        assert_eq!(read([gzip("one\n"), gzip("two\n")].concat()).expect("reads"), "one\ntwo\n");
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let frames = [skippable.clone(), zstd("one\n"), skippable, zstd("two\n")].concat();
        assert_eq!(read(frames).expect("reads"), "one\ntwo\n");
        for text in ["", "a", "abc", "plain\n"] {
            assert_eq!(read(text.as_bytes().to_vec()).expect("reads"), text);
        }
    }

    #[test]
    fn a_cut_or_changed_file_is_an_error_not_a_shorter_list() {
        let text = "https://example.org/a\n".repeat(500);
        for packed in [gzip(&text), zstd(&text)] {
            for cut in [3, 9, packed.len() / 2, packed.len() - 1] {
                assert!(cut < 4 || read(packed[..cut].to_vec()).is_err(), "cut at {cut} of {}", packed.len());
            }
            let mut junk = packed.clone();
            junk.extend(b"https://example.org/junk\n");
            assert!(read(junk).is_err());
            let mut wrong = packed.clone();
            let checksum = packed.len() - if packed[0] == 0x1f { 8 } else { 1 };
            wrong[checksum] ^= 1;
            assert!(read(wrong).is_err());
        }
    }

    #[test]
    fn a_limit_counts_what_is_unpacked() {
        let packed = gzip(&"x".repeat(1000));
        let read = |bytes| {
            let mut text = String::new();
            let mut unpacked = decompress(io::Cursor::new(packed.clone()), Some(bytes))?;
            unpacked.read_to_string(&mut text)
        };
        assert_eq!(read(1000).expect("fits"), 1000);
        assert!(read(999).is_err());
    }
}
