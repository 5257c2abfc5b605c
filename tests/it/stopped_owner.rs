//! Tests a stopped owner of the queue: no command waits for it without end, and a signal ends every command
//! that waits.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

use crate::harness::{Harness, finish, program};

/// An owner of the queue that is stopped, and continues when this is dropped.
struct Stopped {
    _owner: Child,
    pid: Pid,
}

impl Drop for Stopped {
    fn drop(&mut self) {
        kill_process(self.pid, Signal::CONT).unwrap();
    }
}

async fn stopped_owner(harness: &Harness) -> Stopped {
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let mut command = program("juggle-queue");
    command.args(["serve", "-o"]).arg(harness.path("out"));
    let owner = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !harness.path("out/queue/queue.sock").exists() {
        tokio::task::yield_now().await;
    }
    let pid = Pid::from_raw(i32::try_from(owner.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    Stopped { _owner: owner, pid }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_name_an_owner_that_does_not_answer_and_end() {
    let harness = Harness::of_texts(1, 5);
    let owner = stopped_owner(&harness).await;
    let pid = owner.pid.as_raw_nonzero().to_string();
    let words = [["status"].as_slice(), &["queue", "ls"], &["pipeline"], &["store"]];
    let commands = words.map(|words| harness.juggle::<&str>(words, "out", &[]));
    for ended in futures_util::future::join_all(commands).await {
        ended.expect_error(11, &[&pid, "does not answer", "kill -CONT"]);
    }
    drop(owner);
    harness.juggle::<&str>(&["status"], "out", &[]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_command_that_waits_for_an_owner() {
    let harness = Harness::of_texts(1, 5);
    let owner = stopped_owner(&harness).await;
    for signal in [Signal::TERM, Signal::INT] {
        let mut command = harness.command("juggle", &["pipeline"], "out");
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        while !hears_signals(pid) {
            tokio::task::yield_now().await;
        }
        kill_process(pid, signal).unwrap();
        finish(child).await.expect_error(7, &["stopped before the work began"]);
    }
    drop(owner);
}

/// Returns whether a process handles SIGINT (2) and SIGTERM (15) itself, by the mask in proc_pid_status(5).
fn hears_signals(pid: Pid) -> bool {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    [Signal::INT, Signal::TERM].iter().all(|signal| mask >> (signal.as_raw() - 1) & 1 == 1)
}
