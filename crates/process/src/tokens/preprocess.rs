//! What is changed in a text before tokens are looked for. Every line is changed by itself.

use std::borrow::Cow;

use crate::options::{Italics, Letters, Options, Quotes};

/// The text as the tokenizer gets it.
pub(crate) fn preprocessed<'a>(text: &'a str, options: &Options) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    if options.italics == Italics::Stripped && text.contains('_') {
        text = Cow::Owned(without_italics(&text));
    }
    if options.quotes == Quotes::Folded && !text.is_ascii() {
        text = Cow::Owned(text.chars().map(folded).collect());
    }
    if options.letters == Letters::Ascii && !text.is_ascii() {
        text = Cow::Owned(text.chars().filter(char::is_ascii).collect());
    }
    text
}

/// Without the low lines that do not stand between two letters or digits.
fn without_italics(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, None);
    while let Some(at) = rest.find('_') {
        let run = rest[at..].len() - rest[at..].trim_start_matches('_').len();
        kept.push_str(&rest[..at]);
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let (last, next) = (rest[..at].chars().next_back().or(before), rest[at + run..].chars().next());
        if is_word(last) && is_word(next) {
            kept.push_str(&rest[at..at + run]);
        }
        before = Some('_');
        rest = &rest[at + run..];
    }
    kept.push_str(rest);
    kept
}

fn folded(c: char) -> char {
    match c {
        '‘' | '’' | '‚' | '‛' | '′' => '\'',
        '“' | '”' | '„' | '‟' | '″' => '"',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_lines_go_but_those_within_words() {
        for (text, expected) in [
            ("_The Iliad_, and _it_", "The Iliad, and it"),
            ("snake_case and a__b", "snake_case and a__b"),
            ("_a_b_", "a_b"),
            ("é_é _é_", "é_é é"),
            ("___\n_x", "\nx"),
            ("a_", "a"),
            ("", ""),
        ] {
            assert_eq!(without_italics(text), expected);
        }
    }

    #[test]
    fn what_is_asked_for_is_done_in_order() {
        let options = Options {
            italics: Italics::Stripped,
            quotes: Quotes::Folded,
            letters: Letters::Ascii,
            ..Options::default()
        };
        assert_eq!(preprocessed("_“l’été”_\n", &options), "\"l't\"\n");
        assert!(matches!(preprocessed("plain", &options), Cow::Borrowed("plain")));
    }
}
