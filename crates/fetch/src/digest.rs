//! The length and hash of a body.

/// The length and hash of a whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyDigest {
    pub(crate) bytes: u64,
    pub(crate) blake3: blake3::Hash,
}
