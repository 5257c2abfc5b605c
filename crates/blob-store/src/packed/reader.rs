//! Reads a blob, and compares it with its checksum.

use std::{
    io::{self, ErrorKind, Read},
    os::unix::fs::FileExt,
    sync::Arc,
};

use super::{commit::Place, segment::Segment};

/// Reads the content of a record. If it is not as it was written, reading fails at its end with an error of
/// the kind [`InvalidData`](ErrorKind::InvalidData).
pub(super) struct RecordReader {
    segment: Arc<Segment>,
    place: Place,
    at: u64,
    hasher: crc32fast::Hasher,
}

impl RecordReader {
    pub(super) fn new(segment: Arc<Segment>, place: Place) -> Self {
        Self { segment, place, at: place.content(), hasher: crc32fast::Hasher::new() }
    }

    /// Reads all of it into memory of the right size.
    pub(super) fn read_whole(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.place.bytes as usize];
        self.read_exact(&mut bytes)?;
        // The end tells whether it is damaged.
        self.read(&mut [0]).map(|_| bytes)
    }
}

impl Read for RecordReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.place.content_end() - self.at;
        if left == 0 {
            return if self.hasher.clone().finalize() == self.place.crc {
                Ok(0)
            } else {
                Err(io::Error::new(ErrorKind::InvalidData, "its bytes have changed since they were written"))
            };
        }
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(0);
        }
        let read = self.segment.file.read_at(&mut buffer[..length], self.at)?;
        if read == 0 {
            return Err(io::Error::new(ErrorKind::InvalidData, "its segment is too short"));
        }
        self.hasher.update(&buffer[..read]);
        self.at += read as u64;
        Ok(read)
    }
}
