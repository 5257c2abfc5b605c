//! How many sentences a text has, in a definition that does not depend on how the text is read.
//!
//! Books are wrapped by hand, and UAX #29 ends a sentence at every line end (SB4), so its plain count would be one of
//! lines. The definition here:
//!
//! 1. A text falls into *pieces* at blank lines (nothing but spaces and tabs before the line feed). A piece also ends
//!    after 64 characters in a row without letter or number (a ruled line), at the first space once it has
//!    16 KiB, and at 32 KiB in any case.
//! 2. Within a piece a line feed counts as a space.
//! 3. The sentences are those that UAX #29 finds in each piece and that contain a letter or number.
//!
//! The two limits keep memory small, and the time linear on texts made to be slow.
//!
//! [`Sentences`] takes a text character by character, so it does not matter in which portions. Its state right after a
//! blank line does not depend on what was before; that is what lets chunks be counted apart ([`SentencesOfChunk`]): the
//! lines up to the first blank line of a chunk are kept as text, the rest is counted from a fresh state, and merging
//! replays the kept lines and takes over the rest.

use super::sentence_rules;

/// A piece ends at the first space from here on.
const PIECE_BYTES: usize = 16 << 10;

/// A piece ends here in any case.
const PIECE_BYTES_MAX: usize = 32 << 10;

/// A piece ends after so many characters in a row without letter or number.
const SILENCE_MAX: usize = 64;

/// Counts the sentences of a text that comes in portions.
#[derive(Debug)]
pub(crate) struct Sentences {
    ended: u64,
    piece: String,
    /// Characters since the last letter or number of the piece.
    silent: usize,
    line: Line,
}

/// What is known of the line so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    Written,
}

impl Default for Sentences {
    fn default() -> Self {
        Self { ended: 0, piece: String::new(), silent: 0, line: Line::Blank }
    }
}

impl Sentences {
    /// Takes the next portion of the text.
    pub(crate) fn push(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            match self.silence_after_plain(line) {
                Some(silent) => self.push_plain(line, silent),
                None => line.chars().for_each(|c| self.push_char(c)),
            }
        }
    }

    /// Takes what the next chunk yielded.
    pub(crate) fn merge(&mut self, part: SentencesOfChunk) {
        self.push(&part.head);
        if let Some(rest) = part.rest {
            *self = Self { ended: self.ended + rest.ended, ..rest };
        }
    }

    /// The text ends.
    pub(crate) fn finish(mut self) -> u64 {
        self.end_piece();
        self.ended
    }

    fn push_char(&mut self, c: char) {
        match c {
            '\n' if self.line == Line::Blank => self.end_piece(),
            '\n' => {
                self.line = Line::Blank;
                self.extend_piece(' ');
            }
            ' ' | '\t' => self.extend_piece(c),
            _ => {
                self.line = Line::Written;
                self.extend_piece(c);
            }
        }
    }

    fn extend_piece(&mut self, c: char) {
        self.piece.push(c);
        self.silent = if c.is_alphanumeric() { 0 } else { self.silent + 1 };
        let is_long = self.piece.len() >= PIECE_BYTES && c == ' ' || self.piece.len() >= PIECE_BYTES_MAX;
        if is_long || self.silent >= SILENCE_MAX {
            self.end_piece();
        }
    }

    /// How many characters are silent after a line, or part of one, within which no piece ends and all is ASCII;
    /// none where that is not so.
    fn silence_after_plain(&self, line: &str) -> Option<usize> {
        let is_short = self.piece.len() + line.len() < PIECE_BYTES;
        let is_written = line.bytes().any(|byte| !matches!(byte, b' ' | b'\t' | b'\n'));
        if is_short && is_written && line.is_ascii() {
            silence_after(line.as_bytes(), self.silent)
        } else {
            None
        }
    }

    /// The same as [`push_char`](Self::push_char) for each character.
    fn push_plain(&mut self, line: &str, silent: usize) {
        self.silent = silent;
        match line.strip_suffix('\n') {
            Some(content) => {
                self.piece.push_str(content);
                self.piece.push(' ');
                self.line = Line::Blank;
            }
            None => {
                self.piece.push_str(line);
                self.line = Line::Written;
            }
        }
    }

    fn end_piece(&mut self) {
        self.ended += sentence_rules::count(&self.piece);
        self.piece.clear();
        self.silent = 0;
    }
}

/// How many bytes without letter or digit stand at the end of an ASCII text, after `silent` before it; none where
/// [`SILENCE_MAX`] are reached within. Looks from where that would happen back to the last letter, so it reads few of
/// the bytes.
fn silence_after(text: &[u8], silent: usize) -> Option<usize> {
    let (mut begun, mut before) = (0, silent);
    loop {
        let run = text[begun..].iter().take(SILENCE_MAX - before);
        let run_len = run.len();
        match run.rev().position(u8::is_ascii_alphanumeric) {
            Some(after) => (begun, before) = (begun + run_len - after, 0),
            None if before + run_len < SILENCE_MAX => return Some(before + run_len),
            None => return None,
        }
    }
}

/// What one chunk knows of the sentences.
#[derive(Debug)]
pub(crate) struct SentencesOfChunk {
    /// The text up to and with the first blank line that is one for sure; else all of it.
    head: String,
    /// What follows that blank line.
    rest: Option<Sentences>,
}

impl SentencesOfChunk {
    pub(crate) fn of(text: &str) -> Self {
        match blank_line_end(text) {
            Some(end) => {
                let mut rest = Sentences::default();
                rest.push(&text[end..]);
                Self { head: text[..end].to_owned(), rest: Some(rest) }
            }
            None => Self { head: text.to_owned(), rest: None },
        }
    }
}

/// Where the first blank line ends of which both line feeds are in the text: what stands before the first line feed
/// may belong to a longer line.
fn blank_line_end(text: &str) -> Option<usize> {
    let mut end = text.find('\n')? + 1;
    for line in text[end..].split_inclusive('\n') {
        end += line.len();
        if line.ends_with('\n') && line.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n')) {
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(text: &str) -> u64 {
        let mut sentences = Sentences::default();
        sentences.push(text);
        sentences.finish()
    }

    fn count_in_parts(text: &str, cuts: &[usize]) -> u64 {
        let mut sentences = Sentences::default();
        let mut from = 0;
        for to in cuts.iter().map(|cut| text.floor_char_boundary(cut % (text.len() + 1))) {
            if to > from {
                sentences.merge(SentencesOfChunk::of(&text[from..to]));
                from = to;
            }
        }
        sentences.merge(SentencesOfChunk::of(&text[from..]));
        sentences.finish()
    }

    #[test]
    fn wrapped_lines_are_one_sentence_and_headings_are_their_own() {
        assert_eq!(count("CHAPTER I\n\nIt was a dark\nand stormy night. The rain\nfell.\n \t\nThen\n"), 4);
        assert_eq!(count(""), 0);
        assert_eq!(count("\n\n"), 0);
        assert_eq!(count("one\n-----\ntwo"), 1);
        assert_eq!(count(&format!("one\n{}\ntwo", "-".repeat(70))), 2);
    }

    #[test]
    fn a_piece_without_an_end_is_cut_at_a_space_or_at_last_anywhere() {
        let lines = "a line of words.\n".repeat(10_000);
        assert_eq!(count(&lines), count_by_characters(&lines));
        assert_eq!(count(&"a".repeat(PIECE_BYTES_MAX * 3)), 3);
        assert_eq!(count(&"word ".repeat(PIECE_BYTES / 5 + 1)), 1);
        assert_eq!(count(&"word ".repeat(PIECE_BYTES / 5 + 2)), 2);
    }

    fn count_by_characters(text: &str) -> u64 {
        let mut sentences = Sentences::default();
        text.chars().for_each(|c| sentences.push_char(c));
        sentences.finish()
    }

    #[test]
    fn silence_is_counted_over_the_edge() {
        assert_eq!(silence_after(b"", 5), Some(5));
        assert_eq!(silence_after(b"--", 5), Some(7));
        assert_eq!(silence_after(b"--a-", 5), Some(1));
        assert_eq!(silence_after(b"-a", SILENCE_MAX - 2), Some(0));
        assert_eq!(silence_after(b"-a", SILENCE_MAX - 1), None);
        let ruled = format!("a{}a", "-".repeat(SILENCE_MAX));
        assert_eq!(silence_after(ruled.as_bytes(), 0), None);
        assert_eq!(silence_after(&ruled.as_bytes()[2..], 0), Some(0));
        assert_eq!(silence_after("word ".repeat(1000).as_bytes(), 0), Some(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_cut_gives_the_same_count(
            text in "([aB1.!? \t\n\n\né”]{0,60}|a{60,70}|[-\n]{60,70}){0,6}",
            mut cuts in prop::collection::vec(any::<usize>(), 0..8),
        ) {
            cuts.iter_mut().for_each(|cut| *cut %= text.len() + 1);
            cuts.sort_unstable();
            prop_assert_eq!(count_in_parts(&text, &cuts), count_by_characters(&text));
        }
    }
}
