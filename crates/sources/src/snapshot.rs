//! A source list as it was when it was added: all its good entries, normalised, one JSON object a line.
//!
//! Disk form: `<dir>/<list>-<hash>.jsonl`, where `<list>` is the list's file name in safe characters and `<hash>` the
//! first 16 hex digits of the BLAKE3 of the file. So the same entries under the same list name are the same file,
//! and adding a list again changes nothing. Every line ends with LF and is an [`Entry`].
//!
//! Invariant: under its name a snapshot is complete and on the medium; it is never changed afterwards.

pub mod integrity;

mod interleave;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use flow::{
    document::DocumentId,
    safe_file,
    temporary::{self, Held, Sweep},
};

use self::interleave::Interleaver;
use crate::{
    entry::Entry,
    error::{BadLine, ReadError, SourceError},
    reader::EntryReader,
};

/// Longer than any entry.
const LINE_BYTES_MAX: u64 = 64 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;
const NAME_BYTES_MAX: usize = 60;
const TEMPORARY: &str = ".adding-";

/// A snapshot that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, without extension.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its entries.
    pub entries: u64,
    /// Lines of the list that were bad and are not in it.
    pub bad: u64,
    /// Its length; the offset behind its last entry.
    pub bytes: u64,
    /// Whether it was there before.
    pub seen: SnapshotState,
}

/// Whether the same list was added before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotState {
    /// It is new.
    New,
    /// Its snapshot was there already.
    Before,
}

/// Writes all good entries of a list into the existing directory `directory`, durably, under a name that is nobody's
/// until it is [published](SnapshotDraft::publish). Every entry and every bad line is told as it comes.
///
/// # Errors
/// [`SourceError::Read`] where the list breaks off, [`SourceError::Write`] where the draft cannot be written; in both
/// cases nothing is left behind.
pub fn draft(
    mut reader: EntryReader,
    directory: &Path,
    mut tell: impl FnMut(Result<&Entry, &BadLine>),
) -> Result<SnapshotDraft, SourceError> {
    let swept = temporary::sweep(directory, Sweep::Remove, is_temporary);
    swept.map_err(|source| SourceError::Write { path: directory.into(), source })?;
    let mut draft = Ordering::create(directory)?;
    let (mut entries, mut bad) = (0, 0);
    for item in &mut reader {
        match item {
            Ok(entry) => {
                tell(Ok(&entry));
                draft.append(&entry)?;
                entries += 1;
            }
            Err(ReadError::Line(line)) => {
                tell(Err(&line));
                bad += 1;
            }
            Err(ReadError::Source(error)) => return Err(error),
        }
    }
    draft.end()?.finish(&safe_name(&reader.input().name()), directory, entries, bad)
}

/// A list being written as it stands, and, once that is needed, beside it in the order in which it shall be fed.
struct Ordering<'d> {
    directory: &'d Path,
    listed: Draft,
    ordered: Option<Draft>,
    turns: Interleaver,
    /// Where the present window begins in the list.
    window: u64,
}

impl<'d> Ordering<'d> {
    fn create(directory: &'d Path) -> Result<Self, SourceError> {
        let listed = Draft::create(directory)?;
        Ok(Self { directory, listed, ordered: None, turns: Interleaver::default(), window: 0 })
    }

    fn append(&mut self, entry: &Entry) -> Result<(), SourceError> {
        let offset = self.listed.bytes;
        self.listed.append(entry)?;
        let bytes = u32::try_from(self.listed.bytes - offset).expect("an entry is at most 60 KiB");
        self.turns.add(entry, offset, bytes);
        if self.turns.is_full() { self.end_window() } else { Ok(()) }
    }

    fn end_window(&mut self) -> Result<(), SourceError> {
        self.listed.flush()?;
        let list = self.listed.file.get_ref();
        if self.ordered.is_none() && self.turns.is_needed() {
            let mut ordered = Draft::create(self.directory)?;
            interleave::copy_start(list, self.window, &mut ordered)
                .map_err(|source| ordered.failed(source))?;
            self.ordered = Some(ordered);
        }
        match &mut self.ordered {
            Some(ordered) => {
                let written = self.turns.write(list, |line| ordered.write_all(line));
                written.map_err(|source| ordered.failed(source))?;
            }
            None => self.turns = Interleaver::default(),
        }
        self.window = self.listed.bytes;
        Ok(())
    }

    fn end(mut self) -> Result<Draft, SourceError> {
        self.end_window()?;
        Ok(self.ordered.unwrap_or(self.listed))
    }
}

/// A whole list that is not yet a snapshot. Dropped before it is published, it takes its file away.
#[derive(Debug)]
pub struct SnapshotDraft {
    temporary: Temporary,
    /// Kept open, so that no other process sweeps the file.
    _held: BufWriter<File>,
    directory: PathBuf,
    name: String,
    /// Its entries.
    pub entries: u64,
    /// Lines of the list that were bad and are not in it.
    pub bad: u64,
    bytes: u64,
}

impl SnapshotDraft {
    /// Makes it a snapshot: when this returns, it survives power loss.
    ///
    /// # Errors
    /// [`SourceError::Write`]; then nothing is left behind.
    pub fn publish(self) -> Result<Snapshot, SourceError> {
        let path = self.directory.join(format!("{}.jsonl", self.name));
        let seen = if path.exists() { SnapshotState::Before } else { SnapshotState::New };
        let failed = |source| SourceError::Write { path: path.clone(), source };
        fs::rename(&self.temporary.0, &path).map_err(failed)?;
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        let Self { ref name, entries, bad, bytes, .. } = self;
        Ok(Snapshot { name: name.clone(), path, entries, bad, bytes, seen })
    }
}

/// A temporary file, which goes when this is dropped.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.0.display(), %error, "a temporary file stays behind");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// A list being written.
struct Draft {
    temporary: Temporary,
    file: BufWriter<File>,
    line: Vec<u8>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Draft {
    fn create(directory: &Path) -> Result<Self, SourceError> {
        for attempt in 0_u32.. {
            let path = directory.join(format!("{TEMPORARY}{}-{attempt}", std::process::id()));
            match File::options().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let held = temporary::hold(&file, &path);
                    if held.map_err(|source| SourceError::Write { path: path.clone(), source })? != Held::Ours
                    {
                        continue;
                    }
                    let file = BufWriter::with_capacity(BUFFER_BYTES, file);
                    let hasher = blake3::Hasher::new();
                    return Ok(Self { temporary: Temporary(path), file, line: Vec::new(), hasher, bytes: 0 });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(SourceError::Write { path, source }),
            }
        }
        unreachable!("a directory holds fewer than 2^32 files of one process")
    }

    fn append(&mut self, entry: &Entry) -> Result<(), SourceError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, entry).expect("an entry is strings, which JSON holds");
        self.line.push(b'\n');
        let line = std::mem::take(&mut self.line);
        let written = self.write_all(&line);
        self.line = line;
        written.map_err(|source| self.failed(source))
    }

    fn flush(&mut self) -> Result<(), SourceError> {
        self.file.flush().map_err(|source| self.failed(source))
    }

    fn finish(
        mut self,
        list: &str,
        directory: &Path,
        entries: u64,
        bad: u64,
    ) -> Result<SnapshotDraft, SourceError> {
        let name = format!("{list}-{}", &self.hasher.finalize().to_hex()[..16]);
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        written.map_err(|source| self.failed(source))?;
        let Self { temporary, file, bytes, .. } = self;
        Ok(SnapshotDraft {
            temporary,
            _held: file,
            directory: directory.to_owned(),
            name,
            entries,
            bad,
            bytes,
        })
    }

    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::Write { path: self.temporary.0.clone(), source }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Returns whether a file name is that of a list that is not a snapshot yet.
pub fn is_temporary(file_name: &str) -> bool {
    file_name.starts_with(TEMPORARY)
}

fn safe_name(list: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
    let mut name: String = list.chars().map(safe).collect();
    name.truncate(NAME_BYTES_MAX);
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "list".to_owned() } else { name.to_owned() }
}

/// The entries of a snapshot from a byte offset on: each with the offset behind it, where the next call may begin.
///
/// # Errors
/// [`SourceError::Snapshot`] where it cannot be read, [`SourceError::Damaged`] where no line begins at `offset`.
pub fn read_from(path: &Path, offset: u64) -> Result<Entries, SourceError> {
    let failed = |source| SourceError::Snapshot { path: path.to_owned(), source };
    let mut file = safe_file::open(path).map_err(failed)?;
    if offset > file.metadata().map_err(failed)?.len() {
        return Err(damaged(path, offset, "the file is shorter"));
    }
    if let Some(last) = offset.checked_sub(1) {
        let mut before = [0];
        file.seek(SeekFrom::Start(last)).map_err(failed)?;
        file.read_exact(&mut before).map_err(failed)?;
        if before != *b"\n" {
            return Err(damaged(path, offset, "no line begins there"));
        }
    }
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    Ok(Entries { path: path.to_owned(), file, offset, state: EntriesState::Open, line: Vec::new() })
}

/// What lists say of some texts; the first that names one counts.
///
/// # Errors
/// Where a snapshot cannot be read.
pub fn find(
    wanted: &BTreeSet<DocumentId>,
    lists: &[String],
    snapshots: &Path,
) -> Result<BTreeMap<DocumentId, Entry>, SourceError> {
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    for list in lists {
        for item in integrity::read(&snapshots.join(format!("{list}.jsonl")))? {
            let (entry, _) = item?;
            if wanted.contains(&entry.id) {
                found.entry(entry.id.clone()).or_insert(entry);
            }
        }
    }
    Ok(found)
}

fn damaged(path: &Path, offset: u64, message: &str) -> SourceError {
    SourceError::Damaged { path: path.to_owned(), offset, message: message.to_owned() }
}

/// Reads a snapshot; ends at its end or behind its first error.
pub struct Entries {
    path: PathBuf,
    file: BufReader<File>,
    offset: u64,
    state: EntriesState,
    line: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EntriesState {
    Open,
    Ended,
}

impl Entries {
    fn read(&mut self) -> Result<Option<(Entry, u64)>, SourceError> {
        self.line.clear();
        let mut window = self.file.by_ref().take(LINE_BYTES_MAX);
        let bytes = window
            .read_until(b'\n', &mut self.line)
            .map_err(|source| SourceError::Snapshot { path: self.path.clone(), source })?;
        if bytes == 0 {
            return Ok(None);
        }
        if self.line.last() != Some(&b'\n') {
            return Err(damaged(&self.path, self.offset, "the line is cut off or too long"));
        }
        let entry = serde_json::from_slice(&self.line)
            .map_err(|error| damaged(&self.path, self.offset, &format!("not an entry: {error}")))?;
        self.offset += bytes as u64;
        Ok(Some((entry, self.offset)))
    }
}

impl Iterator for Entries {
    type Item = Result<(Entry, u64), SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == EntriesState::Ended {
            return None;
        }
        let item = self.read().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.state = EntriesState::Ended;
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arguments::{Input, ListLocation},
        config::{Config, ReadContext},
    };

    struct Fixture {
        directory: tempfile::TempDir,
        list: PathBuf,
    }

    impl Fixture {
        fn new(list: &str) -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("my list.tsv");
            fs::write(&path, list).expect("writable");
            fs::create_dir(directory.path().join("out")).expect("writable");
            Self { directory, list: path }
        }

        fn out(&self) -> PathBuf {
            self.directory.path().join("out")
        }

        fn add(&self) -> Result<Snapshot, SourceError> {
            let input = Input::List(ListLocation::File(self.list.clone()));
            let reader = EntryReader::open(input, &ReadContext::new(&Config::default()))?;
            draft(reader, &self.out(), |_| {})?.publish()
        }

        fn files(&self) -> Vec<String> {
            let files = fs::read_dir(self.out()).expect("is there");
            files.map(|file| file.expect("reads").file_name().to_string_lossy().into_owned()).collect()
        }
    }

    #[test]
    fn the_same_list_twice_is_one_snapshot() {
        let fixture = Fixture::new("https://a.example/1\nbad:\n# x\nhttps://a.example/2\n");
        let first = fixture.add().expect("writes");
        assert_eq!((first.entries, first.bad, first.seen), (2, 1, SnapshotState::New));
        assert_eq!(first.bytes, fs::metadata(&first.path).expect("is there").len());
        fs::write(&fixture.list, "https://a.example/1#x\n\nhttps://A.example/2\n").expect("writable");
        let second = fixture.add().expect("writes");
        assert_eq!(second, Snapshot { bad: 0, seen: SnapshotState::Before, ..first.clone() });
        assert_eq!(fixture.files(), [format!("{}.jsonl", first.name)]);
        assert!(first.name.starts_with("my-list.tsv-"), "{}", first.name);
        let hash = blake3::hash(&fs::read(&first.path).expect("reads")).to_hex();
        assert!(first.name.ends_with(&hash[..16]));
    }

    #[test]
    fn reading_goes_on_from_any_offset_that_was_told() {
        let list: String = (0..50).map(|n| format!("https://a.example/{n}\n")).collect();
        let path = Fixture::new(&list).add().map(|s| fs::read(s.path).expect("reads")).expect("writes");
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), path).expect("writable");
        let read = |from| -> Vec<(Entry, u64)> {
            read_from(file.path(), from).expect("opens").map(|item| item.expect("undamaged")).collect()
        };
        let all = read(0);
        assert_eq!(all.len(), 50);
        for (at, (_, offset)) in all.iter().enumerate() {
            assert_eq!(read(*offset), all[at + 1..]);
        }
    }

    #[test]
    fn a_damaged_snapshot_is_told_and_not_read_on() {
        let fixture = Fixture::new("https://a.example/1\nhttps://a.example/2\n");
        let snapshot = fixture.add().expect("writes");
        for offset in [1, snapshot.bytes - 1, snapshot.bytes + 1, u64::MAX / 4] {
            assert!(
                matches!(read_from(&snapshot.path, offset), Err(SourceError::Damaged { .. })),
                "{offset}"
            );
        }
        let bytes = fs::read(&snapshot.path).expect("reads");
        for cut in [bytes.len() - 1, bytes.len() - 5] {
            fs::write(&snapshot.path, &bytes[..cut]).expect("writable");
            let items: Vec<_> = read_from(&snapshot.path, 0).expect("opens").collect();
            assert!(matches!(items[..], [Ok(_), Err(SourceError::Damaged { .. })]));
        }
    }

    #[test]
    fn a_list_that_breaks_off_leaves_nothing_behind() {
        use flate2::{Compression, write::GzEncoder};
        let fixture = Fixture::new("");
        let mut packed = GzEncoder::new(Vec::new(), Compression::none());
        packed.write_all("https://a.example/1\n".repeat(9_000).as_bytes()).expect("memory writes");
        let packed = packed.finish().expect("memory writes");
        fs::write(&fixture.list, &packed[..packed.len() - 4]).expect("writable");
        assert!(matches!(fixture.add(), Err(SourceError::Read { .. })));
        assert_eq!(fixture.files(), [""; 0]);
    }

    #[test]
    fn only_temporary_files_that_nobody_holds_are_swept() {
        let fixture = Fixture::new("https://a.example/1\n");
        let [left, held] = [".adding-1-0", ".adding-2-0"].map(|name| fixture.out().join(name));
        fs::write(&left, "").expect("writable");
        let file = File::create(&held).expect("writable");
        file.lock().expect("lockable");
        fixture.add().expect("writes");
        assert!(!left.exists() && held.exists());
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_told() {
        let fixture = Fixture::new("https://a.example/1\n");
        fs::remove_dir(fixture.out()).expect("removable");
        assert!(matches!(fixture.add(), Err(SourceError::Write { .. })));
    }

    #[test]
    fn a_draft_that_is_not_published_leaves_nothing_behind() {
        let fixture = Fixture::new("https://a.example/1\npg:1-3\n");
        let input = Input::List(ListLocation::File(fixture.list.clone()));
        let reader = EntryReader::open(input, &ReadContext::new(&Config::default())).expect("opens");
        let mut told = 0;
        let drafted = draft(reader, &fixture.out(), |_| told += 1).expect("writes");
        assert_eq!((drafted.entries, told, fixture.files().len()), (4, 4, 1));
        drop(drafted);
        assert_eq!(fixture.files(), [""; 0]);
    }
}
