//! Classifies bytes with wide registers: the only unsafe code of the workspace.
//!
//! Two operations are unsafe here, for these reasons they are sound:
//!
//! * Calling a function that is compiled for instructions that not every processor has. Each is called only
//!   after `is_x86_feature_detected!` has found the instructions.
//! * Loading 64 or 32 bytes from a pointer. The pointer comes from a reference to an array of 64 bytes, or
//!   points 32 bytes behind its start, so all bytes that are read belong to the array. The loads need no
//!   alignment.
//!
//! The safe twin is [`portable`](crate::bitmask::portable). Tests compare all implementations.

use crate::bitmask::Classifier;

/// Returns the classifiers that this machine supports, the fastest first.
pub(crate) fn classifiers() -> Vec<Classifier> {
    imp::classifiers()
}

/// Returns the classifier for AVX2, or `None` if this machine does not support it.
#[cfg(feature = "bench")]
pub(crate) fn avx2() -> Option<Classifier> {
    imp::avx2_classifier()
}

#[cfg(not(target_arch = "x86_64"))]
mod imp {
    use super::Classifier;

    pub(super) fn classifiers() -> Vec<Classifier> {
        Vec::new()
    }

    #[cfg(feature = "bench")]
    pub(super) fn avx2_classifier() -> Option<Classifier> {
        None
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "see the module documentation")]
mod imp {
    use std::arch::{is_x86_feature_detected, x86_64::*};

    use crate::bitmask::{BLOCK, BlockMasks, Classifier};

    pub(super) fn classifiers() -> Vec<Classifier> {
        let mut classifiers: Vec<Classifier> = Vec::new();
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor supports both.
            classifiers.push(|blocks, masks| unsafe { avx512(blocks, masks) });
        }
        classifiers.extend(avx2_classifier());
        classifiers
    }

    pub(super) fn avx2_classifier() -> Option<Classifier> {
        if !is_x86_feature_detected!("avx2") {
            return None;
        }
        // SAFETY: the processor supports it.
        Some(|blocks, masks| unsafe { avx2(blocks, masks) })
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    fn avx512(blocks: &[[u8; BLOCK]], masks: &mut [BlockMasks]) {
        for (block, masks) in blocks.iter().zip(masks) {
            // SAFETY: the array has 64 bytes.
            let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
            let is = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
            let within = |from: u8, count: u8| {
                let offset = _mm512_sub_epi8(bytes, _mm512_set1_epi8(from.cast_signed()));
                _mm512_cmplt_epu8_mask(offset, _mm512_set1_epi8(count.cast_signed()))
            };
            let both = is(b'\'') | is(b'.');
            *masks = BlockMasks {
                letters: within(b'a', 26),
                digits: within(b'0', 10),
                underscores: is(b'_'),
                join_letters: both | is(b':'),
                join_digits: both | is(b',') | is(b';'),
                leads: within(0xC0, 64),
            };
        }
    }

    #[target_feature(enable = "avx2")]
    fn avx2(blocks: &[[u8; BLOCK]], masks: &mut [BlockMasks]) {
        for (block, masks) in blocks.iter().zip(masks) {
            // SAFETY: the array has 64 bytes.
            let low = unsafe { _mm256_loadu_si256(block.as_ptr().cast()) };
            // SAFETY: 32 bytes follow the first 32.
            let high = unsafe { _mm256_loadu_si256(block.as_ptr().add(32).cast()) };
            let halves = [low, high];
            let (is, within) = (|byte| is(halves, byte), |from, count| within(halves, from, count));
            let both = is(b'\'') | is(b'.');
            *masks = BlockMasks {
                letters: within(b'a', 26),
                digits: within(b'0', 10),
                underscores: is(b'_'),
                join_letters: both | is(b':'),
                join_digits: both | is(b',') | is(b';'),
                leads: within(0xC0, 64),
            };
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn is(halves: [__m256i; 2], byte: u8) -> u64 {
        mask(halves.map(|half| _mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte.cast_signed()))))
    }

    /// AVX2 has no unsigned comparison, so this compares with the minimum: a byte that it does not change is
    /// in range.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn within(halves: [__m256i; 2], from: u8, count: u8) -> u64 {
        let most = _mm256_set1_epi8((count - 1).cast_signed());
        mask(halves.map(|half| {
            let offset = _mm256_sub_epi8(half, _mm256_set1_epi8(from.cast_signed()));
            _mm256_cmpeq_epi8(_mm256_min_epu8(offset, most), offset)
        }))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn mask(halves: [__m256i; 2]) -> u64 {
        let [low, high] = halves.map(|half| u64::from(_mm256_movemask_epi8(half).cast_unsigned()));
        low | high << 32
    }
}
