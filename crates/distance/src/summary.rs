//! The statistics of many distances.

use serde::Serialize;

use crate::measure::Measure;

/// The mean, deviation, extremes and histogram of the distances of many pairs of words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistanceSummary {
    /// The measure.
    pub measure: Measure,
    /// The number of pairs of words.
    pub pairs: u64,
    /// The mean distance.
    pub mean: f64,
    /// The standard deviation of the drawn pairs, which divides by their number.
    pub standard_deviation: f64,
    /// The smallest distance.
    pub min: f64,
    /// The largest distance.
    pub max: f64,
    /// The histogram, from the first to the last bucket that is not empty. For both measures of letters, each
    /// bucket is twice as wide as the one before, from 1 on. For Levenshtein a bucket is 1 wide, for
    /// Jaro-Winkler
    /// 0.05.
    pub histogram: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bucket {
    /// The smallest distance in the bucket.
    pub from: f64,
    /// The exclusive upper bound, or `None` if the bucket has no bound.
    pub below: Option<f64>,
    /// The number of pairs in the bucket.
    pub pairs: u64,
}
