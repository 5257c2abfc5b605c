//! The Python that runs the scripts, with aiohttp: the system's if it has it, else one in a directory of
//! the benchmark's own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::program;

/// The command that installs what is missing.
pub const INSTALL: &str = "apt-get install python3 python3-venv (aiohttp is then installed by pip)";

/// A Python.
#[must_use]
pub fn plain() -> Option<PathBuf> {
    program::find("python3")
}

/// A Python that has aiohttp. Makes an environment below `directory`, once, if the system's has it not;
/// none if that fails.
#[must_use]
pub fn with_aiohttp(directory: &Path) -> Option<PathBuf> {
    let system = plain()?;
    if aiohttp_version(&system).is_some() {
        return Some(system);
    }
    let environment = directory.join("python");
    let own = environment.join("bin/python3");
    if aiohttp_version(&own).is_none() {
        succeeds(Command::new(&system).args(["-m", "venv"]).arg(&environment))?;
        succeeds(Command::new(&own).args(["-m", "pip", "install", "--quiet", "aiohttp"]))?;
    }
    aiohttp_version(&own).map(|_| own)
}

/// The version of a Python's aiohttp.
#[must_use]
pub fn aiohttp_version(python: &Path) -> Option<String> {
    let said = program::output_of(python, &["-c", "import aiohttp; print(aiohttp.__version__)"])?;
    (!said.is_empty()).then_some(said)
}

/// Its own version.
#[must_use]
pub fn version(python: &Path) -> Option<String> {
    Some(program::output_of(python, &["--version"])?.rsplit(' ').next()?.to_owned())
}

fn succeeds(command: &mut Command) -> Option<()> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok()?.success().then_some(())
}
