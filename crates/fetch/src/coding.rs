//! `Content-Encoding`: which codings a body has, and undoing them, streaming, in constant memory, under caps.
//!
//! Everything here is synchronous and reads from a [`BufRead`]; nothing knows HTTP or the spool.
//! In reading order:
//!
//! * [`codings`]: the header field;
//! * [`decoder`]: all codings of a body one after the other, with the caps, and how it fails;
//! * `gzip`, `deflate`, `brotli`, [`zstd`]: one coding each. Each ends well only where the stream is
//!   complete, every checksum in it is right, and nothing stands behind it.
//!
//! Memory at most: 64 KiB of decoded bytes a coding, and the window of each: 32 KiB for gzip and deflate, 16
//! MiB for brotli (RFC 7932 §9.1 has no larger one), 8 MiB for zstd (RFC 9659).

mod brotli;
pub mod codings;
pub mod decoder;
mod deflate;
mod gzip;
pub mod zstd;

use std::io::{self, BufRead};

/// The input of a coding.
type Input<'a> = Box<dyn BufRead + 'a>;

const MORE: &str = "more follows its end";

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Nothing may stand behind a stream.
fn at_end(input: &mut dyn BufRead) -> io::Result<()> {
    if input.fill_buf()?.is_empty() { Ok(()) } else { Err(invalid(MORE)) }
}
