//! Makes a [`Record`] of the system calls that change a directory.
//!
//! A change is recorded when its call returns. A sync covers only what had been recorded when it began, since
//! another thread may change something meanwhile. `sync_file_range` promises nothing (sync_file_range(2)) and
//! is left out. At the end of every process the directory is compared with the record, so that no way of
//! writing goes unseen.

use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::{libc, unistd::Pid};
use serde::de::DeserializeOwned;

use crate::{
    event_stream,
    ptrace::{Action, Call, Observer},
    record::{Change, Event, Kind, Node, Place, ROOT, Record, Synced},
    syscalls::{self, bytes, link, position, vector},
    tree::Tree,
};

/// The condition on which a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Never: it ends by itself.
    ByItself,
    /// After this number of events.
    Events(usize),
    /// After this number of lines.
    Lines(usize),
    /// After this number of renames, before the next sync.
    Renames(usize),
}

/// Records processes one after another. `L` is the type of their lines.
#[derive(Debug)]
pub struct Recorder<L> {
    root: PathBuf,
    record: Record<L>,
    tree: Tree,
    /// The nodes by the numbers of their inodes.
    nodes: HashMap<u64, Node>,
    end: End,
    process_events: usize,
    process_lines: usize,
    process_renames: usize,
}

/// A call that changes the directory, before it returns.
#[derive(Debug)]
#[expect(missing_docs, reason = "one for each call, with its arguments")]
pub enum Begun {
    Open { truncates: bool },
    Write { fd: u64, at: Option<u64>, data: Vec<u8> },
    Copy { fd: u64 },
    Resize { fd: u64, bytes: u64 },
    Allocate { fd: u64, end: u64 },
    Sync { what: Synced, covers: usize },
    MakeDirectory { path: PathBuf },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
}

impl<L> Recorder<L> {
    /// Creates a recorder of an empty directory.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let record = Record { events: Vec::new(), names: vec![PathBuf::from(".")] };
        let nodes = HashMap::from([(fs::metadata(root).unwrap().ino(), ROOT)]);
        let tree = Tree::default();
        Self {
            root: root.to_owned(),
            record,
            tree,
            nodes,
            end: End::ByItself,
            process_events: 0,
            process_lines: 0,
            process_renames: 0,
        }
    }

    /// Prepares for the process with this number.
    pub fn begin_process(&mut self, process: u32, end: End) {
        (self.process_events, self.process_lines, self.process_renames) = (0, 0, 0);
        self.end = end;
        self.record.events.push(Event::Process(process));
    }

    /// Compares the directory with the record, after a process has ended.
    pub fn end_process(&self) {
        let differences = self.tree.differences(&self.root);
        // A difference means that a call is not observed, and that the test would miss what it does.
        assert!(differences.is_empty(), "not everything was recorded: {differences:#?}");
    }

    /// Returns the record so far.
    #[must_use]
    pub const fn record(&self) -> &Record<L> {
        &self.record
    }

    /// Returns the record.
    #[must_use]
    pub fn finish(self) -> Record<L> {
        self.record
    }

    fn push(&mut self, event: Event<L>) {
        self.process_events += 1;
        self.record.events.push(event);
    }

    fn change(&mut self, change: Change) {
        self.tree.apply(&change);
        self.push(Event::Change(change));
    }

    /// Returns the path relative to the watched directory, if it is below that.
    fn below(&self, path: &Path) -> Option<PathBuf> {
        syscalls::below(&self.root, path)
    }

    /// Returns the node of an open file, if it is or was in the watched directory.
    fn node(&self, thread: Pid, fd: u64) -> Option<Node> {
        self.below(&link(thread, fd))?;
        let inode = fs::metadata(format!("/proc/{thread}/fd/{fd}")).unwrap().ino();
        Some(*self.nodes.get(&inode).expect("it was seen when it was made"))
    }

    fn make(&mut self, path: &Path, kind: Kind) {
        let place = self.place(path);
        let node = self.record.names.len();
        self.record.names.push(path.to_owned());
        self.nodes.insert(fs::metadata(self.root.join(path)).unwrap().ino(), node);
        self.change(Change::Make { place, node, kind });
    }

    fn opened(&mut self, thread: Pid, fd: u64, truncates: bool) {
        let Some(path) = self.below(&link(thread, fd)) else { return };
        match self.tree.find(&path) {
            // The file is new, since every earlier one was seen when it was created.
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
        let node = self.found(from);
        let kind = if self.tree.files.contains_key(&node) { Kind::File } else { Kind::Directory };
        self.process_renames += 1;
        self.change(Change::Rename { from: self.place(from), to: self.place(to), node, kind });
    }

    fn remove(&mut self, path: &Path) {
        self.change(Change::Remove { place: self.place(path), node: self.found(path) });
    }

    fn found(&self, path: &Path) -> Node {
        self.tree.find(path).expect("it was seen when it was made")
    }

    /// Returns the directory of a path, and its name in that.
    fn place(&self, path: &Path) -> Place {
        Place { directory: self.found(path.parent().unwrap()), name: name_of(path) }
    }

    fn sync_begins(&self, call: &Call) -> Option<Begun> {
        let node = self.node(call.thread, call.arguments[0])?;
        Some(Begun::Sync { what: Synced::Node(node), covers: self.record.events.len() })
    }

    fn sync_of_all_begins(&self, call: &Call) -> Option<Begun> {
        self.node(call.thread, call.arguments[0])?;
        Some(Begun::Sync { what: Synced::FileSystem, covers: self.record.events.len() })
    }

    /// Decodes a path argument, if it is in the watched directory.
    fn path(&self, call: &Call, directory: Option<u64>, path: u64) -> Option<PathBuf> {
        self.below(&syscalls::path(call, directory, path))
    }
}

impl<L: DeserializeOwned> Recorder<L> {
    fn write_begins(&mut self, call: &Call, data: Vec<u8>, at: Option<u64>) -> Option<Begun> {
        let [fd, ..] = call.arguments;
        let target = link(call.thread, fd);
        // A line counts from its begin: the other side may read it before the call returns.
        if target.to_string_lossy().starts_with("pipe:")
            && let Some(line) =
                String::from_utf8(data.clone()).ok().and_then(|text| event_stream::parse(&text))
        {
            self.process_lines += 1;
            self.push(Event::Line(line));
            return None;
        }
        self.below(&target)?;
        Some(Begun::Write { fd, at, data })
    }

    fn call_begins(&mut self, call: &Call) -> Option<Begun> {
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
            libc::SYS_pwritev => {
                let data = vector(call.thread, second, third);
                self.write_begins(call, data, Some(fourth))
            }
            libc::SYS_copy_file_range => Some(Begun::Copy { fd: third }),
            libc::SYS_sendfile => Some(Begun::Copy { fd: first }),
            libc::SYS_ftruncate => Some(Begun::Resize { fd: first, bytes: second }),
            libc::SYS_fallocate if second == 0 => Some(Begun::Allocate { fd: first, end: third + fourth }),
            libc::SYS_fsync | libc::SYS_fdatasync => self.sync_begins(call),
            libc::SYS_syncfs => self.sync_of_all_begins(call),
            libc::SYS_mkdirat => Some(Begun::MakeDirectory { path: self.path(call, Some(first), second)? }),
            libc::SYS_unlinkat => Some(Begun::Remove { path: self.path(call, Some(first), second)? }),
            libc::SYS_renameat | libc::SYS_renameat2 => Some(Begun::Rename {
                from: self.path(call, Some(first), second)?,
                to: self.path(call, Some(third), fourth)?,
            }),
            other => self.old_call_begins(call, other),
        }
    }
}

impl<L: DeserializeOwned> Observer for Recorder<L> {
    type Begun = Begun;

    fn begins(&mut self, call: &Call) -> Action<Begun> {
        self.call_begins(call).map_or(Action::Ignore, Action::Observe)
    }

    fn returns(&mut self, call: &Call, begun: Begun, result: i64) {
        // A call that failed has changed nothing.
        let Ok(result) = u64::try_from(result) else { return };
        let thread = call.thread;
        match begun {
            Begun::Open { truncates } => self.opened(thread, result, truncates),
            Begun::Write { fd, at, mut data } => {
                // A short write.
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
            Begun::Sync { what, covers } => self.push(Event::Sync { what, covers }),
            Begun::MakeDirectory { path } => self.make(&path, Kind::Directory),
            Begun::Remove { path } => self.remove(&path),
            Begun::Rename { from, to } => self.rename(&from, &to),
        }
    }

    fn is_over(&self) -> bool {
        match self.end {
            End::ByItself => false,
            End::Events(count) => self.process_events >= count,
            End::Lines(count) => self.process_lines >= count,
            End::Renames(count) => self.process_renames >= count,
        }
    }
}

impl<L> Recorder<L> {
    /// Decodes the calls that newer architectures do not have.
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
