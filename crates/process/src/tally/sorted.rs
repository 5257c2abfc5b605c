//! Tokens in the order in which counts are written.

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use super::short::{COUNT_MAX, ShortToken};

/// So many bytes of counts are written at a time.
const LINES_BYTES: usize = 32 << 10;

/// At least the bytes of a line of a short token: a tab, ten digits and a line feed stand behind it.
const LINE_BYTES: usize = 32;

/// The most digits of a count.
const DIGITS_MAX: usize = 20;

/// Tokens with their counts: count falling, then token rising by bytes.
#[derive(Debug)]
pub(crate) struct Sorted<'t> {
    /// The [ranks](ShortToken::rank) of short tokens, which rise.
    short: Vec<u128>,
    long: Vec<Long<'t>>,
}

/// Any other token with its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Long<'t> {
    n: Reverse<u64>,
    /// That of its first bytes, which spares most looks at the token itself.
    rank: u128,
    token: &'t [u8],
}

impl<'t> Long<'t> {
    fn new(token: &'t [u8], n: u64) -> Self {
        let count = u32::try_from(n).unwrap_or(COUNT_MAX);
        Self { n: Reverse(n), rank: ShortToken::beginning(token).rank(count), token }
    }

    /// How many of these short tokens stand before it. One of the same rank is its beginning.
    fn place(&self, short: &[u128]) -> usize {
        let fits = self.n.0 <= u64::from(COUNT_MAX);
        if fits { short.partition_point(|rank| *rank <= self.rank) } else { 0 }
    }
}

impl<'t> Sorted<'t> {
    /// From the ranks of short tokens and from others, both in no order.
    pub(super) fn of(mut short: Vec<u128>, long: impl Iterator<Item = (&'t [u8], u64)>) -> Self {
        short.sort_unstable();
        let mut long: Vec<_> = long.map(|(token, n)| Long::new(token, n)).collect();
        long.sort_unstable();
        Self { short, long }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// How many have a count of 1.
    pub(crate) fn hapaxes(&self) -> usize {
        let of_short = self.short.partition_point(|rank| ShortToken::of_rank(*rank).1 > 1);
        let of_long = self.long.partition_point(|long| long.n.0 > 1);
        self.len() - of_short - of_long
    }

    /// The tokens and counts in order.
    pub(crate) fn each(&self, mut take: impl FnMut(&[u8], u64)) {
        for (short, long) in self.runs() {
            for rank in short {
                let (token, count) = ShortToken::of_rank(*rank);
                token.with_bytes(|token| take(token, u64::from(count)));
            }
            if let Some(Long { n, token, .. }) = long {
                take(token, n.0);
            }
        }
    }

    /// The tokens of at most [`SHORT_BYTES`](super::SHORT_BYTES), as far as their counts do not exceed 32 bits.
    pub(crate) fn each_short(&self, mut take: impl FnMut(&[u8])) {
        for rank in &self.short {
            let (token, _) = ShortToken::of_rank(*rank);
            token.with_bytes(&mut take);
        }
    }

    /// All other tokens.
    pub(crate) fn long(&self) -> impl Iterator<Item = &[u8]> {
        self.long.iter().map(|long| long.token)
    }

    /// All in order: short tokens, then the longer one behind them.
    fn runs(&self) -> impl Iterator<Item = (&[u128], Option<&Long<'t>>)> {
        let mut rest = self.short.as_slice();
        self.long.iter().map(Some).chain([None]).map(move |long| {
            let before = long.map_or(rest.len(), |long| long.place(rest));
            (rest.split_off(..before).unwrap_or_default(), long)
        })
    }

    /// Writes them, one a line.
    pub(crate) fn write(&self, counts: &mut dyn Write) -> io::Result<()> {
        let mut lines = Lines { bytes: vec![0; LINES_BYTES], len: 0, counts };
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

/// Lines that are not written yet.
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

    /// In place: what is copied has the same length for all tokens.
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

/// Formatting by the standard library takes longer than all else of a line.
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
    fn numbers_are_written_as_they_are() {
        for n in [0, 7, 9, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(digits(n, &mut [0; DIGITS_MAX]), n.to_string().as_bytes());
        }
    }
}
