//! Zstandard streams of any number of frames (RFC 8878 §3.1), skippable ones included.
//!
//! Checksums and announced lengths are verified if a frame has them. A stream that ends within a frame, or
//! before the first one, is an error.

use std::io::BufRead;

use zstd::Decoder;

/// The base-2 logarithm of the largest accepted window: 8 MiB (RFC 9659), which `zstd -19` needs. It bounds
/// the memory.
const WINDOW_LOG_MAX: u32 = 23;
const FRAME: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;

/// Returns whether a stream that begins with these four bytes is Zstandard.
#[must_use]
pub fn is_magic(bytes: &[u8]) -> bool {
    let magic = bytes.try_into().map(u32::from_le_bytes);
    magic.is_ok_and(|magic| magic == FRAME || magic & !0xf == SKIPPABLE)
}

/// Returns a reader of the content of all frames. It holds one window of at most 8 MiB.
pub fn decoder<R: BufRead>(input: R) -> Decoder<'static, R> {
    let mut decoder = Decoder::with_buffer(input).expect("a decoder without a dictionary always starts");
    decoder.window_log_max(WINDOW_LOG_MAX).expect("the window limit is within what zstd supports");
    decoder
}
