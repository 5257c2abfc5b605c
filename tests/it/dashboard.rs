//! The dashboard over HTTP: what it refuses, what it says, and what it changes.

use std::{fs, net::SocketAddr, process::Stdio};

use serde_json::{Value, json};
use test_server::Script;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    task::JoinSet,
};

use crate::harness::{Ended, Harness, finish};

const NOTHING: &[&str] = &[];
const TOKEN: &str = "0123456789abcdef-token";

/// A dashboard in a process of its own.
struct Dashboard {
    address: SocketAddr,
    _child: Child,
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

fn command(harness: &Harness) -> Command {
    let mut command = harness.command("juggle", &["dashboard"], "out");
    command.env("JUGGLE_DASHBOARD_TOKEN", TOKEN).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Dashboard {
    async fn of(harness: &Harness) -> Self {
        let mut child = command(harness).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next_line().await.unwrap().expect("the URL is printed");
        let address =
            url.strip_prefix("http://").and_then(|rest| rest.strip_suffix(&format!("/?token={TOKEN}")));
        Self { address: address.unwrap_or_else(|| panic!("{url}")).parse().unwrap(), _child: child }
    }

    /// Sends a request as it stands, and reads to the end of the connection.
    async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The answer may come before the whole request is read.
        drop(stream.write_all(request).await);
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes).await);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        let host = self.address.to_string();
        let has = |wanted: &str| headers.iter().any(|(name, _)| *name == wanted);
        if !has("host") {
            request += &format!("host: {host}\r\n");
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            request += &format!("content-length: {}\r\n", body.len());
        }
        self.raw(format!("{request}\r\n{body}").as_bytes()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[("x-juggle-token", TOKEN)], "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("x-juggle-token", TOKEN), ("content-type", "application/json")];
        self.request("POST", path, &headers, &body.to_string()).await
    }
}

/// A run with a text, one that was not found, and one with an error of its server.
async fn with_failures() -> Harness {
    let harness = Harness::of_texts(3, 5);
    harness.server.respond("/t1.txt", Script::empty(404));
    harness.server.respond("/t2.txt", Script::empty(500));
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline", list.to_str().unwrap()], "out", &["--retry", "0"]).await.expect(8);
    harness
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_come_from_the_operator_is_refused() {
    let harness = with_failures().await;
    let dashboard = Dashboard::of(&harness).await;
    let token = ("x-juggle-token", TOKEN);
    let foreign = ("origin", "http://evil.example");
    let wrong = ("x-juggle-token", "0123456789abcdef-tokem");
    let json = ("content-type", "application/json");
    let pause = r#"{"lane":"fetch"}"#;
    for (status, method, path, headers, body) in [
        (401, "GET", "/", &[][..], ""),
        (401, "GET", "/", &[wrong], ""),
        (401, "GET", "/nowhere", &[], ""),
        (401, "GET", "/script.js", &[], ""),
        (401, "GET", "/metrics", &[], ""),
        (401, "GET", "/events", &[], ""),
        (401, "POST", "/api/pause", &[json], pause),
        (403, "GET", "/", &[token, ("host", "evil.example")], ""),
        (403, "POST", "/api/pause", &[token, foreign, json], pause),
        (403, "GET", "/events", &[token, foreign], ""),
        (404, "GET", "/nowhere", &[token], ""),
        (404, "GET", "/documents/..%2F..%2Fetc%2Fpasswd", &[token], ""),
        (404, "GET", "/documents/none", &[token], ""),
        (405, "POST", "/", &[token], ""),
        (405, "GET", "/api/pause", &[token], ""),
        (405, "DELETE", "/api/jobs", &[token], ""),
        (415, "POST", "/api/pause", &[token, ("content-type", "text/plain")], pause),
        (422, "POST", "/api/pause", &[token, json], r#"{"lane":"none"}"#),
        (422, "POST", "/api/pause", &[token, json], r#"{"lane":"fetch","more":1}"#),
        (400, "POST", "/api/pause", &[token, json], "{"),
        (400, "GET", "/api/jobs?lane=none", &[token], ""),
        (400, "GET", "/api/jobs?unknown=1", &[token], ""),
    ] {
        let answer = dashboard.request(method, path, headers, body).await;
        assert_eq!(answer.status, status, "{method} {path} {headers:?}: {}{}", answer.head, answer.body);
        let all = format!("{}{}", answer.head, answer.body);
        assert!(!all.contains(TOKEN) && !all.contains("t1") && !all.contains("panicked"), "{all}");
    }
    let stats = harness.juggle(&["status", "--json"], "out", NOTHING).await.expect(0).json();
    assert_eq!(stats["lanes"]["fetch"]["paused"], false, "no refused request has changed anything");
    let first = dashboard.request("GET", &format!("/?token={TOKEN}"), &[], "").await;
    assert_eq!(first.status, 200);
    let cookie =
        format!("set-cookie: juggle-{}={TOKEN}; Path=/; HttpOnly; SameSite=Strict", dashboard.address.port());
    assert!(first.head.contains(&cookie) && !first.body.contains(TOKEN), "{}{}", first.head, first.body);
    let wrong = dashboard.get("/?token=0123456789abcdef-wrong").await;
    assert!(wrong.status == 200 && !wrong.head.contains("set-cookie"), "{}", wrong.head);
    let page = dashboard.get("/").await;
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
    assert!(
        !page.head.contains("unsafe") && !page.body.contains("style=") && !page.body.contains(" onclick")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_and_a_thousand_idle_connections_are_bounded() {
    let harness = with_failures().await;
    let dashboard = Dashboard::of(&harness).await;
    let head = format!(
        "POST /api/retry HTTP/1.1\r\nhost: {}\r\nx-juggle-token: {TOKEN}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: 10485760\r\n\r\n",
        dashboard.address
    );
    let large = [head.as_bytes(), &vec![b' '; 10 << 20]].concat();
    let answer = dashboard.raw(&large).await;
    assert!([413, 0].contains(&answer.status), "{}", answer.head);
    let long = dashboard.get(&format!("/documents?q={}", "x".repeat(100_000))).await;
    assert!([414, 431, 0].contains(&long.status), "{}", long.head);
    let mut idle = JoinSet::new();
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(dashboard.address).await.unwrap();
        idle.spawn(async move {
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.is_ok() && answer == *b"HTTP/1.1 503"
        });
    }
    // Those that are not refused stay open and have no answer.
    let mut refused = 0;
    while refused < 1_000 - 128 {
        refused += u32::from(idle.join_next().await.expect("more are refused").unwrap());
    }
    drop(idle);
    loop {
        let answer = dashboard.get("/api/status").await;
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 503, "{}", answer.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_queries_of_pages_are_answered_by_pages() {
    let harness = with_failures().await;
    let dashboard = Dashboard::of(&harness).await;
    for path in
        ["/lanes?lane=none", "/lanes?unknown=1", "/documents?only=x", "/failures?after=x", "/hosts?x=1"]
    {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert!(answer.body.starts_with("<!DOCTYPE html>"), "{path}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_status_and_the_report_say() {
    let harness = with_failures().await;
    let dashboard = Dashboard::of(&harness).await;
    let said = dashboard.get("/api/status").await.json();
    let status = harness.juggle(&["status", "--json"], "out", NOTHING).await.expect(0).json();
    assert_eq!(said, status);
    assert_eq!((&said["dead"], &said["requests"]["total"]["requests"]), (&json!(2), &json!(3)));
    let host = &said["requests"]["hosts"][harness.server.addr().to_string()];
    assert_eq!((&host["failed"], &host["requests"]), (&json!(2), &json!(3)));
    let dead = dashboard.get("/api/jobs?state=dead&limit=1").await.json();
    assert_eq!(dead["jobs"].as_array().unwrap().len(), 1);
    let next = dead["next"].as_str().unwrap();
    let more = dashboard.get(&format!("/api/jobs?state=dead&limit=1&after={next}")).await.json();
    assert_ne!(more["jobs"][0]["id"], dead["jobs"][0]["id"]);
    let document = dashboard.get("/api/documents/t0").await.json();
    assert_eq!(document["jobs"].as_array().unwrap().len(), 3);
    assert_eq!(document["attempts"][0]["status"], 200);
    assert!(!document["text_begins"][0].as_str().unwrap().is_empty());
    assert_eq!(document["meta"]["document"], "t0");
    for page in ["/", "/lanes", "/hosts", "/documents", "/documents/t1", "/failures"] {
        let answer = dashboard.get(page).await;
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.body.contains("2 failed."), "{page}: {}", answer.body);
    }
    // The stream begins with the state of now.
    let mut stream = TcpStream::connect(dashboard.address).await.unwrap();
    let request =
        format!("GET /events HTTP/1.1\r\nhost: {}\r\nx-juggle-token: {TOKEN}\r\n\r\n", dashboard.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let data = loop {
        let line = lines.next_line().await.unwrap().expect("an event comes");
        if let Some(data) = line.strip_prefix("data: ") {
            break data.to_owned();
        }
    };
    assert_eq!(serde_json::from_str::<Value>(&data).unwrap(), status);
    let report = harness.juggle(&["report", "--json"], "out", NOTHING).await.expect(0).json();
    assert_eq!(report["documents"], status["lanes"]["process"]["done"]);
    let page = harness.read("out/report.html");
    assert!(page.contains("2 documents</span> failed.") || page.contains("2 documents"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_lanes_are_changed_as_asked_and_nothing_else() {
    let harness = with_failures().await;
    let dashboard = Dashboard::of(&harness).await;
    for (status, body) in [
        (400, json!({})),
        (400, json!({ "ids": [] })),
        (400, json!({ "filter": {} })),
        (400, json!({ "ids": ["t1"], "filter": { "lane": "fetch" } })),
        (404, json!({ "ids": ["t1", "t9"] })),
        (422, json!({ "filter": { "lane": "none" } })),
        (422, json!({ "filter": { "state": "done" } })),
    ] {
        for path in ["/api/retry", "/api/drop"] {
            let answer = dashboard.post(path, &body).await;
            assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
            assert!(answer.json()["error"].is_string(), "{}", answer.body);
        }
    }
    let dead = async || dashboard.get("/api/jobs?state=dead").await.json()["jobs"].as_array().unwrap().len();
    assert_eq!(dead().await, 2);
    let by_kind = json!({ "filter": { "lane": "fetch", "kind": "404 Not Found" } });
    assert_eq!(dashboard.post("/api/retry", &by_kind).await.json(), json!({ "changed": 1 }));
    assert_eq!(dead().await, 1);
    let dropped = dashboard.post("/api/drop", &json!({ "filter": { "reason": "http_status" } })).await;
    assert_eq!(dropped.json(), json!({ "changed": 1 }), "only what failed is dropped");
    assert_eq!(dashboard.post("/api/retry", &json!({ "ids": ["t0"] })).await.json(), json!({ "changed": 0 }));
    let paused = dashboard.post("/api/pause", &json!({ "lane": "fetch" })).await.json();
    assert_eq!(paused, json!({ "lane": "fetch", "paused": true }));
    let said = dashboard.get("/api/status").await.json();
    assert_eq!(said["lanes"]["fetch"]["paused"], true, "an answer never is older than a change before it");
    let status = harness.juggle(&["status", "--json"], "out", NOTHING).await.expect(0).json();
    let fetch = &status["lanes"]["fetch"];
    assert_eq!(
        (&fetch["ready"], &fetch["dead"], &fetch["done"], &fetch["paused"]),
        (&json!(1), &json!(0), &json!(1), &json!(true))
    );
    dashboard.post("/api/resume", &json!({ "lane": "fetch" })).await;
    let log = harness.juggle(&["log", "--json"], "out", NOTHING).await.expect(0).stdout;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let changes = lines.iter().filter(|line| line["document"].is_null());
    let changes: Vec<_> =
        changes.map(|line| (line["event"].as_str().unwrap(), line["count"].as_u64())).collect();
    assert_eq!(changes, [("retried", Some(1)), ("dropped", Some(1)), ("paused", None), ("resumed", None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_on_a_page_in_the_log_or_in_the_report() {
    let harness = Harness::of_texts(2, 5);
    harness.server.respond("/t1.txt?key=hunter2", Script::empty(404));
    let list: String = (0..2).map(|n| format!("http://texts.example/t{n}.txt?key=hunter2\t{n}\n")).collect();
    let list = harness.write("secret.tsv", &format!("url\tid\n{list}"));
    let mut run = harness.command("juggle", &["pipeline", list.to_str().unwrap(), "--retry", "0"], "out");
    run.env("http_proxy", format!("http://user:hunter2@{}", harness.server.addr()));
    let ended = Ended::of(run.output().await.unwrap()).expect(8);
    assert!(!ended.stdout.contains("user:hunter2") && !ended.stderr.contains("user:hunter2"));
    let dashboard = Dashboard::of(&harness).await;
    for path in [
        "/",
        "/lanes",
        "/hosts",
        "/documents",
        "/documents/0",
        "/documents/1",
        "/failures",
        "/metrics",
        "/api/status",
        "/api/jobs",
    ] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("hunter2") && !answer.body.contains(TOKEN), "{path}: {}", answer.body);
    }
    harness.juggle(&["report"], "out", NOTHING).await.expect(0);
    for file in ["out/report.html", "out/logs/events.jsonl"] {
        assert!(!harness.read(file).contains("hunter2"), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_help_and_type_and_the_sample_for_grafana_uses_them() {
    let harness = with_failures().await;
    let dashboard = Dashboard::of(&harness).await;
    let answer = dashboard.get("/metrics").await;
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    let (mut helped, mut typed, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for line in answer.body.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["#", "HELP", name, ..] => helped.push(name),
            ["#", "TYPE", name, kind] => {
                assert_eq!(helped.last(), Some(&name));
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
                typed.push(name);
            }
            [sample, value] => {
                let name = sample.split('{').next().unwrap();
                assert_eq!(typed.last(), Some(&name), "a sample follows its type");
                value.parse::<f64>().unwrap();
                seen.push(name);
            }
            _ => panic!("{line}"),
        }
    }
    assert!(answer.body.contains("juggle_jobs{lane=\"fetch\",state=\"dead\"} 2\n"), "{}", answer.body);
    assert!(answer.body.contains("juggle_up 1\n") && answer.body.contains("juggle_requests_total 3\n"));
    let repository = crate::harness::data().join("..");
    let page = fs::read_to_string(repository.join("docs/looking.md")).unwrap();
    for name in typed.iter().chain(&["juggle_seconds_left"]) {
        assert!(page.contains(&format!("`{name}")), "docs/looking.md does not name {name}");
    }
    let grafana = fs::read_to_string(repository.join("docs/grafana.json")).unwrap();
    let grafana: Value = serde_json::from_str(&grafana).unwrap();
    let panels = grafana["panels"].as_array().unwrap();
    let expressions = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .map(|target| target["expr"].as_str().unwrap());
    for expression in expressions {
        let names = expression
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("juggle_"));
        for name in names {
            assert!(typed.contains(&name) || name == "juggle_seconds_left", "{name} in {expression}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_a_dashboard_is_said_with_what_to_do() {
    let harness = Harness::of_texts(1, 5);
    harness.juggle(&["dashboard"], "none", NOTHING).await.expect_error(3, &["there is no run", "-o DIR"]);
    let harness = with_failures().await;
    let first = Dashboard::of(&harness).await;
    let taken = first.address.to_string();
    let refused = harness.juggle(&["dashboard"], "out", &["--listen", &taken]).await;
    refused.expect_error(2, &[&taken, "--listen"]);
    let far = harness.juggle(&["dashboard"], "out", &["--listen", "192.0.2.1:0"]).await;
    far.expect_error(2, &["192.0.2.1:0", "127.0.0.1:0"]);
    let mut weak = command(&harness);
    weak.env("JUGGLE_DASHBOARD_TOKEN", "short");
    let ended = weak.output().await.unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("at least 16"));
    // The queue is replaced by one of a later version while somebody looks.
    fs::write(harness.path("out/queue/VERSION"), "99\n").unwrap();
    let page = loop {
        let page = first.get("/").await;
        if page.status != 200 {
            break page;
        }
    };
    assert_eq!(page.status, 503);
    assert!(
        page.body.contains("The queue cannot be read.") && page.body.contains("version"),
        "{}",
        page.body
    );
    assert_eq!(first.get("/api/status").await.status, 503);
    assert!(first.get("/metrics").await.body.contains("juggle_up 0\n"));
    let changed = first.post("/api/pause", &json!({ "lane": "fetch" })).await;
    assert_eq!(changed.status, 503, "{}", changed.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_of_a_pipeline_ends_with_it() {
    let harness = Harness::of_texts(3, 5);
    let list = harness.path("list.tsv");
    let mut command =
        harness.command("juggle", &["pipeline", list.to_str().unwrap(), "--dashboard", "--json"], "out");
    command.env("JUGGLE_DASHBOARD_TOKEN", TOKEN).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = finish(command.spawn().unwrap()).await.expect(0);
    assert!(ended.json().is_object(), "{}", ended.stdout);
    let url = ended.stderr.lines().find_map(|line| line.strip_prefix("Dashboard: http://")).unwrap();
    let address: SocketAddr = url.split('/').next().unwrap().parse().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!ended.stderr.contains("still in use"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_steers_a_pipeline_in_another_process() {
    let harness = Harness::of_texts(20, 5);
    for number in 0..20 {
        let slow = Script::file().delay(std::time::Duration::from_millis(50));
        harness.server.respond(&format!("/t{number}.txt"), slow);
    }
    let list = harness.path("list.tsv");
    let mut command =
        harness.command("juggle", &["pipeline", list.to_str().unwrap(), "-j", "1", "-x", "1"], "out");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while harness.server.request_count() == 0 {
        tokio::task::yield_now().await;
    }
    let dashboard = Dashboard::of(&harness).await;
    assert_eq!(dashboard.post("/api/pause", &json!({ "lane": "fetch" })).await.status, 200);
    let status = loop {
        let status = dashboard.get("/api/status").await.json();
        if status["lanes"]["fetch"]["leased"] == 0 {
            break status;
        }
    };
    let (done, left) = (&status["lanes"]["fetch"]["done"], &status["lanes"]["fetch"]["ready"]);
    assert_eq!(done.as_u64().unwrap() + left.as_u64().unwrap(), 20, "{status}");
    assert!(left.as_u64().unwrap() > 0 && status["workers"]["fetch"].as_u64().unwrap() > 0, "{status}");
    assert!(dashboard.get("/lanes").await.body.contains("Resume the fetch lane"));
    assert_eq!(dashboard.post("/api/resume", &json!({ "lane": "fetch" })).await.status, 200);
    let ended = finish(child).await.expect(0);
    assert!(ended.stdout.contains("20 documents"), "{}", ended.stdout);
    assert_eq!(harness.server.request_count(), 20);
}
