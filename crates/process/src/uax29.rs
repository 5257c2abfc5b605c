//! The words of a text: exactly those of UAX #29, lower-cased.
//!
//! The words are `unicode_words()` of the crate `unicode-segmentation` (segments between word boundaries that contain
//! a letter or number), each through [`str::to_lowercase`], as a final sigma depends on the whole word. What is ASCII
//! takes a shorter way; three facts of UAX #29 (§4.1.1) make that exact:
//!
//! * Both sides of a line feed are boundaries whatever stands around (WB3a and WB3b come before every rule that
//!   ignores or joins characters, WB4 included), so lines can be treated one by one.
//! * Between a space and an ASCII letter or digit is a boundary: WB3d joins spaces only with spaces, WB4 joins only
//!   extending characters to what is before them, and every rule from WB5 on that forbids a break has a letter,
//!   digit, mark of a word, or low line on the side where the space is. For the same reason no rule looks past it. So
//!   a line with other than ASCII characters falls into fields, of which most are ASCII again.
//! * Case does not matter to boundaries within ASCII, so ASCII letters can be lower-cased first, all at once.

use unicode_segmentation::{UNICODE_VERSION, UnicodeSegmentation};

use crate::{processor::Identity, tokens::Tokens};

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const LOW_LINE: u8 = 4;

/// What a byte is within a word; 0 for what ends one, or joins two parts of one.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        class[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'_' => LOW_LINE,
            _ => 0,
        };
        byte += 1;
    }
    class
};

/// What this tokeniser is called in results. The Unicode versions are those of the word and of the case rules.
pub(crate) fn identity() -> Identity {
    let (a, b, c) = UNICODE_VERSION;
    let (d, e, f) = char::UNICODE_VERSION;
    Identity::new("uax29", 1)
        .with("case", "lower")
        .with("unicode_words", format!("{a}.{b}.{c}"))
        .with("unicode_case", format!("{d}.{e}.{f}"))
}

/// Gives the words of a text in order: those of UAX #29, lower-cased.
pub fn words(text: &str, tokens: &mut Tokens) {
    let lower = text.to_ascii_lowercase();
    for line in lower.split_inclusive('\n') {
        if line.is_ascii() {
            ascii_words(line, tokens);
        } else {
            mixed_words(line, tokens);
        }
    }
}

/// The words of a line, of which only the fields that need it take the long way.
fn mixed_words(mut line: &str, tokens: &mut Tokens) {
    while !line.is_empty() {
        let (field, rest) = line.split_at(field_len(line));
        if field.is_ascii() {
            ascii_words(field, tokens);
        } else {
            other_words(field, tokens);
        }
        line = rest;
    }
}

/// Up to and with the first space that is followed by an ASCII letter or digit.
fn field_len(line: &str) -> usize {
    let bytes = line.as_bytes();
    let cut = |pair: &[u8]| pair[0] == b' ' && pair[1].is_ascii_alphanumeric();
    bytes.windows(2).position(cut).map_or(bytes.len(), |at| at + 1)
}

fn other_words(field: &str, tokens: &mut Tokens) {
    for word in field.unicode_words() {
        if word.is_ascii() {
            tokens.push(word);
        } else {
            tokens.push(&word.to_lowercase());
        }
    }
}

/// The words of a text that is ASCII, lower-cased before.
fn ascii_words(text: &str, tokens: &mut Tokens) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(skipped) = bytes[at..].iter().position(|byte| CLASS[usize::from(*byte)] != 0) {
        let start = at + skipped;
        let (end, classes) = ascii_word(bytes, start);
        if classes & (LETTER | DIGIT) != 0 {
            tokens.push(&text[start..end]);
        }
        at = end;
    }
}

/// Where the segment that begins at `start` ends, and the classes in it: WB5 to WB13b for ASCII.
fn ascii_word(bytes: &[u8], start: usize) -> (usize, u8) {
    let (mut at, mut before, mut classes) = (start, 0, 0);
    while let Some(byte) = bytes.get(at) {
        let class = CLASS[usize::from(*byte)];
        if class == 0 {
            let after = bytes.get(at + 1).map_or(0, |byte| CLASS[usize::from(*byte)]);
            if after == 0 || after != before || !joins(*byte, after) {
                break;
            }
        }
        classes |= class;
        before = class;
        at += 1;
    }
    (at, classes)
}

/// Whether a byte joins two letters (WB6, WB7) or two digits (WB11, WB12).
fn joins(byte: u8, class: u8) -> bool {
    match class {
        LETTER => matches!(byte, b'\'' | b'.' | b':'),
        DIGIT => matches!(byte, b'\'' | b'.' | b',' | b';'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tally::TokenHasher;

    /// Characters of every word-break class, and those that have tripped tokenisers before.
    const HOSTILE: &[char] = &[
        'a',
        'Z',
        'x',
        '0',
        '9',
        '_',
        '\'',
        '.',
        ':',
        ',',
        ';',
        '"',
        '-',
        '!',
        '?',
        '(',
        ')',
        ' ',
        ' ',
        '\t',
        '\n',
        '\n',
        '\r',
        '\u{b}',
        '\u{c}',
        '\0',
        '\u{7f}',
        '\u{85}',
        '\u{a0}',
        '\u{ad}',
        'é',
        'ß',
        'İ',
        'ı',
        'Σ',
        'σ',
        'ς',
        '\u{300}',
        '\u{345}',
        '\u{200d}',
        '\u{200b}',
        '\u{200e}',
        '\u{2028}',
        '\u{2029}',
        '\u{2018}',
        '\u{2019}',
        '\u{2024}',
        '\u{203f}',
        '\u{2003}',
        '\u{3000}',
        '\u{feff}',
        'א',
        '\u{5f3}',
        '\u{5f4}',
        'カ',
        '\u{30fc}',
        'ひ',
        '漢',
        'ก',
        '한',
        '\u{660}',
        '\u{66c}',
        '🇩',
        '🇪',
        '👩',
        '🏽',
        '❤',
        '\u{fe0f}',
        '\u{1d7ce}',
        '𐐀',
        '\u{903}',
        '\u{b7}',
        '\u{387}',
        '½',
        '²',
        '\u{ff0e}',
        '\u{ff3f}',
        '\u{10ffff}',
    ];

    fn hostile_text() -> impl Strategy<Value = String> {
        let one = prop_oneof![6 => prop::sample::select(HOSTILE), 1 => any::<char>()];
        prop::collection::vec(one, 0..60).prop_map(String::from_iter)
    }

    fn naive(text: &str) -> String {
        text.unicode_words().map(|word| word.to_lowercase() + "\n").collect()
    }

    fn ours(text: &str) -> String {
        let mut tokens = Tokens::new(TokenHasher::default(), text.len());
        words(text, &mut tokens);
        tokens.lines().to_owned()
    }

    #[test]
    fn known_words_come_out() {
        assert_eq!(
            ours("The _Iliad_, 3.14 and 1,000; can't stop-gap http://x.y ___ a.1 1.a 'tis"),
            "the\n_iliad_\n3.14\nand\n1,000\ncan't\nstop\ngap\nhttp\nx.y\na\n1\n1\na\ntis\n"
        );
        assert_eq!(ours("ΟΔΟΣ ΟΔΟΣ. “ÉTÉ” l’été"), "οδος\nοδος\nété\nl’été\n");
        assert_eq!(ours("\0\u{345} x"), "\0\u{345}\nx\n");
    }

    #[test]
    fn every_pair_around_a_cut_is_as_in_the_whole_text() {
        for before in HOSTILE {
            for after in HOSTILE {
                for text in
                    [format!("a{before}{after}b"), format!("é{before}{after}1"), format!("{before}\n{after}")]
                {
                    assert_eq!(ours(&text), naive(&text), "{text:?}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_words_are_exactly_those_of_the_definition(text in hostile_text()) {
            prop_assert_eq!(ours(&text), naive(&text));
        }

        #[test]
        fn ascii_words_are_exactly_those_of_the_definition(text in "[ -~\n\r\t\u{0}]{0,80}|[aZ0_'.,:; ]{0,40}") {
            prop_assert_eq!(ours(&text), naive(&text));
            // With another character in the text, the definition takes the way for all of Unicode.
            let mixed = format!("{text}\né");
            prop_assert_eq!(ours(&mixed), naive(&mixed));
        }
    }
}
