//! The configuration of the store stage.

use corpus::{boilerplate::Strip, meta::RawFate};

/// The configuration of the store stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreConfig {
    /// The share of the boilerplate that is removed.
    pub strip: Strip,
    /// The fate of the downloaded bytes.
    pub raw: RawFate,
}
