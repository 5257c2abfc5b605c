//! The line that a child receives for a document.

use flow::{document::DocumentId, json_line};
use serde::{Deserialize, Serialize};

/// The length of the parts of a text that are converted to JSON one by one, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// The maximum length of an answer to an empty text, in bytes.
const ANSWER_BYTES_BASE: usize = 1 << 20;

/// A document for a child.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) document: DocumentId,
    pub(super) text: String,
    pub(super) meta: RequestMeta,
}

/// The fields of `meta/` that a child receives.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RequestMeta {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

impl Request {
    /// Returns the line in pieces, so that it is never in memory as a whole: the JSON of a text can be six
    /// times as long.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        let head = [&b"{\"id\":"[..], &json(self.document.as_str()), b",\"text\":\""].concat();
        let mut tail = b"\"".to_vec();
        if self.meta != RequestMeta::default() {
            tail = [b"\",\"meta\":", &json(&self.meta)[..]].concat();
        }
        tail.extend_from_slice(b"}\n");
        let text = pieces(&self.text).map(|piece| {
            // Without the quotation marks: the pieces are one string.
            let quoted = json(piece);
            quoted[1..quoted.len() - 1].to_vec()
        });
        [head].into_iter().chain(text).chain([tail])
    }

    /// Returns the maximum length of the answer, in bytes. Tokens of one character, with all others escaped,
    /// take five times the text.
    pub(super) const fn answer_bytes_max(&self) -> usize {
        self.text.len().saturating_mul(8).saturating_add(ANSWER_BYTES_BASE)
    }
}

fn json(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    json_line::to_vec(value).expect("strings are serializable")
}

/// Splits a text into pieces between characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, meta: RequestMeta) -> String {
        let request = Request { document: DocumentId::gutenberg(84), text: text.to_owned(), meta };
        String::from_utf8(request.pieces().flatten().collect()).unwrap()
    }

    #[test]
    fn a_request_is_one_line_of_json() {
        assert_eq!(
            line("Say \"no\"\n\\ \u{1} é", RequestMeta::default()),
            "{\"id\":\"PG84\",\"text\":\"Say \\\"no\\\"\\n\\\\ \\u0001 é\"}\n"
        );
        assert_eq!(line("", RequestMeta::default()), "{\"id\":\"PG84\",\"text\":\"\"}\n");
        let meta: RequestMeta = serde_json::from_str(r#"{"title":"T","author":null,"url":"x"}"#).unwrap();
        assert_eq!(line("a", meta), "{\"id\":\"PG84\",\"text\":\"a\",\"meta\":{\"title\":\"T\"}}\n");
    }

    #[test]
    fn a_request_is_one_line_for_a_child_that_splits_at_any_line_end() {
        let meta: RequestMeta = serde_json::from_str("{\"title\":\"One\u{2029}Two\"}").unwrap();
        let line = line("a\u{85}b\u{2028}c\u{b}d\u{1c}e\r\n", meta);
        assert_eq!(
            line,
            "{\"id\":\"PG84\",\"text\":\"a\\u0085b\\u2028c\\u000bd\\u001ce\\r\\n\",\
             \"meta\":{\"title\":\"One\\u2029Two\"}}\n"
        );
    }

    #[test]
    fn a_long_text_is_the_same_in_pieces() {
        let text = "é\n\"雨\t".repeat(100_000);
        let value: serde_json::Value = serde_json::from_str(&line(&text, RequestMeta::default())).unwrap();
        assert!(value["text"] == text);
    }
}
