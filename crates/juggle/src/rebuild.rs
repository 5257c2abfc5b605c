//! `juggle rebuild`: creates the queue again from the source lists and the store.

mod report;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use blob_store::packed;
use flow::{
    blobs::BlobKind,
    locked_file::LockedFile,
    shutdown::{Shutdown, shutdown},
};
use indicatif::{ProgressBar, ProgressStyle};
use queue::{condition::Condition, directory::QueueDirectory};
use rebuild::{
    build::{OnProgress, Rebuild},
    error::RebuildError,
};
use tokio::time::Instant;

use self::report::{Kind, Report};
use crate::{
    blocking::blocking,
    cli::RebuildArgs,
    directory,
    exit::{CliError, Exit},
    output::Out,
    progress::Show,
    signals,
};
use settings::{enums::Run, resolved::Settings};

/// The interval of plain lines, if standard error is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Runs `juggle rebuild`.
///
/// # Errors
/// Returns an error with [`Exit::File`] if there is no run or its files cannot be used, with [`Exit::Usage`]
/// if the queue is not damaged and the rebuild is not forced, and with [`Exit::InUse`] if a process owns the
/// queue.
pub async fn run(args: &RebuildArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let run = settings.output_dir.as_path();
    let directory = QueueDirectory::of(run);
    let has_blobs =
        [BlobKind::Meta.directory(), packed::DIRECTORY].iter().any(|name| run.join(name).is_dir());
    if !directory.path().is_dir() && !has_blobs {
        return Err(directory::no_run(run));
    }
    let started = Instant::now();
    let (trigger, stop) = shutdown();
    if settings.run == Run::Dry {
        let rebuild = prepare(&directory, settings, Show::Nothing, stop).await?;
        let Some(found) = rebuild.look().await? else { return Ok(Exit::Interrupted) };
        Report::of(Kind::DryRun, found, Duration::ZERO).print(run, out)?;
        return Ok(Exit::Done);
    }
    // Before the lock is taken: examining a queue opens it, which needs the lock.
    must_be_needed(args, &directory, run).await?;
    // Held until the new database is in place, so that no process opens a queue that is half moved.
    let _lock = lock(&directory, run)?;
    signals::listen(trigger).map_err(|error| CliError::caused(Exit::Bug, &error))?;
    let rebuild = prepare(&directory, settings, Show::of(settings, out), stop).await?;
    let Some(rebuilt) = rebuild.replace().await? else {
        tracing::warn!("the rebuild was interrupted. The queue was not changed.");
        return Ok(Exit::Interrupted);
    };
    let report = Report::of(Kind::Done, rebuilt, started.elapsed());
    report.print(run, out)?;
    Ok(report.exit())
}

async fn must_be_needed(args: &RebuildArgs, directory: &QueueDirectory, run: &Path) -> Result<(), CliError> {
    let directory = directory.clone();
    let examining = blocking(move || Condition::of(&directory));
    match examining.await?? {
        Condition::Missing | Condition::Unfinished => {}
        Condition::Damaged(why) => tracing::warn!("{why}"),
        Condition::InUse => return Err(in_use(run)),
        Condition::Whole if args.force => {}
        Condition::Whole => {
            let message =
                format!("the queue of '{}' is not damaged: there is nothing to rebuild", run.display());
            return Err(CliError::new(Exit::Usage, message)
                .advise("Use --force to rebuild it anyway. Failed documents are then tried again."));
        }
    }
    Ok(())
}

pub(crate) fn in_use(run: &Path) -> CliError {
    let message = format!("a process owns the queue of '{}'", run.display());
    CliError::new(Exit::InUse, message)
        .advise("End the process, or wait until it ends. Its process id is in queue/lock.")
}

/// Takes the lock of the queue. Creates the directory if it is missing.
fn lock(directory: &QueueDirectory, run: &Path) -> Result<LockedFile, CliError> {
    if !directory.path().is_dir() {
        directory.prepare()?;
    }
    directory.try_lock()?.ok_or_else(|| in_use(run))
}

async fn prepare(
    directory: &QueueDirectory,
    settings: &Settings,
    show: Show,
    stop: Shutdown,
) -> Result<Rebuild, CliError> {
    Ok(Rebuild {
        directory: directory.clone(),
        blobs: Arc::new(directory::open_blobs(settings).await?),
        snapshots: directory::sources(&settings.output_dir),
        group_of: settings.group_of(),
        durability: settings.durability,
        stop,
        on_progress: progress(show),
    })
}

/// Shows the progress: a bar on a terminal, otherwise a line every ten seconds.
pub(crate) fn progress(show: Show) -> OnProgress {
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} documents, {eta} left")
        .expect("the template is a constant")
        .progress_chars("=> ");
    let bar = Bar(show.bar(0, style));
    let line_at = Mutex::new(Instant::now());
    Arc::new(move |at, of| {
        bar.0.set_length(of);
        bar.0.set_position(at);
        let mut line_at = line_at.lock().expect("nothing panics while it holds the lock");
        // A hidden bar means that standard error is not a terminal.
        if show.is_shown() && bar.0.is_hidden() && line_at.elapsed() >= LINE_EVERY {
            *line_at = Instant::now();
            tracing::info!("{at} of {of} documents examined");
        }
        if at == of {
            bar.0.finish_and_clear();
        }
    })
}

/// A bar that is cleared when it is dropped, also after an error.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl From<RebuildError> for CliError {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Queue(error) => error.into(),
            RebuildError::Source(error) => error.into(),
            RebuildError::Blob(error) => error.into(),
            RebuildError::Panicked(_) => Self::caused(Exit::Bug, &error),
        }
    }
}
