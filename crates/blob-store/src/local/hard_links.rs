//! Keeps two blobs with the same bytes as one file with two names.
//!
//! The bytes are compared first, and the file that gets a second name is the one that was compared. If the
//! file system has no hard links, both blobs stay as they are.

use std::{
    fs::{self, Metadata},
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use flow::blobs::BlobError;

use super::{compression::BlobFile, publish_op, staging};

const BUFFER_BYTES: usize = 64 * 1024;

/// The result of [`link`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkOutcome {
    /// The blobs became one file.
    Linked,
    /// The blobs were one file before.
    WereLinked,
    /// The blobs are two files.
    Apart,
}

/// Makes the file of `copy` another name of `original`, at `to`, if their bytes are the same. If the file of
/// `copy` has another path, it is still there afterwards.
pub(super) fn link(original: BlobFile, copy: BlobFile, to: &Path) -> Result<LinkOutcome, BlobError> {
    let of = |blob: &BlobFile| {
        let identity = blob.file.metadata().map(|found| identity(&found));
        identity.map_err(|error| BlobError::at(&blob.path, error))
    };
    let (first, second) = (of(&original)?, of(&copy)?);
    // An earlier run has linked them.
    if first == second {
        return Ok(LinkOutcome::WereLinked);
    }
    let (original_path, copy_path) = (original.path.clone(), copy.path.clone());
    match are_same(original.into_reader()?, copy.into_reader()?) {
        Ok(true) => {}
        Ok(false) => return Ok(LinkOutcome::Apart),
        // A damaged blob is reported when it is verified.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(LinkOutcome::Apart),
        Err(error) => return Err(BlobError::at(&copy_path, error)),
    }
    // The name is created beside `to`, because a link replaces no file.
    let temporary = &staging::temporary_path(to);
    if let Err(error) = fs::hard_link(&original_path, temporary) {
        tracing::debug!(path = %original_path.display(), %error, "it cannot have a second name");
        return Ok(LinkOutcome::Apart);
    }
    // Neither file may have been replaced since it was read.
    let is_at = |path: &Path, file: (u64, u64)| {
        fs::symlink_metadata(path).is_ok_and(|found| identity(&found) == file)
    };
    let is_linked = is_at(temporary, first) && is_at(&copy_path, second) && fs::rename(temporary, to).is_ok();
    // A rename does nothing if both names are of the same file (rename(2)).
    publish_op::remove_file(temporary)?;
    Ok(if is_linked { LinkOutcome::Linked } else { LinkOutcome::Apart })
}

/// Returns the numbers of the file system and of the file.
fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Returns whether two readers give the same bytes.
pub(crate) fn are_same(left: impl Read, right: impl Read) -> io::Result<bool> {
    let mut left = BufReader::with_capacity(BUFFER_BYTES, left);
    let mut right = BufReader::with_capacity(BUFFER_BYTES, right);
    loop {
        let (one, other) = (left.fill_buf()?, right.fill_buf()?);
        let length = one.len().min(other.len());
        // `fill_buf` returns nothing only at the end.
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
