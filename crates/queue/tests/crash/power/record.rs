//! What processes did to a directory and said meanwhile, in order.

use std::path::PathBuf;

use crate::deed::Line;

/// A file or directory, whatever it is called.
pub(crate) type Node = usize;

/// The directory that was watched. It was there before, and durable.
pub(crate) const ROOT: Node = 0;

/// What there is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
}

/// A change of the directory.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Make { directory: Node, name: String, node: Node, kind: Kind },
    Remove { directory: Node, name: String },
    Rename { directory: Node, from: String, to: String },
    Write { file: Node, at: usize, data: Vec<u8> },
    Resize { file: Node, bytes: usize },
}

impl Change {
    /// The node that must be synced for the change to be durable.
    pub(crate) const fn of(&self) -> Node {
        match self {
            Self::Make { directory, .. }
            | Self::Remove { directory, .. }
            | Self::Rename { directory, .. } => *directory,
            Self::Write { file, .. } | Self::Resize { file, .. } => *file,
        }
    }

    /// Whether it changes names, which a journal keeps in order.
    pub(crate) const fn is_of_names(&self) -> bool {
        match self {
            Self::Make { .. } | Self::Remove { .. } | Self::Rename { .. } => true,
            Self::Write { .. } | Self::Resize { .. } => false,
        }
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A process begins.
    Life(u32),
    Change(Change),
    /// Everything before event `covers` that belongs to the node is durable from here on.
    Sync {
        node: Node,
        covers: usize,
    },
    /// A process began to say this.
    Line(Line),
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) events: Vec<Event>,
    /// What each node was called first.
    pub(crate) names: Vec<PathBuf>,
}

impl Record {
    /// An event, for people.
    pub(crate) fn describe(&self, at: usize) -> String {
        let name = |node: &Node| self.names[*node].display();
        let what = match &self.events[at] {
            Event::Life(life) => format!("process {life} begins"),
            Event::Change(Change::Make { node, kind, .. }) => format!("make {kind:?} {}", name(node)),
            Event::Change(Change::Remove { directory, name: gone }) => {
                format!("remove {}/{gone}", name(directory))
            }
            Event::Change(Change::Rename { directory, from, to }) => {
                format!("rename {}/{from} to {to}", name(directory))
            }
            Event::Change(Change::Write { file, at, data }) => {
                format!("write {} bytes at {at} of {}", data.len(), name(file))
            }
            Event::Change(Change::Resize { file, bytes }) => format!("resize {} to {bytes}", name(file)),
            Event::Sync { node, covers } => format!("sync {} (what came before {covers})", name(node)),
            Event::Line(line) => format!("{line:?}").chars().take(160).collect(),
        };
        format!("{at}: {what}")
    }
}
