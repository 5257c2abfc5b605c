//! The second reading of the bytes: from any encoding to UTF-8 with LF line ends.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{
    code::{Code, FromUtf32},
    count::characters,
    encoding::{c1_controls, is_garbage},
};

/// What decoding met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// Characters, after line ends are made LF.
    pub(crate) characters: u64,
    /// Malformed sequences, each of which became U+FFFD.
    pub(crate) replacements: u64,
    /// C1 controls that came out of an encoding in which no text has them.
    pub(crate) controls: u64,
}

impl Decoded {
    /// Whether the bytes cannot have been in that encoding.
    pub(crate) fn is_garbage(&self) -> bool {
        is_garbage(self.replacements + self.controls, self.characters)
    }
}

/// Decodes what `reader` gives after its first `skip` bytes, `window` bytes at a time. The text does not depend on
/// `window`.
pub(crate) fn decode<E: From<io::Error>>(
    mut reader: impl Read,
    code: Code,
    skip: usize,
    window: usize,
    sink: impl FnMut(&str) -> Result<(), E>,
) -> Result<Decoded, E> {
    let mut skipped = vec![0; skip];
    reader.read_exact(&mut skipped)?;
    match code {
        Code::Standard(encoding) => decode_all(reader, encoding, window, sink),
        Code::Utf32(order) => decode_all(FromUtf32::new(reader, order, window), UTF_8, window, sink),
    }
}

fn decode_all<E: From<io::Error>>(
    mut reader: impl Read,
    encoding: &'static Encoding,
    window: usize,
    sink: impl FnMut(&str) -> Result<(), E>,
) -> Result<Decoded, E> {
    let mut decoding = Decoding::new(encoding, window, sink);
    let mut buffer = vec![0; window];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return decoding.finish(),
            Ok(length) => decoding.take(&buffer[..length], Last::No)?,
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

struct Decoding<S> {
    decoder: Decoder,
    /// Only what is in neither UTF-8 nor UTF-16 can show by C1 controls that it is in something else.
    legacy: bool,
    /// Decoded, but with its line ends as they came.
    decoded: String,
    line_ends: LineEnds,
    met: Decoded,
    sink: S,
}

impl<E, S: FnMut(&str) -> Result<(), E>> Decoding<S> {
    fn new(encoding: &'static Encoding, window: usize, sink: S) -> Self {
        Self {
            decoder: encoding.new_decoder_without_bom_handling(),
            legacy: ![UTF_8, UTF_16LE, UTF_16BE].contains(&encoding),
            decoded: String::with_capacity(window + 64),
            line_ends: LineEnds::default(),
            met: Decoded::default(),
            sink,
        }
    }

    fn finish(mut self) -> Result<Decoded, E> {
        self.take(&[], Last::Yes)?;
        Ok(self.met)
    }

    fn take(&mut self, mut bytes: &[u8], last: Last) -> Result<(), E> {
        loop {
            let (result, read) = self.decoder.decode_to_string_without_replacement(
                bytes,
                &mut self.decoded,
                last == Last::Yes,
            );
            bytes = &bytes[read..];
            match result {
                DecoderResult::InputEmpty => return self.give(),
                DecoderResult::OutputFull => self.give()?,
                DecoderResult::Malformed(..) => {
                    self.met.replacements += 1;
                    self.decoded.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
    }

    fn give(&mut self) -> Result<(), E> {
        if self.legacy {
            self.met.controls += c1_controls(&self.decoded);
        }
        let text = self.line_ends.normalise(&self.decoded);
        self.met.characters += characters(text);
        (self.sink)(text)?;
        self.decoded.clear();
        Ok(())
    }
}

/// Makes CRLF and CR into LF, over the borders of pieces.
#[derive(Default)]
struct LineEnds {
    /// The last piece ended with CR, which has been given as LF already: an LF that follows belongs to it.
    after_cr: bool,
    text: String,
}

impl LineEnds {
    fn normalise<'a>(&'a mut self, piece: &'a str) -> &'a str {
        if piece.is_empty() {
            return piece;
        }
        let piece = if self.after_cr { piece.strip_prefix('\n').unwrap_or(piece) } else { piece };
        self.after_cr = piece.ends_with('\r');
        if !piece.as_bytes().contains(&b'\r') {
            return piece;
        }
        self.text.clear();
        let mut rest = piece;
        while let Some(at) = rest.find('\r') {
            self.text.push_str(&rest[..at]);
            self.text.push('\n');
            rest = &rest[at + 1..];
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        self.text.push_str(rest);
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GB18030, SHIFT_JIS, WINDOWS_1252};
    use proptest::prelude::*;

    use super::*;

    fn text_of(bytes: &[u8], encoding: &'static Encoding, skip: usize, window: usize) -> (String, Decoded) {
        let mut text = String::new();
        let met = decode(bytes, Code::Standard(encoding), skip, window, |piece| {
            text.push_str(piece);
            Ok::<(), io::Error>(())
        });
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
        assert_eq!(met, Decoded { characters: 6, replacements: 2, controls: 0 });
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
        assert!(!Decoded { characters: 10, replacements: 3, controls: 0 }.is_garbage());
        assert!(Decoded { characters: 3_999, replacements: 4, controls: 0 }.is_garbage());
        assert!(!Decoded { characters: 4_000, replacements: 4, controls: 0 }.is_garbage());
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
            prop_assert_eq!(text_of(&bytes, encoding, 0, 7), (text.clone(), Decoded {
                characters: text.chars().count() as u64, ..Decoded::default()
            }));
        }
    }
}
