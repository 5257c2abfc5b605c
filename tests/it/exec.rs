//! `--exec`: texts processed by the user's own command, in whatever language it is written.

use std::{fs, path::Path, process::Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::harness::{Harness, data, finish};

const NOTHING: &[&str] = &[];

/// Returns a command that does this with each line. `$id` and `$text` are the raw JSON strings of the line.
fn each(body: &str) -> String {
    format!(
        r#"while IFS= read -r line; do id=${{line#*:\"}}; id=${{id%%\"*}}; text=${{line#*\"text\":\"}}; text=${{text%%\"*}}
{body}
done"#
    )
}

/// Answers with the text as it came.
const ECHO: &str = r#"printf '{"id":"%s","text":"%s"}\n' "$id" "$text""#;

/// Answers with one token.
fn answer(token: &str) -> String {
    format!(r#"printf '{{"id":"%s","tokens":["{token}"]}}\n' "$id""#)
}

/// A harness whose texts are stored, and not processed yet.
async fn stored(texts: usize) -> Harness {
    let harness = Harness::of_texts(texts, 5);
    let list = harness.path("list.tsv");
    harness.juggle(&["fetch", "-i", list.to_str().unwrap()], "out", NOTHING).await.expect(0);
    harness.juggle(&["store"], "out", NOTHING).await.expect(0);
    harness
}

fn number(text: &str) -> Pid {
    Pid::from_raw(text.trim().parse().unwrap()).unwrap()
}

/// Waits until a process is no more, or waits only to be buried by whoever has it now.
async fn until_gone(pid: Pid) {
    let is_zombie = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, after)| after.trim_start().starts_with('Z'))
    };
    while test_kill_process(pid).is_ok() && !is_zombie() {
        tokio::task::yield_now().await;
    }
}

async fn until_written(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            Ok(_) | Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_gives_texts_back_makes_the_same_corpus() {
    let harness = Harness::of_texts(6, 40);
    let list = harness.path("list.tsv");
    let words = ["pipeline", list.to_str().unwrap()];
    harness.juggle(&words, "plain", NOTHING).await.expect(0);
    let summary = harness.juggle(&words, "out", &["--exec", &each(ECHO), "--threads", "2", "--json"]).await;
    let summary = summary.expect(0).json();
    assert_eq!(summary["lanes"]["process"]["done"], 6);
    for number in 0..6 {
        for (kind, suffix) in [("tokens", "_tokens.txt"), ("counts", "_counts.txt")] {
            let path = format!("{kind}/t{number}{suffix}");
            assert_eq!(harness.read(&format!("out/{path}")), harness.read(&format!("plain/{path}")));
        }
    }
    harness.juggle(&["verify"], "out", NOTHING).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_command_or_version_reprocesses_and_the_same_one_does_not() {
    let harness = stored(3).await;
    let done = async |arguments: &[&str]| {
        let report = harness.juggle(&["process", "--json"], "out", arguments).await.expect(0).json();
        report["lanes"]["process"]["done"].as_u64().unwrap()
    };
    let (one, two) = (each(&answer("one")), each(&answer("two")));
    assert_eq!(done(&["--exec", &one]).await, 3);
    assert_eq!(harness.read("out/tokens/t0_tokens.txt"), "one\n");
    assert_eq!(done(&["--exec", &one]).await, 0);
    assert_eq!(done(&["--exec", &one, "--exec-timeout", "5m", "--threads", "1"]).await, 0);
    assert_eq!(done(&["--exec", &two]).await, 3);
    assert_eq!(harness.read("out/counts/t2_counts.txt"), "two\t1\n");
    assert_eq!(done(&["--exec", &two, "--exec-version", "2"]).await, 3);
    let stats = harness.read("out/stats/t0.json");
    assert!(stats.contains("\"name\": \"exec\"") && stats.contains("\"command_version\": \"2\""), "{stats}");
    assert_eq!(done(NOTHING).await, 0, "the command is remembered");
    harness.forget_settings("out");
    assert_eq!(done(NOTHING).await, 3);
    assert!(harness.read("out/stats/t0.json").contains("\"name\": \"uax29\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_a_command_fails_are_dead_with_the_reason_and_the_others_are_done() {
    let harness = stored(6).await;
    let body = format!(
        r#"case $id in
t0) echo 'a broken heart' >&2; exit 3;;
t1) echo garbage;;
t2) printf '{{"id":"%s","error":"not to my taste"}}\n' "$id";;
t3) tail -f /dev/null;;
*) {};;
esac"#,
        answer("fine")
    );
    let arguments = ["--exec", &each(&body), "--exec-timeout", "2s", "--retry", "1"];
    let ended = harness.juggle(&["process"], "out", &arguments).await.expect(8);
    assert!(ended.stderr.contains("]: a broken heart"), "{}", ended.stderr);
    let listed =
        harness.juggle(&["queue", "ls", "--state", "dead", "--json"], "out", NOTHING).await.expect(0);
    for (reason, told) in [
        ("command", "ended with exit status 3 before it answered; last on standard error: a broken heart"),
        ("command", "it begins 'garbage'"),
        ("command", "the command reported: not to my taste"),
        ("timeout", "did not answer within 2 s"),
    ] {
        assert!(listed.stdout.contains(told) && listed.stdout.contains(reason), "{told}: {}", listed.stdout);
    }
    for id in ["t4", "t5"] {
        assert_eq!(harness.read(&format!("out/tokens/{id}_tokens.txt")), "fine\n");
    }
    // Mended, and given another round.
    harness.juggle(&["queue", "retry", "--yes"], "out", NOTHING).await.expect(0);
    harness.juggle(&["process"], "out", &["--exec", &each(&answer("fine"))]).await.expect(0);
    assert_eq!(harness.read("out/tokens/t3_tokens.txt"), "fine\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_work_ends_the_run_and_fails_no_document() {
    let harness = stored(3).await;
    for (command, told) in
        [("no-such-command", "127"), ("exit 1", "exit status 1"), ("true", "exit status 0")]
    {
        let ended = harness.juggle(&["process"], "out", &["--exec", command, "--retry", "9"]).await;
        ended.expect_error(2, &["--exec does not work", told, "Correct the command"]);
    }
    let none = harness.juggle(&["queue", "ls", "--state", "dead", "--json"], "out", NOTHING).await.expect(0);
    assert!(!none.stdout.contains("t0"), "{}", none.stdout);
    harness.juggle(&["process"], "out", &["--exec", &each(&answer("fine"))]).await.expect(0);
    assert_eq!(harness.read("out/tokens/t2_tokens.txt"), "fine\n");
    harness.juggle(&["process"], "out", &["--exec", " "]).await.expect_error(2, &["use a command"]);
}

/// The cap of an answer is a MiB and eight times the text; all else that a child says is passed on or
/// dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_on_whatever_stream_takes_no_memory() {
    const RSS_BYTES_MAX: u64 = 64 << 20;
    let harness = stored(4).await;
    let body = format!(
        "case $id in
t0) head -c 1000000000 /dev/zero;;
t1) yes | head -c 1000000000;;
t2) head -c 1000000000 /dev/zero >&2; {0};;
*) {0};; esac",
        answer("fine")
    );
    let arguments = ["--exec", &each(&body), "--exec-timeout", "2m", "--threads", "2", "--json"];
    let report = harness.juggle(&["process"], "out", &arguments).await.expect(8).json();
    assert_eq!(
        (&report["lanes"]["process"]["done"], &report["lanes"]["process"]["dead"]),
        (&2.into(), &2.into())
    );
    let peak = report["peak_rss_bytes"].as_u64().unwrap();
    eprintln!("{peak} bytes at most");
    assert!(peak < RSS_BYTES_MAX, "{peak} bytes");
    let dead =
        harness.juggle(&["queue", "ls", "--state", "dead", "--json"], "out", NOTHING).await.expect(0).stdout;
    for told in ["it begins 'y'", "answer has more than"] {
        assert!(dead.contains(told), "{told}: {dead}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_leaves_no_child_behind_and_the_same_command_goes_on() {
    let harness = stored(2).await;
    let path = harness.path("number");
    let body = format!("echo $$ >'{}'; tail -f /dev/null", path.display());
    let mut command =
        harness.command("juggle", &["process", "--threads", "1", "--exec", &each(&body)], "out");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let juggle = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    let hanging = number(&until_written(&path).await);
    kill_process(juggle, Signal::INT).unwrap();
    let mut said = String::new();
    let mut stderr = tokio::io::BufReader::new(child.stderr.take().unwrap());
    while !said.contains("stopping") {
        tokio::io::AsyncBufReadExt::read_line(&mut stderr, &mut said).await.unwrap();
    }
    // It leads a group of its own, so Ctrl-C in a terminal does not reach it.
    assert!(test_kill_process(hanging).is_ok());
    kill_process(juggle, Signal::INT).unwrap();
    assert_eq!(finish(child).await.code, Some(7));
    until_gone(hanging).await;
    harness.juggle(&["process"], "out", &["--exec", &each(&answer("fine"))]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_signal_lets_a_child_finish_its_document_and_see_the_end_of_its_input() {
    let harness = stored(3).await;
    let (path, gate, end) = (harness.path("number"), harness.path("gate"), harness.path("end"));
    let wait = format!("until [ -e '{}' ]; do :; done", gate.display());
    let body = format!("echo $$ >'{}'; {wait}; {}", path.display(), answer("fine"));
    let script = format!("{}; echo bye >'{}'", each(&body), end.display());
    let mut command = harness.command("juggle", &["process", "--threads", "1", "--exec", &script], "out");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let working = number(&until_written(&path).await);
    let juggle = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(juggle, Signal::INT).unwrap();
    let mut said = String::new();
    let mut stderr = tokio::io::BufReader::new(child.stderr.take().unwrap());
    while !said.contains("stopping") {
        tokio::io::AsyncBufReadExt::read_line(&mut stderr, &mut said).await.unwrap();
    }
    // Documents in flight go on now.
    fs::write(&gate, "").unwrap();
    assert_eq!(finish(child).await.code, Some(7));
    until_gone(working).await;
    assert_eq!(fs::read_to_string(end).unwrap(), "bye\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_example_does_what_its_text_says() {
    let python = std::process::Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: there is no python3");
        return;
    }
    let harness = Harness::of_texts(1, 1);
    fs::write(harness.path("cafe.txt"), "  The CAFÉ is\u{a0}open,\nnaïve “Whale”!\n\n".repeat(20)).unwrap();
    let list = harness.write("list.tsv", &format!("url\tid\n{}\tcafe\n", harness.path("cafe.txt").display()));
    let example = data().join("../crates/process/examples/process.py").canonicalize().unwrap();
    let exec = format!("python3 '{}'", example.display());
    let words = ["pipeline", list.to_str().unwrap()];
    harness.juggle(&words, "out", &["--exec", &exec]).await.expect(0);
    let tokens = harness.read("out/tokens/cafe_tokens.txt");
    assert_eq!(tokens.lines().take(5).collect::<Vec<_>>(), ["the", "caf", "isopen,", "nave", "whale!"]);
    assert!(harness.read("out/counts/cafe_counts.txt").starts_with("caf\t20\nisopen,\t20\n"));
    assert!(harness.read("out/stats/cafe.json").contains("\"non_ascii\": 100"));
}
