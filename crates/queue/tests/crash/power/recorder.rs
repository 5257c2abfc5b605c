//! Makes a [`Record`] of the system calls that change a directory.
//!
//! A change is recorded when its call returns, a sync with what had been recorded when it began: what another thread
//! changed meanwhile may not be covered. `sync_file_range` promises nothing (sync_file_range(2)) and is left out. At the
//! end of every process the directory is compared with what the record makes of it, so that no way of writing goes
//! unseen.

use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::{libc, unistd::Pid};

use super::{
    record::{Change, Event, Kind, Node, ROOT, Record},
    trace::{Call, Observer},
    tree::Tree,
};
use crate::deed::Line;

/// When a process has lived long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// When it ends by itself.
    ByItself,
    /// After so many events.
    Events(usize),
    /// After so many lines.
    Lines(usize),
}

/// The record in the making, and the directory as it is now.
#[derive(Debug)]
pub(crate) struct Recorder {
    root: PathBuf,
    record: Record,
    tree: Tree,
    /// Nodes by the numbers of their inodes.
    nodes: HashMap<u64, Node>,
    end: End,
    events_of_life: usize,
    lines_of_life: usize,
}

/// A call that changes the directory, before it returns.
#[derive(Debug)]
pub(crate) enum Begun {
    Open { truncates: bool },
    Write { fd: u64, at: Option<u64>, data: Vec<u8> },
    Copy { fd: u64 },
    Resize { fd: u64, bytes: u64 },
    Allocate { fd: u64, end: u64 },
    Sync { node: Node, covers: usize },
    MakeDirectory { path: PathBuf },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
}

impl Recorder {
    /// Watches an empty directory.
    pub(crate) fn of(root: &Path) -> Self {
        let record = Record { events: Vec::new(), names: vec![PathBuf::from(".")] };
        let nodes = HashMap::from([(fs::metadata(root).unwrap().ino(), ROOT)]);
        let tree = Tree::default();
        Self {
            root: root.to_owned(),
            record,
            tree,
            nodes,
            end: End::ByItself,
            events_of_life: 0,
            lines_of_life: 0,
        }
    }

    /// A process is about to begin.
    pub(crate) fn begin_life(&mut self, life: u32, end: End) {
        (self.end, self.events_of_life, self.lines_of_life) = (end, 0, 0);
        self.record.events.push(Event::Life(life));
    }

    /// A process has ended.
    pub(crate) fn end_life(&self) {
        let differences = self.tree.differences(&self.root);
        assert!(differences.is_empty(), "not everything was recorded: {differences:#?}");
    }

    pub(crate) fn finish(self) -> Record {
        self.record
    }

    fn push(&mut self, event: Event) {
        self.events_of_life += 1;
        self.record.events.push(event);
    }

    fn change(&mut self, change: Change) {
        self.tree.apply(&change);
        self.push(Event::Change(change));
    }

    /// The place of a path in the watched directory.
    fn below(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    /// What an open file is, if it is or was in the watched directory.
    fn node(&self, thread: Pid, fd: u64) -> Option<Node> {
        self.below(&link(thread, fd))?;
        let inode = fs::metadata(format!("/proc/{thread}/fd/{fd}")).unwrap().ino();
        Some(*self.nodes.get(&inode).expect("it was seen when it was made"))
    }

    fn make(&mut self, path: &Path, kind: Kind) {
        let directory =
            self.tree.find(path.parent().unwrap()).expect("its directory was seen when it was made");
        let node = self.record.names.len();
        self.record.names.push(path.to_owned());
        self.nodes.insert(fs::metadata(self.root.join(path)).unwrap().ino(), node);
        self.change(Change::Make { directory, name: name_of(path), node, kind });
    }

    fn opened(&mut self, thread: Pid, fd: u64, truncates: bool) {
        let Some(path) = self.below(&link(thread, fd)) else { return };
        match self.tree.find(&path) {
            None => self.make(&path, Kind::File),
            Some(file) if truncates => self.change(Change::Resize { file, bytes: 0 }),
            Some(_) => {}
        }
    }

    fn wrote(&mut self, thread: Pid, fd: u64, at: u64, data: Vec<u8>) {
        let Some(file) = self.node(thread, fd) else { return };
        self.change(Change::Write { file, at: at.try_into().unwrap(), data });
    }

    fn resize(&mut self, thread: Pid, fd: u64, bytes: u64) {
        let Some(file) = self.node(thread, fd) else { return };
        self.change(Change::Resize { file, bytes: bytes.try_into().unwrap() });
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        assert_eq!(from.parent(), to.parent(), "moves between directories are not modelled");
        let directory =
            self.tree.find(from.parent().unwrap()).expect("its directory was seen when it was made");
        self.change(Change::Rename { directory, from: name_of(from), to: name_of(to) });
    }

    fn write_begins(&mut self, call: &Call, data: Vec<u8>, at: Option<u64>) -> Option<Begun> {
        let [fd, ..] = call.arguments;
        let target = link(call.thread, fd);
        if target.to_string_lossy().starts_with("pipe:")
            && let Some(line) = String::from_utf8(data.clone()).ok().and_then(|text| Line::read(&text))
        {
            self.lines_of_life += 1;
            self.push(Event::Line(line));
            return None;
        }
        self.below(&target)?;
        Some(Begun::Write { fd, at, data })
    }

    fn sync_begins(&self, call: &Call) -> Option<Begun> {
        let node = self.node(call.thread, call.arguments[0])?;
        Some(Begun::Sync { node, covers: self.record.events.len() })
    }

    /// A path argument, if it lies in the watched directory.
    fn path(&self, call: &Call, directory: Option<u64>, path: u64) -> Option<PathBuf> {
        let path = PathBuf::from(text(call.thread, path));
        // An int in a register, with whatever is above it.
        let directory = match directory.map(|fd| fd & u64::from(u32::MAX)) {
            Some(fd) if fd != u64::from(libc::AT_FDCWD.cast_unsigned()) => link(call.thread, fd),
            _ => fs::read_link(format!("/proc/{}/cwd", call.thread)).unwrap(),
        };
        self.below(&directory.join(path))
    }
}

impl Observer for Recorder {
    type Begun = Begun;

    fn begins(&mut self, call: &Call) -> Option<Begun> {
        let [first, second, third, fourth, ..] = call.arguments;
        match call.number {
            libc::SYS_openat => Some(Begun::Open { truncates: third & libc::O_TRUNC as u64 != 0 }),
            libc::SYS_write => {
                let data = bytes(call.thread, second, third);
                self.write_begins(call, data, None)
            }
            libc::SYS_writev => {
                let data = vector(call.thread, second, third);
                self.write_begins(call, data, None)
            }
            libc::SYS_pwrite64 => {
                let data = bytes(call.thread, second, third);
                self.write_begins(call, data, Some(fourth))
            }
            libc::SYS_copy_file_range => Some(Begun::Copy { fd: third }),
            libc::SYS_sendfile => Some(Begun::Copy { fd: first }),
            libc::SYS_ftruncate => Some(Begun::Resize { fd: first, bytes: second }),
            libc::SYS_fallocate if second == 0 => Some(Begun::Allocate { fd: first, end: third + fourth }),
            libc::SYS_fsync | libc::SYS_fdatasync => self.sync_begins(call),
            libc::SYS_mkdirat => Some(Begun::MakeDirectory { path: self.path(call, Some(first), second)? }),
            libc::SYS_unlinkat => Some(Begun::Remove { path: self.path(call, Some(first), second)? }),
            libc::SYS_renameat | libc::SYS_renameat2 => Some(Begun::Rename {
                from: self.path(call, Some(first), second)?,
                to: self.path(call, Some(third), fourth)?,
            }),
            other => self.old_call_begins(call, other),
        }
    }

    fn returns(&mut self, call: &Call, begun: Begun, result: i64) {
        let Ok(result) = u64::try_from(result) else { return };
        let thread = call.thread;
        match begun {
            Begun::Open { truncates } => self.opened(thread, result, truncates),
            Begun::Write { fd, at, mut data } => {
                data.truncate(result.try_into().unwrap());
                let at = at.unwrap_or_else(|| position(thread, fd) - result);
                self.wrote(thread, fd, at, data);
            }
            Begun::Copy { fd } if self.below(&link(thread, fd)).is_some() && result > 0 => {
                let at = position(thread, fd) - result;
                let mut data = vec![0; result.try_into().unwrap()];
                File::open(format!("/proc/{thread}/fd/{fd}")).unwrap().read_exact_at(&mut data, at).unwrap();
                self.wrote(thread, fd, at, data);
            }
            Begun::Copy { .. } => {}
            Begun::Resize { fd, bytes } => self.resize(thread, fd, bytes),
            Begun::Allocate { fd, end } => {
                let now = self.node(thread, fd).map_or(0, |node| self.tree.files[&node].len() as u64);
                self.resize(thread, fd, end.max(now));
            }
            Begun::Sync { node, covers } => self.push(Event::Sync { node, covers }),
            Begun::MakeDirectory { path } => self.make(&path, Kind::Directory),
            Begun::Remove { path } => {
                let directory = self.tree.find(path.parent().unwrap()).unwrap();
                self.change(Change::Remove { directory, name: name_of(&path) });
            }
            Begun::Rename { from, to } => self.rename(&from, &to),
        }
    }

    fn wants_to_kill(&self) -> bool {
        match self.end {
            End::ByItself => false,
            End::Events(count) => self.events_of_life >= count,
            End::Lines(count) => self.lines_of_life >= count,
        }
    }
}

impl Recorder {
    /// Calls that newer systems do without.
    #[cfg(target_arch = "x86_64")]
    fn old_call_begins(&self, call: &Call, number: i64) -> Option<Begun> {
        let [first, second, ..] = call.arguments;
        match number {
            libc::SYS_open => Some(Begun::Open { truncates: second & libc::O_TRUNC as u64 != 0 }),
            libc::SYS_creat => Some(Begun::Open { truncates: true }),
            libc::SYS_mkdir => Some(Begun::MakeDirectory { path: self.path(call, None, first)? }),
            libc::SYS_unlink | libc::SYS_rmdir => Some(Begun::Remove { path: self.path(call, None, first)? }),
            libc::SYS_rename => Some(Begun::Rename {
                from: self.path(call, None, first)?,
                to: self.path(call, None, second)?,
            }),
            _ => None,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn old_call_begins(&self, _call: &Call, _number: i64) -> Option<Begun> {
        None
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// What an open file is called; of no use where it is closed.
fn link(thread: Pid, fd: u64) -> PathBuf {
    fs::read_link(format!("/proc/{thread}/fd/{fd}")).unwrap_or_default()
}

/// Where an open file is read and written next (proc_pid_fdinfo(5)).
fn position(thread: Pid, fd: u64) -> u64 {
    let info = fs::read_to_string(format!("/proc/{thread}/fdinfo/{fd}")).unwrap();
    let position = info.lines().find_map(|line| line.strip_prefix("pos:"));
    position.unwrap().trim().parse().unwrap()
}

/// Memory of a process.
fn bytes(thread: Pid, address: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length.try_into().unwrap()];
    let memory = File::open(format!("/proc/{thread}/mem")).unwrap();
    memory.read_exact_at(&mut bytes, address).unwrap();
    bytes
}

/// The buffers of a writev(2).
fn vector(thread: Pid, address: u64, count: u64) -> Vec<u8> {
    let table = bytes(thread, address, count * 16);
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap());
    table.chunks_exact(16).flat_map(|entry| bytes(thread, number(&entry[..8]), number(&entry[8..]))).collect()
}

/// A text that ends with a zero.
fn text(thread: Pid, address: u64) -> String {
    let memory = File::open(format!("/proc/{thread}/mem")).unwrap();
    let mut text = Vec::new();
    let mut byte = [0];
    loop {
        memory.read_exact_at(&mut byte, address + text.len() as u64).unwrap();
        if byte[0] == 0 {
            return String::from_utf8(text).unwrap();
        }
        text.push(byte[0]);
    }
}
