//! `juggle-process`: the process stage alone.

use std::process::ExitCode;

use flow::lane::Lane;

fn main() -> ExitCode {
    juggle::run::stage(Lane::Process)
}
