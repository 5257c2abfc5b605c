//! `juggle gc`: removes files that belong to no document, and downloads that nobody will resume.

use std::path::Path;

use blob_store::{
    packed::{self, Compacted, Compaction},
    run_blobs::RunBlobs,
};
use corpus::gc::{self, KnownDocuments};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    queue::QueueAdmin,
    temporary::Sweep,
};
use indicatif::HumanBytes;
use queue::connection::QueueConnection;
use serde::Serialize;

use crate::{
    blocking::blocking,
    directory::{self, leftovers},
    exit::{CliError, Exit},
    output::{Out, counted},
};
use settings::{enums::Run, resolved::Settings};

/// The files that were removed, or would be.
#[derive(Debug, Default, Serialize)]
struct Collected {
    /// Their paths below the run directory.
    files: Vec<String>,
    bytes: u64,
    /// `true` if they were removed, `false` if they would be.
    removed: bool,
}

/// Runs `juggle gc`.
///
/// # Errors
/// Returns an error if there is no run, a stage works on it, or files cannot be removed.
pub async fn run(settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let collected = collect(settings, &*connection.queue()).await;
    connection.close().await;
    let collected = collected?;
    if out.is_json() {
        out.json(&collected)?;
        return Ok(Exit::Done);
    }
    collected.files.iter().try_for_each(|file| out.line(&format!("  {file}")))?;
    let what = if collected.removed { "Removed" } else { "Would remove" };
    let files = counted(collected.files.len() as u64, "file");
    out.line(&format!("{what} {files} ({})", HumanBytes(collected.bytes)))?;
    Ok(Exit::Done)
}

async fn collect(settings: &Settings, queue: &dyn QueueAdmin) -> Result<Collected, CliError> {
    // A worker has files that no finished job names yet; they would be taken for garbage.
    if queue.stats().await?.lanes.iter().any(|lane| lane.workers > 0) {
        return Err(CliError::new(Exit::InUse, "a stage is running on this run directory")
            .advise("Wait until it has finished, or stop it. Then try again."));
    }
    // The queue stays open until the files are removed: if this process owns it, no stage can start
    // meanwhile.
    let known = KnownDocuments::list(queue).await?;
    let blobs = directory::open_blobs(settings).await?;
    let is_dry = settings.run == Run::Dry;
    let run = settings.output_dir.clone();
    let removing = blocking(move || {
        let mut collected = Collected { removed: !is_dry, ..Collected::default() };
        collected.add_blobs(&blobs, &known)?;
        collected.add_parts(&blobs, &known)?;
        collected.add_leftovers(&run)?;
        collected.add_segments(&blobs)?;
        Ok(collected)
    });
    removing.await?
}

impl Collected {
    /// Removes the blobs that belong to no document.
    fn add_blobs(&mut self, blobs: &RunBlobs, known: &KnownDocuments) -> Result<(), BlobError> {
        for name in gc::unneeded(blobs, known)? {
            // Another process may have removed it since it was listed.
            let Some(path) = blobs.find(&name)? else { continue };
            self.bytes += blobs.len(&name)?.unwrap_or(0);
            self.files.push(path.display().to_string());
            if self.removed {
                blobs.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Removes the unfinished downloads of documents without a pending job.
    fn add_parts(&mut self, blobs: &RunBlobs, known: &KnownDocuments) -> Result<(), BlobError> {
        let is_needed = |id: &str| known.pending.contains(id);
        for document in blobs.parts()?.into_iter().filter(|document| !is_needed(document.as_str())) {
            let spool = BlobName::new(BlobKind::Spool, document.clone()).relative_path();
            self.files.push(format!("{}.part", spool.display()));
            if self.removed {
                blobs.remove_part(&document)?;
            }
        }
        Ok(())
    }

    /// Compacts segments, after the removals that leave room in them.
    fn add_segments(&mut self, blobs: &RunBlobs) -> Result<(), BlobError> {
        let how = if self.removed { Compaction::Make } else { Compaction::Dry };
        let Compacted { segments, bytes } = blobs.compact(how)?;
        self.files.extend(segments.iter().map(|segment| format!("{}/{segment}", packed::DIRECTORY)));
        self.bytes += bytes;
        Ok(())
    }

    /// Removes the temporary files that killed writers left behind.
    fn add_leftovers(&mut self, run: &Path) -> Result<(), CliError> {
        let how = if self.removed { Sweep::Remove } else { Sweep::Name };
        let left = leftovers::find(run, how).map_err(|error| CliError::unwritten(run, &error))?;
        let below = left.iter().map(|path| path.strip_prefix(run).unwrap_or(path));
        self.files.extend(below.map(|path| path.display().to_string()));
        Ok(())
    }
}
