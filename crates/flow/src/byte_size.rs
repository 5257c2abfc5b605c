//! Parses and prints numbers of bytes as people write them.

use std::{fmt, ops::RangeInclusive, str::FromStr};

/// The units, decimal before binary, each family ascending.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A number of bytes. It is written as a whole number with or without a unit: `1024`, `10MB`, `64MiB`,
/// `1GiB`. The case of the unit does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The sizes up to 1 PiB.
    pub const ANY: RangeInclusive<Self> = Self(0)..=Self(1 << 50);
    /// The sizes from 1 byte to 1 PiB.
    pub const NOT_ZERO: RangeInclusive<Self> = Self(1)..=Self(1 << 50);

    /// Creates a size of this number of bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// An invalid size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a whole number of bytes, or one with a unit: 1024, 10MB, 64MiB, 1GiB (kB, MB, GB, TB; KiB, MiB, GiB, TiB)"
)]
pub struct InvalidByteSize;

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(text: &str) -> Result<Self, InvalidByteSize> {
        let text = text.trim();
        let end = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(end);
        let factor = match unit {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(InvalidByteSize)?.1,
        };
        let number: u64 = number.parse().map_err(|_| InvalidByteSize)?;
        // A size that overflows is refused, and not cut to a smaller one that was not meant.
        number.checked_mul(factor).map(Self).ok_or(InvalidByteSize)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest binary unit that divides the number: the text must be parsed to the same number.
        match UNITS[5..].iter().rev().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => f.pad(&format!("{}{unit}", self.0 / factor)),
            None => f.pad(&format!("{}B", self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes, written) in [
            ("0", 0, "0B"),
            ("1024", 1024, "1KiB"),
            ("1000", 1000, "1000B"),
            ("10MB", 10_000_000, "10000000B"),
            ("64MiB", 64 << 20, "64MiB"),
            ("64mib", 64 << 20, "64MiB"),
            ("1GiB", 1 << 30, "1GiB"),
            ("7B", 7, "7B"),
        ] {
            let size: ByteSize = text.parse().expect(text);
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, written));
        }
    }

    #[test]
    fn an_invalid_size_is_refused() {
        for text in
            ["", "-1", "+1", "1.5MiB", "MiB", "1 MiB", "1M", "1Mib2", "18446744073709551616", "16777216TiB"]
        {
            assert_eq!(text.parse::<ByteSize>(), Err(InvalidByteSize), "{text:?}");
        }
    }
}
