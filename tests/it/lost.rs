//! Tests that anything lost or altered between two steps of a run is made again or reported.

use std::fs;

use crate::{kills::kill_broker, lab::Lab};

/// Fetches all texts and stores none.
async fn fetched(lab: &Lab) {
    lab.juggle(&["add"], "out", &[lab.path("list.tsv")]).await.expect(0);
    lab.juggle::<&str>(&["fetch"], "out", &[]).await.expect(0);
    kill_broker(lab, "out").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_downloads_are_fetched_again_in_the_same_run() {
    let lab = Lab::of_texts(3, 20);
    lab.juggle(&["pipeline"], "undisturbed", &[lab.path("list.tsv")]).await.expect(0);
    fetched(&lab).await;
    for entry in fs::read_dir(lab.path("out/spool")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let requests = lab.server.total();
    let ended = lab.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    assert!(ended.stderr.contains("the downloaded bytes of 't0'"), "{}", ended.stderr);
    assert_eq!(lab.server.total() - requests, 3);
    assert_eq!(lab.read("out/corpus.lock"), lab.read("undisturbed/corpus.lock"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_download_of_many_is_fetched_again_and_no_other() {
    let lab = Lab::of_texts(3, 20);
    fetched(&lab).await;
    fs::remove_file(lab.path("out/spool/t1.spool")).unwrap();
    lab.juggle::<&str>(&["store"], "out", &[]).await.expect(0);
    kill_broker(&lab, "out").await;
    let requests = lab.server.total();
    lab.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    assert_eq!(lab.server.total() - requests, 1);
    assert_eq!(lab.tree("out").len(), 3 * 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_snapshot_of_a_list_is_told_and_nothing_is_fetched_until_it_is_added_again() {
    let lab = Lab::of_texts(2, 5);
    lab.juggle(&["add"], "out", &[lab.path("list.tsv")]).await.expect(0);
    let snapshot = fs::read_dir(lab.path("out/queue/sources")).unwrap().next().unwrap().unwrap().path();
    let altered = fs::read_to_string(&snapshot).unwrap().replace("/t1.txt", "/t0.txt");
    fs::write(&snapshot, altered).unwrap();
    let name = snapshot.file_name().unwrap().to_str().unwrap();
    let ended = lab.juggle::<&str>(&["pipeline"], "out", &[]).await;
    ended.expect_error(3, &[name, "was changed since the list was added", "add the source list again"]);
    assert_eq!(lab.server.total(), 0);
    lab.juggle(&["pipeline"], "out", &[lab.path("list.tsv")]).await.expect(0);
    assert_eq!(lab.tree("out").len(), 2 * 6);
}
