//! The file operations of a publication.

use std::{
    fs,
    io::{self, Seek},
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobName, Change, Kept, StagedBlob, StagedBytes, StagedFile},
    machine::MachineFailure,
    safe_file,
};

use crate::layout::{BlobDirectory, BlobForm, BlobPaths};

use super::{
    compression::{self, Compression},
    directories, staging,
};

/// An operation on files.
#[derive(Debug)]
pub(super) enum PublishOp {
    /// Writes a blob to a staged file, which is then placed.
    Write(BlobName, Vec<u8>),
    /// Renames a staged file to the final name of its blob in this form.
    Place(StagedFile, BlobForm),
    /// Renames a published file, in the form that it has.
    Rename { from: BlobName, to: BlobName },
    /// Removes the files of a blob, when all that was placed and renamed is durable.
    Remove(BlobName),
}

/// A blob that has its name.
#[derive(Debug)]
pub(super) struct Applied {
    /// The directories in which names have changed.
    pub(super) touched: Vec<BlobDirectory>,
    /// The directory of the blob.
    pub(super) directory: BlobDirectory,
    /// The path of the blob in its other form. If there is a file, it is removed when the new name is
    /// durable.
    pub(super) other_form: PathBuf,
}

/// Returns the operations of a publication. Compresses the blobs that are to be kept compressed.
pub(super) fn operations(
    changes: Vec<Change>,
    paths: &BlobPaths,
    compression: &Compression,
) -> Vec<Result<PublishOp, BlobError>> {
    let mut operations = Vec::with_capacity(changes.len() + 1);
    for change in changes {
        let made = match change {
            // The committing thread writes it.
            Change::Staged(StagedBlob { name, bytes: StagedBytes::Memory(bytes), .. })
                if !compression.includes(name.kind) =>
            {
                Ok(vec![PublishOp::Write(name, bytes)])
            }
            Change::Staged(blob) => in_file(blob, paths).and_then(|blob| {
                let placed = if compression.includes(blob.name.kind) {
                    compressed(&blob.file, &blob.path, &blob.name, paths)?
                } else {
                    PublishOp::Place(blob, BlobForm::Plain)
                };
                Ok(vec![placed])
            }),
            // A blob that is renamed to its own name keeps its form.
            Change::Renamed { from, to } if compression.includes(to.kind) && from != to => {
                let path = paths.path(&from);
                safe_file::open(&path)
                    .map_err(|error| BlobError::at(&path, error))
                    .and_then(|file| compressed(&file, &path, &to, paths))
                    .map(|placed| vec![placed, PublishOp::Remove(from)])
            }
            Change::Renamed { from, to } => Ok(vec![PublishOp::Rename { from, to }]),
            Change::Removed(name) => Ok(vec![PublishOp::Remove(name)]),
        };
        match made {
            Ok(made) => operations.extend(made.into_iter().map(Ok)),
            // The changes before this one are made all the same, in their order.
            Err(error) => {
                operations.push(Err(error));
                break;
            }
        }
    }
    operations
}

/// Returns the file of a staged blob. Writes it if there is none.
fn in_file(blob: StagedBlob, paths: &BlobPaths) -> Result<StagedFile, BlobError> {
    match blob.bytes {
        StagedBytes::File(file) => Ok(file),
        StagedBytes::Memory(bytes) => written(&blob.name, &mut bytes.as_slice(), paths),
        StagedBytes::Unnamed(mut bytes) => {
            bytes.rewind().map_err(|error| BlobError::at(&blob.name.relative_path(), error))?;
            written(&blob.name, &mut bytes, paths)
        }
    }
}

fn written(name: &BlobName, bytes: &mut dyn io::Read, paths: &BlobPaths) -> Result<StagedFile, BlobError> {
    directories::create_shard(paths, name)?;
    let mut file = staging::stage(name, &paths.path(name))?;
    io::copy(bytes, &mut file.file).map_err(|error| BlobError::at(&name.relative_path(), error))?;
    Ok(file)
}

/// Compresses the file at `path` into a staged file of the blob `name`.
fn compressed(
    file: &fs::File,
    path: &Path,
    name: &BlobName,
    paths: &BlobPaths,
) -> Result<PublishOp, BlobError> {
    let into = staging::stage(name, &paths.in_form(name, BlobForm::Compressed))?;
    compression::compress(file, &into.file).map_err(|error| {
        // Only the written file can be on a full disk.
        let at = if MachineFailure::from_own_io(&error) == Some(MachineFailure::DiskFull) {
            &into.path
        } else {
            path
        };
        BlobError::at(at, error)
    })?;
    Ok(PublishOp::Place(into, BlobForm::Compressed))
}

impl PublishOp {
    /// Writes the bytes of a blob that is in memory. Any other operation stays as it is.
    pub(super) fn written(self, paths: &BlobPaths) -> Result<Self, BlobError> {
        match self {
            Self::Write(name, bytes) => {
                Ok(Self::Place(written(&name, &mut bytes.as_slice(), paths)?, BlobForm::Plain))
            }
            other @ (Self::Place(..) | Self::Rename { .. } | Self::Remove(_)) => Ok(other),
        }
    }

    /// Gives a blob its name. Returns `None` for a removal, which is made last.
    pub(super) fn apply(self, paths: &BlobPaths) -> Result<Option<Applied>, BlobError> {
        let (mut touched, name, form) = match self {
            Self::Place(mut blob, form) => {
                fs::rename(&blob.path, paths.in_form(&blob.name, form))
                    .map_err(|error| BlobError::at(&blob.path, error))?;
                // Dropping it would remove the file of its temporary name, which is no longer its own.
                blob.kept = Kept::Yes;
                (Vec::new(), blob.name.clone(), form)
            }
            Self::Rename { from, to } => {
                let form = rename(paths, &from, &to)?;
                (vec![paths.directory(&from)], to, form)
            }
            Self::Write(..) => unreachable!("it was written with its group"),
            Self::Remove(_) => return Ok(None),
        };
        let directory = paths.directory(&name);
        touched.push(directory);
        Ok(Some(Applied { touched, directory, other_form: paths.in_form(&name, form.other()) }))
    }
}

/// Renames a blob, and returns the form that it has.
fn rename(paths: &BlobPaths, from: &BlobName, to: &BlobName) -> Result<BlobForm, BlobError> {
    let mut missing = None;
    for form in [BlobForm::Plain, BlobForm::Compressed] {
        let old = paths.in_form(from, form);
        match fs::rename(&old, paths.in_form(to, form)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.get_or_insert_with(|| BlobError::at(&old, error));
            }
            Err(error) => return Err(BlobError::at(&old, error)),
            Ok(()) => return Ok(form),
        }
    }
    Err(missing.expect("neither form was there"))
}

/// Removes a blob in both forms. It is no error if there is none.
pub(super) fn remove(paths: &BlobPaths, name: &BlobName) -> Result<(), BlobError> {
    [BlobForm::Plain, BlobForm::Compressed]
        .into_iter()
        .try_for_each(|form| remove_file(&paths.in_form(name, form)))
}

/// Removes a file. It is no error if there is none.
pub(super) fn remove_file(path: &Path) -> Result<(), BlobError> {
    match fs::remove_file(path) {
        // A removal can be repeated: an earlier run may have made it.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BlobError::at(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
