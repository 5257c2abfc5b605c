//! Ctrl-C and SIGTERM.

use std::{process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use test_server::Script;
use tokio::process::Child;

use crate::{
    harness::{Harness, finish, program},
    terminal::{Screen, Terminal},
};

pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

async fn until_requested(harness: &Harness, count: u64) {
    while harness.server.request_count() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_signal_drains_and_the_same_command_resumes() {
    let harness = Harness::of_texts(8, 100);
    for number in 0..8 {
        let script = Script::file().throttle(1_000, Duration::from_millis(15));
        harness.server.respond(&format!("/t{number}.txt"), script);
    }
    let list = harness.path("list.tsv");
    let words = ["pipeline", list.to_str().unwrap(), "-j", "2", "--json"];
    let mut command = harness.command("juggle", &words, "out");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_requested(&harness, 2).await;
    signal(&child, Signal::TERM);
    let summary = finish(child).await.expect(7).json();
    let done = summary["lanes"]["fetch"]["done"].as_u64().unwrap();
    assert!((2..8).contains(&done), "what was in flight was finished: {summary}");
    assert_eq!(harness.server.request_count(), done);
    harness.juggle(&words, "out", &["--quiet"]).await.expect(0);
    assert_eq!(harness.server.request_count(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_stops_at_once_and_loses_nothing() {
    let harness = Harness::of_texts(2, 100);
    harness.server.respond_once("/t0.txt", [Script::file().stall_after(10)]);
    let list = harness.path("list.tsv");
    let words = ["pipeline", list.to_str().unwrap()];
    let mut command = harness.command("juggle", &words, "out");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until_requested(&harness, 2).await;
    signal(&child, Signal::INT);
    // The second counts once the first was heard: that is said on standard error.
    let mut said = String::new();
    let mut stderr = tokio::io::BufReader::new(child.stderr.take().unwrap());
    while !said.contains("stopping") {
        tokio::io::AsyncBufReadExt::read_line(&mut stderr, &mut said).await.unwrap();
    }
    signal(&child, Signal::INT);
    assert_eq!(finish(child).await.code, Some(7));
    harness.juggle::<&str>(&words, "out", &[]).await.expect(0);
    assert_eq!(harness.tree("out").len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_stays_above_the_bars() {
    let harness = Harness::of_texts(2, 100);
    harness.server.respond_once("/t0.txt", [Script::file().stall_after(10)]);
    let list = harness.path("list.tsv");
    let terminal = Terminal::open();
    let mut command = program("juggle");
    command.args([
        "pipeline",
        list.to_str().unwrap(),
        "-o",
        harness.path("out").to_str().unwrap(),
        "--wait",
        "0",
    ]);
    command.args(["--robots", "off", "--allow-host", "127.0.0.1", "--max-connection-per-server", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::from(terminal.program)).env("TERM", "xterm");
    let child = command.spawn().unwrap();
    // The command holds the program's end of the terminal; it must be closed when the program ends.
    drop(command);
    let mut screen = Screen::of(terminal.keyboard);
    until_requested(&harness, 2).await;
    screen.until(" process ");
    signal(&child, Signal::INT);
    screen.until("stopping: ");
    // Waits until the bars have been redrawn.
    for _ in 0..3 {
        screen.until(" process ");
    }
    let lines = screen.lines();
    let at = |text: &str| {
        lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{lines:#?}"))
    };
    assert!(at("stopping: ") < at(" fetch "), "{lines:#?}");
    assert!(at(" fetch ") < at(" store ") && at(" store ") < at(" process "), "{lines:#?}");
    // A line feed stands between two bars, for terminals that do not wrap lines by themselves.
    let written = screen.written();
    let (_, bars) = written.split_once(" fetch ").unwrap();
    assert!(bars.split_once(" store ").unwrap().0.contains("\r\n"), "{written:?}");
    signal(&child, Signal::INT);
    screen.until("no such text: to the end");
    assert_eq!(finish(child).await.code, Some(7));
    assert!(screen.lines().iter().any(|line| line.contains("stopping: ")), "{:#?}", screen.lines());
}
