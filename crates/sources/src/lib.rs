//! Source lists: what people name, one [`Entry`](entry::Entry) a text.
//!
//! Everything here streams. A list is read line by line through a bounded window, whatever its length, and written
//! once, normalised, as a *snapshot* in the run directory; from there the feeder tops the fetch lane up, a byte
//! offset at a time. So a list may vanish, change or come from a pipe, and a run still resumes.
//!
//! In reading order: [`input`] (what stands on the command line), [`reading`] (what holds for all of it), [`reader`]
//! (lines become entries; bad ones are reported with their number), [`entry`], [`snapshot`] (`intact` checks
//! that it is still what was listed), [`error`]; [`library`] and
//! [`catalog`] for books of Project Gutenberg; [`bytes`] for lists that are in memory.
//!
//! A reader detects its input in steps: `head` reads the first bytes, `foreign` detects archives, pages and the
//! like, `format` determines the format of a list by its first line, `headerless` detects tables without a
//! header, and `likeness` detects texts by their lines. `directory` reads directories of texts, and
//! [`report`] reports what was wrong with a list.

pub mod add;
pub mod arguments;
pub mod bulk;
pub mod config;
pub mod entry;
pub mod error;
pub mod feed;
pub mod formats;
pub mod in_memory;
pub mod reader;
pub mod refresh;
pub mod report;
pub mod resolve;
pub mod snapshot;
pub mod watch;

mod blocking;
mod directory;
mod ignore_patterns;
mod input;
