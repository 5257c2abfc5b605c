//! From bytes to text: what the encoding is, where the boilerplate stands, what the header says.
//!
//! Memory use is constant: the bytes are read twice in windows, or three times if they do not prove their
//! encoding. The first reading (`survey`) hashes, counts and samples. Then `encoding` decides, and may read
//! the whole text once more. The last reading (`decode`) decodes the text and passes it through `trim`, which
//! holds a bounded head and tail. In them, `head`, `parts`, `tail` and `notice` find the boilerplate by the
//! grammar in `markers`. The rest of the text passes. The result does not depend on the size of the windows
//! or on how the bytes arrive.

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
