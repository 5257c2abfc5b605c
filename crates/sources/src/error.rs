//! What can be wrong with a source list: as a whole, or in one line.

use std::{io, path::PathBuf};

use fetch::list_download::ListError;
use flow::{blobs::BlobError, machine::MachineFailure, queue::QueueError};
use tokio::task::JoinError;

use crate::bulk::BULK_MAX;

/// A line that names no text. The lines after it are read all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct BadLine {
    /// Its number, from 1, in the unpacked list.
    pub line: u64,
    /// What is wrong and what to write instead; safe to print.
    pub message: String,
}

/// Why the next entry of a list cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// This line is bad; the next call goes on behind it.
    #[error(transparent)]
    Line(#[from] BadLine),
    /// The list cannot be read further; the next call says `None`.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Why a source list cannot be used, or its snapshot not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// An argument that is neither a list, a URL nor a book: to be typed again.
    #[error("use '{argument}' as a source: {message}")]
    Argument {
        /// What was typed, made safe to print.
        argument: String,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// The list cannot be opened, read or unpacked.
    #[error("read the source list {}", path.display())]
    Read {
        /// The list; `-` for standard input.
        path: PathBuf,
        /// What the system or the decompressor says.
        source: io::Error,
    },
    /// The list opens but has a form that is not read.
    #[error("read the source list {}: {message}", path.display())]
    NotAList {
        /// The list; `-` for standard input.
        path: PathBuf,
        /// What it looks like and what to do.
        message: String,
    },
    /// The snapshot cannot be written: no space, no permission.
    #[error("write the snapshot {}", path.display())]
    Write {
        /// The file or directory at fault.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The snapshot cannot be read.
    #[error("read the snapshot {}", path.display())]
    Snapshot {
        /// The snapshot.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The snapshot has changed since the list was added, or is gone; adding the list again repairs it.
    #[error(
        "read the snapshot {}: it was changed since the list was added, or is gone, so nothing is fetched from it; add the source list \
         again, which writes it anew",
        path.display()
    )]
    Altered {
        /// The path of the snapshot.
        path: PathBuf,
    },
    /// The snapshot does not hold what was written; adding the list again mends it.
    #[error("read the snapshot {} at byte {offset}: {message}; add the source list again", path.display())]
    Damaged {
        /// The snapshot.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What stands there.
        message: String,
    },
    /// A list on the web cannot be downloaded.
    #[error(transparent)]
    Download(#[from] ListError),
    /// No line of any list names a text.
    #[error("no line of the source lists names a text")]
    NoTexts,
    /// There are filters for a catalogue, but no source is one.
    #[error(
        "--language, --author, --title, --subject, --bookshelf and --limit choose from Gutenberg's catalogue, and none of \
         the sources is one"
    )]
    NoCatalog,
    /// Too many texts would come from the main site of Project Gutenberg.
    #[error(
        "{texts} texts would be fetched from www.gutenberg.org, which is for people and blocks robots: more than \
         {BULK_MAX} at once are not added, and nothing was"
    )]
    Bulk {
        /// The number of texts.
        texts: u64,
    },
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A stored file cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A thread panicked: a fault of this program.
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

/// At most 80 characters of `text`, control characters escaped: fit for a message.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
