//! The options of the built-in processor. All of them are part of the identity of its results.

use std::{num::NonZeroUsize, sync::Arc};

use corpus::stats::ProcessorIdentity;
use flow::choices;

use crate::tokens::{
    filter::{Filter, Numbers},
    preprocess::{Italics, Letters, Quotes},
    stop_words::StopWords,
    tokenization::Tokenization,
    tokenizer::Tokenizer,
};

/// The options of the built-in processor. By default the words are exactly those of UAX #29 in lower case,
/// and all are kept.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The options that decide which tokens a text has.
    pub tokenization: Tokenization,
    /// The treatment of tokens that are numbers.
    pub numbers: Numbers,
    /// The minimum length of a token that is kept, in characters.
    pub min_length: usize,
    /// The tokens that are left out.
    pub stop_words: Option<Arc<StopWords>>,
    /// The number of tokens in a row that are counted as one; `None` counts single tokens.
    pub ngrams: Option<NonZeroUsize>,
    /// The switch for sentences.
    pub sentences: Sentences,
    /// The extent of the measures.
    pub measures: Measures,
}

choices! {
    /// A switch for the counting of sentences.
    Sentences {
        /// They are not counted.
        #[default]
        Uncounted = "off",
        /// They are counted, and readability is measured.
        Counted = "on",
    }
}
choices! {
    /// The extent of the measures of a text.
    Measures {
        /// Lengths, words, distinct words, hapaxes, longest words.
        #[default]
        Basic = "basic",
        /// Also sentences and readability, lexical measures, and the language.
        Full = "full",
    }
}

impl Options {
    /// Returns the filter that the options ask for, or `None` if every token is kept as it is.
    pub(crate) fn filter(&self) -> Option<Filter> {
        let filter = Filter {
            numbers: self.numbers,
            min_length: self.min_length,
            stop_words: self.stop_words.clone(),
        };
        Some(filter).filter(|filter| !filter.is_empty())
    }

    /// Returns the identity of results that are made with these options. Options with their default are not
    /// named, so that a new option does not change the identity of results that were made without it.
    #[must_use]
    pub fn identity(&self) -> ProcessorIdentity {
        let Tokenization { tokenizer, case, italics, quotes, letters } = &self.tokenization;
        let of_case = |identity: ProcessorIdentity| identity.with("case", case);
        let mut identity = match tokenizer {
            Tokenizer::Uax29 => of_case(uax29_identity()),
            Tokenizer::Whitespace => of_case(ProcessorIdentity::new("whitespace", 1)),
            Tokenizer::Regex(pattern) => of_case(ProcessorIdentity::new("regex", 2).with("pattern", pattern)),
            Tokenizer::Spgc => of_case(ProcessorIdentity::new("spgc", 2)),
            // The file decides about case, and its path does not matter.
            Tokenizer::HuggingFace(file) => {
                ProcessorIdentity::new("hf", 1).with("tokenizer_blake3", file.blake3())
            }
        };
        // The names and values are stored in `stats/`: a change of one computes all such results again.
        let asked = [
            ("italics", italics.to_string(), *italics != Italics::Kept),
            ("quotes", quotes.to_string(), *quotes != Quotes::Kept),
            ("letters", letters.to_string(), *letters != Letters::All),
            ("numbers", self.numbers.to_string(), self.numbers != Numbers::Keep),
            ("min_length", self.min_length.to_string(), self.min_length > 1),
            ("sentences", self.sentences.to_string(), self.sentences != Sentences::Uncounted),
            ("measures", self.measures.to_string(), self.measures != Measures::Basic),
        ];
        for (name, value, _) in asked.into_iter().filter(|(_, _, is_asked)| *is_asked) {
            identity = identity.with(name, value);
        }
        if let Some(stop_words) = &self.stop_words {
            identity =
                identity.with("stop_words", stop_words.name()).with("stop_words_blake3", stop_words.blake3());
        }
        match self.ngrams {
            // A 1-gram is a token.
            Some(n) if n.get() > 1 => identity.with("ngrams", n),
            Some(_) | None => identity,
        }
    }
}

/// Returns the identity of the words of UAX #29. The Unicode versions are those of the word boundaries and of
/// case.
fn uax29_identity() -> ProcessorIdentity {
    let (a, b, c) = uax29::UNICODE_VERSION;
    let (d, e, f) = char::UNICODE_VERSION;
    ProcessorIdentity::new("uax29", 2)
        .with("unicode_words", format!("{a}.{b}.{c}"))
        .with("unicode_case", format!("{d}.{e}.{f}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_with_their_default_are_not_named() {
        assert_eq!(Options::default().identity(), uax29_identity().with("case", "lower"));
        let numbers = Options { numbers: Numbers::Mask, min_length: 1, ..Options::default() };
        assert_eq!(numbers.identity(), Options::default().identity().with("numbers", "mask"));
    }

    #[test]
    fn choices_are_parsed_as_they_are_written() {
        for choice in [Numbers::Keep, Numbers::Drop, Numbers::Mask] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        let error = "some".parse::<Numbers>().unwrap_err().to_string();
        assert_eq!(error, "use one of: keep, drop, mask");
    }
}
