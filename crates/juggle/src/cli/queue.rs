//! What can be typed after `juggle queue`, and to `juggle-queue`.

use clap::{Args, Parser, Subcommand};
use flow::{failure::Reason, job::State, lane::Lane};

use crate::settings::{args, duration::TimeSpan};

/// What `juggle queue --help` ends with.
pub(super) const EXAMPLES: &str = "Examples:
  juggle queue ls -o corpus --state dead   what failed, and why
  juggle queue show -o corpus PG84         all that happened to a document
  juggle queue retry -o corpus             another round of tries for all that failed
  juggle queue stats -o corpus             depth, age, rates, hosts in flight";

/// Owns the queue of a run directory and serves it to the stages; ends when nobody has used it for a while.
#[derive(Debug, Parser)]
#[command(name = "juggle-queue", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  juggle-queue -o corpus --idle 1m\n  juggle-queue ls -o corpus --state dead"
)]
pub struct QueueCli {
    /// Another command than `serve`.
    #[command(subcommand)]
    pub command: Option<QueueCommand>,
    /// Without a command it serves.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// `juggle queue …`
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Own the queue and serve it to the stages; ends when nobody has used it for a while.
    #[command(after_help = "Example:\n  juggle queue serve -o corpus --idle 1m")]
    Serve(ServeArgs),
    /// List jobs.
    #[command(after_help = "Examples:
  juggle queue ls -o corpus --state dead
  juggle queue ls -o corpus --lane fetch --reason http_status --json
  juggle queue ls -o corpus --group www.gutenberg.org --older 2h --limit 50")]
    Ls(LsArgs),
    /// Show one job, or all jobs of a document, with all that is known of them.
    #[command(after_help = "Examples:
  juggle queue show -o corpus PG84
  juggle queue show -o corpus 27ab3b8c5ea24d33a84e8df0b4d1c0de --json")]
    Show(ShowArgs),
    /// Give dead jobs another round of tries.
    #[command(after_help = "Examples:
  juggle queue retry -o corpus                       all dead jobs; says how many, then asks
  juggle queue retry -o corpus --reason timeout -y   does not ask: for scripts
  juggle queue retry -o corpus PG84                  what is named is not asked about

What is ready again is done by the next run: juggle pipeline -o corpus. Answering no ends with code 7.")]
    Retry(SelectArgs),
    /// Forget jobs for good; never those that a worker has.
    #[command(after_help = "Examples:
  juggle queue drop -o corpus --state dead --reason http_status   says how many, then asks
  juggle queue drop -o corpus --state dead --older 7d -y          does not ask: for scripts
  juggle queue drop -o corpus --lane fetch --group slow.example.org --dry-run
  juggle queue drop -o corpus PG84                                what is named is not asked about

Files stay. A forgotten document that is listed again is done again. Answering no ends with code 7.")]
    Drop(SelectArgs),
    /// Stop handing out jobs of a lane; what is in flight is finished.
    #[command(
        after_help = "Example:\n  juggle queue pause -o corpus fetch      until: juggle queue resume -o corpus fetch"
    )]
    Pause(LaneArgs),
    /// Hand out jobs of a lane again.
    #[command(after_help = "Example:\n  juggle queue resume -o corpus fetch")]
    Resume(LaneArgs),
    /// Tell depth, ages, rates and what is in flight.
    #[command(after_help = "Examples:
  juggle queue stats -o corpus
  juggle queue stats -o corpus --json | jq .lanes.fetch.oldest_pending_ms

In JSON, each of lanes.fetch, lanes.store and lanes.process has:
  ready delayed leased done dead retried   jobs by state; failures followed by another attempt
  paused workers                           whether it hands out nothing; workers alive
  oldest_pending_ms                        age of the oldest job that has not ended, or null
  rates_per_second                         {pushed, claimed, done, failed}, of rates_window_ms
  groups groups_total                      [{group, ready, delayed, in_flight}], busiest first; all
and over all: pending, dead, unfed (listed, not yet in the queue), paused (names of lanes). \
Rates count what the present owner of the queue saw: they are 0 where nothing runs.")]
    Stats(StatsArgs),
}

/// `juggle queue serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// End when nobody has been connected for this long.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub idle: TimeSpan,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// Which jobs are meant.
#[derive(Debug, Args)]
pub struct Filter {
    /// Only this lane: fetch, store, process.
    #[arg(long)]
    pub lane: Option<Lane>,
    /// Only this state: ready, delayed, leased, done, dead.
    #[arg(long)]
    pub state: Option<State>,
    /// Only jobs whose latest failure has this reason, such as timeout or http_status.
    #[arg(long)]
    pub reason: Option<Reason>,
    /// Only jobs of this group: in the fetch lane the host, with its port where that is not the usual one.
    #[arg(long, value_name = "HOST")]
    pub group: Option<String>,
    /// Only jobs queued, or last retried by hand, at least so long ago: 10m, 2h, 3d.
    #[arg(long, value_name = "AGE")]
    pub older: Option<TimeSpan>,
}

/// `juggle queue ls`
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Which.
    #[command(flatten)]
    pub filter: Filter,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit: usize,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle queue show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A job's id, or a document's id for its jobs in all lanes.
    pub id: String,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle queue retry|drop`
#[derive(Debug, Args)]
pub struct SelectArgs {
    /// Job ids, or document ids for their jobs in all lanes.
    pub ids: Vec<String>,
    /// Which.
    #[command(flatten)]
    pub filter: Filter,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle queue pause|resume`
#[derive(Debug, Args)]
pub struct LaneArgs {
    /// fetch, store or process.
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
