//! The arguments of `juggle queue …` and `juggle-queue`.

use clap::{Args, Parser, Subcommand};
use flow::{failure::Reason, job::JobState, lane::Lane};

use settings::{args, duration::TimeSpan};

/// Serve the queue of a run directory to the stages, until no client is left
#[derive(Debug, Parser)]
#[command(name = "juggle-queue", version, args_conflicts_with_subcommands = true)]
#[command(after_long_help = include_str!("help/juggle-queue.txt"))]
pub struct QueueCli {
    /// Another command than `serve`.
    #[command(subcommand)]
    pub command: Option<QueueCommand>,
    /// The arguments of `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// `juggle queue …`
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Serve the queue to the stages, until no client is left
    #[command(after_long_help = include_str!("help/serve.txt"))]
    Serve(ServeArgs),
    /// List jobs
    #[command(after_long_help = include_str!("help/ls.txt"))]
    Ls(LsArgs),
    /// Show everything about a job, or about all jobs of a document
    #[command(after_long_help = include_str!("help/show.txt"))]
    Show(ShowArgs),
    /// Try failed jobs again
    #[command(after_long_help = include_str!("help/retry.txt"))]
    Retry(SelectArgs),
    /// Remove jobs from the queue, except jobs in progress
    #[command(after_long_help = include_str!("help/drop.txt"))]
    Drop(SelectArgs),
    /// Pause a lane: start no more of its jobs
    #[command(after_long_help = include_str!("help/pause.txt"))]
    Pause(LaneArgs),
    /// Resume a paused lane
    #[command(after_long_help = include_str!("help/resume.txt"))]
    Resume(LaneArgs),
    /// Show depth, age, rates and busy hosts
    #[command(after_long_help = include_str!("help/stats.txt"))]
    Stats(StatsArgs),
}

/// `juggle queue serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// End if no client has been connected for this time
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub idle: TimeSpan,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// A filter of jobs.
#[derive(Debug, Args)]
pub struct Filter {
    /// Only this lane: fetch, store or process
    #[arg(long)]
    pub lane: Option<Lane>,
    /// Only this state: ready, delayed, leased, done or dead
    #[arg(long)]
    pub state: Option<JobState>,
    /// Only jobs with this reason of the last failure, such as timeout or http_status
    #[arg(long)]
    pub reason: Option<Reason>,
    /// Only jobs of this host, with its port if it is not the default one
    #[arg(long, value_name = "HOST")]
    pub group: Option<String>,
    /// Only jobs that were added or retried by a command at least this long ago: 10m, 2h, 3d
    #[arg(long, value_name = "AGE")]
    pub older: Option<TimeSpan>,
}

/// `juggle queue ls`
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Filter.
    #[command(flatten)]
    pub filter: Filter,
    /// Maximum number of jobs
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit: usize,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle queue show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Job ID, or document ID for its jobs in all lanes
    pub id: String,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle queue retry|drop`
#[derive(Debug, Args)]
pub struct SelectArgs {
    /// Job IDs, or document IDs for their jobs in all lanes
    pub ids: Vec<String>,
    /// Filter.
    #[command(flatten)]
    pub filter: Filter,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle queue pause|resume`
#[derive(Debug, Args)]
pub struct LaneArgs {
    /// Lane: fetch, store or process
    pub lane: Lane,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle queue stats`
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}
