//! Servers that behave as badly as servers can, against the real program: every row of one table, in two
//! runs, one of them with small deadlines for servers that let one wait.
//!
//! Each row is a host of its own, so that what one of them asks for (a pause, a ban) holds up no other.

mod monitor;
mod places;
mod row;
mod server;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use self::{
    monitor::Monitor,
    places::Places,
    row::{Deadlines, Ends, Row},
    server::{Host, Request},
};
use crate::harness::{Ended, finish, program};

/// Far over what the slowest row takes: it fails by deadlines, six times.
const RUN_TIME_MAX: Duration = Duration::from_secs(420);
const RSS_BYTES_MAX: u64 = 100_000_000;
const BEHAVIOURS_MIN: usize = 60;
/// The maximum number of requests for a hopeless text.
const REQUESTS_MAX: usize = 12;

/// A row with the host that behaves so.
struct Played {
    row: Row,
    host: Host,
}

/// A run directory, and what is played to the program in it.
struct Run {
    directory: tempfile::TempDir,
    places: Places,
    played: Vec<Played>,
}

impl Run {
    async fn set(rows: impl FnOnce(&Places) -> Vec<Row>) -> Self {
        let places = Places::start().await;
        let mut played = Vec::new();
        for mut row in rows(&places) {
            let host = Host::start("127.0.0.1", std::mem::take(&mut row.answers)).await.unwrap();
            played.push(Played { row, host });
        }
        let directory = tempfile::tempdir().unwrap();
        let rows: String = played.iter().map(Played::listed).collect();
        fs::write(directory.path().join("list.tsv"), format!("url\tid\n{rows}")).unwrap();
        Self { directory, places, played }
    }

    fn out(&self) -> std::path::PathBuf {
        self.directory.path().join("out")
    }

    fn command(&self, words: &[&str]) -> tokio::process::Command {
        let mut command = program("juggle");
        command.args(words).arg("-o").arg(self.out()).current_dir(self.directory.path());
        command.args(["--no-progress", "--json", "--allow-host", "127.0.0.1"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command
    }

    async fn juggle(&self, words: &[&str]) -> Ended {
        finish(self.command(words).spawn().unwrap()).await
    }

    /// Fetches all that is listed. No try begins more than five minutes after the first failure.
    fn fetch(&self, deadlines: Deadlines) -> tokio::process::Command {
        let mut command = self.command(&["fetch", "-i", "list.tsv", "-j", "64", "-x", "64", "--wait", "0"]);
        command.args(["--max-filesize", "1MiB", "--retry-max-time", "5m"]);
        match deadlines {
            Deadlines::Generous => {
                command.args(["--connect-timeout", "60", "--timeout", "60", "--max-time", "5m"])
            }
            Deadlines::Small => {
                command.args(["--connect-timeout", "3", "--timeout", "3", "--max-time", "9"]);
                command.args(["--speed-limit", "100", "--speed-time", "3"])
            }
        };
        command
    }

    /// Returns the reasons and messages of the dead jobs of the fetch lane, by document.
    async fn deaths(&self) -> BTreeMap<String, (String, String)> {
        let words = ["queue", "ls", "--lane", "fetch", "--state", "dead", "--limit", "1000"];
        let jobs = self.juggle(&words).await.expect(0).json();
        let death = |job: &serde_json::Value| {
            let died = job["history"].as_array()?.iter().rev().find_map(|event| event["what"].get("died"))?;
            let said = |key: &str| Some(died[key].as_str()?.to_owned());
            Some((job["document"].as_str()?.to_owned(), (said("reason")?, said("message")?)))
        };
        jobs.as_array().unwrap().iter().map(|job| death(job).unwrap_or_else(|| panic!("{job}"))).collect()
    }

    /// The bytes that may stand under a document's final name.
    fn expected(&self) -> BTreeMap<String, Vec<u8>> {
        let stored = self.played.iter().filter_map(|Played { row, .. }| match &row.ends {
            Ends::Stored(bytes) => Some((row.name.to_owned(), bytes.clone())),
            Ends::Dead(_) => None,
        });
        stored.collect()
    }
}

impl Played {
    /// Its line in the source list.
    fn listed(&self) -> String {
        let url = self.row.listed.replace("{at}", &self.host.at.to_string());
        format!("{url}\t{}\n", self.row.name)
    }

    /// Returns the differences from the expected end.
    fn faults(&self, death: Option<&(String, String)>, spool: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        let file = fs::read(spool.join(format!("{}.spool", self.row.name))).ok();
        match (&self.row.ends, death, file) {
            (Ends::Stored(bytes), None, Some(file)) if *bytes == file => {}
            (Ends::Dead(reason), Some((died_of, message)), None)
                if reason == died_of && message.contains(self.row.says) => {}
            (Ends::Stored(bytes), death, file) => faults.push(format!(
                "{} bytes were expected, but {:?} came and it died of {death:?}",
                bytes.len(),
                file.map(|file| file.len())
            )),
            (Ends::Dead(reason), death, file) => faults.push(format!(
                "it should die of {reason} ({}), but {:?} bytes came and it died of {death:?}",
                self.row.says,
                file.map(|file| file.len())
            )),
        }
        let requests = self.host.requests();
        if requests.len() > REQUESTS_MAX || !self.row.requests.contains(&requests.len()) {
            faults.push(format!("{} requests instead of {:?}", requests.len(), self.row.requests));
        }
        if let [first, second, ..] = &requests[..]
            && second.at - first.at < self.row.pause
        {
            faults.push(format!("asked again after {:?}", second.at - first.at));
        }
        faults.extend(requests.iter().filter_map(told));
        faults.iter().map(|fault| format!("{}: {fault}", self.row.name)).collect()
    }
}

/// Returns a header field of a request that must not be sent.
fn told(request: &Request) -> Option<String> {
    ["cookie", "referer", "authorization", "proxy-authorization", "origin", "from"]
        .iter()
        .find_map(|name| request.field(name).map(|value| format!("a request said {name}: {value}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_server_ends_as_the_table_says() {
    play(Deadlines::Generous).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slow_server_ends_as_the_table_says() {
    play(Deadlines::Small).await;
}

#[tokio::test]
async fn the_table_has_enough_rows_and_each_has_a_name_of_its_own() {
    let rows = table::table(&Places::start().await);
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len());
    assert!(names.len() >= BEHAVIOURS_MIN, "{}", names.len());
}

/// Runs the program over all rows of the table that these deadlines are for.
async fn play(deadlines: Deadlines) {
    let rows =
        |places: &Places| table::table(places).into_iter().filter(|row| row.deadlines == deadlines).collect();
    let run = Run::set(rows).await;
    let child = run.fetch(deadlines).spawn().unwrap();
    let mut monitor = Monitor::of(run.out(), run.expected(), child.id().unwrap());
    let ended = tokio::time::timeout(RUN_TIME_MAX, monitor.watch(finish(child))).await;
    let summary = ended.expect("the run ends").expect(8).json();
    monitor.testify();
    let (deaths, spool) = (run.deaths().await, run.out().join("spool"));
    let faults = |played: &Played| played.faults(deaths.get(played.row.name), &spool);
    let faults: Vec<String> = run.played.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    for canary in run.places.canaries() {
        assert_eq!(canary.accepted(), 0, "{} was contacted", canary.at);
    }
    assert_eq!(run.places.other.requests().iter().find_map(told), None);
    let peak = summary["peak_rss_bytes"].as_u64().unwrap();
    eprintln!("{} behaviours, {} s, {peak} bytes at most", run.played.len(), summary["seconds"]);
    assert!(peak < RSS_BYTES_MAX, "{peak} bytes");
    is_over(&run).await;
    nothing_half_is_stored(&run).await;
}

/// Nothing is pending in the fetch lane, nobody works there, and no connection is held.
async fn is_over(run: &Run) {
    let status = run.juggle(&["status"]).await.expect(0).json();
    let fetch = &status["lanes"]["fetch"];
    let left: u64 = ["ready", "delayed", "leased"].iter().map(|state| fetch[state].as_u64().unwrap()).sum();
    assert_eq!((left, &status["workers"]["fetch"]), (0, &0.into()), "{status}");
    let closed = async {
        while run.played.iter().any(|played| played.host.open() > 0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed).await.expect("all connections are closed");
}

/// Asserts that the store stage makes only expected, whole files below `raw`, and that no name given by a
/// server is on this disk.
async fn nothing_half_is_stored(run: &Run) {
    let ended = run.juggle(&["store"]).await;
    assert!(matches!(ended.code, Some(0 | 8)), "{}", ended.stderr);
    let expected = run.expected();
    let mut raw = 0;
    for entry in fs::read_dir(run.out().join("raw")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().strip_suffix("_raw.txt").unwrap().to_owned();
        assert!(expected.get(&name) == Some(&fs::read(&path).unwrap()), "{name} is not what was sent");
        raw += 1;
    }
    let texts = expected.values().filter(|bytes| **bytes == row::text()).count();
    assert!(raw >= texts, "{raw} of {texts} texts are stored");
    let escaped = walk(run.directory.path()).into_iter().find(|path| path.ends_with("escaped.txt"));
    assert_eq!(escaped, None);
    assert!(!std::env::temp_dir().join("juggle-hostile-escaped.txt").exists());
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let is_directory = entry.file_type().unwrap().is_dir();
            if is_directory { &mut directories } else { &mut files }.push(entry.path());
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_asks_for_a_long_wait_keeps_its_job_and_delays_no_other() {
    let run = Run::set(|_| {
        let asks =
            |seconds: &str| row::status("503 Service Unavailable", &format!("Retry-After: {seconds}\r\n"));
        vec![
            row::dead("for_a_century", "http_status", 1, vec![asks("3155760000")]),
            row::dead("for_a_minute", "http_status", 1, vec![asks("60")]),
            row::stored("for_nothing", 1, vec![row::fine()]),
        ]
    })
    .await;
    let words = ["fetch", "-i", "list.tsv", "--once", "--wait", "0"];
    let fetched = run.juggle(&words).await.expect(0).json();
    assert_eq!(fetched["lanes"]["fetch"]["done"], 1);
    let jobs = run.juggle(&["queue", "ls", "--lane", "fetch", "--state", "delayed"]).await.expect(0).json();
    let waits: BTreeMap<&str, u64> = jobs.as_array().unwrap().iter().map(waits).collect();
    // The longest wait that a server may ask for is ten minutes.
    assert_eq!(waits, [("for_a_century", 600), ("for_a_minute", 60)].into());
    assert!(run.played.iter().all(|played| played.host.requests().len() == 1));
}

/// Returns the document of a delayed job, and the seconds from its failure to its next claim, rounded.
fn waits(job: &serde_json::Value) -> (&str, u64) {
    let ms = |key: &str| job[key].as_u64().unwrap();
    (job["document"].as_str().unwrap(), (ms("due_ms") - ms("changed_ms") + 500) / 1_000)
}
