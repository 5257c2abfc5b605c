//! What the process says of its operations.

use serde::{Deserialize, Serialize};

/// One of the two things that are done with every version of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Its bytes are published in spool.
    Spool,
    /// The stage publishes all of it.
    Store,
}

/// A step with one version of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) document: usize,
    pub(crate) version: u32,
    pub(crate) step: Step,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// It is begun now.
    Tries(Operation),
    /// It was acknowledged.
    Did(Operation),
    /// It was refused.
    Failed(Operation, String),
}
