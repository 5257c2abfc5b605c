//! The server that the other tests, and `juggle pipeline`, rely on.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

use reqwest::{Client, Response, StatusCode};
use test_server::{Script, Server};

fn client() -> Client {
    Client::builder().no_proxy().tls_backend_preconfigured(tls()).build().unwrap()
}

fn tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

async fn get(url: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = client().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn served() -> (tempfile::TempDir, Server) {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.txt"), "0123456789").unwrap();
    let server = Server::start(root.path()).unwrap();
    (root, server)
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn a_file_comes_with_type_and_validators() {
    let (_root, server) = served();
    let response = get(&server.url("/a.txt"), &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), "text/plain");
    assert_eq!(header(&response, "content-length"), "10");
    assert!(header(&response, "etag").starts_with('"'));
    assert!(response.headers().contains_key("last-modified"));
    assert_eq!(response.text().await.unwrap(), "0123456789");
    assert_eq!(get(&server.url("/b.txt"), &[]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(&server.url("/"), &[]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.count("/a.txt"), 1);
    assert_eq!(server.requests()[1].status, 404);
}

#[tokio::test]
async fn ranges_hold_only_for_the_version_they_name() {
    let (root, server) = served();
    let url = server.url("/a.txt");
    let etag = header(&get(&url, &[]).await, "etag").to_owned();
    let part = get(&url, &[("range", "bytes=4-"), ("if-range", &etag)]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&part, "content-range"), "bytes 4-9/10");
    assert_eq!(part.text().await.unwrap(), "456789");
    std::fs::write(root.path().join("a.txt"), "abcdefghijk").unwrap();
    let whole = get(&url, &[("range", "bytes=4-"), ("if-range", &etag)]).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_ne!(header(&whole, "etag"), etag);
    assert_eq!(whole.text().await.unwrap(), "abcdefghijk");
    let beyond = get(&url, &[("range", "bytes=11-")]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&beyond, "content-range"), "bytes */11");
}

#[tokio::test]
async fn scripts_are_used_once_each_and_then_the_file_is_served() {
    let (_root, server) = served();
    let url = server.url("/a.txt");
    server
        .respond_once("/a.txt", [Script::empty(503).header("retry-after", "3"), Script::file().cut_after(4)]);
    let refused = get(&url, &[]).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (503, "3"));
    let cut = get(&url, &[]).await;
    assert_eq!(header(&cut, "content-length"), "10");
    assert!(cut.bytes().await.is_err());
    assert_eq!(get(&url, &[]).await.text().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn a_dropped_server_no_longer_answers() {
    let (_root, server) = served();
    let url = server.url("/a.txt");
    assert!(client().get(&url).send().await.is_ok());
    drop(server);
    // The port is closed as soon as the accepting task has been dropped by the runtime.
    while client().get(&url).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
}
