//! Reads the beginning of an unpacked list, by which its format is determined before its lines are read.
//!
//! A list in UTF-16 (the "Unicode text" of spreadsheets) is converted to UTF-8 here. The head depends only on
//! the bytes of the list, not on the chunks in which they arrive.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE};

/// The length of a head, in bytes.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;
/// The number of bytes examined in a list without a byte order mark. It is UTF-16 if every other byte is NUL.
const UTF_16_BYTES: usize = 32;

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
            Some(encoding) => Self::read_as_it_is(Box::new(BufReader::new(Utf16 {
                input: head.into_list(),
                decoder: Some(encoding.new_decoder_with_bom_removal()),
            }))),
            None => Ok(head),
        }
    }

    fn read_as_it_is(mut list: Box<dyn BufRead + Send>) -> io::Result<Self> {
        let mut bytes = Vec::new();
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

/// Returns the UTF-16 encoding of a list, or `None` if the list is not in UTF-16.
fn utf_16(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let pairs = head[..head.len().min(UTF_16_BYTES)].chunks_exact(2);
    let all = |is: fn(&[u8]) -> bool| pairs.len() > 1 && pairs.clone().all(is);
    if all(|pair| pair[0] != 0 && pair[1] == 0) {
        Some(UTF_16LE)
    } else if all(|pair| pair[0] == 0 && pair[1] != 0) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Reads UTF-16 as UTF-8. A truncated character is an error and is not replaced by another character.
struct Utf16 {
    input: Box<dyn BufRead + Send>,
    /// `None` after the end, because a decoder must not be called again.
    decoder: Option<Decoder>,
}

/// The maximum length of a character in UTF-8, in bytes. It is also the minimum space that the decoder needs.
const CHARACTER_BYTES_MAX: usize = 4;

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        debug_assert!(buffer.len() >= CHARACTER_BYTES_MAX, "it is read through a buffer");
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let window = self.input.fill_buf()?;
            let is_last = window.is_empty();
            let (result, read, written) = decoder.decode_to_utf8_without_replacement(window, buffer, is_last);
            self.input.consume(read);
            let is_end = is_last && result == DecoderResult::InputEmpty;
            if let DecoderResult::Malformed(..) = result {
                self.decoder = None;
                let message = "it is UTF-16 and damaged: save it as UTF-8";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if is_end {
                self.decoder = None;
            }
            if written > 0 || is_end {
                return Ok(written);
            }
        }
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
