//! Writes JSON that stays in one line for every reader.
//!
//! RFC 8259 allows U+0085, U+2028 and U+2029 unescaped in strings. Readers that split at every line end of
//! Unicode, such as Python's `str.splitlines`, then see broken lines. This module escapes these three
//! characters. The other line ends are control characters, which JSON always escapes.

use std::borrow::Cow;

use serde::Serialize;

/// The line ends that JSON does not escape: each in UTF-8 and in its escaped form.
pub const LINE_ENDS: [(&[u8], &[u8]); 3] =
    [(b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029")];

/// Serialises a value into one line, without a line feed at the end.
///
/// # Errors
/// Returns the serialiser's error if the value cannot be JSON, for example a map whose keys are not strings.
pub fn to_vec(value: &(impl Serialize + ?Sized)) -> serde_json::Result<Vec<u8>> {
    let json = serde_json::to_vec(value)?;
    Ok(match escape(&json) {
        Cow::Borrowed(_) => json,
        Cow::Owned(escaped) => escaped,
    })
}

/// Escapes the line ends in JSON, or in a part of JSON that does not split a character. Line ends of this
/// kind can only be in strings, so the value stays the same.
#[must_use]
pub fn escape(json: &[u8]) -> Cow<'_, [u8]> {
    // Most JSON is ASCII, and this check is faster than the loop.
    if json.is_ascii() {
        return Cow::Borrowed(json);
    }
    let (mut escaped, mut done) = (Vec::new(), 0);
    for at in 0..json.len() {
        // No UTF-8 sequence begins within another one, so comparing bytes finds whole characters only.
        let found = LINE_ENDS.iter().find(|(raw, _)| json[at..].starts_with(raw));
        if let Some((raw, escape)) = found {
            escaped.extend_from_slice(&json[done..at]);
            escaped.extend_from_slice(escape);
            done = at + raw.len();
        }
    }
    if done == 0 {
        return Cow::Borrowed(json);
    }
    escaped.extend_from_slice(&json[done..]);
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters at which Python's `str.splitlines` splits.
    const SPLITS: &str = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";

    #[test]
    fn a_value_is_one_line_for_whoever_splits_at_any_line_end_and_reads_as_it_was() {
        for text in [SPLITS, "", "plain", "\u{2028}", "é\u{85}雨\u{2029}", "\u{84}\u{86}\u{2027}\u{202a}"] {
            let value = serde_json::json!({ text: [text] });
            let line = String::from_utf8(to_vec(&value).unwrap()).unwrap();
            assert!(!line.contains(|c| SPLITS.contains(c)), "{line:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
        }
    }

    #[test]
    fn json_without_line_ends_stays_as_it_is() {
        let json = "{\"é\":\"\u{2027}\u{202a}\"}".as_bytes();
        assert!(matches!(escape(json), Cow::Borrowed(same) if same == json));
    }
}
