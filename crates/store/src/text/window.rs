//! Reads bytes in windows.

use std::io::{self, Read};

/// Reads the next bytes into `window`, and returns their number, which is 0 only at the end.
pub(crate) fn read_window(reader: &mut impl Read, window: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(window) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
