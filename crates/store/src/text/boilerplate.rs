//! Finds what Project Gutenberg adds to a book, and removes it.
//!
//! In reading order:
//!
//! * `trim`: removes boilerplate from a text that streams through, and holds a bounded part of it;
//! * `header`, `footer`: the boilerplate at the beginning of a text, and at its end without an END marker;
//! * `parts`: the END markers, and the borders between several e-texts in one file;
//! * `embedded_notice`: notices that may stand anywhere;
//! * `markers`, `preamble`, `licence`, `credit`, `note`, `provenance`: the forms that lines and paragraphs
//!   of boilerplate have;
//! * `header_fields`: title, author, language and date from a header.
//!
//! Books quote markers, so a marker proves little. Only text in the form of a header, licence, note or credit
//! is removed.

pub(crate) mod credit;
pub(crate) mod embedded_notice;
pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod header_fields;
pub(crate) mod licence;
pub(crate) mod markers;
pub(crate) mod note;
pub(crate) mod parts;
mod phrases;
pub(crate) mod planned_removal;
pub(crate) mod preamble;
pub(crate) mod provenance;
pub(crate) mod trim;
