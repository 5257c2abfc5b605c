//! A record of what processes did to a directory, and of the lines that they wrote meanwhile, in order.

use std::{fmt::Debug, path::PathBuf};

/// A file or directory, whatever its name.
pub type Node = usize;

/// The watched directory. It exists and is durable before the record begins.
pub const ROOT: Node = 0;

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory.
    pub directory: Node,
    /// The name.
    pub name: String,
}

/// A change in the directory.
#[derive(Debug, Clone)]
pub enum Change {
    /// A file or directory is created.
    Make {
        /// Its name.
        place: Place,
        /// The node.
        node: Node,
        /// Its kind.
        kind: Kind,
    },
    /// A name is removed.
    Remove {
        /// The name.
        place: Place,
        /// The node that had it.
        node: Node,
    },
    /// A node gets another name, in the same directory or in another.
    Rename {
        /// The old name.
        from: Place,
        /// The new one.
        to: Place,
        /// The node.
        node: Node,
        /// Its kind.
        kind: Kind,
    },
    /// Bytes are written.
    Write {
        /// The file.
        file: Node,
        /// The offset of the first byte.
        at: usize,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A file is cut or filled with zeros.
    Resize {
        /// The file.
        file: Node,
        /// Its new length.
        bytes: usize,
    },
}

impl Change {
    /// Returns the node that is changed; for a rename the directory that the name leaves.
    pub(crate) const fn of(&self) -> Node {
        match self {
            Self::Make { place, .. } | Self::Remove { place, .. } | Self::Rename { from: place, .. } => {
                place.directory
            }
            Self::Write { file, .. } | Self::Resize { file, .. } => *file,
        }
    }

    /// Returns whether the change is durable once the node is synced. For a rename between two directories
    /// either one is enough: no file system with a journal leaves a file with both names or none.
    pub(crate) fn is_of(&self, node: Node) -> bool {
        let enters = matches!(self, Self::Rename { to, .. } if to.directory == node);
        enters || self.of() == node
    }

    /// Returns whether the change is one of names, which a journal keeps in order.
    pub(crate) const fn is_of_names(&self) -> bool {
        match self {
            Self::Make { .. } | Self::Remove { .. } | Self::Rename { .. } => true,
            Self::Write { .. } | Self::Resize { .. } => false,
        }
    }
}

/// The target of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// The bytes of a file, or the names in a directory.
    Node(Node),
    /// All bytes and names (syncfs(2)).
    FileSystem,
}

/// An event of a record.
#[derive(Debug, Clone)]
pub enum Event<L> {
    /// A process begins.
    Process(u32),
    /// The directory changes.
    Change(Change),
    /// Everything before event `covers` that belongs to it is durable from here on.
    Sync {
        /// The target.
        what: Synced,
        /// The index of the first event that may not be covered.
        covers: usize,
    },
    /// A process began to write this line.
    Line(L),
}

/// All events.
#[derive(Debug)]
pub struct Record<L> {
    /// The events, in order.
    pub events: Vec<Event<L>>,
    /// The first name of each node.
    pub names: Vec<PathBuf>,
}

impl<L> Record<L> {
    /// Iterates over the lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = &L> {
        self.events.iter().filter_map(|event| match event {
            Event::Line(line) => Some(line),
            Event::Process(_) | Event::Change(_) | Event::Sync { .. } => None,
        })
    }
}

impl<L: Debug> Record<L> {
    /// Describes an event for people.
    #[must_use]
    pub fn describe(&self, at: usize) -> String {
        let name = |node: &Node| self.names[*node].display();
        let what = match &self.events[at] {
            Event::Process(number) => format!("process {number} begins"),
            Event::Change(Change::Make { node, kind, .. }) => format!("make {kind:?} {}", name(node)),
            Event::Change(Change::Remove { place, .. }) => {
                format!("remove {}/{}", name(&place.directory), place.name)
            }
            Event::Change(Change::Rename { from, to, .. }) => format!(
                "rename {}/{} to {}/{}",
                name(&from.directory),
                from.name,
                name(&to.directory),
                to.name
            ),
            Event::Change(Change::Write { file, at, data }) => {
                format!("write {} bytes at {at} of {}", data.len(), name(file))
            }
            Event::Change(Change::Resize { file, bytes }) => format!("resize {} to {bytes}", name(file)),
            Event::Sync { what: Synced::Node(node), covers } => {
                format!("sync {} (what came before {covers})", name(node))
            }
            Event::Sync { what: Synced::FileSystem, covers } => {
                format!("sync all (what came before {covers})")
            }
            Event::Line(line) => format!("{line:?}").chars().take(160).collect(),
        };
        format!("{at}: {what}")
    }
}
