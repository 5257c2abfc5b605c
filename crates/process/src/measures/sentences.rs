//! Counts sentences, in a definition that does not depend on how the text is read.
//!
//! Books are wrapped by hand, and UAX #29 ends a sentence at every line end (SB4), so its plain count would
//! be one of lines. The definition here:
//!
//! 1. A text is split into *pieces* at blank lines (nothing but spaces and tabs before the line feed). A
//!    piece also ends after 64 characters in a row without a letter or number (a ruled line), at the first
//!    space after 16 KiB, and at 32 KiB in any case.
//! 2. Within a piece a line feed counts as a space.
//! 3. The sentences are those of UAX #29 in each piece that contain a letter or number.
//!
//! The limits keep memory small, and the time linear for texts that are made to be slow.
//!
//! [`SentenceCounter`] takes a text character by character, so the portions do not matter. Its state after a
//! blank line does not depend on the text before. So chunks can be counted independently
//! ([`ChunkSentences`]): the lines up to the first blank line of a chunk are kept as text, and the rest is
//! counted from a fresh state. Merging takes the kept lines first and then the count of the rest.

use unicode_segmentation::UnicodeSegmentation;

/// The length from which on a piece ends at a space, in bytes.
const PIECE_BYTES: usize = 16 << 10;

/// The length at which a piece ends in any case, in bytes.
const PIECE_BYTES_MAX: usize = 32 << 10;

/// The number of characters in a row without a letter or number after which a piece ends.
const SILENCE_MAX: usize = 64;

/// Counts the sentences of a text that comes in portions.
#[derive(Debug)]
pub(crate) struct SentenceCounter {
    ended: u64,
    piece: String,
    /// The number of characters since the last letter or number of the piece.
    silent: usize,
    line: Line,
}

/// The state of the current line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    Written,
}

impl Default for SentenceCounter {
    fn default() -> Self {
        Self { ended: 0, piece: String::new(), silent: 0, line: Line::Blank }
    }
}

impl SentenceCounter {
    /// Takes the next portion of the text.
    pub(crate) fn push(&mut self, text: &str) {
        text.chars().for_each(|c| self.push_char(c));
    }

    /// Takes the sentences of the next chunk.
    pub(crate) fn merge(&mut self, chunk: ChunkSentences) {
        self.push(&chunk.head);
        if let Some(rest) = chunk.rest {
            // The head ends with a blank line, so it has ended every piece.
            *self = Self { ended: self.ended + rest.ended, ..rest };
        }
    }

    /// Ends the text and returns the number of its sentences.
    pub(crate) fn finish(mut self) -> u64 {
        self.end_piece();
        self.ended
    }

    fn push_char(&mut self, c: char) {
        match c {
            // Two line feeds with nothing but blanks between them: a blank line.
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
        // Length is limited for memory; a ruled line separates paragraphs as a blank line does.
        let is_long = self.piece.len() >= PIECE_BYTES && c == ' ' || self.piece.len() >= PIECE_BYTES_MAX;
        if is_long || self.silent >= SILENCE_MAX {
            self.end_piece();
        }
    }

    fn end_piece(&mut self) {
        self.ended += self.piece.unicode_sentences().count() as u64;
        self.piece.clear();
        self.silent = 0;
    }
}

/// The sentences of one chunk.
#[derive(Debug)]
pub(crate) struct ChunkSentences {
    /// The text up to and including the first line that is certainly blank; the whole text if there is none.
    head: String,
    /// The sentences after that blank line.
    rest: Option<SentenceCounter>,
}

impl ChunkSentences {
    pub(crate) fn of(text: &str) -> Self {
        match blank_line_end(text) {
            Some(end) => {
                let mut rest = SentenceCounter::default();
                rest.push(&text[end..]);
                Self { head: text[..end].to_owned(), rest: Some(rest) }
            }
            None => Self { head: text.to_owned(), rest: None },
        }
    }
}

/// Returns the end of the first blank line whose line feed and the line feed before are both in the text. The
/// text before the first line feed may belong to a longer line, so it is not a blank line for certain.
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
        let mut sentences = SentenceCounter::default();
        sentences.push(text);
        sentences.finish()
    }

    fn count_in_parts(text: &str, cuts: &[usize]) -> u64 {
        let mut sentences = SentenceCounter::default();
        let mut from = 0;
        for to in cuts.iter().map(|cut| text.floor_char_boundary(cut % (text.len() + 1))) {
            if to > from {
                sentences.merge(ChunkSentences::of(&text[from..to]));
                from = to;
            }
        }
        sentences.merge(ChunkSentences::of(&text[from..]));
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
        assert_eq!(count(&"a line of words.\n".repeat(10_000)), 11);
        assert_eq!(count(&"a".repeat(PIECE_BYTES_MAX * 3)), 3);
        assert_eq!(count(&"word ".repeat(PIECE_BYTES / 5 + 1)), 1);
        assert_eq!(count(&"word ".repeat(PIECE_BYTES / 5 + 2)), 2);
    }

    #[test]
    fn a_ruled_line_ends_a_piece_in_whatever_portions_it_comes() {
        for portion in 0..=SILENCE_MAX {
            let mut sentences = SentenceCounter::default();
            sentences.push(&("a".to_owned() + &"-".repeat(portion)));
            sentences.push(&("-".repeat(SILENCE_MAX - portion) + "a"));
            assert_eq!(sentences.finish(), 2);
        }
        assert_eq!(count(&format!("a{}a", "-".repeat(SILENCE_MAX - 1))), 1);
    }

    #[test]
    fn sentences_are_counted_as_readers_do() {
        for (text, n) in [
            ("", 0),
            ("...", 0),
            ("No end", 1),
            ("One. Two! Three?", 3),
            ("“Stop!” he said. He did.", 3),
            ("It cost 3.14 in the U.S. and e.g. here.", 1),
            ("Chapter 1. Loomings. 2. Etc.", 4),
        ] {
            assert_eq!(count(text), n, "{text:?}");
        }
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
            prop_assert_eq!(count_in_parts(&text, &cuts), count(&text));
        }
    }
}
