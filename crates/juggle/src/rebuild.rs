//! `juggle rebuild`: the queue made anew from the source lists and the store.
//!
//! What a document's files prove is recorded as done, through the queue's ordinary contract: pushed, claimed, completed
//! with what follows. Ids come from lanes and document ids, so they are those of the runs before. Every source list
//! begins anew: what it names is fed again, and known documents are absorbed.
//!
//! Invariants
//! * The old database is moved aside, never deleted, and not touched before the new one is whole.
//! * The new one is built below `queue/rebuilding/`, and moved into its place under a marker
//!   ([`damage::is_unfinished`]): whatever cuts a rebuild off, what lies in `queue/` is the old database, the whole new
//!   one, or marked as unfinished; and the rebuild can be run again.
//! * The queue's lock is held all the time.

pub mod damage;

mod build;
mod condition;
mod lists;
mod record;
mod report;
mod salvage;
mod swap;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::{
    blobs::{BlobKind, BlobStore},
    clock::Clock,
    queue::QueueError,
    shutdown::{Phase, shutdown},
};
use queue::directory::QueueDirectory;
use tokio::time::Instant;

use self::{
    build::{Build, Built},
    condition::Condition,
    report::Report,
};
use crate::{
    blocking::blocking,
    cli::RebuildArgs,
    directory,
    exit::{CliError, Exit},
    output::Out,
    progress::Show,
    settings::{enums::Run, resolved::Settings},
    signals,
};

/// Runs it.
///
/// # Errors
/// [`Exit::File`] where there is no run or its files cannot be used; [`Exit::Usage`] where the queue is not damaged and
/// the rebuild is not forced; [`Exit::InUse`] where a process owns the queue.
pub async fn run(args: &RebuildArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let run = settings.output_dir.as_path();
    let directory = QueueDirectory::of(run);
    if !directory.path().is_dir() && !run.join(BlobKind::Meta.directory()).is_dir() {
        return Err(directory::no_run(run));
    }
    if settings.run == Run::Dry {
        return dry_run(settings, out).await;
    }
    let started = Instant::now();
    must_be_needed(args, &directory, run).await?;
    let _lock = lock(&directory, run)?;
    let Some(built) = build(&directory, settings, Show::of(settings, out)).await? else {
        tracing::warn!("the rebuild was cut short: the queue is as it was");
        return Ok(Exit::Interrupted);
    };
    let now_ms = Clock::start().now_ms();
    let damaged = built.lists.damaged.clone();
    let swapping = blocking(move || swap::put_in_place(&directory, &damaged, now_ms));
    let aside = swapping.await??;
    let report = Report::of(&built, aside, started.elapsed());
    report.print(run, out)?;
    Ok(report.exit())
}

async fn must_be_needed(args: &RebuildArgs, directory: &QueueDirectory, run: &Path) -> Result<(), CliError> {
    match condition::examine(directory).await? {
        Condition::Missing | Condition::Unfinished => {}
        Condition::Damaged(why) => tracing::warn!("{why}"),
        Condition::InUse => return Err(in_use(run)),
        Condition::Whole if args.force => {}
        Condition::Whole => {
            let message =
                format!("the queue of '{}' is not damaged: there is nothing to rebuild", run.display());
            return Err(CliError::new(Exit::Usage, message)
                .advise("--force makes it anew all the same; what had failed for good is then tried again"));
        }
    }
    Ok(())
}

fn in_use(run: &Path) -> CliError {
    let message = format!("a process owns the queue of '{}'", run.display());
    CliError::new(Exit::InUse, message)
        .advise("end it, or wait for its end; its process id stands in queue/lock")
}

/// The lock; the directory is made where it is missing.
fn lock(directory: &QueueDirectory, run: &Path) -> Result<fs::File, CliError> {
    if !directory.path().is_dir() {
        directory.prepare()?;
    }
    directory.try_lock()?.ok_or_else(|| in_use(run))
}

/// Where the new queue is built. A `queue/` of its own below it is made by the queue's own means.
fn site(directory: &QueueDirectory) -> PathBuf {
    directory.path().join("rebuilding")
}

fn clear(site: &Path) -> Result<(), QueueError> {
    match fs::remove_dir_all(site) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(swap::failed("remove", site, &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Builds the new queue beside the old one; none where it was interrupted.
async fn build(
    directory: &QueueDirectory,
    settings: &Settings,
    show: Show,
) -> Result<Option<Built>, CliError> {
    let (trigger, stop) = shutdown();
    signals::listen(trigger).map_err(|error| CliError::caused(Exit::Bug, &error))?;
    let site = site(directory);
    clear(&site)?;
    let blobs: Arc<dyn BlobStore> = Arc::new(directory::open_blobs(settings).await?);
    let build = Build::new(blobs, settings, show, stop.clone());
    let built = tokio::select! {
        built = build.within(&site) => built,
        // What was built so far is taken away by the next rebuild.
        () = stop.reached(Phase::Now) => return Ok(None),
    };
    if !matches!(built, Ok(Some(_))) {
        clear(&site)?;
    }
    built
}

async fn dry_run(settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let blobs: Arc<dyn BlobStore> = Arc::new(directory::open_blobs(settings).await?);
    let (_trigger, stop) = shutdown();
    let Some(built) = Build::new(blobs, settings, Show::Nothing, stop).look().await? else {
        return Ok(Exit::Interrupted);
    };
    Report::would_be(&built).print(&settings.output_dir, out)?;
    Ok(Exit::Done)
}
