//! Proxies, address families, certificates and offline runs.

use std::fs;

use test_server::Script;

use crate::harness::{Ended, Harness};

/// A list of texts of a host that only a proxy could know.
fn unknown_host(harness: &Harness) -> String {
    harness.server.respond("/t0.txt", Script::bytes("words of a book\n"));
    let list = harness.write("far.txt", "http://books.invalid/t0.txt\n");
    list.to_str().unwrap().to_owned()
}

/// Runs the pipeline with these variables.
async fn with_variables(harness: &Harness, out: &str, more: &[&str], variables: &[(&str, String)]) -> Ended {
    let list = unknown_host(harness);
    let mut command = harness.command("juggle", &["pipeline", &list], out);
    command.args(more).args(["--retry", "0", "-vv"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"]
    {
        command.env_remove(name);
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    crate::harness::finish(
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap(),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minimum_above_the_free_space_fetches_nothing_and_keeps_the_jobs() {
    let harness = Harness::of_texts(3, 20);
    let list = harness.path("list.tsv");
    let full = ["--min-free-space", "1000TiB", list.to_str().unwrap()];
    harness
        .juggle(&["pipeline"], "out", &full)
        .await
        .expect_error(9, &["are free", "--min-free-space", "same command"]);
    assert_eq!(harness.server.request_count(), 0);
    assert_eq!(fs::read_dir(harness.path("out/raw")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(harness.path("out/spool")).unwrap().count(), 0);
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&status["pending"], &status["dead"]), (&3.into(), &0.into()));
    harness.juggle(&["pipeline"], "out", &["--min-free-space", "0"]).await.expect(0);
    assert_eq!(harness.tree("out").len(), 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_of_the_environment_is_used_unless_it_is_switched_off() {
    // The server of the harness takes requests in absolute form, as every server must: RFC 9112 §3.2.2.
    let harness = Harness::of_texts(1, 1);
    let proxy = ("http_proxy", format!("http://user:secret@{}", harness.server.addr()));
    for (out, off) in [("off", &["--no-proxy"][..]), ("none", &["--proxy", "off"])] {
        let ended = with_variables(&harness, out, off, std::slice::from_ref(&proxy)).await.expect(4);
        assert!(ended.stdout.contains("dns"), "{}", ended.stdout);
        assert_eq!(harness.server.request_count(), 0);
    }
    let not = ("no_proxy", "books.invalid".to_owned());
    with_variables(&harness, "not", &[], &[proxy.clone(), not.clone()]).await.expect(4);
    with_variables(&harness, "nor", &["--proxy", &proxy.1], &[not]).await.expect(4);
    assert_eq!(harness.server.request_count(), 0);
    let ended = with_variables(&harness, "by", &[], std::slice::from_ref(&proxy)).await.expect(0);
    assert!(!ended.stderr.contains("secret") && !ended.stdout.contains("secret"), "{}", ended.stderr);
    let [request] = &harness.server.requests()[..] else { panic!("one request") };
    assert!(request.headers.contains(&("host".to_owned(), "books.invalid".to_owned())), "{request:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_a_proxy_is_written_nowhere() {
    let harness = Harness::of_texts(1, 1);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flag = format!("http://user:secret@{gone}");
    let ended = with_variables(&harness, "gone", &["--proxy", &flag], &[]).await.expect(4);
    let named = format!("the proxy http://{gone}/");
    assert!(ended.stdout.contains("connect") && ended.stdout.contains(&named), "{}", ended.stdout);
    let list = unknown_host(&harness);
    for (words, code) in [
        (vec!["config", "show", "--proxy", &flag], 0),
        (vec!["config", "show", "--json", "--proxy", &flag], 0),
        (vec!["plan", &list, "--json", "--proxy", &flag], 0),
        (vec!["config", "show", "--proxy", "http://user:secret@p/path"], 2),
        (vec!["queue", "ls", "--json", "--proxy", &flag], 0),
    ] {
        let said = harness.juggle::<&str>(&words, "gone", &[]).await.expect(code);
        assert!(!said.stdout.contains("secret") && !said.stderr.contains("secret"), "{words:?}");
    }
    assert!(!ended.stderr.contains("secret") && !ended.stdout.contains("secret"), "{}", ended.stderr);
    let by_flag = format!("http://user:secret@{}", harness.server.addr());
    let ended = with_variables(&harness, "by", &["--proxy", &by_flag], &[]).await.expect(0);
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    assert!(harness.server.requests()[0].headers.iter().any(|(name, _)| name == "proxy-authorization"));
    for file in ["meta/books.invalid-t0", "logs/arrival/books.invalid-t0"] {
        let (directory, start) = file.rsplit_once('/').unwrap();
        let found =
            fs::read_dir(harness.path("by").join(directory)).unwrap().map(|entry| entry.unwrap().path());
        let found: Vec<_> =
            found.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start)).collect();
        assert!(!fs::read_to_string(&found[0]).unwrap().contains("secret"), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_cannot_be_read_are_named() {
    let harness = Harness::of_texts(1, 5);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    let empty = harness.write("empty.pem", "");
    let empty = empty.to_str().unwrap();
    for (file, words) in [("/nonexistent/ca.pem", "ca.pem"), (empty, "BEGIN CERTIFICATE")] {
        let more = [list, "--ca-certificate", file];
        harness.juggle(&["pipeline"], "out", &more).await.expect_error(3, &[words, "certificates"]);
    }
    assert_eq!(harness.server.request_count(), 0);
    harness.juggle(&["pipeline"], "out", &[list]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn config_show_lists_what_differs_for_single_hosts() {
    let harness = Harness::of_texts(1, 1);
    let file = harness.write("juggle.toml", "[host.\"Example.org\"]\nwait = 9\n");
    let more = ["--config", file.to_str().unwrap()];
    let shown = harness.juggle(&["config", "show"], "out", &more).await.expect(0).stdout;
    assert!(
        shown.lines().any(|line| line.contains("host.\"example.org\".wait") && line.contains("9s")),
        "{shown}"
    );
    harness.write("juggle.toml", "[host.\"Example.org\"]\nretry = 9\n");
    harness
        .juggle(&["config", "show"], "out", &more)
        .await
        .expect_error(2, &["juggle.toml:2", "max_connection_per_server"]);
}
