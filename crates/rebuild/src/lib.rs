//! Creates the queue of a run again from the source lists and the blob store.
//!
//! The files of a document prove which of its jobs are done. These jobs are pushed, claimed and completed
//! through the ordinary interface of the queue. Job ids are derived from lanes and document ids, so they
//! equal those of earlier runs. Every source list is read from its beginning; documents that the queue knows
//! are skipped.
//!
//! Invariants:
//!
//! * The old database is moved aside, never deleted, and not touched before the new one is complete.
//! * The new one is built below `queue/rebuilding/` and moved into place under a marker
//!   ([`QueueDirectory::rebuilding_marker`](queue::directory::QueueDirectory::rebuilding_marker)). If a
//!   rebuild is interrupted at any moment, `queue/` holds the old database, the complete new one, or the
//!   marker; and the rebuild can be run again.
//! * The caller holds the lock of the queue all the time.
//!
//! In reading order:
//!
//! * [`build`]: fills a new queue; it uses `record` (completes the jobs of finished documents), [`lists`]
//!   (reads the source lists) and `salvage` (saves the beginning of a damaged list);
//! * `swap`: moves the old database aside and the new one into its place;
//! * [`error`]: the errors.

pub mod build;
pub mod error;
pub mod lists;

mod record;
mod salvage;
mod swap;
