//! The words of a text: exactly those of UAX #29, lower-cased.
//!
//! The words are `unicode_words()` of the crate `unicode-segmentation` (segments between word boundaries that contain
//! a letter or number), each through [`str::to_lowercase`], as a final sigma depends on the whole word. Nearly all of a
//! text takes a shorter way:
//!
//! 1. A text falls into pieces of about 8 KiB, at line ends where there are any.
//! 2. The ASCII letters of a piece are lower-cased: case does not matter to boundaries.
//! 3. Its bytes become bits, 64 at a time (`masks`, `wide`): letter, digit, low line, what joins letters, what joins
//!    digits, first byte of a longer character.
//! 4. Each longer character is looked up in a table (`class`) that `build.rs` makes from `unicode-segmentation` itself.
//!    A letter or digit sets the bits of its bytes; what stands in the middle of a word is compared with its neighbours.
//! 5. The joins of WB6, WB7, WB11 and WB12 are shifts; letters, digits, low lines and joins are the words (`scan`).
//! 6. A character of any other kind (a mark, an ideograph, Hebrew, Katakana, ½, all of four bytes) sends its whole line
//!    to `unicode_words()`.
//! 7. Where a bit changes, a word begins or ends. Words of up to 12 bytes are counted by value, without a look at
//!    memory elsewhere (`tally`).
//!
//! Two facts of UAX #29 (§4.1.1) make the pieces exact:
//!
//! * Both sides of a line feed are boundaries whatever stands around (WB3a and WB3b come before every rule that
//!   ignores or joins characters, WB4 included), so lines can be treated one by one.
//! * Between a space and an ASCII letter or digit is a boundary: WB3d joins spaces only with spaces, WB4 joins only
//!   extending characters to what is before them, and every rule from WB5 on that forbids a break has a letter,
//!   digit, mark of a word, or low line on the side where the space is. For the same reason no rule looks past it. So
//!   a piece of a line that is longer than a piece may end there.

mod class;
mod masks;
mod scan;
mod wide;

use std::{array, ops::Range};

use unicode_segmentation::{UNICODE_VERSION, UnicodeSegmentation};

use crate::{
    options::Case,
    processor::Identity,
    tally::{SHORT_BYTES, ShortToken, TokenHasher},
    tokens::{Batch, Run, Takes, Tokens},
};

use self::{
    class::is_cased,
    masks::Finder,
    scan::{Found, PAD, Scan},
};

/// A piece ends with the last line that ends in so many bytes.
const PIECE_BYTES: usize = 8 << 10;

/// What this tokeniser is called in results. The Unicode versions are those of the word and of the case rules.
pub(crate) fn identity() -> Identity {
    let (a, b, c) = UNICODE_VERSION;
    let (d, e, f) = char::UNICODE_VERSION;
    Identity::new("uax29", 2)
        .with("unicode_words", format!("{a}.{b}.{c}"))
        .with("unicode_case", format!("{d}.{e}.{f}"))
}

/// Gives the words of a text in order: those of UAX #29, lower-cased.
pub fn words(text: &str, tokens: &mut Tokens) {
    words_in(Case::Lower, text, tokens);
}

/// The words of a text in order, for users who want them in hand.
///
/// ```
/// assert_eq!(process::uax29::list("The CAT’s 3.14"), ["the", "cat’s", "3.14"]);
/// ```
#[must_use]
pub fn list(text: &str) -> Vec<String> {
    let mut tokens = Tokens::new(TokenHasher::default(), text.len());
    words(text, &mut tokens);
    tokens.each().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The same in this case.
pub(crate) fn words_in(case: Case, text: &str, tokens: &mut Tokens) {
    words_by(masks::finder(), PIECE_BYTES, case, text, tokens);
}

/// A way to find the words, other than the fastest of this machine: for benchmarks.
#[cfg(feature = "bench")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The one for machines with AVX2.
    Avx2,
    /// The one for every machine.
    Portable,
}

#[cfg(feature = "bench")]
impl Way {
    /// Takes this way from now on, in the whole process. False where the machine has it not, or where words were found
    /// before.
    #[must_use]
    pub fn choose(self) -> bool {
        match self {
            Self::Avx2 => wide::avx2().is_some_and(masks::choose),
            Self::Portable => masks::choose(masks::portable),
        }
    }
}

fn words_by(finder: Finder, piece_bytes: usize, case: Case, mut text: &str, tokens: &mut Tokens) {
    let mut scan = Scan::new(finder);
    while !text.is_empty() {
        let (piece, rest) = text.split_at(piece_len(text, piece_bytes));
        scan.take(piece);
        let mut at = 0;
        for line in scan.rare() {
            words_by_bits(&scan, piece, at..line.start, case, tokens);
            defined_words(&piece[line.clone()], case, tokens);
            at = line.end;
        }
        words_by_bits(&scan, piece, at..piece.len(), case, tokens);
        text = rest;
    }
}

/// Where a piece of about this size ends: after its last line feed; else between a space and an ASCII letter or digit,
/// the last within it or the first after it; else with the text.
fn piece_len(text: &str, piece_bytes: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes.len() <= piece_bytes {
        return bytes.len();
    }
    let is_cut = |pair: &[u8]| pair[0] == b' ' && pair[1].is_ascii_alphanumeric();
    let (before, after) = bytes.split_at(piece_bytes);
    let within = || before.windows(2).rposition(is_cut).map(|at| at + 1);
    let beyond = || {
        let is_end = |pair: &[u8]| pair[0] == b'\n' || is_cut(pair);
        after.windows(2).position(is_end).map(|at| piece_bytes + at + 1)
    };
    memchr::memrchr(b'\n', before).map(|at| at + 1).or_else(within).or_else(beyond).unwrap_or(bytes.len())
}

/// The words that were found by bits.
fn words_by_bits(scan: &Scan, piece: &str, range: Range<usize>, case: Case, tokens: &mut Tokens) {
    let bytes = scan.bytes();
    let mut batch: Batch = array::from_fn(|_| ShortToken::default());
    match (case, tokens.takes()) {
        (Case::Lower, Takes::Lines) => {
            scan.words(range, &mut LowerWords::<true>::new(bytes, tokens, &mut batch))
        }
        (Case::Lower, Takes::Counts) => {
            scan.words(range, &mut LowerWords::<false>::new(bytes, tokens, &mut batch))
        }
        (Case::Lower, Takes::Filtered) => {
            scan.words(range, &mut |start, end| other_word(&bytes[start..end], tokens));
        }
        (Case::Kept, _) => scan.words(range, &mut |start, end| {
            let word: &str = &piece[start..end];
            if !is_low_lines(word.as_bytes()) {
                tokens.push(word);
            }
        }),
    }
}

/// A segment of nothing but low lines is no word.
#[inline]
fn is_low_lines(word: &[u8]) -> bool {
    word[0] == b'_' && word.iter().all(|byte| *byte == b'_')
}

/// Takes words whose ASCII letters are in lower case.
struct LowerWords<'s, 't, const LINES: bool> {
    /// The text, and [`PAD`] bytes behind it.
    bytes: &'s [u8],
    run: Run<'t, LINES>,
}

impl<'s, 't, const LINES: bool> LowerWords<'s, 't, LINES> {
    fn new(bytes: &'s [u8], tokens: &'t mut Tokens, batch: &'t mut Batch) -> Self {
        Self { bytes, run: Run::of(tokens, batch) }
    }

    /// The first bytes of a word, then zeros, as two numbers.
    #[inline]
    fn first(&self, start: usize, len: usize) -> [u64; 2] {
        let first: &[u8; PAD] = self.bytes[start..].first_chunk().expect("so many bytes follow every word");
        let (halves, _) = first.as_chunks();
        let masks = FIRST[len.min(SHORT_BYTES)];
        [0, 1].map(|half| u64::from_le_bytes(halves[half]) & masks[half])
    }
}

impl<const LINES: bool> Found for LowerWords<'_, '_, LINES> {
    #[inline(always)]
    fn plain(&mut self, start: usize, end: usize) {
        let len = end - start;
        if len <= SHORT_BYTES {
            let [low, high] = self.first(start, len);
            self.run.push_short(ShortToken::of_parts(low, high as u32), len);
        } else {
            self.run.pause(|tokens| other_word(&self.bytes[start..end], tokens));
        }
    }

    #[inline]
    fn any(&mut self, start: usize, end: usize) {
        let first = self.first(start, end - start);
        if (first[0] | first[1]) & NOT_ASCII == 0 && first[0] as u8 != b'_' {
            self.plain(start, end);
        } else {
            self.run.pause(|tokens| other_word(&self.bytes[start..end], tokens));
        }
    }
}

/// The first so many bytes of sixteen, as two numbers.
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

/// The bits of a byte beyond ASCII, eight times.
const NOT_ASCII: u64 = u64::from_ne_bytes([0x80; 8]);

/// A word whose ASCII letters are in lower case; or low lines, which are none.
#[inline(never)]
fn other_word(word: &[u8], tokens: &mut Tokens) {
    if is_low_lines(word) {
        return;
    }
    let word = std::str::from_utf8(word).expect("words are whole characters");
    if !word.is_ascii() && is_cased(word) {
        tokens.push(&word.to_lowercase());
    } else {
        tokens.push(word);
    }
}

/// The words by the definition.
fn defined_words(line: &str, case: Case, tokens: &mut Tokens) {
    for word in line.unicode_words() {
        match case {
            Case::Lower => tokens.push(&word.to_lowercase()),
            Case::Kept => tokens.push(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    /// What the short way treats with care, and what it must not take for rare.
    const MIDDLE: &[char] = &[
        '_', '\'', '.', ':', ',', ';', '-', 'é', 'É', 'ß', 'Σ', 'σ', 'ж', 'Ж', '\u{2019}', '\u{2018}',
        '\u{b7}', '\u{37e}', '\u{66c}', '\u{660}', '\u{2014}', '“', '\u{a0}', 'İ', '\u{ff0e}', '\u{212a}',
    ];

    fn hostile_text() -> impl Strategy<Value = String> {
        let one = prop_oneof![6 => prop::sample::select(HOSTILE), 1 => any::<char>()];
        prop::collection::vec(one, 0..60).prop_map(String::from_iter)
    }

    fn naive(text: &str) -> String {
        text.unicode_words().map(|word| word.to_lowercase() + "\n").collect()
    }

    fn ours(text: &str) -> String {
        ours_by(masks::finder(), PIECE_BYTES, text)
    }

    fn ours_by(finder: Finder, piece_bytes: usize, text: &str) -> String {
        in_case(Case::Lower, finder, piece_bytes, text)
    }

    fn in_case(case: Case, finder: Finder, piece_bytes: usize, text: &str) -> String {
        let mut tokens = Tokens::new(TokenHasher::default(), text.len());
        words_by(finder, piece_bytes, case, text, &mut tokens);
        String::from_utf8(tokens.lines().to_vec()).unwrap()
    }

    /// Every way to find masks, with pieces smaller than most texts.
    fn finders() -> Vec<Finder> {
        [wide::finders(), vec![masks::portable]].concat()
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

    #[test]
    fn a_million_hostile_texts_have_the_words_of_the_definition() {
        let (mut random, finders) = (fastrand::Rng::with_seed(29), finders());
        let mut text = String::new();
        for n in 0..1_000_000 {
            text.clear();
            // Most are plain, as in real texts: where all is rare, the definition is compared with itself.
            let plain = random.u8(0..=20);
            for _ in 0..random.usize(0..90) {
                text.push(match random.u8(0..=20) {
                    0 => *random.choice(HOSTILE).expect("there are some"),
                    kind if kind <= plain => *random.choice(PLAIN).expect("there are some"),
                    _ => *random.choice(MIDDLE).expect("there are some"),
                });
            }
            let (finder, piece_bytes) = (finders[n % finders.len()], random.usize(1..200));
            assert_eq!(
                ours_by(finder, piece_bytes, &text),
                naive(&text),
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
            assert_eq!(ours(&text), naive(&text), "{text:?}");
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
