//! Blobs that are being written.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::SpooledTempFile;

use super::BlobName;

/// A blob that is being written, and that no reader finds. Its bytes are appended by [`Write`].
#[derive(Debug)]
pub struct StagedBlob {
    /// The name that it is published under.
    pub name: BlobName,
    /// The bytes that have been written.
    pub bytes: StagedBytes,
    /// The BLAKE3 of all bytes, if the writer has computed it already. A store may record it.
    pub blake3: Option<blake3::Hash>,
}

/// The place of the bytes of a [`StagedBlob`].
#[derive(Debug)]
pub enum StagedBytes {
    /// A file under a hidden name.
    File(StagedFile),
    /// Memory, or a file without a name if there are many. They are gone when the value is dropped.
    Unnamed(SpooledTempFile),
    /// Memory that was handed over.
    Memory(Vec<u8>),
}

/// A file under a hidden name, always on a local file system.
#[derive(Debug)]
pub struct StagedFile {
    /// The name that it is published under.
    pub name: BlobName,
    /// The path of the hidden file.
    pub path: PathBuf,
    /// The hidden file, open for reading and writing and positioned at its end.
    pub file: File,
    /// The fate of the hidden file when the value is dropped.
    pub kept: Kept,
}

/// The fate of a staged file when its value is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is removed.
    No,
    /// It stays and can be resumed.
    Yes,
}

impl StagedBlob {
    /// Creates a blob with all of its bytes. They stay in memory until it is published.
    #[must_use]
    pub const fn with_bytes(name: BlobName, bytes: Vec<u8>) -> Self {
        Self { name, bytes: StagedBytes::Memory(bytes), blake3: None }
    }

    /// Creates a blob in memory. If it gets more than `memory_max` bytes, they move to a file without a name
    /// in `directory`.
    #[must_use]
    pub fn in_memory(name: BlobName, memory_max: usize, directory: &Path) -> Self {
        let bytes = StagedBytes::Unnamed(tempfile::spooled_tempfile_in(memory_max, directory));
        Self { name, bytes, blake3: None }
    }

    /// Returns the path of the hidden file, or of the published blob if there is no such file: for messages.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match &self.bytes {
            StagedBytes::File(staged) => staged.path.clone(),
            StagedBytes::Unnamed(_) | StagedBytes::Memory(_) => self.name.relative_path(),
        }
    }
}

impl From<StagedFile> for StagedBlob {
    fn from(file: StagedFile) -> Self {
        Self { name: file.name.clone(), bytes: StagedBytes::File(file), blake3: None }
    }
}

impl Write for StagedBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.bytes {
            StagedBytes::File(staged) => staged.file.write(bytes),
            StagedBytes::Unnamed(staged) => staged.write(bytes),
            StagedBytes::Memory(staged) => staged.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.bytes {
            StagedBytes::File(staged) => staged.file.flush(),
            StagedBytes::Unnamed(staged) => staged.flush(),
            StagedBytes::Memory(staged) => staged.flush(),
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        match self.kept {
            // Closing it does not end its lock if a child process is being started, which has a copy of it.
            Kept::Yes => drop(self.file.unlock()),
            Kept::No => {
                if let Err(error) = std::fs::remove_file(&self.path)
                    // A publication renames the file before the value is dropped.
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!(path = %self.path.display(), %error, "failed to remove a temporary file");
                }
            }
        }
    }
}
