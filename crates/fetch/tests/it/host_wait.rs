//! Tests that the wait counts from the end of a response, however long it took and however it ended.

use std::time::Duration;

use flow::stage::{Attempt, Ending, Requeue, Stage};
use test_server::Script;

use crate::harness::Harness;

const HOUR_MS: u64 = 3_600_000;
/// The time in milliseconds from the head of a response to its end.
const ANSWER_MS: u64 = 1_000;

/// Returns how long the host is left alone after one response that follows this script, in milliseconds.
async fn pause_after(script: Script) -> u64 {
    let mut rig = Harness::new();
    rig.config.wait = Duration::from_millis(HOUR_MS);
    rig.config.idle_timeout = Duration::from_millis(ANSWER_MS);
    rig.server.respond("/x.txt", script);
    let job = rig.job(&[&rig.server.url("/x.txt")]);
    let report = rig.stage().run(job, Attempt { number: 1, failures: 0 }).await;
    match report.ending {
        Ending::Done(_) | Ending::Retry { .. } | Ending::Requeue(Requeue::Moved { .. }) | Ending::Dead(_) => {
            report.group_pause_ms
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_wait_counts_from_the_end_of_a_body_that_came_whole_or_broke_off() {
    let every = Duration::from_millis(ANSWER_MS / 4);
    let slow = Script::bytes("The river turned the old mill in the rain").throttle(10, every);
    let stalls = Script::bytes("The river turned the mill").stall_after(10);
    let page = Script::bytes("<html>".to_owned() + &"words ".repeat(100)).throttle(200, every);
    for (name, script) in [("whole", slow), ("stalls", stalls), ("a page", page)] {
        let pause_ms = pause_after(script).await;
        let of_head_ms = HOUR_MS - ANSWER_MS / 2;
        assert!(pause_ms > of_head_ms && pause_ms <= HOUR_MS, "{name}: {pause_ms} ms");
    }
}

#[tokio::test]
async fn the_wait_follows_on_redirects_and_refusals_too() {
    for script in [Script::redirect("/y.txt"), Script::empty(404), Script::empty(503)] {
        let pause_ms = pause_after(script).await;
        assert!(pause_ms > HOUR_MS - ANSWER_MS && pause_ms <= HOUR_MS, "{pause_ms} ms");
    }
}
