//! The blobs of a run directory.
//!
//! * [`layout`]: the layouts that a run directory can have;
//! * [`run_blobs`]: the blob store of a run directory, in the layout that it has;
//! * [`stored`]: which blobs are stored, without changing anything;
//! * [`local`]: blobs as files, flat or sharded;
//! * [`conversion`]: copies from one layout to another;
//! * [`packed`]: blobs packed into segments, which are WARC files.

pub mod conversion;
pub mod layout;
pub mod local;
pub mod packed;
pub mod run_blobs;
pub mod stored;

mod commit_thread;
mod failed_sync;
mod parts;
