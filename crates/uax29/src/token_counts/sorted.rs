//! The counts of tokens in the order in which they are written.

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use super::short_table::{COUNT_MAX, ShortToken};

/// The size of the write buffer, in bytes.
const BUFFER_BYTES: usize = 32 << 10;

/// The maximum length of the line of a short token, rounded up: the token, a TAB, ten digits and a line feed.
const LINE_BYTES: usize = 32;

/// The maximum number of digits of a count.
const DIGITS_MAX: usize = 20;

/// Tokens with their counts: counts descending, then tokens ascending by bytes.
#[derive(Debug)]
pub struct SortedCounts<'t> {
    /// The [ranks](ShortToken::rank) of short tokens, ascending.
    short: Vec<u128>,
    long: Vec<Long<'t>>,
}

/// Any other token with its count, ordered by count descending, then by token ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Long<'t> {
    n: Reverse<u64>,
    /// The rank of its first bytes, which most comparisons do not go beyond.
    rank: u128,
    token: &'t [u8],
}

impl<'t> Long<'t> {
    fn new(token: &'t [u8], n: u64) -> Self {
        let count = u32::try_from(n).unwrap_or(COUNT_MAX);
        Self { n: Reverse(n), rank: ShortToken::beginning(token).rank(count), token }
    }

    /// Returns the number of these short tokens that are before it. A short token of the same rank is its
    /// beginning.
    fn place(&self, short: &[u128]) -> usize {
        // No short token has a count of more than a slot.
        let fits = self.n.0 <= u64::from(COUNT_MAX);
        if fits { short.partition_point(|rank| *rank <= self.rank) } else { 0 }
    }
}

impl<'t> SortedCounts<'t> {
    /// Sorts the ranks of short tokens, and other tokens.
    pub(super) fn new(mut short: Vec<u128>, long: impl Iterator<Item = (&'t [u8], u64)>) -> Self {
        short.sort_unstable();
        let mut long: Vec<_> = long.map(|(token, n)| Long::new(token, n)).collect();
        long.sort_unstable();
        Self { short, long }
    }

    /// Returns the number of distinct tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Returns whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of tokens that occur once.
    #[must_use]
    pub fn hapaxes(&self) -> usize {
        let of_short = self.short.partition_point(|rank| ShortToken::of_rank(*rank).1 > 1);
        let of_long = self.long.partition_point(|long| long.n.0 > 1);
        self.len() - of_short - of_long
    }

    /// Calls `f` with the tokens and counts in order.
    pub fn for_each(&self, mut f: impl FnMut(&[u8], u64)) {
        for (short, long) in self.runs() {
            for rank in short {
                let (token, count) = ShortToken::of_rank(*rank);
                token.with_bytes(|token| f(token, u64::from(count)));
            }
            if let Some(Long { n, token, .. }) = long {
                f(token, n.0);
            }
        }
    }

    /// Calls `f` with the tokens of at most [`SHORT_BYTES`](super::SHORT_BYTES) whose counts do not exceed 32
    /// bits.
    pub fn for_each_short(&self, mut f: impl FnMut(&[u8])) {
        for rank in &self.short {
            let (token, _) = ShortToken::of_rank(*rank);
            token.with_bytes(&mut f);
        }
    }

    /// Returns all other tokens.
    pub fn long(&self) -> impl Iterator<Item = &[u8]> {
        self.long.iter().map(|long| long.token)
    }

    /// Returns all tokens in order, as runs of short tokens with the long one that follows them.
    fn runs(&self) -> impl Iterator<Item = (&[u128], Option<&Long<'t>>)> {
        let mut rest = self.short.as_slice();
        self.long.iter().map(Some).chain([None]).map(move |long| {
            let before = long.map_or(rest.len(), |long| long.place(rest));
            (rest.split_off(..before).unwrap_or_default(), long)
        })
    }

    /// Writes a line for each token: the token, a TAB, the count, a line feed.
    ///
    /// # Errors
    /// Returns the errors of the writer.
    pub fn write(&self, counts: &mut dyn Write) -> io::Result<()> {
        let mut lines = Lines { bytes: vec![0; BUFFER_BYTES], len: 0, counts };
        for (short, long) in self.runs() {
            for rank in short {
                let (token, count) = ShortToken::of_rank(*rank);
                lines.push_short(token, count)?;
            }
            if let Some(Long { n, token, .. }) = long {
                lines.push(token, n.0)?;
            }
        }
        lines.flush()
    }
}

/// A buffer of lines.
struct Lines<'w> {
    bytes: Vec<u8>,
    len: usize,
    counts: &'w mut dyn Write,
}

impl Lines<'_> {
    fn push(&mut self, token: &[u8], n: u64) -> io::Result<()> {
        self.flush()?;
        self.counts.write_all(token)?;
        self.counts.write_all(b"\t")?;
        self.counts.write_all(digits(n, &mut [0; DIGITS_MAX]))?;
        self.counts.write_all(b"\n")
    }

    /// Formats the line in the buffer: all copies have a constant length.
    fn push_short(&mut self, token: ShortToken, count: u32) -> io::Result<()> {
        if self.bytes.len() - self.len < LINE_BYTES {
            self.flush()?;
        }
        let line: &mut [u8; LINE_BYTES] = self.bytes[self.len..].first_chunk_mut().expect("there is room");
        let mut len = token.len();
        line[..16].copy_from_slice(&token.padded());
        line[len] = b'\t';
        len += 1;
        if count < 10 {
            line[len] = b'0' + count as u8;
            len += 1;
        } else {
            let mut memory = [0; DIGITS_MAX];
            let digits = digits(count.into(), &mut memory);
            line[len..len + digits.len()].copy_from_slice(digits);
            len += digits.len();
        }
        line[len] = b'\n';
        self.len += len + 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.counts.write_all(&self.bytes[..self.len])?;
        self.len = 0;
        Ok(())
    }
}

/// Returns the decimal digits of a number, in `memory`. The formatting of the standard library would take
/// longer than the rest of a line.
fn digits(mut n: u64, memory: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut at = memory.len();
    loop {
        at -= 1;
        memory[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            return &memory[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        for n in [0, 7, 9, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(digits(n, &mut [0; DIGITS_MAX]), n.to_string().as_bytes());
        }
    }
}
