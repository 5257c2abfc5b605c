//! How much of the work is done, and how often.

use clap::Args;

/// Options for the amount of work.
#[derive(Debug, Clone, Copy, Args)]
pub struct Amount {
    /// Runs of each tool at each shape.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Do only the Nth part of the work: for a first look, not for publication.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    divide: u64,
    /// Two runs of each, a tenth of the work: for a first look, not for publication.
    #[arg(long, conflicts_with_all = ["runs", "divide"])]
    quick: bool,
}

impl Amount {
    /// Number of runs of each tool.
    #[must_use]
    pub fn runs(&self) -> usize {
        if self.quick { 2 } else { self.runs.into() }
    }

    /// Returns true for `--quick`.
    #[must_use]
    pub const fn is_quick(&self) -> bool {
        self.quick
    }

    /// The work is divided by this.
    #[must_use]
    pub const fn divisor(&self) -> u64 {
        if self.quick { 10 } else { self.divide }
    }
}
