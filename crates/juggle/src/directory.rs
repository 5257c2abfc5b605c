//! Prepares the run directory before anything else is done.

pub(crate) mod leftovers;
pub(crate) mod new_layout;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use blob_store::{
    layout::{Layout, LayoutError},
    local::compression::Compression,
    run_blobs::RunBlobs,
};
use flow::machine::MachineFailure;
use queue::directory::QueueDirectory;

use crate::{
    blocking::blocking,
    exit::{CliError, Exit, is_full},
};
use settings::resolved::Settings;

fn refused(run: &Path, error: &io::Error) -> CliError {
    let why = MachineFailure::describe(error);
    let message = format!("cannot use '{}' as the output directory: {why}", run.display());
    let exit = if is_full(error) { Exit::DiskFull } else { Exit::File };
    CliError::new(exit, message).advise("Use -o DIR to choose a directory that you can write to.")
}

/// Creates the run directory if it is missing, and checks that it can be written.
///
/// # Errors
/// Returns an error with [`Exit::File`] or [`Exit::DiskFull`] if it cannot be written.
pub fn prepare(run: &Path) -> Result<(), CliError> {
    let refuse = |error: io::Error| refused(run, &error);
    fs::create_dir_all(run).map_err(refuse)?;
    leftovers::sweep(run).map_err(refuse)?;
    leftovers::try_to_write(run).map_err(refuse)?;
    Ok(QueueDirectory::of(run).prepare()?)
}

/// Writes the remembered settings of the run directory. Called when the settings have been accepted: a value
/// that stopped this command must not stop the next one.
///
/// # Errors
/// Returns an error with [`Exit::File`] or [`Exit::DiskFull`] if they cannot be written.
pub async fn remember(settings: &Settings) -> Result<(), CliError> {
    let (run, settings) = (settings.output_dir.clone(), settings.clone());
    let writing = blocking(move || settings.remember());
    writing.await?.map_err(|error| refused(&run, &error))
}

/// Returns whether a run was started in the directory before.
#[must_use]
pub fn has_run(run: &Path) -> bool {
    QueueDirectory::of(run).exists()
}

/// Checks that a run was started in the directory, for commands that do not create one.
///
/// # Errors
/// Returns an error with [`Exit::File`] if there is no run.
pub fn must_exist(run: &Path) -> Result<(), CliError> {
    if has_run(run) {
        return Ok(QueueDirectory::of(run).prepare()?);
    }
    Err(no_run(run))
}

/// Returns the error for a directory without a run.
#[must_use]
pub fn no_run(run: &Path) -> CliError {
    let message = format!("there is no run in '{}'", run.display());
    CliError::new(Exit::File, message)
        .advise("Use -o DIR to name a run directory, or start a run: juggle pipeline SOURCES -o DIR")
}

/// Opens the blob store of the run directory.
///
/// # Errors
/// Returns an error if the store cannot be opened or has another layout than the settings ask for.
pub async fn open_blobs(settings: &Settings) -> Result<RunBlobs, CliError> {
    let (run, durability) = (settings.output_dir.clone(), settings.durability);
    let (layout, compression) = (settings.layout, settings.compression.clone());
    let opening = blocking(move || {
        // The layout is fixed before the store is opened: opening a new directory would choose the default.
        layout.map_or(Ok(()), |layout| layout.establish(&run)).map_err(refused_layout)?;
        if Layout::of(&run)? == Layout::Packed && compression != Compression::default() {
            return Err(CliError::new(Exit::Usage, "--compress is not available with the layout packed")
                .advise("Use --layout flat or sharded for compressed files, or leave out --compress."));
        }
        Ok::<_, CliError>(RunBlobs::open(&run, durability, compression)?)
    });
    opening.await?
}

fn refused_layout(error: LayoutError) -> CliError {
    match error {
        LayoutError::Blob(error) => error.into(),
        other @ LayoutError::Other { .. } => CliError::new(Exit::Usage, other.to_string())
            .advise("Remove --layout, or use another output directory with -o DIR."),
    }
}

/// Returns the directory of the snapshots of source lists.
#[must_use]
pub fn sources(run: &Path) -> PathBuf {
    QueueDirectory::of(run).path().join("sources")
}
