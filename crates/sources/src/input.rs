//! Reads the bytes of a list: decompressed, decoded to UTF-8, line by line.

pub(crate) mod compression;
pub(crate) mod file_type;
pub(crate) mod head;
pub(crate) mod lines;

mod encoding;
