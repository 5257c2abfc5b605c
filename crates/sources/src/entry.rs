//! An entry of a source list.

use flow::{
    document::DocumentId,
    payload::{FetchJob, Listed},
};
use serde::{Deserialize, Serialize};

/// A text to fetch.
///
/// Guarantee: 1 to 16 different URLs, each normalised and absolute (`http`, `https` or `file`), in order of
/// preference; at most 60 KiB as JSON, so that the fetch job made of it fits into the queue.
///
/// Disk form, a line of a snapshot: `{"id":"PG84","urls":["https://…"],"listed":{"title":"…"}}`. `listed` is
/// left out if it is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The document id: as listed, a Gutenberg number, or derived from the first URL.
    pub id: DocumentId,
    /// The URLs at which the text is available.
    pub urls: Vec<String>,
    /// The other facts that the list gives about the text.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub listed: Listed,
}

fn is_empty(listed: &Listed) -> bool {
    *listed == Listed::default()
}

impl Entry {
    /// Returns the job that fetches the text, starting with the first URL. `group_of` returns the politeness
    /// group of a URL, or `None` for a `file:` URL.
    #[must_use]
    pub fn into_job(self, group_of: impl Fn(&str) -> Option<String>) -> FetchJob {
        let host = self.urls.first().and_then(|url| group_of(url));
        FetchJob {
            document: self.id,
            urls: self.urls,
            candidate: 0,
            host,
            redirected: None,
            refused: None,
            listed: self.listed,
            stored: None,
            lost: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_form_is_stable() {
        let listed = Listed {
            title: Some("Ion".to_owned()),
            blake3: Some("ab".repeat(32)),
            sha256: None,
            encoding: None,
            columns: [("shelf".to_owned(), "3".to_owned())].into(),
        };
        let urls = vec!["https://a.example/1".to_owned(), "file:///b".to_owned()];
        let full = Entry { id: "PG1635".parse().expect("an id"), urls, listed };
        let bare = Entry { listed: Listed::default(), ..full.clone() };
        let hash = "ab".repeat(32);
        let start = r#"{"id":"PG1635","urls":["https://a.example/1","file:///b"]"#;
        let rest = format!(r#","listed":{{"title":"Ion","blake3":"{hash}","columns":{{"shelf":"3"}}}}"#);
        for (entry, golden) in [(full, format!("{start}{rest}}}")), (bare, format!("{start}}}"))] {
            assert_eq!(serde_json::to_string(&entry).expect("JSON"), golden);
            assert_eq!(serde_json::from_str::<Entry>(&golden).expect("reads back"), entry);
        }
    }

    #[test]
    fn a_job_is_grouped_by_its_first_url() {
        let urls = vec!["https://a.example/1".to_owned(), "https://b.example/1".to_owned()];
        let entry = Entry { id: "x".parse().expect("an id"), urls: urls.clone(), listed: Listed::default() };
        let job = entry.into_job(|url| url.split('/').nth(2).map(str::to_owned));
        assert_eq!((job.host.as_deref(), job.candidate, job.urls), (Some("a.example"), 0, urls));
    }
}
