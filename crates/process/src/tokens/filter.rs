//! Decides which tokens are kept, and replaces numbers.

use std::sync::Arc;

use flow::choices;

use super::stop_words::StopWords;

/// The token that stands for a number with [`Numbers::Mask`].
pub(crate) const MASK: &str = "<num>";

choices! {
    /// The treatment of numbers: tokens that begin with a digit and consist of digits, `.`, `,` and `'`.
    Numbers {
        /// They stay.
        #[default]
        Keep = "keep",
        /// They are left out.
        Drop = "drop",
        /// Each becomes `<num>`.
        Mask = "mask",
    }
}

/// The changes to a token after the tokenizer.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) numbers: Numbers,
    /// The minimum length of a token in characters.
    pub(crate) min_length: usize,
    pub(crate) stop_words: Option<Arc<StopWords>>,
}

impl Filter {
    /// Returns whether the filter keeps every token as it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers == Numbers::Keep && self.min_length <= 1 && self.stop_words.is_none()
    }

    /// Returns the token as it is kept, or `None` if it is left out. A mask is kept whatever its length.
    pub(crate) fn keep<'a>(&self, token: &'a str) -> Option<&'a str> {
        match self.numbers {
            Numbers::Drop if is_number(token) => return None,
            Numbers::Mask if is_number(token) => return Some(MASK),
            Numbers::Keep | Numbers::Drop | Numbers::Mask => {}
        }
        // `take` bounds the work for a very long token.
        let is_short = self.min_length > 1 && token.chars().take(self.min_length).count() < self.min_length;
        let is_stop_word = || self.stop_words.as_ref().is_some_and(|words| words.leaves_out(token));
        (!is_short && !is_stop_word()).then_some(token)
    }
}

/// Returns whether the token begins with a digit and consists of digits and the characters within numbers.
fn is_number(token: &str) -> bool {
    let mut characters = token.chars();
    characters.next().is_some_and(char::is_numeric)
        && characters.all(|c| c.is_numeric() || matches!(c, '.' | ',' | '\'' | '\u{2019}'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokenization::Tokenization;

    fn kept<'a>(filter: &Filter, tokens: &[&'a str]) -> Vec<&'a str> {
        assert!(!filter.is_empty());
        tokens.iter().filter_map(|token| filter.keep(token)).collect()
    }

    #[test]
    fn tokens_are_kept_as_is_asked() {
        let tokens = ["a", "the", "3.14", "1,000", "2nd", "é", "٣", "whale"];
        let filter = |numbers| Filter { numbers, ..Filter::default() };
        assert_eq!(kept(&filter(Numbers::Drop), &tokens), ["a", "the", "2nd", "é", "whale"]);
        let masked = kept(&filter(Numbers::Mask), &tokens);
        assert_eq!(masked, ["a", "the", MASK, MASK, "2nd", "é", MASK, "whale"]);
        let long = Filter { min_length: 3, ..Filter::default() };
        assert_eq!(kept(&long, &tokens), ["the", "3.14", "1,000", "2nd", "whale"]);
        let stop_words = StopWords::from_lines("", "the\na\n", &Tokenization::default());
        let stop_words = Some(Arc::new(stop_words));
        assert_eq!(kept(&Filter { stop_words, ..long }, &tokens), ["3.14", "1,000", "2nd", "whale"]);
        assert!(Filter::default().is_empty());
    }
}
