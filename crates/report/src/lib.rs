//! A run and its corpus as one HTML file, readable without network and without script, and printed as well.
//!
//! In reading order:
//!
//! * [`data`]: what the report says, gathered from the records of the documents, the log of events and a
//!   snapshot of the queue;
//! * [`page`]: the page, made of `tables` and `figures`; the crate `plot` draws its pictures. Each has a
//!   title, axes, a text alternative, and its table below it.
//!
//! The size of the report does not depend on the number of documents: long tails are summed up in one row
//! that says so.

/// The style sheet of tables, headings and panels. The palette is that of [`plot::STYLE`].
pub const STYLE: &str = include_str!("style.css");

pub mod data;
pub mod page;
mod tables;
