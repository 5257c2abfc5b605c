//! `juggle gc`: removes files that belong to no document and downloads that nobody will go on with.
//!
//! A file belongs to a document that has a meta or a job, whatever became of that: a document that is done and has no
//! meta is damaged, and `juggle verify` mends it. What lies in the spool is needed until its document is stored; of a dead
//! job, another round of tries begins with it. Nothing may be at work meanwhile.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::JobState,
    lane::Lane,
    queue::QueueAdmin,
    temporary::Sweep,
};
use serde::Serialize;
use store::local::LocalBlobs;

use crate::{
    attach::Attached,
    blocking::blocking,
    directory,
    exit::{CliError, Exit},
    leftovers,
    output::Out,
    settings::{choice::Run, resolved::Settings},
    verify::documents_with_jobs,
};

/// What was removed, or would be.
#[derive(Debug, Default, Serialize)]
struct Collected {
    /// Below the run directory.
    files: Vec<String>,
    bytes: u64,
    /// Whether they are gone.
    removed: bool,
}

/// Runs it.
///
/// # Errors
/// Where there is no run, a stage works on it, or files cannot be removed.
pub async fn run(settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let attached = Attached::visit(&settings.output_dir).await?;
    let collected = collect(settings, &*attached.queue()).await;
    attached.close().await;
    let collected = collected?;
    if out.is_json() {
        out.json(&collected)?;
        return Ok(Exit::Done);
    }
    collected.files.iter().try_for_each(|file| out.line(&format!("  {file}")))?;
    let what = if collected.removed { "removed" } else { "would be removed" };
    out.line(&format!("{} files of {} bytes {what}", collected.files.len(), collected.bytes))?;
    Ok(Exit::Done)
}

/// Documents that the queue knows.
struct Needed {
    /// Those that are not done.
    pending: BTreeSet<String>,
    done: BTreeSet<String>,
}

async fn needed(queue: &dyn QueueAdmin) -> Result<Needed, CliError> {
    let stats = queue.stats().await?;
    if stats.lanes.iter().any(|lane| lane.workers > 0) {
        return Err(CliError::new(Exit::InUse, "a stage is at work on this run directory")
            .advise("wait for its end, or stop it, and try again"));
    }
    Ok(Needed {
        pending: documents_with_jobs(
            queue,
            &Lane::ALL,
            &[&JobState::PENDING[..], &[JobState::Dead]].concat(),
        )
        .await?,
        done: documents_with_jobs(queue, &Lane::ALL, &[JobState::Done]).await?,
    })
}

async fn collect(settings: &Settings, queue: &dyn QueueAdmin) -> Result<Collected, CliError> {
    let needed = needed(queue).await?;
    let blobs = directory::open_blobs(settings).await?;
    let is_dry = settings.run == Run::Dry;
    let run = settings.output_dir.clone();
    let removing = blocking(move || {
        let mut collected = remove(&blobs, &needed, is_dry)?;
        let how = if is_dry { Sweep::Name } else { Sweep::Remove };
        let left = leftovers::find(&run, how).map_err(|error| CliError::unwritten(&run, &error))?;
        collected.add_leftovers(&run, &left);
        Ok(collected)
    });
    removing.await?
}

impl Collected {
    /// Adds the temporary files that killed writers left behind.
    fn add_leftovers(&mut self, run: &Path, left: &[PathBuf]) {
        let below = left.iter().map(|path| path.strip_prefix(run).unwrap_or(path));
        self.files.extend(below.map(|path| path.display().to_string()));
    }
}

fn remove(blobs: &LocalBlobs, needed: &Needed, is_dry: bool) -> Result<Collected, BlobError> {
    let stored: BTreeSet<DocumentId> = blobs.list(BlobKind::Meta)?.into_iter().collect();
    let mut collected = Collected { removed: !is_dry, ..Collected::default() };
    for kind in BlobKind::ALL.into_iter().filter(|kind| *kind != BlobKind::Meta) {
        let is_kept = |document: &DocumentId| {
            let (is_stored, id) = (stored.contains(document), document.as_str());
            let is_done = needed.done.contains(id);
            let belongs = match kind {
                // What a stored document has there was left by a run that was cut off.
                BlobKind::Spool => is_done && !is_stored,
                _ => is_done || is_stored,
            };
            belongs || needed.pending.contains(id)
        };
        for document in blobs.list(kind)?.into_iter().filter(|document| !is_kept(document)) {
            let name = BlobName::new(kind, document);
            let Some(path) = blobs.find(&name)? else { continue };
            collected.bytes += blobs.len(&name)?.unwrap_or(0);
            collected.files.push(path.display().to_string());
            if !is_dry {
                blobs.remove(&name)?;
            }
        }
    }
    for document in blobs.parts()?.into_iter().filter(|document| !needed.pending.contains(document.as_str()))
    {
        let spool = BlobName::new(BlobKind::Spool, document.clone()).relative_path();
        collected.files.push(format!("{}.part", spool.display()));
        if !is_dry {
            blobs.remove_part(&document)?;
        }
    }
    Ok(collected)
}
