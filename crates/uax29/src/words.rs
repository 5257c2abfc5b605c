//! The words of a text: found by bits if possible, otherwise by `unicode-segmentation`.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::{
    bitmask::Classifier,
    boundaries::{PAD, RangeSink, WordScanner},
    char_class::is_cased,
    classifier::classifier,
    cuts::piece_len,
    token_counts::{SHORT_BYTES, ShortToken},
};

/// The size of the pieces that are scanned, in bytes: small enough for the first-level cache with all its
/// masks.
const PIECE_BYTES: usize = 8 << 10;

/// Receives the words or other tokens of a text, in order.
pub trait TokenSink {
    /// Takes a token of at most [`SHORT_BYTES`] ASCII bytes. `len` is its length.
    fn push_short(&mut self, token: ShortToken, len: usize);

    /// Takes any token.
    fn push(&mut self, token: &str);
}

/// Collects the tokens as strings.
impl TokenSink for Vec<String> {
    fn push_short(&mut self, token: ShortToken, _: usize) {
        token.with_str(|token| self.push(token.to_owned()));
    }

    fn push(&mut self, token: &str) {
        self.push(token.to_owned());
    }
}

/// Returns the words of a text in order.
///
/// ```
/// assert_eq!(uax29::words("The CAT’s 3.14"), ["The", "CAT’s", "3.14"]);
/// ```
#[must_use]
pub fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for_each_word(text, |word| words.push(word));
    words
}

/// Returns the words of a text in order, each in lower case by the rules of Unicode for whole words.
///
/// ```
/// assert_eq!(uax29::lowercase_words("The CAT’s ΟΔΟΣ"), ["the", "cat’s", "οδος"]);
/// ```
#[must_use]
pub fn lowercase_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for_each_lowercase_word(text, &mut words);
    words
}

/// Calls `f` with each word of a text, in order.
pub fn for_each_word<'t>(text: &'t str, f: impl FnMut(&'t str)) {
    words_by(classifier(), PIECE_BYTES, text, f);
}

/// Passes each word of a text to `sink`, in order and in lower case by the rules of Unicode for whole words.
pub fn for_each_lowercase_word(text: &str, sink: &mut impl TokenSink) {
    lowercase_words_by(classifier(), PIECE_BYTES, text, sink);
}

/// A part of a piece.
enum Part<'t> {
    /// A range of the piece whose words the scanner has found.
    Scanned(Range<usize>),
    /// A line whose words only the library finds.
    Rare(&'t str),
}

/// Scans a text piece by piece, and calls `handle` with each piece and its parts, in order.
fn for_each_part<'t>(
    classifier: Classifier,
    piece_bytes: usize,
    mut text: &'t str,
    mut handle: impl FnMut(&WordScanner, &'t str, Part<'t>),
) {
    let mut scanner = WordScanner::new(classifier);
    while !text.is_empty() {
        let (piece, rest) = text.split_at(piece_len(text, piece_bytes));
        scanner.scan(piece);
        let mut at = 0;
        for line in scanner.rare() {
            handle(&scanner, piece, Part::Scanned(at..line.start));
            handle(&scanner, piece, Part::Rare(&piece[line.clone()]));
            at = line.end;
        }
        handle(&scanner, piece, Part::Scanned(at..piece.len()));
        text = rest;
    }
}

fn words_by<'t>(classifier: Classifier, piece_bytes: usize, text: &'t str, mut f: impl FnMut(&'t str)) {
    for_each_part(classifier, piece_bytes, text, |scanner, piece, part| match part {
        Part::Scanned(range) => scanner.words(range, &mut |start, end| {
            let word: &str = &piece[start..end];
            if !is_underscores(word.as_bytes()) {
                f(word);
            }
        }),
        Part::Rare(line) => line.unicode_words().for_each(&mut f),
    });
}

fn lowercase_words_by(classifier: Classifier, piece_bytes: usize, text: &str, sink: &mut impl TokenSink) {
    for_each_part(classifier, piece_bytes, text, |scanner, _, part| match part {
        Part::Scanned(range) => scanner.words(range, &mut Lowercase { bytes: scanner.bytes(), sink }),
        Part::Rare(line) => line.unicode_words().for_each(|word| sink.push(&word.to_lowercase())),
    });
}

/// Returns whether a segment is underscores only, which is not a word.
#[inline]
fn is_underscores(word: &[u8]) -> bool {
    word[0] == b'_' && word.iter().all(|byte| *byte == b'_')
}

/// Passes on words whose ASCII letters are in lower case.
struct Lowercase<'s, S> {
    /// The piece, and [`PAD`] bytes behind it.
    bytes: &'s [u8],
    sink: &'s mut S,
}

impl<S: TokenSink> Lowercase<'_, S> {
    /// Returns the first bytes of a word, then zeros, as two numbers.
    #[inline]
    fn first(&self, start: usize, len: usize) -> [u64; 2] {
        let first: &[u8; PAD] =
            self.bytes[start..].first_chunk().expect("PAD bytes follow the start of every word");
        let (halves, _) = first.as_chunks();
        let masks = FIRST[len.min(SHORT_BYTES)];
        [0, 1].map(|half| u64::from_le_bytes(halves[half]) & masks[half])
    }
}

impl<S: TokenSink> RangeSink for Lowercase<'_, S> {
    // Inlined into the loops over the bits, which are the hottest code of the crate.
    #[inline(always)]
    fn plain(&mut self, start: usize, end: usize) {
        let len = end - start;
        if len <= SHORT_BYTES {
            let [low, high] = self.first(start, len);
            self.sink.push_short(ShortToken::of_parts(low, high as u32), len);
        } else {
            push_any(&self.bytes[start..end], self.sink);
        }
    }

    #[inline]
    fn any(&mut self, start: usize, end: usize) {
        let first = self.first(start, end - start);
        if (first[0] | first[1]) & NOT_ASCII == 0 && first[0] as u8 != b'_' {
            self.plain(start, end);
        } else {
            push_any(&self.bytes[start..end], self.sink);
        }
    }
}

/// For each length up to [`SHORT_BYTES`], the mask of so many bytes of sixteen, as two numbers.
const FIRST: [[u64; 2]; SHORT_BYTES + 1] = {
    let mut masks = [[0; 2]; SHORT_BYTES + 1];
    let mut len = 0;
    while len <= SHORT_BYTES {
        let mask = (1_u128 << (8 * len)) - 1;
        masks[len] = [mask as u64, (mask >> 64) as u64];
        len += 1;
    }
    masks
};

/// The highest bit of each of eight bytes, which only non-ASCII bytes have.
const NOT_ASCII: u64 = u64::from_ne_bytes([0x80; 8]);

/// Passes on a word whose ASCII letters are in lower case, unless it is underscores only.
#[inline(never)]
fn push_any(word: &[u8], sink: &mut impl TokenSink) {
    if is_underscores(word) {
        return;
    }
    let word = std::str::from_utf8(word).expect("words are whole characters");
    // The table spares most words the allocation of `to_lowercase`.
    if !word.is_ascii() && is_cased(word) {
        sink.push(&word.to_lowercase());
    } else {
        sink.push(word);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{bitmask, simd};

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

    const PLAIN: &[char] = &['a', 'Z', 'q', 'e', '0', '7', ' ', ' ', '\n'];

    /// Characters that the scanner compares with their neighbours, and common ones that it must not treat as
    /// rare.
    const MIDDLE: &[char] = &[
        '_', '\'', '.', ':', ',', ';', '-', 'é', 'É', 'ß', 'Σ', 'σ', 'ж', 'Ж', '\u{2019}', '\u{2018}',
        '\u{b7}', '\u{37e}', '\u{66c}', '\u{660}', '\u{2014}', '“', '\u{a0}', 'İ', '\u{ff0e}', '\u{212a}',
    ];

    fn hostile_text() -> impl Strategy<Value = String> {
        let one = prop_oneof![6 => prop::sample::select(HOSTILE), 1 => any::<char>()];
        prop::collection::vec(one, 0..60).prop_map(String::from_iter)
    }

    /// Returns the words by the definition.
    fn defined(text: &str) -> String {
        text.unicode_words().map(|word| word.to_lowercase() + "\n").collect()
    }

    fn ours(text: &str) -> String {
        ours_by(classifier(), PIECE_BYTES, text)
    }

    /// Returns the words in lower case. Checks that those in their own case are the same words.
    fn ours_by(classifier: Classifier, piece_bytes: usize, text: &str) -> String {
        let (mut words, mut kept): (Vec<String>, Vec<String>) = Default::default();
        lowercase_words_by(classifier, piece_bytes, text, &mut words);
        words_by(classifier, piece_bytes, text, |word| kept.push(word.to_lowercase()));
        assert_eq!(words, kept, "{text:?}");
        words.iter().flat_map(|word| [word, "\n"]).collect()
    }

    fn classifiers() -> Vec<Classifier> {
        [simd::classifiers(), vec![bitmask::portable]].concat()
    }

    #[test]
    fn known_words_are_found() {
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
                    assert_eq!(ours(&text), defined(&text), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_million_hostile_texts_have_the_words_of_the_definition() {
        let (mut random, classifiers) = (fastrand::Rng::with_seed(29), classifiers());
        let mut text = String::new();
        for n in 0..1_000_000 {
            text.clear();
            // Most characters are plain, as in real texts: with a rare one in every line, the definition
            // would only be compared with itself.
            let plain = random.u8(0..=20);
            for _ in 0..random.usize(0..90) {
                text.push(match random.u8(0..=20) {
                    0 => *random.choice(HOSTILE).expect("there are some"),
                    kind if kind <= plain => *random.choice(PLAIN).expect("there are some"),
                    _ => *random.choice(MIDDLE).expect("there are some"),
                });
            }
            let (classifier, piece_bytes) = (classifiers[n % classifiers.len()], random.usize(1..200));
            assert_eq!(
                ours_by(classifier, piece_bytes, &text),
                defined(&text),
                "{text:?} in pieces of {piece_bytes}"
            );
        }
    }

    #[test]
    fn every_character_is_treated_as_the_definition_does() {
        for c in '\0'..=char::MAX {
            let text = format!(
                "a{c}a 0{c}0 {c} {c}{c}\n_{c}_{c}a'{c}.0{c},{c}:\né{c}é\u{660}{c}\u{661}’{c}’a{c}·{c}"
            );
            assert_eq!(ours(&text), defined(&text), "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_words_are_exactly_those_of_the_definition(text in hostile_text()) {
            prop_assert_eq!(ours(&text), defined(&text));
        }

        #[test]
        fn ascii_words_are_exactly_those_of_the_definition(text in "[ -~\n\r\t\u{0}]{0,80}|[aZ0_'.,:; ]{0,40}") {
            prop_assert_eq!(ours(&text), defined(&text));
            // With a non-ASCII character in the text, the library uses its code for all of Unicode.
            let mixed = format!("{text}\né");
            prop_assert_eq!(ours(&mixed), defined(&mixed));
        }
    }
}
