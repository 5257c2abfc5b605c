//! The records of a corpus, and the operations on a whole corpus.
//!
//! In reading order:
//!
//! * [`meta`], [`arrival`], [`stats`]: the records of a document, each defined here and nowhere else, with
//!   the types of their fields in [`boilerplate`] and [`fingerprint`]; [`records`] reads and stages them;
//! * [`survey`]: reconstructs the jobs of a document from its files; [`requeue`]: puts documents back into
//!   the queue;
//! * [`verify`], [`gc`]: finds damaged files, and files that belong to no document;
//! * [`lock`]: `corpus.lock`, the contents of a corpus down to their hashes;
//! * [`duplicates`], [`duplicate_list`]: documents with the same text;
//! * [`totals`]: counts over the meta of all documents;
//! * [`redecode`], [`reprocess`], [`retract`]: documents that go through stages again.
//!
//! The functions on stored files block; async code calls them through a blocking task. Those on the queue are
//! async.

pub mod arrival;
pub mod boilerplate;
pub mod duplicate_list;
pub mod duplicates;
pub mod fingerprint;
pub mod gc;
pub mod lock;
pub mod meta;
pub mod records;
pub mod redecode;
pub mod reprocess;
pub mod requeue;
pub mod retract;
pub mod stats;
pub mod survey;
pub mod totals;
pub mod verify;
