//! What can be typed after `juggle compare`.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{args, duration::TimeSpan, size::ByteSize};

/// `juggle compare`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle compare                                  the bundled sample library, in data/sample
  juggle compare corpus/text --runs 10            texts of one's own
  juggle compare --latency 0                      a server that answers at once: nothing to wait for
  juggle compare --svg compare.svg                a chart beside the table
  juggle compare --json | jq '.rows[] | {name, mean, speed_up}'

Fetched by juggle's fetch stage, from a server of its own on loopback, each of whose answers begins after --latency: one text at a \
time, and as many as --max-concurrent-downloads (16). No other server is asked, politeness is off. Processed by the process \
stage: on 1, 2, 4 … threads up to the number of cores and beyond (or --threads), in chunks; then on as many threads as cores \
in whole texts, and with a task for each line. For that each text is repeated until all have --work bytes. The runs of all rows take turns.

All files are written below the output directory, not forced to the medium, and removed at the end; after Ctrl-C too.

--json: cores, directory, texts, bytes, left_out, latency_seconds, work_bytes, work_lines, runs, rows [{name, work, at_a_time, threads, \
chunk, seconds [...], mean, standard_deviation, speed_up}], lesson. speed_up is against the first row of the same work.")]
pub struct CompareArgs {
    /// A directory with texts (*.txt), the first 1000 of which are taken.
    #[arg(value_name = "DIR", default_value = "data/sample")]
    pub texts: PathBuf,
    /// How often each row is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// How late an answer of the server begins; 0 for at once.
    #[arg(long, value_name = "TIME", default_value = "50ms")]
    pub latency: TimeSpan,
    /// Bytes of text that are processed in a run, at least.
    #[arg(long, value_name = "SIZE", default_value = "32MiB")]
    pub work: ByteSize,
    /// Draw a chart into this file.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}
