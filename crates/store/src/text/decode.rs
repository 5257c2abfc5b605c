//! The second reading of the bytes: from any encoding to UTF-8 with LF line ends.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use simdutf8::basic::from_utf8;

use super::{
    codec::{Codec, PLAIN, recode::RecodingReader},
    count::characters,
    encoding::{c1_controls, is_garbage},
};

/// What decoding met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DecodeCounts {
    /// Characters, after line ends are made LF.
    pub(crate) characters: u64,
    /// Malformed sequences, each of which became U+FFFD.
    pub(crate) replacements: u64,
    /// C1 controls that came out of an encoding in which no text has them.
    pub(crate) controls: u64,
}

impl DecodeCounts {
    /// Whether the bytes cannot have been in that encoding.
    pub(crate) fn is_garbage(&self) -> bool {
        is_garbage(self.replacements + self.controls, self.characters)
    }
}

/// Memory to decode in, for one text after another.
#[derive(Debug)]
pub(crate) struct DecodeBuffers {
    /// As many bytes as are read at a time.
    window: Vec<u8>,
    /// Decoded, but with its line ends as they came.
    decoded: String,
    /// With LF line ends, where others came.
    lines: String,
}

impl DecodeBuffers {
    /// To read `window` bytes at a time, at least 1.
    pub(crate) fn of(window: usize) -> Self {
        Self { window: vec![0; window], decoded: String::with_capacity(window + 64), lines: String::new() }
    }
}

/// Decodes what `reader` gives after its first `skip` bytes. The text does not depend on the size of `room`.
pub(crate) fn decode<E: From<io::Error>>(
    mut reader: impl Read,
    code: Codec,
    skip: usize,
    room: &mut DecodeBuffers,
    sink: impl FnMut(&str) -> Result<(), E>,
) -> Result<DecodeCounts, E> {
    let mut skipped = vec![0; skip];
    reader.read_exact(&mut skipped)?;
    match code.recoder() {
        None => decode_all(reader, code.recoded(), room, sink),
        Some(recoder) => {
            let reader = RecodingReader::new(reader, recoder, room.window.len());
            decode_all(reader, code.recoded(), room, sink)
        }
    }
}

/// The same for bytes in memory, of which UTF-8 is not copied.
pub(crate) fn decode_held<E: From<io::Error>>(
    bytes: &[u8],
    code: Codec,
    skip: usize,
    room: &mut DecodeBuffers,
    sink: impl FnMut(&str) -> Result<(), E>,
) -> Result<DecodeCounts, E> {
    let text = (code == PLAIN).then(|| from_utf8(bytes.get(skip..)?).ok()).flatten();
    let Some(mut rest) = text else { return decode(bytes, code, skip, room, sink) };
    let piece_bytes = room.window.len().max(4);
    let mut passing = Passing::new(UTF_8, &mut room.lines, sink);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(piece_bytes));
        passing.pass(piece)?;
        rest = after;
    }
    Ok(passing.met)
}

fn decode_all<E: From<io::Error>>(
    mut reader: impl Read,
    encoding: &'static Encoding,
    room: &mut DecodeBuffers,
    sink: impl FnMut(&str) -> Result<(), E>,
) -> Result<DecodeCounts, E> {
    let DecodeBuffers { window, decoded, lines } = room;
    decoded.clear();
    let decoder = encoding.new_decoder_without_bom_handling();
    let mut decoding = Decoding { decoder, decoded, passing: Passing::new(encoding, lines, sink) };
    loop {
        match reader.read(window) {
            Ok(0) => {
                decoding.take(&[], Last::Yes)?;
                return Ok(decoding.passing.met);
            }
            Ok(length) => decoding.take(&window[..length], Last::No)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    No,
    Yes,
}

struct Decoding<'a, S> {
    decoder: Decoder,
    decoded: &'a mut String,
    passing: Passing<'a, S>,
}

impl<E, S: FnMut(&str) -> Result<(), E>> Decoding<'_, S> {
    fn take(&mut self, mut bytes: &[u8], last: Last) -> Result<(), E> {
        loop {
            let (result, read) =
                self.decoder.decode_to_string_without_replacement(bytes, self.decoded, last == Last::Yes);
            bytes = &bytes[read..];
            match result {
                DecoderResult::InputEmpty => return self.give(),
                DecoderResult::OutputFull => self.give()?,
                DecoderResult::Malformed(..) => {
                    self.passing.met.replacements += 1;
                    self.decoded.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
    }

    fn give(&mut self) -> Result<(), E> {
        self.passing.pass(self.decoded)?;
        self.decoded.clear();
        Ok(())
    }
}

/// Takes what is decoded, and passes it on with LF line ends.
struct Passing<'a, S> {
    /// Only what is in neither UTF-8 nor UTF-16 can show by C1 controls that it is in something else.
    legacy: bool,
    line_ends: LineEnds<'a>,
    met: DecodeCounts,
    sink: S,
}

impl<'a, E, S: FnMut(&str) -> Result<(), E>> Passing<'a, S> {
    fn new(encoding: &'static Encoding, lines: &'a mut String, sink: S) -> Self {
        Self {
            legacy: ![UTF_8, UTF_16LE, UTF_16BE].contains(&encoding),
            line_ends: LineEnds { after_cr: false, text: lines },
            met: DecodeCounts::default(),
            sink,
        }
    }

    fn pass(&mut self, decoded: &str) -> Result<(), E> {
        if self.legacy {
            self.met.controls += c1_controls(decoded);
        }
        let text = self.line_ends.normalise(decoded);
        self.met.characters += characters(text);
        (self.sink)(text)
    }
}

/// Makes CRLF and CR into LF, over the borders of pieces.
struct LineEnds<'a> {
    /// The last piece ended with CR, which has been given as LF already: an LF that follows belongs to it.
    after_cr: bool,
    text: &'a mut String,
}

impl LineEnds<'_> {
    fn normalise<'a>(&'a mut self, piece: &'a str) -> &'a str {
        if piece.is_empty() {
            return piece;
        }
        let piece = if self.after_cr { piece.strip_prefix('\n').unwrap_or(piece) } else { piece };
        self.after_cr = piece.ends_with('\r');
        let mut returns = memchr::memchr_iter(b'\r', piece.as_bytes()).peekable();
        if returns.peek().is_none() {
            return piece;
        }
        self.text.clear();
        let mut from = 0;
        for at in returns {
            self.text.push_str(&piece[from..at]);
            self.text.push('\n');
            from = at + 1 + usize::from(piece.as_bytes().get(at + 1) == Some(&b'\n'));
        }
        self.text.push_str(&piece[from..]);
        self.text
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
        let met = decode(bytes, Codec::Standard(encoding), skip, &mut DecodeBuffers::of(window), |piece| {
            text.push_str(piece);
            Ok::<(), io::Error>(())
        });
        let mut held = String::new();
        let met_held =
            decode_held(bytes, Codec::Standard(encoding), skip, &mut DecodeBuffers::of(window), |piece| {
                held.push_str(piece);
                Ok::<(), io::Error>(())
            });
        assert_eq!((&held, met_held.unwrap()), (&text, *met.as_ref().unwrap()));
        (text, met.unwrap())
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
        let (text, met) = text_of(b"a\xFFb\xEF\xBF\xBDc\xC3", UTF_8, 0, 100);
        assert_eq!(text, "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
        assert_eq!(met, DecodeCounts { characters: 6, replacements: 2, controls: 0 });
    }

    #[test]
    fn bytes_without_meaning_count_against_a_legacy_encoding() {
        let (_, met) = text_of(b"\x81\x8D\x8F\x90", WINDOWS_1252, 0, 2);
        assert_eq!(met.controls, 4);
        assert!(met.is_garbage());
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
