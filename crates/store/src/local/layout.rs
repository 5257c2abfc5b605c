//! Where in a run directory a blob lies.
//!
//! * *Flat*: `text/PG84_text.txt`, the layout of the Standardized Project Gutenberg Corpus.
//! * *Sharded*: `text/7c/PG84_text.txt`, for more documents than one directory bears well. The shard is the first byte of
//!   the BLAKE3 of the document's id, as two hex digits. The spool, which holds little at a time, is flat all the same.
//!
//! A packed blob has `.zst` after its name. The file `LAYOUT` of a sharded run directory says `sharded`; a flat one has
//! none. The layout of a run directory never changes.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName},
    document::DocumentId,
    safe_file,
};

/// The file that says it.
const LAYOUT: &str = "LAYOUT";
/// The ending of packed blobs.
pub(super) const PACKED: &str = ".zst";
/// The most bytes of `LAYOUT` that are read.
const LAYOUT_BYTES_MAX: u64 = 100;

/// How blobs are spread over directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One directory a kind.
    #[default]
    Flat,
    /// 256 directories a kind.
    Sharded,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flat => "flat",
            Self::Sharded => "sharded",
        })
    }
}

/// A word that names no layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use one of: flat, sharded")]
pub struct InvalidLayout;

impl FromStr for Layout {
    type Err = InvalidLayout;

    fn from_str(word: &str) -> Result<Self, InvalidLayout> {
        match word {
            "flat" => Ok(Self::Flat),
            "sharded" => Ok(Self::Sharded),
            _ => Err(InvalidLayout),
        }
    }
}

/// Why a run directory does not get a layout.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// It has another one.
    #[error("the layout of '{}' is {has}, and stays so", dir.display())]
    Other {
        /// The run directory.
        dir: PathBuf,
        /// The layout it has.
        has: Layout,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl Layout {
    /// The layout of a run directory. One that is not there is flat.
    ///
    /// # Errors
    /// Where `LAYOUT` cannot be read, or says something else.
    pub fn of(dir: &Path) -> Result<Self, BlobError> {
        let path = dir.join(LAYOUT);
        let said = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Flat),
            Ok(found) if found.is_file() && found.len() <= LAYOUT_BYTES_MAX => {
                safe_file::read_to_string(&path)
            }
            Ok(_) => Ok(String::new()),
            Err(error) => Err(error),
        };
        let said = said.map_err(|error| BlobError::at(&path, error))?;
        let unknown =
            || io::Error::new(io::ErrorKind::InvalidData, "it names no layout that this juggle knows");
        said.trim().parse().map_err(|InvalidLayout| BlobError::at(&path, unknown()))
    }

    /// Gives this layout, durably, to a run directory that holds no blobs; it is made where it is missing.
    ///
    /// # Errors
    /// [`LayoutError::Other`] where it has another one.
    pub fn establish(self, dir: &Path) -> Result<(), LayoutError> {
        let at = |error| BlobError::at(dir, error);
        fs::create_dir_all(dir).map_err(at)?;
        // Two that begin at once must not have different ones.
        let locked =
            File::open(dir).and_then(|directory| directory.lock().map(|()| directory)).map_err(at)?;
        let has = Self::of(dir)?;
        if has == self {
            return Ok(());
        }
        if has == Self::Sharded || !is_empty(dir)? {
            return Err(LayoutError::Other { dir: dir.to_owned(), has });
        }
        let (path, temporary) = (dir.join(LAYOUT), dir.join(format!("{LAYOUT}.tmp")));
        safe_file::create(&temporary)
            .and_then(|mut file| writeln!(file, "{self}").and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| locked.sync_all())
            .map_err(|error| BlobError::at(&path, error))?;
        Ok(())
    }
}

/// Whether no blob is there; what is in the spool lies the same in every layout.
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

/// A directory in which blobs of a kind lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BlobDirectory {
    pub(super) kind: BlobKind,
    shard: Option<u8>,
}

impl BlobDirectory {
    /// The directory above, where it is one of many of its kind.
    pub(super) fn above(self) -> Option<Self> {
        self.shard.map(|_| Self { shard: None, ..self })
    }
}

/// The paths of a run directory.
#[derive(Debug, Clone)]
pub struct BlobPaths {
    dir: PathBuf,
    layout: Layout,
}

impl BlobPaths {
    /// Those of a run directory, which may not be there.
    ///
    /// # Errors
    /// Those of [`Layout::of`].
    pub fn of(dir: &Path) -> Result<Self, BlobError> {
        Ok(Self { dir: dir.to_owned(), layout: Layout::of(dir)? })
    }

    /// Where a blob lies that is not packed.
    #[must_use]
    pub fn path(&self, name: &BlobName) -> PathBuf {
        self.directory(self.shelf(name.kind, &name.document)).join(name.file_name())
    }

    /// Where it lies packed.
    #[must_use]
    pub fn packed_path(&self, name: &BlobName) -> PathBuf {
        let mut path = self.path(name).into_os_string();
        path.push(PACKED);
        path.into()
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn directory(&self, shelf: BlobDirectory) -> PathBuf {
        let directory = self.dir.join(shelf.kind.directory());
        match shelf.shard {
            None => directory,
            Some(shard) => directory.join(shard_name(shard)),
        }
    }

    /// The directories that hold a kind's blobs: the one of the kind, or those of its shards that are there.
    pub(super) fn shelves(&self, kind: BlobKind) -> Result<Vec<BlobDirectory>, BlobError> {
        let flat = BlobDirectory { kind, shard: None };
        if !self.is_sharded(kind) {
            return Ok(vec![flat]);
        }
        let path = self.directory(flat);
        let shards = shards(&path).map_err(|error| BlobError::at(&path, error))?;
        Ok(shards.into_iter().map(|shard| BlobDirectory { kind, shard: Some(shard) }).collect())
    }

    pub(super) fn shelf(&self, kind: BlobKind, document: &DocumentId) -> BlobDirectory {
        let shard = || blake3::hash(document.as_str().as_bytes()).as_bytes()[0];
        BlobDirectory { kind, shard: self.is_sharded(kind).then(shard) }
    }

    /// Whether a kind has many directories.
    pub(super) fn is_sharded(&self, kind: BlobKind) -> bool {
        self.layout == Layout::Sharded && kind != BlobKind::Spool
    }
}

fn shard_name(shard: u8) -> String {
    format!("{shard:02x}")
}

/// The shards whose directories are in this one.
fn shards(directory: &Path) -> io::Result<Vec<u8>> {
    let mut shards = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let shard = name.to_str().and_then(|name| u8::from_str_radix(name, 16).ok());
        shards.extend(shard.filter(|shard| *shard_name(*shard) == *name && entry.path().is_dir()));
    }
    Ok(shards)
}

#[cfg(test)]
mod tests {
    use flow::testing::blob_contract::name;

    use super::*;

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
        assert!(error.contains("is sharded, and stays so"), "{error}");
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
    fn what_names_no_layout_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for said in [&b""[..], b"round", &[b' '; 200], b"\xff"] {
            fs::write(dir.path().join(LAYOUT), said).unwrap();
            assert!(Layout::of(dir.path()).is_err(), "{said:?}");
        }
    }
}
