//! The texts as the runs fetch them: cleaned and repeated once, and served on loopback.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use blob_store::local::LocalBlobs;
use fetch::{
    candidate,
    config::{FetchConfig, ip_family::IpFamily, proxy::ProxyChoice},
    stage::Fetch,
};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    durability::Durability,
    payload::{FetchJob, Listed},
    shutdown::Shutdown,
};
use store::stage::Store;
use test_server::{Script, Server};
use url::Url;

use crate::{
    blocking::blocking,
    error::CompareError,
    input_texts::{InputText, InputTexts},
    stage_runner::run_stage,
};

/// The number of texts at a time while they are prepared.
const AT_A_TIME: usize = 16;
const BUFFER_BYTES: usize = 64 << 10;

/// Texts on a server, and the jobs that fetch them.
pub(crate) struct ServedTexts {
    /// Ends when dropped.
    _server: Server,
    pub(crate) config: FetchConfig,
    pub(crate) jobs: Vec<FetchJob>,
}

/// The texts that the runs work on.
pub(crate) struct PreparedTexts {
    pub(crate) served: ServedTexts,
    /// The number of bytes.
    pub(crate) bytes: u64,
    /// The number of lines.
    pub(crate) lines: u64,
}

impl ServedTexts {
    /// Serves the files of a directory. Each response is delayed by `latency`.
    fn serve<'t>(
        directory: &Path,
        texts: impl Iterator<Item = &'t InputText>,
        latency: Duration,
        config: FetchConfig,
    ) -> Result<Self, CompareError> {
        let server = Server::start(directory).map_err(CompareError::start)?;
        let base: Url = server.base_url().parse().map_err(CompareError::start)?;
        let mut jobs = Vec::new();
        for text in texts {
            let mut url = base.clone();
            // `set_path` keeps an existing percent sign, so a literal one must be escaped first.
            url.set_path(&text.file.replace('%', "%25"));
            server.respond(url.path(), Script::file().delay(latency));
            let url = url.to_string();
            jobs.push(FetchJob {
                document: text.document.clone(),
                host: candidate::group_of(&url, &[]),
                urls: vec![url],
                candidate: 0,
                redirected: None,
                refused: None,
                // A listed hash keeps texts with equal bytes from being taken for block pages.
                listed: Listed { blake3: Some(text.blake3.clone()), ..Listed::default() },
                stored: None,
                lost: 0,
            });
        }
        let config = FetchConfig {
            // The settings of the user for foreign hosts would distort or prevent requests to loopback.
            mirrors: Vec::new(),
            allow_hosts: vec!["127.0.0.1".parse().map_err(CompareError::start)?],
            proxy: ProxyChoice::Off,
            family: IpFamily::Any,
            obey_robots: false,
            wait: Duration::ZERO,
            hosts_directory: None,
            ..config
        };
        Ok(Self { _server: server, config, jobs })
    }
}

impl PreparedTexts {
    /// Fetches and stores the texts once, so that they are clean, writes each repeatedly into a directory
    /// below `scratch` until there are `work_bytes` together, and serves them. Returns `None` if it was
    /// stopped.
    pub(crate) async fn prepare(
        scratch: &Path,
        texts: &InputTexts,
        work_bytes: u64,
        latency: Duration,
        config: FetchConfig,
        shutdown: &Shutdown,
    ) -> Result<Option<Self>, CompareError> {
        let (cleaned, served) = (scratch.join("cleaned"), scratch.join("served"));
        let opening = blocking(move || LocalBlobs::open(&cleaned, Durability::Process));
        let blobs: Arc<dyn BlobStore> = Arc::new(opening.await?);
        if !clean(&blobs, texts, &config, shutdown).await? {
            return Ok(None);
        }
        let (documents, to): (Vec<DocumentId>, PathBuf) =
            (texts.list.iter().map(|text| text.document.clone()).collect(), served.clone());
        let repeated = blocking(move || repeat_all(&*blobs, &documents, work_bytes, &to)).await?;
        let bytes = repeated.iter().map(|text| text.bytes).sum();
        let lines = repeated.iter().map(|text| text.lines).sum();
        let longest = repeated.iter().map(|text| text.bytes).max().unwrap_or(0);
        // The limit is for foreign hosts.
        let config = FetchConfig { body_bytes_max: config.body_bytes_max.max(longest), ..config };
        let texts = repeated.iter().map(|repeated| &repeated.text);
        Ok(Some(Self { served: ServedTexts::serve(&served, texts, latency, config)?, bytes, lines }))
    }
}

/// Fetches and stores the texts. Returns whether it was not stopped.
async fn clean(
    blobs: &Arc<dyn BlobStore>,
    texts: &InputTexts,
    config: &FetchConfig,
    shutdown: &Shutdown,
) -> Result<bool, CompareError> {
    let served = ServedTexts::serve(&texts.path, texts.list.iter(), Duration::ZERO, config.clone())?;
    let fetch = Fetch::new(served.config.clone(), Arc::clone(blobs), Arc::default());
    let fetch = Arc::new(fetch.map_err(CompareError::start)?);
    let store = Arc::new(Store::new(Arc::clone(blobs), Arc::default()));
    let fetching = run_stage(&fetch, served.jobs.clone(), AT_A_TIME, shutdown);
    let Some(fetched) = fetching.await? else { return Ok(false) };
    Ok(run_stage(&store, fetched, AT_A_TIME, shutdown).await?.is_some())
}

/// A text that is repeated.
struct RepeatedText {
    text: InputText,
    bytes: u64,
    lines: u64,
}

/// Writes the clean texts into a directory, each as often as it takes to have `work_bytes` together.
fn repeat_all(
    blobs: &dyn BlobStore,
    documents: &[DocumentId],
    work_bytes: u64,
    to: &Path,
) -> Result<Vec<RepeatedText>, CompareError> {
    fs::create_dir(to).map_err(|source| CompareError::Write { path: to.to_owned(), source })?;
    let names = documents.iter().map(|document| BlobName::new(BlobKind::Text, document.clone()));
    let names: Vec<BlobName> = names.collect();
    let mut bytes = 0;
    for name in &names {
        bytes += blobs.len(name)?.unwrap_or(0);
    }
    // At least once, and never divided by zero if all texts are empty.
    let repeats = work_bytes.div_ceil(bytes.max(1)).max(1);
    names.iter().map(|name| repeat(blobs, name, repeats, to)).collect()
}

/// Writes a text `repeats` times. Adds a line feed if the text does not end with one.
fn repeat(
    blobs: &dyn BlobStore,
    name: &BlobName,
    repeats: u64,
    to: &Path,
) -> Result<RepeatedText, CompareError> {
    let file = format!("{}.txt", name.document);
    let (from, path) = (name.relative_path(), to.join(&file));
    let unread = |error| BlobError::at(&from, error);
    let unwritten = |source: io::Error| CompareError::Write { path: path.clone(), source };
    let mut output = io::BufWriter::new(fs::File::create(&path).map_err(unwritten)?);
    let (mut hasher, mut lines, mut buffer) = (blake3::Hasher::new(), 0, vec![0; BUFFER_BYTES]);
    let mut write = |bytes: &[u8]| {
        hasher.update(bytes);
        lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        output.write_all(bytes).map_err(unwritten)
    };
    for _ in 0..repeats {
        let (mut text, mut last) = (blobs.open(name)?, b'\n');
        loop {
            let count = text.read(&mut buffer).map_err(unread)?;
            let Some(end) = buffer[..count].last() else { break };
            last = *end;
            write(&buffer[..count])?;
        }
        // Otherwise the last word of a copy and the first of the next would become one token.
        if last != b'\n' {
            write(b"\n")?;
        }
    }
    output.flush().map_err(unwritten)?;
    let blake3 = hasher.finalize().to_hex().to_string();
    let text = InputText { document: name.document.clone(), blake3, file };
    Ok(RepeatedText { text, bytes: hasher.count(), lines })
}
