//! `juggle export files`: the files of each document in `export/files/`.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use ::export::{corpus::Corpus, directory::ExportDirectory, files, report::ExportReport};
use blob_store::{
    layout::{Layout, LayoutError},
    local::LocalBlobs,
};
use flow::{
    blobs::{BlobError, BlobKind},
    durability::Durability,
};

use crate::{
    cli::export::FileKind,
    exit::{CliError, Exit},
};

/// Returns the kinds that are asked for: all, if none is named.
pub(super) fn kinds(named: &[FileKind]) -> Vec<BlobKind> {
    if named.is_empty() {
        return files::KINDS.to_vec();
    }
    let kind = |kind: &FileKind| match kind {
        FileKind::Raw => BlobKind::Raw,
        FileKind::Text => BlobKind::Text,
        FileKind::Meta => BlobKind::Meta,
        FileKind::Tokens => BlobKind::Tokens,
        FileKind::Counts => BlobKind::Counts,
        FileKind::Stats => BlobKind::Stats,
        FileKind::Arrival => BlobKind::Arrival,
    };
    named.iter().map(kind).collect()
}

/// Writes the files, and removes those of an earlier export that are not among them.
pub(super) fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    kinds: &[BlobKind],
) -> Result<ExportReport, CliError> {
    let path = directory.create_subdirectory(files::DIRECTORY)?;
    Layout::Flat.establish(&path).map_err(|error| refused(error, &path))?;
    let store = LocalBlobs::open(&path, Durability::Power)?;
    let written = files::write(corpus, kinds, &store, &path)?;
    drop(store);
    tidy(&path)?;
    Ok(written)
}

fn refused(error: LayoutError, path: &Path) -> CliError {
    match error {
        LayoutError::Blob(error) => error.into(),
        other @ LayoutError::Other { .. } => CliError::new(Exit::File, other.to_string())
            .advise(format!("Remove '{}', then export again.", path.display())),
    }
}

/// Removes empty directories, which the store creates for all kinds. Makes the removal of files durable.
fn tidy(path: &Path) -> Result<(), BlobError> {
    let logs = path.join(BlobKind::Arrival.directory()).parent().map(Path::to_owned);
    let kinds = BlobKind::ALL.into_iter().map(|kind| path.join(kind.directory()));
    for directory in kinds.chain(logs) {
        let removed_or_synced = match fs::remove_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                File::open(&directory).and_then(|directory| directory.sync_all())
            }
            removed => removed,
        };
        removed_or_synced.map_err(|error| BlobError::at(&directory, error))?;
    }
    Ok(())
}
