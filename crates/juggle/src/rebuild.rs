//! `juggle rebuild`: creates the queue again from the source lists and the store.
//!
//! The files of a document prove which of its jobs are done. These jobs are pushed, claimed and completed
//! through the ordinary interface of the queue. Job ids are derived from lanes and document ids, so they
//! equal those of earlier runs. Every source list is read from its beginning; documents that the queue knows
//! are skipped.
//!
//! Invariants:
//!
//! * The old database is moved aside, never deleted, and not touched before the new one is complete.
//! * The new one is built below `queue/rebuilding/` and moved into place under a marker
//!   ([`damage::is_unfinished`]). If a rebuild is interrupted at any moment, `queue/` holds the old database,
//!   the complete new one, or the marker; and the rebuild can be run again.
//! * The lock of the queue is held all the time.

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

/// Runs `juggle rebuild`.
///
/// # Errors
/// Returns an error with [`Exit::File`] if there is no run or its files cannot be used, with [`Exit::Usage`]
/// if the queue is not damaged and the rebuild is not forced, and with [`Exit::InUse`] if a process owns the
/// queue.
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
    // Before the lock is taken: examining a queue opens it, which needs the lock.
    must_be_needed(args, &directory, run).await?;
    // Held until the new database is in place, so that no process opens a queue that is half moved.
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

/// Takes the lock of the queue. Creates the directory if it is missing.
fn lock(directory: &QueueDirectory, run: &Path) -> Result<fs::File, CliError> {
    if !directory.path().is_dir() {
        directory.prepare()?;
    }
    directory.try_lock()?.ok_or_else(|| in_use(run))
}

/// Returns the directory in which the new queue is built, as the run directory of a queue of its own.
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

/// Builds the new queue next to the old one. Returns `None` if it was interrupted.
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
        // The next rebuild removes the incomplete queue: a second signal must not wait for the disk.
        () = stop.reached(Phase::Now) => return Ok(None),
    };
    // An incomplete queue takes space, and the disk may be full.
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
