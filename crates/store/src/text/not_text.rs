//! Decides whether bytes are text at all, by the share of what no text contains.

use super::scan::ByteCounts;

/// The maximum share of bad characters in a text: one in a thousand. Damage makes a few characters bad, a
/// wrong encoding most of those beyond ASCII.
pub(crate) const BAD_PER_MILLE_MAX: u64 = 1;
/// The number of bad characters that do not spoil a text, whatever their share: a short text may have a stray
/// byte.
pub(crate) const BAD_TOLERATED: u64 = 3;

/// The reasons why bytes are not a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Too many bytes are NUL.
    #[error("{nuls} of {bytes} bytes are NUL: a binary file")]
    Nuls {
        /// The number of NUL bytes.
        nuls: u64,
        /// The number of all bytes.
        bytes: u64,
    },
    /// Too many bytes are control characters.
    #[error("{controls} of {bytes} bytes are control characters: a binary file")]
    Controls {
        /// The number of control characters.
        controls: u64,
        /// The number of all bytes.
        bytes: u64,
    },
    /// The source list gives an encoding that is not known.
    #[error(
        "the source list gives the unknown encoding '{0}': use a label such as windows-1251, cp850 or shift_jis"
    )]
    Unknown(String),
}

/// Returns whether the bad characters spoil a text with this number of characters.
pub(crate) fn is_garbage(bad: u64, characters: u64) -> bool {
    bad > BAD_TOLERATED && bad.saturating_mul(1000) > characters.saturating_mul(BAD_PER_MILLE_MAX)
}

/// Refuses bytes with many NULs or other control characters.
///
/// # Errors
/// [`NotText::Nuls`] or [`NotText::Controls`]. Ten times as many control characters as NULs are allowed.
pub(crate) fn refuse_binary(counts: &ByteCounts) -> Result<(), NotText> {
    let ByteCounts { bytes, controls, .. } = *counts;
    let nuls = counts.nuls.iter().sum::<u64>();
    if nuls * 1000 > bytes * BAD_PER_MILLE_MAX {
        return Err(NotText::Nuls { nuls, bytes });
    }
    if controls > BAD_TOLERATED && controls * 100 > bytes * BAD_PER_MILLE_MAX {
        return Err(NotText::Controls { controls, bytes });
    }
    Ok(())
}

/// Returns the number of characters from U+0080 to U+009F. In single-byte encodings, bytes without a meaning
/// decode to them.
pub(crate) fn c1_controls(text: &str) -> u64 {
    text.as_bytes().windows(2).filter(|pair| pair[0] == 0xC2 && pair[1] < 0xA0).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_controls_are_counted_in_utf8() {
        assert_eq!(c1_controls("\u{7f}\u{80}x\u{85}\u{9f}\u{a0}é"), 3);
        assert_eq!(c1_controls(""), 0);
    }
}
