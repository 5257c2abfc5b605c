//! What processes did to a directory and said meanwhile, in order.

use std::{fmt::Debug, path::PathBuf};

/// A file or directory, whatever it is called.
pub type Node = usize;

/// The directory that was watched. It was there before, and durable.
pub const ROOT: Node = 0;

/// What there is to be made.
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

/// A change of the directory.
#[derive(Debug, Clone)]
pub enum Change {
    /// A file or directory is made.
    Make {
        /// Where.
        place: Place,
        /// What.
        node: Node,
        /// Of which kind.
        kind: Kind,
    },
    /// A name goes away.
    Remove {
        /// Which.
        place: Place,
        /// What had it.
        node: Node,
    },
    /// A name becomes another, in the same directory or in another.
    Rename {
        /// The old name.
        from: Place,
        /// The new one.
        to: Place,
        /// What has it.
        node: Node,
        /// Of which kind.
        kind: Kind,
    },
    /// Bytes are written.
    Write {
        /// To which file.
        file: Node,
        /// From which byte on.
        at: usize,
        /// Which.
        data: Vec<u8>,
    },
    /// A file is cut or filled up with zeros.
    Resize {
        /// Which file.
        file: Node,
        /// Its length from then on.
        bytes: usize,
    },
}

impl Change {
    /// The node whose change it is first of all: of a rename the directory that is left.
    pub(crate) const fn of(&self) -> Node {
        match self {
            Self::Make { place, .. } | Self::Remove { place, .. } | Self::Rename { from: place, .. } => {
                place.directory
            }
            Self::Write { file, .. } | Self::Resize { file, .. } => *file,
        }
    }

    /// Whether it is durable once the node is synced. A rename between two directories is by either of them: no file
    /// system that keeps a journal lets a file have both names or none.
    pub(crate) fn is_of(&self, node: Node) -> bool {
        let enters = matches!(self, Self::Rename { to, .. } if to.directory == node);
        enters || self.of() == node
    }

    /// Whether it changes names, which a journal keeps in order.
    pub(crate) const fn is_of_names(&self) -> bool {
        match self {
            Self::Make { .. } | Self::Remove { .. } | Self::Rename { .. } => true,
            Self::Write { .. } | Self::Resize { .. } => false,
        }
    }
}

/// What is forced to the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// The bytes of a file, or the names in a directory.
    Node(Node),
    /// All bytes and names (syncfs(2)).
    FileSystem,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event<L> {
    /// A process begins.
    Life(u32),
    /// Something changes.
    Change(Change),
    /// Everything before event `covers` that belongs to it is durable from here on.
    Sync {
        /// What is durable.
        what: Synced,
        /// How much of it.
        covers: usize,
    },
    /// A process began to say this.
    Line(L),
}

/// All of it.
#[derive(Debug)]
pub struct Record<L> {
    /// In order.
    pub events: Vec<Event<L>>,
    /// What each node was called first.
    pub names: Vec<PathBuf>,
}

impl<L> Record<L> {
    /// What was said, in order.
    pub fn lines(&self) -> impl Iterator<Item = &L> {
        self.events.iter().filter_map(|event| match event {
            Event::Line(line) => Some(line),
            Event::Life(_) | Event::Change(_) | Event::Sync { .. } => None,
        })
    }
}

impl<L: Debug> Record<L> {
    /// An event, for people.
    #[must_use]
    pub fn describe(&self, at: usize) -> String {
        let name = |node: &Node| self.names[*node].display();
        let what = match &self.events[at] {
            Event::Life(life) => format!("process {life} begins"),
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
