//! Turns the bytes of a download into text: finds the encoding, decodes, and removes boilerplate.
//!
//! In reading order:
//!
//! * `scan`: the first reading, which hashes, counts and samples the bytes;
//! * `encoding`: decides on the encoding, and reads the whole text once more if the bytes prove none;
//! * [`codec`]: the encodings that can be decoded, and their labels;
//! * `decode`: the last reading, which decodes to UTF-8 with LF line ends;
//! * [`boilerplate`]: finds headers, licences and notes in the decoded text, and removes them;
//! * `lines`, `count`, `window`: lines by number, fast counting, and reading in windows;
//! * `not_text`: the limits beyond which bytes are not text.
//!
//! Memory use is constant: the bytes are read in windows, twice, or three times if they do not prove their
//! encoding. The result does not depend on the size of the windows or on how the bytes arrive.

pub mod boilerplate;
pub mod codec;
pub(crate) mod count;
pub(crate) mod decode;
pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod lines;
pub mod not_text;
pub(crate) mod scan;
pub(crate) mod window;
