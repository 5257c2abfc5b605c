//! A process with all that it starts.
//!
//! The group has the number of its leader, and is only signalled while the leader's status is not taken:
//! until then the system gives that number to nobody else.

use std::{
    io,
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// A process group of our own. Killed when this is dropped.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    leader: Child,
}

/// The ends of its leader's pipes.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl ProcessGroup {
    /// Starts a shell command. Of what juggle has open it gets nothing: all that is opened here is closed on
    /// `exec`.
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

    /// Its number, for people; 0 once its status is taken.
    pub(super) fn number(&self) -> u32 {
        self.leader.id().unwrap_or(0)
    }

    /// Waits until the leader has ended, without taking its status.
    pub(super) async fn ended(&self) {
        let Some(leader) = self.leader() else { return };
        let wait = move || waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        // Ends with the leader; where nobody waits any more, that is about to be killed.
        match tokio::task::spawn_blocking(wait).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "failed to wait for the command"),
            Err(error) => tracing::debug!(%error, "nobody waits for the command any more"),
        }
    }

    /// Sends a signal to all of the group.
    pub(super) fn signal(&self, signal: Signal) {
        let Some(leader) = self.leader() else { return };
        if let Err(error) = kill_process_group(leader, signal) {
            tracing::debug!(%error, ?signal, "failed to signal the command");
        }
    }

    /// Kills what is left of it, and takes the leader's status.
    pub(super) async fn bury(mut self) -> io::Result<ExitStatus> {
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
