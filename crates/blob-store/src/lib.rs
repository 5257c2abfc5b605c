//! The blobs of a run directory.
//!
//! * [`layout`]: the layouts that a run directory can have;
//! * [`local`]: blobs as files, flat or sharded.

pub mod layout;
pub mod local;
