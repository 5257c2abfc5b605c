//! Stage 2: decode, name, hash, publish durably.
//!
//! In reading order:
//!
//! * [`local`]: the run directory as a [`BlobStore`](flow::blobs::BlobStore): staged, flushed, renamed, many at once.

pub mod local;
