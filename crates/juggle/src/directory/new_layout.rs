//! Chooses the layout of a new run directory by the number of texts that are added to it.

use std::path::Path;

use blob_store::{layout::Layout, local::compression::Compression};
use flow::{queue::QueueAdmin, shell::quoted_path};
use sources::{
    add::{self, Added, Sources},
    snapshot,
};

use crate::{directory, exit::CliError, output::counted};
use settings::resolved::Settings;

/// The number of texts from which a new run directory is packed. That many texts are some 35,000 files.
const PACKED_TEXTS_MIN: u64 = 5_000;

/// Adds sources to the queue. Before that, a new run directory becomes packed if they list many texts and
/// neither a layout nor a compression was chosen.
///
/// # Errors
/// Returns the errors of [`add::add`], and an error if the layout cannot be written.
pub(crate) async fn add(
    sources: Sources,
    settings: &Settings,
    queue: &dyn QueueAdmin,
) -> Result<Added, CliError> {
    let run = settings.output_dir.clone();
    // Segments cannot be compressed, so the choice of a compression is one of files.
    let is_chosen = settings.layout.is_some() || settings.compression != Compression::default();
    let on_counted = move |texts| match is_chosen || texts < PACKED_TEXTS_MIN {
        true => Ok(()),
        false => pack_if_new(&run, texts),
    };
    add::add(sources, &directory::sources(&settings.output_dir), queue, on_counted).await
}

/// Makes a run directory packed if nobody has added a list to it or opened it before.
fn pack_if_new(run: &Path, texts: u64) -> Result<(), CliError> {
    if snapshot::paths(&directory::sources(run))?.is_empty() && Layout::Packed.establish_if_new(run)? {
        tracing::info!(
            "{} in the new run directory {}: its layout is packed, a few large files. For one file per text, \
             begin with --layout flat",
            counted(texts, "text"),
            quoted_path(run)
        );
    }
    Ok(())
}
