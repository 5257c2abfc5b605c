//! How often other tools told the disk to make things durable, as seen from outside: `strace`, where it is
//! installed, notes every fsync and fdatasync of a process and all that it starts. Such a run is extra and
//! not timed. Juggle counts by itself, in the timed runs.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::program::{self, held};

/// State of the recording of system calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watch {
    /// They are not.
    Off,
    /// Into this directory, a file for each watched process.
    Into {
        /// The directory.
        directory: PathBuf,
        /// Path of `strace`.
        strace: PathBuf,
    },
}

impl Watch {
    /// Watches, with notes in `directory`; none if `strace` is not installed.
    #[must_use]
    pub fn into(directory: &Path) -> Option<Self> {
        Some(Self::Into { directory: directory.to_owned(), strace: program::find("strace")? })
    }

    /// The command for a program that ends with this process and is watched as it says.
    ///
    /// # Errors
    /// If this program's own path is not known.
    pub fn command(&self, name: &str, program: &OsStr) -> anyhow::Result<Command> {
        let Self::Into { directory, strace } = self else { return held(program) };
        let mut command = held(strace.as_os_str())?;
        command.args([
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            "signal=none",
            "-o",
        ]);
        command.arg(directory.join(format!("{name}.strace")));
        // Held by strace too, so that it ends with it.
        let again = held(program)?;
        let parts: Vec<OsString> =
            [again.get_program()].into_iter().chain(again.get_args()).map(OsStr::to_owned).collect();
        command.args(parts);
        Ok(command)
    }

    /// Calls so far, of all watched processes; none if they are not noted.
    ///
    /// # Errors
    /// If the notes cannot be read.
    pub fn count(&self) -> io::Result<Option<u64>> {
        let Self::Into { directory, .. } = self else { return Ok(None) };
        let mut count = 0;
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "strace") {
                count += calls_in(&fs::read_to_string(path)?);
            }
        }
        Ok(Some(count))
    }
}

/// A call that another thread interrupted stands on two lines, the second without its opening parenthesis.
fn calls_in(notes: &str) -> u64 {
    notes.lines().filter(|line| line.contains("fsync(") || line.contains("fdatasync(")).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_counted_once() {
        let notes = "7 fsync(3)                          = 0\n\
                     7 fdatasync(9 <unfinished ...>\n\
                     8 fsync(4 <unfinished ...>\n\
                     8 <... fsync resumed>)              = 0\n\
                     7 <... fdatasync resumed>)          = 0\n\
                     7 +++ exited with 0 +++\n";
        assert_eq!(calls_in(notes), 3);
    }
}
