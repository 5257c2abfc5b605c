//! Which tokens are kept, and as what.

use std::sync::Arc;

use crate::{
    options::{Numbers, Options},
    tokens::stop_words::StopWords,
};

/// What a masked number becomes.
pub(crate) const MASK: &str = "<num>";

/// What is done with a token after it was found.
#[derive(Debug)]
pub(crate) struct Filter {
    numbers: Numbers,
    min_length: usize,
    stop_words: Option<Arc<StopWords>>,
}

impl Filter {
    /// None where nothing would be done.
    pub(crate) fn of(options: &Options) -> Option<Self> {
        let filter = Self {
            numbers: options.numbers,
            min_length: options.min_length,
            stop_words: options.stop_words.clone(),
        };
        let does_something =
            filter.numbers != Numbers::Keep || filter.min_length > 1 || filter.stop_words.is_some();
        does_something.then_some(filter)
    }

    /// The token as it is kept; none where it is left out. A mask is kept whatever its length.
    pub(crate) fn keep<'a>(&self, token: &'a str) -> Option<&'a str> {
        match self.numbers {
            Numbers::Drop if is_number(token) => return None,
            Numbers::Mask if is_number(token) => return Some(MASK),
            Numbers::Keep | Numbers::Drop | Numbers::Mask => {}
        }
        let is_short = self.min_length > 1 && token.chars().take(self.min_length).count() < self.min_length;
        let is_stop = || self.stop_words.as_ref().is_some_and(|words| words.leaves_out(token));
        (!is_short && !is_stop()).then_some(token)
    }
}

/// Begins with a digit, and has nothing but digits and what stands between them.
fn is_number(token: &str) -> bool {
    let mut characters = token.chars();
    characters.next().is_some_and(char::is_numeric)
        && characters.all(|c| c.is_numeric() || matches!(c, '.' | ',' | '\'' | '\u{2019}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<'a>(options: &Options, tokens: &[&'a str]) -> Vec<&'a str> {
        let filter = Filter::of(options).unwrap();
        tokens.iter().filter_map(|token| filter.keep(token)).collect()
    }

    #[test]
    fn tokens_are_kept_as_is_asked() {
        let tokens = ["a", "the", "3.14", "1,000", "2nd", "é", "٣", "whale"];
        let options = |numbers| Options { numbers, ..Options::default() };
        assert_eq!(kept(&options(Numbers::Drop), &tokens), ["a", "the", "2nd", "é", "whale"]);
        let masked = kept(&options(Numbers::Mask), &tokens);
        assert_eq!(masked, ["a", "the", MASK, MASK, "2nd", "é", MASK, "whale"]);
        let long = Options { min_length: 3, ..Options::default() };
        assert_eq!(kept(&long, &tokens), ["the", "3.14", "1,000", "2nd", "whale"]);
        let stop_words = Some(Arc::new(StopWords::from_lines("", "the\na\n", &long)));
        assert_eq!(kept(&Options { stop_words, ..long }, &tokens), ["3.14", "1,000", "2nd", "whale"]);
        assert!(Filter::of(&Options::default()).is_none());
    }
}
