//! A WARC file that is being written, with one gzip member for each record.
//!
//! Readers find a record in the middle of the file only if it has a member of its own. The members have
//! neither names nor times.

use std::{io::Write, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use flow::atomic_file::AtomicFile;

use super::record::{RECORD_END, RecordHead, RecordId};
use crate::error::ExportError;

/// The file and the number of its records.
pub(super) struct MemberWriter {
    file: AtomicFile,
    path: PathBuf,
    records: u64,
}

/// A function that writes a part of a block.
pub(super) type WritePart<'w> = dyn FnMut(&[u8]) -> Result<(), ExportError> + 'w;

impl MemberWriter {
    pub(super) fn new(file: AtomicFile) -> Self {
        Self { path: file.path().to_owned(), file, records: 0 }
    }

    /// Writes a record and returns its id. `write_block` must write the block that the head announces.
    pub(super) fn write_record(
        &mut self,
        head: RecordHead,
        write_block: impl FnOnce(&mut WritePart<'_>) -> Result<(), ExportError>,
    ) -> Result<RecordId, ExportError> {
        let failed = ExportError::writing(&self.path);
        let (head, id) = head.finish();
        let mut member = GzEncoder::new(&mut self.file, Compression::default());
        member.write_all(head.as_bytes()).map_err(&failed)?;
        write_block(&mut |part| member.write_all(part).map_err(&failed))?;
        member.write_all(RECORD_END).map_err(&failed)?;
        member.finish().map_err(&failed)?;
        self.records += 1;
        Ok(id)
    }

    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// Returns the file, which is complete but not durable.
    pub(super) fn into_file(self) -> AtomicFile {
        self.file
    }
}
