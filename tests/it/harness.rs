//! A place to run the programs in: a directory, a server, and what came of it.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use blob_store::{layout::Layout, local::compression::Compression, run_blobs::RunBlobs};
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    durability::Durability,
};
use tempfile::TempDir;
use test_server::Server;
use tokio::process::{Child, Command};

/// The directory `data` of the repository.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").canonicalize().unwrap()
}

/// One of the programs.
pub(crate) fn program(name: &str) -> Command {
    let path = match name {
        "juggle" => env!("CARGO_BIN_EXE_juggle"),
        "juggle-queue" => env!("CARGO_BIN_EXE_juggle-queue"),
        "juggle-fetch" => env!("CARGO_BIN_EXE_juggle-fetch"),
        "juggle-store" => env!("CARGO_BIN_EXE_juggle-store"),
        "juggle-process" => env!("CARGO_BIN_EXE_juggle-process"),
        other => panic!("no program is called {other}"),
    };
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("JUGGLE_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A program that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Its standard output, which must be JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// Asserts how it ended.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that it failed as people may expect: this code, no panic, a message with all these words.
    #[track_caller]
    pub(crate) fn expect_error(self, code: i32, words: &[&str]) -> Self {
        let ended = self.expect(code);
        for word in words {
            assert!(ended.stderr.contains(word), "'{word}' is not said:\n{}", ended.stderr);
        }
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }
}

/// A directory and a server.
pub(crate) struct Harness {
    pub(crate) directory: TempDir,
    pub(crate) server: Server,
}

impl Harness {
    /// Serves the bundled sample library.
    pub(crate) fn sample() -> Self {
        Self::serving(&data().join("sample"))
    }

    /// Serves a directory.
    pub(crate) fn serving(root: &Path) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), server: Server::start(root).unwrap() }
    }

    /// Serves generated texts `t0.txt` … and lists them in `list.tsv`.
    pub(crate) fn of_texts(count: usize, lines: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("www");
        fs::create_dir(&root).unwrap();
        for number in 0..count {
            fs::write(root.join(format!("t{number}.txt")), text(number, lines)).unwrap();
        }
        let server = Server::start(&root).unwrap();
        let harness = Self { directory, server };
        let rows: String =
            (0..count).map(|n| format!("{}\tt{n}\n", harness.server.url(&format!("/t{n}.txt")))).collect();
        harness.write("list.tsv", &format!("url\tid\n{rows}"));
        harness
    }

    /// Lets a run directory forget its settings.
    pub(crate) fn forget_settings(&self, out: &str) {
        fs::remove_file(self.path(out).join("settings.toml")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A program that may reach the server, without politeness, on the run directory `out`.
    pub(crate) fn command(&self, name: &str, words: &[&str], out: &str) -> Command {
        let mut command = program(name);
        let mirror = format!("http://sample.invalid={}", self.server.base_url());
        command.args(words).arg("-o").arg(self.path(out)).args([
            "--no-progress",
            "--wait",
            "0",
            "--robots",
            "off",
        ]);
        command.args(["--mirror", &mirror, "--allow-host", "127.0.0.1", "--max-connection-per-server", "16"]);
        command
    }

    /// Runs `juggle` to its end.
    pub(crate) async fn juggle<S: AsRef<OsStr>>(&self, words: &[&str], out: &str, more: &[S]) -> Ended {
        Ended::of(self.command("juggle", words, out).args(more).output().await.unwrap())
    }

    /// Runs the pipeline over the sample's list.
    pub(crate) async fn sample_pipeline(&self, out: &str, more: &[&str]) -> Ended {
        let list = data().join("sample/sources.tsv");
        let mut words: Vec<&OsStr> = vec![list.as_os_str()];
        words.extend(more.iter().map(OsStr::new));
        self.juggle(&["pipeline"], out, &words).await
    }

    /// Returns the results of the run: every file but the queue, unfinished downloads and logs.
    pub(crate) fn tree(&self, out: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let root = self.path(out);
        if Layout::of(&root).unwrap() == Layout::Packed {
            let is_result = |kind: &BlobKind| ![BlobKind::Spool, BlobKind::Arrival].contains(kind);
            let blobs = RunBlobs::open(&root, Durability::Process, Compression::default()).unwrap();
            for kind in BlobKind::ALL.into_iter().filter(is_result) {
                for document in blobs.list(kind).unwrap() {
                    let name = BlobName::new(kind, document);
                    files.insert(name.relative_path(), blobs.read(&name, 1 << 30).unwrap());
                }
            }
            return files;
        }
        for kind in ["raw", "text", "meta", "tokens", "counts", "stats"] {
            for entry in fs::read_dir(root.join(kind)).unwrap() {
                let path = entry.unwrap().path();
                files.insert(path.strip_prefix(&root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
        files
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// Waits for a program and takes what it wrote.
pub(crate) async fn finish(child: Child) -> Ended {
    Ended::of(child.wait_with_output().await.unwrap())
}

/// Names what differs between two trees.
#[track_caller]
pub(crate) fn assert_same(left: &BTreeMap<PathBuf, Vec<u8>>, right: &BTreeMap<PathBuf, Vec<u8>>) {
    let names = |tree: &BTreeMap<PathBuf, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(left), names(right));
    for (path, bytes) in left {
        assert!(bytes == &right[path], "{} differs", path.display());
    }
}

/// Lines of made-up words in several scripts, different for every number.
fn text(number: usize, lines: usize) -> String {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let words =
        ["river", "Stein", "œuvre", "дом", "νόμος", "don't", "3.14", "well-read", "été", "_italic_", "雨"];
    let mut text = String::new();
    for _ in 0..lines {
        for _ in 0..random.usize(1..12) {
            text.push_str(words[random.usize(..words.len())]);
            text.push(' ');
        }
        text.push_str(if random.u8(..5) == 0 { ".\n\n" } else { "\n" });
    }
    text
}
