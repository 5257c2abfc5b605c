//! Compaction: segments of which little counts any more are copied and removed.
//!
//! A segment may be removed when nothing in it is needed. These are needed: the records that blobs are in,
//! whatever segment has the change that says so; the last change of a blob; and its removal, as long as
//! another segment has an earlier change. Each needed change is written again with its own time, in another
//! segment, with its record if that is in the segment. A blob that is changed meanwhile is left out. So at
//! any moment, and after a crash, all blobs are where they were or where they have been copied to.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    fs::File,
    io,
    sync::Arc,
};

use flow::{
    blobs::{BlobError, BlobName},
    locked_file::LockedFile,
    safe_file,
};

use super::{
    PackedBlobs,
    commit::{Commit, Op, Place},
    healing,
    index::Version,
    segment::{self, Segment},
    step::Step,
};

/// The number of changes that are copied at a time.
const CHANGES_AT_A_TIME: usize = 512;
/// The number of bytes from which no further change is copied at the same time.
const BYTES_AT_A_TIME: u64 = 16 << 20;
/// The number of bytes that a segment must free to be worth the syncs of its compaction.
const FREED_BYTES_MIN: u64 = 64 << 10;

/// The result of compaction, or of a dry run of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The file names of the segments.
    pub segments: Vec<String>,
    /// The bytes that are free now.
    pub bytes: u64,
}

/// The extent of a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// Segments are copied and removed.
    Make,
    /// Segments are copied and removed, except those that would free little.
    WhereWorthwhile,
    /// Only damaged segments are copied and removed.
    OfDamaged,
    /// Nothing is changed.
    Dry,
}

/// A segment that nobody appends to as long as this exists.
pub(super) struct Held {
    pub(super) segment: Arc<Segment>,
    pub(super) bytes: u64,
    live: u64,
    _lock: LockedFile,
}

impl Compaction {
    /// Returns whether it includes a segment of this length, of which so many bytes count.
    fn concerns(self, live: u64, bytes: u64) -> bool {
        let freed_min = match self {
            Self::Make | Self::Dry => 0,
            Self::WhereWorthwhile => FREED_BYTES_MIN,
            Self::OfDamaged => return false,
        };
        live * 2 < bytes && bytes - live >= freed_min
    }
}

impl PackedBlobs {
    /// Copies what counts of the segments of which less than half counts, or which are damaged, and removes
    /// them. Leaves out those that a process appends to, and those with bytes that may be needed and cannot
    /// be read.
    ///
    /// # Errors
    /// An error if a segment cannot be read, written or removed.
    pub fn compact(&self, how: Compaction) -> Result<Compacted, BlobError> {
        // The segment that this process has appended to may be one of them.
        self.committer.release()?;
        self.catalog.refresh()?;
        let mut mostly_dead = Vec::new();
        // Counted for all at once: in most cases there is nothing to compact, and this is all that is done.
        let live = self.catalog.live_bytes();
        // All are locked before the first is copied, so that none of them is what it is copied to.
        for (number, _) in self.catalog.segments() {
            let Some(segment) = self.catalog.segment(number) else { continue };
            let found = segment.file.metadata().map_err(|error| BlobError::at(&segment.path, error))?;
            let is_damaged = healing::is_marked(&self.directory, number);
            let live = live.get(&number).copied().unwrap_or_default();
            if (is_damaged || how.concerns(live, found.len()))
                && let Some(held) = self.hold(number)?
                && match is_damaged {
                    true => self.is_readable(&held)?,
                    false => how.concerns(held.live, held.bytes),
                }
                && self.is_known(&held)?
            {
                mostly_dead.push(held);
            }
        }
        let mut compacted = Compacted::default();
        for held in mostly_dead {
            compacted.segments.push(segment::file_name(held.segment.number));
            compacted.bytes += held.bytes - held.live;
            if how != Compaction::Dry {
                self.copy_recorded(&held.segment)?;
                self.copy_placed(&held.segment)?;
            }
        }
        Ok(compacted)
    }

    /// Returns whether commits say what all records of a segment are. Otherwise one of them is damaged, and
    /// what it says may count.
    fn is_known(&self, held: &Held) -> Result<bool, BlobError> {
        let segment = &held.segment;
        let at = |error| BlobError::at(&segment.path, error);
        // If the first record is damaged, its end is not known.
        let mut known_to = segment.whole_info_end().map_err(at)?;
        let (mut is_known, mut commits) = (true, 0);
        let each = segment.each_commit(&self.directory, |end, commit| {
            let records = commit.ops.iter().filter(|op| op.head_crc().is_some()).filter_map(|op| op.place);
            let own = records.filter(|place| place.segment == segment.number);
            let first = own.map(|place| u64::from(place.record)).min();
            is_known &= first.is_none_or(|first| known_to.is_none_or(|known_to| first == known_to));
            (known_to, commits) = (Some(end), commits + 1);
        });
        each.map_err(at)?;
        // With a wrong key, no commit can be read.
        Ok(is_known && (commits > 0 || known_to == Some(held.bytes)))
    }

    /// Locks a segment. Returns `None` if a process appends to it, or if it is gone.
    pub(super) fn hold(&self, number: u32) -> Result<Option<Held>, BlobError> {
        let Some(segment) = self.catalog.segment(number) else { return Ok(None) };
        let at = |error| BlobError::at(&segment.path, error);
        let file = match safe_file::open(&segment.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(at)?,
        };
        let bytes = file.metadata().map_err(at)?.len();
        let Some(lock) = LockedFile::try_lock(file).map_err(at)? else { return Ok(None) };
        self.catalog.refresh()?;
        // Blobs may share a record.
        let places: HashSet<Place> =
            self.catalog.placed_in(number).iter().filter_map(|op| op.place).collect();
        let live = places.iter().map(Place::record_bytes).sum();
        Ok(Some(Held { segment, bytes, live, _lock: lock }))
    }

    /// Writes the changes again that stand in a segment and lead elsewhere.
    fn copy_recorded(&self, segment: &Segment) -> Result<(), BlobError> {
        let elsewhere = self.changed_elsewhere(segment.number)?;
        let mut steps = Vec::new();
        self.each_commit(segment.number, |commit| {
            for op in &commit.ops {
                let Some(name) = op.name() else { continue };
                let counts = self.catalog.version(&name) == Some(op.version());
                let leads_elsewhere = match op.place {
                    Some(place) => place.segment != segment.number,
                    None => elsewhere.contains(&name),
                };
                if counts && leads_elsewhere {
                    steps.push(Step::Copy { op: op.clone(), from: None });
                }
            }
        })?;
        let mut steps = steps.into_iter().map(Ok).peekable();
        while steps.peek().is_some() {
            let some = steps.by_ref().take(CHANGES_AT_A_TIME).collect();
            self.committer.begin_publishing(some).wait()?;
        }
        Ok(())
    }

    /// Copies the records of a segment that blobs are in, then removes the segment.
    fn copy_placed(&self, segment: &Arc<Segment>) -> Result<(), BlobError> {
        // Another process may rename a blob of the segment at any time, until it is removed.
        loop {
            let placed = self.catalog.placed_in(segment.number);
            if placed.is_empty() {
                let closed = self.open_gate()?;
                closed.lock().map_err(|error| BlobError::at(&self.directory, error))?;
                self.catalog.refresh()?;
                if self.catalog.placed_in(segment.number).is_empty() {
                    return self.remove_segment(segment);
                }
            } else {
                self.copy_records(segment, placed)?;
                self.catalog.refresh()?;
            }
        }
    }

    fn copy_records(&self, from: &Arc<Segment>, placed: Vec<Op>) -> Result<(), BlobError> {
        // Blobs that share a record share its copy.
        let mut moved: HashMap<Place, (BlobName, Version)> = HashMap::new();
        let mut placed = placed.into_iter().peekable();
        while placed.peek().is_some() {
            let (mut steps, mut shared, mut bytes) = (Vec::new(), Vec::new(), 0);
            while steps.len() < CHANGES_AT_A_TIME
                && bytes < BYTES_AT_A_TIME
                && let Some(op) = placed.next()
            {
                let (Some(place), Some(name)) = (op.place, op.name()) else { continue };
                match moved.entry(place) {
                    Entry::Occupied(_) => shared.push((op, place)),
                    Entry::Vacant(first) => {
                        first.insert((name, op.copied(None).version()));
                        bytes += place.record_bytes();
                        steps.push(Ok(Step::Copy { op, from: Some(Arc::clone(from)) }));
                    }
                }
            }
            self.committer.begin_publishing(steps).wait()?;
            let again = |(mut op, place): (Op, Place)| {
                let (name, version) = &moved[&place];
                // Unless that blob was changed meanwhile, it is where the record has been copied to.
                let is_copy = self.catalog.version(name) == Some(*version);
                let copied = self.catalog.place(name).filter(|_| is_copy);
                let segment = copied.is_none().then(|| Arc::clone(from));
                op.place = copied.or(Some(place));
                Ok(Step::Copy { op, from: segment })
            };
            self.committer.begin_publishing(shared.into_iter().map(again).collect()).wait()?;
        }
        Ok(())
    }

    /// Returns the names of the blobs of which other segments have changes.
    fn changed_elsewhere(&self, number: u32) -> Result<HashSet<BlobName>, BlobError> {
        let mut changed = HashSet::new();
        for (other, _) in self.catalog.segments().into_iter().filter(|(other, _)| *other != number) {
            self.each_commit(other, |commit| changed.extend(commit.ops.iter().filter_map(Op::name)))?;
        }
        Ok(changed)
    }

    fn each_commit(&self, number: u32, mut take: impl FnMut(&Commit)) -> Result<(), BlobError> {
        let Some(segment) = self.catalog.segment(number) else { return Ok(()) };
        let read = segment.each_commit(&self.directory, |_, commit| take(commit));
        read.map(drop).map_err(|error| BlobError::at(&segment.path, error))
    }

    /// Removes a segment that is no longer needed, and its index log.
    fn remove_segment(&self, segment: &Segment) -> Result<(), BlobError> {
        // The log goes first: it must not be taken for that of a later segment of this number.
        let number = segment.number;
        let mark = healing::mark_path(&self.directory, number);
        for path in [&segment::index_path(&self.directory, number), &segment.path, &mark] {
            safe_file::remove(path).map_err(|error| BlobError::at(path, error))?;
        }
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| BlobError::at(&self.directory, error))?;
        self.catalog.refresh()
    }
}
