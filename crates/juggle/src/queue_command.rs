//! `juggle queue …`: serve it, look into it, mend it.

mod amend;
mod confirm;
mod ls;
mod pause;
mod row;
mod select;
mod show;
mod stats;

use std::path::Path;

use flow::{
    queue::{JobQueue, Pause},
    shutdown::shutdown,
};
use queue::broker::Idle;

use crate::{
    attach::{self, Attached},
    cli::queue::{QueueCommand, ServeArgs},
    directory,
    exit::{CliError, Exit},
    output::Out,
    settings::resolved::Settings,
    signals,
};

/// Runs one of them.
///
/// # Errors
/// Where there is no run, its queue cannot be reached, or the command makes no sense.
pub async fn run(command: &QueueCommand, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    match command {
        QueueCommand::Serve(args) => serve(args, settings).await,
        QueueCommand::Ls(args) => ls::run(args, settings, out).await,
        QueueCommand::Show(args) => show::run(args, settings, out).await,
        QueueCommand::Retry(args) => amend::retry(args, settings, out).await,
        QueueCommand::Drop(args) => amend::forget(args, settings, out).await,
        QueueCommand::Pause(args) => pause::run(args, Pause::Paused, settings, out).await,
        QueueCommand::Resume(args) => pause::run(args, Pause::Running, settings, out).await,
        QueueCommand::Stats(_) => stats::run(settings, out).await,
    }
}

async fn serve(args: &ServeArgs, settings: &Settings) -> Result<Exit, CliError> {
    let run: &Path = &settings.output_dir;
    directory::prepare(run)?;
    let (trigger, stop) = shutdown();
    signals::listen(trigger).map_err(|error| CliError::caused(Exit::Bug, &error))?;
    if !attach::serve(run, settings.durability, Idle::EndAfter(args.idle.duration()), stop).await? {
        tracing::info!("the queue of '{}' is served already", run.display());
    }
    Ok(Exit::Done)
}

/// Looks into the queue for as long as `look` takes. Nobody else can come to own it meanwhile, so that must be short.
async fn visit<T>(
    settings: &Settings,
    look: impl AsyncFnOnce(&dyn JobQueue) -> Result<T, CliError>,
) -> Result<T, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let attached = Attached::visit(&settings.output_dir).await?;
    let queue = attached.queue();
    let result = look(&*queue).await;
    drop(queue);
    attached.close().await;
    result
}
