//! Programs that a benchmark starts, and ends whatever happens.
//!
//! A program is killed when its [`Program`] is dropped. If the benchmark itself is killed, the kernel does
//! it: every program is started by [`hold`], which asks for that before it becomes the program.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Signal, set_parent_process_death_signal};

/// The hidden command that [`hold`]s.
pub const HOLD: &str = "hold";

/// Time limit for a program to become ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines that are kept until someone waits for them; later ones are dropped.
const LINES_MAX: usize = 4096;

/// The stream on which a program reports that it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// On its standard output. Its standard error is ours.
    Output,
    /// On its standard error. Its standard output is lost.
    Error,
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    /// From the thread that reads what the program says; ends with it.
    lines: Receiver<String>,
}

/// The command for a program that ends with this process, to be completed with the program's arguments.
///
/// # Errors
/// If this program's own path is not known.
pub fn held(program: &OsStr) -> anyhow::Result<Command> {
    let this = std::env::current_exe().context("failed to find this program")?;
    let mut command = Command::new(this);
    command.arg(HOLD).arg(program);
    Ok(command)
}

/// Becomes the program, after asking the kernel to kill it when its parent dies. Returns only if that
/// fails.
#[must_use]
pub fn hold(program: &[std::ffi::OsString]) -> anyhow::Error {
    let Some((name, arguments)) = program.split_first() else {
        return anyhow::anyhow!("no program to hold");
    };
    match set_parent_process_death_signal(Some(Signal::KILL)) {
        Ok(()) => Command::new(name).args(arguments).exec().into(),
        Err(error) => error.into(),
    }
}

/// Finds a program in `PATH`, or if distributions put servers.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path);
    let servers = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    directories.chain(servers).map(|directory| directory.join(name)).find(|path| path.is_file())
}

impl Program {
    /// Starts a command made by [`held`].
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(name: &str, mut command: Command, says: Says) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped());
        match says {
            Says::Output => command.stdout(Stdio::piped()),
            Says::Error => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let mut child = command.spawn().with_context(|| format!("failed to start {name}"))?;
        let said: Option<Box<dyn Read + Send>> = match says {
            Says::Output => child.stdout.take().map(|stream| Box::new(stream) as _),
            Says::Error => child.stderr.take().map(|stream| Box::new(stream) as _),
        };
        let (sender, lines) = mpsc::sync_channel(LINES_MAX);
        let mut said = BufReader::new(said.expect("it was piped"));
        thread::spawn(move || {
            let mut line = Vec::new();
            while said.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                // A full channel is one that nobody waits on any more.
                drop(sender.try_send(text));
                line.clear();
            }
        });
        Ok(Self { name: name.to_owned(), child, lines })
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that holds `marker`.
    ///
    /// # Errors
    /// If the program ends before, or does not say it within a minute.
    pub fn wait_for(&mut self, marker: &str) -> anyhow::Result<String> {
        self.wait_for_within(marker, PATIENCE)
    }

    /// The same, with a patience of the caller's.
    ///
    /// # Errors
    /// As there.
    pub fn wait_for_within(&mut self, marker: &str, patience: Duration) -> anyhow::Result<String> {
        let mut last = String::new();
        loop {
            match self.lines.recv_timeout(patience) {
                Ok(line) if line.contains(marker) => return Ok(line),
                Ok(line) => last = line,
                Err(mpsc::RecvTimeoutError::Timeout) => bail!("{} did not print '{marker}'", self.name),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    bail!(
                        "{} ended ({status}) before it printed '{marker}'. Its last output: \
                        {last}",
                        self.name
                    )
                }
            }
        }
    }

    /// Says a line to it.
    ///
    /// # Errors
    /// If it does not listen any more.
    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin =
            self.child.stdin.as_mut().expect("it is piped, and taken only when the program is let go");
        writeln!(stdin, "{line}").with_context(|| format!("{} no longer listens", self.name))
    }

    /// Closes its standard input and waits for its end.
    ///
    /// # Errors
    /// If it ends badly.
    pub fn finish(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status: ExitStatus = self.child.wait()?;
        if !status.success() {
            bail!("{} failed ({status})", self.name);
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Neither can fail but for a program that has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns the standard output of a program, `None` if it cannot be run.
#[must_use]
pub fn output_of(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
