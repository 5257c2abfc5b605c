//! Reads files with one word per line, as different editors save them.

use std::{fs, io, path::Path};

/// The maximum size of a word list, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The byte order mark, which some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a word list in UTF-8, or in UTF-16 with a byte order mark.
///
/// # Errors
/// Returns the error of the system, or [`io::ErrorKind::InvalidData`] with advice if the path is not a file,
/// or the file is not text or is larger than 16 MiB.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let invalid = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    // A pipe or a directory could block or have no end.
    let found = path.metadata()?;
    if !found.is_file() {
        return invalid("it is not a file. Use a text file with one word per line".to_owned());
    }
    if found.len() > FILE_BYTES_MAX {
        return invalid("it has more than 16 MiB, the maximum for a list of words".to_owned());
    }
    let bytes = fs::read(path)?;
    let text = match &bytes[..] {
        // The byte order marks of UTF-16, which Windows editors write.
        [0xff, 0xfe, rest @ ..] => from_utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => from_utf16(rest, u16::from_be_bytes),
        _ => match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
                return invalid(format!("line {line} is not UTF-8. Save it as text in UTF-8"));
            }
        },
    };
    match text {
        // NUL shows a binary file, or UTF-16 without a byte order mark.
        Some(text) if !text.contains('\0') => Ok(text),
        _ => invalid("it is not text. Save it as text in UTF-8, with one word per line".to_owned()),
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    // An odd number of bytes is not UTF-16.
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).collect::<Result<_, _>>().ok().filter(|_| rest.is_empty())
}

/// Returns the words of a list: one per line, without the white space around them. `#` begins a comment, and
/// so does `|`, as in the lists of Snowball. Every line end is accepted, also the CR of old Macintosh
/// programs.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |c| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    // A byte order mark stands at the beginning, and inside a list that was joined from several files.
    let is_blank = |c: char| c.is_whitespace() || c == BYTE_ORDER_MARK;
    let lines = text.split(is_end).map(move |line| line.trim_matches(is_blank));
    lines.map(without_comment).filter(|line| !line.is_empty())
}

/// Returns a line without its comment. A mark inside a word (`c#`) begins no comment, and a bar alone is a
/// word.
fn without_comment(line: &str) -> &str {
    let is_after_space = |at: usize| line[..at].ends_with(char::is_whitespace);
    let is_comment = |(at, mark): (usize, &str)| match mark {
        "#" => at == 0 || is_after_space(at),
        _ => is_after_space(at) || (at == 0 && line[1..].starts_with(char::is_whitespace)),
    };
    let start = line.match_indices(['#', '|']).find(|found| is_comment(*found));
    start.map_or(line, |(at, _)| line[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_is_the_same_words_however_it_was_saved() {
        let utf16 = |units: &mut dyn Iterator<Item = u16>, bytes: fn(u16) -> [u8; 2]| {
            units.flat_map(bytes).collect::<Vec<u8>>()
        };
        let plain = "the\nété\n# no word\n\n  mill \n";
        for bytes in [
            plain.as_bytes().to_vec(),
            format!("\u{feff}{plain}").into_bytes(),
            plain.replace('\n', "\r\n").into_bytes(),
            plain.replace('\n', "\r").into_bytes(),
            plain.trim_end().replace('\n', "\n\u{feff}").into_bytes(),
            plain.replace('\n', "\u{2028}").into_bytes(),
            plain.replace(' ', "\u{a0}\t").into_bytes(),
            utf16(&mut format!("\u{feff}{plain}").encode_utf16(), u16::to_le_bytes),
            utf16(&mut format!("\u{feff}{plain}").encode_utf16(), u16::to_be_bytes),
        ] {
            let text = read_bytes(&bytes).unwrap();
            assert_eq!(words(&text).collect::<Vec<_>>(), ["the", "été", "mill"], "{bytes:?}");
        }
    }

    #[test]
    fn comments_end_words_and_marks_inside_of_words_do_not() {
        let list = "the | article\n | pronouns\nhe # he\n#she\nc#\na|b\n|\n|x\nmill#\tx\nlane\t#x | y\n";
        assert_eq!(
            words(list).collect::<Vec<_>>(),
            ["the", "he", "c#", "a|b", "|", "|x", "mill#\tx", "lane"]
        );
    }

    #[test]
    fn an_invalid_list_is_refused_with_advice() {
        for (bytes, expected) in [
            (&b"the\nd\xe9j\xe0\n"[..], "line 2 is not UTF-8. Save it as text in UTF-8"),
            (b"\x89PNG\r\n\x1a\n\0\0", "line 1 is not UTF-8"),
            (b"t\0h\0e\0\n\0", "not text"),
            (b"\xff\xfea\0b", "not text"),
            (b"\xff\xfe\x00\xd8a\0", "not text"),
        ] {
            let error = read_bytes(bytes).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let directory = tempfile::tempdir().unwrap();
        let error = read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("not a file"), "{error}");
        assert_eq!(read(&directory.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
