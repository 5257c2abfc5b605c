//! Distinguishes windows-1252 from ISO-8859-15. Most texts are the same in both.
//!
//! ISO-8859-15 has the letters Œ, œ, Š, š, Ž, ž and Ÿ where windows-1252 has signs and fractions, which do
//! not stand within words. It has no characters where windows-1252 has most of its quotation marks.

use encoding_rs::{Encoding, ISO_8859_15, WINDOWS_1252};

use crate::text::codec::Codec;

/// Returns the right one of the two if the text looks like either of them, else `looks_like` itself.
pub(super) fn settle(looks_like: Codec, evidence: &[u8]) -> Codec {
    let pair: [&Encoding; 2] = [WINDOWS_1252, ISO_8859_15];
    if !pair.map(Codec::Standard).contains(&looks_like) {
        return looks_like;
    }
    Codec::Standard(if has_letters_of_latin_9(evidence) { ISO_8859_15 } else { WINDOWS_1252 })
}

fn has_letters_of_latin_9(evidence: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0xC0;
    let (mut within, mut alone) = (0, 0);
    for window in evidence.windows(3) {
        let [before, byte, after] = window else { continue };
        if let 0x80..=0x9F = byte {
            return false;
        }
        if let 0xA6 | 0xA8 | 0xB4 | 0xB8 | 0xBC..=0xBE = byte {
            if is_letter(before) || is_letter(after) { within += 1 } else { alone += 1 }
        }
    }
    within > 0 && alone == 0
}
