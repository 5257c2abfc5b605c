//! Reads the beginning of a decompressed list, by which its format is detected before its lines are read.
//!
//! The head depends only on the bytes of the list, not on the chunks in which they arrive.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use super::encoding::{Utf16Reader, utf_16};

/// The length of a head, in bytes.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// A list whose beginning has been read.
pub(crate) struct ListHead {
    /// The first bytes of the list, at most [`HEAD_BYTES`]; the whole list if it is shorter.
    pub(crate) bytes: Vec<u8>,
    rest: Box<dyn BufRead + Send>,
}

impl ListHead {
    /// Reads the head of a list and converts UTF-16 to UTF-8.
    pub(crate) fn read(list: Box<dyn BufRead + Send>) -> io::Result<Self> {
        let head = Self::read_as_it_is(list)?;
        match utf_16(&head.bytes) {
            Some(encoding) => {
                Self::read_as_it_is(Box::new(BufReader::new(Utf16Reader::new(head.into_list(), encoding))))
            }
            None => Ok(head),
        }
    }

    fn read_as_it_is(mut list: Box<dyn BufRead + Send>) -> io::Result<Self> {
        let mut bytes = Vec::new();
        // Reads until the head is full, because a pipe returns its bytes in small pieces.
        list.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut bytes)?;
        Ok(Self { bytes, rest: list })
    }

    /// Returns whether the head is the whole list.
    pub(crate) fn is_whole(&self) -> bool {
        self.bytes.len() < HEAD_BYTES
    }

    /// Returns the whole list, from its first byte.
    pub(crate) fn into_list(self) -> Box<dyn BufRead + Send> {
        Box::new(Cursor::new(self.bytes).chain(self.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        ListHead::read(Box::new(Cursor::new(bytes.to_vec())))?.into_list().read_to_string(&mut text)?;
        Ok(text)
    }

    fn utf_16(text: &str, of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(of).collect()
    }

    #[test]
    fn utf_16_is_read_with_and_without_its_mark_and_longer_than_a_head() {
        let list = "url\tTitel\r\nhttps://a.example/ü\t𝔘𝔫𝔦𝔠𝔬𝔡𝔢 Ω\r\n".repeat(3_000);
        for of in [u16::to_le_bytes, u16::to_be_bytes] {
            let plain = utf_16(&list, of);
            assert!(plain.len() > 2 * HEAD_BYTES);
            assert_eq!(read(&plain).expect("reads"), list);
            assert_eq!(read(&utf_16(&format!("\u{feff}{list}"), of)).expect("reads"), list);
        }
    }

    #[test]
    fn damaged_utf_16_is_an_error() {
        let whole = utf_16("\u{feff}https://a.example/𝔘", u16::to_le_bytes);
        assert!(read(&whole).is_ok());
        for cut in [1, 2, 3] {
            assert!(read(&whole[..whole.len() - cut]).is_err(), "cut by {cut}");
        }
    }

    #[test]
    fn other_bytes_stay_as_they_are() {
        for text in ["", "a", "url\n", "a\0\nb\n", "\u{feff}url\nü\n"] {
            assert_eq!(read(text.as_bytes()).expect("reads"), text);
        }
    }
}
