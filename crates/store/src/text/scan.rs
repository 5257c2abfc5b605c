//! The first reading of the bytes: it hashes, counts and samples them.

use simdutf8::compat::from_utf8;

use super::count::count;

/// The length in bytes of each sample.
pub(crate) const SAMPLE_BYTES: usize = 64 * 1024;

/// The results of one reading of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) counts: ByteCounts,
    pub(crate) blake3: blake3::Hash,
    /// The first bytes.
    pub(crate) head: Vec<u8>,
    /// The last bytes.
    pub(crate) tail: Vec<u8>,
}

/// The numbers of bytes and of sequences that indicate an encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ByteCounts {
    /// All bytes.
    pub(crate) bytes: u64,
    /// Sequences that are not UTF-8.
    pub(crate) utf8_invalid: u64,
    /// Bytes that would begin a character of several bytes in UTF-8.
    pub(crate) utf8_leads: u64,
    /// NUL bytes at even and at odd positions.
    pub(crate) nuls: [u64; 2],
    /// C0 controls other than NUL, TAB, LF, FF, CR, SUB and ESC.
    pub(crate) controls: u64,
    /// ESC bytes.
    pub(crate) escapes: u64,
    /// ESC bytes before `$`, `(` or `)`, which designate the character set of the characters that follow.
    pub(crate) designations: u64,
    /// The escapes that begin characters in HZ: `~{`. It is 0 if the text has more than ASCII.
    pub(crate) hz_escapes: u64,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Scan {
    /// Scans bytes in memory, `window` at a time. The result does not depend on `window`.
    pub(crate) fn of(bytes: &[u8], window: usize) -> Self {
        let mut scanner = Scanner::default();
        bytes.chunks(window).for_each(|window| scanner.take(window));
        scanner.finish()
    }
}

/// Scans bytes that arrive in windows of any size.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    counts: ByteCounts,
    hasher: blake3::Hasher,
    utf8: Utf8Counter,
    /// The last byte so far.
    last: u8,
    head: Vec<u8>,
    /// The last bytes, up to twice a sample.
    tail: Vec<u8>,
}

impl Scanner {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.utf8.take(bytes);
        self.count(bytes);
        self.sample(bytes);
        self.counts.bytes += bytes.len() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    fn count(&mut self, bytes: &[u8]) {
        let counts = &mut self.counts;
        if bytes.is_ascii() {
            counts.hz_escapes += pairs(self.last, bytes, b'~', b"{");
        } else {
            counts.utf8_leads += count(bytes, |byte| byte >= 0xC0);
        }
        let is_rare = |byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | 0x0C | b'\r' | 0x1A);
        // Most windows have no such byte, and need no more passes.
        if count(bytes, is_rare) > 0 {
            counts.escapes += count(bytes, |byte| byte == 0x1B);
            counts.controls += count(bytes, |byte| is_rare(byte) && !matches!(byte, 0 | 0x1B));
            let odd = usize::from(counts.bytes % 2 == 1);
            for at in memchr::memchr_iter(0, bytes) {
                counts.nuls[(at + odd) % 2] += 1;
            }
        }
        // The second byte of a pair may begin a window without any ESC.
        if counts.escapes > 0 || self.last == 0x1B {
            counts.designations += pairs(self.last, bytes, 0x1B, b"$()");
        }
    }

    fn sample(&mut self, bytes: &[u8]) {
        // The samples are for encodings that are evident, and for the header. Others are decided by the whole
        // text.
        let in_head = bytes.len().min(SAMPLE_BYTES - self.head.len());
        self.head.extend_from_slice(&bytes[..in_head]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(SAMPLE_BYTES)..]);
        // Twice the size, so that not every window moves the bytes.
        if self.tail.len() > 2 * SAMPLE_BYTES {
            self.tail.drain(..self.tail.len() - SAMPLE_BYTES);
        }
    }

    pub(crate) fn finish(self) -> Scan {
        let Self { mut counts, hasher, utf8, head, mut tail, .. } = self;
        tail.drain(..tail.len().saturating_sub(SAMPLE_BYTES));
        counts.utf8_invalid = utf8.finish();
        // All of HZ is ASCII.
        if counts.utf8_invalid + counts.utf8_leads > 0 {
            counts.hz_escapes = 0;
        }
        Scan { counts, blake3: hasher.finalize(), head, tail }
    }
}

/// Counts how often one of `seconds` follows `first`, also if `first` is the byte `before` these bytes.
fn pairs(before: u8, bytes: &[u8], first: u8, seconds: &[u8]) -> u64 {
    let is_second = |at: usize| bytes.get(at).is_some_and(|byte| seconds.contains(byte));
    let within = memchr::memchr_iter(first, bytes).filter(|at| is_second(at + 1)).count() as u64;
    within + u64::from(before == first && is_second(0))
}

/// Counts the sequences that are not UTF-8, across the borders of windows.
#[derive(Debug, Default)]
struct Utf8Counter {
    invalid: u64,
    /// A character that the last window cut off, of at most 3 bytes, and then the bytes of the next window
    /// that show whether it is valid.
    cut_off: Vec<u8>,
}

impl Utf8Counter {
    fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        // One byte at a time until the character is complete or malformed; then the rest is counted at full
        // speed.
        while !self.cut_off.is_empty() && !rest.is_empty() {
            self.cut_off.push(rest[0]);
            rest = &rest[1..];
            let joined = std::mem::take(&mut self.cut_off);
            self.count(&joined);
        }
        self.count(rest);
    }

    fn count(&mut self, mut bytes: &[u8]) {
        while let Err(error) = from_utf8(bytes) {
            bytes = &bytes[error.valid_up_to()..];
            let Some(length) = error.error_len() else {
                self.cut_off.extend_from_slice(bytes);
                return;
            };
            self.invalid += 1;
            bytes = &bytes[length..];
        }
    }

    fn finish(self) -> u64 {
        self.invalid + u64::from(!self.cut_off.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_the_first_and_last_bytes() {
        let mut bytes = vec![b'a'; SAMPLE_BYTES];
        bytes.extend(vec![b'b'; 1000]);
        bytes.extend("é".as_bytes());
        bytes.extend(vec![b'c'; 3 * SAMPLE_BYTES]);
        let scan = Scan::of(&bytes, 4096);
        assert_eq!(scan.head, bytes[..SAMPLE_BYTES]);
        assert_eq!(scan.tail, bytes[bytes.len() - SAMPLE_BYTES..]);
    }

    #[test]
    fn counts_are_those_of_the_bytes() {
        let scan = Scan::of(&b"\0a\0b\x01\x1b\t\r\n\xff\xfe\xc3\xa9\xc3"[..], 3);
        assert_eq!((scan.counts.designations, scan.counts.hz_escapes), (0, 0));
        assert_eq!((scan.counts.nuls, scan.counts.controls, scan.counts.escapes), ([2, 0], 1, 1));
        assert_eq!((scan.counts.utf8_invalid, scan.counts.utf8_leads), (3, 4));
    }

    #[test]
    fn escapes_are_counted_over_the_borders_of_windows() {
        for window in 1..9 {
            let scan = Scan::of(b"~{a~~{ ~}\x1B$B\x1B(B\x1B[1m", window);
            assert_eq!(
                (scan.counts.escapes, scan.counts.designations, scan.counts.hz_escapes),
                (3, 2, 2),
                "{window}"
            );
        }
    }

    proptest! {
        #[test]
        fn windows_change_nothing(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80..0xf5u8, Just(b'a'), Just(0x1B_u8), Just(b'(')], 0..300),
            window in 1..20usize,
        ) {
            let scan = Scan::of(&bytes, window);
            prop_assert_eq!(&scan, &Scan::of(&bytes, 1000));
            prop_assert_eq!(scan.counts.utf8_invalid == 0, std::str::from_utf8(&bytes).is_ok());
        }
    }
}
