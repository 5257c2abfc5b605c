//! Finds the places at which a text may be cut so that its words stay the same.
//!
//! A text may be cut after a line feed, and between a space and an ASCII letter or digit. Both follow from
//! UAX #29 §4.1.1:
//!
//! * Both sides of a line feed are boundaries in any context: WB3a and WB3b come before every rule that
//!   ignores or joins characters, WB4 included. So lines can be treated one by one.
//! * Between a space and an ASCII letter or digit is a boundary. WB3d joins spaces only with spaces. WB4
//!   joins only extending characters to the character before them. Every rule from WB5 on that forbids a
//!   break needs a letter, digit, mark of a word or underscore in the place of the space. For the same reason
//!   no rule looks past the space.
//!
//! A line of 8 MiB or more is cut at places that follow from the line alone, counted from its beginning: at
//! the last such place within 8 MiB, else at the first after them, as long as 8 MiB are left. So [`pieces`]
//! cuts a line at the same places, whatever the [windows](crate::windows) in which it was read.

/// The length from which on a line is cut, in bytes.
const LINE_BYTES_MAX: usize = 8 << 20;

/// Returns whether a text may be cut between these two bytes, of which none is a line feed.
fn is_cut(pair: &[u8]) -> bool {
    pair[0] == b' ' && pair[1].is_ascii_alphanumeric()
}

/// Returns the length of the first piece of a text: up to the last line feed within `piece_bytes`, else up to
/// the last other cut within them, else up to the first line feed or cut after them, else the whole text.
pub(crate) fn piece_len(text: &str, piece_bytes: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes.len() <= piece_bytes {
        return bytes.len();
    }
    let (before, after) = bytes.split_at(piece_bytes);
    let within = || before.windows(2).rposition(is_cut).map(|at| at + 1);
    let beyond = || {
        let is_end = |pair: &[u8]| pair[0] == b'\n' || is_cut(pair);
        after.windows(2).position(is_end).map(|at| piece_bytes + at + 1)
    };
    memchr::memrchr(b'\n', before).map(|at| at + 1).or_else(within).or_else(beyond).unwrap_or(bytes.len())
}

/// Returns the last cut of a window, or `None` if it has none yet. There is no line feed before `searched`.
pub(crate) fn last_cut(window: &[u8], searched: usize) -> Option<usize> {
    if let Some(at) = memchr::memrchr(b'\n', &window[searched..]) {
        return Some(searched + at + 1);
    }
    let mut cut = 0;
    while let Some(piece) = line_cut(&window[cut..]) {
        cut += piece;
    }
    (cut > 0).then_some(cut)
}

/// Returns the first cut of a line, or of the rest of a line after its last cut.
fn line_cut(line: &[u8]) -> Option<usize> {
    let first = line.get(..LINE_BYTES_MAX)?;
    let after = || Some(first.len() - 1 + line[first.len() - 1..].windows(2).position(is_cut)?);
    first.windows(2).rposition(is_cut).or_else(after).map(|at| at + 1)
}

/// Splits a chunk at the cuts of its lines. The result is the whole chunk if no line has 8 MiB.
#[must_use]
pub fn pieces(chunk: &str) -> Vec<&str> {
    let (mut pieces, mut from, mut at) = (Vec::new(), 0, 0);
    if chunk.len() >= LINE_BYTES_MAX {
        for line in chunk.split_inclusive('\n') {
            let mut rest = line.strip_suffix('\n').unwrap_or(line);
            let end = at + line.len();
            while let Some(cut) = line_cut(rest.as_bytes()) {
                at += cut;
                pieces.push(&chunk[from..at]);
                (from, rest) = (at, &rest[cut..]);
            }
            at = end;
        }
    }
    pieces.push(&chunk[from..]);
    pieces
}
