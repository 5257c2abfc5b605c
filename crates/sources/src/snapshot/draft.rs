//! Writes a snapshot: first under a temporary name, then published under its own.
//!
//! The entries are first written in the order of the list. As soon as a window needs interleaving, a second
//! file with the interleaved order is written as well and becomes the snapshot.

use std::{
    fs::{File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use flow::temporary::{self, Held, Sweep};
use tempfile::NamedTempFile;

use super::{
    Snapshot, SnapshotState,
    integrity::HASH_DIGITS,
    interleave::{Interleaver, copy_start},
};
use crate::{
    entry::Entry,
    error::{BadLine, ReadError, SourceError},
    reader::EntryReader,
};

const BUFFER_BYTES: usize = 256 * 1024;
/// The maximum length of the list's part of a snapshot name, in bytes.
const NAME_BYTES_MAX: usize = 60;
/// The prefix of the names of drafts.
const TEMPORARY: &str = ".adding-";
/// The permissions of a snapshot, which the umask restricts.
const MODE: u32 = 0o666;

/// A complete list that is not yet a snapshot. Its file is removed if it is dropped before it is published.
#[derive(Debug)]
pub struct SnapshotDraft {
    /// Kept open, because its lock prevents other processes from sweeping it.
    file: NamedTempFile,
    directory: PathBuf,
    name: String,
    bytes: u64,
    /// The number of entries.
    pub entries: u64,
    /// The number of invalid lines, which are left out.
    pub bad: u64,
}

/// Writes all valid entries of a list into an existing directory, durably, under a temporary name. Calls
/// `each` with every entry and every invalid line in order. Blocking.
///
/// # Errors
/// Returns [`SourceError::Read`] if the list cannot be read to its end, [`SourceError::NotAList`] if it turns
/// out not to be a list, and [`SourceError::Write`] if the draft cannot be written. Leaves no file in these
/// cases.
pub fn write_draft(
    mut reader: EntryReader,
    directory: &Path,
    mut each: impl FnMut(Result<&Entry, &BadLine>),
) -> Result<SnapshotDraft, SourceError> {
    let failed = |source| SourceError::Write { path: directory.to_owned(), source };
    // Files that killed processes have left.
    temporary::sweep(directory, Sweep::Remove, is_temporary).map_err(failed)?;
    let mut draft = DraftWriter::create(directory).map_err(failed)?;
    let (mut entries, mut bad) = (0, 0);
    for item in &mut reader {
        match item {
            Ok(entry) => {
                each(Ok(&entry));
                draft.append(&entry).map_err(failed)?;
                entries += 1;
            }
            Err(ReadError::Line(line)) => {
                each(Err(&line));
                bad += 1;
            }
            Err(ReadError::Source(error)) => return Err(error),
        }
    }
    let HashedFile { file, hasher, bytes } = draft.finish().map_err(failed)?;
    let hash = hasher.finalize().to_hex();
    let name = format!("{}-{}", safe_name(&reader.input().name()), &hash[..HASH_DIGITS]);
    Ok(SnapshotDraft { file, directory: directory.to_owned(), name, bytes, entries, bad })
}

impl SnapshotDraft {
    /// Renames the draft to its snapshot name. The snapshot survives power loss once this returns.
    ///
    /// # Errors
    /// Returns [`SourceError::Write`] if the file cannot be renamed or the directory cannot be synced.
    pub fn publish(self) -> Result<Snapshot, SourceError> {
        let Self { file, directory, name, bytes, entries, bad } = self;
        let path = directory.join(format!("{name}.jsonl"));
        let state = if path.exists() { SnapshotState::Existing } else { SnapshotState::New };
        let renamed = file.persist(&path).map_err(io::Error::from);
        // The rename is durable only once its directory is synced.
        let synced = renamed.and_then(|_| File::open(&directory)?.sync_all());
        synced.map_err(|source| SourceError::Write { path: path.clone(), source })?;
        Ok(Snapshot { name, path, entries, bad, bytes, state })
    }
}

/// Writes the entries in the order of the list and, if needed, in interleaved order.
struct DraftWriter<'d> {
    directory: &'d Path,
    listed: BufWriter<HashedFile>,
    interleaved: Option<BufWriter<HashedFile>>,
    interleaver: Interleaver,
    /// The offset at which the current window starts in the listed order.
    window: u64,
}

impl<'d> DraftWriter<'d> {
    fn create(directory: &'d Path) -> io::Result<Self> {
        let listed = HashedFile::create(directory)?;
        Ok(Self { directory, listed, interleaved: None, interleaver: Interleaver::default(), window: 0 })
    }

    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let offset = position(&self.listed);
        serde_json::to_writer(&mut self.listed, entry)?;
        self.listed.write_all(b"\n")?;
        let bytes = u32::try_from(position(&self.listed) - offset).expect("an entry is at most 60 KiB");
        self.interleaver.add(entry, offset, bytes);
        if self.interleaver.is_full() { self.end_window() } else { Ok(()) }
    }

    fn end_window(&mut self) -> io::Result<()> {
        // The interleaver reads the lines of the window back from the file.
        self.listed.flush()?;
        let list = self.listed.get_ref().file.as_file();
        if self.interleaved.is_none() && self.interleaver.is_needed() {
            // The windows before this one keep their order, so they are copied as they are.
            let mut interleaved = HashedFile::create(self.directory)?;
            copy_start(list, self.window, &mut interleaved)?;
            self.interleaved = Some(interleaved);
        }
        match &mut self.interleaved {
            Some(interleaved) => self.interleaver.write(list, interleaved)?,
            // No window needed interleaving so far: the listed order is the final one.
            None => self.interleaver = Interleaver::default(),
        }
        self.window = position(&self.listed);
        Ok(())
    }

    /// Returns the file in its final order, durable.
    fn finish(mut self) -> io::Result<HashedFile> {
        self.end_window()?;
        let file = self.interleaved.unwrap_or(self.listed);
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        // The rename must not become durable before the content.
        file.file.as_file().sync_data()?;
        Ok(file)
    }
}

/// A temporary file and the hash of what was written to it.
struct HashedFile {
    file: NamedTempFile,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl HashedFile {
    fn create(directory: &Path) -> io::Result<BufWriter<Self>> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(TEMPORARY).permissions(Permissions::from_mode(MODE));
        loop {
            let file = builder.tempfile_in(directory)?;
            // Another process may sweep the file before it is locked.
            if temporary::hold(file.as_file(), file.path())? == Held::Ours {
                let file = Self { file, hasher: blake3::Hasher::new(), bytes: 0 };
                return Ok(BufWriter::with_capacity(BUFFER_BYTES, file));
            }
        }
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Returns the number of bytes written to a file and its buffer.
fn position(file: &BufWriter<HashedFile>) -> u64 {
    file.get_ref().bytes + file.buffer().len() as u64
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
