//! The id of a document, which is always a safe file name.

use std::{borrow::Cow, fmt, str::FromStr};

use deunicode::deunicode;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// The longest document id, in bytes. File names add a suffix of at most 20 bytes.
pub const DOCUMENT_ID_BYTES_MAX: usize = 120;

/// The id of a document in the run directory: `PG84`, an id from a source list, or one derived from a URL.
///
/// It has 1 to [`DOCUMENT_ID_BYTES_MAX`] bytes of `A–Z a–z 0–9 . _ -`, begins with a letter or digit, does
/// not end with a dot, and is not a device name of Windows. So no file name made from it leaves its
/// directory. Ids that differ only in case are different values, but name the same job and document: see
/// [`folded`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentId(String);

impl DocumentId {
    /// Returns the id of book `number` of Project Gutenberg.
    #[must_use]
    pub fn gutenberg(number: u32) -> Self {
        Self(format!("PG{number}"))
    }

    /// Returns the id of a document that has none in its source list: the readable part of host and path, and
    /// 8 hex digits of the BLAKE3 of `url`, so that different URLs get different ids.
    #[must_use]
    pub fn derived(host: &str, path: &str, url: &str) -> Self {
        let stem = stem(path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default());
        let mut name: String = format!("{host}-{stem}").chars().map(safe).collect();
        // The hyphen and the hash take 9 bytes. All characters are ASCII by now, so this cannot split one.
        name.truncate(DOCUMENT_ID_BYTES_MAX - 9);
        // An id begins with a letter or digit.
        let start = name.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let name = name[start..].trim_end_matches(['-', '.', '_']);
        let hash = blake3::hash(url.as_bytes()).to_hex();
        // A URL may have no characters that are allowed in an id.
        let name = if name.is_empty() { "text" } else { name };
        let id = format!("{name}-{}", &hash[..8]);
        // On Windows, `con.example` is the device `con` with an extension.
        Self(if is_device(&id) { id.replacen('.', "-", 1) } else { id })
    }

    /// Returns the id as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the common form of all ids that differ only in case: in lower case, except for the `PG` of
/// [`DocumentId::gutenberg`], so that the ids of books are their own folded form.
///
/// A file system that ignores case does not distinguish the files of such ids.
#[must_use]
pub fn folded(id: &str) -> Cow<'_, str> {
    let is_book = id.as_bytes().get(2).is_some_and(u8::is_ascii_digit)
        && id.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("PG"));
    let start = if is_book { 2 } else { 0 };
    // Most ids are folded already, and need no allocation.
    let is_folded =
        !id.as_bytes()[start..].iter().any(u8::is_ascii_uppercase) && (!is_book || id.starts_with("PG"));
    if is_folded {
        return Cow::Borrowed(id);
    }
    let mut folded = id.to_ascii_lowercase();
    if is_book {
        folded.replace_range(..start, "PG");
    }
    Cow::Owned(folded)
}

/// The maximum length of a file name extension, in bytes and without its dot.
const ENDING_BYTES_MAX: usize = 8;

/// Returns the file name of a URL without its extension, in a readable form. Percent-encodings are decoded,
/// letters outside ASCII are transliterated, and each run of characters between words becomes one hyphen.
/// `Roman%20%C3%BCber%20001.txt` becomes `Roman-uber-001`.
///
/// A name without percent-encodings stays as it is, so that ids which were readable before this rule do not
/// change.
fn stem(file: &str) -> Cow<'_, str> {
    // Ids of such names must not change.
    if !file.contains('%') {
        return Cow::Borrowed(file.rsplit_once('.').map_or(file, |(stem, _)| stem));
    }
    let name = percent_decode_str(file).decode_utf8_lossy();
    let is_ending = |ending: &str| {
        (1..=ENDING_BYTES_MAX).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if is_ending(ending) => stem,
        Some(_) | None => &*name,
    };
    // Ids are ASCII. Letters of other scripts are transliterated, so that the name stays readable.
    let spelled = deunicode(stem);
    let words = spelled.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    Cow::Owned(words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-"))
}

fn safe(c: char) -> char {
    if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }
}

/// Returns whether a file of this name is a device on Windows, with any extension.
fn is_device(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    ["CON", "PRN", "AUX", "NUL"].contains(&base.as_str())
        || (base.len() == 4
            && (base.starts_with("COM") || base.starts_with("LPT"))
            && base.as_bytes()[3].is_ascii_digit())
}

/// The error of a string that cannot be a document id. Its message is safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{id}' cannot be a document id: {why}")]
pub struct InvalidDocumentId {
    id: String,
    why: &'static str,
}

impl FromStr for DocumentId {
    type Err = InvalidDocumentId;

    fn from_str(id: &str) -> Result<Self, InvalidDocumentId> {
        let refuse = |why| {
            // The message shows a short, escaped part, because the id may contain control characters.
            let id = id.chars().take(60).flat_map(char::escape_debug).collect();
            Err(InvalidDocumentId { id, why })
        };
        if id.is_empty() || id.len() > DOCUMENT_ID_BYTES_MAX {
            return refuse("it must have 1 to 120 characters");
        }
        if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
            return refuse("only A to Z, a to z, 0 to 9, '.', '_' and '-' are safe in file names everywhere");
        }
        if !id.as_bytes()[0].is_ascii_alphanumeric() || id.ends_with('.') {
            return refuse("it must begin with a letter or digit and not end with a dot");
        }
        if is_device(id) { refuse("it is the name of a device on Windows") } else { Ok(Self(id.to_owned())) }
    }
}

impl TryFrom<String> for DocumentId {
    type Error = InvalidDocumentId;

    fn try_from(id: String) -> Result<Self, InvalidDocumentId> {
        id.parse()
    }
}

impl From<DocumentId> for String {
    fn from(id: DocumentId) -> Self {
        id.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_names_are_refused() {
        for id in ["", ".", "..", "../x", "a/b", "a\\b", "~", "-x", "x.", "NUL", "con.txt", "a b", "é", "a\0"]
        {
            assert!(id.parse::<DocumentId>().is_err(), "{id:?}");
        }
        assert!("x".repeat(121).parse::<DocumentId>().is_err());
        for id in ["PG84", "a", "0.1_b-c", "CONSOLE"] {
            assert!(id.parse::<DocumentId>().is_ok(), "{id:?}");
        }
    }

    #[test]
    fn an_id_beyond_ascii_is_refused_however_it_is_composed() {
        for id in ["caf\u{e9}", "cafe\u{301}", "\u{ff21}", "\u{212a}"] {
            let error = id.parse::<DocumentId>().expect_err("it is not ASCII").to_string();
            assert!(error.contains("only A to Z, a to z, 0 to 9"), "{error}");
        }
    }

    #[test]
    fn spellings_that_differ_only_in_case_are_folded_to_one() {
        for (ids, expected) in [
            (["PG84", "pg84", "Pg84"], "PG84"),
            (["PG84-ascii", "PG84-ASCII", "pg84-ascii"], "PG84-ascii"),
            (["moby", "Moby", "MOBY"], "moby"),
            (["pg", "PG", "Pg"], "pg"),
            (["pgx1", "PGX1", "PGx1"], "pgx1"),
            (["9", "9", "9"], "9"),
        ] {
            for id in ids {
                assert_eq!(folded(id), expected, "{id}");
                assert_eq!(folded(&folded(id)), expected, "{id}");
            }
        }
        assert_eq!(folded("\u{c9}"), "\u{c9}", "only what file names may hold is folded");
    }

    #[test]
    fn what_is_said_of_an_unsafe_name_is_safe_to_print() {
        let error = "a\u{1b}[2J".parse::<DocumentId>().expect_err("it has an escape in it").to_string();
        assert!(error.contains("'a\\u{1b}[2J'"), "{error}");
    }

    #[test]
    fn a_derived_id_is_safe_whatever_the_url() {
        for path in ["/", "", "/a/../..", "/%00", "/ü/…", "/x.txt", &"/y".repeat(300), "/.hidden", "/a/-.-"]
        {
            for host in ["example.org", "[::1]", "", "..", "xn--ls8h.la", "con.example", "LPT1.x.y", "nul"] {
                let id = DocumentId::derived(host, path, &format!("{host}{path}"));
                assert_eq!(id.as_str().parse(), Ok(id.clone()), "{host} {path}");
            }
        }
        let one = DocumentId::derived("h", "/x", "http://h/x?1");
        let two = DocumentId::derived("h", "/x", "http://h/x?2");
        assert_ne!(one, two);
    }

    /// Returns the id of a file without its hash.
    fn derived(path: &str) -> String {
        let id = DocumentId::derived("", path, path);
        assert_eq!(id.as_str().parse(), Ok(id.clone()), "{path}");
        id.as_str().rsplit_once('-').expect("a hash follows").0.to_owned()
    }

    #[test]
    fn a_derived_id_is_readable_whatever_is_encoded_in_the_name() {
        for (path, expected) in [
            ("/a/Roman%20001.txt", "Roman-001"),
            ("/Die%20M%C3%BChle%2C%20alt.txt", "Die-Muhle-alt"),
            ("/Die%20Mu%CC%88hle.txt", "Die-Muhle"),
            ("/Stra%C3%9Fe%20%281%29.TXT", "Strasse-1"),
            ("/%D0%92%D0%BE%D0%B9%D0%BD%D0%B0%20%D0%B8%20%D0%BC%D0%B8%D1%80.txt", "Voina-i-mir"),
            ("/O%27Brien%20%E2%80%93%20Vol.%202.txt", "O-Brien-Vol.-2"),
            ("/Dr.%20No", "Dr.-No"),
            ("/100%25.txt", "100"),
            ("/a%2Fb%5C..%2Fc.txt", "a-b-..-c"),
            ("/%E5%90%BE%E8%BC%A9.txt", "Wu-Bei"),
            ("/caf%E9.txt", "caf"),
        ] {
            assert_eq!(derived(path), expected, "{path}");
        }
        assert_eq!(derived("/%00%FF.txt"), "text");
    }

    #[test]
    fn ids_that_were_readable_stay_as_they_were() {
        for (path, expected) in [
            ("/pub/n1.txt", "n1"),
            ("/a+b.txt", "a-b"),
            ("/it's_(1).tar.gz", "it-s--1-.tar"),
            ("/v1.2/read me", "read-me"),
            ("/x..txt", "x"),
        ] {
            assert_eq!(derived(path), expected, "{path}");
        }
        assert_eq!(
            DocumentId::derived("h.example", "/pub/n1.txt", "http://h.example/pub/n1.txt").as_str(),
            format!("h.example-n1-{}", &blake3::hash(b"http://h.example/pub/n1.txt").to_hex()[..8])
        );
    }
}
