//! The arguments of `juggle compare`.

use std::path::PathBuf;

use clap::Args;
use flow::byte_size::ByteSize;

use settings::{args, duration::TimeSpan};

/// `juggle compare`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("help/compare.txt"))]
pub struct CompareArgs {
    /// Directory of texts (*.txt), up to 1,000 of them; without it, the bundled sample
    #[arg(value_name = "DIR")]
    pub texts: Option<PathBuf>,
    /// Number of runs of each row
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Delay of each response of the server; 0 for none
    #[arg(long, value_name = "TIME", default_value = "50ms")]
    pub latency: TimeSpan,
    /// Minimum bytes of text in a run; the texts are repeated
    #[arg(long, value_name = "SIZE", default_value = "32MiB")]
    pub work: ByteSize,
    /// Write a picture to this file: the times, and who waits and who works
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}
