//! Compares a lock with a corpus.

use std::{cmp::Ordering, fmt, iter::Peekable};

use flow::document::DocumentId;
use serde::Serialize;

use super::{LockError, LockedDocument};

/// A document that differs between a lock and a corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The id of the document.
    pub id: DocumentId,
    /// The kinds of difference of the document.
    pub what: Vec<DifferenceKind>,
}

/// A kind of difference between a lock and a corpus, in one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It is in the lock, but not in the corpus.
    Missing,
    /// It is in the corpus or in a source list, but not in the lock.
    NotLocked,
    /// The bytes as received differ.
    Raw,
    /// The encoding differs.
    Encoding,
    /// The text differs.
    Text,
    /// The tokens differ.
    Tokens,
    /// The counts differ.
    Counts,
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "in the lock file, but not in the corpus",
            Self::NotLocked => "not in the lock file",
            Self::Raw => "different received bytes",
            Self::Encoding => "different encoding",
            Self::Text => "different text",
            Self::Tokens => "different tokens",
            Self::Counts => "different counts",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what: Vec<String> = self.what.iter().map(ToString::to_string).collect();
        write!(f, "{}: {}", self.id, what.join(", "))
    }
}

/// Returns the documents that differ between a lock and a corpus, which are both in order of ids. Holds only
/// those in memory.
///
/// # Errors
/// Returns the first error of either.
pub(super) fn compare(
    locked: &mut impl Iterator<Item = Result<LockedDocument, LockError>>,
    here: impl Iterator<Item = Result<LockedDocument, LockError>>,
) -> Result<Vec<Difference>, LockError> {
    let (mut locked, mut here) = (locked.peekable(), here.peekable());
    let mut found = Vec::new();
    loop {
        let order = match (peek_id(&mut locked), peek_id(&mut here)) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(&other),
        };
        let alone = |id, what| Difference { id, what: vec![what] };
        match order {
            Ordering::Less => {
                found.extend(take(&mut locked)?.map(|one| alone(one.id, DifferenceKind::Missing)))
            }
            Ordering::Greater => {
                found.extend(take(&mut here)?.map(|one| alone(one.id, DifferenceKind::NotLocked)))
            }
            Ordering::Equal => {
                if let (Some(one), Some(other)) = (take(&mut locked)?, take(&mut here)?) {
                    found.extend(changed(&one, &other).map(|what| Difference { id: one.id, what }));
                }
            }
        }
    }
    Ok(found)
}

/// Returns the id of the next document. Returns `Some(None)` for an error, which sorts before all ids, so
/// that it is taken next.
fn peek_id(
    documents: &mut Peekable<impl Iterator<Item = Result<LockedDocument, LockError>>>,
) -> Option<Option<&DocumentId>> {
    documents.peek().map(|next| next.as_ref().ok().map(|one| &one.id))
}

fn take(
    documents: &mut impl Iterator<Item = Result<LockedDocument, LockError>>,
) -> Result<Option<LockedDocument>, LockError> {
    documents.next().transpose()
}

fn changed(locked: &LockedDocument, here: &LockedDocument) -> Option<Vec<DifferenceKind>> {
    // The URL is not compared, because the same bytes may come from any mirror.
    let differ = [
        (locked.raw != here.raw, DifferenceKind::Raw),
        (locked.encoding != here.encoding, DifferenceKind::Encoding),
        (locked.text != here.text, DifferenceKind::Text),
        (locked.tokens != here.tokens, DifferenceKind::Tokens),
        (locked.counts != here.counts, DifferenceKind::Counts),
    ];
    let what: Vec<DifferenceKind> =
        differ.into_iter().filter_map(|(differs, what)| differs.then_some(what)).collect();
    (!what.is_empty()).then_some(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Fingerprint;

    fn document(id: &str, text: &str) -> LockedDocument {
        let bytes = |blake3: &str| Fingerprint { bytes: 1, blake3: blake3.to_owned() };
        LockedDocument {
            id: id.parse().unwrap(),
            url: format!("http://{id}.example/"),
            raw: bytes("raw"),
            text: bytes(text),
            encoding: "UTF-8".to_owned(),
            tokens: text.to_owned(),
            counts: "counts".to_owned(),
        }
    }

    fn found(locked: &[(&str, &str)], here: &[(&str, &str)]) -> Vec<String> {
        let all = |documents: &[(&str, &str)]| {
            documents.iter().map(|(id, text)| Ok(document(id, text))).collect::<Vec<_>>().into_iter()
        };
        compare(&mut all(locked), all(here)).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_differs_is_named_and_nothing_else() {
        let same = [("a", "1"), ("b", "2")];
        assert_eq!(found(&same, &same), [] as [&str; 0]);
        assert_eq!(
            found(&[("a", "1"), ("b", "2"), ("d", "4")], &[("b", "3"), ("c", "3"), ("d", "4"), ("e", "5")]),
            [
                "a: in the lock file, but not in the corpus",
                "b: different text, different tokens",
                "c: not in the lock file",
                "e: not in the lock file"
            ]
        );
        assert_eq!(found(&[], &same).len(), 2);
        assert_eq!(found(&same, &[]).len(), 2);
    }

    #[test]
    fn an_error_of_either_side_ends_it() {
        let bad = || LockError::Damaged { path: "a".into(), line: 1, message: "bad".to_owned() };
        let good = || vec![Ok(document("a", "1"))].into_iter();
        assert!(compare(&mut vec![Err(bad())].into_iter(), good()).is_err());
        assert!(compare(&mut good(), vec![Ok(document("a", "1")), Err(bad())].into_iter()).is_err());
    }
}
