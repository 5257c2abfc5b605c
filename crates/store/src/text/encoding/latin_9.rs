//! Distinguishes windows-1252 from ISO-8859-15. Most texts are the same in both.
//!
//! ISO-8859-15 has the letters Œ, œ, Š, š, Ž, ž and Ÿ in places at which windows-1252 has signs and
//! fractions, which do not stand within words. It has no characters in the places of most quotation marks of
//! windows-1252.

use encoding_rs::{ISO_8859_15, WINDOWS_1252};

use crate::text::codec::Codec;

/// Returns the right one of the two if `codec` is either of them, else `codec` itself.
pub(super) fn distinguish(codec: Codec, sample: &[u8]) -> Codec {
    let [windows, latin_9] = [WINDOWS_1252, ISO_8859_15].map(Codec::Standard);
    match codec == windows || codec == latin_9 {
        true if has_letters_of_latin_9(sample) => latin_9,
        true => windows,
        false => codec,
    }
}

fn has_letters_of_latin_9(sample: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0xC0;
    let (mut within, mut alone) = (0, 0);
    for window in sample.windows(3) {
        let [before, byte, after] = window else { continue };
        // Only windows-1252 has characters here.
        if let 0x80..=0x9F = byte {
            return false;
        }
        if let 0xA6 | 0xA8 | 0xB4 | 0xB8 | 0xBC..=0xBE = byte {
            // A sign within a word is a letter of ISO-8859-15; one alone is a sign of windows-1252.
            if is_letter(before) || is_letter(after) { within += 1 } else { alone += 1 }
        }
    }
    within > 0 && alone == 0
}
