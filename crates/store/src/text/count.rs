//! Counts the bytes that pass a test.

/// Counts the bytes that pass a test.
pub(crate) fn count(bytes: &[u8], test: impl Fn(u8) -> bool) -> u64 {
    // A run of 255 cannot overflow a byte. The compiler turns additions of bytes into wide instructions,
    // which are four times as fast as counting in 64 bits, and half of a first reading is counting.
    let run = |run: &[u8]| run.iter().map(|byte| u8::from(test(*byte))).sum::<u8>();
    bytes.chunks(255).map(|bytes| u64::from(run(bytes))).sum()
}

/// Returns the number of line ends in a text.
pub(crate) fn line_ends(text: &str) -> u64 {
    count(text.as_bytes(), |byte| byte == b'\n')
}

/// Returns the number of characters in a text.
pub(crate) fn characters(text: &str) -> u64 {
    count(text.as_bytes(), |byte| byte & 0xC0 != 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_do_not_overflow_a_run() {
        assert_eq!(count(&[7; 100_000], |byte| byte == 7), 100_000);
        assert_eq!(line_ends(&"a\nü\n".repeat(500)), 1000);
        assert_eq!(characters(&"aü猫😀".repeat(500)), 2000);
    }
}
