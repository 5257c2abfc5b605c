//! What the segments of all processes hold, followed as they grow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName},
    clock::{Clock, Millis, millis},
    document::DocumentId,
    durability::Durability,
    locked_file::LockedFile,
    safe_file,
};

use super::{
    commit::{Commit, Op, Place},
    index::{Index, Version},
    index_log::IndexLog,
    search::{self, Found},
    segment::{self, SEGMENT_BYTES_MAX, Segment},
};

/// The times of directories are at least as fine as this. Two changes within it may have the same time.
const TIME_STEP_MS: Millis = 50;

/// The places of all blobs in a run directory. Threads share it.
#[derive(Debug)]
pub(crate) struct Catalog {
    directory: PathBuf,
    /// The size at which a segment takes no further group, in bytes.
    segment_bytes_max: u64,
    durability: Durability,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    index: Index,
    segments: BTreeMap<u32, Followed>,
    /// The numbers of files that are no segments. Each was reported once.
    ignored: BTreeSet<u32>,
    /// The directory, and its time when it was last listed, if that is long enough ago to be sure of it.
    listed: Option<(File, Option<SystemTime>)>,
}

/// A segment, and what of it has been applied to the index.
#[derive(Debug)]
struct Followed {
    segment: Arc<Segment>,
    log: Option<IndexLog>,
    /// The end of the last commit that was applied.
    end: u64,
    /// The length of the file when it was last looked at.
    seen: u64,
    /// All that it had when it was first seen is durable, or its writer lives and sees to it.
    is_synced: bool,
    writer: Writer,
}

/// The process that appends to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// This process, which applies its commits itself.
    This,
    /// Another process, or none.
    Other,
}

/// A segment that this process appends to from now on.
pub(super) struct Adopted {
    pub(super) segment: Arc<Segment>,
    /// The index log, if it can be continued.
    pub(super) log: Option<IndexLog>,
    /// The commits that are not in the log, or all if there is none.
    pub(super) missing: Vec<Found>,
    /// The end of the last commit.
    pub(super) end: u64,
}

impl Catalog {
    /// Reads what the segments in a directory hold, without any sync.
    pub(crate) fn open(directory: &Path) -> Result<Self, BlobError> {
        Self::with_segments_of(SEGMENT_BYTES_MAX, directory, Durability::Process)
    }

    /// Does the same, with segments that take no further group from this size on. With
    /// [`Durability::Power`], what a dead process has left is synced before it is shown: this process may
    /// build on it.
    pub(super) fn with_segments_of(
        segment_bytes_max: u64,
        directory: &Path,
        durability: Durability,
    ) -> Result<Self, BlobError> {
        let (directory, state) = (directory.to_owned(), RwLock::default());
        let catalog = Self { directory, segment_bytes_max, durability, state };
        catalog.write().refresh(&catalog.directory, durability)?;
        Ok(catalog)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns whether a segment that ends here takes another group.
    pub(super) fn has_room(&self, end: u64) -> bool {
        end < self.segment_bytes_max
    }

    /// Applies what other processes have committed since the last time.
    pub(super) fn refresh(&self) -> Result<(), BlobError> {
        if self.read().is_current().map_err(|error| BlobError::at(&self.directory, error))? {
            return Ok(());
        }
        self.write().refresh(&self.directory, self.durability)
    }

    /// Returns the place of a blob and its segment.
    pub(super) fn find(&self, name: &BlobName) -> Result<Option<(Place, Arc<Segment>)>, BlobError> {
        self.refresh()?;
        let state = self.read();
        let Some(place) = state.index.get(name) else { return Ok(None) };
        let segment = state.segments.get(&place.segment).map(|followed| Arc::clone(&followed.segment));
        segment.map(|segment| Some((place, segment))).ok_or_else(|| {
            let missing = format!("its segment '{}' is missing", segment::file_name(place.segment));
            BlobError::Damaged { path: name.relative_path(), source: io::Error::other(missing) }
        })
    }

    /// Returns the documents that have a blob of a kind, in the order of their ids.
    pub(super) fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        self.refresh()?;
        Ok(self.read().index.list(kind))
    }

    /// Returns the place of a blob, as of the last refresh.
    pub(crate) fn place(&self, name: &BlobName) -> Option<Place> {
        self.read().index.get(name)
    }

    /// Returns the version of the last change of a blob, as of the last refresh.
    pub(super) fn version(&self, name: &BlobName) -> Option<Version> {
        self.read().index.version(name)
    }

    /// Returns the last changes of all blobs whose records are in a segment, as of the last refresh.
    pub(super) fn placed_in(&self, number: u32) -> Vec<Op> {
        self.read().index.placed_in(number)
    }

    /// Returns the number of bytes of the records that blobs are in, for each segment that has any, as of the
    /// last refresh.
    pub(super) fn live_bytes(&self) -> BTreeMap<u32, u64> {
        self.read().index.live_bytes()
    }

    /// Returns a time that is later than those of all changes, as of the last refresh.
    pub(super) fn next_time(&self) -> u64 {
        self.read().index.next_time()
    }

    /// Returns a segment.
    pub(super) fn segment(&self, number: u32) -> Option<Arc<Segment>> {
        self.read().segments.get(&number).map(|followed| Arc::clone(&followed.segment))
    }

    /// Returns the numbers of all segments with their ends, as of the last refresh.
    pub(super) fn segments(&self) -> Vec<(u32, u64)> {
        self.read().segments.iter().map(|(number, followed)| (*number, followed.end)).collect()
    }

    /// Applies all commits of a segment, whose lock this process has just got, and follows it no longer:
    /// [`apply`](Self::apply) does. Returns `None` if the segment is gone or cannot be continued.
    pub(super) fn adopt(&self, number: u32) -> Result<Option<Adopted>, BlobError> {
        let mut state = self.write();
        state.refresh(&self.directory, self.durability)?;
        let State { index, segments, .. } = &mut *state;
        let Some(followed) = segments.get_mut(&number) else { return Ok(None) };
        let segment = Arc::clone(&followed.segment);
        let Some(info_end) = segment.info_end else { return Ok(None) };
        let at = |error| BlobError::at(&segment.path, error);
        // Opened again: what is known of it may come from a search.
        let mut log = IndexLog::open(&self.directory, number, &segment.key).map_err(at)?;
        if let Some(log) = &mut log {
            log.follow(|_, commit| index.apply_all(&commit)).map_err(at)?;
        }
        let from = log.as_ref().map_or(0, |log| log.segment_end);
        // A log that says more than there is belongs to bytes that are lost.
        if from > segment.file.metadata().map_err(at)?.len() {
            return Ok(None);
        }
        let missing = search::commits_from(&segment, from).map_err(at)?;
        missing.iter().for_each(|found| index.apply_all(&found.commit));
        // Without a commit, the first record still stands at the beginning.
        let end = missing.last().map_or(from, |found| found.end).max(info_end);
        (followed.writer, followed.log, followed.end) = (Writer::This, None, end);
        Ok(Some(Adopted { segment, log, missing, end }))
    }

    /// Adds a new segment of this process, which ends here.
    pub(super) fn add(&self, segment: Segment, end: u64) {
        let segment = Arc::new(segment);
        let (log, writer) = (None, Writer::This);
        let followed = Followed { segment, log, end, seen: end, is_synced: true, writer };
        self.write().segments.insert(followed.segment.number, followed);
    }

    /// Applies a commit of this process to its segment.
    pub(super) fn apply(&self, number: u32, commit: &Commit, end: u64) {
        let mut state = self.write();
        state.index.apply_all(commit);
        if let Some(followed) = state.segments.get_mut(&number) {
            followed.end = end;
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        // A panic leaves a commit applied in part. It is applied again with the next refresh.
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether no other process has committed anything since the last refresh.
    fn is_current(&self) -> io::Result<bool> {
        let Some((directory, Some(listed))) = &self.listed else { return Ok(false) };
        if directory.metadata()?.modified()? != *listed {
            return Ok(false);
        }
        for followed in self.segments.values().filter(|followed| followed.may_grow()) {
            if followed.has_grown()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn refresh(&mut self, directory: &Path, durability: Durability) -> Result<(), BlobError> {
        let at = |error| BlobError::at(directory, error);
        self.list(directory).map_err(at)?;
        let Self { index, segments, listed, .. } = self;
        let mut has_synced = false;
        for followed in segments.values_mut().filter(|followed| followed.may_grow()) {
            let segment = Arc::clone(&followed.segment);
            let at = |error| BlobError::at(&segment.path, error);
            if durability == Durability::Power && !followed.is_synced {
                has_synced |= followed.sync_if_dead().map_err(at)?;
            }
            followed.follow(directory, index, durability).map_err(at)?;
        }
        // Their names may not be durable either.
        if let (true, Some((opened, _))) = (has_synced, listed) {
            opened.sync_all().map_err(at)?;
        }
        Ok(())
    }

    /// Adds the segments that are new, and drops those that are gone.
    fn list(&mut self, directory: &Path) -> io::Result<()> {
        let opened = match self.listed.take() {
            Some((opened, _)) => opened,
            None => File::open(directory)?,
        };
        // Before it is read: a later change gives it another time, unless it comes within a step.
        let modified = opened.metadata()?.modified()?;
        let age_ms = Clock::start().now_ms().checked_sub(wall_ms(modified));
        let is_sure = age_ms.is_some_and(|age| age > TIME_STEP_MS);
        let numbers = segment::numbers(directory)?;
        self.segments.retain(|number, _| numbers.binary_search(number).is_ok());
        for number in numbers {
            if self.segments.contains_key(&number) || self.ignored.contains(&number) {
                continue;
            }
            match Segment::open(directory, number) {
                Ok(Some(segment)) => {
                    let segment = Arc::new(segment);
                    let (log, end, seen, is_synced) = (None, 0, 0, false);
                    let followed = Followed { segment, log, end, seen, is_synced, writer: Writer::Other };
                    self.segments.insert(number, followed);
                }
                Ok(None) => {
                    tracing::warn!("'{}' is no segment", segment::file_name(number));
                    self.ignored.insert(number);
                }
                // Compaction has removed it since it was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.listed = Some((opened, is_sure.then_some(modified)));
        Ok(())
    }
}

impl Followed {
    /// Returns whether another process may append to it.
    fn may_grow(&self) -> bool {
        self.writer == Writer::Other
    }

    fn has_grown(&self) -> io::Result<bool> {
        match &self.log {
            Some(log) => log.has_changed(),
            None => Ok(self.segment.file.metadata()?.len() != self.seen),
        }
    }

    /// Syncs the segment if no process appends to it, and returns whether it did.
    fn sync_if_dead(&mut self) -> io::Result<bool> {
        let lock = self.try_lock()?;
        if lock.is_some() {
            self.segment.file.sync_data()?;
        }
        self.is_synced = true;
        Ok(lock.is_some())
    }

    fn try_lock(&self) -> io::Result<Option<LockedFile>> {
        safe_file::open(&self.segment.path).and_then(LockedFile::try_lock)
    }

    fn follow(&mut self, directory: &Path, index: &mut Index, durability: Durability) -> io::Result<()> {
        if self.log.as_ref().map_or(Ok(true), IndexLog::is_replaced)? {
            self.log = IndexLog::open(directory, self.segment.number, &self.segment.key)?;
        }
        if let Some(log) = &mut self.log {
            log.follow(|_, commit| index.apply_all(&commit))?;
            self.end = self.end.max(log.segment_end);
        }
        let length = self.segment.file.metadata()?.len();
        if length <= self.end || length == self.seen {
            return Ok(());
        }
        // The writer, if there is one, writes the log itself, as soon as what it has written is durable.
        let lock = self.try_lock()?;
        if self.log.is_some() && lock.is_none() {
            return Ok(());
        }
        self.seen = length;
        if durability == Durability::Power {
            self.segment.file.sync_data()?;
        }
        for found in search::commits_from(&self.segment, self.end)? {
            index.apply_all(&found.commit);
            self.end = found.end;
        }
        Ok(())
    }
}

fn wall_ms(time: SystemTime) -> Millis {
    time.duration_since(UNIX_EPOCH).map_or(0, millis)
}
