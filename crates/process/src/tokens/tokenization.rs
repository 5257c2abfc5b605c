//! The options that decide which tokens a text has.

use std::borrow::Cow;

use uax29::TokenSink;

use super::{
    preprocess::{Italics, Letters, Quotes, preprocess},
    tokenizer::{Case, Tokenizer},
};

/// The options up to the tokenizer. By default the tokens are exactly the words of UAX #29 in lower case.
#[derive(Debug, Clone, Default)]
pub struct Tokenization {
    /// The definition of a token.
    pub tokenizer: Tokenizer,
    /// The treatment of upper case. A Hugging Face tokenizer ignores it: its file has rules for case.
    pub case: Case,
    /// The treatment of the underscores around italics.
    pub italics: Italics,
    /// The treatment of typographic quotation marks.
    pub quotes: Quotes,
    /// The treatment of non-ASCII characters.
    pub letters: Letters,
}

impl Tokenization {
    /// Returns the text that the tokenizer receives.
    pub(crate) fn preprocess<'a>(&self, text: &'a str) -> Cow<'a, str> {
        preprocess(text, self.italics, self.quotes, self.letters)
    }

    /// Passes the tokens of a text to `sink`, in order.
    pub(crate) fn tokenize(&self, text: &str, sink: &mut impl TokenSink) {
        self.tokenizer.tokenize(&self.preprocess(text), self.case, sink);
    }
}
