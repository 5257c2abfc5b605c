//! Suggests ids for one that does not exist.

use flow::document::DocumentId;

/// The maximum number of suggestions.
const SUGGESTIONS_MAX: usize = 3;
/// The minimum Jaro-Winkler similarity of a suggestion, from 0 to 1.
const SIMILARITY_MIN: f64 = 0.75;

/// Returns up to three ids that are similar to `id`, the most similar first. Ignores the case of ASCII
/// letters.
#[must_use]
pub fn suggest(id: &str, documents: &[DocumentId]) -> Vec<DocumentId> {
    let id = id.to_ascii_lowercase();
    let similarity =
        |document: &DocumentId| strsim::jaro_winkler(&id, &document.as_str().to_ascii_lowercase());
    let mut similar: Vec<(f64, &DocumentId)> = documents
        .iter()
        .map(|document| (similarity(document), document))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .collect();
    // Equally similar ids are sorted, so that a message is always the same.
    similar.sort_by(|(one, first), (other, second)| other.total_cmp(one).then(first.cmp(second)));
    similar.into_iter().take(SUGGESTIONS_MAX).map(|(_, document)| document.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_ids_get_suggestions_and_unrelated_ones_get_none() {
        let documents: Vec<DocumentId> =
            ["PG84", "PG844", "moby-dick", "walden"].iter().map(|id| id.parse().unwrap()).collect();
        let suggest = |id| suggest(id, &documents).iter().map(DocumentId::to_string).collect::<Vec<_>>();
        assert_eq!(suggest("mobydick"), ["moby-dick"]);
        assert_eq!(suggest("pg48"), ["PG84", "PG844"]);
        assert_eq!(suggest("zzz"), [""; 0]);
    }
}
