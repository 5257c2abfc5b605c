//! What an answer is made of: a file below the root, bytes, or generated text; and the stream of its body.

use std::{
    collections::HashMap,
    fs::File,
    io,
    path::{Component, Path, PathBuf},
    sync::Mutex,
    time::SystemTime,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use url::Url;

use crate::{
    log::Answering,
    script::{Body, End, Pace, Script},
};

const CHUNK_BYTES: usize = 64 * 1024;
/// How many hashes of files are remembered.
const HASHES_MAX: usize = 10_000;
const LINE: &[u8] = b"It is a truth universally acknowledged, that lines end.\n";

/// Where the bytes come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Bytes(Bytes),
    Generated,
}

/// Bytes, with what HTTP says of them.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) source: Source,
    pub(crate) bytes: u64,
    /// Strong: from the content.
    pub(crate) etag: String,
    pub(crate) last_modified: Option<String>,
    pub(crate) content_type: &'static str,
}

/// Hashes of files by path; each with the length and time it was computed for.
pub(crate) type Hashes = Mutex<HashMap<PathBuf, (u64, SystemTime, String)>>;

impl Content {
    pub(crate) fn scripted(body: &Body) -> Self {
        let (source, bytes, etag) = match body {
            Body::Bytes(bytes) => {
                (Source::Bytes(bytes.clone()), bytes.len() as u64, quoted(&blake3::hash(bytes)))
            }
            Body::Generated(bytes) => (Source::Generated, *bytes, format!("\"generated-{bytes}\"")),
        };
        Self { source, bytes, etag, last_modified: None, content_type: "text/plain" }
    }

    /// The regular file that a request's path names, if it lies below `root`. Blocking.
    pub(crate) fn file(root: &Path, request_path: &str, hashes: &Hashes) -> io::Result<Option<Self>> {
        let Some(path) = below(root, request_path) else { return Ok(None) };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let (bytes, modified) = (metadata.len(), metadata.modified()?);
        let known = hashes.lock().expect("nothing panics while it holds this lock").get(&path).cloned();
        let etag = match known {
            Some((length, time, etag)) if (length, time) == (bytes, modified) => etag,
            _ => remember(hashes, &path, (bytes, modified, etag(&mut file)?)),
        };
        Ok(Some(Self {
            content_type: type_of(&path),
            source: Source::File(path),
            bytes,
            etag,
            last_modified: Some(httpdate::fmt_http_date(modified)),
        }))
    }
}

fn etag(file: &mut File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(quoted(&hasher.finalize()))
}

fn quoted(hash: &blake3::Hash) -> String {
    format!("\"{}\"", &hash.to_hex()[..32])
}

fn remember(hashes: &Hashes, path: &Path, entry: (u64, SystemTime, String)) -> String {
    let etag = entry.2.clone();
    let mut hashes = hashes.lock().expect("nothing panics while it holds this lock");
    if hashes.len() >= HASHES_MAX {
        hashes.clear();
    }
    hashes.insert(path.to_owned(), entry);
    etag
}

/// The path of an existing file below `root`, links resolved; none for one that would lie elsewhere.
fn below(root: &Path, request_path: &str) -> Option<PathBuf> {
    let url = Url::parse(&format!("file://{}", request_path.split(['?', '#']).next()?)).ok()?;
    let decoded = url.to_file_path().ok()?;
    let relative = decoded.strip_prefix("/").ok()?;
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = root.join(relative).canonicalize().ok()?;
    path.starts_with(root).then_some(path)
}

fn type_of(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("txt") => "text/plain",
        Some("htm" | "html") => "text/html",
        _ => "application/octet-stream",
    }
}

/// Where the stream of a body stands.
struct Sending {
    source: Source,
    file: Option<tokio::fs::File>,
    at: u64,
    left: u64,
    sent: u64,
    end: End,
    pace: Option<Pace>,
    _answering: Answering,
}

/// The bytes `first..first + length` as the script wants them sent.
pub(crate) fn send(
    content: Content,
    (first, length): (u64, u64),
    script: &Script,
    answering: Answering,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let sending = Sending {
        source: content.source,
        file: None,
        at: first,
        left: length,
        sent: 0,
        end: script.end,
        pace: script.pace,
        _answering: answering,
    };
    stream::try_unfold(sending, |mut sending| async move {
        let chunk = sending.next().await?;
        Ok(chunk.map(|chunk| (chunk, sending)))
    })
}

impl Sending {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let until_end = match self.end {
            End::Whole => u64::MAX,
            End::CutAfter(bytes) | End::StallAfter(bytes) => bytes.saturating_sub(self.sent),
        };
        match (until_end, self.end) {
            (0, End::CutAfter(_)) => {
                // Lets what was sent so far out of the connection's buffer.
                tokio::task::yield_now().await;
                return Err(io::Error::other("cut as scripted"));
            }
            (0, End::StallAfter(_)) => std::future::pending::<()>().await,
            _ => {}
        }
        if self.left == 0 {
            return Ok(None);
        }
        if let Some(pace) = self.pace {
            tokio::time::sleep(pace.every).await;
        }
        let most = self.pace.map_or(CHUNK_BYTES, |pace| pace.bytes);
        let want = usize::try_from(self.left.min(until_end)).unwrap_or(usize::MAX).min(most);
        let chunk = self.read(want).await?;
        self.at += chunk.len() as u64;
        self.left -= chunk.len() as u64;
        self.sent += chunk.len() as u64;
        Ok(Some(chunk))
    }

    async fn read(&mut self, want: usize) -> io::Result<Bytes> {
        let path = match &self.source {
            Source::Bytes(bytes) => {
                let at = usize::try_from(self.at).map_err(io::Error::other)?;
                return Ok(bytes.slice(at..at + want));
            }
            Source::Generated => return Ok(generate(self.at, want)),
            Source::File(path) => path,
        };
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut file = tokio::fs::File::open(path).await?;
                file.seek(io::SeekFrom::Start(self.at)).await?;
                file
            }
        };
        let mut chunk = Vec::with_capacity(want);
        (&mut file).take(want as u64).read_buf(&mut chunk).await?;
        self.file = Some(file);
        if chunk.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(chunk.into()) }
    }
}

fn generate(at: u64, want: usize) -> Bytes {
    let start = usize::try_from(at % LINE.len() as u64).expect("below the length of a line");
    Bytes::from(LINE.repeat(want / LINE.len() + 2)).slice(start..start + want)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap().join("root");
        std::fs::create_dir_all(root.join("in")).unwrap();
        std::fs::write(root.join("in/a b.txt"), "x").unwrap();
        std::fs::write(directory.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(directory.path().join("secret"), root.join("link")).unwrap();
        assert_eq!(below(&root, "/in/a%20b.txt?x"), Some(root.join("in/a b.txt")));
        for path in [
            "/../secret",
            "/in/../../secret",
            "/..%2fsecret",
            "/%2e%2e/secret",
            "/link",
            "//etc/passwd",
            "",
            "*",
        ] {
            assert!(below(&root, path).is_none_or(|path| path == root), "{path}");
        }
    }

    #[test]
    fn generated_text_does_not_depend_on_how_it_is_cut() {
        let whole = generate(0, 1000);
        assert_eq!([generate(0, 333), generate(333, 667)].concat(), whole);
        assert!(whole.contains(&b'\n'));
    }
}
