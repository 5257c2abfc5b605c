//! What can be typed. Meaning is given to it elsewhere.

pub mod compare;
pub mod distance;
pub mod export;
pub mod queue;
pub mod sources;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use flow::document::DocumentId;

use self::{
    compare::CompareArgs, distance::DistanceArgs, export::ExportArgs, queue::QueueCommand,
    sources::SourceArgs,
};
use crate::settings::args;

/// From a list of URLs to a clean, tokenised text corpus: polite, crash-safe, in one command.
#[derive(Debug, Parser)]
#[command(name = "juggle", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  juggle pipeline books.tsv -o corpus      everything, from a list of sources to counted tokens
  juggle pipeline -o corpus                go on where the last run stopped
  juggle status -o corpus                  how far it is

Exit codes: 0 all done · 1 a bug · 2 usage · 3 input or output file · 4 network, nothing fetched · \
7 interrupted (the same command resumes) · 8 finished, some documents failed · 9 disk full · \
11 the run directory is in use")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add the sources, run all stages until nothing is left, print a summary.
    Pipeline(PipelineArgs),
    /// Only put sources into the queue.
    Add(AddArgs),
    /// Say what a run would ask of which host, how long politeness makes it take, and whether the disk has room.
    Plan(PlanArgs),
    /// Run the fetch stage alone.
    Fetch(StageArgs),
    /// Run the store stage alone.
    Store(StageArgs),
    /// Run the process stage alone.
    Process(StageArgs),
    /// Serve the queue, look into it, mend it.
    #[command(subcommand, after_help = queue::EXAMPLES)]
    Queue(QueueCommand),
    /// Say how far the run is.
    Status(StatusArgs),
    /// Read stored texts again in another encoding, without asking any server.
    Redecode(RedecodeArgs),
    /// Read all stored files again and name what is damaged.
    Verify(VerifyArgs),
    /// Remove files that belong to no document, and downloads that nobody will go on with.
    Gc(GcArgs),
    /// Make a damaged queue anew from the source lists and the store.
    Rebuild(RebuildArgs),
    /// Write the corpus in another form.
    Export(ExportArgs),
    /// Say how far the words of documents are from each other.
    Distance(DistanceArgs),
    /// Measure serial against concurrent fetching, and processing on one thread against many.
    Compare(CompareArgs),
    /// Say what is configured.
    #[command(subcommand, after_help = "Example:\n  juggle config show --wait 5")]
    Config(ConfigCommand),
}

/// `juggle pipeline`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle pipeline books.tsv -o corpus
  juggle pipeline https://example.org/a.txt pg:84 -o corpus
  juggle pipeline pg:1-1000 -o corpus
  juggle pipeline --catalog pg_catalog.csv.gz --language en --subject 'science fiction' --limit 50
  juggle pipeline books.tsv --mirror https://www.gutenberg.org=http://here --allow-host here
  zcat urls.gz | juggle pipeline -i - -o corpus
  juggle pipeline --refresh -o corpus      ask for all that is stored again, fetch what changed
  juggle pipeline books.tsv -o copy --locked=corpus/corpus.lock   the same again, or an error
  juggle pipeline -o corpus --locked --offline   whether what is stored is what the lock says

Repeated with the same directory, it goes on where it stopped and fetches nothing twice. With --refresh, each stored \
text is asked for again at the URL it came from, with If-None-Match and If-Modified-Since; what changed replaces what was \
stored and goes through store and process again. What cannot be had stays as it is stored, and is listed as failed. Cut \
off, the same command goes on with the same round; once that is finished, it begins the next.

At its end a run writes corpus.lock: of each text the URL, the hashes of what was received, of the text, its tokens and counts, \
the encoding; and one root hash over all results, the same wherever and however they are made. With --locked, a run whose \
settings, lists or stored texts differ from the lock is refused with a list, bytes of another hash are not taken, and \
what differs at the end is listed, with exit code 8. --offline asks no server: what would be fetched waits.")]
pub struct PipelineArgs {
    /// Sources.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Where no host of the sources can be reached, run the sample library in this directory instead.
    #[arg(long, value_name = "DIR", requires = "sample_output")]
    pub sample: Option<PathBuf>,
    /// Bring what the lock says, or fail with a list of what differs: corpus.lock in the run directory, or FILE.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with = "refresh"
    )]
    pub locked: Option<Option<PathBuf>>,
    /// The run directory of the sample library.
    #[arg(long, value_name = "DIR", requires = "sample")]
    pub sample_output: Option<PathBuf>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle add`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle add books.tsv more.jsonl -o corpus && juggle fetch -o corpus
  juggle add --catalog https://mirror.example/gutenberg/pg_catalog.csv --author 'mary shelley'
  juggle add pg:84 pg:100-199 --gutenberg-mirror https://mirror.example/gutenberg

Added is all or nothing: where a source cannot be read, none is. More than 100 texts from www.gutenberg.org are \
refused, for that site is for people; ranges and catalogues go to its mirrors.")]
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
#[command(after_help = "Examples:
  juggle plan books.tsv -o corpus     before the first run; as juggle pipeline books.tsv -n
  juggle plan -o corpus               for the lists that were added to corpus before
  juggle plan books.tsv --json | jq .least_seconds

No text is fetched and nothing is written; of up to 50 hosts robots.txt is asked, for 20 s at most (--robots off: none). \
Each host: texts, those stored already, requests (one for each other text, to \
its first URL after the mirrors; with --refresh, one for each stored text too), downloads at a time, the wait between requests, the time that they take at least, \
(requests - 1) x wait, and bytes, as far as a column bytes, size or length of the list tells them. The slowest host \
bounds the whole, or the known bytes at --limit-rate. A text that is listed twice counts twice.

--json: entries, bad_lines, hosts (texts by host), stored, requests, known_bytes, texts_of_unknown_size, \
downloads_at_a_time, least_seconds, by_host [{host, texts, stored, requests, connections, wait_seconds, least_seconds, \
known_bytes, texts_of_unknown_size, conditional_requests, robots {allowed, disallowed, not_asked}}], longest first; mirrors [{from, to, \
texts}]; disk {free_bytes, min_free_space_bytes, has_room}; peak_rss_bytes.")]
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
#[command(after_help = "Examples:
  juggle fetch -o corpus                   until the lane is empty and nobody upstream can fill it
  juggle store -o corpus --once            until the lane is empty for the first time
  juggle fetch -o corpus --refresh         asks for all that is stored again, fetches what changed
  juggle fetch -o corpus --watch inbox     until stopped; adds what is dropped into inbox/
  juggle process -o corpus --exec 'python3 process.py'   by a command of yours, fed JSON lines")]
pub struct StageArgs {
    /// End at the first moment the lane has nothing to hand out.
    #[arg(long, conflicts_with = "follow")]
    pub once: bool,
    /// Go on until stopped.
    #[arg(long)]
    pub follow: bool,
    /// Go on until stopped, and add source lists and texts that are dropped at PATH, a directory or a file, which need not
    /// be there yet (repeatable). A list that has changed is added again, a text only once.
    #[arg(long, value_name = "PATH", conflicts_with = "once")]
    pub watch: Vec<PathBuf>,
    /// Ask for stored texts again, only for those that changed: those of the lists of -i, else of all added before. Only
    /// of the fetch stage.
    #[arg(long)]
    pub refresh: bool,
    /// Show how the waiting texts would be divided over threads, also with other values of --chunk, and do nothing. If
    /// none is waiting, all stored texts are shown. Only for the process stage.
    #[arg(long, conflicts_with_all = ["once", "follow", "watch", "refresh"])]
    pub explain: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// A stage binary.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct StageCli {
    /// What to do.
    #[command(flatten)]
    pub stage: StageArgs,
}

/// `juggle status`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle status -o corpus
  juggle status -o corpus --json
  juggle status -o corpus --watch")]
pub struct StatusArgs {
    /// Say it again every second until stopped.
    #[arg(long)]
    pub watch: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle redecode`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle redecode PG1234 --encoding koi8-r -o corpus && juggle pipeline -o corpus
  grep -l '\"doubtful\"' corpus/meta/*.json      texts whose encoding is doubtful

The bytes as received are in raw/, so nothing is fetched. The text, and all that is made of it, is made anew by the next \
juggle pipeline, or by juggle store and juggle process.")]
pub struct RedecodeArgs {
    /// Document ids, as in `meta/`.
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<DocumentId>,
    /// The encoding, by any common name: windows-1251, shift_jis, cp850, latin2, MacRoman, utf-32.
    #[arg(long, value_name = "LABEL")]
    pub encoding: String,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle verify`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle verify -o corpus                  names what is damaged; ends with 8 where anything is
  juggle verify -o corpus --repair         puts what is damaged back into the queue
  juggle pipeline -o corpus                then makes it anew
  juggle verify -o corpus --json | jq '.damaged[].id'

Every file is read and compared with the hashes in meta/ and stats/. Damage is mended from the nearest sound file: results \
from the text, the text from the bytes as received, and only where those are damaged the document is fetched again. \
Documents with pending jobs are passed over, files that belong to no document are told and left.

--json: documents, bytes, damaged [{id, damage [...], repair}], on_their_way, strays, repaired, not_repaired, seconds, \
peak_rss_bytes.")]
pub struct VerifyArgs {
    /// Put what is damaged back into the queue.
    #[arg(long)]
    pub repair: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle gc`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle gc -o corpus --dry-run            names what would be removed
  juggle gc -o corpus

A document is what has a meta or a job. No stage may be at work meanwhile (11).

--json: files, bytes, removed.")]
pub struct GcArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle rebuild`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle rebuild -o corpus          where a command says that the queue's database is damaged
  juggle rebuild -o corpus --dry-run       only say what would come of it
  juggle pipeline -o corpus                then go on: what is in the store is not fetched again

The old database is moved to corpus/queue/aside/ and never deleted. What is stored and what is processed is \
known by the files; whatever else the source lists name is fetched, also what had failed for good. Pauses of \
lanes, tries and histories are forgotten. Cut off at any moment, it can be run again.")]
pub struct RebuildArgs {
    /// Also where the database is not damaged.
    #[arg(long)]
    pub force: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show each value and where it came from.
    #[command(after_help = "Example:\n  juggle config show --wait 5")]
    Show(ShowConfigArgs),
}

/// `juggle config show`
#[derive(Debug, Args)]
pub struct ShowConfigArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::*;

    /// That of `max_term_width`.
    const WIDTH: usize = 100;

    fn assert_has_example(command: &Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Example"), "{} has no example in its help", command.get_name());
        for line in help.lines().filter(|line| line.starts_with("  ")) {
            assert!(line.chars().count() <= WIDTH, "it will be wrapped: {line}");
        }
        command.get_subcommands().for_each(assert_has_example);
    }

    #[test]
    fn the_help_of_every_command_has_an_example_that_fits() {
        assert_has_example(&Cli::command());
        assert_has_example(&queue::QueueCli::command());
    }

    #[test]
    fn the_commands_and_their_flags_fit_together() {
        Cli::command().debug_assert();
        queue::QueueCli::command().debug_assert();
        StageCli::command().debug_assert();
    }
}
