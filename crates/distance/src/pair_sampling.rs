//! Samples the pairs of documents to compare.

use std::collections::BTreeSet;

use flow::document::DocumentId;

use crate::random_numbers::RandomNumbers;

/// A sample of the pairs of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairSample {
    /// The number of pairs that the sample is taken from.
    pub possible: u64,
    /// The sampled pairs, in the order of `documents`.
    pub pairs: Vec<(DocumentId, DocumentId)>,
}

/// Samples at most `max` pairs of different documents. All pairs are equally likely.
///
/// Takes memory for `max` pairs, whatever the number of documents.
#[must_use]
pub fn sample_all(documents: &[DocumentId], max: u64, seed: u64) -> PairSample {
    let count = documents.len() as u64;
    let possible = count * count.saturating_sub(1) / 2;
    let mut pairs = Vec::new();
    // Pairs are numbered row by row: those of the document at `row` with the documents after it begin at
    // `start`. The numbers rise, so one pass over the rows finds all pairs.
    let (mut row, mut start) = (0, 0);
    for number in sample(possible, max, seed) {
        while number - start >= count - 1 - row {
            start += count - 1 - row;
            row += 1;
        }
        let second = row + 1 + (number - start);
        pairs.push((documents[row as usize].clone(), documents[second as usize].clone()));
    }
    PairSample { possible, pairs }
}

/// Samples at most `max` pairs of one document with others.
#[must_use]
pub fn sample_with(one: &DocumentId, documents: &[DocumentId], max: u64, seed: u64) -> PairSample {
    let others: Vec<&DocumentId> = documents.iter().filter(|document| *document != one).collect();
    let possible = others.len() as u64;
    let numbers = sample(possible, max, seed).into_iter();
    let pairs = numbers.map(|number| (one.clone(), others[number as usize].clone())).collect();
    PairSample { possible, pairs }
}

/// Samples at most `max` of the numbers below `possible`, in ascending order, by R. W. Floyd's algorithm
/// (*Programming Pearls: A Sample of Brilliance*, 1987).
fn sample(possible: u64, max: u64, seed: u64) -> BTreeSet<u64> {
    if possible <= max {
        return (0..possible).collect();
    }
    let mut random = RandomNumbers::new(seed, &["pairs of documents"]);
    let mut sample = BTreeSet::new();
    for last in possible - max..possible {
        let number = random.next_below(last + 1);
        // No earlier round could draw `last`, so it is free when the drawn number is taken.
        if !sample.insert(number) {
            sample.insert(last);
        }
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(count: u32) -> Vec<DocumentId> {
        (0..count).map(DocumentId::gutenberg).collect()
    }

    #[test]
    fn few_pairs_are_all_taken() {
        for count in 0..8_u32 {
            let documents = documents(count);
            let sample = sample_all(&documents, 1_000, 0);
            let mut expected = Vec::new();
            for (at, first) in documents.iter().enumerate() {
                expected.extend(documents[at + 1..].iter().map(|second| (first.clone(), second.clone())));
            }
            assert_eq!(sample.possible, expected.len() as u64);
            assert_eq!(sample.pairs, expected, "{count}");
        }
    }

    #[test]
    fn many_pairs_are_sampled_without_repetition() {
        let documents = documents(100_000);
        let sample = sample_all(&documents, 500, 1);
        assert_eq!((sample.possible, sample.pairs.len()), (4_999_950_000, 500));
        let different: BTreeSet<_> = sample.pairs.iter().collect();
        assert_eq!(different.len(), 500);
        assert!(sample.pairs.iter().all(|(first, second)| first != second));
        assert_eq!(sample_all(&documents, 500, 1), sample);
        assert_ne!(sample_all(&documents, 500, 2), sample);
    }

    #[test]
    fn one_document_is_compared_with_all_others() {
        let documents = documents(5);
        let sample = sample_with(&documents[2], &documents, 10, 0);
        let others: Vec<&str> = sample.pairs.iter().map(|(_, other)| other.as_str()).collect();
        assert_eq!((sample.possible, others), (4, vec!["PG0", "PG1", "PG3", "PG4"]));
        assert_eq!(sample_with(&documents[2], &documents, 3, 0).pairs.len(), 3);
    }
}
