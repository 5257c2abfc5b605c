//! `juggle-bench`: see `juggle-bench --help`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use bench::cli::Cli;
use clap::Parser;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is gone, the exit code still says it.
            drop(writeln!(io::stderr(), "juggle-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
