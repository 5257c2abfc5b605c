//! Tests that anything lost or altered between two steps of a run is made again or reported.

use std::fs;

use crate::{harness::Harness, kills::kill_broker};

/// Fetches all texts and stores none.
async fn fetched(harness: &Harness) {
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    harness.juggle::<&str>(&["fetch"], "out", &[]).await.expect(0);
    kill_broker(harness, "out").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_downloads_are_fetched_again_in_the_same_run() {
    let harness = Harness::of_texts(3, 20);
    harness.juggle(&["pipeline"], "undisturbed", &[harness.path("list.tsv")]).await.expect(0);
    fetched(&harness).await;
    for entry in fs::read_dir(harness.path("out/spool")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let requests = harness.server.request_count();
    let ended = harness.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    assert!(ended.stderr.contains("the download of 't0'"), "{}", ended.stderr);
    assert_eq!(harness.server.request_count() - requests, 3);
    assert_eq!(harness.read("out/corpus.lock"), harness.read("undisturbed/corpus.lock"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_download_of_many_is_fetched_again_and_no_other() {
    let harness = Harness::of_texts(3, 20);
    fetched(&harness).await;
    fs::remove_file(harness.path("out/spool/t1.spool")).unwrap();
    harness.juggle::<&str>(&["store"], "out", &[]).await.expect(0);
    kill_broker(&harness, "out").await;
    let requests = harness.server.request_count();
    harness.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    assert_eq!(harness.server.request_count() - requests, 1);
    assert_eq!(harness.tree("out").len(), 3 * 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_snapshot_of_a_list_is_reported_and_nothing_is_fetched_until_it_is_added_again() {
    let harness = Harness::of_texts(2, 5);
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let snapshot = fs::read_dir(harness.path("out/queue/sources")).unwrap().next().unwrap().unwrap().path();
    let altered = fs::read_to_string(&snapshot).unwrap().replace("/t1.txt", "/t0.txt");
    fs::write(&snapshot, altered).unwrap();
    let name = snapshot.file_name().unwrap().to_str().unwrap();
    let ended = harness.juggle::<&str>(&["pipeline"], "out", &[]).await;
    ended.expect_error(
        3,
        &[name, "was changed or removed after the list was added", "Add the source list again"],
    );
    assert_eq!(harness.server.request_count(), 0);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    assert_eq!(harness.tree("out").len(), 2 * 6);
}
