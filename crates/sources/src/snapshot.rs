//! Stores a source list as it was when it was added: all valid entries, normalised, one JSON object per line.
//!
//! Disk form: `<directory>/<list>-<hash>.jsonl`. `<list>` is the file name of the list, reduced to safe
//! characters, and `<hash>` is the first 16 hex digits of the BLAKE3 of the file. Two lists with the same
//! name and the same entries are one file, so adding a list again changes nothing. Each line is an
//! [`Entry`](crate::entry::Entry) and ends with LF.
//!
//! Invariant: a file with such a name is complete and durable, and it is never changed.
//!
//! In reading order: [`draft`] writes a snapshot, `interleave` orders its entries, [`entries`] reads them,
//! and [`integrity`] checks that a snapshot is still what was written.

pub mod draft;
pub mod entries;
pub mod integrity;

mod interleave;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::error::SourceError;

/// A written snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The file name without extension.
    pub name: String,
    /// The path of the file.
    pub path: PathBuf,
    /// The number of entries.
    pub entries: u64,
    /// The number of lines of the list that are invalid and left out.
    pub bad: u64,
    /// The length of the file, which is the offset after its last entry.
    pub bytes: u64,
    /// Set if there was no such snapshot before.
    pub is_new: bool,
}

/// Returns the paths of the snapshots in a directory, in order of their names. A list that is being added, or
/// whose process died meanwhile, has another extension.
///
/// # Errors
/// Returns [`SourceError::Snapshot`] if the directory cannot be read.
pub fn paths(directory: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |source| SourceError::Snapshot { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use super::{draft::write_draft, entries::read_from, *};
    use crate::{
        arguments::{Input, ListLocation},
        config::{Config, ReadContext},
        entry::Entry,
        formats::ListKind,
        reader::EntryReader,
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
            let input = Input::List(ListLocation::File(self.list.clone()), ListKind::List);
            let reader = EntryReader::open(input, &ReadContext::new(&Config::default()))?;
            write_draft(reader, "my list.tsv", &self.out())?.publish()
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
        assert_eq!((first.entries, first.bad, first.is_new), (2, 1, true));
        assert_eq!(first.bytes, fs::metadata(&first.path).expect("is there").len());
        fs::write(&fixture.list, "https://a.example/1#x\n\nhttps://A.example/2\n").expect("writable");
        let second = fixture.add().expect("writes");
        assert_eq!(second, Snapshot { bad: 0, is_new: false, ..first.clone() });
        assert_eq!(fixture.files(), [format!("{}.jsonl", first.name)]);
        assert!(first.name.starts_with("my-list.tsv-"), "{}", first.name);
        let hash = blake3::hash(&fs::read(&first.path).expect("reads")).to_hex();
        assert!(first.name.ends_with(&hash[..16]));
    }

    #[test]
    fn reading_continues_from_any_returned_offset() {
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
    fn a_damaged_snapshot_is_an_error_and_ends_the_reading() {
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
    fn a_directory_that_cannot_be_written_is_an_error() {
        let fixture = Fixture::new("https://a.example/1\n");
        fs::remove_dir(fixture.out()).expect("removable");
        assert!(matches!(fixture.add(), Err(SourceError::Write { .. })));
    }

    #[test]
    fn a_draft_that_is_not_published_leaves_nothing_behind() {
        let fixture = Fixture::new("https://a.example/1\npg:1-3\n");
        let input = Input::List(ListLocation::File(fixture.list.clone()), ListKind::List);
        let reader = EntryReader::open(input, &ReadContext::new(&Config::default())).expect("opens");
        let mut reported = 0;
        let drafted = write_draft(reader.inspect(|_| reported += 1), "list", &fixture.out()).expect("writes");
        assert_eq!((drafted.snapshot.entries, reported, fixture.files().len()), (4, 4, 1));
        drop(drafted);
        assert_eq!(fixture.files(), [""; 0]);
    }
}
