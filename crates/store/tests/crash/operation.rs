//! The lines in which a process reports its operations.

use serde::{Deserialize, Serialize};

/// A step that is done with every version of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// The bytes are published in spool.
    Spool,
    /// The stage publishes all blobs of the text.
    Store,
}

/// A step with one version of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) document: usize,
    pub(crate) version: u32,
    pub(crate) step: Step,
}

/// A line that a process writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// The operation begins.
    Tries(Operation),
    /// The operation was acknowledged.
    Did(Operation),
    /// The operation failed with this error.
    Failed(Operation, String),
}
