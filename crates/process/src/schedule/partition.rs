//! Predicts how a setting of `--chunk` divides the work over threads.
//!
//! The pieces are assigned one by one, the largest first, each to the thread with the least work (longest
//! processing time first: Graham 1969). The stage does the same, except that pieces of one document may wait
//! for each other. Work is counted in bytes of text.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{
    config::Chunk,
    schedule::chunking::{Pace, Sizes},
};

/// The maximum number of pieces that are assigned one by one. With more, all threads have the same amount of
/// work.
const PIECES_MAX: u64 = 1_000_000;

/// The predicted division of the work.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionPlan {
    /// The number of pieces.
    pub pieces: u64,
    /// The size of the largest piece, in bytes of text.
    pub largest_bytes: u64,
    /// The work of the busiest thread, in bytes of text.
    pub busiest_bytes: u64,
    /// The work of the busiest thread divided by the mean: 1 is even. `None` if there is no work.
    pub imbalance: Option<f64>,
}

impl PartitionPlan {
    /// Predicts the division of documents with these sizes in bytes.
    #[must_use]
    pub fn predict(documents: &[u64], chunk: Chunk, threads: usize, pace: Pace) -> Self {
        let threads = threads.max(1);
        let total: u64 = documents.iter().sum();
        let piece = match chunk {
            Chunk::Whole | Chunk::Documents(_) => u64::MAX,
            Chunk::Bytes(_) | Chunk::Auto => Sizes::new(chunk, threads, pace).chunk_bytes as u64,
        };
        let count: u64 = match chunk {
            Chunk::Documents(n) => (documents.len() as u64).div_ceil(n.get()),
            Chunk::Whole | Chunk::Bytes(_) | Chunk::Auto => {
                // An empty document is a piece, too.
                documents.iter().map(|bytes| bytes.div_ceil(piece).max(1)).sum()
            }
        };
        // The stage batches the largest documents first.
        let mut sorted = documents.to_vec();
        sorted.sort_unstable_by_key(|bytes| Reverse(*bytes));
        let mut pieces = if count > PIECES_MAX { Vec::new() } else { cut(&sorted, chunk, piece) };
        pieces.sort_unstable_by_key(|bytes| Reverse(*bytes));
        let even = total.div_ceil(threads as u64);
        let busiest_bytes = if count > PIECES_MAX { even } else { busiest(&pieces, threads) };
        Self {
            pieces: count,
            largest_bytes: pieces.first().copied().unwrap_or_else(|| piece.min(total)),
            busiest_bytes,
            imbalance: (total > 0).then(|| busiest_bytes as f64 * threads as f64 / total as f64),
        }
    }
}

/// Returns the sizes of the pieces.
fn cut(documents: &[u64], chunk: Chunk, piece: u64) -> Vec<u64> {
    match chunk {
        Chunk::Documents(n) => {
            let n = usize::try_from(n.get()).unwrap_or(usize::MAX);
            documents.chunks(n).map(|batch| batch.iter().sum()).collect()
        }
        Chunk::Whole | Chunk::Bytes(_) | Chunk::Auto => documents
            .iter()
            .flat_map(|bytes| {
                let rest = bytes % piece;
                let whole = std::iter::repeat_n(piece, (bytes / piece) as usize);
                whole.chain((rest > 0).then_some(rest))
            })
            .collect(),
    }
}

/// Returns the work of the busiest thread, if each piece goes to the thread with the least work.
fn busiest(pieces: &[u64], threads: usize) -> u64 {
    let mut loads: BinaryHeap<Reverse<u64>> = (0..threads).map(|_| Reverse(0)).collect();
    let mut most = 0;
    for piece in pieces {
        let Some(Reverse(least)) = loads.pop() else { break };
        most = most.max(least + piece);
        loads.push(Reverse(least + piece));
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(documents: &[u64], chunk: &str, threads: usize) -> PartitionPlan {
        PartitionPlan::predict(documents, chunk.parse().unwrap(), threads, Pace::default())
    }

    #[test]
    fn a_huge_document_keeps_one_thread_busy_unless_it_is_cut() {
        let documents = [&[100 << 20][..], &[100 << 10; 100]].concat();
        let whole = plan(&documents, "whole", 4);
        assert_eq!((whole.pieces, whole.largest_bytes, whole.busiest_bytes), (101, 100 << 20, 100 << 20));
        assert!(whole.imbalance.unwrap() > 3.6);
        for chunk in ["bytes:1MiB", "auto"] {
            assert!(plan(&documents, chunk, 4).imbalance.unwrap() < 1.02, "{chunk}");
        }
    }

    #[test]
    fn documents_are_batched_and_very_many_pieces_are_even() {
        let batched = plan(&[5, 4, 3, 2, 1], "docs:2", 2);
        assert_eq!((batched.pieces, batched.largest_bytes, batched.busiest_bytes), (3, 9, 9));
        let lines = plan(&[10_000_001], "bytes:1", 2);
        assert_eq!((lines.pieces, lines.largest_bytes, lines.busiest_bytes), (10_000_001, 1, 5_000_001));
        let nothing = plan(&[], "auto", 2);
        assert_eq!((nothing.pieces, nothing.busiest_bytes, nothing.imbalance), (0, 0, None));
    }
}
