//! The last reading of the bytes: it decodes them to UTF-8 with LF line ends.

use std::io::{self, Read};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use simdutf8::basic::from_utf8;

use super::{
    codec::{Codec, StreamDecoder},
    count::characters,
    not_text::{c1_controls, is_garbage},
    window::read_window,
};

/// The character that a malformed sequence becomes.
const REPLACEMENT: &str = "\u{FFFD}";

/// The numbers of characters that were decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DecodeCounts {
    /// All characters, after line ends became LF.
    pub(crate) characters: u64,
    /// Malformed sequences, each of which became U+FFFD.
    pub(crate) replacements: u64,
    /// C1 controls from an encoding in which no text contains them.
    pub(crate) controls: u64,
}

impl DecodeCounts {
    /// Returns whether the bytes cannot be in that encoding.
    pub(crate) fn is_garbage(&self) -> bool {
        is_garbage(self.replacements + self.controls, self.characters)
    }
}

/// The buffers for decoding, which serve one text after another.
#[derive(Debug)]
pub(crate) struct DecodeBuffers {
    /// The bytes of one read.
    window: Vec<u8>,
    /// Decoded text with its own line ends.
    decoded: String,
    /// Decoded text with LF line ends, if it had others.
    lines: String,
}

impl DecodeBuffers {
    /// Creates buffers to read `window` bytes at a time; at least 1.
    pub(crate) fn of(window: usize) -> Self {
        Self { window: vec![0; window], decoded: String::with_capacity(window + 64), lines: String::new() }
    }
}

/// Decodes the bytes of `reader` after the first `skip`, and passes the text to `sink` in pieces. The text
/// does not depend on the size of the buffers.
pub(crate) fn decode<E: From<io::Error>>(
    mut reader: impl Read,
    codec: Codec,
    skip: usize,
    buffers: &mut DecodeBuffers,
    sink: impl FnMut(&str) -> Result<(), E>,
) -> Result<DecodeCounts, E> {
    // The byte order mark is not part of the text.
    let mut skipped = vec![0; skip];
    reader.read_exact(&mut skipped)?;
    let DecodeBuffers { window, decoded, lines } = buffers;
    let mut decoder = StreamDecoder::new(codec);
    let mut sink = LineSink::new(codec.recoded(), lines, sink);
    loop {
        let length = read_window(&mut reader, window)?;
        decoder.take(&window[..length], length == 0, decoded, |piece, is_malformed| {
            sink.pass(piece)?;
            if is_malformed {
                // They are counted here, because the text itself may contain U+FFFD.
                sink.counts.replacements += 1;
                sink.pass(REPLACEMENT)?;
            }
            Ok::<(), E>(())
        })?;
        if length == 0 {
            return Ok(sink.counts);
        }
    }
}

/// Decodes bytes in memory. Does not copy UTF-8.
pub(crate) fn decode_held<E: From<io::Error>>(
    bytes: &[u8],
    codec: Codec,
    skip: usize,
    buffers: &mut DecodeBuffers,
    sink: impl FnMut(&str) -> Result<(), E>,
) -> Result<DecodeCounts, E> {
    let text = (codec == Codec::UTF_8).then(|| from_utf8(bytes.get(skip..)?).ok()).flatten();
    let Some(mut rest) = text else { return decode(bytes, codec, skip, buffers, sink) };
    // A piece must have room for one character.
    let piece_bytes = buffers.window.len().max(4);
    let mut sink = LineSink::new(UTF_8, &mut buffers.lines, sink);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(piece_bytes));
        sink.pass(piece)?;
        rest = after;
    }
    Ok(sink.counts)
}

/// Passes decoded text on with LF line ends in place of CRLF and CR, across the borders of pieces, and counts
/// its characters.
struct LineSink<'a, S> {
    /// C1 controls show that the text is in another encoding. They do not in UTF-8 and UTF-16.
    is_legacy: bool,
    /// The last piece ended with CR. It has been passed on as LF, and an LF that follows belongs to
    /// it.
    after_cr: bool,
    lines: &'a mut String,
    counts: DecodeCounts,
    sink: S,
}

impl<'a, E, S: FnMut(&str) -> Result<(), E>> LineSink<'a, S> {
    fn new(encoding: &'static Encoding, lines: &'a mut String, sink: S) -> Self {
        let is_legacy = ![UTF_8, UTF_16LE, UTF_16BE].contains(&encoding);
        Self { is_legacy, after_cr: false, lines, counts: DecodeCounts::default(), sink }
    }

    fn pass(&mut self, piece: &str) -> Result<(), E> {
        if self.is_legacy {
            self.counts.controls += c1_controls(piece);
        }
        // An empty piece does not end the wait for an LF.
        if piece.is_empty() {
            return Ok(());
        }
        let piece = if self.after_cr { piece.strip_prefix('\n').unwrap_or(piece) } else { piece };
        self.after_cr = piece.ends_with('\r');
        let mut returns = memchr::memchr_iter(b'\r', piece.as_bytes()).peekable();
        let text = if returns.peek().is_none() {
            piece
        } else {
            self.lines.clear();
            let mut from = 0;
            for at in returns {
                self.lines.push_str(&piece[from..at]);
                self.lines.push('\n');
                from = at + 1 + usize::from(piece.as_bytes().get(at + 1) == Some(&b'\n'));
            }
            self.lines.push_str(&piece[from..]);
            &*self.lines
        };
        self.counts.characters += characters(text);
        (self.sink)(text)
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GB18030, SHIFT_JIS, WINDOWS_1252};
    use proptest::prelude::*;

    use super::*;

    fn text_of(
        bytes: &[u8],
        encoding: &'static Encoding,
        skip: usize,
        window: usize,
    ) -> (String, DecodeCounts) {
        let mut text = String::new();
        let counts =
            decode(bytes, Codec::Standard(encoding), skip, &mut DecodeBuffers::of(window), |piece| {
                text.push_str(piece);
                Ok::<(), io::Error>(())
            });
        let mut held = String::new();
        let held_counts =
            decode_held(bytes, Codec::Standard(encoding), skip, &mut DecodeBuffers::of(window), |piece| {
                held.push_str(piece);
                Ok::<(), io::Error>(())
            });
        assert_eq!((&held, held_counts.unwrap()), (&text, *counts.as_ref().unwrap()));
        (text, counts.unwrap())
    }

    #[test]
    fn all_line_ends_become_lf_at_every_border() {
        let bytes = b"a\r\nb\rc\nd\r\r\ne\n\rf\r";
        for window in 1..=bytes.len() {
            assert_eq!(text_of(bytes, UTF_8, 0, window).0, "a\nb\nc\nd\n\ne\n\nf\n", "{window}");
        }
    }

    #[test]
    fn the_mark_is_skipped_and_one_inside_stays() {
        assert_eq!(text_of("\u{FEFF}a\u{FEFF}b".as_bytes(), UTF_8, 3, 2).0, "a\u{FEFF}b");
    }

    #[test]
    fn replacements_are_those_made_here() {
        let (text, counts) = text_of(b"a\xFFb\xEF\xBF\xBDc\xC3", UTF_8, 0, 100);
        assert_eq!(text, "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
        assert_eq!(counts, DecodeCounts { characters: 6, replacements: 2, controls: 0 });
    }

    #[test]
    fn bytes_without_meaning_count_against_a_legacy_encoding() {
        let (_, counts) = text_of(b"\x81\x8D\x8F\x90", WINDOWS_1252, 0, 2);
        assert_eq!(counts.controls, 4);
        assert!(counts.is_garbage());
        assert_eq!(text_of("\u{85}".repeat(9).as_bytes(), UTF_8, 0, 2).1.controls, 0);
    }

    #[test]
    fn a_few_bad_characters_are_let_through() {
        assert!(!DecodeCounts { characters: 10, replacements: 3, controls: 0 }.is_garbage());
        assert!(DecodeCounts { characters: 3_999, replacements: 4, controls: 0 }.is_garbage());
        assert!(!DecodeCounts { characters: 4_000, replacements: 4, controls: 0 }.is_garbage());
    }

    fn bytes_in(encoding: usize, text: &str) -> (&'static Encoding, Vec<u8>) {
        let encoding = [UTF_8, UTF_16LE, UTF_16BE, WINDOWS_1252, SHIFT_JIS, GB18030][encoding];
        let bytes = match encoding.output_encoding() == encoding {
            true => encoding.encode(text).0.into_owned(),
            false if encoding == UTF_16LE => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            false => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        (encoding, bytes)
    }

    proptest! {
        #[test]
        fn windows_change_nothing(
            encoding in 0..6usize,
            text in "([a-z]|é|ß|猫|吾|\r|\n|\r\n|😀){0,80}",
            noise in prop::collection::vec(any::<u8>(), 0..4),
            window in 1..12usize,
        ) {
            let (encoding, mut bytes) = bytes_in(encoding, &text);
            bytes.extend(noise);
            prop_assert_eq!(text_of(&bytes, encoding, 0, window), text_of(&bytes, encoding, 0, 10_000));
        }

        #[test]
        fn what_was_encoded_comes_back(encoding in prop::sample::select(vec![0, 1, 2, 5usize]), text in "\\PC{0,80}") {
            let (encoding, bytes) = bytes_in(encoding, &text);
            prop_assert_eq!(text_of(&bytes, encoding, 0, 7), (text.clone(), DecodeCounts {
                characters: text.chars().count() as u64, ..DecodeCounts::default()
            }));
        }
    }
}
