//! What a disk may hold after a power cut.
//!
//! What was synced is there. Of the rest, by model:
//!
//! * [`Model::Strict`], which is all that POSIX promises: changes of names happened or not, directory by directory; a
//!   write may be lost, cut at sectors, or overtaken by a later one; a file may have its new size without its bytes. It is
//!   kinder in one point: a rename from one directory to another happened in both or in neither.
//! * [`Model::Ext4`], `data=ordered`: changes of names are durable in their order, up to some moment, at the latest that
//!   of the last sync of anything; bytes at the end of a file come in order and without holes, if they come.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    record::{Change, Event, Node, Synced},
    tree::Tree,
};

/// Written whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What a file system promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// As little as a file system may promise.
    Strict,
    /// As much as the usual one promises.
    Ext4,
}

/// How much of what was not synced is there after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// Nothing.
    Nothing,
    /// All of it.
    Everything,
    /// All names, and no bytes.
    NamesOnly,
    /// All bytes, and no names.
    ContentOnly,
    /// Some of it.
    Mixed,
}

impl Luck {
    /// Mixed as often as all others together.
    pub fn any(random: &mut fastrand::Rng) -> Self {
        match random.u8(..8) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 => Self::NamesOnly,
            3 => Self::ContentOnly,
            _ => Self::Mixed,
        }
    }
}

/// A disk while the record goes on.
#[derive(Debug)]
pub(crate) struct Disk<'r> {
    model: Model,
    durable: Tree,
    /// What was not synced, with its place in the record.
    pending: Vec<(usize, &'r Change)>,
}

impl<'r> Disk<'r> {
    pub(crate) fn new(model: Model) -> Self {
        Self { model, durable: Tree::default(), pending: Vec::new() }
    }

    pub(crate) const fn model(&self) -> Model {
        self.model
    }

    /// The next event of the record happens.
    pub(crate) fn advance<L>(&mut self, at: usize, event: &'r Event<L>) {
        match event {
            Event::Change(change) => self.pending.push((at, change)),
            Event::Sync { what, covers } => self.sync(*what, *covers),
            Event::Life(_) | Event::Line(_) => {}
        }
    }

    fn sync(&mut self, what: Synced, covers: usize) {
        let has_journal = self.model == Model::Ext4;
        let belongs = |change: &Change| match what {
            Synced::Node(node) => change.is_of(node) || has_journal && change.is_of_names(),
            Synced::FileSystem => true,
        };
        let is_synced = |(at, change): &mut (usize, &Change)| *at < covers && belongs(change);
        for (_, change) in self.pending.extract_if(.., is_synced) {
            self.durable.apply(change);
        }
    }

    /// The power is cut now, while `next` may have begun. Also returns what was lost or damaged, by place in the record.
    pub(crate) fn cut<L>(
        &self,
        next: Option<(usize, &'r Event<L>)>,
        luck: Luck,
        random: &mut fastrand::Rng,
    ) -> (Tree, BTreeSet<usize>) {
        let begun = next.and_then(|(at, event)| match event {
            Event::Change(change) => Some((at, change)),
            Event::Life(_) | Event::Sync { .. } | Event::Line(_) => None,
        });
        let pending = self.pending.iter().copied().chain(begun);
        let (names, content): (Vec<_>, Vec<_>) = pending.partition(|(_, change)| change.is_of_names());
        let mut state = State { tree: self.durable.clone(), lost: BTreeSet::new(), random };
        match (self.model, luck) {
            (_, Luck::Nothing | Luck::ContentOnly) => state.lose(&names),
            (_, Luck::Everything | Luck::NamesOnly) => state.keep(&names),
            (Model::Ext4, Luck::Mixed) => state.keep_first(&names),
            (Model::Strict, Luck::Mixed) => state.keep_some_names(names),
        }
        match (self.model, luck) {
            (_, Luck::Nothing | Luck::NamesOnly) => state.lose(&content),
            (_, Luck::Everything | Luck::ContentOnly) => state.keep(&content),
            (Model::Ext4, Luck::Mixed) => by_node(content).into_values().for_each(|c| state.append(&c)),
            (Model::Strict, Luck::Mixed) => by_node(content).into_values().for_each(|c| state.shuffle(c)),
        }
        (state.tree, state.lost)
    }
}

type Pending<'r> = Vec<(usize, &'r Change)>;

fn by_node(pending: Pending<'_>) -> BTreeMap<Node, Pending<'_>> {
    let mut groups: BTreeMap<Node, Pending<'_>> = BTreeMap::new();
    for (at, change) in pending {
        groups.entry(change.of()).or_default().push((at, change));
    }
    groups
}

/// A disk in the making.
struct State<'a> {
    tree: Tree,
    lost: BTreeSet<usize>,
    random: &'a mut fastrand::Rng,
}

impl State<'_> {
    fn lose(&mut self, pending: &[(usize, &Change)]) {
        self.lost.extend(pending.iter().map(|(at, _)| *at));
    }

    fn keep(&mut self, pending: &[(usize, &Change)]) {
        pending.iter().for_each(|(_, change)| self.tree.apply(change));
    }

    fn keep_first(&mut self, pending: &[(usize, &Change)]) {
        let count = self.random.usize(..=pending.len());
        self.keep(&pending[..count]);
        self.lose(&pending[count..]);
    }

    /// Each directory for itself: up to some moment, or any. What is kept is made in order, since a rename is of two.
    fn keep_some_names(&mut self, names: Pending<'_>) {
        let mut kept = Vec::new();
        for names in by_node(names).into_values() {
            if self.random.bool() {
                let count = self.random.usize(..=names.len());
                kept.extend_from_slice(&names[..count]);
                self.lose(&names[count..]);
                continue;
            }
            for change in names {
                if self.random.bool() { kept.push(change) } else { self.lose(&[change]) }
            }
        }
        kept.sort_unstable_by_key(|(at, _)| *at);
        self.keep(&kept);
    }

    /// In order up to some moment. Later writes inside the file may be there as well.
    fn append(&mut self, content: &[(usize, &Change)]) {
        let count = self.random.usize(..=content.len());
        self.keep(&content[..count]);
        for (nth, (at, change)) in content[count..].iter().enumerate() {
            self.lost.insert(*at);
            let Change::Write { file, at, data } = change else { continue };
            let bytes = self.tree.files.get(file).map_or(0, Vec::len);
            if at + data.len() <= bytes {
                self.write_sectors(*file, *at, data);
            } else if nth == 0 && *at <= bytes {
                let sectors = self.random.usize(..=data.len() / SECTOR_BYTES);
                self.write(*file, *at, &data[..sectors * SECTOR_BYTES]);
            }
        }
    }

    /// In any order; each whole, in parts, or not at all.
    fn shuffle(&mut self, mut content: Pending<'_>) {
        if self.random.bool() {
            self.random.shuffle(&mut content);
        }
        for (at, change) in content {
            match (self.random.u8(..3), change) {
                (0, _) => self.tree.apply(change),
                (1, Change::Write { file, at: start, data }) => {
                    self.lost.insert(at);
                    self.write_sectors(*file, *start, data);
                }
                _ => drop(self.lost.insert(at)),
            }
        }
    }

    /// Some of the sectors. The file may grow to the whole all the same.
    fn write_sectors(&mut self, file: Node, at: usize, data: &[u8]) {
        let mut from = 0;
        while from < data.len() {
            let to = data.len().min(from + SECTOR_BYTES - (at + from) % SECTOR_BYTES);
            if self.random.bool() {
                self.write(file, at + from, &data[from..to]);
            }
            from = to;
        }
        if self.random.bool() {
            let content = self.tree.files.entry(file).or_default();
            content.resize(content.len().max(at + data.len()), 0);
        }
    }

    fn write(&mut self, file: Node, at: usize, data: &[u8]) {
        if !data.is_empty() {
            self.tree.apply(&Change::Write { file, at, data: data.to_vec() });
        }
    }
}
