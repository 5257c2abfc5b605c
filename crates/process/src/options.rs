//! What is done with a text, as far as the user may choose. All of it is part of the results' identity.

use std::{fmt, num::NonZeroUsize, str::FromStr, sync::Arc};

use crate::{processor::Identity, tokens::stop_words::StopWords, tokens::tokenizer::Tokenizer};

/// The built-in processor's options. By default the words are exactly those of UAX #29 in lower case, and all are kept.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What a token is.
    pub tokenizer: Tokenizer,
    /// What becomes of upper case; a Hugging Face tokenizer has its own way with it.
    pub case: Case,
    /// What becomes of `_italics_`, as they are written in plain text.
    pub italics: Italics,
    /// What becomes of typographic quotation marks and apostrophes.
    pub quotes: Quotes,
    /// What becomes of characters beyond ASCII.
    pub letters: Letters,
    /// What becomes of tokens that are numbers.
    pub numbers: Numbers,
    /// The fewest characters of a token that is kept.
    pub min_length: usize,
    /// Tokens that are left out.
    pub stop_words: Option<Arc<StopWords>>,
    /// How many tokens in a row are counted as one; none for one.
    pub ngrams: Option<NonZeroUsize>,
    /// Whether sentences are counted, and what is measured by them.
    pub sentences: Sentences,
    /// What is measured besides.
    pub measures: Measures,
}

/// A word that names no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use one of: {0}")]
pub struct InvalidChoice(&'static str);

/// An enum of choices by their names; the first is the default.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$choice_doc:meta])* $choice:ident = $text:literal),+ $(,)? }, $all:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$choice_doc])* $choice),+
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$choice => $text),+ })
            }
        }

        impl FromStr for $name {
            type Err = InvalidChoice;

            fn from_str(text: &str) -> Result<Self, InvalidChoice> {
                match text { $($text => Ok(Self::$choice),)+ _ => Err(InvalidChoice($all)) }
            }
        }
    };
}

choices!(
    /// What becomes of upper case.
    Case {
        /// It becomes lower case, by the rules of Unicode for whole words.
        Lower = "lower",
        /// It stays.
        Kept = "keep",
    },
    "lower, keep"
);
choices!(
    /// What becomes of the low lines around italics.
    Italics {
        /// They stay, and are part of the word by UAX #29.
        Kept = "keep",
        /// A low line that does not stand between two letters or digits goes.
        Stripped = "strip",
    },
    "keep, strip"
);
choices!(
    /// What becomes of typographic quotation marks.
    Quotes {
        /// They stay.
        Kept = "keep",
        /// `‘ ’ ‚ ‛ ′` become `'`, and `“ ” „ ‟ ″` become `"`.
        Folded = "fold",
    },
    "keep, fold"
);
choices!(
    /// What becomes of characters beyond ASCII.
    Letters {
        /// They stay.
        All = "all",
        /// They go, before words are looked for: `café` becomes `caf`.
        Ascii = "ascii",
    },
    "all, ascii"
);
choices!(
    /// What becomes of numbers: tokens that begin with a digit and have nothing but digits, `.`, `,` and `'`.
    Numbers {
        /// They stay.
        Keep = "keep",
        /// They go.
        Drop = "drop",
        /// Each becomes `<num>`.
        Mask = "mask",
    },
    "keep, drop, mask"
);
choices!(
    /// Whether sentences are counted.
    Sentences {
        /// They are not.
        Uncounted = "off",
        /// They are, and readability is measured by them.
        Counted = "on",
    },
    "off, on"
);
choices!(
    /// What is measured of a text.
    Measures {
        /// Lengths, words, distinct words, hapaxes, longest words.
        Basic = "basic",
        /// Also sentences and readability, lexical measures, and the language.
        Full = "full",
    },
    "basic, full"
);

macro_rules! first_is_default {
    ($($name:ident = $choice:ident),+) => {
        $(impl Default for $name {
            fn default() -> Self {
                Self::$choice
            }
        })+
    };
}
first_is_default!(
    Case = Lower,
    Italics = Kept,
    Quotes = Kept,
    Letters = All,
    Numbers = Keep,
    Sentences = Uncounted,
    Measures = Basic
);

impl Options {
    /// By which name, version and parameters results of these options are known. What is not asked for is not named, so
    /// that a new option changes nothing for those who do not use it.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let of_case = |identity: Identity| identity.with("case", self.case);
        let mut identity = match &self.tokenizer {
            Tokenizer::Uax29 => of_case(uax29_identity()),
            Tokenizer::Whitespace => of_case(Identity::new("whitespace", 1)),
            Tokenizer::Regex(pattern) => of_case(Identity::new("regex", 2).with("pattern", pattern)),
            Tokenizer::Spgc => of_case(Identity::new("spgc", 2)),
            // Case is for the file to say, and where it lies does not matter.
            Tokenizer::HuggingFace(file) => Identity::new("hf", 1).with("tokenizer_blake3", file.blake3()),
        };
        let asked = [
            ("italics", self.italics.to_string(), self.italics != Italics::Kept),
            ("quotes", self.quotes.to_string(), self.quotes != Quotes::Kept),
            ("letters", self.letters.to_string(), self.letters != Letters::All),
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
            Some(n) if n.get() > 1 => identity.with("ngrams", n),
            Some(_) | None => identity,
        }
    }
}

/// Returns the identity of the words of UAX #29. The Unicode versions are those of the word boundaries and of case.
fn uax29_identity() -> Identity {
    let (a, b, c) = uax29::UNICODE_VERSION;
    let (d, e, f) = char::UNICODE_VERSION;
    Identity::new("uax29", 2)
        .with("unicode_words", format!("{a}.{b}.{c}"))
        .with("unicode_case", format!("{d}.{e}.{f}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_not_named() {
        assert_eq!(Options::default().identity(), uax29_identity().with("case", "lower"));
        let numbers = Options { numbers: Numbers::Mask, min_length: 1, ..Options::default() };
        assert_eq!(numbers.identity(), Options::default().identity().with("numbers", "mask"));
    }

    #[test]
    fn choices_are_read_as_they_are_written() {
        for choice in [Numbers::Keep, Numbers::Drop, Numbers::Mask] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        let told = "some".parse::<Numbers>().unwrap_err().to_string();
        assert_eq!(told, "use one of: keep, drop, mask");
    }
}
