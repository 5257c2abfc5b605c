//! Warns about a list of stop words that does not do what its user may expect.

use crate::{options::Options, tokens::stop_words::StopWords};

/// The maximum number of words that are named.
const NAMED_MAX: usize = 10;

/// The part that decides what a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokensBy {
    /// The tokenizer of the options.
    Tokenizer,
    /// A command of the user, which may return any token.
    Command,
}

/// Warns before the run if the list is empty or has words that no token can equal.
pub fn warn_before(options: &Options, by: TokensBy) {
    let Some(list) = &options.stop_words else { return };
    if list.is_empty() {
        tracing::warn!("the list of stop words '{}' is empty. No token is removed.", list.name());
    } else if let (TokensBy::Tokenizer, Some(told)) = (by, impossible(list)) {
        tracing::warn!(
            "{told} with --tokenizer {}. Write one word per line, in the form that it has in tokens/.",
            options.tokenization.tokenizer
        );
    }
}

/// Warns after a run that has processed texts if no token was left out.
pub fn warn_after(options: &Options) {
    if let Some(list) = options.stop_words.as_ref().filter(|list| !list.is_empty() && !list.has_left_out()) {
        tracing::warn!(
            "the list of stop words '{}' removed no token in this run. Compare its words with the tokens \
             in counts/.",
            list.name()
        );
    }
}

/// Returns the beginning of a sentence about the words that no token can equal, or `None` if there are no
/// such words.
fn impossible(list: &StopWords) -> Option<String> {
    let words = list.impossible();
    let named: Vec<String> = words.iter().take(NAMED_MAX).map(|word| format!("'{word}'")).collect();
    let more = words.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = named.join(", ");
    (!words.is_empty()).then(|| {
        format!("{} of the stop words in '{}' cannot match a token ({named}{more})", words.len(), list.name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokenization::Tokenization;

    #[test]
    fn the_first_ten_are_named_and_the_rest_is_counted() {
        let list = |count: usize| {
            let lines: String = (0..count).map(|n| format!("a b{n}\n")).collect();
            StopWords::from_lines("sw.txt", &lines, &Tokenization::default())
        };
        assert_eq!(impossible(&list(0)), None);
        assert_eq!(
            impossible(&list(1)).unwrap(),
            "1 of the stop words in 'sw.txt' cannot match a token ('a b0')"
        );
        let told = impossible(&list(12)).unwrap();
        assert!(told.starts_with("12 of the stop words") && told.ends_with("'a b9' and 2 more)"), "{told}");
    }
}
