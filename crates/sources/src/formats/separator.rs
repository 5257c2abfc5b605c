//! Defines the separators of the cells of a table.

use std::fmt;

/// A separator: TAB, or any ASCII punctuation character except the quotation mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Separator(u8);

impl Separator {
    pub(crate) const TAB: Self = Self(b'\t');
    pub(crate) const COMMA: Self = Self(b',');
    /// The usual separators, in the order in which they are tried.
    pub(crate) const USUAL: [Self; 4] = [Self::TAB, Self::COMMA, Self(b';'), Self(b'|')];

    pub(crate) const fn byte(self) -> u8 {
        self.0
    }

    /// Returns whether the separator occurs in a line.
    pub(crate) fn is_in(self, line: &str) -> bool {
        line.as_bytes().contains(&self.0)
    }

    /// Returns how often the separator occurs in a line.
    pub(crate) fn count(self, line: &str) -> usize {
        line.bytes().filter(|byte| *byte == self.0).count()
    }

    /// Returns the separator that a line declares for the lines after it, as spreadsheets do: `sep=;`.
    /// Returns `None` if the line declares none.
    pub(crate) fn declared(line: &str) -> Option<Self> {
        // Some programs quote the whole line.
        let line = line.trim_matches([' ', '"']);
        let rest = line.get(4..).filter(|_| line[..4].eq_ignore_ascii_case("sep="))?;
        match rest.as_bytes() {
            b"\\t" | b"\t" => Some(Self::TAB),
            // Empty cells follow the separator if a program has padded all lines to one width.
            [first, further @ ..] if further.iter().all(|byte| byte == first) => {
                let is_mark = first.is_ascii_punctuation() && *first != b'"';
                (is_mark || *first == b'\t').then_some(Self(*first))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => f.write_str("<TAB>"),
            byte => write!(f, "{}", char::from(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_name_the_separator() {
        for (line, separator) in [
            ("sep=,", b','),
            ("SEP=;", b';'),
            ("sep=\t", b'\t'),
            ("sep=\\t", b'\t'),
            ("\"sep=|\"", b'|'),
            ("sep=;;;", b';'),
            ("Sep=:", b':'),
        ] {
            assert_eq!(Separator::declared(line), Some(Separator(separator)), "{line:?}");
        }
        for line in ["", "sep", "sep=", "sep=x", "sep=,;", "separator=,", "sep=ü", "sép=,", "sep=\""] {
            assert_eq!(Separator::declared(line), None, "{line:?}");
        }
    }
}
