//! What is guaranteed of every entry and of every bad line.

use flow::document::DocumentId;
use sources::{entry::Entry, error::BadLine};
use url::Url;

const JSON_BYTES_MAX: usize = 60 * 1024;
const MESSAGE_CHARS_MAX: usize = 1000;

/// The guarantee of an entry from bytes: 1 to 16 different URLs, each normalised, absolute and of the web; an
/// id that is a safe file name; JSON of at most 60 KiB, which reads back as the entry.
pub fn check(entry: &Entry) {
    assert!((1..=16).contains(&entry.urls.len()), "{}", entry.urls.len());
    for (at, text) in entry.urls.iter().enumerate() {
        assert!(!entry.urls[..at].contains(text), "{text} twice");
        let url = Url::parse(text).expect("a URL");
        assert!(url.as_str() == text, "{text} is not normalised: {url}");
        assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{text}");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{text}");
    }
    let id = entry.id.as_str();
    assert_eq!(id.parse::<DocumentId>().as_ref(), Ok(&entry.id), "the id is safe");
    for hash in [&entry.listed.blake3, &entry.listed.sha256].into_iter().flatten() {
        assert!(
            hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{hash}"
        );
    }
    let json = serde_json::to_vec(entry).expect("an entry can be written");
    assert!(json.len() <= JSON_BYTES_MAX, "{} bytes of JSON", json.len());
    assert_eq!(&serde_json::from_slice::<Entry>(&json).expect("an entry can be read"), entry);
}

/// Bad lines come in order; what is said of them is short and safe to print.
pub fn check_bad(bad: &[BadLine]) {
    assert!(bad.is_sorted_by_key(|line| line.line), "in order");
    for BadLine { line, message } in bad {
        assert!(*line > 0 && !message.is_empty());
        assert!(!message.contains(char::is_control), "{message:?}");
        assert!(message.chars().count() <= MESSAGE_CHARS_MAX, "{message}");
    }
}
