//! The events of attempts.

use std::future::ready;

use super::harness::{Harness, Input, Next, Ran};
use crate::{
    events::{EventKind, RequestFacts},
    failure::{Failure, Reason},
    lane::Lane,
    queue::QueueAdmin,
    shutdown::Phase,
    stage::{Ending, Report, Requeue},
};

fn report(ending: Ending<Input, Next>) -> Ran {
    Err(ending.into())
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_one_event_with_its_end() {
    let harness = Harness::with(&["a", "b", "c", "d"]).await;
    let ran = harness.run(async |input: Input, attempt| match (input.key.as_str(), attempt.number) {
        ("a", 1) => report(Ending::retry(Reason::Timeout, "slow")),
        ("b", _) => report(Ending::dead(Reason::NotText, "a page")),
        ("c", 1) => report(Ending::Requeue(Requeue::Unchanged)),
        ("d", 1) => {
            let why = Failure::new(Reason::Redirect, "elsewhere");
            report(Ending::Requeue(Requeue::Moved { why, job: Box::new(input) }))
        }
        _ => Ok(Vec::new()),
    });
    ran.await.unwrap();
    let mut told = harness.events.told();
    told.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let event = |key: &str, attempt, what, reason| (key.to_owned(), attempt, what, reason);
    assert_eq!(
        told,
        [
            event("a", 1, EventKind::Retry, Some(Reason::Timeout)),
            event("a", 2, EventKind::Done, None),
            event("b", 1, EventKind::Dead, Some(Reason::NotText)),
            event("c", 1, EventKind::Requeued, None),
            event("c", 2, EventKind::Done, None),
            event("d", 1, EventKind::Moved, Some(Reason::Redirect)),
            event("d", 2, EventKind::Done, None),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_has_the_request_and_a_pause_the_failure_of_a_dead_job() {
    let mut harness = Harness::with(&["a", "b"]).await;
    harness.config.concurrency = 1;
    let request = RequestFacts { url: "http://h/a".into(), status: Some(429), bytes: 7 };
    let (sent, trigger) = (request.clone(), harness.trigger.clone());
    let ran = harness.run(move |_, _| {
        // Otherwise the worker would wait for the end of the pause.
        trigger.advance(Phase::Draining);
        let dead = Report::from(Ending::dead(Reason::HttpStatus, "429"));
        ready(Err(dead.pausing_group(9_000).with_request(Some(sent.clone()))))
    });
    ran.await.unwrap();
    assert_eq!(harness.events.requests(), [Some(request)]);
    let details = harness.queue.details().await.unwrap();
    let pause = details.lanes[Lane::Fetch.index()].groups[0].pause.clone().unwrap();
    assert_eq!(pause.why, Some(Failure::new(Reason::HttpStatus, "429")));
}
