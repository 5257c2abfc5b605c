//! What a lock and a corpus differ in.

use std::{cmp::Ordering, fmt, iter::Peekable};

use flow::document::DocumentId;
use serde::Serialize;

use super::Locked;
use crate::exit::CliError;

/// A document that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    pub(crate) id: DocumentId,
    pub(crate) what: Vec<What>,
}

/// In what a document differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// The lock has it, the corpus has not.
    Missing,
    /// The corpus has it, or a list names it, and the lock has not.
    NotLocked,
    /// Other bytes were received.
    Raw,
    /// It was decoded by another encoding.
    Encoding,
    /// The text is another.
    Text,
    /// The tokens are others.
    Tokens,
    /// The counts are others.
    Counts,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "in the lock, but not here",
            Self::NotLocked => "not in the lock",
            Self::Raw => "other bytes than those of the lock",
            Self::Encoding => "another encoding",
            Self::Text => "another text",
            Self::Tokens => "other tokens",
            Self::Counts => "other counts",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what: Vec<String> = self.what.iter().map(ToString::to_string).collect();
        write!(f, "{}: {}", self.id, what.join(", "))
    }
}

/// What differs between a lock and a corpus, both in order of ids. Holds nothing of what does not. Blocking.
///
/// # Errors
/// The first of either.
pub(super) fn compare(
    locked: &mut impl Iterator<Item = Result<Locked, CliError>>,
    here: impl Iterator<Item = Result<Locked, CliError>>,
) -> Result<Vec<Difference>, CliError> {
    let (mut locked, mut here) = (locked.peekable(), here.peekable());
    let mut found = Vec::new();
    loop {
        let order = match (id(&mut locked), id(&mut here)) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(&other),
        };
        let alone = |id, what| Difference { id, what: vec![what] };
        match order {
            Ordering::Less => found.extend(taken(&mut locked)?.map(|one| alone(one.id, What::Missing))),
            Ordering::Greater => found.extend(taken(&mut here)?.map(|one| alone(one.id, What::NotLocked))),
            Ordering::Equal => {
                if let (Some(one), Some(other)) = (taken(&mut locked)?, taken(&mut here)?) {
                    found.extend(changed(&one, &other).map(|what| Difference { id: one.id, what }));
                }
            }
        }
    }
    Ok(found)
}

/// The id of the next one. An error comes before everything, so that it is taken next.
fn id(
    documents: &mut Peekable<impl Iterator<Item = Result<Locked, CliError>>>,
) -> Option<Option<&DocumentId>> {
    documents.peek().map(|next| next.as_ref().ok().map(|one| &one.id))
}

fn taken(documents: &mut impl Iterator<Item = Result<Locked, CliError>>) -> Result<Option<Locked>, CliError> {
    documents.next().transpose()
}

fn changed(locked: &Locked, here: &Locked) -> Option<Vec<What>> {
    let differ = [
        (locked.raw != here.raw, What::Raw),
        (locked.encoding != here.encoding, What::Encoding),
        (locked.text != here.text, What::Text),
        (locked.tokens != here.tokens, What::Tokens),
        (locked.counts != here.counts, What::Counts),
    ];
    let what: Vec<What> = differ.into_iter().filter_map(|(differs, what)| differs.then_some(what)).collect();
    (!what.is_empty()).then_some(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::Bytes;

    fn document(id: &str, text: &str) -> Locked {
        let bytes = |blake3: &str| Bytes { bytes: 1, blake3: blake3.to_owned() };
        Locked {
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
                "a: in the lock, but not here",
                "b: another text, other tokens",
                "c: not in the lock",
                "e: not in the lock"
            ]
        );
        assert_eq!(found(&[], &same).len(), 2);
        assert_eq!(found(&same, &[]).len(), 2);
    }

    #[test]
    fn an_error_of_either_side_ends_it() {
        let bad = || CliError::new(crate::exit::Exit::File, "bad");
        let good = || vec![Ok(document("a", "1"))].into_iter();
        assert!(compare(&mut vec![Err(bad())].into_iter(), good()).is_err());
        assert!(compare(&mut good(), vec![Ok(document("a", "1")), Err(bad())].into_iter()).is_err());
    }
}
