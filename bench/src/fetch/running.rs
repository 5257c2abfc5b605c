//! A program that is timed, with the most memory it had.
//!
//! The memory is `VmHWM` of the process, read every few milliseconds: `ru_maxrss` of a child that has ended
//! would count what this process had when it made the child. What grows in the last moment before the end is
//! missed.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{machine, program::held};

/// Interval between two readings of memory.
const BEAT: Duration = Duration::from_millis(5);
/// Largest part of a failed program's output that is shown, in bytes.
const LAST_WORDS_BYTES: usize = 2_000;

/// Resources used by a program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Took {
    /// From its start to its end.
    pub seconds: f64,
    /// The most memory it had.
    pub rss_kib: Option<u64>,
}

/// A program under way. Killed when dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    started: Instant,
    said: PathBuf,
    /// Ends when this is dropped.
    watching: Option<(SyncSender<()>, JoinHandle<Option<u64>>)>,
}

/// The command for a program that ends with this process.
///
/// # Errors
/// If this program's own path is not known.
pub fn command(program: &Path) -> anyhow::Result<Command> {
    held(program.as_os_str())
}

impl Running {
    /// Starts a command made by [`command`]. What it says goes to a file of this name in `directory`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(name: &str, mut command: Command, directory: &Path) -> anyhow::Result<Self> {
        let said = directory.join(format!("{name}.said"));
        let file = File::create(&said).with_context(|| format!("failed to create '{}'", said.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("failed to start {name}"))?;
        let watching = Some(watch(child.id()));
        Ok(Self { name: name.to_owned(), child, started, said, watching })
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn ask_to_end(&self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .with_context(|| format!("failed to end {}", self.name))
    }

    /// Returns true if the program has ended.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits for its end, which must be a good one.
    ///
    /// # Errors
    /// If it ends badly; with what it said.
    pub fn wait(self) -> anyhow::Result<Took> {
        self.wait_for(&[0])
    }

    /// Waits for its end, with one of these exit codes.
    ///
    /// # Errors
    /// If it ends otherwise; with what it said.
    pub fn wait_for(mut self, codes: &[i32]) -> anyhow::Result<Took> {
        let status = self.child.wait()?;
        let seconds = self.started.elapsed().as_secs_f64();
        let rss_kib = self.stop_watching();
        if !status.code().is_some_and(|code| codes.contains(&code)) {
            let said = fs::read(&self.said).unwrap_or_default();
            let last = &said[said.len().saturating_sub(LAST_WORDS_BYTES)..];
            bail!("{} failed ({status}): {}", self.name, String::from_utf8_lossy(last).trim());
        }
        Ok(Took { seconds, rss_kib })
    }

    fn stop_watching(&mut self) -> Option<u64> {
        let (stop, watching) = self.watching.take()?;
        drop(stop);
        watching.join().ok().flatten()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Neither can fail but for a program that has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        self.stop_watching();
    }
}

/// Reads the peak until told to stop; the last reading is the highest, and that of the program itself.
fn watch(process: u32) -> (SyncSender<()>, JoinHandle<Option<u64>>) {
    let (stop, stopped) = mpsc::sync_channel(0);
    let process = process.to_string();
    let watching = thread::spawn(move || {
        let mut peak = None;
        loop {
            peak = machine::rss_peak_kib(&process).or(peak);
            if stopped.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout) {
                return peak;
            }
        }
    });
    (stop, watching)
}

/// Runs `sync -f`: all of a file system to the medium.
///
/// # Errors
/// If it fails.
pub fn sync(directory: &Path, notes: &Path) -> anyhow::Result<Took> {
    let mut sync = held(OsStr::new("sync"))?;
    sync.arg("-f").arg(directory);
    Running::start("sync", sync, notes)?.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, notes: &Path) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::start("shell", command, notes).unwrap()
    }

    #[test]
    fn a_program_that_fails_is_told_with_its_last_words() {
        let notes = tempfile::tempdir().unwrap();
        let error = shell("echo no such thing >&2; exit 3", notes.path()).wait().unwrap_err();
        assert!(error.to_string().contains("no such thing"), "{error}");
        assert!(shell("exit 7", notes.path()).wait_for(&[0, 7]).is_ok());
    }

    #[test]
    fn memory_and_time_are_those_of_the_program() {
        let notes = tempfile::tempdir().unwrap();
        let took = shell("exec dd if=/dev/zero of=/dev/null bs=30M count=40", notes.path()).wait().unwrap();
        assert!(took.seconds > 0.0);
        assert!(took.rss_kib.unwrap() > 30_000, "{took:?}");
    }
}
