//! Compares the partition that is asked for with others.

use serde::Serialize;

use crate::{
    config::Chunk,
    schedule::{chunking::Pace, partition::PartitionPlan},
};

/// The values of `--chunk` that are compared with the given one.
const OTHERS: [&str; 4] = ["whole", "docs:16", "bytes:64KiB", "bytes:1MiB"];

/// A partition of the work into pieces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Partition {
    /// The value of `--chunk`.
    pub chunk: String,
    /// The number of pieces.
    pub pieces: u64,
    /// The largest piece, in bytes of text.
    pub largest_bytes: u64,
    /// The work of the busiest thread, in bytes of text.
    pub busiest_bytes: u64,
    /// The time of that work, at the pace of this run or at the expected one.
    pub busiest_seconds: f64,
    /// The busiest thread's work over the mean.
    pub imbalance: Option<f64>,
}

/// Returns the partition that is asked for, then others.
#[must_use]
pub fn partitions(sizes: &[u64], asked: Chunk, threads: usize, pace: Pace) -> Vec<Partition> {
    let others = OTHERS.map(|way| way.parse::<Chunk>().expect("these are valid partitions"));
    let all = std::iter::once(asked).chain(others.into_iter().filter(|other| *other != asked));
    let way = |chunk: Chunk| {
        let PartitionPlan { pieces, largest_bytes, busiest_bytes, imbalance } =
            PartitionPlan::predict(sizes, chunk, threads, pace);
        let seconds = busiest_bytes as f64 * pace.busy_ns as f64 / pace.bytes.max(1) as f64 / 1e9;
        let rounded = |number: f64| (number * 1e3).round() / 1e3;
        Partition {
            chunk: chunk.to_string(),
            pieces,
            largest_bytes,
            busiest_bytes,
            busiest_seconds: rounded(seconds),
            imbalance: imbalance.map(rounded),
        }
    };
    all.map(way).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stands_first_and_once() {
        let partitions = partitions(&[5 << 20, 1 << 20], Chunk::Whole, 2, Pace::default());
        let names: Vec<&str> = partitions.iter().map(|partition| partition.chunk.as_str()).collect();
        assert_eq!(names, ["whole", "docs:16", "bytes:64KiB", "bytes:1MiB"]);
        assert_eq!((partitions[0].busiest_bytes, partitions[3].busiest_bytes), (5 << 20, 3 << 20));
    }
}
