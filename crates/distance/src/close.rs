//! Ids that may have been meant where one is not there.

use flow::document::DocumentId;

/// How many are named.
const NAMED_MAX: usize = 3;
/// How alike an id must be, by Jaro and Winkler.
const LIKENESS_MIN: f64 = 0.75;

/// The ids most like this one, the most alike first; upper and lower case are alike.
#[must_use]
pub fn closest(id: &str, documents: &[DocumentId]) -> Vec<DocumentId> {
    let id = id.to_ascii_lowercase();
    let likeness = |document: &DocumentId| strsim::jaro_winkler(&id, &document.as_str().to_ascii_lowercase());
    let mut alike: Vec<(f64, &DocumentId)> = documents
        .iter()
        .map(|document| (likeness(document), document))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    alike.sort_by(|(one, first), (other, second)| other.total_cmp(one).then(first.cmp(second)));
    alike.into_iter().take(NAMED_MAX).map(|(_, document)| document.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_a_slip_are_found_and_others_are_not() {
        let documents: Vec<DocumentId> =
            ["PG84", "PG844", "moby-dick", "walden"].iter().map(|id| id.parse().unwrap()).collect();
        let closest = |id| closest(id, &documents).iter().map(DocumentId::to_string).collect::<Vec<_>>();
        assert_eq!(closest("mobydick"), ["moby-dick"]);
        assert_eq!(closest("pg48"), ["PG84", "PG844"]);
        assert_eq!(closest("zzz"), [""; 0]);
    }
}
