//! Texts that are stored and asked for again.

use flow::{
    blobs::BlobKind,
    failure::Reason,
    job::OnDuplicate,
    payload::{FetchJob, Fetched, StoreJob, Stored},
};
use test_server::Script;

use crate::harness::{Harness, fatal, run, text};

/// Returns the stored version of a text that arrived in this way.
fn stored(fetched: &Fetched) -> Stored {
    Stored {
        blake3: fetched.blake3.clone(),
        final_url: fetched.final_url.clone(),
        etag: fetched.etag.clone(),
        last_modified: fetched.last_modified.clone(),
    }
}

/// Fetches a path for the first time, lets the store take it, and gives back the job that asks for it again.
async fn fetched_once(rig: &Harness, path: &str) -> FetchJob {
    let StoreJob { fetched, known, .. } = rig.get(path).await.unwrap();
    assert_eq!(known, OnDuplicate::Absorb);
    rig.blobs.remove(&Harness::name()).unwrap();
    FetchJob { stored: Some(stored(&fetched)), ..rig.job(&[&rig.server.url(path)]) }
}

#[track_caller]
fn assert_nothing_came(rig: &Harness, next: &[StoreJob]) {
    assert_eq!(next, []);
    assert!(!rig.is_published());
    assert_eq!(rig.part(), (0, false));
}

#[tokio::test]
async fn what_has_not_changed_costs_one_conditional_request() {
    let rig = Harness::new();
    std::fs::write(rig.root.path().join("x.txt"), text(10_000)).unwrap();
    let job = fetched_once(&rig, "/x.txt").await;
    let validators = job.stored.clone().unwrap();
    assert_nothing_came(&rig, &rig.tries(job, 0).await.unwrap());
    let [_, again] = &rig.server.requests()[..] else { panic!("one request each") };
    assert_eq!(again.status, 304);
    assert_eq!(again.header("if-none-match"), validators.etag.as_deref());
    assert_eq!(again.header("if-modified-since"), validators.last_modified.as_deref());
    assert_eq!(again.range(), None);
}

#[tokio::test]
async fn what_has_changed_comes_whole_and_renews_what_follows() {
    let rig = Harness::new();
    rig.server.respond_once("/x.txt", [Script::bytes("first"), Script::bytes("second")]);
    let job = fetched_once(&rig, "/x.txt").await;
    let [next] = &rig.tries(job, 0).await.unwrap()[..] else { panic!("a store job follows") };
    assert_eq!(next.known, OnDuplicate::Renew);
    assert_eq!(rig.spooled(&next.fetched), b"second");
}

#[tokio::test]
async fn the_same_bytes_are_not_taken_again_whatever_the_server_says() {
    for (first, again) in [
        (Script::bytes("same"), Script::bytes("same").without_conditions()),
        (Script::bytes("same"), Script::bytes("same").header("etag", "\"other\"")),
        (Script::bytes("same").header("etag", ""), Script::bytes("same").header("etag", "")),
    ] {
        let rig = Harness::new();
        rig.server.respond_once("/x.txt", [first, again]);
        let job = fetched_once(&rig, "/x.txt").await;
        let has_validators = job.stored.as_ref().is_some_and(|stored| stored.etag.is_some());
        assert_nothing_came(&rig, &rig.tries(job, 0).await.unwrap());
        let again = &rig.server.requests()[1];
        assert_eq!((again.status, again.header("if-none-match").is_some()), (200, has_validators));
    }
}

#[tokio::test]
async fn a_weak_tag_or_a_date_alone_is_a_condition() {
    for fields in [
        [("etag", "W/\"w\""), ("last-modified", "")],
        [("etag", ""), ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")],
    ] {
        let rig = Harness::new();
        let script =
            fields.iter().fold(Script::bytes("x"), |script, (name, value)| script.header(name, value));
        rig.server.respond("/x.txt", script);
        let job = fetched_once(&rig, "/x.txt").await;
        assert_nothing_came(&rig, &rig.tries(job, 0).await.unwrap());
        assert_eq!(rig.server.requests()[1].status, 304, "{fields:?}");
    }
}

#[tokio::test]
async fn conditions_go_to_the_url_that_gave_the_text_only() {
    let rig = Harness::new();
    rig.server.respond("/x.txt", Script::redirect("/y.txt"));
    rig.server.respond("/y.txt", Script::bytes("moved"));
    let job = fetched_once(&rig, "/x.txt").await;
    assert_nothing_came(&rig, &rig.tries(job.clone(), 0).await.unwrap());
    let requests = rig.server.requests();
    let asked: Vec<_> = requests[2..].iter().map(|r| (r.path.as_str(), r.header("if-none-match"))).collect();
    let etag = job.stored.as_ref().and_then(|stored| stored.etag.as_deref());
    assert!(etag.is_some());
    assert_eq!(asked, [("/x.txt", None), ("/y.txt", etag)]);
    let elsewhere = FetchJob { urls: vec![rig.server.url("/z.txt")], ..job };
    rig.server.respond("/z.txt", Script::bytes("moved"));
    assert_nothing_came(&rig, &rig.tries(elsewhere, 0).await.unwrap());
    assert_eq!(rig.server.requests()[4].header("if-none-match"), None);
}

#[tokio::test]
async fn an_unasked_304_is_a_failure() {
    let rig = Harness::new();
    rig.server.respond_once("/x.txt", [Script::bytes("x").header("etag", ""), Script::empty(304)]);
    let job = fetched_once(&rig, "/x.txt").await;
    assert_eq!(fatal(rig.tries(job, 0).await), Reason::HttpStatus);
}

#[tokio::test]
async fn what_broke_off_is_resumed_without_conditions() {
    let rig = Harness::new();
    let (old, new) = (text(20_000), text(30_000));
    rig.server.respond_once("/x.txt", [Script::bytes(old), Script::bytes(new.clone()).cut_after(20_000)]);
    rig.server.respond("/x.txt", Script::bytes(new.clone()));
    let job = fetched_once(&rig, "/x.txt").await;
    rig.tries(job.clone(), 0).await.unwrap_err();
    assert!(rig.part().1, "a part waits");
    let next = rig.tries(job, 1).await.unwrap();
    assert_eq!(rig.spooled(&next[0].fetched), new);
    let rest = &rig.server.requests()[2];
    assert!(rest.range().is_some());
    assert_eq!((rest.status, rest.header("if-none-match")), (206, None));
}

#[tokio::test]
async fn a_local_file_is_compared_with_what_is_stored() {
    let rig = Harness::new();
    let path = rig.root.path().join("local.txt");
    std::fs::write(&path, "one").unwrap();
    let url = url::Url::from_file_path(&path).unwrap();
    let fetched = rig.fetch(url.as_str()).await.unwrap().fetched;
    rig.blobs.remove(&Harness::name()).unwrap();
    let job = FetchJob { stored: Some(stored(&fetched)), ..rig.job(&[url.as_str()]) };
    assert_nothing_came(&rig, &rig.tries(job.clone(), 0).await.unwrap());
    std::fs::write(&path, "two").unwrap();
    assert_eq!(rig.tries(job, 0).await.unwrap()[0].known, OnDuplicate::Renew);
}

#[tokio::test]
async fn texts_that_others_hold_too_are_no_sign_of_a_ban_where_they_are_stored() {
    let rig = Harness::new();
    rig.server.respond("/x.txt", Script::bytes("the same for all").without_conditions());
    let job = fetched_once(&rig, "/x.txt").await;
    let stage = rig.stage();
    for id in ["a", "b", "c", "d"] {
        let job = FetchJob { document: id.parse().unwrap(), ..job.clone() };
        let attempt = flow::stage::Attempt { number: 1, failures: 0 };
        assert_eq!(run(&stage, job, attempt).await.unwrap(), []);
    }
    assert_eq!(rig.blobs.list(BlobKind::Spool).unwrap(), []);
}
