//! Finds the words of a piece of text: applies the rules of UAX #29 to bit masks, by shifts.

use std::ops::Range;

use crate::{
    bitmask::{BLOCK, BlockMasks, Classifier},
    char_class::{CharClass, ascii_class, class},
};

/// The number of bytes that can be read from the start of every word.
pub(crate) const PAD: usize = 16;

/// A piece of text and its words. The memory is reused from piece to piece.
#[derive(Debug)]
pub(crate) struct WordScanner {
    classifier: Classifier,
    /// The piece with ASCII letters in lower case, then zeros up to the end of a block, then [`PAD`] zeros.
    bytes: Vec<u8>,
    masks: Vec<BlockMasks>,
    /// The bytes that are within a word, valid for lines without rare characters.
    words: Vec<u64>,
    /// The bytes within words that need care: underscores, and first bytes of non-ASCII characters.
    special: Vec<u64>,
    /// The lines with rare characters, in order.
    rare: Vec<Range<usize>>,
}

/// Receives the words in order, each by its start and end in the piece.
pub(crate) trait RangeSink {
    /// Takes a word that is ASCII without underscores, or one that is longer than a block.
    fn plain(&mut self, start: usize, end: usize);

    /// Takes a word that may contain underscores and non-ASCII characters.
    fn any(&mut self, start: usize, end: usize);
}

impl<F: FnMut(usize, usize)> RangeSink for F {
    fn plain(&mut self, start: usize, end: usize) {
        self(start, end);
    }

    fn any(&mut self, start: usize, end: usize) {
        self(start, end);
    }
}

impl WordScanner {
    pub(crate) fn new(classifier: Classifier) -> Self {
        Self {
            classifier,
            bytes: Vec::new(),
            masks: Vec::new(),
            words: Vec::new(),
            special: Vec::new(),
            rare: Vec::new(),
        }
    }

    /// Finds the words of a piece that begins and ends at word boundaries.
    pub(crate) fn scan(&mut self, piece: &str) {
        // One block more than the piece fills: `join` looks at the block after each.
        let blocks = piece.len() / BLOCK + 1;
        self.bytes.clear();
        self.bytes.extend_from_slice(piece.as_bytes());
        self.bytes.make_ascii_lowercase();
        self.bytes.resize(blocks * BLOCK + PAD, 0);
        self.masks.clear();
        self.masks.resize(blocks + 1, BlockMasks::default());
        let (whole, _) = self.bytes.as_chunks::<BLOCK>();
        (self.classifier)(&whole[..blocks], &mut self.masks[..blocks]);
        self.rare.clear();
        self.add_non_ascii(piece);
        self.join();
    }

    /// Returns the piece and the zeros behind it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the lines with rare characters, in order.
    pub(crate) fn rare(&self) -> &[Range<usize>] {
        &self.rare
    }

    /// Passes each word in `range` to `sink`. The range begins and ends with lines, or with the piece.
    #[inline]
    pub(crate) fn words(&self, range: Range<usize>, sink: &mut impl RangeSink) {
        let (first, last) = (range.start / BLOCK, range.end / BLOCK);
        // The start of the word that ends next, and a bit that is set if a word reaches over from the block
        // before.
        let (mut start, mut before) = (0, 0);
        for block in first..=last {
            let mut bits = self.words[block];
            if block == first {
                bits &= u64::MAX << (range.start % BLOCK);
            }
            if block == last {
                // The bit at the end of the range is cleared, so the last word ends there at the latest.
                bits &= !(u64::MAX << (range.end % BLOCK));
            }
            let shifted = bits << 1 | before;
            let (mut starts, mut ends) = (bits & !shifted, !bits & shifted);
            let next = |bits: &mut u64| {
                let at = block * BLOCK + bits.trailing_zeros() as usize;
                *bits &= bits.wrapping_sub(1);
                at
            };
            // Without a word from the block before, the first end belongs to the first start. If there is no
            // start, the value is never used.
            if before == 0 {
                start = next(&mut starts);
            }
            // Only the block of a word's end and the block before are checked. A word that is longer than
            // that is never short, and for long words `plain` checks the bytes.
            let is_plain = self.special[block] == 0 && (before == 0 || self.special[block - 1] == 0);
            if is_plain {
                while ends != 0 {
                    sink.plain(start, next(&mut ends));
                    start = next(&mut starts);
                }
            } else {
                while ends != 0 {
                    sink.any(start, next(&mut ends));
                    start = next(&mut starts);
                }
            }
            before = bits >> (BLOCK - 1);
        }
    }

    /// Adds the non-ASCII characters to the masks.
    fn add_non_ascii(&mut self, piece: &str) {
        let mut from = 0;
        for block in 0..self.masks.len() {
            let mut leads = self.masks[block].leads;
            while leads != 0 {
                let at = block * BLOCK + leads.trailing_zeros() as usize;
                leads &= leads - 1;
                // The rest of a line with a rare character is skipped: the whole line goes to the library.
                if at >= from && self.add(at) == CharClass::Rare {
                    let line = line_around(piece.as_bytes(), at);
                    from = line.end;
                    self.rare.push(line);
                }
            }
        }
    }

    /// Adds the character that begins at `at` to the masks, and returns its class.
    fn add(&mut self, at: usize) -> CharClass {
        let (point, length) = character(&self.bytes, at);
        let class = class(point);
        let is_word = match class {
            CharClass::Other | CharClass::Rare => false,
            CharClass::Letter => {
                set(&mut self.masks, at, length, |masks| &mut masks.letters);
                false
            }
            CharClass::Digit => {
                set(&mut self.masks, at, length, |masks| &mut masks.digits);
                false
            }
            CharClass::MidLetter => self.is_between(CharClass::Letter, at, length),
            CharClass::MidNumber => self.is_between(CharClass::Digit, at, length),
            CharClass::MidBoth => {
                self.is_between(CharClass::Letter, at, length)
                    || self.is_between(CharClass::Digit, at, length)
            }
        };
        if is_word {
            // It joins its neighbours, so it counts as an underscore: part of a word, and not a letter or
            // digit that another character could join.
            set(&mut self.masks, at, length, |masks| &mut masks.underscores);
        }
        class
    }

    fn is_between(&self, both: CharClass, at: usize, length: usize) -> bool {
        class_before(&self.bytes, at) == both && class_at(&self.bytes, at + length) == both
    }

    /// Computes from the classes of the bytes which bytes are within words.
    fn join(&mut self) {
        self.words.clear();
        self.special.clear();
        let mut before = BlockMasks::default();
        for pair in self.masks.windows(2) {
            let (masks, after) = (&pair[0], &pair[1]);
            // The bits whose neighbours on both sides are set, also across the edges of the block.
            let between = |kind: fn(&BlockMasks) -> u64| {
                let left = kind(masks) << 1 | kind(&before) >> (BLOCK - 1);
                let right = kind(masks) >> 1 | kind(after) << (BLOCK - 1);
                left & right
            };
            let joins = masks.join_letters & between(|masks| masks.letters)
                | masks.join_digits & between(|masks| masks.digits);
            let words = masks.letters | masks.digits | masks.underscores | joins;
            self.words.push(words);
            self.special.push(words & (masks.underscores | masks.leads));
            before = *masks;
        }
    }
}

/// Sets the bits of a character in one of the masks. The character may reach into the next block.
fn set(masks: &mut [BlockMasks], at: usize, length: usize, kind: impl Fn(&mut BlockMasks) -> &mut u64) {
    let bits = u128::from(u64::MAX >> (BLOCK - length)) << (at % BLOCK);
    *kind(&mut masks[at / BLOCK]) |= bits as u64;
    if bits >> BLOCK != 0 {
        *kind(&mut masks[at / BLOCK + 1]) |= (bits >> BLOCK) as u64;
    }
}

/// Returns the line that contains `at`, with its line feed.
fn line_around(piece: &[u8], at: usize) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &piece[..at]).map_or(0, |before| before + 1);
    let end = memchr::memchr(b'\n', &piece[at..]).map_or(piece.len(), |after| at + after + 1);
    start..end
}

/// Returns the code point of the non-ASCII character that begins at `at`, and its length in bytes. The code
/// point of a character of four bytes is not decoded: all of them are rare, and so is `u32::MAX`.
fn character(bytes: &[u8], at: usize) -> (u32, usize) {
    let low = |n: usize| u32::from(bytes[at + n] & 0x3F);
    let lead = u32::from(bytes[at]);
    match lead {
        0..0xE0 => ((lead & 0x1F) << 6 | low(1), 2),
        0xE0..0xF0 => ((lead & 0xF) << 12 | low(1) << 6 | low(2), 3),
        _ => (u32::MAX, 4),
    }
}

fn class_at(bytes: &[u8], at: usize) -> CharClass {
    if bytes[at].is_ascii() { ascii_class(bytes[at]) } else { class(character(bytes, at).0) }
}

fn class_before(bytes: &[u8], at: usize) -> CharClass {
    let is_first = |at: &usize| bytes[*at] & 0xC0 != 0x80;
    (0..at).rev().find(is_first).map_or(CharClass::Other, |before| class_at(bytes, before))
}
