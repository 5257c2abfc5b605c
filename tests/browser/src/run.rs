//! A run of juggle on a server of texts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use test_server::{Script, Server};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A run of juggle. What it started ends when it is dropped.
pub(crate) struct Run {
    directory: TempDir,
    pub(crate) server: Server,
    child: Option<Child>,
}

fn juggle() -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/juggle");
    assert!(path.is_file(), "juggle is built by `make test-browser`");
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("JUGGLE_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Run {
    /// Serves this number of texts, each after a delay. The first has a title that a careless page would run.
    pub(crate) fn of_texts(count: usize, delay: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("www");
        fs::create_dir(&root).unwrap();
        let mut list = "url\tid\ttitle\tlanguage\n".to_owned();
        let server = {
            for number in 0..count {
                let text = format!("Line one of text {number}.\nLine two has words.\n").repeat(20);
                fs::write(root.join(format!("t{number}.txt")), text).unwrap();
            }
            Server::start(&root).unwrap()
        };
        for number in 0..count {
            let path = format!("/t{number}.txt");
            let title = match number {
                0 => "<script>window.broken=1</script><img src=x onerror=\"window.broken=2\">".to_owned(),
                _ => format!("Title {number}"),
            };
            let language = if number % 2 == 0 { "en" } else { "fr" };
            list += &format!("{}\tt{number}\t{title}\t{language}\n", server.url(&path));
            server.respond(&path, Script::file().delay(delay));
        }
        fs::write(directory.path().join("list.tsv"), list).unwrap();
        Self { directory, server, child: None }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = juggle();
        command.args(words).arg("-o").arg(self.out());
        command.args(["--no-progress", "--wait", "0", "--robots", "off", "--allow-host", "127.0.0.1"]);
        command
    }

    fn pipeline(&self, words: &[&str]) -> Command {
        let list = self.directory.path().join("list.tsv");
        self.command(&[&["pipeline", list.to_str().unwrap()], words].concat())
    }

    /// Runs the pipeline to its end.
    pub(crate) async fn finish(&self) {
        let output = self.pipeline(&["--retry", "0"]).output().await.unwrap();
        assert!(matches!(output.status.code(), Some(0 | 8)), "{output:?}");
    }

    /// Starts the pipeline with a dashboard. Returns the URL to open.
    pub(crate) async fn start(&mut self, words: &[&str]) -> String {
        let command = self.pipeline(&[&["--dashboard", "--retry", "0"], words].concat());
        self.started(command, "Dashboard: ").await
    }

    /// Starts a dashboard beside the pipeline, or after it. Returns the URL to open.
    pub(crate) async fn look(&mut self) -> String {
        let mut command = self.command(&["dashboard"]);
        command.stderr(Stdio::piped());
        self.started(command, "").await
    }

    async fn started(&mut self, mut command: Command, before: &str) -> String {
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (out, err) = (BufReader::new(stdout), BufReader::new(stderr));
        self.child = Some(child);
        let url =
            if before.is_empty() { line_after(out, before).await } else { line_after(err, before).await };
        url.expect("juggle prints the URL")
    }

    /// Runs a command on the run directory.
    pub(crate) async fn run(&self, words: &[&str]) {
        let output = self.command(words).output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

/// Returns the rest of the line that begins so, and reads on.
async fn line_after<R>(reader: BufReader<R>, before: &str) -> Option<String>
where
    R: tokio::io::AsyncRead + Unpin + Send + 'static,
{
    let mut lines = reader.lines();
    loop {
        let line = lines.next_line().await.unwrap()?;
        if let Some(rest) = line.strip_prefix(before) {
            let rest = rest.to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(rest);
        }
    }
}
