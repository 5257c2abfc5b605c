//! What the store stage is asked for.

use corpus::{boilerplate::Strip, meta::RawFate};

/// What the store stage is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreConfig {
    /// How much of the boilerplate is cut.
    pub strip: Strip,
    /// What becomes of the bytes as received.
    pub raw: RawFate,
}
