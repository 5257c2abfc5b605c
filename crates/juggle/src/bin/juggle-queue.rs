//! `juggle-queue`: owns the queue of a run directory and serves it to the stages.

use std::process::ExitCode;

fn main() -> ExitCode {
    juggle::run::queue()
}
