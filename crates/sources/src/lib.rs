//! Source lists, from what people name to jobs in the fetch lane.
//!
//! Everything is streamed. A list is read line by line through a bounded window and stored once, normalised,
//! as a
//! *snapshot* in the run directory. From there the feeder fills the fetch lane, and its position is a byte
//! offset. So a list may be removed, be changed or come from a pipe, and a run can still be resumed.
//!
//! In reading order:
//!
//! * [`arguments`]: the sources that can be named; [`config`]: how they are read;
//!   [`filters`]: the selected books of a catalogue;
//! * [`reader`]: reads a source as [`entries`](entry), and reports invalid lines; it uses `input` (bytes and
//!   lines), [`formats`] (lines become rows), [`resolve`] (cells become URLs, book numbers become candidates)
//!   and `directory` (directories of texts);
//! * [`in_memory`]: reads lists without files; [`report`]: the warnings about a list;
//! * [`add`]: writes [snapshots](snapshot) of sources and registers them; [`bulk`]: refuses bulk from a site
//!   for people;
//! * [`feed`]: makes jobs from snapshots; [`refresh`]: rounds that request stored texts again;
//! * [`plan`]: estimates the work of a run before anything is fetched;
//! * [`watch`]: adds what appears in directories; `ignore_patterns`: recognises unfinished files;
//! * [`error`]: the errors.

pub mod add;
pub mod arguments;
pub mod bulk;
pub mod config;
pub mod entry;
pub mod error;
pub mod feed;
pub mod filters;
pub mod formats;
pub mod in_memory;
pub mod plan;
pub mod reader;
pub mod refresh;
pub mod report;
pub mod resolve;
pub mod snapshot;
pub mod watch;

mod blocking;
mod cursors;
mod directory;
mod ignore_patterns;
mod input;
