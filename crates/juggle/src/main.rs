//! `juggle`: everything in one command.

use std::process::ExitCode;

fn main() -> ExitCode {
    juggle::run::juggle()
}
