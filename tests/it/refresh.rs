//! Asking again for what is stored: what did not change costs a conditional request, what changed is replaced
//! and flows on, what cannot be had stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use test_server::{ReceivedRequest, Script};
use tokio::time::timeout;

use crate::harness::{Harness, assert_same};

type Tree = BTreeMap<PathBuf, Vec<u8>>;

impl Harness {
    /// Runs the pipeline with these words, and takes its JSON summary and the requests it made.
    async fn asked(&self, words: &[&str], out: &str, code: i32) -> (Value, Vec<ReceivedRequest>) {
        let before = self.server.requests().len();
        let mut more = vec!["--json", "--retry", "0"];
        more.extend(words);
        let summary = self.juggle(&["pipeline"], out, &more).await.expect(code).json();
        (summary, self.server.requests().split_off(before))
    }

    fn list(&self) -> String {
        self.path("list.tsv").to_str().unwrap().to_owned()
    }

    fn put(&self, number: usize, content: &str) {
        fs::write(self.path(&format!("www/t{number}.txt")), content).unwrap();
    }
}

/// The documents whose files differ between two trees of the same files.
#[track_caller]
fn changed(before: &Tree, after: &Tree) -> BTreeSet<String> {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let differing = before.iter().filter(|(path, bytes)| after[*path] != **bytes).map(|(path, _)| path);
    let id = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split(['_', '.']).next().unwrap().to_owned()
    };
    differing.map(id).collect()
}

fn statuses(requests: &[ReceivedRequest]) -> Vec<u16> {
    let mut statuses: Vec<u16> = requests.iter().map(|request| request.status).collect();
    statuses.sort_unstable();
    statuses
}

fn counts(asked: u64, unchanged: u64, changed: u64, failed: u64) -> Value {
    json!({ "asked": asked, "unchanged": unchanged, "changed": changed, "failed": failed, "on_their_way": 0 })
}

#[tokio::test(flavor = "multi_thread")]
async fn without_refresh_stored_texts_are_not_requested() {
    let harness = Harness::of_texts(5, 20);
    harness.asked(&[&harness.list()], "out", 0).await;
    let (tree, list) = (harness.tree("out"), harness.read("list.tsv"));
    let rows: Vec<&str> = list.lines().skip(1).collect();
    let reversed: String = rows.iter().rev().map(|row| format!("{row}\n")).collect();
    let other = harness.write("other.tsv", &format!("url\tid\n{reversed}"));
    let more = harness.write("more.tsv", &format!("url\tid\n{}\n{}\n", rows[3], rows[1]));
    for again in [harness.path("list.tsv"), other, more] {
        let (summary, requests) = harness.asked(&[again.to_str().unwrap()], "out", 0).await;
        assert_eq!((requests.len(), &summary["documents"]), (0, &json!(5)));
        assert_eq!(summary["refreshed"], Value::Null);
    }
    assert_same(&harness.tree("out"), &tree);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_text_costs_one_conditional_request_each_round() {
    let harness = Harness::of_texts(5, 20);
    harness.asked(&[&harness.list()], "out", 0).await;
    let tree = harness.tree("out");
    // With the list named, with none named, and once more: each is a round.
    for words in [&[&*harness.list(), "--refresh"][..], &["--refresh"], &["--refresh"]] {
        let (summary, requests) = harness.asked(words, "out", 0).await;
        assert_eq!(statuses(&requests), [304; 5], "{words:?}");
        assert!(requests.iter().all(|r| r.header("if-none-match").is_some() && r.range().is_none()));
        assert!(requests.iter().all(|r| r.header("if-modified-since").is_some()));
        assert_eq!(summary["refreshed"], counts(5, 5, 0, 0));
        assert_same(&harness.tree("out"), &tree);
    }
    let said = harness.juggle(&["pipeline"], "out", &["--refresh"]).await.expect(0).stdout;
    assert!(said.contains("5 stored texts requested again: 5 unchanged, 0 changed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_text_is_replaced_and_processed_once_and_nothing_else_is_touched() {
    let harness = Harness::of_texts(5, 20);
    harness.asked(&[&harness.list()], "out", 0).await;
    let before = harness.tree("out");
    harness.put(3, "An altogether new text.\nOf two lines.\n");
    let (summary, requests) = harness.asked(&["--refresh"], "out", 0).await;
    assert_eq!(statuses(&requests), [200, 304, 304, 304, 304]);
    assert_eq!(summary["refreshed"], counts(5, 4, 1, 0));
    let after = harness.tree("out");
    assert_eq!(changed(&before, &after), ["t3".to_owned()].into());
    assert_eq!(harness.read("out/text/t3_text.txt"), "An altogether new text.\nOf two lines.\n");
    assert_eq!(harness.read("out/tokens/t3_tokens.txt").lines().count(), 7);
    // As if it had been so from the beginning.
    harness.asked(&[&harness.list()], "fresh", 0).await;
    assert_same(&after, &harness.tree("fresh"));
    for lane in ["fetch", "store", "process"] {
        assert_eq!(summary["lanes"][lane]["done"], 5, "{lane}");
    }
    assert_eq!(fs::read_dir(harness.path("out/spool")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_text_of_the_list_is_fetched_once() {
    let harness = Harness::of_texts(4, 20);
    let list = harness.read("list.tsv");
    let first: String = list.lines().take(3).map(|line| format!("{line}\n")).collect();
    let first = harness.write("first.tsv", &first);
    harness.asked(&[first.to_str().unwrap()], "out", 0).await;
    let (summary, requests) = harness.asked(&[&harness.list(), "--refresh"], "out", 0).await;
    assert_eq!(statuses(&requests), [200, 200, 304, 304]);
    assert_eq!((&summary["documents"], &summary["refreshed"]), (&json!(4), &counts(2, 2, 0, 0)));
    // Of two lists that name the same texts, each text is asked for once.
    let (summary, requests) = harness.asked(&["--refresh"], "out", 0).await;
    assert_eq!((statuses(&requests), &summary["refreshed"]), (vec![304; 4], &counts(4, 4, 0, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_ignore_validators_change_no_unchanged_text() {
    let harness = Harness::of_texts(3, 20);
    let plain = || Script::file().header("etag", "").header("last-modified", "");
    harness.server.respond("/t0.txt", plain());
    harness.server.respond("/t1.txt", Script::file().without_conditions());
    harness.asked(&[&harness.list()], "out", 0).await;
    let tree = harness.tree("out");
    let (summary, requests) = harness.asked(&["--refresh"], "out", 0).await;
    assert_eq!(statuses(&requests), [200, 200, 304]);
    assert_eq!(summary["refreshed"], counts(3, 3, 0, 0));
    assert_same(&harness.tree("out"), &tree);
    assert_eq!(fs::read_dir(harness.path("out/spool")).unwrap().count(), 0);
    harness.put(0, "Changed, and no validator tells.\n");
    let (summary, _) = harness.asked(&["--refresh"], "out", 0).await;
    assert_eq!(summary["refreshed"], counts(3, 2, 1, 0));
    assert_eq!(changed(&tree, &harness.tree("out")), ["t0".to_owned()].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_cannot_be_fetched_again_stays_stored_and_is_reported() {
    let harness = Harness::of_texts(4, 20);
    harness.asked(&[&harness.list()], "out", 0).await;
    let tree = harness.tree("out");
    harness.server.respond("/t0.txt", Script::empty(404));
    harness.server.respond("/t1.txt", Script::empty(500));
    harness
        .server
        .respond("/t2.txt", Script::bytes("\0\u{1}\u{2} no text").header("content-type", "image/png"));
    let (summary, _) = harness.asked(&["--refresh"], "out", 8).await;
    assert_eq!(summary["refreshed"], counts(4, 1, 0, 3));
    let failures = summary["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 3);
    for failure in failures {
        assert!(failure["message"].as_str().unwrap().contains("the stored text was kept"), "{failure}");
        assert_eq!(failure["lane"], "fetch");
    }
    assert_same(&harness.tree("out"), &tree);
    assert_eq!(fs::read_dir(harness.path("out/spool")).unwrap().count(), 0);
    // They are tried again by hand, with their conditions, or by the next round.
    let whole = ["/t0.txt", "/t1.txt", "/t2.txt"];
    whole.iter().for_each(|path| harness.server.respond(path, Script::file()));
    harness.juggle(&["queue", "retry"], "out", &["-y", "t0"]).await.expect(0);
    let (_, requests) = harness.asked(&[], "out", 8).await;
    assert_eq!(statuses(&requests), [304]);
    let (summary, requests) = harness.asked(&["--refresh"], "out", 0).await;
    assert_eq!((statuses(&requests), &summary["refreshed"]), (vec![304; 4], &counts(4, 4, 0, 0)));
    assert_same(&harness.tree("out"), &tree);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_stored_keeps_the_stored_text() {
    let harness = Harness::of_texts(2, 20);
    harness.asked(&[&harness.list()], "out", 0).await;
    let tree = harness.tree("out");
    let notice =
        "*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n";
    harness.put(1, notice);
    let (summary, _) = harness.asked(&["--refresh"], "out", 8).await;
    let failure = &summary["failures"][0];
    assert_eq!((&failure["lane"], &failure["reason"]), (&json!("store"), &json!("empty")));
    assert!(failure["message"].as_str().unwrap().contains("the stored text was kept"));
    assert_same(&harness.tree("out"), &tree);
    harness.put(1, "Mended.\n");
    let (summary, _) = harness.asked(&["--refresh"], "out", 0).await;
    assert_eq!(summary["refreshed"], counts(2, 1, 1, 0));
    assert_eq!(harness.read("out/text/t1_text.txt"), "Mended.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_is_killed_goes_on_and_ends_as_one_that_was_not() {
    const TEXTS: usize = 60;
    let harness = Harness::of_texts(TEXTS, 60);
    for out in ["calm", "killed"] {
        harness.asked(&[&harness.list()], out, 0).await;
    }
    for number in (0..TEXTS).step_by(2) {
        harness.put(number, &format!("Another text, number {number}.\n").repeat(200));
        let slow = Script::file().throttle(500, Duration::from_millis(10));
        harness.server.respond(&format!("/t{number}.txt"), slow);
    }
    harness.asked(&["--refresh"], "calm", 0).await;
    let mut rng = fastrand::Rng::new();
    let mut kills = 0;
    loop {
        let mut command = harness.command("juggle", &["pipeline", "--refresh", "-j", "4"], "killed");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let patience = Duration::from_millis(if kills < 12 { rng.u64(20..300) } else { 60_000 });
        match timeout(patience, child.wait()).await {
            Ok(status) => {
                assert_eq!(status.unwrap().code(), Some(0));
                break;
            }
            Err(_) => child.kill().await.unwrap(),
        }
        kills += 1;
    }
    assert!(kills > 0, "it was not killed once");
    assert_same(&harness.tree("killed"), &harness.tree("calm"));
    assert_eq!(fs::read_dir(harness.path("killed/spool")).unwrap().count(), 0);
    // Nothing of the killed round is left to be done by the next.
    let (summary, requests) = harness.asked(&["--refresh"], "killed", 0).await;
    assert_eq!(statuses(&requests), [304; TEXTS]);
    assert_eq!(summary["refreshed"], counts(TEXTS as u64, TEXTS as u64, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_of_their_own_refresh_and_a_plan_says_what_would_be_asked() {
    let harness = Harness::of_texts(3, 20);
    harness.asked(&[&harness.list()], "out", 0).await;
    let requests = harness.server.request_count();
    for words in [&["plan", "--refresh"][..], &["pipeline", "--refresh", "-n"], &["fetch", "--refresh", "-n"]]
    {
        let plan = harness.juggle(words, "out", &["--json"]).await.expect(0).json();
        let told = [&plan["stored"], &plan["requests"], &plan["conditional_requests"]];
        assert_eq!(told, [&json!(3), &json!(3), &json!(3)], "{words:?}");
    }
    let plan = harness.juggle::<&str>(&["plan", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!([&plan["requests"], &plan["conditional_requests"]], [&json!(0), &json!(0)]);
    assert_eq!(harness.server.request_count(), requests, "a plan asks for no text");
    harness.put(1, "Now this.\n");
    harness.juggle::<&str>(&["store", "--refresh"], "out", &[]).await.expect_error(2, &["--refresh"]);
    let fetched = harness.juggle(&["fetch", "--refresh"], "out", &["--json"]).await.expect(0).json();
    assert_eq!(fetched["refreshed"], counts(3, 2, 1, 0));
    // What is still on its way is not asked for: the round goes on until it has ended.
    let before = harness.server.request_count();
    let again = harness.juggle(&["fetch", "--refresh"], "out", &["--json"]).await.expect(0).json();
    assert_eq!((harness.server.request_count() - before, &again["refreshed"]["asked"]), (0, &json!(0)));
    harness.juggle::<&str>(&["store"], "out", &[]).await.expect(0);
    harness.juggle::<&str>(&["process"], "out", &[]).await.expect(0);
    assert_eq!(harness.read("out/tokens/t1_tokens.txt").lines().count(), 2);
    let added = harness.juggle(&["add", "--refresh"], "out", &[harness.list()]).await.expect(0).stdout;
    assert!(added.contains("The next run requests their stored texts again"), "{added}");
    let (summary, requests) = harness.asked(&[], "out", 0).await;
    assert_eq!((statuses(&requests), &summary["refreshed"]["asked"]), (vec![304; 3], &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_queue_refreshes_as_well() {
    let harness = Harness::of_texts(3, 20);
    harness.asked(&[&harness.list()], "out", 0).await;
    harness.put(0, "Changed once.\n");
    harness.asked(&["--refresh"], "out", 0).await;
    harness.juggle::<&str>(&["rebuild", "--force"], "out", &[]).await.expect(0);
    let (_, requests) = harness.asked(&[], "out", 0).await;
    assert_eq!(requests.len(), 0);
    harness.put(2, "Changed too.\n");
    let (summary, requests) = harness.asked(&["--refresh"], "out", 0).await;
    assert_eq!(statuses(&requests), [200, 304, 304]);
    assert_eq!(summary["refreshed"], counts(3, 2, 1, 0));
    assert_eq!(harness.read("out/text/t2_text.txt"), "Changed too.\n");
}
