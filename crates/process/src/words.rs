//! The built-in processor: tokenizes, counts and measures, with any tokenizer.
//!
//! A tokenizer is a function that passes on the tokens of a text in order:
//!
//! ```
//! use corpus::stats::ProcessorIdentity;
//! use process::{tokens::Tokens, words::Words};
//!
//! fn fields(text: &str, tokens: &mut Tokens) {
//!     text.split_whitespace().for_each(|field| tokens.push(field));
//! }
//!
//! let processor = Words::new(ProcessorIdentity::new("fields", 1), fields);
//! ```

use std::{
    fmt,
    io::{self, Write},
    sync::Arc,
};

use corpus::stats::ProcessorIdentity;
use uax29::{
    cuts::pieces,
    token_counts::{TokenCounts, TokenHasher},
};

use crate::{
    counts::ngrams::NgramCounts,
    measures::{
        TextMeasures,
        language::LanguageSample,
        lexical_diversity::LexicalDiversity,
        measure,
        sentences::{ChunkSentences, SentenceCounter},
        text_length::TextLength,
    },
    options::{Measures, Options, Sentences},
    processor::Processor,
    tokens::{Tokens, buffer_pool::BufferPool, filter::Filter},
};

/// Passes on the tokens of a text in order.
type Tokenize = dyn Fn(&str, &mut Tokens) + Send + Sync;

/// A processor that counts and measures the tokens of a tokenizer.
#[derive(Clone)]
pub struct Words {
    identity: ProcessorIdentity,
    tokenize: Arc<Tokenize>,
    filter: Option<Arc<Filter>>,
    /// The number of tokens in a row that are counted as one.
    ngrams: usize,
    measures: Measures,
    sentences: Sentences,
    hasher: TokenHasher,
    buffers: Arc<BufferPool>,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Words {
    /// Returns the processor for the words of UAX #29 in lower case.
    #[must_use]
    pub fn uax29() -> Self {
        Self::with_options(Options::default())
    }

    /// Returns the processor for these options.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        Self {
            identity: options.identity(),
            filter: options.filter().map(Arc::new),
            ngrams: options.ngrams.map_or(1, usize::from),
            measures: options.measures,
            sentences: options.sentences,
            hasher: TokenHasher::default(),
            buffers: Arc::default(),
            tokenize: Arc::new(move |text, tokens| options.tokenization.tokenize(text, tokens)),
        }
    }

    /// Returns a processor for another tokenizer, which `identity` must name. For the same bytes with every
    /// configuration, `tokenize` treats each line by itself.
    pub fn new(
        identity: ProcessorIdentity,
        tokenize: impl Fn(&str, &mut Tokens) + Send + Sync + 'static,
    ) -> Self {
        let tokenize = Arc::new(move |text: &str, tokens: &mut Tokens| {
            tokenize(text, tokens);
            tokens.check();
        });
        Self { identity, tokenize, ..Self::uax29() }
    }

    /// Returns room for the tokens of a text of this length.
    pub(crate) fn tokens(&self, text_bytes: usize) -> Tokens {
        self.buffers.tokens(&self.hasher, text_bytes).filtered(self.filter.clone())
    }

    /// Returns the part of a chunk that has these tokens.
    pub(crate) fn part(&self, text: &str, tokens: Tokens) -> WordsPart {
        WordsPart {
            tokens,
            length: TextLength::of(text),
            sentences: self.counts_sentences().then(|| ChunkSentences::of(text)),
            sample: (self.measures == Measures::Full).then(|| LanguageSample::of(text)),
        }
    }

    fn counts_sentences(&self) -> bool {
        self.sentences == Sentences::Counted || self.measures == Measures::Full
    }
}

/// The results of one chunk.
#[derive(Debug)]
pub struct WordsPart {
    tokens: Tokens,
    length: TextLength,
    sentences: Option<ChunkSentences>,
    sample: Option<LanguageSample>,
}

/// The results of the chunks so far.
#[derive(Debug)]
pub struct WordsWhole {
    counts: TokenCounts,
    length: TextLength,
    sentences: Option<SentenceCounter>,
    ngrams: Option<NgramCounts>,
    diversity: Option<LexicalDiversity>,
    sample: Option<LanguageSample>,
}

impl Processor for Words {
    type Part = WordsPart;
    type Whole = WordsWhole;
    type Measures = TextMeasures;

    fn identity(&self) -> ProcessorIdentity {
        self.identity.clone()
    }

    fn begin(&self) -> WordsWhole {
        let full = self.measures == Measures::Full;
        WordsWhole {
            counts: TokenCounts::new(self.hasher.clone()),
            length: TextLength::default(),
            sentences: self.counts_sentences().then(SentenceCounter::default),
            ngrams: (self.ngrams > 1).then(|| NgramCounts::new(self.ngrams, self.hasher.clone())),
            diversity: full.then(LexicalDiversity::default),
            sample: full.then(LanguageSample::default),
        }
    }

    fn chunk(&self, text: &str) -> WordsPart {
        let mut tokens = self.tokens(text.len());
        // A long line is cut here at the places at which a smaller window would have cut it, so that the
        // tokens are the same with all sizes.
        pieces(text).into_iter().for_each(|piece| (self.tokenize)(piece, &mut tokens));
        self.part(text, tokens)
    }

    fn merge(&self, whole: &mut WordsWhole, part: WordsPart, tokens: &mut dyn Write) -> io::Result<()> {
        let WordsPart { tokens: found, length, sentences, sample } = part;
        whole.length.add(&length);
        if let (Some(whole), Some(part)) = (&mut whole.sentences, sentences) {
            whole.merge(part);
        }
        if let (Some(whole), Some(part)) = (&mut whole.sample, sample) {
            whole.add(&part);
        }
        if let Some(ngrams) = &mut whole.ngrams {
            found.iter().for_each(|token| ngrams.add(token));
        }
        if let Some(diversity) = &mut whole.diversity {
            found.iter().for_each(|token| diversity.add(token));
        }
        tokens.write_all(found.lines())?;
        let (lines, mut counts) = found.into_parts();
        whole.counts.merge(&mut counts);
        self.buffers.keep_lines(lines);
        self.buffers.keep_counts(counts);
        Ok(())
    }

    fn finish(&self, whole: WordsWhole, counts: &mut dyn Write) -> io::Result<TextMeasures> {
        let WordsWhole { counts: tokens, length, sentences, ngrams, diversity, sample } = whole;
        let sorted = tokens.sorted();
        let ngrams = ngrams.as_ref().map(|ngrams| ngrams.counts().sorted());
        ngrams.as_ref().unwrap_or(&sorted).write(counts)?;
        let sentences = sentences.map(SentenceCounter::finish);
        let measures = measure(tokens.total(), &sorted, &length, sentences, diversity, sample);
        let distinct_ngrams = ngrams.map(|ngrams| ngrams.len() as u64);
        self.buffers.keep_counts(tokens);
        Ok(TextMeasures { distinct_ngrams, ..measures })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::tokens::{
        filter::Numbers,
        preprocess::{Italics, Quotes},
        stop_words::StopWords,
        tokenization::Tokenization,
    };

    fn measured(chunks: &[&str]) -> (TextMeasures, String, String) {
        measured_by(&Words::uax29(), chunks)
    }

    fn measured_by(processor: &Words, chunks: &[&str]) -> (TextMeasures, String, String) {
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
            ..TextMeasures::default()
        };
        assert_eq!(measures, expected);
    }

    /// With all options, and cuts at all line ends.
    #[test]
    fn cuts_change_nothing_with_any_options() {
        let options = Options {
            tokenization: Tokenization {
                italics: Italics::Stripped,
                quotes: Quotes::Folded,
                ..Tokenization::default()
            },
            numbers: Numbers::Mask,
            min_length: 2,
            stop_words: Some(Arc::new(StopWords::from_lines("", "the\nof\n", &Tokenization::default()))),
            ngrams: NonZeroUsize::new(3),
            measures: Measures::Full,
            ..Options::default()
        };
        let text = "The _Whale_ of 1851, don’t\nyou know? It was white.\n\nIt swam 3 days.\nNo.\n".repeat(40);
        let whole = measured_by(&Words::with_options(options.clone()), &[&text]);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        assert_eq!(measured_by(&Words::with_options(options), &lines), whole);
        let (measures, tokens, counts) = whole;
        assert!(tokens.starts_with("whale\n<num>\ndon't\nyou\n"), "{tokens}");
        assert!(
            counts.starts_with("<num>\u{20}days no\t40\n") || counts.contains("swam <num> days\t40\n"),
            "{counts}"
        );
        assert_eq!((measures.sentences, measures.distinct_words), (Some(160), 11));
        assert_eq!(measures.language.unwrap().code, "eng");
        assert!(measures.lexical.unwrap().heaps.is_some());
        assert!(measures.readability.is_some() && measures.distinct_ngrams == Some(13));
    }

    #[test]
    fn an_empty_text_has_measures_too() {
        for chunks in [&[][..], &[""]] {
            let (measures, tokens, counts) = measured(chunks);
            assert_eq!((measures.lines, measures.words, measures.sentences), (0, 0, None));
            assert_eq!((measures.type_token_ratio, tokens.as_str(), counts.as_str()), (0.0, "", ""));
        }
    }

    #[test]
    fn only_the_ten_longest_words_are_listed() {
        let text: String = (1..=30).map(|n| "x".repeat(n) + " " + &"y".repeat(n) + "\n").collect();
        let (measures, ..) = measured(&[&text]);
        let lengths: Vec<_> = measures.longest_words.iter().map(String::len).collect();
        assert_eq!(lengths, [30, 30, 29, 29, 28, 28, 27, 27, 26, 26]);
        assert!(measures.longest_words[0].starts_with('x') && measures.longest_words[1].starts_with('y'));
    }

    #[test]
    #[should_panic(expected = "a token contains a line feed")]
    fn a_token_with_a_line_feed_is_refused() {
        Words::new(ProcessorIdentity::new("bad", 1), |text: &str, tokens: &mut Tokens| tokens.push(text))
            .chunk("a\nb");
    }

    #[test]
    #[should_panic(expected = "a token is empty")]
    fn an_empty_token_is_refused() {
        Words::new(ProcessorIdentity::new("bad", 1), |_: &str, tokens: &mut Tokens| tokens.push(""))
            .chunk("a");
    }
}
