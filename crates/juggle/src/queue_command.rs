//! `juggle queue …`: serves, inspects and changes the queue.

mod confirm;
mod ls;
mod pause;
mod retry_drop;
mod row;
pub(crate) mod select;
mod show;
mod stats;

use std::path::Path;

use flow::{
    queue::{Pause, QueueAdmin},
    shutdown::shutdown,
};
use queue::{
    connection::{self, QueueConnection},
    transport::broker::Idle,
};

use crate::{
    cli::queue::{QueueCommand, ServeArgs},
    directory,
    exit::{CliError, Exit},
    output::Out,
    signals,
};
use settings::resolved::Settings;

/// Runs one of the commands.
///
/// # Errors
/// Returns an error if there is no run, its queue cannot be reached, or the arguments are wrong.
pub async fn run(command: &QueueCommand, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    match command {
        QueueCommand::Serve(args) => serve(args, settings).await,
        QueueCommand::Ls(args) => ls::run(args, settings, out).await,
        QueueCommand::Show(args) => show::run(args, settings, out).await,
        QueueCommand::Retry(args) => retry_drop::retry(args, settings, out).await,
        QueueCommand::Drop(args) => retry_drop::drop_jobs(args, settings, out).await,
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
    if !connection::serve(run, settings.durability, Idle::EndAfter(args.idle.duration()), stop).await? {
        tracing::info!("the queue of '{}' is already being served", run.display());
    }
    Ok(Exit::Done)
}

/// Looks into the queue for as long as `look` takes. Nobody else can come to own it meanwhile, so that must
/// be short.
async fn visit<T>(
    settings: &Settings,
    look: impl AsyncFnOnce(&dyn QueueAdmin) -> Result<T, CliError>,
) -> Result<T, CliError> {
    // A visit would create the queue of a mistyped directory.
    directory::must_exist(&settings.output_dir)?;
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let queue = connection.queue();
    let result = look(&*queue).await;
    // The owner ends only when no client is left; `close` would wait for this one.
    drop(queue);
    connection.close().await;
    result
}
