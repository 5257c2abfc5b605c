//! Which pairs of documents are compared, where there are too many.

use std::collections::BTreeSet;

use flow::document::DocumentId;

use crate::draws::Draws;

/// Pairs of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// How many there are.
    pub possible: u64,
    /// Those chosen, in order of their ids.
    pub pairs: Vec<(DocumentId, DocumentId)>,
}

/// All pairs of different documents; of more than `max` so many, drawn by the seed, each pair as likely as any other.
/// Memory: that of `max` pairs, whatever the number of documents.
#[must_use]
pub fn among(documents: &[DocumentId], max: u64, seed: u64) -> Choice {
    let count = documents.len() as u64;
    let possible = count * count.saturating_sub(1) / 2;
    let mut pairs = Vec::new();
    // The pairs of the document at `row` with those after it have the numbers from `start` on.
    let (mut row, mut start) = (0, 0);
    for number in chosen(possible, max, seed) {
        while number - start >= count - 1 - row {
            start += count - 1 - row;
            row += 1;
        }
        let second = row + 1 + (number - start);
        pairs.push((documents[row as usize].clone(), documents[second as usize].clone()));
    }
    Choice { possible, pairs }
}

/// One document with all others; of more than `max` so many, drawn by the seed.
#[must_use]
pub fn with_one(one: &DocumentId, documents: &[DocumentId], max: u64, seed: u64) -> Choice {
    let others: Vec<&DocumentId> = documents.iter().filter(|document| *document != one).collect();
    let possible = others.len() as u64;
    let chosen = chosen(possible, max, seed).into_iter();
    let pairs = chosen.map(|number| (one.clone(), others[number as usize].clone())).collect();
    Choice { possible, pairs }
}

/// `max` of the numbers below `possible`, rising: R. W. Floyd's way (*Programming Pearls: A Sample of Brilliance*, 1987).
fn chosen(possible: u64, max: u64, seed: u64) -> BTreeSet<u64> {
    let mut draws = Draws::new(seed, &["pairs of documents"]);
    let mut chosen = BTreeSet::new();
    for last in possible.saturating_sub(max)..possible {
        if possible <= max {
            chosen.insert(last);
            continue;
        }
        let number = draws.below(last + 1);
        if !chosen.insert(number) {
            chosen.insert(last);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(count: u32) -> Vec<DocumentId> {
        (0..count).map(DocumentId::gutenberg).collect()
    }

    #[test]
    fn few_pairs_are_all_compared() {
        for count in 0..8_u32 {
            let documents = documents(count);
            let choice = among(&documents, 1_000, 0);
            let mut expected = Vec::new();
            for (at, first) in documents.iter().enumerate() {
                expected.extend(documents[at + 1..].iter().map(|second| (first.clone(), second.clone())));
            }
            assert_eq!(choice.possible, expected.len() as u64);
            assert_eq!(choice.pairs, expected, "{count}");
        }
    }

    #[test]
    fn of_many_pairs_so_many_are_drawn_as_may_be_none_twice() {
        let documents = documents(100_000);
        let choice = among(&documents, 500, 1);
        assert_eq!((choice.possible, choice.pairs.len()), (4_999_950_000, 500));
        let different: BTreeSet<_> = choice.pairs.iter().collect();
        assert_eq!(different.len(), 500);
        assert!(choice.pairs.iter().all(|(first, second)| first != second));
        assert_eq!(among(&documents, 500, 1), choice);
        assert_ne!(among(&documents, 500, 2), choice);
    }

    #[test]
    fn one_document_is_compared_with_all_others() {
        let documents = documents(5);
        let choice = with_one(&documents[2], &documents, 10, 0);
        let others: Vec<&str> = choice.pairs.iter().map(|(_, other)| other.as_str()).collect();
        assert_eq!((choice.possible, others), (4, vec!["PG0", "PG1", "PG3", "PG4"]));
        assert_eq!(with_one(&documents[2], &documents, 3, 0).pairs.len(), 3);
    }
}
