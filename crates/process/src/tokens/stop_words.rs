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
use regex_syntax::hir::{Class, Hir, HirKind};

use super::{
    preprocess::Letters,
    tokenization::Tokenization,
    tokenizer::{Case, Tokenizer},
    word_list,
};

/// The length of a language code, in bytes.
const CODE_BYTES: usize = 2;

/// A list of words that are left out.
#[derive(Debug)]
pub struct StopWords {
    name: String,
    words: HashSet<String>,
    /// The words of a file that no token can equal, in the spelling and order of the file.
    impossible: Vec<String>,
    /// Set once a token has been left out.
    has_left_out: AtomicBool,
}

/// An error in the name or the file of a list.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStopWords {
    /// The name is neither a language nor a file.
    #[error(
        "'{0}' is neither a language with a list, such as en, de or fr, nor a file with one word per line"
    )]
    Unknown(String),
    /// The file cannot be read.
    #[error("failed to read '{name}'")]
    Unreadable {
        /// The file.
        name: String,
        /// The error of the system, or the reason why the file is not a list.
        source: io::Error,
    },
}

impl StopWords {
    /// Returns the stop words of a language by its ISO 639-1 code; otherwise reads a file with one word per
    /// line, in which `#` and `|` begin comments. The words are normalised as `tokenization` normalises those
    /// of a text.
    ///
    /// # Errors
    /// Returns [`InvalidStopWords::Unknown`] if `name` is neither, and [`InvalidStopWords::Unreadable`] if
    /// the file cannot be read, is not text, or is larger than 16 MiB.
    pub fn load(name: &str, tokenization: &Tokenization) -> Result<Self, InvalidStopWords> {
        let language = name.to_ascii_lowercase();
        if let Some(words) = (language.len() == CODE_BYTES).then(|| stop_words::lookup(&language)).flatten() {
            // Words that cannot be tokens are reported only to the author of a list.
            let (words, _) = as_tokens(words.iter().copied(), tokenization);
            return Ok(Self::new(language, words, Vec::new()));
        }
        let path = Path::new(name);
        let text = word_list::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => InvalidStopWords::Unknown(name.to_owned()),
            _ => InvalidStopWords::Unreadable { name: name.to_owned(), source },
        })?;
        // The identity names the file without its directory, so that a corpus can be moved.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self::from_lines(&name, &text, tokenization))
    }

    /// Reads one word per line, without comments and blank lines.
    #[must_use]
    pub fn from_lines(name: &str, text: &str, tokenization: &Tokenization) -> Self {
        let (words, impossible) = as_tokens(word_list::words(text), tokenization);
        Self::new(name.to_owned(), words, impossible)
    }

    fn new(name: String, words: HashSet<String>, impossible: Vec<String>) -> Self {
        Self { name, words, impossible, has_left_out: AtomicBool::new(false) }
    }

    /// Returns whether a token is in the list, in the form in which it would be written.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.words.contains(token)
    }

    /// Returns whether the token is left out, and records that one was.
    pub(crate) fn leaves_out(&self, token: &str) -> bool {
        let is_one = self.contains(token);
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

    /// Returns the words of a file that no token can equal, in the spelling of the file. The result is empty
    /// for the list of a language, and if the possible tokens are not known: with a Hugging Face tokenizer,
    /// or with a pattern whose matches depend on the surrounding text or on upper case.
    #[must_use]
    pub fn impossible(&self) -> &[String] {
        &self.impossible
    }

    /// Returns whether the list has no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Returns the language code or the name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the BLAKE3 hash of the words, sorted by bytes, each with a line feed, as 64 hex digits.
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
fn as_tokens<'w>(
    words: impl Iterator<Item = &'w str>,
    tokenization: &Tokenization,
) -> (HashSet<String>, Vec<String>) {
    let (composed, decomposed) =
        (ComposingNormalizerBorrowed::new_nfc(), DecomposingNormalizerBorrowed::new_nfd());
    let is_checked = decides_by_word(&tokenization.tokenizer);
    let (mut tokens, mut impossible) = (HashSet::new(), Vec::new());
    for word in words {
        let forms: &[Cow<'_, str>] = match tokenization.letters {
            Letters::All => &[word.into(), composed.normalize(word), decomposed.normalize(word)],
            // Decomposition would turn `à` into `a`, which is another word.
            Letters::Ascii => &[word.into()],
        };
        let forms: Vec<String> = forms.iter().map(|form| as_token(form, tokenization)).collect();
        if is_checked && !forms.iter().any(|form| is_token(form, tokenization)) {
            impossible.push(word.to_owned());
        }
        tokens.extend(forms);
    }
    tokens.remove("");
    (tokens, impossible)
}

/// Returns a word in the form that the tokenizer gives it in a text.
fn as_token(word: &str, tokenization: &Tokenization) -> String {
    let word = tokenization.preprocess(word);
    match (&tokenization.tokenizer, tokenization.case) {
        // The file of the tokenizer decides about case.
        (Tokenizer::HuggingFace(_), _) | (_, Case::Kept) => word.into_owned(),
        (Tokenizer::Uax29 | Tokenizer::Whitespace | Tokenizer::Regex(_) | Tokenizer::Spgc, Case::Lower) => {
            word.to_lowercase()
        }
    }
}

/// Returns whether the tokenizer makes one token of the word alone.
fn is_token(word: &str, tokenization: &Tokenization) -> bool {
    let mut tokens: Vec<String> = Vec::new();
    tokenization.tokenizer.tokenize(word, tokenization.case, &mut tokens);
    tokens == [word]
}

/// Returns whether a word in lower case shows by itself if it can be a token.
fn decides_by_word(tokenizer: &Tokenizer) -> bool {
    match tokenizer {
        Tokenizer::HuggingFace(_) => false,
        Tokenizer::Regex(pattern) => regex_syntax::parse(pattern.as_str())
            .is_ok_and(|hir| hir.properties().look_set().is_empty() && !needs_upper_case(&hir)),
        Tokenizer::Uax29 | Tokenizer::Whitespace | Tokenizer::Spgc => true,
    }
}

/// Returns whether a pattern matches an upper-case letter at a place at which it does not match its lower
/// case.
fn needs_upper_case(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => {
            String::from_utf8_lossy(&literal.0).chars().any(|c| lower_case(c).is_some())
        }
        HirKind::Class(Class::Unicode(class)) => {
            let contains = |c| class.iter().any(|range| (range.start()..=range.end()).contains(&c));
            let mut letters = class.iter().flat_map(|range| range.start()..=range.end());
            letters.any(|c| lower_case(c).is_some_and(|lower| !contains(lower)))
        }
        HirKind::Class(Class::Bytes(class)) => {
            let contains = |byte| class.iter().any(|range| (range.start()..=range.end()).contains(&byte));
            (b'A'..=b'Z').any(|byte| contains(byte) && !contains(byte.to_ascii_lowercase()))
        }
        HirKind::Repetition(repetition) => needs_upper_case(&repetition.sub),
        HirKind::Capture(capture) => needs_upper_case(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(needs_upper_case),
    }
}

/// Returns the lower case of a character if it is another character. `İ` alone becomes two, and does not
/// count.
fn lower_case(c: char) -> Option<char> {
    let mut lower = c.to_lowercase();
    (lower.len() == 1).then(|| lower.next()).flatten().filter(|lower| *lower != c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::preprocess::{Italics, Quotes};

    fn of(text: &str, tokenization: &Tokenization) -> StopWords {
        StopWords::from_lines("", text, tokenization)
    }

    #[test]
    fn lists_of_languages_and_files_are_read() {
        let tokenization = Tokenization::default();
        let english = StopWords::load("EN", &tokenization).unwrap();
        assert!(english.contains("the") && english.contains("and") && !english.contains("whale"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.txt");
        std::fs::write(&path, "# mine\nthe\n  and \n\n").unwrap();
        let mine = StopWords::load(path.to_str().unwrap(), &tokenization).unwrap();
        let same = StopWords::from_lines("mine.txt", "and\nthe", &tokenization);
        assert_eq!((&mine.name, &mine.words), (&same.name, &same.words));
        assert_eq!(mine.blake3(), of("the\nand\nand\n", &tokenization).blake3());
        let error = StopWords::load("no such list", &tokenization).unwrap_err().to_string();
        assert!(error.contains("neither a language"), "{error}");
    }

    #[test]
    fn words_are_changed_as_those_of_a_text_are() {
        let lower = of("The\nÉTÉ\nΟΔΟΣ\n", &Tokenization::default());
        assert!(lower.contains("the") && lower.contains("été") && !lower.contains("The"), "{lower:?}");
        assert!(lower.contains("οδο\u{3c2}"), "the last sigma is that of the end of a word");
        let kept = of("The\n", &Tokenization { case: Case::Kept, ..Tokenization::default() });
        assert!(kept.contains("The") && !kept.contains("the"));
        let tokenization =
            Tokenization { quotes: Quotes::Folded, italics: Italics::Stripped, ..Tokenization::default() };
        let folded = of("don’t\n_it_\n", &tokenization);
        assert!(folded.contains("don't") && folded.contains("it") && !folded.contains("don’t"));
        let ascii = of("café\nà\n", &Tokenization { letters: Letters::Ascii, ..Tokenization::default() });
        assert!(ascii.contains("caf") && !ascii.contains("a") && !ascii.contains(""));
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        for text in ["\u{e9}t\u{e9}", "e\u{301}te\u{301}"] {
            let words = of(text, &Tokenization::default());
            assert!(words.contains("\u{e9}t\u{e9}") && words.contains("e\u{301}te\u{301}"), "{words:?}");
            assert!(words.impossible().is_empty());
        }
    }

    #[test]
    fn what_changes_no_word_does_not_change_the_hash() {
        let tokenization = Tokenization::default();
        let plain = of("the\nmill\n", &tokenization).blake3();
        for text in ["mill\nThe\n", "\u{feff}the\r\nmill\r\n", "the\rmill\r", "# a\n\tthe \n\nmill"] {
            assert_eq!(of(text, &tokenization).blake3(), plain, "{text:?}");
        }
        assert_ne!(of("the\nmills\n", &tokenization).blake3(), plain);
    }

    #[test]
    fn words_that_no_token_can_equal_are_reported() {
        let by = |tokenizer: &str| Tokenization {
            tokenizer: tokenizer.parse().unwrap(),
            ..Tokenization::default()
        };
        let text = "the\nThe Mill\ndon't\nand,\n'tis\nwell-known\n";
        for (tokenizer, expected) in [
            ("uax29", &["The Mill", "and,", "'tis", "well-known"][..]),
            ("whitespace", &["The Mill"]),
            ("spgc", &["The Mill", "don't", "and,", "'tis", "well-known"]),
            ("regex:[a-z]+", &["The Mill", "don't", "and,", "'tis", "well-known"]),
            ("regex:[a-z ]+", &["don't", "and,", "'tis", "well-known"]),
            ("regex:\\b[a-z]+", &[]),
            ("regex:[A-Z][a-z]*", &[]),
            ("regex:(?i)[a-z]+", &["The Mill", "don't", "and,", "'tis", "well-known"]),
            // Upper case in the pattern, but none that it needs.
            ("regex:\\S+", &["The Mill"]),
            ("regex:[^\\W\\d]+", &["The Mill", "don't", "and,", "'tis", "well-known"]),
            ("regex:[A-Za-z]+\\$?", &["The Mill", "don't", "and,", "'tis", "well-known"]),
            ("regex:\\p{L}+", &["The Mill", "don't", "and,", "'tis", "well-known"]),
            // Upper case that it needs, but no upper-case literal.
            ("regex:\\p{Lu}\\p{L}*", &[]),
            ("regex:[^a-z ]+", &[]),
        ] {
            assert_eq!(of(text, &by(tokenizer)).impossible(), expected, "{tokenizer}");
        }
    }

    #[test]
    fn a_list_records_that_it_left_out_a_token() {
        let words = of("the\n", &Tokenization::default());
        assert!(!words.leaves_out("whale") && !words.has_left_out());
        assert!(words.leaves_out("the") && words.has_left_out());
        assert!(!words.leaves_out("whale") && words.has_left_out());
    }
}
