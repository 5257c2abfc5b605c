//! A directory in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path},
};

use crate::record::{Change, Kind, Node, Place, ROOT};

/// The names and contents below [`ROOT`]. Nodes without a name are kept, since they may get one.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(crate) directories: BTreeMap<Node, BTreeMap<String, Node>>,
    pub(crate) files: BTreeMap<Node, Vec<u8>>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { directories: BTreeMap::from([(ROOT, BTreeMap::new())]), files: BTreeMap::new() }
    }
}

impl Tree {
    /// Returns the node with this path.
    pub(crate) fn find(&self, path: &Path) -> Option<Node> {
        path.components().try_fold(ROOT, |node, component| match component {
            Component::Normal(name) => self.directories.get(&node)?.get(name.to_str()?).copied(),
            Component::CurDir => Some(node),
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => None,
        })
    }

    /// Applies a change.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Make { place, node, kind } => self.enter(place, *node, *kind),
            Change::Remove { place, node } => self.leave(place, *node),
            Change::Rename { from, to, node, kind } => {
                self.leave(from, *node);
                self.enter(to, *node, *kind);
            }
            Change::Write { file, at, data } => {
                let content = self.files.entry(*file).or_default();
                write(content, *at, data);
            }
            Change::Resize { file, bytes } => self.files.entry(*file).or_default().resize(*bytes, 0),
        }
    }

    fn enter(&mut self, place: &Place, node: Node, kind: Kind) {
        self.directories.entry(place.directory).or_default().insert(place.name.clone(), node);
        match kind {
            Kind::File => drop(self.files.entry(node).or_default()),
            Kind::Directory => drop(self.directories.entry(node).or_default()),
        }
    }

    /// Removes a name. Does nothing if another node has the name, since an earlier change was lost.
    fn leave(&mut self, place: &Place, node: Node) {
        let names = self.directories.entry(place.directory).or_default();
        if names.get(&place.name) == Some(&node) {
            names.remove(&place.name);
        }
    }

    /// Writes the tree to a real directory.
    pub(crate) fn write_to(&self, directory: &Path) -> io::Result<()> {
        self.write_below(ROOT, directory)
    }

    fn write_below(&self, node: Node, directory: &Path) -> io::Result<()> {
        for (name, child) in &self.directories[&node] {
            let path = directory.join(name);
            match self.files.get(child) {
                Some(content) => fs::write(path, content)?,
                None => {
                    fs::create_dir(&path)?;
                    self.write_below(*child, &path)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the differences from a real directory.
    pub(crate) fn differences(&self, directory: &Path) -> Vec<String> {
        let mut found = Vec::new();
        self.compare_below(ROOT, directory, &mut found);
        found
    }

    fn compare_below(&self, node: Node, directory: &Path, found: &mut Vec<String>) {
        let real: BTreeSet<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let known: BTreeSet<String> = self.directories[&node].keys().cloned().collect();
        found.extend(
            real.symmetric_difference(&known)
                .map(|name| format!("{} is only in one of the two", directory.join(name).display())),
        );
        for name in real.intersection(&known) {
            let (path, child) = (directory.join(name), self.directories[&node][name]);
            match self.files.get(&child) {
                Some(content) => {
                    let real = fs::read(&path).unwrap();
                    if real != *content {
                        let same = real.iter().zip(content).take_while(|(one, other)| one == other).count();
                        let (path, bytes, known) = (path.display(), real.len(), content.len());
                        found.push(format!(
                            "{path} has other bytes: {bytes}, of which the first {same} are known, not {known}"
                        ));
                    }
                }
                None => self.compare_below(child, &path, found),
            }
        }
    }
}

/// Writes as pwrite(2) does: a gap is filled with zeros.
pub(crate) fn write(content: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(data);
}
