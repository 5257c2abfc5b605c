//! The receiver of tokens, by which tokenizers know nothing of counts and filters.

use uax29::{WordSink, for_each_lowercase_word, token_counts::ShortToken};

/// Receives the tokens of a text in order.
pub(crate) trait TokenSink {
    /// Takes the next token.
    fn push(&mut self, token: &str);

    /// Takes the words of UAX #29 of a text, in lower case. Implementations may be faster than a call of
    /// [`push`](Self::push) for each word.
    fn push_words(&mut self, text: &str)
    where
        Self: Sized,
    {
        push_each_word(text, self);
    }
}

impl TokenSink for Vec<String> {
    fn push(&mut self, token: &str) {
        self.push(token.to_owned());
    }
}

/// Passes on each word as a string.
struct EachWord<'s, S>(&'s mut S);

impl<S: TokenSink> WordSink for EachWord<'_, S> {
    fn push_short(&mut self, word: ShortToken, _: usize) {
        word.with_bytes(|bytes| self.push(std::str::from_utf8(bytes).expect("short words are ASCII")));
    }

    fn push(&mut self, word: &str) {
        self.0.push(word);
    }
}

/// Passes the words of UAX #29 of a text to `sink`, in lower case, one by one.
pub(crate) fn push_each_word(text: &str, sink: &mut impl TokenSink) {
    for_each_lowercase_word(text, &mut EachWord(sink));
}
