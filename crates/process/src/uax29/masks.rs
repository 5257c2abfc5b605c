//! What the bytes of a text are, 64 of them at a time, as bits.
//!
//! There is one way for every machine, and two for those with wide registers (`wide`), chosen when first used. All give
//! the same.

use std::sync::OnceLock;

use super::wide;

/// Bytes in a block.
pub(super) const BLOCK: usize = 64;

/// Which bytes of a block are what. Bit n is byte n. ASCII letters are in lower case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Masks {
    /// `a` to `z`.
    pub(super) letters: u64,
    /// `0` to `9`.
    pub(super) digits: u64,
    /// `_`, part of a word beside anything.
    pub(super) low_lines: u64,
    /// `'`, `.` and `:`, which join two letters (WB6, WB7).
    pub(super) join_letters: u64,
    /// `'`, `.`, `,` and `;`, which join two digits (WB11, WB12).
    pub(super) join_digits: u64,
    /// First bytes of characters beyond ASCII.
    pub(super) leads: u64,
}

/// Finds the masks of blocks; both have the same length.
pub(super) type Finder = fn(&[[u8; BLOCK]], &mut [Masks]);

static FINDER: OnceLock<Finder> = OnceLock::new();

/// The fastest way on this machine.
pub(super) fn finder() -> Finder {
    *FINDER.get_or_init(|| wide::finder().unwrap_or(portable))
}

/// Takes another way from now on. False where one was taken before.
#[cfg(feature = "bench")]
pub(super) fn choose(finder: Finder) -> bool {
    FINDER.set(finder).is_ok()
}

/// The way for every machine.
pub(super) fn portable(blocks: &[[u8; BLOCK]], masks: &mut [Masks]) {
    for (block, masks) in blocks.iter().zip(masks) {
        let mut found = [0_u64; 6];
        for (at, byte) in block.iter().enumerate() {
            let kinds = KINDS[usize::from(*byte)];
            for (kind, found) in found.iter_mut().enumerate() {
                *found |= u64::from(kinds >> kind & 1) << at;
            }
        }
        let [letters, digits, low_lines, join_letters, join_digits, leads] = found;
        *masks = Masks { letters, digits, low_lines, join_letters, join_digits, leads };
    }
}

/// For each byte the masks it is in, the first as the lowest bit.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' => 1,
            b'0'..=b'9' => 1 << 1,
            b'_' => 1 << 2,
            b'\'' | b'.' => 1 << 3 | 1 << 4,
            b':' => 1 << 3,
            b',' | b';' => 1 << 4,
            0xC0.. => 1 << 5,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masks(finder: Finder, blocks: &[[u8; BLOCK]]) -> Vec<Masks> {
        let mut masks = vec![Masks::default(); blocks.len()];
        finder(blocks, &mut masks);
        masks
    }

    #[test]
    fn every_byte_is_found_at_every_place_by_every_way() {
        for byte in 0..=255_u8 {
            for at in 0..BLOCK {
                let mut block = [b' '; BLOCK];
                block[at] = byte;
                let expected = masks(portable, &[block]);
                for finder in wide::finders() {
                    assert_eq!(masks(finder, &[block]), expected, "{byte} at {at}");
                }
                let kinds = KINDS[usize::from(byte)];
                let Masks { letters, digits, low_lines, join_letters, join_digits, leads } = expected[0];
                let found = [letters, digits, low_lines, join_letters, join_digits, leads];
                for (kind, mask) in found.into_iter().enumerate() {
                    assert_eq!(mask, u64::from(kinds >> kind & 1) << at);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn all_ways_give_the_same(bytes in prop::collection::vec(any::<u8>(), 3 * BLOCK)) {
            let (blocks, _) = bytes.as_chunks::<BLOCK>();
            for finder in wide::finders() {
                prop_assert_eq!(masks(finder, blocks), masks(portable, blocks));
            }
        }
    }
}
