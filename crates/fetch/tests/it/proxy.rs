//! A real proxy between the stage and the server.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use flow::{failure::Reason, stage::Ending};
use test_server::Script;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::harness::{Harness, Report, fatal, text};

/// A proxy that forwards requests in absolute form to one server, whatever host they name, as if it had name
/// servers of its own. It notes the head of each request.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                forward(stream, to, &noted).await;
            }
        });
        Self { address, heads, task }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request of one connection.
async fn forward(stream: TcpStream, to: SocketAddr, heads: &Mutex<Vec<String>>) {
    let mut client = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).await.unwrap() == 0 {
            return;
        }
    }
    heads.lock().unwrap().push(head.clone());
    let target = head.split(' ').nth(1).unwrap().strip_prefix("http://").unwrap();
    let (host, path) = target.split_at(target.find('/').unwrap());
    let mut server = TcpStream::connect(to).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    server.write_all(request.as_bytes()).await.unwrap();
    tokio::io::copy(&mut server, client.get_mut()).await.unwrap();
}

#[tokio::test]
async fn requests_go_to_the_proxy_in_absolute_form_with_its_password() {
    let mut rig = Harness::new();
    let proxy = Proxy::start(rig.server.addr()).await;
    rig.config.proxy = format!("http://user:secret@{}", proxy.address).parse().unwrap();
    let body = text(300_000);
    rig.server.respond("/x.txt", Script::bytes(body.clone()));
    let stored = rig.fetch("http://books.example/x.txt").await.unwrap();
    assert_eq!(rig.spooled(&stored.fetched), body);
    assert_eq!(stored.fetched.final_url, "http://books.example/x.txt");
    let [head] = &proxy.heads()[..] else { panic!("one request") };
    assert!(head.starts_with("GET http://books.example/x.txt HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\nproxy-authorization: basic dxnlcjpzzwnyzxq=\r\n"), "{head}");
}

#[tokio::test]
async fn this_machine_and_private_addresses_are_no_business_of_the_proxy() {
    let mut rig = Harness::new();
    let proxy = Proxy::start(rig.server.addr()).await;
    rig.config.proxy = format!("http://{}", proxy.address).parse().unwrap();
    rig.server.respond("/x.txt", Script::bytes("words"));
    rig.get("/x.txt").await.unwrap();
    assert_eq!(fatal(rig.fetch("http://10.0.0.1/x.txt").await), Reason::ForbiddenAddress);
    assert_eq!(fatal(rig.fetch("http://localhost:1/x.txt").await), Reason::ForbiddenAddress);
    assert!(proxy.heads().is_empty());
    // Nor does a redirect that comes through it lead to them.
    rig.server.respond("/away", Script::redirect("http://169.254.169.254/latest"));
    assert_eq!(fatal(rig.fetch("http://books.example/away").await), Reason::ForbiddenAddress);
    assert_eq!(proxy.heads().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_is_named_without_its_password() {
    let mut rig = Harness::new();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let unknown = format!("{}.example", "x".repeat(64));
    for proxy in [gone.to_string(), unknown] {
        rig.config.proxy = format!("http://user:secret@{proxy}").parse().unwrap();
        for url in ["http://books.example/x.txt", "https://books.example/x.txt"] {
            let Err(Report { ending: Ending::Retry { failure, .. }, .. }) = rig.fetch(url).await else {
                panic!("{url}")
            };
            assert_eq!(failure.reason, Reason::Connect, "{failure}");
            assert!(failure.message.contains(&format!("the proxy http://{proxy}/")), "{failure}");
            assert!(failure.message.contains(url) && !failure.message.contains("secret"), "{failure}");
        }
    }
}
