//! Classifies the bytes of a text, 64 at a time, into bit masks.
//!
//! This is the implementation for every machine. Those for machines with wide registers are in `simd`.

/// The number of bytes in a block.
pub(crate) const BLOCK: usize = 64;

/// The classes of the bytes of a block, in which ASCII letters are in lower case. Bit n stands for byte n.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BlockMasks {
    /// `a` to `z`.
    pub(crate) letters: u64,
    /// `0` to `9`.
    pub(crate) digits: u64,
    /// `_`, which is part of a word next to any character.
    pub(crate) underscores: u64,
    /// `'`, `.` and `:`, which join two letters (WB6, WB7).
    pub(crate) join_letters: u64,
    /// `'`, `.`, `,` and `;`, which join two digits (WB11, WB12).
    pub(crate) join_digits: u64,
    /// The first bytes of non-ASCII characters.
    pub(crate) leads: u64,
}

/// Writes the masks of each block. Both slices have the same length.
pub(crate) type Classifier = fn(&[[u8; BLOCK]], &mut [BlockMasks]);

/// The classifier for every machine.
pub(crate) fn portable(blocks: &[[u8; BLOCK]], masks: &mut [BlockMasks]) {
    for (block, masks) in blocks.iter().zip(masks) {
        let mut found = [0_u64; 6];
        for (at, byte) in block.iter().enumerate() {
            let kinds = KINDS[usize::from(*byte)];
            for (kind, found) in found.iter_mut().enumerate() {
                *found |= u64::from(kinds >> kind & 1) << at;
            }
        }
        let [letters, digits, underscores, join_letters, join_digits, leads] = found;
        *masks = BlockMasks { letters, digits, underscores, join_letters, join_digits, leads };
    }
}

/// The masks to which each byte belongs, the first mask in the lowest bit.
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
            // Continuation bytes (0x80 to 0xBF) belong to no mask: their first byte stands for the character.
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
    use crate::simd;

    fn masks(classifier: Classifier, blocks: &[[u8; BLOCK]]) -> Vec<BlockMasks> {
        let mut masks = vec![BlockMasks::default(); blocks.len()];
        classifier(blocks, &mut masks);
        masks
    }

    #[test]
    fn every_implementation_classifies_every_byte_at_every_position() {
        for byte in 0..=255_u8 {
            for at in 0..BLOCK {
                let mut block = [b' '; BLOCK];
                block[at] = byte;
                let expected = masks(portable, &[block]);
                for classifier in simd::classifiers() {
                    assert_eq!(masks(classifier, &[block]), expected, "{byte} at {at}");
                }
                let kinds = KINDS[usize::from(byte)];
                let BlockMasks { letters, digits, underscores, join_letters, join_digits, leads } =
                    expected[0];
                let found = [letters, digits, underscores, join_letters, join_digits, leads];
                for (kind, mask) in found.into_iter().enumerate() {
                    assert_eq!(mask, u64::from(kinds >> kind & 1) << at);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn all_implementations_return_the_same_masks(bytes in prop::collection::vec(any::<u8>(), 3 * BLOCK)) {
            let (blocks, _) = bytes.as_chunks::<BLOCK>();
            for classifier in simd::classifiers() {
                prop_assert_eq!(masks(classifier, blocks), masks(portable, blocks));
            }
        }
    }
}
