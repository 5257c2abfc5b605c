//! Two blobs with the same bytes as one file with two names.
//!
//! The bytes are compared first, and the file that gets a second name is the one that was compared. Where the file system has
//! no hard links, both stay as they are.

use std::{
    fs::{self, File, Metadata},
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use flow::blobs::BlobError;

const BUFFER_BYTES: usize = 64 * 1024;

/// A file of a blob, opened.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

/// Whether two blobs are one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    /// They became it now.
    Now,
    /// They were before.
    Before,
    /// They are two.
    Never,
}

/// Makes the file of `copy` another name of `original`, by way of `temporary`, where their bytes, read by `open`, are the
/// same. Then the copy lies at `to`; where that is another path than before, its file is there still.
pub(super) fn share(
    original: &Found,
    copy: &Found,
    to: &Path,
    temporary: &Path,
    open: impl Fn(&Found) -> io::Result<Box<dyn Read + Send>>,
) -> Result<Shared, BlobError> {
    let at = |found: &Found| {
        let path = found.path.clone();
        move |error| BlobError::at(&path, error)
    };
    let (one, other) =
        (identity(&original.file).map_err(at(original))?, identity(&copy.file).map_err(at(copy))?);
    if one == other {
        return Ok(Shared::Before);
    }
    let (left, right) = (open(original).map_err(at(original))?, open(copy).map_err(at(copy))?);
    match are_same(left, right) {
        Ok(true) => {}
        Ok(false) => return Ok(Shared::Never),
        // What is damaged is for others to tell.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Shared::Never),
        Err(error) => return Err(at(copy)(error)),
    }
    if let Err(error) = fs::hard_link(&original.path, temporary) {
        tracing::debug!(path = %original.path.display(), %error, "it cannot have a second name");
        return Ok(Shared::Never);
    }
    // Neither may have been replaced since it was read.
    let is_at = |path: &Path, is: (u64, u64)| fs::symlink_metadata(path).is_ok_and(|found| key(&found) == is);
    let is_done = is_at(temporary, one) && is_at(&copy.path, other) && fs::rename(temporary, to).is_ok();
    // A rename does nothing where the other name is of the same file (rename(2)).
    super::publish_op::remove_file(temporary)?;
    Ok(if is_done { Shared::Now } else { Shared::Never })
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|found| key(&found))
}

fn key(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

fn are_same(left: impl Read, right: impl Read) -> io::Result<bool> {
    let mut left = BufReader::with_capacity(BUFFER_BYTES, left);
    let mut right = BufReader::with_capacity(BUFFER_BYTES, right);
    loop {
        let (one, other) = (left.fill_buf()?, right.fill_buf()?);
        let length = one.len().min(other.len());
        if length == 0 {
            return Ok(one.is_empty() && other.is_empty());
        }
        if one[..length] != other[..length] {
            return Ok(false);
        }
        left.consume(length);
        right.consume(length);
    }
}
