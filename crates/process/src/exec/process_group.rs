//! A child process with all processes that it starts.
//!
//! The group has the id of its leader, and is signalled only until the leader is reaped: as long as its
//! status is not collected, the system gives that id to no other process.

use std::{
    io,
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// A process group of our own. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    leader: Child,
}

/// Our ends of the leader's pipes.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl ProcessGroup {
    /// Starts a shell command. It inherits no open file: everything that juggle opens is closed on `exec`.
    pub(super) fn start(command: &str) -> io::Result<(Self, Pipes)> {
        let mut leader = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pipes = match (leader.stdin.take(), leader.stdout.take(), leader.stderr.take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => Pipes { stdin, stdout, stderr },
            _ => return Err(io::Error::other("a pipe is missing")),
        };
        Ok((Self { leader }, pipes))
    }

    /// Returns the process id of the leader for messages, or 0 once it is reaped.
    pub(super) fn number(&self) -> u32 {
        self.leader.id().unwrap_or(0)
    }

    /// Waits until the leader has exited, without collecting its status.
    pub(super) async fn exited(&self) {
        let Some(leader) = self.leader() else { return };
        let wait = move || waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        // The blocking call ends with the leader. If the caller is dropped before, so is the group, which
        // kills the leader.
        match tokio::task::spawn_blocking(wait).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "failed to wait for the command"),
            Err(error) => tracing::debug!(%error, "the wait for the command was cancelled"),
        }
    }

    /// Sends a signal to all processes of the group.
    pub(super) fn signal(&self, signal: Signal) {
        let Some(leader) = self.leader() else { return };
        if let Err(error) = kill_process_group(leader, signal) {
            tracing::debug!(%error, ?signal, "failed to signal the command");
        }
    }

    /// Kills the processes that are left, and reaps the leader.
    pub(super) async fn kill(mut self) -> io::Result<ExitStatus> {
        // The signal comes first: afterwards the id may belong to another process.
        self.signal(Signal::KILL);
        self.leader.wait().await
    }

    fn leader(&self) -> Option<Pid> {
        self.leader.id().and_then(|number| Pid::from_raw(i32::try_from(number).ok()?))
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
