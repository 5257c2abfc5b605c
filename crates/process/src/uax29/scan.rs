//! Where the words of a piece of text stand, as bits: the rules of UAX #29 by shifts.

use super::{
    class::{Class, ascii_class, class},
    masks::{BLOCK, Finder, Masks},
};

/// Bytes that can be read behind a word, wherever it begins.
pub(super) const PAD: usize = 16;

/// A piece of text, and what was found in it. Its memory is used for one piece after another.
#[derive(Debug)]
pub(super) struct Scan {
    finder: Finder,
    /// The piece with ASCII letters in lower case, then zeros to the end of a block, and [`PAD`] more.
    bytes: Vec<u8>,
    masks: Vec<Masks>,
    /// Bytes that are within a word, where its line has no rare character.
    words: Vec<u64>,
    /// Bytes within words by which a word is not plain: low lines, and first bytes of characters beyond ASCII.
    odd: Vec<u64>,
    /// Lines with rare characters, in order.
    rare: Vec<std::ops::Range<usize>>,
}

/// Is told of words, in order, by where they begin and end.
pub(super) trait Found {
    /// A word that has no low line and nothing beyond ASCII; or one of more than a block.
    fn plain(&mut self, start: usize, end: usize);

    /// A word that may have.
    fn any(&mut self, start: usize, end: usize);
}

impl<F: FnMut(usize, usize)> Found for F {
    fn plain(&mut self, start: usize, end: usize) {
        self(start, end);
    }

    fn any(&mut self, start: usize, end: usize) {
        self(start, end);
    }
}

impl Scan {
    pub(super) fn new(finder: Finder) -> Self {
        Self {
            finder,
            bytes: Vec::new(),
            masks: Vec::new(),
            words: Vec::new(),
            odd: Vec::new(),
            rare: Vec::new(),
        }
    }

    /// Takes a piece that begins and ends at boundaries.
    pub(super) fn take(&mut self, piece: &str) {
        // One block more than it fills, so that what follows it is there too.
        let blocks = piece.len() / BLOCK + 1;
        self.bytes.clear();
        self.bytes.extend_from_slice(piece.as_bytes());
        self.bytes.make_ascii_lowercase();
        self.bytes.resize(blocks * BLOCK + PAD, 0);
        self.masks.clear();
        self.masks.resize(blocks + 1, Masks::default());
        let (whole, _) = self.bytes.as_chunks::<BLOCK>();
        (self.finder)(&whole[..blocks], &mut self.masks[..blocks]);
        self.rare.clear();
        self.add_beyond_ascii(piece);
        self.join();
    }

    /// The piece, with what can be read behind it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lines with rare characters, in order.
    pub(super) fn rare(&self) -> &[std::ops::Range<usize>] {
        &self.rare
    }

    /// Tells of each word that stands in the range, which begins and ends where lines do.
    #[inline]
    pub(super) fn words(&self, range: std::ops::Range<usize>, found: &mut impl Found) {
        let (first, last) = (range.start / BLOCK, range.end / BLOCK);
        // Where the word begins that ends next; whether it began before the block.
        let (mut start, mut before) = (0, 0);
        for block in first..=last {
            let mut bits = self.words[block];
            if block == first {
                bits &= u64::MAX << (range.start % BLOCK);
            }
            if block == last {
                // The bit at the end of the range is none, so the last word ends there.
                bits &= !(u64::MAX << (range.end % BLOCK));
            }
            let shifted = bits << 1 | before;
            let (mut starts, mut ends) = (bits & !shifted, !bits & shifted);
            let next = |bits: &mut u64| {
                let at = block * BLOCK + bits.trailing_zeros() as usize;
                *bits &= bits.wrapping_sub(1);
                at
            };
            if before == 0 {
                start = next(&mut starts);
            }
            let is_plain = self.odd[block] == 0 && (before == 0 || self.odd[block - 1] == 0);
            if is_plain {
                while ends != 0 {
                    found.plain(start, next(&mut ends));
                    start = next(&mut starts);
                }
            } else {
                while ends != 0 {
                    found.any(start, next(&mut ends));
                    start = next(&mut starts);
                }
            }
            before = bits >> (BLOCK - 1);
        }
    }

    /// Puts the characters beyond ASCII into the masks.
    fn add_beyond_ascii(&mut self, piece: &str) {
        let mut from = 0;
        for block in 0..self.masks.len() {
            let mut leads = self.masks[block].leads;
            while leads != 0 {
                let at = block * BLOCK + leads.trailing_zeros() as usize;
                leads &= leads - 1;
                if at >= from && self.add(at) == Class::Rare {
                    let line = line_around(piece.as_bytes(), at);
                    from = line.end;
                    self.rare.push(line);
                }
            }
        }
    }

    fn add(&mut self, at: usize) -> Class {
        let (point, length) = character(&self.bytes, at);
        let class = class(point);
        let is_word = match class {
            Class::Other | Class::Rare => false,
            Class::Letter => {
                set(&mut self.masks, at, length, |masks| &mut masks.letters);
                false
            }
            Class::Digit => {
                set(&mut self.masks, at, length, |masks| &mut masks.digits);
                false
            }
            Class::MidLetter => self.stands_between(Class::Letter, at, length),
            Class::MidNumber => self.stands_between(Class::Digit, at, length),
            Class::MidBoth => {
                self.stands_between(Class::Letter, at, length)
                    || self.stands_between(Class::Digit, at, length)
            }
        };
        if is_word {
            // It is part of a word, and lets nothing else join.
            set(&mut self.masks, at, length, |masks| &mut masks.low_lines);
        }
        class
    }

    fn stands_between(&self, both: Class, at: usize, length: usize) -> bool {
        class_before(&self.bytes, at) == both && class_at(&self.bytes, at + length) == both
    }

    /// From what the bytes are to which are within words.
    fn join(&mut self) {
        self.words.clear();
        self.odd.clear();
        let mut before = Masks::default();
        for pair in self.masks.windows(2) {
            let (masks, after) = (&pair[0], &pair[1]);
            let between = |kind: fn(&Masks) -> u64| {
                let left = kind(masks) << 1 | kind(&before) >> (BLOCK - 1);
                let right = kind(masks) >> 1 | kind(after) << (BLOCK - 1);
                left & right
            };
            let joins = masks.join_letters & between(|masks| masks.letters)
                | masks.join_digits & between(|masks| masks.digits);
            let words = masks.letters | masks.digits | masks.low_lines | joins;
            self.words.push(words);
            self.odd.push(words & (masks.low_lines | masks.leads));
            before = *masks;
        }
    }
}

/// Sets the bits of a character in one of the masks; it may reach into the next block.
fn set(masks: &mut [Masks], at: usize, length: usize, kind: impl Fn(&mut Masks) -> &mut u64) {
    let bits = u128::from(u64::MAX >> (BLOCK - length)) << (at % BLOCK);
    *kind(&mut masks[at / BLOCK]) |= bits as u64;
    if bits >> BLOCK != 0 {
        *kind(&mut masks[at / BLOCK + 1]) |= (bits >> BLOCK) as u64;
    }
}

/// The line that holds this place, with its line feed.
fn line_around(piece: &[u8], at: usize) -> std::ops::Range<usize> {
    let start = memchr::memrchr(b'\n', &piece[..at]).map_or(0, |before| before + 1);
    let end = memchr::memchr(b'\n', &piece[at..]).map_or(piece.len(), |after| at + after + 1);
    start..end
}

/// The character beyond ASCII that begins at this place, and how many bytes it has. One of four bytes is told by a
/// number that no character of fewer has.
fn character(bytes: &[u8], at: usize) -> (u32, usize) {
    let low = |n: usize| u32::from(bytes[at + n] & 0x3F);
    let lead = u32::from(bytes[at]);
    match lead {
        0..0xE0 => ((lead & 0x1F) << 6 | low(1), 2),
        0xE0..0xF0 => ((lead & 0xF) << 12 | low(1) << 6 | low(2), 3),
        _ => (u32::MAX, 4),
    }
}

fn class_at(bytes: &[u8], at: usize) -> Class {
    if bytes[at].is_ascii() { ascii_class(bytes[at]) } else { class(character(bytes, at).0) }
}

fn class_before(bytes: &[u8], at: usize) -> Class {
    let is_first = |at: &usize| bytes[*at] & 0xC0 != 0x80;
    (0..at).rev().find(is_first).map_or(Class::Other, |before| class_at(bytes, before))
}
