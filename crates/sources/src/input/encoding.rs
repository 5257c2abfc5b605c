//! Converts lists in UTF-16, the "Unicode text" of spreadsheets, to UTF-8.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE};

/// The number of bytes examined in a list without a byte order mark. It is UTF-16 if every other byte is NUL.
const UTF_16_BYTES: usize = 32;

/// Returns the UTF-16 encoding of a list, or `None` if the list is not in UTF-16.
pub(super) fn utf_16(head: &[u8]) -> Option<&'static Encoding> {
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
pub(super) struct Utf16Reader {
    input: Box<dyn BufRead + Send>,
    /// `None` after the end, because a decoder must not be called again.
    decoder: Option<Decoder>,
}

impl Utf16Reader {
    pub(super) fn new(input: Box<dyn BufRead + Send>, encoding: &'static Encoding) -> Self {
        Self { input, decoder: Some(encoding.new_decoder_with_bom_removal()) }
    }
}

/// The maximum length of a character in UTF-8, in bytes. It is also the minimum space that the decoder needs.
const CHARACTER_BYTES_MAX: usize = 4;

impl Read for Utf16Reader {
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
                let message = "it is invalid UTF-16. Save it as UTF-8";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if is_end {
                self.decoder = None;
            }
            // A window may end inside a character; zero bytes would mean the end.
            if written > 0 || is_end {
                return Ok(written);
            }
        }
    }
}
