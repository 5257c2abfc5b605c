//! juggle's programs, run as people run them: `juggle add`, then `juggle fetch` and `juggle store` at the
//! same time.
//!
//! The first of the two to come starts `juggle-queue`, which owns the queue. It would stay for a while after
//! the last of them; it is asked to end, and waited for, when a run is over, outside of what is timed.

use std::{
    collections::BTreeSet,
    fs::File,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use blob_store::{layout::Layout, local::compression::Compression, run_blobs::RunBlobs};
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    durability::Durability,
};
use queue::ledger::LANE_CAPACITY;
use rustix::{
    net::sockopt::socket_peercred,
    process::{Signal, kill_process},
};

use super::{
    item::{Item, write_list},
    running::{Running, Took, command},
    text::Prose,
};
use crate::{machine, program, server::Installed};

/// Politeness and concurrency of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// The least time between two requests to a host.
    pub wait: Duration,
    /// Connections to a host at a time.
    pub connections: u32,
    /// Downloads at a time.
    pub downloads: u32,
    /// The largest file.
    pub bytes_max: u64,
}

impl Manner {
    /// Without politeness, with as many connections as its memory is to allow.
    pub const FAST: Self = Self { wait: Duration::ZERO, connections: 32, downloads: 32, bytes_max: 64 << 20 };
}

/// juggle as it lies beside this program.
#[derive(Debug, Clone)]
pub struct Juggle {
    program: PathBuf,
    robots: Robots,
}

/// Returns true if juggle has the option `--robots`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Robots {
    Off,
    Unknown,
}

/// Resources used by a run of fetch and store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored {
    /// From the start of both to the end of the later one.
    pub seconds: f64,
    /// `juggle fetch`.
    pub fetch: Took,
    /// `juggle store`.
    pub store: Took,
}

impl Juggle {
    /// Finds it.
    ///
    /// # Errors
    /// If it is not there, with the command that builds it.
    pub fn beside_this_program() -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("failed to find this program")?;
        let program = this.with_file_name("juggle");
        ensure!(program.is_file(), "'{}' is missing. To build it: cargo build --release", program.display());
        let help = program::output_of(&program, &["fetch", "--help"]).context("juggle does not run")?;
        let robots = if help.contains("--robots") { Robots::Off } else { Robots::Unknown };
        Ok(Self { program, robots })
    }

    /// Its role.
    #[must_use]
    pub fn installed() -> Installed {
        let durability = Durability::Power;
        Installed {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            durability: format!("power loss, each document separately (--durability {durability})"),
        }
    }

    /// `juggle add`: a list of all items into the queue of a run directory.
    ///
    /// # Errors
    /// If it fails.
    pub fn add(&self, run: &Path, items: &[Item], notes: &Path) -> anyhow::Result<Took> {
        let list = list(items, notes)?;
        let mut add = self.command("add", run)?;
        add.arg(list);
        Running::start("juggle-add", add, notes)?.wait()
    }

    /// `juggle fetch`, with a list of its own if `items` has any; it puts them into the queue first.
    ///
    /// # Errors
    /// If it does not start.
    pub fn fetch(
        &self,
        run: &Path,
        manner: Manner,
        (hosts, items): (&[Item], &[Item]),
        notes: &Path,
    ) -> anyhow::Result<Running> {
        let mut fetch = self.command("fetch", run)?;
        if !items.is_empty() {
            fetch.arg("-i").arg(list(items, notes)?);
        }
        fetch.arg("--wait").arg(format!("{}ms", manner.wait.as_millis()));
        fetch.arg("-x").arg(manner.connections.to_string());
        fetch.arg("-j").arg(manner.downloads.to_string());
        fetch.arg("--max-filesize").arg(manner.bytes_max.to_string());
        let hosts: BTreeSet<_> = hosts.iter().map(|item| item.host).collect();
        for host in hosts {
            fetch.arg("--allow-host").arg(host.to_string());
        }
        match self.robots {
            Robots::Off => drop(fetch.args(["--robots", "off"])),
            Robots::Unknown => {}
        }
        Running::start("juggle-fetch", fetch, notes)
    }

    /// `juggle store`.
    ///
    /// # Errors
    /// If it does not start.
    pub fn store(&self, run: &Path, notes: &Path) -> anyhow::Result<Running> {
        Running::start("juggle-store", self.command("store", run)?, notes)
    }

    /// `juggle process`, if there are more items than its lane holds: the store would wait for it.
    ///
    /// # Errors
    /// If it does not start.
    pub fn process_where_needed(
        &self,
        run: &Path,
        items: &[Item],
        notes: &Path,
    ) -> anyhow::Result<Option<Running>> {
        let is_needed = items.len() > LANE_CAPACITY;
        is_needed.then(|| Running::start("juggle-process", self.command("process", run)?, notes)).transpose()
    }

    /// Both at the same time, for items that are in the queue; beside them `juggle process`, where it is
    /// needed.
    ///
    /// # Errors
    /// If one of them fails.
    pub fn fetch_and_store(
        &self,
        run: &Path,
        manner: Manner,
        items: &[Item],
        notes: &Path,
    ) -> anyhow::Result<Stored> {
        let started = Instant::now();
        let fetch = self.fetch(run, manner, (items, &[]), notes)?;
        let store = self.store(run, notes)?;
        let process = self.process_where_needed(run, items, notes)?;
        let fetch = fetch.wait()?;
        let store = store.wait()?;
        if let Some(process) = process {
            process.wait()?;
        }
        Ok(Stored { seconds: started.elapsed().as_secs_f64(), fetch, store })
    }

    fn command(&self, verb: &str, run: &Path) -> anyhow::Result<std::process::Command> {
        let mut command = command(&self.program)?;
        command.arg(verb).arg("-q").arg("-o").arg(run);
        // Neither the environment nor a settings file of whoever runs the benchmark has a say.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"JUGGLE_"))
        {
            command.env_remove(name);
        }
        // Otherwise many texts in a new run directory would be packed.
        command.env("JUGGLE_LAYOUT", Layout::of(run)?.to_string());
        command.current_dir(run.parent().context("a run directory lies in a directory")?);
        Ok(command)
    }
}

fn list(items: &[Item], notes: &Path) -> anyhow::Result<PathBuf> {
    let list = notes.join("list.tsv");
    write_list(&list, "url\tid\n", items, |item| format!("{}\t{}\n", item.url(), item.id))?;
    Ok(list)
}

/// Asks the owner of a run directory's queue to end, waits for it, and says the most memory it had. None
/// if nobody owns it.
///
/// # Errors
/// If it is there and cannot be ended.
pub fn end_owner(run: &Path) -> anyhow::Result<Option<u64>> {
    let queue = run.join("queue");
    let Ok(socket) = UnixStream::connect(queue.join("queue.sock")) else { return Ok(None) };
    let owner = socket_peercred(&socket).context("the socket of the queue does not report its owner")?.pid;
    drop(socket);
    let rss_kib = machine::rss_peak_kib(&owner.as_raw_nonzero().to_string());
    kill_process(owner, Signal::TERM).context("failed to end juggle-queue")?;
    // Its owner holds this lock for as long as it lives.
    let lock = queue.join("lock");
    File::open(&lock)
        .and_then(|file| file.lock())
        .with_context(|| format!("failed to wait for '{}'", lock.display()))?;
    Ok(rss_kib)
}

/// Looks whether every item is stored: its raw bytes as served, its text and its meta.
///
/// # Errors
/// If one is not.
pub fn must_be_stored(run: &Path, items: &[Item], prose: &Prose) -> anyhow::Result<()> {
    must_hold(run, BlobKind::Raw, items, prose)?;
    let blobs = open(run)?;
    for kind in [BlobKind::Text, BlobKind::Meta] {
        for item in items {
            let name = name(kind, item)?;
            ensure!(blobs.len(&name)?.is_some(), "'{}' is missing", name.relative_path().display());
        }
    }
    Ok(())
}

/// Looks whether every item has its bytes in blobs of this kind.
///
/// # Errors
/// If one has not.
pub fn must_hold(run: &Path, kind: BlobKind, items: &[Item], prose: &Prose) -> anyhow::Result<()> {
    let blobs = open(run)?;
    items.iter().try_for_each(|item| {
        let name = name(kind, item)?;
        let path = name.relative_path();
        let blob = blobs.open(&name).with_context(|| format!("'{}'", path.display()))?;
        prose.must_be_read(blob, &path, item.seed, item.bytes)
    })
}

fn open(run: &Path) -> anyhow::Result<RunBlobs> {
    Ok(RunBlobs::open(run, Durability::Process, Compression::default())?)
}

fn name(kind: BlobKind, item: &Item) -> anyhow::Result<BlobName> {
    Ok(BlobName::new(kind, item.id.parse()?))
}
