//! Words that are left out.

use std::{collections::HashSet, io, path::Path};

/// The most bytes of a file of stop words.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Bytes of the code of a language.
const CODE_BYTES: usize = 2;

/// Words that are left out, by what they are called and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopWords {
    name: String,
    words: HashSet<String>,
}

/// Why there are no stop words.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStopWords {
    /// Neither a language nor a file.
    #[error("'{0}' is neither a language with a list, such as en, de or fr, nor a file with a word a line")]
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
    /// The list of a language by its ISO 639-1 code; else a file with a word a line, where `#` begins a comment.
    ///
    /// # Errors
    /// Where it is neither, or the file cannot be read, is not UTF-8 or has over 16 MiB.
    pub fn of(name: &str) -> Result<Self, InvalidStopWords> {
        let language = name.to_ascii_lowercase();
        if let Some(words) = (language.len() == CODE_BYTES).then(|| stop_words::lookup(&language)).flatten() {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            return Ok(Self { name: language, words });
        }
        let path = Path::new(name);
        let unreadable = |source| InvalidStopWords::Unreadable { name: name.to_owned(), source };
        match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(InvalidStopWords::Unknown(name.to_owned()));
            }
            Err(error) => return Err(unreadable(error)),
            Ok(found) if found.len() > FILE_BYTES_MAX => {
                return Err(unreadable(io::Error::other("it has over 16 MiB")));
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        // The identity names the file without its directory, so that a corpus can be moved.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self::from_lines(&name, &text))
    }

    /// A word a line; what follows `#` at the beginning of a word, and blank lines, are none.
    #[must_use]
    pub fn from_lines(name: &str, text: &str) -> Self {
        let words = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { name: name.to_owned(), words: words.map(str::to_owned).collect() }
    }

    /// Whether the token is one of them, as it stands after all else was done with it.
    #[must_use]
    pub fn has(&self, token: &str) -> bool {
        self.words.contains(token)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_languages_and_files_are_read() {
        let english = StopWords::of("EN").unwrap();
        assert!(english.has("the") && english.has("and") && !english.has("whale"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.txt");
        std::fs::write(&path, "# mine\nthe\n  and \n\n").unwrap();
        let mine = StopWords::of(path.to_str().unwrap()).unwrap();
        assert_eq!(mine, StopWords::from_lines("mine.txt", "and\nthe"));
        assert_eq!(mine.blake3(), StopWords::from_lines("", "the\nand\nand\n").blake3());
        let told = StopWords::of("no such list").unwrap_err().to_string();
        assert!(told.contains("neither a language"), "{told}");
    }
}
