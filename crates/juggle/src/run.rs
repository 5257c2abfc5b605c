//! Runs a program, from its arguments to its exit code.

use std::{future::Future, io::Write, path::Path, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};
use flow::lane::Lane;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    add, cat,
    cli::{
        self, Cli, Command, StageCli,
        config::ConfigCommand,
        help,
        queue::{QueueCli, QueueCommand},
    },
    compare, config_command, convert, dashboard_command, distance_command,
    exit::{CliError, Exit},
    export, gc, log_command, manual,
    output::Out,
    pipeline, plan, progress, queue_command, rebuild, redecode, report, stage_command, status, telemetry,
    verify,
};
use settings::{args::Args, error::SettingsError, remembered::Remembered, resolved::Settings};

/// Runs the program `juggle`.
#[must_use]
pub fn juggle() -> ExitCode {
    let cli: Cli = parse(help::arrange(Cli::command()));
    let args = settings_of(&cli.command).clone();
    let remembered = match &cli.command {
        // The state of a run is shown even if its remembered settings are damaged.
        Command::Status(_) if resolve(&args, Remembered::OfRunDirectory).is_err() => Remembered::Ignored,
        command => remembered_by(command),
    };
    start(&args, remembered, |settings, out| async move { dispatch(cli.command, settings, out).await })
}

/// Runs the program `juggle-fetch`, `juggle-store` or `juggle-process`.
#[must_use]
pub fn stage(lane: Lane) -> ExitCode {
    let cli: StageCli = parse(cli::stage_command(lane));
    let args = cli.stage.settings.clone();
    start(&args, Remembered::OfRunDirectory, |settings, out| async move {
        stage_command::run(lane, &cli.stage, &settings, &out).await
    })
}

/// Runs the program `juggle-queue`.
#[must_use]
pub fn queue() -> ExitCode {
    let QueueCli { command, serve } = parse(help::arrange(QueueCli::command()));
    let command = command.unwrap_or(QueueCommand::Serve(serve));
    let args = queue_settings(&command).clone();
    start(&args, Remembered::Ignored, |settings, out| async move {
        queue_command::run(&command, &settings, &out).await
    })
}

fn parse<T: FromArgMatches>(command: clap::Command) -> T {
    T::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

fn start<F>(args: &Args, remembered: Remembered, run: impl FnOnce(Settings, Out) -> F) -> ExitCode
where
    F: Future<Output = Result<Exit, CliError>>,
{
    let settings = match resolve(args, remembered) {
        Ok(settings) => settings,
        Err(error) => return end(Err(error.into())),
    };
    let bars = progress::bars();
    // The log needs the settings; errors of the settings themselves are printed without it.
    telemetry::start(&settings, bars.clone());
    // After the log is open, which reports a failure.
    raise_file_limit();
    let out = Out::new(&settings, bars);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(CliError::unstarted(&error))),
    };
    let result = runtime.block_on(run(settings, out));
    // Threads that still block after a second signal are abandoned: nothing they do is acknowledged.
    runtime.shutdown_background();
    end(result)
}

fn resolve(args: &Args, remembered: Remembered) -> Result<Settings, SettingsError> {
    Settings::resolve(args, |name| std::env::var_os(name), Path::new("."), remembered)
}

/// Raises the limit of open files as far as the system allows: every download and every document that is
/// being published has some open.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Not an error: the lower limit may be enough for this run.
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "failed to raise the limit of open files");
    }
}

fn end(result: Result<Exit, CliError>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            // If even this cannot be written (to a log on a full disk), the exit code still reports it.
            drop(writeln!(std::io::stderr(), "{error}"));
            error.exit.into()
        }
    }
}

/// Returns the remembered settings that a command uses.
const fn remembered_by(command: &Command) -> Remembered {
    match command {
        Command::Queue(_) | Command::Log(_) | Command::Completions(_) | Command::Man(_) => {
            Remembered::Ignored
        }
        // An invalid value in the file must not stop the command that changes it.
        Command::Config(ConfigCommand::Set(_) | ConfigCommand::Unset(_)) => Remembered::Ignored,
        _ => Remembered::OfRunDirectory,
    }
}

const fn settings_of(command: &Command) -> &Args {
    match command {
        Command::Pipeline(args) => &args.settings,
        Command::Add(args) => &args.settings,
        Command::Plan(args) => &args.settings,
        Command::Fetch(args) | Command::Store(args) | Command::Process(args) => &args.settings,
        Command::Queue(command) => queue_settings(command),
        Command::Status(args) => &args.settings,
        Command::Verify(args) => &args.settings,
        Command::Gc(args) => &args.settings,
        Command::Report(args) => &args.settings,
        Command::Dashboard(args) => &args.settings,
        Command::Log(args) => &args.settings,
        Command::Convert(args) => &args.settings,
        Command::Cat(args) => &args.settings,
        Command::Completions(args) => &args.settings,
        Command::Man(args) => &args.settings,
        Command::Redecode(args) => &args.settings,
        Command::Rebuild(args) => &args.settings,
        Command::Export(args) => &args.settings,
        Command::Distance(args) => &args.settings,
        Command::Compare(args) => &args.settings,
        Command::Config(ConfigCommand::Show(args)) => &args.settings,
        Command::Config(ConfigCommand::Set(args)) => &args.settings,
        Command::Config(ConfigCommand::Unset(args)) => &args.settings,
    }
}

const fn queue_settings(command: &QueueCommand) -> &Args {
    match command {
        QueueCommand::Serve(args) => &args.settings,
        QueueCommand::Ls(args) => &args.settings,
        QueueCommand::Show(args) => &args.settings,
        QueueCommand::Retry(args) | QueueCommand::Drop(args) => &args.settings,
        QueueCommand::Pause(args) | QueueCommand::Resume(args) => &args.settings,
        QueueCommand::Stats(args) => &args.settings,
    }
}

async fn dispatch(command: Command, settings: Settings, out: Out) -> Result<Exit, CliError> {
    match &command {
        Command::Pipeline(args) => pipeline::run(args, &settings, &out).await,
        Command::Add(args) => add::run(args, &settings, &out).await,
        Command::Plan(args) => plan::run(args, &settings, &out).await,
        Command::Fetch(args) => stage_command::run(Lane::Fetch, args, &settings, &out).await,
        Command::Store(args) => stage_command::run(Lane::Store, args, &settings, &out).await,
        Command::Process(args) => stage_command::run(Lane::Process, args, &settings, &out).await,
        Command::Queue(command) => queue_command::run(command, &settings, &out).await,
        Command::Status(args) => status::run(args, &settings, &out).await,
        Command::Report(args) => report::run(args, &settings, &out).await,
        Command::Dashboard(args) => dashboard_command::run(args, &settings, &out).await,
        Command::Log(args) => log_command::run(args, &settings, &out).await,
        Command::Completions(args) => manual::completions(args, &out),
        Command::Man(args) => manual::pages(args, &settings, &out),
        Command::Cat(args) => cat::run(args, &settings).await,
        Command::Redecode(args) => redecode::run(args, &settings, &out).await,
        Command::Gc(_) => gc::run(&settings, &out).await,
        Command::Verify(args) => verify::run(args, &settings, &out).await,
        Command::Convert(args) => convert::run(args, &settings, &out).await,
        Command::Rebuild(args) => rebuild::run(args, &settings, &out).await,
        Command::Export(args) => export::run(args, &settings, &out).await,
        Command::Distance(args) => distance_command::run(args, &settings, &out).await,
        Command::Compare(args) => compare::run(args, &settings, &out).await,
        Command::Config(command) => config_command::run(command, &settings, &out).await,
    }
}
