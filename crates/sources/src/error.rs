//! The errors of this crate.

use std::{io, path::PathBuf};

use fetch::list_download::ListError;
use flow::{blobs::BlobError, machine::MachineFailure, queue::QueueError};
use tokio::task::JoinError;

/// An invalid line. The lines after it are read all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct BadLine {
    /// The line number in the decompressed list, from 1.
    pub line: u64,
    /// The fault and its correction; safe to print.
    pub message: String,
}

/// An error in place of the next entry of a list.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A line is invalid; the next call continues after it.
    #[error(transparent)]
    Line(#[from] BadLine),
    /// The list cannot be read further; the next call returns `None`.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// An error in a source, its snapshot or the queue.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// An argument is neither a list, a URL nor a book; it must be corrected.
    #[error("use '{argument}' as a source: {message}")]
    Argument {
        /// The argument, safe to print.
        argument: String,
        /// The fault and what is allowed.
        message: String,
    },
    /// A list cannot be opened, read or decompressed.
    #[error("read the source list {}", path.display())]
    Read {
        /// The list; `-` for standard input.
        path: PathBuf,
        /// The error of the system or the decompressor.
        source: io::Error,
    },
    /// A file can be read but is not a source list.
    #[error("read the source list {}: {message}", path.display())]
    NotAList {
        /// The file; `-` for standard input.
        path: PathBuf,
        /// A description of the file, and advice.
        message: String,
    },
    /// A list on the web cannot be downloaded.
    #[error(transparent)]
    Download(#[from] ListError),
    /// All lines of all lists are invalid.
    #[error("no line of the source lists names a text")]
    NoTexts,
    /// There are filters for a catalogue, but no source is a catalogue.
    #[error(
        "--language, --author, --title, --subject, --bookshelf and --limit select books from the catalogue \
         of Project Gutenberg, but no source is a catalogue"
    )]
    NoCatalog,
    /// Too many texts would be fetched from the main site of Project Gutenberg.
    #[error(
        "{texts} texts would be fetched from www.gutenberg.org, but at most {max} are allowed at once, \
         because the site is for human readers and blocks robots. Nothing was added"
    )]
    Bulk {
        /// The number of texts.
        texts: u64,
        /// The maximum number of texts.
        max: u64,
    },
    /// A snapshot cannot be written: no space, no permission.
    #[error("write the snapshot {}", path.display())]
    Write {
        /// The file or directory at fault.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A snapshot cannot be read.
    #[error("read the snapshot {}", path.display())]
    Snapshot {
        /// The snapshot.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A snapshot was changed or removed after the list was added; adding the list again repairs it.
    #[error(
        "read the snapshot {}: it was changed or removed after the list was added, so nothing is fetched \
         from it. Add the source list again to write a new snapshot",
        path.display()
    )]
    Altered {
        /// The path of the snapshot.
        path: PathBuf,
    },
    /// A snapshot does not hold what was written; adding the list again repairs it.
    #[error("read the snapshot {} at byte {offset}: {message}. Add the source list again", path.display())]
    Damaged {
        /// The snapshot.
        path: PathBuf,
        /// The offset of the damage, in bytes.
        offset: u64,
        /// The fault.
        message: String,
    },
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A stored file cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A thread panicked, which is a bug in this program.
    #[error("read or write source lists")]
    Panicked(#[from] JoinError),
}

impl SourceError {
    /// Returns whether the list or its snapshot is at fault, and not the queue or the machine.
    #[must_use]
    pub fn is_of_list(&self) -> bool {
        match self {
            Self::Write { source, .. } => {
                MachineFailure::from_own_io(source) != Some(MachineFailure::DiskFull)
            }
            Self::Queue(_) | Self::Blob(_) | Self::Panicked(_) => false,
            Self::Argument { .. }
            | Self::Read { .. }
            | Self::NotAList { .. }
            | Self::Snapshot { .. }
            | Self::Altered { .. }
            | Self::Damaged { .. }
            | Self::Download(_)
            | Self::NoTexts
            | Self::NoCatalog
            | Self::Bulk { .. } => true,
        }
    }
}

/// Returns at most 80 characters of a text, with control characters escaped, for use in a message.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
