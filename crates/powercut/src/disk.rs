//! The contents that a disk may have after a power cut.
//!
//! All that was synced is there. The rest depends on the model:
//!
//! * [`Model::Strict`], which is all that POSIX promises: each change of a name is there or not, directory by
//!   directory; a write may be lost, cut at sectors, or come after a later one; a file may have its new size
//!   without its bytes. It promises one thing more: a rename from one directory to another is there in both
//!   or in neither.
//! * [`Model::Ext4`], `data=ordered`: changes of names are durable in their order, up to some moment, at the
//!   latest that of the last sync of anything; bytes at the end of a file come in order and without holes, if
//!   they come.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    record::{Change, Event, Node, Synced},
    tree::Tree,
};

/// The number of bytes that are written whole or not at all.
const SECTOR_BYTES: usize = 512;

/// The promises of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// As little as a file system may promise.
    Strict,
    /// As much as the usual one promises.
    Ext4,
}

/// The part of the unsynced changes that is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
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

impl Survival {
    /// Chooses at random; [`Mixed`](Self::Mixed) as often as all others together.
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

/// A disk at one moment of a record.
#[derive(Debug)]
pub(crate) struct Disk<'r> {
    model: Model,
    durable: Tree,
    /// The unsynced changes, with their indexes in the record.
    pending: Vec<(usize, &'r Change)>,
}

impl<'r> Disk<'r> {
    pub(crate) fn new(model: Model) -> Self {
        Self { model, durable: Tree::default(), pending: Vec::new() }
    }

    pub(crate) const fn model(&self) -> Model {
        self.model
    }

    /// Applies the next event of the record.
    pub(crate) fn advance<L>(&mut self, at: usize, event: &'r Event<L>) {
        match event {
            Event::Change(change) => self.pending.push((at, change)),
            Event::Sync { what, covers } => self.sync(*what, *covers),
            Event::Process(_) | Event::Line(_) => {}
        }
    }

    fn sync(&mut self, what: Synced, covers: usize) {
        // A sync of any node commits the journal, and with it all changes of names.
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

    /// Cuts the power now, while `next` may have begun. Returns the disk, and the indexes of the lost or
    /// damaged changes.
    pub(crate) fn cut<L>(
        &self,
        next: Option<(usize, &'r Event<L>)>,
        survival: Survival,
        random: &mut fastrand::Rng,
    ) -> (Tree, BTreeSet<usize>) {
        let begun = next.and_then(|(at, event)| match event {
            // A change that has begun may be on the disk before its call returns.
            Event::Change(change) => Some((at, change)),
            Event::Process(_) | Event::Sync { .. } | Event::Line(_) => None,
        });
        let pending = self.pending.iter().copied().chain(begun);
        let (names, content): (Vec<_>, Vec<_>) = pending.partition(|(_, change)| change.is_of_names());
        let mut state = State { tree: self.durable.clone(), lost: BTreeSet::new(), random };
        match (self.model, survival) {
            (_, Survival::Nothing | Survival::ContentOnly) => state.lose(&names),
            (_, Survival::Everything | Survival::NamesOnly) => state.keep(&names),
            (Model::Ext4, Survival::Mixed) => state.keep_first(&names),
            (Model::Strict, Survival::Mixed) => state.keep_some_names(names),
        }
        match (self.model, survival) {
            (_, Survival::Nothing | Survival::NamesOnly) => state.lose(&content),
            (_, Survival::Everything | Survival::ContentOnly) => state.keep(&content),
            (Model::Ext4, Survival::Mixed) => by_node(content).into_values().for_each(|c| state.append(&c)),
            (Model::Strict, Survival::Mixed) => by_node(content).into_values().for_each(|c| state.shuffle(c)),
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

/// A disk that is being chosen.
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

    /// Keeps, in each directory, the changes up to some moment, or any changes. They are applied in order,
    /// since a rename is one of two directories.
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

    /// Keeps the changes up to some moment. Later writes inside the file may be there as well.
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
                // The file ends within this write: a later one would leave a hole.
                let sectors = self.random.usize(..=data.len() / SECTOR_BYTES);
                self.write(*file, *at, &data[..sectors * SECTOR_BYTES]);
            }
        }
    }

    /// Applies the changes in any order, each whole, in parts, or not at all.
    fn shuffle(&mut self, mut content: Pending<'_>) {
        // Later writes of the same bytes may reach the disk before earlier ones.
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

    /// Writes some of the sectors. The file may grow to its full size all the same.
    fn write_sectors(&mut self, file: Node, at: usize, data: &[u8]) {
        let mut from = 0;
        while from < data.len() {
            // Sectors begin at multiples of their size in the file, not in the write.
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
