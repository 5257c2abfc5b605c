//! The command line: what can be typed. Other modules give it meaning.

pub mod compare;
pub mod config;
pub mod distance;
pub mod export;
pub mod queue;
pub mod sources;

pub(crate) mod help;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use flow::{document::DocumentId, lane::Lane};

use self::{
    compare::CompareArgs, config::ConfigCommand, distance::DistanceArgs, export::ExportArgs,
    queue::QueueCommand, sources::SourceArgs,
};
use crate::cat::NamedBlob;
use settings::{args, duration::TimeSpan};

/// From a list of URLs to a clean, tokenised text corpus: polite, crash-safe, in one command.
#[derive(Debug, Parser)]
#[command(name = "juggle", version, propagate_version = true)]
#[command(after_long_help = include_str!("cli/help/juggle.txt"))]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add sources, run all stages until all work is done, and print a summary
    Pipeline(PipelineArgs),
    /// Add sources to the queue
    Add(AddArgs),
    /// Show what a run would request, its minimum time, and whether the disk has room
    Plan(PlanArgs),
    /// Run the fetch stage: download texts
    #[command(after_long_help = include_str!("cli/help/fetch.txt"))]
    Fetch(StageArgs),
    /// Run the store stage: decode downloads and remove boilerplate
    #[command(after_long_help = include_str!("cli/help/store.txt"))]
    Store(StageArgs),
    /// Run the process stage: split texts into tokens and count them
    #[command(after_long_help = include_str!("cli/help/process.txt"))]
    Process(StageArgs),
    /// Serve, inspect and change the queue
    #[command(subcommand, after_long_help = include_str!("cli/help/queue.txt"))]
    Queue(QueueCommand),
    /// Show the progress of a run
    Status(StatusArgs),
    /// Write a run and its corpus as one HTML file
    Report(ReportArgs),
    /// Show the run in a browser, with metrics
    Dashboard(DashboardArgs),
    /// Show the log of requests and attempts
    Log(LogArgs),
    /// Write a stored file to standard output, in whatever layout it is
    Cat(CatArgs),
    /// Decode stored texts again with another encoding; nothing is downloaded
    Redecode(RedecodeArgs),
    /// Check all files against their hashes and list damaged files
    Verify(VerifyArgs),
    /// Remove files that belong to no document, and abandoned downloads
    Gc(GcArgs),
    /// Copy a run directory into a new one with another layout
    Convert(ConvertArgs),
    /// Rebuild a damaged queue from the source lists and the stored files
    Rebuild(RebuildArgs),
    /// Write the corpus in another format
    Export(ExportArgs),
    /// Measure how different the words of documents are
    Distance(DistanceArgs),
    /// Compare serial, concurrent and parallel work
    Compare(CompareArgs),
    /// Show the settings, and change the remembered ones
    #[command(subcommand, after_long_help = include_str!("cli/help/config.txt"))]
    Config(ConfigCommand),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
}

/// `juggle pipeline`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/pipeline.txt"))]
pub struct PipelineArgs {
    /// Sources.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Sample library to run instead if no host of the sources can be reached
    #[arg(long, value_name = "DIR", requires = "sample_output", hide_short_help = true)]
    pub sample: Option<PathBuf>,
    /// Match a lock file [default: corpus.lock in the run directory]
    ///
    /// The run fails and lists the differences if the corpus does not match the lock file.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with = "refresh"
    )]
    pub locked: Option<Option<PathBuf>>,
    /// Stop after this stage: fetch, store or process
    ///
    /// The jobs of the stages after it stay in the queue. Run `juggle process` or the whole pipeline to go
    /// on.
    #[arg(long, value_name = "STAGE", conflicts_with = "locked", hide_short_help = true)]
    pub until: Option<Lane>,
    /// Show the run in a browser while it runs; prints the URL [address: 127.0.0.1:0, a free port]
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:0",
        value_parser = listen_address,
        hide_short_help = true
    )]
    pub dashboard: Option<SocketAddr>,
    /// Run directory of the sample library
    #[arg(long, value_name = "DIR", requires = "sample", hide_short_help = true)]
    pub sample_output: Option<PathBuf>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle add`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/add.txt"))]
pub struct AddArgs {
    /// Sources.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle plan`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/plan.txt"))]
pub struct PlanArgs {
    /// Sources; none for the lists of the run directory.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle fetch`, `juggle store`, `juggle process`, and the binaries of those names.
#[derive(Debug, Args)]
pub struct StageArgs {
    /// End when the lane is empty for the first time
    #[arg(long, conflicts_with = "follow")]
    pub once: bool,
    /// Continue until stopped
    #[arg(long)]
    pub follow: bool,
    /// Continue until stopped, and add source lists and texts put into PATH
    ///
    /// PATH is a directory or a file, and does not have to exist yet. A list that has changed is added again,
    /// a text only once. Can be repeated.
    #[arg(long, value_name = "PATH", conflicts_with = "once")]
    pub watch: Vec<PathBuf>,
    /// Request stored texts again, and fetch those that have changed
    ///
    /// With -i, the texts of these lists. Without -i, the texts of all lists that were added before.
    #[arg(long)]
    pub refresh: bool,
    /// Show how the texts would be divided over threads, but process nothing
    ///
    /// Compares --chunk with other values, for the waiting texts, or for all stored texts if no text is
    /// waiting.
    #[arg(long, conflicts_with_all = ["once", "follow", "watch", "refresh"])]
    pub explain: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// A stage binary.
#[derive(Debug, Parser)]
#[command(version)]
pub struct StageCli {
    /// Arguments.
    #[command(flatten)]
    pub stage: StageArgs,
}

/// Returns the command line of a stage binary, with the help of the command of that name.
pub(crate) fn stage_command(lane: Lane) -> clap::Command {
    let name = format!("juggle-{}", lane.name());
    let cli = Cli::command();
    let stage = cli.find_subcommand(lane.name()).expect("every lane has a command");
    let about = stage.get_about().cloned().unwrap_or_default();
    let text = stage.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    // The examples of the help are typed with the name of this program.
    let text = text.replace(&format!("juggle {}", lane.name()), &name);
    help::arrange(StageCli::command().name(name).about(about).after_long_help(text))
}

/// `juggle status`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/status.txt"))]
pub struct StatusArgs {
    /// Show a full-screen view that can change the queue; without a terminal, repeat every second
    #[arg(long)]
    pub watch: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle report`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/report.txt"))]
pub struct ReportArgs {
    /// File to write [default: report.html in the run directory]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle dashboard`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/dashboard.txt"))]
pub struct DashboardArgs {
    /// Address and port to listen on, or only a port for 127.0.0.1; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = listen_address)]
    pub listen: SocketAddr,
    /// Open the dashboard in the browser
    #[arg(long)]
    pub open: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle log`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/log.txt"))]
pub struct LogArgs {
    /// Only requests to this host
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Only events of this document
    #[arg(long, value_name = "ID")]
    pub document: Option<String>,
    /// Only events of the last TIME, such as 30m or 1h
    #[arg(long, value_name = "TIME")]
    pub since: Option<TimeSpan>,
    /// Continue with new events until stopped
    #[arg(long)]
    pub follow: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle completions`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/completions.txt"))]
pub struct CompletionsArgs {
    /// Shell
    pub shell: Shell,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle man`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/man.txt"))]
pub struct ManArgs {
    /// Directory for the pages, which is created if it does not exist
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle cat`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/cat.txt"))]
pub struct CatArgs {
    /// Kind of file and document ID, such as text/PG84
    #[arg(value_name = "KIND/ID")]
    pub blob: NamedBlob,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle redecode`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/redecode.txt"))]
pub struct RedecodeArgs {
    /// Document IDs, the names of the files in meta/
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<DocumentId>,
    /// Encoding, such as windows-1251, shift_jis, cp850, latin2, MacRoman or utf-32
    #[arg(long, value_name = "LABEL")]
    pub encoding: String,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle verify`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/verify.txt"))]
pub struct VerifyArgs {
    /// Put damaged documents back into the queue
    #[arg(long)]
    pub repair: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle gc`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/gc.txt"))]
pub struct GcArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle convert`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/convert.txt"))]
pub struct ConvertArgs {
    /// Run directory to copy
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle rebuild`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("cli/help/rebuild.txt"))]
pub struct RebuildArgs {
    /// Also rebuild a queue that is not damaged
    #[arg(long)]
    pub force: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// Parses an address with a port. The address of `PORT`, `:PORT` and `localhost:PORT` is 127.0.0.1.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    match port.parse::<u16>() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text.parse().map_err(|_| "use ADDRESS:PORT, such as 127.0.0.1:7700, or a port".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        for text in ["7700", ":7700", "localhost:7700", "127.0.0.1:7700"] {
            assert_eq!(listen_address(text).unwrap().to_string(), "127.0.0.1:7700", "{text}");
        }
        assert_eq!(listen_address("[::1]:0").unwrap().to_string(), "[::1]:0");
        for text in ["", ":", "65536", "127.0.0.1", "localhost", "example.org:80", "localhost7700"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_commands_and_their_flags_fit_together() {
        Cli::command().debug_assert();
        queue::QueueCli::command().debug_assert();
        StageCli::command().debug_assert();
    }
}
