//! `juggle gc`: removes files that belong to no document and downloads that nobody will go on with.
//!
//! A file belongs to a document that has a meta or a job, whatever became of that: a document that is done and has no
//! meta is damaged, and `juggle verify` mends it. What lies in the spool is needed until its document is stored; of a dead
//! job, another round of tries begins with it. Nothing may be at work meanwhile.

use std::{collections::BTreeSet, sync::Arc};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::State,
    lane::Lane,
    queue::JobQueue,
};
use serde::Serialize;
use store::local::LocalBlobs;

use crate::{
    attach::Attached,
    cli::GcArgs,
    directory,
    exit::{CliError, Exit},
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
pub async fn run(_args: &GcArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let attached = Attached::visit(&settings.output_dir).await?;
    let needed = needed(&*attached.queue()).await;
    let collected = match needed {
        Ok(needed) => {
            let (run, durability) = (settings.output_dir.clone(), settings.durability);
            let is_dry = settings.run == Run::Dry;
            let collecting = tokio::task::spawn_blocking(move || {
                collect(&Arc::new(LocalBlobs::open(&run, durability)?), &needed, is_dry)
            });
            collecting.await.map_err(|error| CliError::caused(Exit::Bug, &error)).and_then(|found| Ok(found?))
        }
        Err(error) => Err(error),
    };
    // Until here, so that the queue stays this process's or its owner's.
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

async fn needed(queue: &dyn JobQueue) -> Result<Needed, CliError> {
    let stats = queue.stats().await?;
    if stats.lanes.iter().any(|lane| lane.workers > 0) {
        return Err(CliError::new(Exit::InUse, "a stage is at work on this run directory")
            .advise("wait for its end, or stop it, and try again"));
    }
    let not_done = [State::Ready, State::Delayed, State::Leased, State::Dead];
    Ok(Needed {
        pending: documents_with_jobs(queue, &Lane::ALL, &not_done).await?,
        done: documents_with_jobs(queue, &Lane::ALL, &[State::Done]).await?,
    })
}

fn collect(blobs: &LocalBlobs, needed: &Needed, is_dry: bool) -> Result<Collected, BlobError> {
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
            collected.bytes += blobs.len(&name)?.unwrap_or(0);
            collected.files.push(name.relative_path().display().to_string());
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
