//! What a character is to words.

/// By which rules of UAX #29 it joins, as far as the short way knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Joins nothing, and is no word.
    Other,
    /// ALetter.
    Letter,
    /// Numeric.
    Digit,
    /// Joins two letters.
    MidLetter,
    /// Joins two digits.
    MidNumber,
    /// Joins two letters or two digits.
    MidBoth,
    /// All else: marks that attach to what is before, scripts with rules of their own, words of a single character.
    Rare,
}

/// One byte for each of the first 65,536 code points, made by `build.rs`.
static CLASSES: &[u8; 1 << 16] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.bin"));

/// Set where lower case is another character.
const CASED: u8 = 8;

/// The class of a character beyond ASCII. Those of four bytes in UTF-8 are rare.
pub(super) fn class(point: u32) -> Class {
    match CLASSES.get(point as usize).map(|class| class & !CASED) {
        Some(0) => Class::Other,
        Some(1) => Class::Letter,
        Some(2) => Class::Digit,
        Some(3) => Class::MidLetter,
        Some(4) => Class::MidNumber,
        Some(5) => Class::MidBoth,
        Some(_) | None => Class::Rare,
    }
}

/// Whether a word changes when it is made lower-case, whose ASCII letters are so already.
pub(super) fn is_cased(word: &str) -> bool {
    let cased = |c: char| CLASSES.get(c as usize).is_none_or(|class| class & CASED != 0);
    word.chars().any(|c| !c.is_ascii() && cased(c))
}

/// The class of an ASCII character, and of what is not beyond it.
pub(super) fn ascii_class(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
        b'0'..=b'9' => Class::Digit,
        b'\'' | b'.' => Class::MidBoth,
        b':' => Class::MidLetter,
        b',' | b';' => Class::MidNumber,
        _ => Class::Other,
    }
}
