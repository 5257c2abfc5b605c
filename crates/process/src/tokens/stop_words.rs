//! Words that are left out.
//!
//! The words of a list are normalised as tokens are: case, quotation marks, italics and letters change as in
//! a text. So a list works in any spelling, and it leaves out the normalised words.

use std::{
    borrow::Cow,
    collections::HashSet,
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use crate::{
    options::{Case, Letters, Options},
    tokens::preprocess::preprocessed,
    tokens::tokenizer::Tokenizer,
    tokens::word_list,
};

/// Bytes of the code of a language.
const CODE_BYTES: usize = 2;

/// Words that are left out, by what they are called and what they are.
#[derive(Debug)]
pub struct StopWords {
    name: String,
    words: HashSet<String>,
    /// The words of a file that no token can equal, as they are written there, in order.
    impossible: Vec<String>,
    /// Set once a token has been left out.
    has_left_out: AtomicBool,
}

/// Compares the names and the words.
impl PartialEq for StopWords {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.words) == (&other.name, &other.words)
    }
}

impl Eq for StopWords {}

/// Why there are no stop words.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStopWords {
    /// Neither a language nor a file.
    #[error(
        "'{0}' is neither a language with a list, such as en, de or fr, nor a file with a word a line: check its path"
    )]
    Unknown(String),
    /// The file cannot be read.
    #[error("read '{name}'")]
    Unreadable {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
}

impl StopWords {
    /// Returns the stop words of a language by its ISO 639-1 code; otherwise reads a file with one word per
    /// line, in which `#` and `|` begin comments. The words are normalised with `options`, as the words of a
    /// text are.
    ///
    /// # Errors
    /// Returns [`InvalidStopWords::Unknown`] if `name` is neither, and [`InvalidStopWords::Unreadable`] if
    /// the file cannot be read, is not text, or is larger than 16 MiB.
    pub fn of(name: &str, options: &Options) -> Result<Self, InvalidStopWords> {
        let language = name.to_ascii_lowercase();
        if let Some(words) = (language.len() == CODE_BYTES).then(|| stop_words::lookup(&language)).flatten() {
            let (words, _) = as_tokens(words.iter().copied(), options);
            return Ok(Self::new(language, words, Vec::new()));
        }
        let path = Path::new(name);
        let text = word_list::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => InvalidStopWords::Unknown(name.to_owned()),
            _ => InvalidStopWords::Unreadable { name: name.to_owned(), source },
        })?;
        // The identity names the file without its directory, so that a corpus can be moved.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self::from_lines(&name, &text, options))
    }

    /// Reads one word per line; comments and blank lines are ignored.
    #[must_use]
    pub fn from_lines(name: &str, text: &str, options: &Options) -> Self {
        let (words, impossible) = as_tokens(word_list::words(text), options);
        Self::new(name.to_owned(), words, impossible)
    }

    fn new(name: String, words: HashSet<String>, impossible: Vec<String>) -> Self {
        Self { name, words, impossible, has_left_out: AtomicBool::new(false) }
    }

    /// Whether the token is one of them, as it stands after all else was done with it.
    #[must_use]
    pub fn has(&self, token: &str) -> bool {
        self.words.contains(token)
    }

    /// Returns whether the token is left out, as [`has`](Self::has) does, and records that one was.
    pub(crate) fn leaves_out(&self, token: &str) -> bool {
        let is_one = self.has(token);
        // Reading first keeps the threads from writing to the same memory for every token.
        if is_one && !self.has_left_out() {
            self.has_left_out.store(true, Ordering::Relaxed);
        }
        is_one
    }

    /// Returns whether a token has been left out since the list was read.
    #[must_use]
    pub fn has_left_out(&self) -> bool {
        self.has_left_out.load(Ordering::Relaxed)
    }

    /// Returns the words of a file that no token can equal, as they are written there. The result is empty
    /// for the list of a language, and if the possible tokens are not known: with a Hugging Face tokenizer,
    /// or with a pattern whose matches may depend on the surrounding text or on upper case.
    #[must_use]
    pub fn impossible(&self) -> &[String] {
        &self.impossible
    }

    /// Returns whether the list has no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// What they are called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The BLAKE3 of the words in the order of their bytes, each with a line feed, as 64 hex digits.
    #[must_use]
    pub fn blake3(&self) -> String {
        let mut words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        words.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for word in words {
            hasher.update(word.as_bytes()).update(b"\n");
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Returns the words as tokens, composed and decomposed (Unicode TR15), and the words that no token can
/// equal.
fn as_tokens<'w>(words: impl Iterator<Item = &'w str>, options: &Options) -> (HashSet<String>, Vec<String>) {
    let (composed, decomposed) =
        (ComposingNormalizerBorrowed::new_nfc(), DecomposingNormalizerBorrowed::new_nfd());
    let (mut tokens, mut impossible) = (HashSet::new(), Vec::new());
    for word in words {
        let forms: &[Cow<'_, str>] = match options.letters {
            Letters::All => &[word.into(), composed.normalize(word), decomposed.normalize(word)],
            // Decomposition would turn `à` into `a`, which is another word.
            Letters::Ascii => &[word.into()],
        };
        let forms: Vec<String> = forms.iter().map(|form| as_token(form, options)).collect();
        if !forms.iter().any(|form| can_be_token(form, options)) {
            impossible.push(word.to_owned());
        }
        tokens.extend(forms);
    }
    tokens.remove("");
    (tokens, impossible)
}

/// Returns a word as it stands in the text that the tokenizer gets.
fn as_token(word: &str, options: &Options) -> String {
    let word = preprocessed(word, options);
    match (&options.tokenizer, options.case) {
        // The file of the tokenizer decides about case.
        (Tokenizer::HuggingFace(_), _) | (_, Case::Kept) => word.into_owned(),
        (Tokenizer::Uax29 | Tokenizer::Whitespace | Tokenizer::Regex(_) | Tokenizer::Spgc, Case::Lower) => {
            word.to_lowercase()
        }
    }
}

/// Returns whether a token can equal this word. Returns `true` if the word alone does not decide that.
fn can_be_token(word: &str, options: &Options) -> bool {
    match &options.tokenizer {
        Tokenizer::HuggingFace(_) => return true,
        Tokenizer::Regex(pattern) if looks_around(pattern.as_str()) => return true,
        Tokenizer::Uax29 | Tokenizer::Whitespace | Tokenizer::Regex(_) | Tokenizer::Spgc => {}
    }
    let mut tokens: Vec<String> = Vec::new();
    options.tokenizer.tokenize(word, options.case, &mut tokens);
    tokens == [word]
}

/// Returns whether the matches of a pattern may depend on the surrounding text, or on upper case.
fn looks_around(pattern: &str) -> bool {
    ["^", "$", "\\b", "\\B", "\\A", "\\z", "\\<", "\\>"].iter().any(|sign| pattern.contains(sign))
        || pattern.contains("upper")
        || pattern.chars().any(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Italics, Quotes};

    fn of(text: &str, options: &Options) -> StopWords {
        StopWords::from_lines("", text, options)
    }

    #[test]
    fn lists_of_languages_and_files_are_read() {
        let options = Options::default();
        let english = StopWords::of("EN", &options).unwrap();
        assert!(english.has("the") && english.has("and") && !english.has("whale"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.txt");
        std::fs::write(&path, "# mine\nthe\n  and \n\n").unwrap();
        let mine = StopWords::of(path.to_str().unwrap(), &options).unwrap();
        assert_eq!(mine, StopWords::from_lines("mine.txt", "and\nthe", &options));
        assert_eq!(mine.blake3(), of("the\nand\nand\n", &options).blake3());
        let told = StopWords::of("no such list", &options).unwrap_err().to_string();
        assert!(told.contains("neither a language"), "{told}");
    }

    #[test]
    fn words_are_changed_as_those_of_a_text_are() {
        let lower = of("The\nÉTÉ\nΟΔΟΣ\n", &Options::default());
        assert!(lower.has("the") && lower.has("été") && !lower.has("The"), "{lower:?}");
        assert!(lower.has("οδο\u{3c2}"), "the last sigma is that of the end of a word");
        let kept = of("The\n", &Options { case: Case::Kept, ..Options::default() });
        assert!(kept.has("The") && !kept.has("the"));
        let options = Options { quotes: Quotes::Folded, italics: Italics::Stripped, ..Options::default() };
        let folded = of("don’t\n_it_\n", &options);
        assert!(folded.has("don't") && folded.has("it") && !folded.has("don’t"));
        let ascii = of("café\nà\n", &Options { letters: Letters::Ascii, ..Options::default() });
        assert!(ascii.has("caf") && !ascii.has("a") && !ascii.has(""));
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        for text in ["\u{e9}t\u{e9}", "e\u{301}te\u{301}"] {
            let words = of(text, &Options::default());
            assert!(words.has("\u{e9}t\u{e9}") && words.has("e\u{301}te\u{301}"), "{words:?}");
            assert!(words.impossible().is_empty());
        }
    }

    #[test]
    fn what_changes_no_word_does_not_change_the_hash() {
        let options = Options::default();
        let plain = of("the\nmill\n", &options).blake3();
        for text in ["mill\nThe\n", "\u{feff}the\r\nmill\r\n", "the\rmill\r", "# a\n\tthe \n\nmill"] {
            assert_eq!(of(text, &options).blake3(), plain, "{text:?}");
        }
        assert_ne!(of("the\nmills\n", &options).blake3(), plain);
    }

    #[test]
    fn words_that_no_token_can_be_are_told() {
        let by = |tokenizer: &str| Options { tokenizer: tokenizer.parse().unwrap(), ..Options::default() };
        let text = "the\nThe Mill\ndon't\nand,\n'tis\nwell-known\n";
        for (tokenizer, expected) in [
            ("uax29", &["The Mill", "and,", "'tis", "well-known"][..]),
            ("whitespace", &["The Mill"]),
            ("spgc", &["The Mill", "don't", "and,", "'tis", "well-known"]),
            ("regex:[a-z]+", &["The Mill", "don't", "and,", "'tis", "well-known"]),
            ("regex:[a-z ]+", &["don't", "and,", "'tis", "well-known"]),
            ("regex:\\b[a-z]+", &[]),
            ("regex:[A-Z][a-z]*", &[]),
        ] {
            assert_eq!(of(text, &by(tokenizer)).impossible(), expected, "{tokenizer}");
        }
    }

    #[test]
    fn it_is_known_whether_a_token_was_left_out() {
        let words = of("the\n", &Options::default());
        assert!(!words.leaves_out("whale") && !words.has_left_out());
        assert!(words.leaves_out("the") && words.has_left_out());
        assert!(!words.leaves_out("whale") && words.has_left_out());
    }
}
