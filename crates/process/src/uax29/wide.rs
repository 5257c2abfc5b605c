//! The masks of a text by wide registers: the only unsafe code of the workspace.
//!
//! Two things are unsafe here, and this is why they hold:
//!
//! * Calling a function that is compiled for instructions which not every processor has. Each is called only where
//!   `is_x86_feature_detected!` has found them.
//! * Loading 64 or 32 bytes from a pointer. The pointer is that of a reference to an array of 64 bytes, or 32 behind it,
//!   so all bytes that are read belong to the array; the loads used need no alignment.
//!
//! The safe twin is [`portable`](super::masks::portable); tests hold that all give the same.

use super::masks::Finder;

/// The fastest way that this machine has, if it has any.
pub(super) fn finder() -> Option<Finder> {
    finders().into_iter().next()
}

/// All ways that this machine has, the fastest first.
pub(super) fn finders() -> Vec<Finder> {
    imp::finders()
}

/// The way for machines with AVX2; none where this is no such machine.
#[cfg(feature = "bench")]
pub(super) fn avx2() -> Option<Finder> {
    imp::avx2_finder()
}

#[cfg(not(target_arch = "x86_64"))]
mod imp {
    use super::Finder;

    pub(super) fn finders() -> Vec<Finder> {
        Vec::new()
    }

    #[cfg(feature = "bench")]
    pub(super) fn avx2_finder() -> Option<Finder> {
        None
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "see above")]
mod imp {
    use std::arch::{is_x86_feature_detected, x86_64::*};

    use super::{
        super::masks::{BLOCK, Masks},
        Finder,
    };

    pub(super) fn finders() -> Vec<Finder> {
        let mut finders: Vec<Finder> = Vec::new();
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has both.
            finders.push(|blocks, masks| unsafe { avx512(blocks, masks) });
        }
        finders.extend(avx2_finder());
        finders
    }

    pub(super) fn avx2_finder() -> Option<Finder> {
        if !is_x86_feature_detected!("avx2") {
            return None;
        }
        // SAFETY: the processor has it.
        Some(|blocks, masks| unsafe { avx2(blocks, masks) })
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    fn avx512(blocks: &[[u8; BLOCK]], masks: &mut [Masks]) {
        for (block, masks) in blocks.iter().zip(masks) {
            // SAFETY: the array has 64 bytes.
            let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
            let is = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
            let within = |from: u8, count: u8| {
                let offset = _mm512_sub_epi8(bytes, _mm512_set1_epi8(from.cast_signed()));
                _mm512_cmplt_epu8_mask(offset, _mm512_set1_epi8(count.cast_signed()))
            };
            let both = is(b'\'') | is(b'.');
            *masks = Masks {
                letters: within(b'a', 26),
                digits: within(b'0', 10),
                low_lines: is(b'_'),
                join_letters: both | is(b':'),
                join_digits: both | is(b',') | is(b';'),
                leads: within(0xC0, 64),
            };
        }
    }

    #[target_feature(enable = "avx2")]
    fn avx2(blocks: &[[u8; BLOCK]], masks: &mut [Masks]) {
        for (block, masks) in blocks.iter().zip(masks) {
            // SAFETY: the array has 64 bytes.
            let low = unsafe { _mm256_loadu_si256(block.as_ptr().cast()) };
            // SAFETY: 32 bytes follow the first 32.
            let high = unsafe { _mm256_loadu_si256(block.as_ptr().add(32).cast()) };
            let halves = [low, high];
            let (is, within) = (|byte| is(halves, byte), |from, count| within(halves, from, count));
            let both = is(b'\'') | is(b'.');
            *masks = Masks {
                letters: within(b'a', 26),
                digits: within(b'0', 10),
                low_lines: is(b'_'),
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

    /// There is no unsigned comparison: a minimum that changes nothing stands for it.
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
