//! Servers that let one wait.

use std::time::Duration;

use flow::failure::Reason;
use test_server::Script;

use crate::harness::{Harness, Raw, Then, retry, text};

#[tokio::test]
async fn a_body_that_stalls_is_given_up_and_can_be_resumed() {
    let mut rig = Harness::new();
    rig.config.idle_timeout = Duration::from_millis(100);
    let body = text(50_000);
    rig.server.respond("/x.txt", Script::bytes(body.clone()));
    let stalling = Script::bytes(body.clone()).stall_after(20_000);
    assert_eq!(retry(rig.scripted([stalling]).await).0, Reason::Timeout);
    assert_eq!(rig.part(), (20_000, true));
    assert_eq!(rig.spooled(&rig.get("/x.txt").await.unwrap().fetched), body);
}

#[tokio::test]
async fn a_body_that_drips_is_given_up_after_the_time_for_all_of_it() {
    let mut rig = Harness::new();
    rig.config.max_time = Duration::from_millis(200);
    let dripping = Script::generated(1_000_000).throttle(1, Duration::from_millis(5));
    assert_eq!(retry(rig.scripted([dripping]).await).0, Reason::Timeout);
    assert!(!rig.is_published());
}

#[tokio::test]
async fn headers_that_never_end_are_given_up() {
    for head in [&b""[..], b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"] {
        let mut rig = Harness::new();
        rig.config.connect_timeout = Duration::from_millis(100);
        rig.config.idle_timeout = Duration::from_millis(100);
        let raw = Raw::start(head, Then::Wait).await;
        rig.config.allow_hosts.push(raw.host.parse().unwrap());
        assert_eq!(retry(rig.fetch(&raw.url).await).0, Reason::Timeout);
    }
}

#[tokio::test]
async fn a_tls_handshake_that_is_not_answered_is_given_up() {
    let mut rig = Harness::new();
    rig.config.connect_timeout = Duration::from_millis(100);
    let raw = Raw::start(b"", Then::Wait).await;
    rig.config.allow_hosts.push(raw.host.parse().unwrap());
    assert_eq!(retry(rig.fetch(&format!("https://{}/", raw.host)).await).0, Reason::Timeout);
}
