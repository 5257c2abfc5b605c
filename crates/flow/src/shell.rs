//! Quotes words of printed commands, so that the commands can be pasted into a shell.

use std::path::Path;

/// Returns a word as a shell reads it back, in quotation marks if it needs them.
#[must_use]
pub fn quoted(word: &str) -> String {
    // A NUL is removed, because it cannot be passed to a shell.
    shlex::try_quote(&word.replace('\0', "")).map_or_else(|_| word.to_owned(), |quoted| quoted.into_owned())
}

/// Returns a path as a word of a command.
#[must_use]
pub fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_to_a_shell() {
        assert_eq!(quoted("./corpus/PG84_text.txt"), "./corpus/PG84_text.txt");
        for word in ["my run", "it's", "a\"b", "$HOME", "a;b", "a&b", "*", "~/x", "", "ü x", "a\nb", "#x"] {
            assert_eq!(shlex::split(&quoted(word)), Some(vec![word.to_owned()]), "{word}");
            assert_ne!(quoted(word), word);
        }
        assert_eq!(quoted("a\0 b"), "'a b'");
    }
}
