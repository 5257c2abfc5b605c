//! From bytes to text: what the encoding is, where the boilerplate stands, what the header says.
//!
//! Constant memory: the bytes are read twice in windows, or three times if their encoding does not show itself. The
//! first reading (`survey`) hashes, counts and samples, so that `encoding` can decide, which may look at the whole once
//! more; the last one (`decode`) decodes and passes the text through `trim`, which holds back a bounded head and tail,
//! lets `head`, `parts`, `tail` and `notice` find the boilerplate by the grammar in `markers`, and lets the rest go. Neither the
//! sizes of windows nor the way the bytes arrive change a byte of it.

pub mod code;
pub(crate) mod count;
pub(crate) mod credit;
pub mod cut;
pub(crate) mod decode;
pub(crate) mod encoding;
pub(crate) mod head;
pub(crate) mod header;
pub(crate) mod ideographs;
pub(crate) mod language_hint;
pub(crate) mod licence;
pub(crate) mod lines;
pub(crate) mod markers;
pub(crate) mod note;
pub(crate) mod notice;
pub(crate) mod origin;
pub(crate) mod parts;
pub(crate) mod preamble;
pub(crate) mod survey;
pub(crate) mod tail;
pub(crate) mod trim;
