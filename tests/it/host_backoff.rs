//! The limits that hosts ask for are kept by all processes and runs together.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use test_server::Script;

use crate::harness::{Harness, finish};

const ROBOTS: &str = "/robots.txt";
const PAGE: &str = "<!DOCTYPE html><title>Are you human?</title>";

/// The times of all requests, robots.txt included, in order.
fn times(harness: &Harness) -> Vec<Instant> {
    harness.server.requests().into_iter().map(|request| request.at).collect()
}

fn texts(harness: &Harness) -> usize {
    harness.server.requests().iter().filter(|request| request.path != ROBOTS).count()
}

/// No request comes sooner than that after the one before it, as the server sees them.
#[track_caller]
fn assert_apart(times: &[Instant], wait: Duration) {
    // Times travel as whole milliseconds.
    let least = wait - Duration::from_millis(2);
    let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= least), "{gaps:?} where {wait:?} is to be waited");
}

async fn three_fetchers(harness: &Harness, more: &[&str]) {
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let mut children = Vec::new();
    for _ in 0..3 {
        let mut command = harness.command("juggle-fetch", &[], "out");
        command.args(["-x", "1", "--robots", "on"]).args(more);
        command.current_dir(harness.directory.path());
        children.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    }
    for child in children {
        finish(child).await.expect(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_delay_holds_for_all_processes_and_robots_txt_is_asked_for_once_by_each() {
    let harness = Harness::of_texts(5, 20);
    harness.server.respond(ROBOTS, Script::bytes("User-agent: *\nCrawl-delay: 0.5\n"));
    three_fetchers(&harness, &["--wait", "0"]).await;
    assert!((1..=3).contains(&harness.server.count(ROBOTS)), "{}", harness.server.count(ROBOTS));
    assert_eq!((texts(&harness), harness.server.peak_concurrency()), (5, 1));
    assert_apart(&times(&harness), Duration::from_millis(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_may_have_a_wait_of_its_own() {
    let harness = Harness::of_texts(5, 20);
    harness.server.respond(ROBOTS, Script::empty(404));
    let host = harness.server.addr();
    harness.write("juggle.toml", &format!("[host.\"{host}\"]\nwait = \"400ms\"\n"));
    three_fetchers(&harness, &["--wait", "0"]).await;
    assert_eq!((texts(&harness), harness.server.peak_concurrency()), (5, 1));
    assert_apart(&times(&harness), Duration::from_millis(400));
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_obey_the_wait_between_requests() {
    let harness = Harness::of_texts(3, 20);
    for number in 0..3 {
        harness.server.respond(&format!("/t{number}.txt"), Script::redirect(&format!("/r{number}")));
        harness.server.respond(&format!("/r{number}"), Script::bytes(format!("Words of text {number}.\n")));
    }
    three_fetchers(&harness, &["--wait", "300ms"]).await;
    assert_eq!((texts(&harness), harness.server.peak_concurrency()), (6, 1));
    assert_apart(&times(&harness), Duration::from_millis(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_robots_txt_disallows_is_not_requested_and_reported() {
    let harness = Harness::of_texts(3, 20);
    harness.server.respond(ROBOTS, Script::bytes("User-agent: juggle\nDisallow: /t1\n"));
    let list = harness.path("list.tsv");
    for run in 0..2 {
        let more = [list.to_str().unwrap(), "--robots", "on", "--json"];
        let summary = harness.juggle(&["pipeline"], "out", &more).await.expect(8).json();
        assert_eq!(summary["documents"], 2);
        let failure = &summary["failures"][0];
        assert_eq!((&failure["id"], &failure["reason"]), (&"t1".into(), &"robots".into()), "run {run}");
        assert!(failure["message"].as_str().unwrap().contains("--robots off"), "{failure}");
    }
    assert_eq!(
        (harness.server.count(ROBOTS), harness.server.count("/t1.txt"), harness.server.request_count()),
        (1, 0, 3)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_answers_with_block_pages_is_paused_and_its_texts_wait() {
    let harness = Harness::of_texts(6, 20);
    let list = harness.path("list.tsv");
    for number in 0..6 {
        harness.server.respond(&format!("/t{number}.txt"), Script::bytes(PAGE));
    }
    let run = async || {
        let more = [list.to_str().unwrap(), "--max-connection-per-server", "1", "--json"];
        harness.juggle(&["pipeline"], "out", &more).await.expect_error(8, &[])
    };
    let ended = run().await;
    assert!(ended.stderr.contains("It is paused for 60 minutes"), "the user is told:\n{}", ended.stderr);
    let asked = harness.server.request_count();
    assert!((3..=4).contains(&asked), "three different texts are enough: {asked} requests");
    // The owner of the queue was another one; the host is still left alone.
    for summary in [ended.json(), run().await.json()] {
        assert_eq!(summary["resting"][0]["host"], harness.server.addr().to_string());
        assert_eq!(summary["resting"][0]["texts"], 6);
        assert_eq!((&summary["documents"], &summary["pending"]), (&0.into(), &6.into()));
        assert_eq!(summary["failures"].as_array().unwrap().len(), 0);
    }
    assert_eq!(harness.server.request_count(), asked, "nothing was asked again");
    let jobs = harness.juggle(&["queue", "ls"], "out", &["--json"]).await.expect(0).stdout;
    assert!(jobs.contains("soft_ban"), "{jobs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_block_page_that_were_stored_are_retracted() {
    let (harness, elsewhere) = (Harness::of_texts(6, 20), Harness::of_texts(6, 20));
    for number in 0..6 {
        harness
            .server
            .respond(&format!("/t{number}.txt"), Script::bytes("You have read enough for today.\n"));
    }
    let list = harness.path("list.tsv");
    let more = [list.to_str().unwrap(), "--max-connection-per-server", "1", "--json"];
    let ended =
        harness.juggle(&["pipeline"], "out", &more).await.expect_error(8, &["removed from the corpus"]);
    let summary = ended.json();
    assert_eq!((&summary["documents"], &summary["resting"][0]["texts"]), (&0.into(), &6.into()), "{summary}");
    for kind in ["raw", "text", "meta", "logs/arrival", "tokens", "counts", "stats", "spool"] {
        let left = std::fs::read_dir(harness.path("out").join(kind)).unwrap();
        assert_eq!(left.map(|file| file.unwrap().file_name()).collect::<Vec<_>>(), [""; 0], "{kind}");
    }

    // Nothing of the first copies is left in the queue that would keep their texts out.
    harness.juggle(&["queue", "drop"], "out", &["--lane", "fetch", "--yes"]).await.expect(0);
    let more = [elsewhere.path("list.tsv").display().to_string(), "--json".to_owned()];
    let summary = harness.juggle(&["pipeline"], "out", &more).await.expect(0).json();
    assert_eq!(summary["documents"], 6, "{summary}");
    for number in 0..6 {
        let text = std::fs::read(harness.path("out").join(format!("raw/t{number}_raw.txt"))).unwrap();
        assert_eq!(text, std::fs::read(elsewhere.path(&format!("www/t{number}.txt"))).unwrap());
    }
}
