//! Redirects, and the addresses they may lead to.

use flow::failure::Reason;
use test_server::{Script, Server};

use crate::harness::{Harness, fatal};

fn canary() -> (tempfile::TempDir, Server) {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("x.txt"), "secret").unwrap();
    let server = Server::start(root.path()).unwrap();
    (root, server)
}

#[tokio::test]
async fn redirects_are_followed_to_the_text() {
    let rig = Harness::new();
    rig.server.respond("/d/end.txt", Script::bytes("words"));
    for (n, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let next = if n == 4 { "./d/end.txt#part".to_owned() } else { format!("/{}", n + 1) };
        rig.server.respond(&format!("/{n}"), Script::redirect(&next).status(status));
    }
    let fetched = rig.get("/0").await.unwrap().fetched;
    assert_eq!(rig.spooled(&fetched), b"words");
    assert_eq!(fetched.url, rig.server.url("/0"));
    assert_eq!(fetched.final_url, rig.server.url("/d/end.txt"));
    assert_eq!(rig.server.request_count(), 6);
}

#[tokio::test]
async fn a_loop_of_redirects_ends_after_ten() {
    let rig = Harness::new();
    rig.server.respond("/x.txt", Script::redirect("/x.txt"));
    assert_eq!(fatal(rig.get("/x.txt").await), Reason::Redirect);
    assert_eq!(rig.server.request_count(), 11);
}

#[tokio::test]
async fn redirects_that_cannot_be_followed_are_refused() {
    let rig = Harness::new();
    let local = rig.root.path().join("local.txt");
    std::fs::write(&local, "words").unwrap();
    for location in [
        &*format!("file://{}", local.display()),
        "ftp://a.example/",
        "data:text/plain,x",
        "http://",
        "javascript:0",
    ] {
        assert_eq!(fatal(rig.scripted([Script::redirect(location)]).await), Reason::Redirect, "{location}");
    }
    assert_eq!(fatal(rig.scripted([Script::empty(302)]).await), Reason::Redirect);
    assert_eq!(
        fatal(rig.scripted([Script::empty(302).header("location", "\u{e9}\u{1}")]).await),
        Reason::Redirect
    );
    assert!(!rig.is_published());
}

#[tokio::test]
async fn a_redirect_to_an_address_that_is_not_allowed_contacts_nobody() {
    let rig = Harness::new();
    let (_root, canary) = canary();
    let port = canary.addr().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "127.0.0.2",
    ] {
        let script = Script::redirect(&format!("http://{host}:{port}/x.txt"));
        assert_eq!(fatal(rig.scripted([script]).await), Reason::ForbiddenAddress, "{host}");
        let direct = rig.fetch(&format!("http://{host}:{port}/x.txt")).await;
        assert_eq!(fatal(direct), Reason::ForbiddenAddress, "{host}");
    }
    for metadata in ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://100.100.100.200/"] {
        assert_eq!(fatal(rig.scripted([Script::redirect(metadata)]).await), Reason::ForbiddenAddress);
    }
    assert_eq!(canary.request_count(), 0);
}

#[tokio::test]
async fn an_allowed_host_is_contacted_by_the_name_it_was_allowed_by() {
    let mut rig = Harness::new();
    let (_root, canary) = canary();
    let url = format!("http://localhost:{}/x.txt", canary.addr().port());
    rig.config.allow_hosts.push("localhost:1".parse().unwrap());
    assert_eq!(fatal(rig.fetch(&url).await), Reason::ForbiddenAddress);
    rig.config.allow_hosts.push("localhost".parse().unwrap());
    assert_eq!(rig.spooled(&rig.fetch(&url).await.unwrap().fetched), b"secret");
    assert_eq!(canary.request_count(), 1);
}

#[tokio::test]
async fn a_redirect_target_goes_through_the_mirrors_too() {
    let mut rig = Harness::new();
    rig.config.mirrors =
        vec![format!("http://books.example/files={}/m", rig.server.base_url()).parse().unwrap()];
    rig.server.respond("/m/1.txt", Script::redirect("http://books.example/files/2.txt"));
    rig.server.respond("/m/2.txt", Script::bytes("words"));
    let fetched = rig.fetch("http://books.example/files/1.txt").await.unwrap().fetched;
    assert_eq!(rig.spooled(&fetched), b"words");
    assert_eq!(fetched.url, "http://books.example/files/1.txt");
    assert_eq!(fetched.final_url, rig.server.url("/m/2.txt"));
}

#[tokio::test]
async fn a_password_stays_with_its_host() {
    let mut rig = Harness::new();
    let (_root, other) = canary();
    rig.allow(&other);
    rig.server.respond("/1", Script::redirect("/2"));
    let elsewhere = other.url("/x.txt").replace("http://", "http://evil:thing@");
    rig.server.respond("/2", Script::redirect(&elsewhere));
    let url = rig.server.url("/1").replace("http://", "http://user:secret@");
    let fetched = rig.fetch(&url).await.unwrap().fetched;
    assert_eq!(fetched.final_url, other.url("/x.txt"));
    assert!(rig.server.requests().iter().all(|request| request.header("authorization").is_some()));
    assert_eq!(rig.server.request_count(), 2);
    assert_eq!(other.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_resumed_download_follows_its_redirect_again() {
    let rig = Harness::new();
    let body = crate::harness::text(100_000);
    rig.server.respond("/x.txt", Script::redirect("/y.txt"));
    rig.server.respond("/y.txt", Script::bytes(body.clone()));
    rig.server.respond_once("/y.txt", [Script::bytes(body.clone()).cut_after(40_000)]);
    assert!(rig.get("/x.txt").await.is_err());
    let fetched = rig.get("/x.txt").await.unwrap().fetched;
    assert_eq!(rig.spooled(&fetched), body);
    let ranges: Vec<_> =
        rig.server.requests().iter().map(|request| request.range().map(str::to_owned)).collect();
    assert_eq!(&ranges[..3], [None, None, None]);
    assert!(ranges[3].is_some());
}
