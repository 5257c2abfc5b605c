//! `--watch`: what is dropped into a directory is taken up.

use std::{fs, io::Write, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Harness, finish};

async fn until_done(harness: &Harness, lane: &str, count: u64) {
    loop {
        let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await;
        if status.code == Some(0) && status.json()["lanes"][lane]["done"] == count {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_texts_dropped_into_a_directory_are_fetched_and_unfinished_ones_are_not() {
    let harness = Harness::of_texts(3, 10);
    let inbox = harness.path("inbox");
    fs::create_dir(&inbox).unwrap();
    fs::write(inbox.join("before.txt"), "A text that was there before anybody watched.\n").unwrap();
    let mut command = harness.command("juggle-fetch", &["--watch", inbox.to_str().unwrap()], "out");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_done(&harness, "fetch", 1).await;
    fs::write(inbox.join("half.txt.part"), "not yet").unwrap();
    fs::write(inbox.join(".hidden.txt"), "an editor's own").unwrap();
    fs::copy(harness.path("list.tsv"), inbox.join("list.tsv")).unwrap();
    until_done(&harness, "fetch", 4).await;
    fs::rename(inbox.join("half.txt.part"), inbox.join("half.txt")).unwrap();
    until_done(&harness, "fetch", 5).await;
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    finish(child).await.expect(0);
    harness.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    assert_eq!(harness.tree("out").len(), 5 * 6);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_still_written_waits_and_a_list_that_grows_is_added_again() {
    let harness = Harness::of_texts(3, 10);
    let inbox = harness.path("inbox");
    // Nothing is there yet.
    let mut command = harness.command("juggle-fetch", &["--watch", inbox.to_str().unwrap()], "out");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    fs::create_dir(&inbox).unwrap();
    let list = harness.read("list.tsv");
    let rows: Vec<&str> = list.lines().collect();
    let mut writer = fs::File::create(inbox.join("book.txt")).unwrap();
    writer.write_all(b"The first half, ").unwrap();
    fs::write(inbox.join("list.tsv"), format!("{}\n{}\n", rows[0], rows[1])).unwrap();
    until_done(&harness, "fetch", 1).await;
    let grown = inbox.join(".list.tsv.new");
    fs::write(&grown, &list).unwrap();
    fs::rename(&grown, inbox.join("list.tsv")).unwrap();
    until_done(&harness, "fetch", 3).await;
    writer.write_all(b"and the second half.\n").unwrap();
    drop(writer);
    until_done(&harness, "fetch", 4).await;
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    finish(child).await.expect(0);
    harness.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    let halves = "The first half, and the second half.\n";
    assert!(harness.tree("out").values().any(|bytes| bytes == halves.as_bytes()), "the text is whole");
}
