//! The content of responses (a file below the root, bytes, or generated text) and the stream of their bodies.
//!
//! No file outside the root is read, whatever the path of a request and the links below the root.

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
    request_log::ActiveResponse,
    script::{BodyEnd, Rate, Script, ScriptedBody},
};

const CHUNK_BYTES: usize = 64 * 1024;
/// The maximum number of file hashes that are kept in memory.
const HASHES_MAX: usize = 10_000;
const LINE: &[u8] = b"It is a truth universally acknowledged, that lines end.\n";

/// The source of a body.
#[derive(Debug, Clone)]
pub(crate) enum ContentSource {
    File(PathBuf),
    Bytes(Bytes),
    Generated,
}

/// A body with the header fields that describe it.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) source: ContentSource,
    /// Its length.
    pub(crate) bytes: u64,
    /// A strong entity tag: a hash of the content.
    pub(crate) etag: String,
    pub(crate) last_modified: Option<String>,
    pub(crate) content_type: &'static str,
}

/// Entity tags by file path, with the length and modification time they were computed for.
pub(crate) type Hashes = Mutex<HashMap<PathBuf, (u64, SystemTime, String)>>;

impl Content {
    pub(crate) fn scripted(body: &ScriptedBody) -> Self {
        let (source, bytes, etag) = match body {
            ScriptedBody::Bytes(bytes) => {
                (ContentSource::Bytes(bytes.clone()), bytes.len() as u64, quoted(&blake3::hash(bytes)))
            }
            ScriptedBody::Generated(bytes) => {
                (ContentSource::Generated, *bytes, format!("\"generated-{bytes}\""))
            }
        };
        Self { source, bytes, etag, last_modified: None, content_type: "text/plain" }
    }

    /// Opens the regular file below `root` that a request's path names. Blocks.
    pub(crate) fn open(root: &Path, request_path: &str, hashes: &Hashes) -> io::Result<Option<Self>> {
        let Some(path) = resolve_below(root, request_path) else { return Ok(None) };
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
            // A file with the same length and time is taken to be the same, and is not hashed again.
            Some((length, time, etag)) if (length, time) == (bytes, modified) => etag,
            _ => remember(hashes, &path, (bytes, modified, hash_file(&mut file)?)),
        };
        Ok(Some(Self {
            content_type: media_type(&path),
            source: ContentSource::File(path),
            bytes,
            etag,
            last_modified: Some(httpdate::fmt_http_date(modified)),
        }))
    }
}

fn hash_file(file: &mut File) -> io::Result<String> {
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
    // Hashes can be computed again, so all are dropped at once.
    if hashes.len() >= HASHES_MAX {
        hashes.clear();
    }
    hashes.insert(path.to_owned(), entry);
    etag
}

/// Resolves the path of an existing file, links included. Returns `None` if it is outside `root`.
fn resolve_below(root: &Path, request_path: &str) -> Option<PathBuf> {
    let url = Url::parse(&format!("file://{}", request_path.split(['?', '#']).next()?)).ok()?;
    let decoded = url.to_file_path().ok()?;
    let relative = decoded.strip_prefix("/").ok()?;
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = root.join(relative).canonicalize().ok()?;
    // A link below the root may lead out of it.
    path.starts_with(root).then_some(path)
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("txt") => "text/plain",
        Some("htm" | "html") => "text/html",
        _ => "application/octet-stream",
    }
}

/// The state of a body's stream.
struct BodyStream {
    source: ContentSource,
    file: Option<tokio::fs::File>,
    position: u64,
    remaining: u64,
    sent: u64,
    end: BodyEnd,
    rate: Option<Rate>,
    _active: ActiveResponse,
}

/// Returns a stream of the bytes `first..first + length`, with the rate and the end that the script sets.
pub(crate) fn stream_body(
    content: Content,
    (first, length): (u64, u64),
    script: &Script,
    active: ActiveResponse,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let stream = BodyStream {
        source: content.source,
        file: None,
        position: first,
        remaining: length,
        sent: 0,
        end: script.end,
        rate: script.rate,
        _active: active,
    };
    stream::try_unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Ok(chunk.map(|chunk| (chunk, stream)))
    })
}

impl BodyStream {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let until_end = match self.end {
            BodyEnd::Complete => u64::MAX,
            BodyEnd::CutAfter(bytes) | BodyEnd::StallAfter(bytes) => bytes.saturating_sub(self.sent),
        };
        match (until_end, self.end) {
            (0, BodyEnd::CutAfter(_)) => {
                // The connection sends what is in its buffer before it sees the error.
                tokio::task::yield_now().await;
                return Err(io::Error::other("cut as scripted"));
            }
            (0, BodyEnd::StallAfter(_)) => std::future::pending::<()>().await,
            _ => {}
        }
        if self.remaining == 0 {
            return Ok(None);
        }
        if let Some(rate) = self.rate {
            tokio::time::sleep(rate.pause).await;
        }
        let most = self.rate.map_or(CHUNK_BYTES, |rate| rate.bytes);
        let want = usize::try_from(self.remaining.min(until_end)).unwrap_or(usize::MAX).min(most);
        let chunk = self.read(want).await?;
        self.position += chunk.len() as u64;
        self.remaining -= chunk.len() as u64;
        self.sent += chunk.len() as u64;
        Ok(Some(chunk))
    }

    async fn read(&mut self, want: usize) -> io::Result<Bytes> {
        let path = match &self.source {
            ContentSource::Bytes(bytes) => {
                let at = usize::try_from(self.position).map_err(io::Error::other)?;
                return Ok(bytes.slice(at..at + want));
            }
            ContentSource::Generated => return Ok(generate(self.position, want)),
            ContentSource::File(path) => path,
        };
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut file = tokio::fs::File::open(path).await?;
                file.seek(io::SeekFrom::Start(self.position)).await?;
                file
            }
        };
        let mut chunk = Vec::with_capacity(want);
        // The file is put back only after a successful read, so that its position is always known.
        (&mut file).take(want as u64).read_buf(&mut chunk).await?;
        self.file = Some(file);
        // The file has become shorter since its length was announced.
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
        assert_eq!(resolve_below(&root, "/in/a%20b.txt?x"), Some(root.join("in/a b.txt")));
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
            assert!(resolve_below(&root, path).is_none_or(|path| path == root), "{path}");
        }
    }

    #[test]
    fn generated_text_does_not_depend_on_how_it_is_cut() {
        let whole = generate(0, 1000);
        assert_eq!([generate(0, 333), generate(333, 667)].concat(), whole);
        assert!(whole.contains(&b'\n'));
    }
}
