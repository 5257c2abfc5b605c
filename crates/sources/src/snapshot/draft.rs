//! Writes a snapshot: first under a temporary name, then published under its own.
//!
//! The entries are first written in the order of the list. As soon as a window needs interleaving, a second
//! file with the interleaved order is written as well and becomes the snapshot.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

use flow::temporary::{self, Sweep};
use tempfile::NamedTempFile;

use super::{Snapshot, integrity::HASH_DIGITS, interleave::Interleaver};
use crate::{
    entry::Entry,
    error::{ReadError, SourceError},
};

const BUFFER_BYTES: usize = 256 * 1024;
/// The maximum length of the list's part of a snapshot name, in bytes.
const NAME_BYTES_MAX: usize = 60;
/// The prefix of the names of drafts.
const TEMPORARY: &str = ".adding-";

/// A complete list that is not yet a snapshot. Its file is removed if it is dropped before it is published.
#[derive(Debug)]
pub struct SnapshotDraft {
    /// Kept open, because its lock prevents other processes from sweeping it.
    file: NamedTempFile,
    /// The snapshot that it becomes.
    pub snapshot: Snapshot,
}

/// Writes all valid entries of a list into an existing directory, durably, under a temporary name. `list` is
/// the name that the name of the snapshot begins with. Blocking.
///
/// # Errors
/// Returns [`SourceError::Read`] if the list cannot be read to its end, [`SourceError::NotAList`] if it turns
/// out not to be a list, and [`SourceError::Write`] if the draft cannot be written. Leaves no file in these
/// cases.
pub fn write_draft(
    items: impl Iterator<Item = Result<Entry, ReadError>>,
    list: &str,
    directory: &Path,
) -> Result<SnapshotDraft, SourceError> {
    let failed = |source| SourceError::Write { path: directory.to_owned(), source };
    // Files that killed processes have left.
    temporary::sweep(directory, Sweep::Remove, is_temporary).map_err(failed)?;
    let mut draft = DraftWriter::create(directory).map_err(failed)?;
    let (mut entries, mut bad) = (0, 0);
    for item in items {
        match item {
            Ok(entry) => {
                draft.append(&entry).map_err(failed)?;
                entries += 1;
            }
            Err(ReadError::Line(_)) => bad += 1,
            Err(ReadError::Source(error)) => return Err(error),
        }
    }
    let file = draft.finish().map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    file.reopen().and_then(|written| hasher.update_reader(written).map(drop)).map_err(failed)?;
    let hash = hasher.finalize().to_hex();
    let name = format!("{}-{}", safe_name(list), &hash[..HASH_DIGITS]);
    let path = directory.join(format!("{name}.jsonl"));
    let (bytes, is_new) = (hasher.count(), !path.exists());
    Ok(SnapshotDraft { file, snapshot: Snapshot { name, path, entries, bad, bytes, is_new } })
}

impl SnapshotDraft {
    /// Renames the draft to its snapshot name. The snapshot survives power loss once this returns.
    ///
    /// # Errors
    /// Returns [`SourceError::Write`] if the file cannot be renamed or the directory cannot be synced.
    pub fn publish(self) -> Result<Snapshot, SourceError> {
        let Self { file, snapshot } = self;
        let directory = snapshot.path.parent().unwrap_or(Path::new("."));
        let renamed = file.persist(&snapshot.path).map_err(io::Error::from);
        // The rename is durable only once its directory is synced.
        let synced = renamed.and_then(|_| File::open(directory)?.sync_all());
        synced.map_err(|source| SourceError::Write { path: snapshot.path.clone(), source })?;
        Ok(snapshot)
    }
}

/// Writes the entries in the order of the list and, if needed, in interleaved order.
struct DraftWriter<'d> {
    directory: &'d Path,
    listed: BufWriter<NamedTempFile>,
    /// The number of bytes written to `listed`.
    bytes: u64,
    interleaved: Option<BufWriter<NamedTempFile>>,
    interleaver: Interleaver,
    /// The offset at which the current window starts in the listed order.
    window: u64,
}

impl<'d> DraftWriter<'d> {
    fn create(directory: &'d Path) -> io::Result<Self> {
        let (listed, interleaver) = (create_file(directory)?, Interleaver::default());
        Ok(Self { directory, listed, bytes: 0, interleaved: None, interleaver, window: 0 })
    }

    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.listed.write_all(&line)?;
        let length = u32::try_from(line.len()).expect("an entry is at most 60 KiB");
        self.interleaver.add(entry, self.bytes, length);
        self.bytes += u64::from(length);
        if self.interleaver.is_full() { self.end_window() } else { Ok(()) }
    }

    fn end_window(&mut self) -> io::Result<()> {
        // The interleaver reads the lines of the window back from the file.
        self.listed.flush()?;
        let list = self.listed.get_ref();
        if self.interleaved.is_none() && self.interleaver.is_needed() {
            // The windows before this one keep their order, so they are copied as they are.
            let mut interleaved = create_file(self.directory)?;
            io::copy(&mut list.reopen()?.take(self.window), &mut interleaved)?;
            self.interleaved = Some(interleaved);
        }
        match &mut self.interleaved {
            Some(interleaved) => self.interleaver.write(list.as_file(), interleaved)?,
            // No window needed interleaving so far: the listed order is the final one.
            None => self.interleaver = Interleaver::default(),
        }
        self.window = self.bytes;
        Ok(())
    }

    /// Returns the file in its final order, durable.
    fn finish(mut self) -> io::Result<NamedTempFile> {
        self.end_window()?;
        let file = self.interleaved.unwrap_or(self.listed);
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        // The rename must not become durable before the content.
        file.as_file().sync_data()?;
        Ok(file)
    }
}

fn create_file(directory: &Path) -> io::Result<BufWriter<NamedTempFile>> {
    Ok(BufWriter::with_capacity(BUFFER_BYTES, temporary::create(directory, TEMPORARY, "")?))
}

/// Returns whether a file name is that of a draft.
#[must_use]
pub fn is_temporary(file_name: &str) -> bool {
    file_name.starts_with(TEMPORARY)
}

/// Returns the name of a list, reduced to safe characters and a bounded length.
fn safe_name(list: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
    let mut name: String = list.chars().map(safe).collect();
    name.truncate(NAME_BYTES_MAX);
    // A hidden file would be taken for a temporary one, and a hyphen for an option.
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "list".to_owned() } else { name.to_owned() }
}
