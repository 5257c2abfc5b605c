//! Tests kept connections that the server closes.

use fetch::{list_download::download_list, stage::Fetch};
use flow::{
    failure::Reason,
    payload::{FetchJob, StoreJob},
    stage::{Attempt, Ending, Requeue},
};

use crate::{
    harness::{Harness, Report, Result, retry, run},
    raw_server::{Asked, RawServer, Say, answer, ok},
};

async fn get(rig: &Harness, stage: &Fetch, url: &str, id: &str) -> Result<Vec<StoreJob>> {
    let job = FetchJob { document: id.parse().unwrap(), ..rig.job(&[url]) };
    run(stage, job, Attempt { number: 1, failures: 0 }).await
}

/// Starts a server that answers the first request of each connection and ends the connection at the second,
/// in the way that `end` returns.
async fn second_ends(rig: &mut Harness, end: fn() -> Say) -> RawServer {
    let is_first = |asked: &Asked| asked.request == 1;
    RawServer::start(rig, move |asked| {
        if is_first(asked) { Say::Keep(ok("", format!("words {asked:?}").as_bytes())) } else { end() }
    })
    .await
}

#[tokio::test]
async fn a_kept_connection_that_ends_without_an_answer_costs_no_try() {
    let ends: [fn() -> Say; 3] =
        [|| Say::Close(vec![]), || Say::Reset, || Say::Close(b"HTTP/1.1 200 OK\r\nSer".to_vec())];
    for end in ends {
        let mut rig = Harness::new();
        let talker = second_ends(&mut rig, end).await;
        let stage = rig.stage();
        for id in ["a", "b", "c", "d"] {
            let next = get(&rig, &stage, &talker.url(&format!("/{id}")), id).await.unwrap();
            assert_eq!(next[0].fetched.attempts, 1, "{id}");
        }
        // The first and third connections were kept. The second and fourth replaced them.
        assert_eq!(talker.connections(), 4);
    }
}

#[tokio::test]
async fn a_new_connection_that_ends_without_an_answer_is_a_failure() {
    for reset in [true, false] {
        let mut rig = Harness::new();
        let end = move || if reset { Say::Reset } else { Say::Close(vec![]) };
        let talker = RawServer::start(&mut rig, move |_| end()).await;
        let stage = rig.stage();
        assert_eq!(retry(get(&rig, &stage, &talker.url("/a"), "a").await).0, Reason::Connect);
        assert_eq!(talker.connections(), 1);
    }
}

#[tokio::test]
async fn the_repeat_is_made_once_and_on_a_new_connection() {
    let mut rig = Harness::new();
    let talker = RawServer::start(&mut rig, |asked| match (asked.connection, asked.request) {
        (1, 1) => Say::Keep(ok("", b"words")),
        _ => Say::Close(vec![]),
    })
    .await;
    let stage = rig.stage();
    get(&rig, &stage, &talker.url("/a"), "a").await.unwrap();
    assert_eq!(retry(get(&rig, &stage, &talker.url("/b"), "b").await).0, Reason::Connect);
    assert_eq!(talker.connections(), 2);
}

#[tokio::test]
async fn a_text_comes_where_robots_txt_was_the_last_answer_of_its_connection() {
    let mut rig = Harness::new();
    rig.config.obey_robots = true;
    let talker = second_ends(&mut rig, || Say::Close(vec![])).await;
    let stage = rig.stage();
    let url = talker.url("/a");
    assert!(matches!(
        get(&rig, &stage, &url, "a").await,
        Err(Report { ending: Ending::Requeue(Requeue::Unchanged), .. })
    ));
    get(&rig, &stage, &url, "a").await.unwrap();
    assert_eq!(talker.connections(), 2);
}

#[tokio::test]
async fn a_list_comes_where_its_redirect_was_the_last_answer_of_its_connection() {
    let mut rig = Harness::new();
    let talker = RawServer::start(&mut rig, |asked| match (asked.connection, asked.request) {
        (1, 1) => Say::Keep(answer("302 Found", "Location: /list\r\n", b"")),
        (1, _) => Say::Reset,
        _ => Say::Close(ok("", b"http://a.example/\n")),
    })
    .await;
    let mut list = Vec::new();
    download_list(&rig.config, &talker.url("/"), &mut list).await.unwrap();
    assert_eq!((list.as_slice(), talker.connections()), (&b"http://a.example/\n"[..], 2));
}

#[tokio::test]
async fn a_refresh_is_repeated_with_its_conditions() {
    let mut rig = Harness::new();
    let talker = RawServer::start(&mut rig, |asked| match (asked.connection, asked.request) {
        (1, 1) => Say::Keep(ok("ETag: \"1\"\r\n", b"words")),
        (1, _) => Say::Reset,
        _ if asked.head.to_ascii_lowercase().contains("if-none-match: \"1\"") => {
            Say::Close(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec())
        }
        _ => Say::Close(answer("418 I'm a teapot", "", b"")),
    })
    .await;
    let stage = rig.stage();
    let fetched = get(&rig, &stage, &talker.url("/a"), "a").await.unwrap().remove(0).fetched;
    let stored = flow::payload::Stored {
        final_url: fetched.final_url,
        blake3: fetched.blake3,
        etag: fetched.etag,
        last_modified: fetched.last_modified,
    };
    let job = FetchJob { stored: Some(stored), ..rig.job(&[&talker.url("/a")]) };
    assert_eq!(run(&stage, job, Attempt { number: 1, failures: 0 }).await.unwrap(), []);
}
