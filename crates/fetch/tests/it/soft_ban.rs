//! Hosts that answer with something else than texts, again and again.

use fetch::{politeness::soft_ban::REST, stage::Fetch};
use flow::{
    failure::{Failure, Reason},
    payload::{FetchJob, StoreJob},
    stage::{Attempt, Ending, Requeue},
};
use test_server::Script;

use crate::harness::{Harness, Report, Result, fatal, retry, run, text};

const CAPTCHA: &str = "<!DOCTYPE html><html><title>Are you human?</title>";

struct Host {
    rig: Harness,
    stage: Fetch,
}

impl Host {
    fn new() -> Self {
        let mut rig = Harness::new();
        rig.config.hosts_directory = Some(rig.root.path().join("hosts"));
        let stage = rig.stage();
        Self { rig, stage }
    }

    async fn get(&self, id: &str, failures: u32) -> Result<Vec<StoreJob>> {
        let job = self.rig.job(&[&self.rig.server.url(&format!("/{id}"))]);
        let job = FetchJob { document: id.parse().unwrap(), ..job };
        run(&self.stage, job, Attempt { number: failures + 1, failures }).await
    }

    fn gives(&self, id: &str, script: Script) {
        self.rig.server.respond(&format!("/{id}"), script);
    }
}

/// Returns whether the text is requested again, without counting as a failure.
fn is_once_more(result: Result<Vec<StoreJob>>) -> bool {
    let is_it = |failure: &Failure| failure.reason == Reason::SoftBan;
    matches!(
        result,
        Err(Report { ending: Ending::Requeue(Requeue::Rerouted { failure, .. }), group_pause_ms: 0, .. })
            if is_it(&failure)
    )
}

fn is_left_alone(result: Result<Vec<StoreJob>>) -> bool {
    match result {
        Err(Report {
            ending: Ending::Requeue(Requeue::Rerouted { failure, job, .. }),
            group_pause_ms,
            ..
        }) => {
            assert_eq!(failure.reason, Reason::SoftBan, "{failure}");
            assert_eq!(u128::from(group_pause_ms), REST.as_millis());
            assert!(job.redirected.is_none() && job.candidate == 0);
            true
        }
        _ => false,
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_text_is_tried_once_more_and_then_told() {
    let host = Host::new();
    host.gives("a", Script::bytes(CAPTCHA));
    assert_eq!(retry(host.get("a", 0).await).0, Reason::NotText);
    assert_eq!(fatal(host.get("a", 1).await), Reason::NotText);
    host.gives("b", Script::bytes("words").header("content-type", "text/html"));
    assert_eq!(retry(host.get("b", 0).await).0, Reason::NotText);
}

#[tokio::test]
async fn after_three_pages_the_host_is_left_alone_and_no_text_is_lost() {
    let host = Host::new();
    for id in ["a", "b", "c"] {
        host.gives(id, Script::bytes(CAPTCHA).header("content-type", "text/plain"));
    }
    assert_eq!(retry(host.get("a", 0).await).0, Reason::NotText);
    assert_eq!(retry(host.get("b", 0).await).0, Reason::NotText);
    assert!(is_left_alone(host.get("c", 0).await));
    assert_eq!(host.rig.server.request_count(), 3);
    assert!(is_left_alone(host.get("a", 1).await), "its second try, after the rest");
    host.gives("a", Script::bytes("words"));
    assert!(host.get("a", 1).await.is_ok());
    assert_eq!(retry(host.get("b", 0).await).0, Reason::NotText);
}

#[tokio::test]
async fn the_same_notice_for_three_texts_leaves_the_host_alone() {
    let host = Host::new();
    for id in ["a", "b", "c", "d"] {
        host.gives(id, Script::bytes("Too many requests. Come back later."));
    }
    assert!(host.get("a", 0).await.is_ok(), "one cannot be told from a short text");
    assert!(is_once_more(host.get("b", 0).await));
    assert!(is_left_alone(host.get("c", 0).await));
    assert!(is_left_alone(host.get("d", 0).await));
    host.gives("b", Script::bytes(text(1000)));
    assert!(host.get("b", 1).await.is_ok());
}

#[tokio::test]
async fn two_copies_of_a_text_are_taken() {
    let host = Host::new();
    for id in ["a", "b"] {
        host.gives(id, Script::bytes("The same poem."));
    }
    assert!(host.get("a", 0).await.is_ok());
    assert!(is_once_more(host.get("b", 0).await));
    assert!(host.get("b", 0).await.is_ok());
}
