//! What a run says of itself: paused hosts, the log of events, failures, manual pages.

use std::{fs, num::NonZero, os::unix::fs::symlink, process::Stdio, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};
use test_server::Script;

use crate::{
    harness::{Ended, Harness, finish, program},
    signals::signal,
    terminal::{Screen, Terminal},
};

const NOTHING: &[&str] = &[];

/// Serves texts, and one answer that asks for a pause of forty seconds.
fn pausing(texts: usize) -> Harness {
    let harness = Harness::of_texts(texts, 5);
    let busy = Script::empty(429).header("Retry-After", "40");
    (0..texts).for_each(|number| harness.server.respond(&format!("/t{number}.txt"), busy.clone()));
    harness
}

fn requests(harness: &Harness, extra: &[&str]) -> tokio::process::Command {
    let list = harness.path("list.tsv");
    let mut command = harness.command("juggle", &["pipeline", list.to_str().unwrap()], "out");
    command.args(extra).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn status(harness: &Harness) -> Value {
    harness.juggle(&["status", "--json"], "out", NOTHING).await.expect(0).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_host_is_named_with_its_reason_and_the_time() {
    let harness = pausing(7);
    let child = requests(&harness, &["-x", "1", "-j", "1"]).spawn().unwrap();
    while harness.server.request_count() == 0 {
        tokio::task::yield_now().await;
    }
    let host = loop {
        let status = harness.juggle(&["status", "--json"], "out", NOTHING).await;
        if status.code == Some(0) {
            let host = status.json()["hosts"][0].clone();
            if host["state"] == "paused" {
                break host;
            }
        }
    };
    assert_eq!((&host["why"]["reason"], &host["ready"]), (&json!("http_status"), &json!(6)), "{host}");
    assert!((1..=40_000).contains(&host["for_ms"].as_u64().unwrap()), "{host}");
    let name = harness.server.addr().to_string();
    assert_eq!(host["host"], name.as_str());
    let said = harness.juggle(&["status"], "out", NOTHING).await.expect(0).stdout;
    let line = said.lines().find(|line| line.starts_with(&name)).unwrap();
    assert!(line.contains("is paused until ") && line.contains(" UTC ("), "{line}");
    assert!(line.ends_with("429 Too Many Requests; 7 texts wait"), "{line}");
    signal(&child, Signal::TERM);
    finish(child).await.expect(7);
    // The pause is stored with the job that caused it.
    let status = status(&harness).await;
    assert_eq!(status["hosts"][0]["why"]["reason"], "http_status", "{status}");
    assert_eq!((&status["seconds_left"], &status["pending"]), (&Value::Null, &json!(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_fit_into_60_80_and_120_columns_and_name_the_paused_host() {
    for columns in [60, 80, 120].map(|columns| NonZero::new(columns).unwrap()) {
        let harness = pausing(7);
        let terminal = Terminal::of_columns(columns);
        let list = harness.path("list.tsv");
        let mut command = program("juggle");
        command.args(["pipeline", list.to_str().unwrap(), "-o", harness.path("out").to_str().unwrap()]);
        command.args(["--wait", "0", "--robots", "off", "--allow-host", "127.0.0.1"]);
        command.stdout(Stdio::null()).stderr(Stdio::from(terminal.program)).env("TERM", "xterm");
        let child = command.spawn().unwrap();
        drop(command);
        let mut screen = Screen::of_columns(terminal.keyboard, columns);
        screen.until(" paused until ");
        screen.until(" paused until ");
        let lines = screen.lines();
        let host = lines.iter().find(|line| line.contains(" paused until ")).unwrap();
        // Whole fields: the time is there, and the reason where there is room.
        assert!(host.contains(" UTC"), "{lines:#?}");
        assert_eq!(host.contains("429 Too Many Requests"), columns.get() > 60, "{lines:#?}");
        let fetch = lines
            .iter()
            .find(|line| line.contains(" fetch ["))
            .unwrap_or_else(|| lines.iter().find(|line| line.trim_start().starts_with("fetch ")).unwrap());
        assert!(fetch.contains(" 0/7 ") && fetch.contains("in progress"), "{lines:#?}");
        assert!(lines.iter().all(|line| !line.contains('…')), "a field is cut: {lines:#?}");
        signal(&child, Signal::KILL);
        drop(child);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_one_line_of_the_log_without_secrets() {
    let harness = Harness::of_texts(3, 5);
    harness.server.respond("/t1.txt?key=hunter2", Script::empty(404));
    harness.server.respond_once("/t2.txt?key=hunter2", [Script::empty(503)]);
    let list: String = (0..3)
        .map(|n| format!("{}\tt{n}\n", harness.server.url(&format!("/t{n}.txt?key=hunter2"))))
        .collect();
    harness.write("list.tsv", &format!("url\tid\n{list}"));
    let ended = finish(requests(&harness, &["-v", "--retry", "1"]).spawn().unwrap()).await;
    assert_eq!(ended.code, Some(8), "{}", ended.stderr);
    let log = async |words: &[&str]| {
        let shown = harness.juggle(&["log", "--json"], "out", words).await.expect(0).stdout;
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let all = log(&[]).await;
    let requests: Vec<&Value> = all.iter().filter(|line| line["lane"] == "fetch").collect();
    assert_eq!(requests.len() as u64, harness.server.request_count(), "{all:#?}");
    let second = log(&["--document", "t2"]).await;
    let told: Vec<_> =
        second.iter().map(|line| (&line["event"], &line["status"], &line["attempt"])).collect();
    let (retry, done) = (json!("retry"), json!("done"));
    assert_eq!(told[..2], [(&retry, &json!(503), &json!(1)), (&done, &json!(200), &json!(2))]);
    // And its two other lanes.
    assert_eq!(told.len(), 4, "{second:#?}");
    let dead: Vec<_> = all.iter().filter(|line| line["event"] == "dead").collect();
    assert_eq!(
        (dead.len(), &dead[0]["reason"], &dead[0]["document"]),
        (1, &json!("http_status"), &json!("t1"))
    );
    assert_eq!(log(&["--host", "127.0.0.1"]).await.len(), requests.len());
    assert_eq!(log(&["--host", "127.0.0.2"]).await.len(), 0);
    assert_eq!(log(&["--since", "1h"]).await.len(), all.len());
    let text = harness.juggle(&["log", "--document", "t1"], "out", NOTHING).await.expect(0).stdout;
    assert!(text.contains("fetch   dead     t1 404"), "{text}");
    let none = harness.juggle(&["log", "--document", "nosuch"], "out", NOTHING).await.expect(0).stdout;
    assert_eq!(none, "No events match.\n");
    // `-v` shows the same lines.
    assert!(ended.stderr.contains("fetch   dead     t1 404"), "{}", ended.stderr);
    let written = harness.read("out/logs/events.jsonl");
    assert!(!written.contains("hunter2") && written.contains("/t0.txt?…"), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_off_and_a_planted_link_is_not_followed() {
    let harness = Harness::of_texts(2, 5);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.juggle(&["pipeline", list], "off", &["--event-log", "off"]).await.expect(0);
    assert!(!harness.path("off/logs/events.jsonl").exists());
    fs::create_dir_all(harness.path("out/logs")).unwrap();
    let target = harness.write("target", "mine");
    symlink(&target, harness.path("out/logs/events.jsonl")).unwrap();
    let ended =
        harness.juggle(&["pipeline", list], "out", NOTHING).await.expect_error(0, &["no events are logged"]);
    assert!(ended.stderr.contains("events.jsonl"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(target).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_grouped_and_old_ones_can_be_accepted() {
    let harness = Harness::of_texts(9, 5);
    for number in 0..8 {
        let status = if number < 5 { 404 } else { 410 };
        harness.server.respond(&format!("/t{number}.txt"), Script::empty(status));
    }
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    let said = harness.juggle(&["pipeline", list], "out", NOTHING).await.expect(8).stdout;
    assert!(said.contains("8 documents failed: 5 × 404 Not Found, 3 × 410 Gone"), "{said}");
    assert_eq!(said.matches("/t0.txt").count(), 1, "each URL once: {said}");
    assert!(said.contains("… and 3 more") && said.contains("--state dead"), "{said}");
    assert!(said.contains("juggle queue retry -o "), "{said}");
    let old = harness.juggle(&["pipeline", list, "--accept-dead"], "out", NOTHING).await.expect(0).stdout;
    assert!(old.contains("8 documents failed (8 before this run)"), "{old}");
    harness.juggle(&["pipeline", list], "out", NOTHING).await.expect(8);
    // A new failure counts.
    let gone = harness.server.url("/absent.txt");
    harness.write("more.txt", &format!("{gone}\n"));
    let more = harness.path("more.txt");
    let new = harness.juggle(&["pipeline", more.to_str().unwrap(), "--accept-dead"], "out", NOTHING).await;
    let new = new.expect(8);
    assert!(
        new.stdout.contains("9 documents failed (8 before this run): 6 × 404 Not Found"),
        "{}",
        new.stdout
    );
    let json =
        harness.juggle(&["pipeline", "--json", "--accept-dead"], "out", NOTHING).await.expect(0).json();
    assert!(json["failures"].as_array().unwrap().iter().all(|row| row["new"] == false), "{json}");
    let status = status(&harness).await;
    assert_eq!(
        (&status["failures"][0]["kind"], &status["failures"][0]["count"]),
        (&json!("404 Not Found"), &json!(6))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_manual_pages_are_written() {
    let harness = Harness::of_texts(1, 1);
    for shell in ["bash", "zsh", "fish"] {
        let mut command = program("juggle");
        let script = Ended::of(command.args(["completions", shell]).output().await.unwrap()).expect(0).stdout;
        assert!(script.contains("juggle") && script.contains("pipeline"), "{shell}");
    }
    let pages = harness.path("man");
    let mut command = program("juggle");
    Ended::of(command.arg("man").arg(&pages).output().await.unwrap()).expect(0);
    for page in ["juggle.1", "juggle-pipeline.1", "juggle-queue-ls.1", "juggle-fetch.1"] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".TH juggle") && text.contains("Examples:"), "{page}: {text}");
    }
    // Pages are for reading: nothing is left of a second run but the same files.
    let count = fs::read_dir(&pages).unwrap().count();
    let mut again = program("juggle");
    Ended::of(again.arg("man").arg(&pages).output().await.unwrap()).expect(0);
    assert_eq!(fs::read_dir(&pages).unwrap().count(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_followed_until_it_is_stopped() {
    let harness = Harness::of_texts(1, 5);
    let list = harness.path("list.tsv");
    harness.juggle(&["add", list.to_str().unwrap()], "out", NOTHING).await.expect(0);
    let mut command = harness.command("juggle", &["log", "--follow"], "out");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    harness.juggle(&["pipeline"], "out", NOTHING).await.expect(0);
    let stdout = child.stdout.as_mut().unwrap();
    let mut seen = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&seen).contains("process done") {
            tokio::io::AsyncReadExt::read_buf(stdout, &mut seen).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reading).await.unwrap();
    signal(&child, Signal::INT);
    finish(child).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_has_the_totals_of_status_and_loads_nothing() {
    let harness = Harness::sample();
    let list = harness.path("list.tsv");
    let missing = harness.server.url("/absent.txt?key=hunter2");
    let rows = fs::read_to_string(crate::harness::data().join("sample/sources.tsv")).unwrap();
    fs::write(&list, format!("{}{missing}\n", rows.trim_end().to_owned() + "\n")).unwrap();
    harness.juggle(&["pipeline", list.to_str().unwrap()], "out", NOTHING).await.expect(8);
    let written = harness.juggle(&["report", "--json"], "out", NOTHING).await.expect(0).json();
    let page = harness.read("out/report.html");
    assert_eq!(written["bytes"].as_u64().unwrap(), page.len() as u64);
    let status = status(&harness).await;
    for lane in ["fetch", "store", "process"] {
        let row = &status["lanes"][lane];
        let cells: String = ["ready", "delayed", "leased", "done", "dead", "retried"]
            .map(|name| format!("<td class=\"n\">{}</td>", row[name]))
            .concat();
        assert!(page.contains(&format!("<td>{lane}</td>{cells}")), "{lane}: {row}");
    }
    let documents = written["documents"].as_u64().unwrap();
    assert_eq!(documents, status["lanes"]["process"]["done"].as_u64().unwrap());
    assert!(page.contains("1 document failed.") && page.contains("404 Not Found"), "{page}");
    assert!(page.contains("orchard-again") && page.contains("Hindi"), "{page}");
    assert!(!page.contains("hunter2") && !page.contains("<script") && !page.contains("src="));
    // Each picture can be read by those who do not see it.
    let pictures = page.matches("<svg").count();
    assert!(pictures >= 6, "{pictures}");
    for part in ["role=\"img\"", "<title>", "<desc>"] {
        assert!(page.matches(part).count() >= pictures, "{part}");
    }
    let elsewhere = harness.path("elsewhere.html");
    harness.juggle(&["report"], "out", &["--output", elsewhere.to_str().unwrap()]).await.expect(0);
    assert!(elsewhere.exists());
    harness.juggle(&["report"], "nothing", NOTHING).await.expect_error(3, &["no run"]);
    let nowhere = harness.path("nowhere/report.html");
    let refused = harness.juggle(&["report"], "out", &["--output", nowhere.to_str().unwrap()]).await;
    let refused = refused.expect_error(3, &[nowhere.to_str().unwrap(), "No such file"]);
    assert!(!refused.stderr.contains(".report.html"), "{}", refused.stderr);
    let socket = harness.path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let refused = harness.juggle(&["report"], "out", &["--output", socket.to_str().unwrap()]).await;
    refused.expect_error(3, &[socket.to_str().unwrap(), "not a regular file"]);
    assert!(!fs::metadata(&socket).unwrap().is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_full_screen_view_shows_the_run_and_pauses_a_lane() {
    let harness = Harness::of_texts(7, 5);
    let list = harness.path("list.tsv");
    harness.juggle(&["add", list.to_str().unwrap()], "out", NOTHING).await.expect(0);
    let terminal = Terminal::open();
    let mut command = program("juggle");
    command.args(["status", "--watch", "-o", harness.path("out").to_str().unwrap()]).env("TERM", "xterm");
    command.stdin(Stdio::from(terminal.program.try_clone().unwrap()));
    command.stdout(Stdio::from(terminal.program.try_clone().unwrap())).stderr(Stdio::from(terminal.program));
    let child = command.spawn().unwrap();
    drop(command);
    let mut screen = Screen::of(terminal.keyboard);
    screen.until_shown("q quit");
    let lines = screen.lines();
    assert!(
        lines[0].contains("7 jobs left (7 still in the lists), nothing failed, no stage runs"),
        "{lines:#?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("fetch ")), "{lines:#?}");
    screen.press("p");
    screen.until_shown("The fetch lane is paused.");
    assert!(screen.lines().iter().any(|line| line.contains("The fetch lane is paused.")));
    screen.press("q");
    finish(child).await.expect(0);
    let status = status(&harness).await;
    assert_eq!(status["lanes"]["fetch"]["paused"], true, "{status}");
}
