//! Recodes UTF-32, which has four bytes per character.

use super::recode::{MALFORMED, Recode};

/// The byte order of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn unit(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// Returns whether all of a sample is characters in UTF-32. No text in another encoding meets this by chance.
pub(crate) fn is_utf32(sample: &[u8], order: ByteOrder) -> bool {
    let (units, _) = sample.as_chunks::<4>();
    let is_character = |unit: &[u8; 4]| char::from_u32(order.unit(*unit)).is_some_and(|found| found != '\0');
    units.len() > 1 && units.iter().all(is_character)
}

/// Recodes UTF-32 to UTF-8.
pub(super) struct Utf32Recoder {
    order: ByteOrder,
    /// An incomplete unit; at most 3 bytes.
    begun: Vec<u8>,
}

impl Utf32Recoder {
    pub(super) fn new(order: ByteOrder) -> Self {
        Self { order, begun: Vec::with_capacity(4) }
    }
}

impl Recode for Utf32Recoder {
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            self.begun.push(*byte);
            if let [a, b, c, d] = *self.begun {
                self.begun.clear();
                match char::from_u32(self.order.unit([a, b, c, d])) {
                    Some(found) => out.extend(found.encode_utf8(&mut [0; 4]).as_bytes()),
                    None => out.push(MALFORMED),
                }
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend((!self.begun.is_empty()).then_some(MALFORMED));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::recode::recode_all, *};

    fn utf32(text: &str, bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|letter| bytes(letter.into())).collect()
    }

    #[test]
    fn utf32_becomes_utf8_at_every_border() {
        let text = "aé猫😀\r\n";
        for (bytes, order) in [
            (utf32(text, u32::to_le_bytes), ByteOrder::Little),
            (utf32(text, u32::to_be_bytes), ByteOrder::Big),
        ] {
            assert!(is_utf32(&bytes, order));
            for window in 1..9 {
                assert_eq!(recode_all(&bytes, Utf32Recoder::new(order), window), text.as_bytes());
            }
        }
    }

    #[test]
    fn what_is_no_character_becomes_malformed_utf8() {
        let bytes = [utf32("a", u32::to_le_bytes), vec![0, 0xD8, 0, 0, 0, 0, 0x11, 0, b'b', 0]].concat();
        assert_eq!(recode_all(&bytes, Utf32Recoder::new(ByteOrder::Little), 3), b"a\xFF\xFF\xFF");
        assert!(!is_utf32(&bytes, ByteOrder::Little));
        assert!(!is_utf32(b"plain text in eight bits", ByteOrder::Little));
        assert!(!is_utf32(&utf32("text", u32::to_be_bytes), ByteOrder::Little));
    }
}
