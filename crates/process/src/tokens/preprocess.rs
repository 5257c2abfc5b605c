//! Changes a text before it is split into tokens. Every line is changed by itself.

use std::borrow::Cow;

use flow::choices;

choices! {
    /// The treatment of the underscores around `_italics_` in plain text.
    Italics {
        /// They stay, and are part of the word by UAX #29.
        #[default]
        Kept = "keep",
        /// An underscore that is not between two letters or digits is removed.
        Stripped = "strip",
    }
}
choices! {
    /// The treatment of typographic quotation marks.
    Quotes {
        /// They stay.
        #[default]
        Kept = "keep",
        /// `‘ ’ ‚ ‛ ′` become `'`, and `“ ” „ ‟ ″` become `"`.
        Folded = "fold",
    }
}
choices! {
    /// The treatment of non-ASCII characters.
    Letters {
        /// They stay.
        #[default]
        All = "all",
        /// They are removed before the text is split: `café` becomes `caf`.
        Ascii = "ascii",
    }
}

/// Returns the text that the tokenizer receives.
pub(super) fn preprocess(text: &str, italics: Italics, quotes: Quotes, letters: Letters) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if italics == Italics::Stripped && text.contains('_') {
        text = Cow::Owned(without_italics(&text));
    }
    // All these quotation marks are non-ASCII, so most texts are not copied.
    if quotes == Quotes::Folded && !text.is_ascii() {
        text = Cow::Owned(text.chars().map(folded).collect());
    }
    if letters == Letters::Ascii && !text.is_ascii() {
        text = Cow::Owned(text.chars().filter(char::is_ascii).collect());
    }
    text
}

/// Removes the underscores that are not between two letters or digits.
fn without_italics(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, None);
    while let Some(at) = rest.find('_') {
        // A run of underscores stays or goes as a whole: `a__b` is one name.
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
    fn underscores_are_removed_except_within_words() {
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
    fn all_changes_are_made_in_order() {
        let all = |text| preprocess(text, Italics::Stripped, Quotes::Folded, Letters::Ascii);
        assert_eq!(all("_“l’été”_\n"), "\"l't\"\n");
        assert!(matches!(all("plain"), Cow::Borrowed("plain")));
    }
}
