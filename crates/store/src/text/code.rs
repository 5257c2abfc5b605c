//! How bytes become characters: the encodings of the WHATWG Encoding Standard, and UTF-32, which it leaves out.

use std::io::{self, Read};

use encoding_rs::{Encoding, REPLACEMENT, UTF_8};

/// How bytes become characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// As the standard says.
    Standard(&'static Encoding),
    /// Four bytes a character.
    Utf32(Order),
}

/// Which byte of a unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Code {
    /// The one of this label, in any case; none where there is none.
    pub(crate) fn for_label(label: &str) -> Option<Self> {
        match label.trim().to_ascii_lowercase().as_str() {
            "utf-32" | "utf-32le" | "ucs-4le" => Some(Self::Utf32(Order::Little)),
            "utf-32be" | "ucs-4" | "ucs-4be" => Some(Self::Utf32(Order::Big)),
            label => {
                let standard = Encoding::for_label(label.as_bytes());
                // The standard's `replacement` stands for encodings that browsers must not read.
                standard.filter(|encoding| *encoding != REPLACEMENT).map(Self::Standard)
            }
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standard(encoding) => encoding.name(),
            Self::Utf32(Order::Little) => "UTF-32LE",
            Self::Utf32(Order::Big) => "UTF-32BE",
        }
    }
}

impl Order {
    fn unit(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// Whether all of a sample is characters in UTF-32: by chance, no text in another encoding is.
pub(crate) fn is_utf32(sample: &[u8], order: Order) -> bool {
    let (units, _) = sample.as_chunks::<4>();
    let is_character = |unit: &[u8; 4]| char::from_u32(order.unit(*unit)).is_some_and(|found| found != '\0');
    units.len() > 1 && units.iter().all(is_character)
}

/// UTF-32 as UTF-8. A unit that is no character becomes a byte that is none in UTF-8, so that it counts as malformed.
pub(crate) struct FromUtf32<R> {
    inner: R,
    order: Order,
    /// A unit that has not come whole; at most 3 bytes.
    begun: Vec<u8>,
    text: Vec<u8>,
    /// What of `text` has been given.
    given: usize,
    bytes: Vec<u8>,
    has_ended: bool,
}

/// What stands for a unit that is no character.
const MALFORMED: u8 = 0xFF;

impl<R: Read> FromUtf32<R> {
    /// Reads so many bytes at a time.
    pub(crate) fn new(inner: R, order: Order, window: usize) -> Self {
        Self {
            inner,
            order,
            begun: Vec::with_capacity(4),
            text: Vec::new(),
            given: 0,
            bytes: vec![0; window],
            has_ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        while self.text.is_empty() && !self.has_ended {
            let length = self.inner.read(&mut self.bytes)?;
            if length == 0 {
                self.has_ended = true;
                self.text.extend((!self.begun.is_empty()).then_some(MALFORMED));
            }
            for byte in &self.bytes[..length] {
                self.begun.push(*byte);
                if let [a, b, c, d] = *self.begun {
                    self.begun.clear();
                    match char::from_u32(self.order.unit([a, b, c, d])) {
                        Some(found) => self.text.extend(found.encode_utf8(&mut [0; 4]).as_bytes()),
                        None => self.text.push(MALFORMED),
                    }
                }
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for FromUtf32<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            self.refill()?;
        }
        let length = (&self.text[self.given..]).read(buffer)?;
        self.given += length;
        Ok(length)
    }
}

/// Whether a text can be said to be in the encoding of this label.
#[must_use]
pub fn is_known(label: &str) -> bool {
    Code::for_label(label).is_some()
}

/// UTF-8, in which most texts are.
pub(crate) const PLAIN: Code = Code::Standard(UTF_8);

#[cfg(test)]
mod tests {
    use super::*;

    fn utf32(text: &str, bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|letter| bytes(letter.into())).collect()
    }

    fn text_of(bytes: &[u8], order: Order, window: usize) -> Vec<u8> {
        let mut text = Vec::new();
        FromUtf32::new(bytes, order, window).read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn utf32_becomes_utf8_at_every_border() {
        let text = "aé猫😀\r\n";
        for (bytes, order) in
            [(utf32(text, u32::to_le_bytes), Order::Little), (utf32(text, u32::to_be_bytes), Order::Big)]
        {
            assert!(is_utf32(&bytes, order));
            for window in 1..9 {
                assert_eq!(text_of(&bytes, order, window), text.as_bytes());
            }
        }
    }

    #[test]
    fn what_is_no_character_becomes_malformed_utf8() {
        let bytes = [utf32("a", u32::to_le_bytes), vec![0, 0xD8, 0, 0, 0, 0, 0x11, 0, b'b', 0]].concat();
        assert_eq!(text_of(&bytes, Order::Little, 3), b"a\xFF\xFF\xFF");
        assert!(!is_utf32(&bytes, Order::Little));
        assert!(!is_utf32(b"plain text in eight bits", Order::Little));
        assert!(!is_utf32(&utf32("text", u32::to_be_bytes), Order::Little));
    }

    #[test]
    fn labels_are_those_of_the_standard_and_of_utf32() {
        for (label, name) in [
            ("latin1", Some("windows-1252")),
            (" KOI8-R\n", Some("KOI8-R")),
            ("UTF-32BE", Some("UTF-32BE")),
            ("utf-32", Some("UTF-32LE")),
            ("utf-9", None),
            ("hz-gb-2312", None),
            ("", None),
        ] {
            assert_eq!(Code::for_label(label).map(Code::name), name, "{label}");
            assert_eq!(is_known(label), name.is_some());
        }
    }
}
