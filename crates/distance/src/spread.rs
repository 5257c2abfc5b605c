//! What is said of many distances.

use serde::Serialize;

use crate::measure::Measure;

/// Mean, deviation, extremes and histogram of the distances of many pairs of words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// Of which measure.
    pub measure: Measure,
    /// How many pairs.
    pub pairs: u64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation, that of all pairs drawn (divided by their number).
    pub standard_deviation: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How many pairs lie where, without the empty buckets at both ends. Of letters, each bucket is twice as wide as the one
    /// before, from 1 on; of edits it is 1 wide, of Jaro and Winkler a twentieth.
    pub histogram: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bucket {
    /// Distances from here on,
    pub from: f64,
    /// and below that; none for all beyond.
    pub below: Option<f64>,
    /// How many pairs have one.
    pub pairs: u64,
}
