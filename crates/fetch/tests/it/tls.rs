//! TLS with an authority of one's own.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fetch::{error::FetchError, stage::Fetch};
use flow::failure::Reason;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::harness::{Harness, fatal};

/// Answers every request over TLS by "words". Its certificate is of an authority that nobody knows.
struct TlsServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// The authority's certificate, as PEM.
    authority: String,
    task: JoinHandle<()>,
}

impl TlsServer {
    async fn start() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                answer(&acceptor, stream).await;
            }
        });
        Self { address, connections, authority: authority.pem(), task }
    }

    fn url(&self) -> String {
        format!("https://{}/x.txt", self.address)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(acceptor: &TlsAcceptor, stream: TcpStream) {
    // A client that does not trust the certificate goes away.
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
    let answer =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwords";
    stream.write_all(answer).await.unwrap();
    stream.shutdown().await.unwrap();
}

fn rig(server: &TlsServer) -> Harness {
    let mut rig = Harness::new();
    rig.config.allow_hosts.push(server.address.to_string().parse().unwrap());
    rig
}

fn file(rig: &Harness, content: &[u8]) -> PathBuf {
    let path = rig.root.path().join("ca.pem");
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test]
async fn an_unknown_authority_gets_one_try_and_is_trusted_once_it_is_named() {
    let server = TlsServer::start().await;
    let mut rig = rig(&server);
    assert_eq!(fatal(rig.fetch(&server.url()).await), Reason::Tls);
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    rig.config.ca_certificate = Some(file(&rig, server.authority.as_bytes()));
    let stored = rig.fetch(&server.url()).await.unwrap();
    assert_eq!(rig.spooled(&stored.fetched), b"words");
    // Another authority is no help.
    let other = TlsServer::start().await;
    rig.config.ca_certificate = Some(file(&rig, other.authority.as_bytes()));
    assert_eq!(fatal(rig.fetch(&server.url()).await), Reason::Tls);
}

#[tokio::test]
async fn a_file_without_certificates_is_told() {
    let server = TlsServer::start().await;
    let mut rig = rig(&server);
    let mut refused = |content: Option<&[u8]>| {
        let path = content.map_or_else(|| rig.root.path().join("missing.pem"), |content| file(&rig, content));
        rig.config.ca_certificate = Some(path);
        let made = Fetch::new(rig.config.clone(), Arc::clone(&rig.blobs), Arc::clone(&rig.counters));
        made.err().expect("it cannot be used")
    };
    let missing = refused(None);
    assert!(matches!(&missing, FetchError::ReadRoots { .. }) && missing.to_string().contains("missing.pem"));
    let cut = &server.authority.as_bytes()[..server.authority.len() / 2];
    let nonsense = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for content in [&b""[..], b"\x30\x82\x01\x0a", cut, nonsense] {
        let error = refused(Some(content));
        assert!(matches!(&error, FetchError::Roots { .. }), "{error}");
        assert!(error.to_string().contains("ca.pem") && error.to_string().contains("PEM"), "{error}");
    }
}
