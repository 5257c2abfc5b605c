//! Group commit: all publications that wait become one group at the end of a segment.
//!
//! One thread takes all publications that wait, appends their records and one commit with one write, syncs
//! the segment once, and ends every publication of the group. While it does that, the next group gathers.

use std::{
    fs::File,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
};

use super::{
    catalog::{Adopted, Catalog},
    error::{GroupError, again},
    group::{Group, WrittenGroup},
    index_log::IndexLogWriter,
    segment::{Segment, file_name},
    step::Step,
    warc::date,
};
use crate::{commit_thread::CommitThread, failed_sync::FailedSync, local::SyncCounts};
use flow::{
    blobs::{BlobError, Kept, Publisher, Publishing},
    durability::Durability,
    locked_file::LockedFile,
    safe_file,
};

/// The number of steps from which a group takes no further publication.
const GROUP_STEPS_MAX: usize = 2048;
/// The number of bytes from which a group takes no further publication.
const GROUP_BYTES_MAX: u64 = 16 << 20;
/// The maximum number of publications in the channel. Whoever begins further ones waits until there is room.
const WAITING_MAX: usize = 256;

/// Passes publications to the committing thread.
#[derive(Debug)]
pub(super) struct Committer {
    directory: PathBuf,
    syncs: Arc<Syncs>,
    thread: CommitThread<Request>,
}

/// The number of syncs since the start.
#[derive(Debug, Default)]
struct Syncs {
    files: AtomicU64,
    directories: AtomicU64,
}

#[derive(Debug)]
struct Request {
    /// The steps, up to the first that could not be prepared.
    steps: Vec<Result<Step, BlobError>>,
    /// The fate of the segment.
    then: Then,
    publisher: Publisher,
}

/// The fate of a segment after a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The next group is appended to it.
    Continue,
    /// It is given up, so that anybody can lock it.
    Release,
}

/// The state of the committing thread.
struct SegmentWriter {
    catalog: Arc<Catalog>,
    durability: Durability,
    syncs: Arc<Syncs>,
    /// The directory of the segments. No segment is removed while this has a shared lock.
    gate: File,
    /// The segment that is appended to. None before the first publication, and when the last one was full.
    active: Option<Active>,
    /// The first sync that failed.
    failed: Option<FailedSync>,
}

/// A segment that this process appends to.
struct Active {
    segment: Arc<Segment>,
    /// The segment, open for writing.
    file: LockedFile,
    log: IndexLogWriter,
    end: u64,
}

impl Committer {
    /// Starts the committing thread.
    pub(super) fn start(catalog: Arc<Catalog>, durability: Durability) -> Result<Self, BlobError> {
        let directory = catalog.directory().to_owned();
        let at = |error| BlobError::at(&directory, error);
        let gate = File::open(&directory).map_err(at)?;
        let syncs = Arc::<Syncs>::default();
        let mut writer = SegmentWriter {
            gate,
            catalog,
            durability,
            syncs: Arc::clone(&syncs),
            active: None,
            failed: None,
        };
        let serve = move |waiting: &Receiver<Request>| writer.serve(waiting);
        let thread = CommitThread::start("segment-writer", WAITING_MAX, serve).map_err(at)?;
        Ok(Self { directory, syncs, thread })
    }

    /// Returns the number of syncs since the start.
    pub(super) fn sync_counts(&self) -> SyncCounts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SyncCounts {
            files: load(&self.syncs.files),
            file_systems: 0,
            directories: load(&self.syncs.directories),
        }
    }

    /// Begins a publication. Waits if too many are under way.
    pub(super) fn begin_publishing(&self, steps: Vec<Result<Step, BlobError>>) -> Publishing {
        let (publisher, publishing) = Publishing::begun();
        self.publish_for(steps, publisher);
        publishing
    }

    /// Does the same, and passes the result to `publisher`.
    pub(super) fn publish_for(&self, steps: Vec<Result<Step, BlobError>>, publisher: Publisher) {
        self.request(Request { steps, then: Then::Continue, publisher });
    }

    /// Gives up the lock of the segment that is appended to, if there is one.
    pub(super) fn release(&self) -> Result<(), BlobError> {
        let (publisher, publishing) = Publishing::begun();
        self.request(Request { steps: Vec::new(), then: Then::Release, publisher });
        publishing.wait()
    }

    fn request(&self, request: Request) {
        if let Err((unsent, error)) = self.thread.send(request) {
            unsent.publisher.end(Err(BlobError::at(&self.directory, error)));
        }
    }
}

impl SegmentWriter {
    fn serve(&mut self, waiting: &Receiver<Request>) {
        while let Ok(first) = waiting.recv() {
            let group = gather(first, waiting);
            self.commit(group);
        }
    }

    /// Commits one group, and ends its publications.
    fn commit(&mut self, group: Vec<Request>) {
        let is_given_up = group.iter().any(|request| request.then == Then::Release);
        let (publishers, steps): (Vec<_>, Vec<_>) =
            group.into_iter().map(|request| (request.publisher, request.steps)).unzip();
        let written = self.write(steps);
        if is_given_up {
            self.active = None;
        }
        match written {
            Ok(results) => publishers.into_iter().zip(results).for_each(|(it, result)| it.end(result)),
            Err(error) => publishers.into_iter().for_each(|it| it.end(Err(error.repeated()))),
        }
    }

    /// Makes a group durable and visible. Returns the result of each publication, or the error of all.
    fn write(
        &mut self,
        group: Vec<Vec<Result<Step, BlobError>>>,
    ) -> Result<Vec<Result<(), BlobError>>, GroupError> {
        if let Some(failed) = &self.failed {
            return Err(GroupError::Refused(failed.refusal()));
        }
        let at = |error| GroupError::At(self.catalog.directory().to_owned(), error);
        self.gate.lock_shared().map_err(at)?;
        let written = self.write_group(group);
        let opened = self.gate.unlock();
        if let Err(GroupError::Sync(path, error)) = &written {
            tracing::error!(path = %path.display(), %error, "a sync failed, so nothing more is published");
            self.failed = Some(FailedSync::of(&BlobError::at(path, again(error))));
        }
        opened.map_err(|error| GroupError::At(self.catalog.directory().to_owned(), error))?;
        written
    }

    fn write_group(
        &mut self,
        group: Vec<Vec<Result<Step, BlobError>>>,
    ) -> Result<Vec<Result<(), BlobError>>, GroupError> {
        // Without a step, no segment is needed.
        if group.iter().all(Vec::is_empty) {
            return Ok(group.iter().map(|_| Ok(())).collect());
        }
        let mut active = self.active()?;
        let at = |error| GroupError::At(active.segment.path.clone(), error);
        let mut draft = Group::begin(&self.catalog, &active.file, active.segment.number, active.end);
        let results: Vec<_> = group.into_iter().map(|steps| draft.take(steps)).collect();
        if draft.is_empty() {
            // A record that could not be copied may have left bytes.
            active.file.set_len(active.end).map_err(at)?;
            self.active = Some(active);
            return Ok(results);
        }
        let written = match draft.finish(&active.segment.key, &date()) {
            Ok(written) => written,
            Err(error) => {
                // Nothing of it counts, but the next group begins where it has begun.
                let failed = at(error);
                active.file.set_len(active.end).map_err(at)?;
                self.active = Some(active);
                return Err(failed);
            }
        };
        if self.durability == Durability::Power && written.must_be_durable {
            let path = || active.segment.path.clone();
            self.syncs.files.fetch_add(1, Ordering::Relaxed);
            active.file.sync_data().map_err(|error| GroupError::Sync(path(), error))?;
        }
        let WrittenGroup { commit, content, end, copied, .. } = written;
        // A log that is short is completed by whoever opens the segment next.
        active.log.append(end, &content).map_err(at)?;
        self.catalog.apply(active.segment.number, &commit, end);
        active.end = end;
        // Their bytes are in the segment.
        for mut staged in copied {
            staged.kept = Kept::No;
            drop(staged);
        }
        if self.catalog.has_room(end) {
            self.active = Some(active);
        }
        Ok(results)
    }

    /// Returns the segment to append to. Continues one that no process has, or creates one.
    fn active(&mut self) -> Result<Active, GroupError> {
        self.catalog.refresh().map_err(GroupError::Refused)?;
        if let Some(active) = self.active.take() {
            return Ok(active);
        }
        let directory = self.catalog.directory();
        for (number, end) in self.catalog.segments() {
            if self.catalog.has_room(end)
                && let Some(active) = self.adopt(number)?
            {
                return Ok(active);
            }
        }
        let at = |error| GroupError::At(directory.to_owned(), error);
        let (segment, file) = Segment::create(directory, &date())?;
        self.syncs.files.fetch_add(1, Ordering::Relaxed);
        self.syncs.directories.fetch_add(1, Ordering::Relaxed);
        let log = IndexLogWriter::create(directory, segment.number, &segment.key).map_err(at)?;
        let (number, end) = (segment.number, segment.info_end.unwrap_or_default());
        self.catalog.add(segment, end);
        let segment = self.catalog.segment(number).expect("it was added");
        Ok(Active { segment, file, log, end })
    }

    /// Continues a segment that no process has. Returns `None` if there is none of this number.
    fn adopt(&self, number: u32) -> Result<Option<Active>, GroupError> {
        let directory = self.catalog.directory();
        let path = directory.join(file_name(number));
        let at = |error| GroupError::At(path.clone(), error);
        let opened = safe_file::open_with(&path, File::options().read(true).write(true));
        let Some(file) = LockedFile::try_lock(opened.map_err(at)?).map_err(at)? else { return Ok(None) };
        let Some(adopted) = self.catalog.adopt(number).map_err(GroupError::Refused)? else { return Ok(None) };
        let Adopted { segment, log, missing, end } = adopted;
        let length = file.metadata().map_err(at)?.len();
        if length > end {
            tracing::info!(
                "removed an incomplete group of {} bytes at the end of '{}'",
                length - end,
                path.display()
            );
            file.set_len(end).map_err(at)?;
        }
        // An earlier process may have died before its syncs, or may not have synced at all.
        if self.durability == Durability::Power {
            let opened = File::open(directory).map_err(at)?;
            self.syncs.files.fetch_add(1, Ordering::Relaxed);
            self.syncs.directories.fetch_add(1, Ordering::Relaxed);
            let synced = file.sync_data().and_then(|()| opened.sync_all());
            synced.map_err(|error| GroupError::Sync(path.clone(), error))?;
        }
        let log = match log {
            Some(log) => IndexLogWriter::resume(directory, number, &log),
            None => IndexLogWriter::create(directory, number, &segment.key),
        };
        let mut log = log.map_err(at)?;
        for found in &missing {
            log.append(found.end, &found.commit.to_bytes()).map_err(at)?;
        }
        Ok(Some(Active { segment, file, log, end }))
    }
}

/// Returns the group of all publications that wait at this moment.
fn gather(first: Request, waiting: &Receiver<Request>) -> Vec<Request> {
    let (mut steps, mut bytes) = (first.steps.len(), first.bytes());
    let mut group = vec![first];
    while steps < GROUP_STEPS_MAX
        && bytes < GROUP_BYTES_MAX
        && let Ok(request) = waiting.try_recv()
    {
        steps += request.steps.len();
        bytes += request.bytes();
        group.push(request);
    }
    group
}

impl Request {
    fn bytes(&self) -> u64 {
        let bytes = |step: &Result<Step, BlobError>| match step {
            Ok(Step::Place(record)) => record.bytes,
            Ok(Step::Copy { op, from: Some(_) }) => op.place.map_or(0, |place| place.record_bytes()),
            Ok(Step::Copy { .. } | Step::Rename { .. } | Step::Remove(_) | Step::Share { .. }) | Err(_) => 0,
        };
        self.steps.iter().map(bytes).sum()
    }
}
