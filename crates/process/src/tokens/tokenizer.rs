//! Splits a text into tokens: the words of UAX #29, or one of a few other definitions.
//!
//! Every tokenizer treats each line by itself, so that the places at which a text is cut change nothing. The
//! exception is a line of 8 MiB or more, which is cut between a space and an ASCII letter or digit, at places
//! that follow from the line alone (see [`uax29::cuts`]). A pattern that matches a space and a letter can
//! find such a cut.

#[cfg_attr(not(feature = "hf"), path = "tokenizer/hugging_face_absent.rs")]
pub(crate) mod hugging_face;
mod spgc;

use std::{fmt, str::FromStr, sync::Arc};

use flow::choices;
use regex::Regex;
use uax29::TokenSink;

use self::hugging_face::HuggingFace;

/// The definition of a token. Written `uax29`, `whitespace`, `spgc`, `regex:PATTERN` or `hf:PATH`.
#[derive(Debug, Clone, Default)]
pub enum Tokenizer {
    /// The words of UAX #29 (see the crate [`uax29`]).
    #[default]
    Uax29,
    /// The text between white space, with its punctuation.
    Whitespace,
    /// Every match of a pattern in a line, the leftmost first, without empty matches.
    Regex(Regex),
    /// Nearly the tokens of the Standardized Project Gutenberg Corpus, which finds sentences with a trained
    /// model.
    Spgc,
    /// The pieces into which a Hugging Face `tokenizer.json` splits each line, if juggle is built with the
    /// feature `hf`.
    HuggingFace(Arc<HuggingFace>),
}

choices! {
    /// The treatment of upper case.
    Case {
        /// It becomes lower case, by the rules of Unicode for whole words.
        #[default]
        Lower = "lower",
        /// It stays.
        Kept = "keep",
    }
}

/// An error in the name of a tokenizer, as a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTokenizer(String);

impl Tokenizer {
    /// Passes the tokens of a text to `sink`, in order.
    pub(crate) fn tokenize(&self, text: &str, case: Case, sink: &mut impl TokenSink) {
        match self {
            Self::Uax29 => match case {
                Case::Lower => uax29::for_each_lowercase_word(text, sink),
                Case::Kept => uax29::for_each_word(text, |word| sink.push(word)),
            },
            Self::Whitespace => text.split_whitespace().for_each(|field| push(field, case, sink)),
            Self::Regex(pattern) => {
                // By lines, so that a pattern that matches line feeds does not depend on where the text is
                // cut.
                let found =
                    text.lines().flat_map(|line| pattern.find_iter(line)).filter(|found| !found.is_empty());
                found.for_each(|found| push(found.as_str(), case, sink));
            }
            Self::Spgc => text.lines().for_each(|line| spgc::words(line, |word| push(word, case, sink))),
            Self::HuggingFace(tokenizer) => tokenizer.tokenize(text, sink),
        }
    }
}

fn push(token: &str, case: Case, sink: &mut impl TokenSink) {
    match case {
        Case::Kept => sink.push(token),
        Case::Lower => sink.push(&token.to_lowercase()),
    }
}

impl FromStr for Tokenizer {
    type Err = InvalidTokenizer;

    fn from_str(text: &str) -> Result<Self, InvalidTokenizer> {
        match text {
            "uax29" => Ok(Self::Uax29),
            "whitespace" => Ok(Self::Whitespace),
            "spgc" => Ok(Self::Spgc),
            _ => match text.split_once(':') {
                Some(("regex", pattern)) => Regex::new(pattern)
                    .map(Self::Regex)
                    .map_err(|error| InvalidTokenizer(format!("invalid pattern: {error}"))),
                Some(("hf", path)) => Ok(Self::HuggingFace(Arc::new(HuggingFace::open(path)?))),
                _ => Err(InvalidTokenizer(format!(
                    "unknown tokenizer '{text}': use uax29, whitespace, spgc, regex:PATTERN such as \
                     regex:[a-z]+, or hf:PATH with a tokenizer.json"
                ))),
            },
        }
    }
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uax29 => f.pad("uax29"),
            Self::Whitespace => f.pad("whitespace"),
            Self::Regex(pattern) => write!(f, "regex:{pattern}"),
            Self::Spgc => f.pad("spgc"),
            Self::HuggingFace(tokenizer) => write!(f, "hf:{}", tokenizer.path()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(tokenizer: &str, case: Case, text: &str) -> String {
        let mut tokens: Vec<String> = Vec::new();
        tokenizer.parse::<Tokenizer>().unwrap().tokenize(text, case, &mut tokens);
        tokens.iter().flat_map(|token| [token, "|"]).collect()
    }

    #[test]
    fn every_tokenizer_has_its_own_tokens() {
        let text = "The Cat's _hat_, Mr. É!\n3.14 can't";
        assert_eq!(tokens("uax29", Case::Lower, text), "the|cat's|_hat_|mr|é|3.14|can't|");
        assert_eq!(tokens("uax29", Case::Kept, text), "The|Cat's|_hat_|Mr|É|3.14|can't|");
        assert_eq!(tokens("whitespace", Case::Lower, text), "the|cat's|_hat_,|mr.|é!|3.14|can't|");
        assert_eq!(tokens("regex:[a-z]+", Case::Lower, text), "he|at|s|hat|r|can|t|");
        assert_eq!(tokens("regex:x*", Case::Kept, "axxb"), "xx|");
    }

    #[test]
    fn an_invalid_tokenizer_is_refused_with_advice() {
        let no_file = if cfg!(feature = "hf") { "failed to read 'none'" } else { "-p juggle --features hf" };
        for (text, expected) in
            [("words", "use uax29, whitespace"), ("regex:(", "invalid pattern"), ("hf:none", no_file)]
        {
            let error = text.parse::<Tokenizer>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
