//! The index: the place of each blob, in memory.

use std::collections::{BTreeMap, HashMap};

use flow::{
    blobs::{BlobKind, BlobName},
    document::DocumentId,
};

use super::commit::{Commit, Op, Place};

/// The places of all blobs, as far as commits have been applied. The order in which they are applied does not
/// matter.
#[derive(Debug, Default)]
pub(super) struct Index {
    documents: HashMap<DocumentId, Vec<Entry>>,
    /// The highest time of a change.
    clock: u64,
}

/// The time of a change, and the number of its copies.
pub(super) type Version = (u64, u32);

/// The last change of a blob, in 40 bytes: there are several for each document. The parts of its version and
/// of its place stand side by side.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: u64,
    bytes: u64,
    copies: u32,
    segment: u32,
    record: u32,
    head: u32,
    crc: u32,
    kind: BlobKind,
    /// Not for a blob that was removed: an earlier change may be applied later.
    has_place: bool,
}

impl Entry {
    fn new(kind: BlobKind, (at, copies): Version, place: Option<Place>) -> Self {
        let has_place = place.is_some();
        let none = Place { segment: 0, record: 0, head: 0, crc: 0, bytes: 0 };
        let Place { segment, record, head, crc, bytes } = place.unwrap_or(none);
        Self { at, bytes, copies, segment, record, head, crc, kind, has_place }
    }

    fn version(&self) -> Version {
        (self.at, self.copies)
    }

    fn place(&self) -> Option<Place> {
        let Self { segment, record, head, crc, bytes, .. } = *self;
        self.has_place.then_some(Place { segment, record, head, crc, bytes })
    }
}

impl Index {
    /// Applies the changes of a commit.
    pub(super) fn apply_all(&mut self, commit: &Commit) {
        commit.ops.iter().for_each(|op| self.apply(op));
    }

    /// Applies a change, unless a later change of the same blob has been applied.
    fn apply(&mut self, op: &Op) {
        self.clock = self.clock.max(op.at);
        let Some(kind) = op.kind() else { return };
        let new = Entry::new(kind, op.version(), op.place);
        // Not `entry`, which would clone the id of each change.
        let Some(entries) = self.documents.get_mut(&op.document) else {
            self.documents.insert(op.document.clone(), vec![new]);
            return;
        };
        match entries.iter_mut().find(|entry| entry.kind == kind) {
            None => {
                // Most documents get no more than the usual kinds, and doubling would leave room for others.
                entries.reserve_exact(1);
                entries.push(new);
            }
            Some(entry) if entry.version() <= new.version() => *entry = new,
            Some(_) => {}
        }
    }

    /// Returns the place of a blob.
    pub(super) fn get(&self, name: &BlobName) -> Option<Place> {
        self.entry(name)?.place()
    }

    /// Returns the version of the last change of a blob.
    pub(super) fn version(&self, name: &BlobName) -> Option<Version> {
        Some(self.entry(name)?.version())
    }

    /// Returns the last changes of all blobs whose records are in a segment.
    pub(super) fn placed_in(&self, segment: u32) -> Vec<Op> {
        let is_there = |entry: &&Entry| entry.has_place && entry.segment == segment;
        let of_document = |(document, entries): (&DocumentId, &Vec<Entry>)| {
            let op = |entry: &Entry| {
                let name = BlobName::new(entry.kind, document.clone());
                Op::new(&name, entry.at, entry.place()).with_copies(entry.copies)
            };
            entries.iter().filter(is_there).map(op).collect::<Vec<_>>()
        };
        self.documents.iter().flat_map(of_document).collect()
    }

    /// Returns the number of bytes of the records that blobs are in, for each segment that has any.
    pub(super) fn live_bytes(&self) -> BTreeMap<u32, u64> {
        let places = self.documents.values().flatten().filter_map(Entry::place);
        let mut records: Vec<_> =
            places.map(|place| (place.segment, place.record, place.record_bytes())).collect();
        // Blobs may share a record.
        records.sort_unstable();
        records.dedup();
        let mut live = BTreeMap::new();
        for (segment, _, bytes) in records {
            *live.entry(segment).or_default() += bytes;
        }
        live
    }

    /// Returns a time that is later than those of all changes so far.
    pub(super) fn next_time(&self) -> u64 {
        self.clock + 1
    }

    /// Returns the documents that have a blob of a kind, in the order of their ids.
    pub(super) fn list(&self, kind: BlobKind) -> Vec<DocumentId> {
        let has = |entries: &Vec<Entry>| entries.iter().any(|it| it.kind == kind && it.has_place);
        let having = self.documents.iter().filter(|(_, entries)| has(entries));
        let mut documents: Vec<_> = having.map(|(document, _)| document.clone()).collect();
        documents.sort_unstable();
        documents
    }

    fn entry(&self, name: &BlobName) -> Option<&Entry> {
        self.documents.get(&name.document)?.iter().find(|entry| entry.kind == name.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small_and_gives_back_what_it_was_made_of() {
        assert_eq!(size_of::<Entry>(), 40);
        let place = Place { segment: 1, record: 2, head: 3, crc: 4, bytes: u64::MAX };
        for place in [Some(place), None] {
            let entry = Entry::new(BlobKind::Text, (u64::MAX, 5), place);
            assert_eq!((entry.kind, entry.version(), entry.place()), (BlobKind::Text, (u64::MAX, 5), place));
        }
    }
}
