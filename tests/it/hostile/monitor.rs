//! Looks at a run from outside while it goes on: what stands under final names, and whom the program talks
//! to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

const BEAT: Duration = Duration::from_millis(40);

/// A monitor of one process.
pub(super) struct Monitor {
    out: PathBuf,
    /// The contents that may be under final names.
    expected: BTreeMap<String, Vec<u8>>,
    process: u32,
    looked: usize,
    /// Documents whose files were found whole.
    whole: BTreeSet<String>,
    faults: BTreeSet<String>,
}

impl Monitor {
    pub(super) fn of(out: PathBuf, expected: BTreeMap<String, Vec<u8>>, process: u32) -> Self {
        Self { out, expected, process, looked: 0, whole: BTreeSet::new(), faults: BTreeSet::new() }
    }

    /// Looks again and again until `run` is over, and once more.
    pub(super) async fn watch<T>(&mut self, run: impl Future<Output = T>) -> T {
        tokio::pin!(run);
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                ended = &mut run => {
                    self.whole.clear();
                    self.look();
                    return ended;
                }
                _ = beat.tick() => self.look(),
            }
        }
    }

    /// Asserts that nothing wrong was seen, and that there was something to see.
    #[track_caller]
    pub(super) fn testify(&self) {
        assert!(self.faults.is_empty(), "{:?}", self.faults);
        assert!(self.looked > 10, "looked only {} times", self.looked);
    }

    fn look(&mut self) {
        self.looked += 1;
        self.look_at_files();
        for peer in peers(self.process) {
            if peer.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) {
                self.faults.insert(format!("it talks to {peer}"));
            }
        }
    }

    fn look_at_files(&mut self) {
        // The directory is made by the run; the text of a file that is gone again was published before.
        let Ok(entries) = fs::read_dir(self.out.join("spool")) else { return };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(document) = name.strip_suffix(".spool").filter(|name| !name.starts_with('.')) else {
                continue;
            };
            if self.whole.contains(document) {
                continue;
            }
            let Ok(bytes) = fs::read(&path) else { continue };
            if self.expected.get(document) == Some(&bytes) {
                self.whole.insert(document.to_owned());
            } else {
                self.faults.insert(format!("{} bytes stood under {name}", bytes.len()));
            }
        }
        if fs::read_dir(self.out.join("raw")).is_ok_and(|mut raw| raw.next().is_some()) {
            self.faults.insert("fetching wrote below raw".to_owned());
        }
    }
}

/// The far ends of a process's TCP connections, those that are only being asked for too. None where the
/// system does not tell.
fn peers(process: u32) -> Vec<SocketAddr> {
    let root = PathBuf::from(format!("/proc/{process}"));
    let sockets: BTreeSet<String> = fs::read_dir(root.join("fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    ["net/tcp", "net/tcp6"].iter().flat_map(|table| connections(&root.join(table), &sockets)).collect()
}

fn connections(table: &Path, sockets: &BTreeSet<String>) -> Vec<SocketAddr> {
    let text = fs::read_to_string(table).unwrap_or_default();
    let peer = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (peer, inode) = (fields.get(2)?, fields.get(9)?);
        sockets.contains(*inode).then(|| address(peer))?
    };
    text.lines().skip(1).filter_map(peer).filter(|peer| peer.port() != 0).collect()
}

/// `0100007F:1F90`: words in the machine's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for word in host.as_bytes().chunks(8) {
        bytes.extend(u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}
