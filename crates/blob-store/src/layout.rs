//! The paths of blobs in a run directory.
//!
//! * *Flat*: `text/PG84_text.txt`, the layout of the Standardized Project Gutenberg Corpus.
//! * *Sharded*: `text/7c/PG84_text.txt`, for more documents than one directory holds well. The shard is the
//!   first byte of the BLAKE3 of the document's id, as two hex digits. The spool holds few blobs at a time,
//!   so it is flat in both layouts.
//!
//! * *Packed*: all blobs in a few segments, `segments/00001.warc` ([`packed`](crate::packed)).
//!
//! A compressed blob has `.zst` after its name. A run directory that is not flat has a file `LAYOUT` that
//! contains its layout; a flat one has no such file. The layout of a run directory never changes.
//!
//! A new run directory has neither a `LAYOUT` nor directories of blobs. Whoever creates them holds the lock
//! of the run directory, so that nobody gives it a layout at the same time.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName},
    choices,
    document::DocumentId,
    safe_file,
};

/// The name of the file that contains the layout.
const LAYOUT: &str = "LAYOUT";
/// The ending of compressed blobs.
pub(crate) const COMPRESSED: &str = ".zst";
/// The maximum length in bytes of `LAYOUT`.
const LAYOUT_BYTES_MAX: u64 = 100;

choices! {
    /// The distribution of blobs over directories.
    Layout {
        /// One directory for each kind.
        #[default]
        Flat = "flat",
        /// 256 directories for each kind.
        Sharded = "sharded",
        /// A few large files, which are WARC.
        Packed = "packed",
    }
}

/// The reasons why a run directory does not get a layout.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The run directory has another layout.
    #[error("the layout of '{}' is {has} and cannot be changed", dir.display())]
    Other {
        /// The run directory.
        dir: PathBuf,
        /// The layout it has.
        has: Layout,
    },
    /// The run directory cannot be read or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl Layout {
    /// Reads the layout of a run directory. A directory that does not exist is flat.
    ///
    /// # Errors
    /// An error if `LAYOUT` cannot be read or names no known layout.
    pub fn of(dir: &Path) -> Result<Self, BlobError> {
        let path = dir.join(LAYOUT);
        let word = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Flat),
            Ok(found) if found.is_file() && found.len() <= LAYOUT_BYTES_MAX => {
                safe_file::read_to_string(&path)
            }
            // Anything else is not read, and names no layout.
            Ok(_) => Ok(String::new()),
            Err(error) => Err(error),
        };
        let unknown = |_| io::Error::new(io::ErrorKind::InvalidData, "unknown layout");
        let layout = word.and_then(|word| word.trim().parse().map_err(unknown));
        layout.map_err(|error| BlobError::at(&path, error))
    }

    /// Gives this layout durably to a run directory without blobs. Creates the directory if it does not
    /// exist.
    ///
    /// # Errors
    /// [`LayoutError::Other`] if the directory has another layout, [`LayoutError::Blob`] if it cannot be read
    /// or written.
    pub fn establish(self, dir: &Path) -> Result<(), LayoutError> {
        let locked = create_and_lock(dir)?;
        let has = Self::of(dir)?;
        if has == self {
            return Ok(());
        }
        // Blobs would have other paths in the new layout, and nobody would find them.
        if has != Self::Flat || !is_empty(dir)? {
            return Err(LayoutError::Other { dir: dir.to_owned(), has });
        }
        Ok(self.write(dir, &locked)?)
    }

    /// Gives this layout durably to a run directory that is new, and returns whether it is. Creates the
    /// directory if it does not exist.
    ///
    /// # Errors
    /// An error if the directory cannot be read or written.
    pub fn establish_if_new(self, dir: &Path) -> Result<bool, BlobError> {
        let locked = create_and_lock(dir)?;
        if !is_new(dir)? {
            return Ok(false);
        }
        self.write(dir, &locked)?;
        Ok(true)
    }

    fn write(self, dir: &Path, locked: &File) -> Result<(), BlobError> {
        // The temporary name is always the same, so that the next attempt replaces what a killed one has
        // left.
        let (path, temporary) = (dir.join(LAYOUT), dir.join(format!("{LAYOUT}.tmp")));
        safe_file::create(&temporary)
            .and_then(|mut file| writeln!(file, "{self}").and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| locked.sync_all())
            .map_err(|error| BlobError::at(&path, error))
    }
}

/// Creates a run directory if it does not exist, and locks it. Two processes that begin at the same time must
/// not have different layouts.
fn create_and_lock(dir: &Path) -> Result<File, BlobError> {
    fs::create_dir_all(dir).and_then(|()| lock(dir)).map_err(|error| BlobError::at(dir, error))
}

/// Locks a run directory for whoever looks at its layout and creates its directories.
pub(crate) fn lock(dir: &Path) -> io::Result<File> {
    File::open(dir).and_then(|directory| directory.lock().map(|()| directory))
}

/// Returns whether a run directory has neither a layout nor directories of blobs.
fn is_new(dir: &Path) -> Result<bool, BlobError> {
    let mut paths = BlobKind::ALL.map(|kind| dir.join(kind.directory())).to_vec();
    paths.push(dir.join(LAYOUT));
    for path in paths {
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(BlobError::at(&path, error)),
            Ok(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Returns whether a run directory holds no blobs. Those in the spool do not count: their paths are the same
/// in every layout.
fn is_empty(dir: &Path) -> Result<bool, BlobError> {
    for kind in BlobKind::ALL.into_iter().filter(|kind| *kind != BlobKind::Spool) {
        let path = dir.join(kind.directory());
        match fs::read_dir(&path).and_then(|mut entries| entries.next().transpose()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(BlobError::at(&path, error)),
            Ok(Some(_)) => return Ok(false),
            Ok(None) => {}
        }
    }
    Ok(true)
}

/// The form in which a blob is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlobForm {
    Plain,
    Compressed,
}

impl BlobForm {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Plain => Self::Compressed,
            Self::Compressed => Self::Plain,
        }
    }
}

/// A directory that holds blobs of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlobDirectory {
    pub(crate) kind: BlobKind,
    shard: Option<u8>,
}

impl BlobDirectory {
    /// Returns the directory above a shard.
    pub(crate) fn above(self) -> Option<Self> {
        self.shard.map(|_| Self { shard: None, ..self })
    }
}

/// The paths of the blobs in one run directory.
#[derive(Debug, Clone)]
pub struct BlobPaths {
    dir: PathBuf,
    layout: Layout,
}

impl BlobPaths {
    /// Reads the layout of a run directory, which need not exist.
    ///
    /// # Errors
    /// The errors of [`Layout::of`].
    pub fn of(dir: &Path) -> Result<Self, BlobError> {
        Ok(Self { dir: dir.to_owned(), layout: Layout::of(dir)? })
    }

    /// Returns the path of a blob that is not compressed.
    #[must_use]
    pub fn path(&self, name: &BlobName) -> PathBuf {
        self.in_form(name, BlobForm::Plain)
    }

    /// Returns the path of a blob in this form.
    pub(crate) fn in_form(&self, name: &BlobName, form: BlobForm) -> PathBuf {
        let ending = match form {
            BlobForm::Plain => "",
            BlobForm::Compressed => COMPRESSED,
        };
        self.path_of(self.directory(name)).join(format!("{}{ending}", name.file_name()))
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn path_of(&self, directory: BlobDirectory) -> PathBuf {
        let path = self.dir.join(directory.kind.directory());
        match directory.shard {
            None => path,
            Some(shard) => path.join(shard_name(shard)),
        }
    }

    /// Returns the directories that hold a kind's blobs: the one of the kind, or those of its shards that
    /// exist.
    pub(crate) fn directories(&self, kind: BlobKind) -> Result<Vec<BlobDirectory>, BlobError> {
        let flat = BlobDirectory { kind, shard: None };
        if !self.is_sharded(kind) {
            return Ok(vec![flat]);
        }
        let path = self.path_of(flat);
        let shards = shards(&path).map_err(|error| BlobError::at(&path, error))?;
        Ok(shards.into_iter().map(|shard| BlobDirectory { kind, shard: Some(shard) }).collect())
    }

    /// Returns the directory of a blob.
    pub(crate) fn directory(&self, name: &BlobName) -> BlobDirectory {
        self.directory_of(name.kind, &name.document)
    }

    pub(crate) fn directory_of(&self, kind: BlobKind, document: &DocumentId) -> BlobDirectory {
        let shard = || blake3::hash(document.as_str().as_bytes()).as_bytes()[0];
        BlobDirectory { kind, shard: self.is_sharded(kind).then(shard) }
    }

    fn is_sharded(&self, kind: BlobKind) -> bool {
        self.layout == Layout::Sharded && kind != BlobKind::Spool
    }
}

fn shard_name(shard: u8) -> String {
    format!("{shard:02x}")
}

/// Returns the shards that have a subdirectory in this directory.
fn shards(directory: &Path) -> io::Result<Vec<u8>> {
    let mut shards = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let shard = name.to_str().and_then(|name| u8::from_str_radix(name, 16).ok());
        // "7C" and "+7" are numbers, too, but no shard has these names.
        shards.extend(shard.filter(|shard| *shard_name(*shard) == *name && entry.path().is_dir()));
    }
    Ok(shards)
}

#[cfg(test)]
mod tests {
    use flow::{durability::Durability, testing::blob_contract::name};

    use super::*;
    use crate::{local::compression::Compression, run_blobs::RunBlobs};

    #[test]
    fn a_blob_lies_where_the_layout_says() {
        let dir = tempfile::tempdir().unwrap();
        let (text, spool) = (name(BlobKind::Text, "PG84"), name(BlobKind::Spool, "PG84"));
        let relative = |name: &BlobName| {
            let path = BlobPaths::of(dir.path()).unwrap().path(name);
            path.strip_prefix(dir.path()).unwrap().display().to_string()
        };
        assert_eq!(relative(&text), "text/PG84_text.txt");
        Layout::Sharded.establish(dir.path()).unwrap();
        let shard = &blake3::hash(b"PG84").to_hex()[..2];
        assert_eq!(relative(&text), format!("text/{shard}/PG84_text.txt"));
        assert_eq!(relative(&spool), "spool/PG84.spool");
    }

    #[test]
    fn a_layout_is_settled_once() {
        let dir = tempfile::tempdir().unwrap();
        Layout::Flat.establish(dir.path()).unwrap();
        Layout::Sharded.establish(dir.path()).unwrap();
        Layout::Sharded.establish(dir.path()).unwrap();
        assert_eq!(Layout::of(dir.path()).unwrap(), Layout::Sharded);
        let error = Layout::Flat.establish(dir.path()).unwrap_err().to_string();
        assert!(error.contains("is sharded and cannot be changed"), "{error}");
    }

    #[test]
    fn a_directory_that_holds_blobs_keeps_its_layout() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("logs/arrival")).unwrap();
        fs::write(dir.path().join("logs/arrival/PG84.json"), "{}").unwrap();
        assert!(matches!(Layout::Sharded.establish(dir.path()), Err(LayoutError::Other { .. })));
        assert!(!dir.path().join(LAYOUT).exists());
    }

    #[test]
    fn only_a_directory_that_nobody_has_opened_is_new() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        assert!(Layout::Packed.establish_if_new(&run).unwrap());
        assert!(!Layout::Sharded.establish_if_new(&run).unwrap());
        assert_eq!(Layout::of(&run).unwrap(), Layout::Packed);
        // A stage that waits for its first text has no blobs yet.
        let opened = dir.path().join("opened");
        fs::create_dir(&opened).unwrap();
        drop(RunBlobs::open(&opened, Durability::Process, Compression::default()).unwrap());
        assert!(!Layout::Packed.establish_if_new(&opened).unwrap());
        assert_eq!(Layout::of(&opened).unwrap(), Layout::Flat);
    }

    #[test]
    fn what_names_no_layout_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for said in [&b""[..], b"round", &[b' '; 200], b"\xff"] {
            fs::write(dir.path().join(LAYOUT), said).unwrap();
            assert!(Layout::of(dir.path()).is_err(), "{said:?}");
        }
    }
}
