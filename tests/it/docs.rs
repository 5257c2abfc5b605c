//! Runs the commands of README.md and of the pages below docs/, and compares their output with what is
//! printed there.
//!
//! A block that begins with ```` ```console ```` is a session. A line `$ command` is run by `sh` in a
//! directory that a page has for itself, with a copy of the repository's `data/` in it. A line `> …`
//! continues the command. What follows is its output, standard error included; without any, the output is not
//! compared. `? 8` states an exit status that is not 0. In expected output `[..]` stands for any characters
//! of a line and `...` for any number of lines. Times, rates, sizes, ports and hashes may differ.
//! `JUGGLE_DOCS=write` writes the real output into the pages instead.
//!
//! Commands that name a URL or a book of Project Gutenberg reach a server on loopback through `--mirror`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use regex::Regex;

use test_server::Server;

/// Hosts in the pages whose texts come from the loopback server.
const HOSTS: [&str; 3] = ["https://www.gutenberg.org", "https://gutenberg.pglaf.org", "https://example.org"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All pages with sessions: README.md and every page below docs/, in order of their paths.
fn pages() -> Vec<PathBuf> {
    let docs = walkdir::WalkDir::new(repository().join("docs")).sort_by_file_name();
    let pages = docs.into_iter().map(|entry| entry.unwrap().into_path());
    [repository().join("README.md")]
        .into_iter()
        .chain(pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// The directory in which the commands of one page run, and the server that stands for the hosts they name.
struct Session {
    directory: tempfile::TempDir,
    server: Server,
    variable: Vec<(Regex, &'static str)>,
}

impl Session {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sample = repository().join("data/sample");
        let www = directory.path().join(".www");
        for (book, text) in [("84", "lighthouse"), ("43", "orchard"), ("376", "umbrellas"), ("844", "moth")] {
            let place = www.join("cache/epub").join(book);
            fs::create_dir_all(&place).unwrap();
            fs::copy(sample.join(format!("{text}.txt")), place.join(format!("pg{book}.txt"))).unwrap();
        }
        for (name, text) in [("a.txt", "train"), ("b.txt", "gan")] {
            fs::copy(sample.join(format!("{text}.txt")), www.join(name)).unwrap();
        }
        let list = "url\thttps://example.org/a.txt\nhttps://example.org/b.txt\n";
        fs::write(www.join("books.txt"), list.trim_start_matches("url\t")).unwrap();
        for data in ["data", "data/sample"] {
            copy(&repository().join(data), &directory.path().join(data));
        }
        let variable = [
            (r"(\b\d+\.\d+, )*\b\d+(\.\d+)? ?(ms|s|min|h|d)\b", "TIME"),
            (r"\b\d+(\.\d+)? ?[kMG]?i?B/s", "RATE"),
            (r"127\.0\.0\.1:\d+", "SERVER"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "DATE"),
            (r"\bpid \d+|process \d+", "PID"),
            (r"\b([0-9a-f]{64}|[0-9a-f]{32})\b", "HASH"),
            (r"-[0-9a-f]{8}\b", "-HASH"),
            (r"\b[\d,.]+ (bytes|[KMG]iB|[kMG]?B)\b", "SIZE"),
            (r"imbalance [\d.]+", "IMBALANCE"),
            (r"\s+", " "),
        ];
        let variable = variable.map(|(pattern, name)| (Regex::new(pattern).unwrap(), name)).to_vec();
        Self { server: Server::start(&www).unwrap(), directory, variable }
    }

    /// Runs a command; returns its output and its exit status.
    fn run(&self, command: &str) -> io::Result<(String, i32)> {
        let programs = Path::new(env!("CARGO_BIN_EXE_juggle")).parent().unwrap().to_owned();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{{ {command}\n}} 2>&1")]).current_dir(self.directory.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUGGLE_") {
                shell.env_remove(name);
            }
        }
        shell.env("PATH", path).env("NO_COLOR", "1").env("COLUMNS", "100").stdin(Stdio::null());
        if command.contains("https://") || command.contains("pg:") {
            let mirrors =
                HOSTS.map(|host| format!("{host}={}", self.server.base_url().trim_end_matches('/')));
            shell.env("JUGGLE_MIRROR", mirrors.join(" ")).env("JUGGLE_ALLOW_HOST", "127.0.0.1");
            shell.env("JUGGLE_WAIT", "0");
        }
        let output = shell.output()?;
        let directory = self.directory.path().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&output.stdout).replace(&directory, "/home/you");
        Ok((text, output.status.code().unwrap_or(-1)))
    }

    fn normal(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (pattern, name) in &self.variable {
            line = pattern.replace_all(&line, *name).into_owned();
        }
        line.trim().to_owned()
    }

    fn is_as_printed(&self, printed: &[&str], output: &[&str]) -> bool {
        match printed.split_first() {
            None => output.is_empty(),
            Some((&"...", rest)) => (0..=output.len()).any(|skip| self.is_as_printed(rest, &output[skip..])),
            Some((line, rest)) => output.split_first().is_some_and(|(first, others)| {
                let parts: Vec<String> =
                    line.split("[..]").map(|part| regex::escape(&self.normal(part))).collect();
                let pattern = Regex::new(&format!("^{}$", parts.join(".*"))).unwrap();
                pattern.is_match(&self.normal(first)) && self.is_as_printed(rest, others)
            }),
        }
    }
}

/// Runs the sessions of a page. Returns the page with the real output, and what differs.
fn run_page(page: &str, name: &str) -> (String, Vec<String>) {
    let session = Session::start();
    let (mut written, mut faults) = (String::new(), Vec::new());
    let mut lines = page.lines().peekable();
    let mut is_session = false;
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        if line.starts_with("```") {
            is_session = line == "```console";
            continue;
        }
        let Some(mut command) = line.strip_prefix("$ ").filter(|_| is_session).map(str::to_owned) else {
            continue;
        };
        while let Some(more) = lines.next_if(|line| line.starts_with("> ")) {
            command.push_str(&format!("\n{}", &more[2..]));
            written.push_str(&format!("{more}\n"));
        }
        let status = lines.next_if(|line| line.starts_with("? "));
        let mut printed = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && *line != "```") {
            printed.push(line);
        }
        let blank = printed.iter().rev().take_while(|line| line.is_empty()).count();
        let (output, code) = session.run(&command).unwrap();
        let output: Vec<&str> = output.trim_end().lines().collect();
        if let Some(status) = status {
            written.push_str(&format!("{status}\n"));
        }
        let expected = status.map_or(0, |status| status[2..].trim().parse().unwrap());
        let shown = &printed[..printed.len() - blank];
        let is_same = shown.is_empty() || session.is_as_printed(shown, &output);
        if code != expected || !is_same {
            let output = output.join("\n");
            faults.push(format!(
                "{name}: $ {command}\nends with {code}, {expected} is expected; prints\n{output}\n"
            ));
        }
        for line in if is_same { shown } else { &output } {
            written.push_str(&format!("{line}\n"));
        }
        written.push_str(&"\n".repeat(blank));
    }
    (written, faults)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_the_docs_print_what_the_docs_show() {
    let is_writing = std::env::var("JUGGLE_DOCS").is_ok_and(|value| value == "write");
    let has_python = Command::new("python3").arg("--version").output().is_ok();
    let mut sessions = Vec::new();
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        // A page with commands in Python is skipped on a machine that does not have it.
        if page.contains("```console") && (has_python || !page.contains("python3 ")) {
            sessions.push(tokio::task::spawn_blocking(move || {
                let (written, faults) = run_page(&page, &path.file_name().unwrap().to_string_lossy());
                if is_writing && written != page {
                    fs::write(&path, written).unwrap();
                }
                faults
            }));
        }
    }
    assert!(!sessions.is_empty(), "no page has a session");
    let mut faults = Vec::new();
    for session in sessions {
        faults.extend(session.await.unwrap());
    }
    assert!(faults.is_empty() || is_writing, "{}", faults.join("\n"));
}
