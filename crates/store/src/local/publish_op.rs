//! The changes of a publication, as what is done to files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobName, Change, Kept, StagedBlob},
    machine::MachineFailure,
    safe_file,
};

use super::{
    compression::{self, Compression},
    layout::{BlobDirectory, BlobPaths},
    staging,
};

/// What is done to files.
#[derive(Debug)]
pub(super) enum PublishOp {
    /// A staged file gets the name of its blob in this form.
    Place(StagedBlob, BlobForm),
    /// A published file gets another name, in the form it has.
    Rename {
        /// The blob it is.
        from: BlobName,
        /// The blob it becomes.
        to: BlobName,
    },
    /// The files of a blob go, once all that was placed and renamed is durable.
    Remove(BlobName),
    /// The publication ends here, for this reason.
    Refuse(BlobError),
}

/// How a blob is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlobForm {
    Plain,
    Compressed,
}

/// The steps of a publication. Packs what is to be packed; `number` gives another number at each call.
pub(super) fn steps(
    changes: Vec<Change>,
    places: &BlobPaths,
    compression: &Compression,
    number: impl Fn() -> u64,
) -> Vec<PublishOp> {
    let mut steps = Vec::with_capacity(changes.len() + 1);
    for change in changes {
        let made = match change {
            Change::Staged(blob) if compression.includes(blob.name.kind) => {
                packed(&blob.file, &blob.path, &blob.name, places, &number).map(|step| vec![step])
            }
            Change::Staged(blob) => Ok(vec![PublishOp::Place(blob, BlobForm::Plain)]),
            // What is moved onto itself keeps its form.
            Change::Renamed { from, to } if compression.includes(to.kind) && from != to => {
                packed_copy(&from, &to, places, &number).map(|step| vec![step, PublishOp::Remove(from)])
            }
            Change::Renamed { from, to } => Ok(vec![PublishOp::Rename { from, to }]),
            Change::Removed(name) => Ok(vec![PublishOp::Remove(name)]),
        };
        match made {
            Ok(made) => steps.extend(made),
            Err(error) => {
                steps.push(PublishOp::Refuse(error));
                break;
            }
        }
    }
    steps
}

/// Packs a published file under another name.
fn packed_copy(
    from: &BlobName,
    to: &BlobName,
    places: &BlobPaths,
    number: impl Fn() -> u64,
) -> Result<PublishOp, BlobError> {
    let path = places.path(from);
    let file = safe_file::open(&path).map_err(|error| BlobError::at(&path, error))?;
    packed(&file, &path, to, places, number)
}

fn packed(
    from: &fs::File,
    path: &Path,
    name: &BlobName,
    places: &BlobPaths,
    number: impl Fn() -> u64,
) -> Result<PublishOp, BlobError> {
    let into = staging::stage(name, &places.packed_path(name), number)?;
    compression::pack(from, &into.file).map_err(|error| {
        // What is full is where it is written to.
        let at = if MachineFailure::from_own_io(&error) == Some(MachineFailure::DiskFull) {
            &into.path
        } else {
            path
        };
        BlobError::at(at, error)
    })?;
    Ok(PublishOp::Place(into, BlobForm::Compressed))
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The directories that were touched.
    pub(super) touched: Vec<BlobDirectory>,
    /// Where the blob lies in its other form, if it does: to be removed once its new name is forced.
    pub(super) other: Option<OtherForm>,
}

/// The other form of a blob.
#[derive(Debug)]
pub(super) struct OtherForm {
    pub(super) path: PathBuf,
    pub(super) shelf: BlobDirectory,
}

impl PublishOp {
    /// Does it. Removals are for later.
    pub(super) fn make(self, places: &BlobPaths) -> Result<Made, BlobError> {
        match self {
            Self::Place(mut blob, form) => {
                let (to, path) = both_paths(places, &blob.name, form);
                fs::rename(&blob.path, to).map_err(|error| BlobError::at(&blob.path, error))?;
                blob.kept = Kept::Yes;
                let shelf = places.shelf(blob.name.kind, &blob.name.document);
                Ok(Made { touched: vec![shelf], other: Some(OtherForm { path, shelf }) })
            }
            Self::Rename { from, to } => {
                let path = rename(places, &from, &to)?;
                let [from, shelf] = [from, to].map(|name| places.shelf(name.kind, &name.document));
                Ok(Made { touched: vec![from, shelf], other: Some(OtherForm { path, shelf }) })
            }
            Self::Remove(_) => Ok(Made::default()),
            Self::Refuse(error) => Err(error),
        }
    }
}

/// In the form that the blob has. Returns where it would lie in its other one.
fn rename(places: &BlobPaths, from: &BlobName, to: &BlobName) -> Result<PathBuf, BlobError> {
    let mut missing = None;
    for form in [BlobForm::Plain, BlobForm::Compressed] {
        let (old, _) = both_paths(places, from, form);
        let (new, other) = both_paths(places, to, form);
        match fs::rename(&old, new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.get_or_insert_with(|| BlobError::at(&old, error));
            }
            Err(error) => return Err(BlobError::at(&old, error)),
            Ok(()) => return Ok(other),
        }
    }
    Err(missing.expect("neither form was there"))
}

/// The path of a blob in this form, and in the other one.
fn both_paths(places: &BlobPaths, name: &BlobName, form: BlobForm) -> (PathBuf, PathBuf) {
    match form {
        BlobForm::Plain => (places.path(name), places.packed_path(name)),
        BlobForm::Compressed => (places.packed_path(name), places.path(name)),
    }
}

/// Removes a blob in both forms. One that is not there is no error.
pub(super) fn remove(places: &BlobPaths, name: &BlobName) -> Result<(), BlobError> {
    remove_file(&places.path(name))?;
    remove_file(&places.packed_path(name))
}

/// Removes a file that may not be there.
pub(super) fn remove_file(path: &Path) -> Result<(), BlobError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BlobError::at(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
