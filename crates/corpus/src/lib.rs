//! The records of a corpus, and the operations on a whole corpus.
//!
//! In reading order:
//!
//! * [`meta`], [`arrival`], [`stats`]: the records of a document, each defined here and nowhere else, with the types of
//!   their fields in [`boilerplate`] and [`fingerprint`];
//! * [`records`]: reads and stages records.

pub mod arrival;
pub mod boilerplate;
pub mod fingerprint;
pub mod meta;
pub mod records;
pub mod stats;
