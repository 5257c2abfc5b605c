//! Tokenise, count, measure: the built-in processor, for any tokeniser.
//!
//! A tokeniser is a function that gives the tokens of a text in order:
//!
//! ```
//! use process::{processor::Identity, tokens::Tokens, words::Words};
//!
//! fn fields(text: &str, tokens: &mut Tokens) {
//!     text.split_whitespace().for_each(|field| tokens.push(field));
//! }
//!
//! let processor = Words::new(Identity::new("fields", 1), fields);
//! ```

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use serde::Serialize;

use crate::{
    processor::{Identity, Processor},
    sentences::{Sentences, SentencesPart},
    tally::{Tally, TokenHasher},
    tokens::Tokens,
    uax29,
};

/// How many of the longest words are told.
const LONGEST_WORDS: usize = 10;

/// A processor that counts and measures the tokens that a function gives.
#[derive(Debug, Clone)]
pub struct Words<F = fn(&str, &mut Tokens)> {
    identity: Identity,
    tokenise: F,
    hasher: TokenHasher,
}

impl Words {
    /// The words of UAX #29, lower-cased.
    #[must_use]
    pub fn uax29() -> Self {
        Self::new(uax29::identity(), uax29::words)
    }
}

impl<F: Fn(&str, &mut Tokens) + Send + Sync + 'static> Words<F> {
    /// The tokens that `tokenise` gives for a chunk of text. For the same bytes with every configuration it treats
    /// each line by itself.
    pub fn new(identity: Identity, tokenise: F) -> Self {
        Self { identity, tokenise, hasher: TokenHasher::default() }
    }
}

/// What one chunk yields.
#[derive(Debug)]
pub struct WordsPart {
    tokens: Tokens,
    extent: Extent,
    sentences: SentencesPart,
}

/// What the chunks so far add up to.
#[derive(Debug)]
pub struct WordsWhole {
    tally: Tally,
    words: u64,
    extent: Extent,
    sentences: Sentences,
}

/// How long a text is.
#[derive(Debug, Default)]
struct Extent {
    bytes: u64,
    characters: u64,
    line_feeds: u64,
    /// Whether a last line has no line feed.
    open_lines: u64,
}

impl Extent {
    fn of(text: &str) -> Self {
        Self {
            bytes: text.len() as u64,
            characters: text.chars().count() as u64,
            line_feeds: text.bytes().filter(|byte| *byte == b'\n').count() as u64,
            open_lines: u64::from(!text.is_empty() && !text.ends_with('\n')),
        }
    }

    fn add(&mut self, next: &Self) {
        self.bytes += next.bytes;
        self.characters += next.characters;
        self.line_feeds += next.line_feeds;
        if next.bytes > 0 {
            self.open_lines = next.open_lines;
        }
    }
}

/// What `stats/` says of a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextMeasures {
    /// Length in bytes.
    pub bytes: u64,
    /// Lines: line feeds, and one for what follows the last.
    pub lines: u64,
    /// Unicode scalar values.
    pub characters: u64,
    /// Tokens.
    pub words: u64,
    /// Different tokens.
    pub distinct_words: u64,
    /// Tokens that occur once.
    pub hapaxes: u64,
    /// `distinct_words` over `words`, rounded to six decimals; 0 without words.
    pub type_token_ratio: f64,
    /// At most ten: most characters first, then rising by bytes.
    pub longest_words: Vec<String>,
    /// Sentences of UAX #29 with a letter or number, where line ends within a paragraph count as spaces. A paragraph
    /// ends at a blank line, after 64 characters without letter or number, or when it is over 16 KiB.
    pub sentences: u64,
}

impl<F: Fn(&str, &mut Tokens) + Send + Sync + 'static> Processor for Words<F> {
    type Part = WordsPart;
    type Whole = WordsWhole;
    type Measures = TextMeasures;

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn begin(&self) -> WordsWhole {
        WordsWhole {
            tally: Tally::new(self.hasher.clone()),
            words: 0,
            extent: Extent::default(),
            sentences: Sentences::default(),
        }
    }

    fn chunk(&self, text: &str) -> WordsPart {
        let mut tokens = Tokens::new(self.hasher.clone(), text.len());
        (self.tokenise)(text, &mut tokens);
        tokens.check();
        WordsPart { tokens, extent: Extent::of(text), sentences: SentencesPart::of(text) }
    }

    fn merge(&self, whole: &mut WordsWhole, part: WordsPart, tokens: &mut dyn Write) -> io::Result<()> {
        whole.words += part.tokens.len();
        whole.extent.add(&part.extent);
        whole.sentences.merge(part.sentences);
        tokens.write_all(part.tokens.lines())?;
        whole.tally.merge(part.tokens.into_counts());
        Ok(())
    }

    fn finish(&self, whole: WordsWhole, counts: &mut dyn Write) -> io::Result<TextMeasures> {
        let sorted = whole.tally.sorted();
        for (token, n) in &sorted {
            counts.write_all(token)?;
            writeln!(counts, "\t{n}")?;
        }
        let WordsWhole { words, extent, sentences, .. } = whole;
        Ok(TextMeasures {
            bytes: extent.bytes,
            lines: extent.line_feeds + extent.open_lines,
            characters: extent.characters,
            words,
            distinct_words: sorted.len() as u64,
            hapaxes: sorted.iter().filter(|(_, n)| *n == 1).count() as u64,
            type_token_ratio: ratio(sorted.len() as u64, words),
            longest_words: longest(&sorted),
            sentences: sentences.finish(),
        })
    }
}

/// Rounded to six decimals, so that it is written with no more.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 1e6).round() / 1e6 }
}

fn longest(counts: &[(&[u8], u64)]) -> Vec<String> {
    let characters = |word: &[u8]| word.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    let mut words: Vec<_> = counts.iter().map(|(word, _)| (Reverse(characters(word)), *word)).collect();
    if words.len() > LONGEST_WORDS {
        words.select_nth_unstable(LONGEST_WORDS - 1);
        words.truncate(LONGEST_WORDS);
    }
    words.sort_unstable();
    words.into_iter().map(|(_, word)| String::from_utf8_lossy(word).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(chunks: &[&str]) -> (TextMeasures, String, String) {
        let processor = Words::uax29();
        let (mut whole, mut tokens, mut counts) = (processor.begin(), Vec::new(), Vec::new());
        for chunk in chunks {
            processor.merge(&mut whole, processor.chunk(chunk), &mut tokens).unwrap();
        }
        let measures = processor.finish(whole, &mut counts).unwrap();
        (measures, String::from_utf8(tokens).unwrap(), String::from_utf8(counts).unwrap())
    }

    #[test]
    fn a_text_is_measured() {
        let (measures, tokens, counts) = measured(&["The cat. The\n", "", "élan vital!\n", "The"]);
        assert_eq!(tokens, "the\ncat\nthe\nélan\nvital\nthe\n");
        assert_eq!(counts, "the\t3\ncat\t1\nvital\t1\nélan\t1\n");
        let expected = TextMeasures {
            bytes: 29,
            lines: 3,
            characters: 28,
            words: 6,
            distinct_words: 4,
            hapaxes: 3,
            type_token_ratio: 0.666_667,
            longest_words: ["vital", "élan", "cat", "the"].map(str::to_owned).to_vec(),
            sentences: 3,
        };
        assert_eq!(measures, expected);
    }

    #[test]
    fn an_empty_text_has_measures_too() {
        for chunks in [&[][..], &[""]] {
            let (measures, tokens, counts) = measured(chunks);
            assert_eq!((measures.lines, measures.words, measures.sentences), (0, 0, 0));
            assert_eq!((measures.type_token_ratio, tokens.as_str(), counts.as_str()), (0.0, "", ""));
        }
    }

    #[test]
    fn only_the_ten_longest_words_are_told() {
        let text: String = (1..=30).map(|n| "x".repeat(n) + " " + &"y".repeat(n) + "\n").collect();
        let (measures, ..) = measured(&[&text]);
        let lengths: Vec<_> = measures.longest_words.iter().map(String::len).collect();
        assert_eq!(lengths, [30, 30, 29, 29, 28, 28, 27, 27, 26, 26]);
        assert!(measures.longest_words[0].starts_with('x') && measures.longest_words[1].starts_with('y'));
    }

    #[test]
    #[should_panic(expected = "a token contains a line feed")]
    fn a_token_with_a_line_feed_is_refused() {
        Words::new(Identity::new("bad", 1), |text, tokens| tokens.push(text)).chunk("a\nb");
    }

    #[test]
    #[should_panic(expected = "a token is empty")]
    fn an_empty_token_is_refused() {
        Words::new(Identity::new("bad", 1), |_, tokens| tokens.push("")).chunk("a");
    }
}
