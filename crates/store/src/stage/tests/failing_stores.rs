//! Runs that are cut off, and blob stores that fail.

use super::*;

/// A store that fails from its `at`th step on.
struct Failing {
    inner: LocalBlobs,
    at: usize,
    steps: AtomicUsize,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    /// As if the process had died there.
    Dead,
    /// The system says that the disk is full.
    Full,
    /// It does not fail; but another run of the job is always a little earlier in renaming.
    Overtaken,
}

impl Failing {
    fn step(&self) -> Result<(), BlobError> {
        let kind = match self.how {
            _ if self.steps.fetch_add(1, Ordering::Relaxed) < self.at => return Ok(()),
            How::Dead => std::io::ErrorKind::Other,
            How::Full => std::io::ErrorKind::StorageFull,
            How::Overtaken => return Ok(()),
        };
        Err(BlobError::at(Path::new("here"), kind.into()))
    }
}

impl BlobStore for Failing {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        self.step()?;
        self.inner.stage(name)
    }
    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError> {
        self.inner.resume(name)
    }
    fn publish_for(&self, changes: Vec<Change>, publisher: Publisher) {
        // One by one, in order: what a crash in the middle of publishing leaves.
        publisher.end(changes.into_iter().try_for_each(|change| {
            self.step()?;
            if let (How::Overtaken, Change::Renamed { from, to }) = (self.how, &change) {
                self.inner.rename(from, to)?;
            }
            self.inner.begin_publishing(vec![change]).wait()?;
            self.step()
        }));
    }
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        self.step()?;
        self.inner.open(name)
    }
    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        self.inner.len(name)
    }
    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        self.inner.remove(name)
    }
    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        self.inner.list(kind)
    }
}

fn local(dir: &Path) -> LocalBlobs {
    LocalBlobs::open(dir, Durability::Process).unwrap()
}

/// Runs with a failure at each step in turn, hands over what came of it, then runs again undisturbed and
/// expects the tree of a run that was never disturbed. Returns how many steps a run has.
async fn at_every_step(
    how: How,
    judge: impl Fn(Result<Vec<ProcessJob>, Ending<StoreJob, ProcessJob>>),
) -> usize {
    let undisturbed = tempfile::tempdir().unwrap();
    let blobs: Arc<dyn BlobStore> = Arc::new(local(undisturbed.path()));
    let expected_next = run(&blobs, fetched(&*blobs, BOOK.as_bytes())).await.unwrap();
    let expected = tree(&*blobs);
    for at in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let job = fetched(&local(dir.path()), BOOK.as_bytes());
        let inner = local(dir.path());
        let failing = Arc::new(Failing { inner, at, steps: AtomicUsize::new(0), how });
        let first = run(&(Arc::clone(&failing) as _), job.clone()).await;
        let left = tree(&failing.inner);
        if left.keys().any(|(kind, _)| *kind == BlobKind::Meta) {
            assert_eq!(left, expected, "a meta says that the document is complete, at step {at}");
        }
        if first.is_ok() {
            return at;
        }
        judge(first);
        drop(failing);
        let blobs: Arc<dyn BlobStore> = Arc::new(local(dir.path()));
        assert_eq!(run(&blobs, job.clone()).await.unwrap(), expected_next, "step {at}");
        assert_eq!(tree(&*blobs), expected, "step {at}");
        assert_eq!(run(&blobs, job).await.unwrap(), expected_next, "once more, from raw");
        assert_eq!(tree(&*blobs), expected, "step {at}");
    }
    unreachable!("a run has an end")
}

#[tokio::test]
async fn a_run_cut_off_anywhere_can_be_repeated_with_the_same_result() {
    let steps = at_every_step(How::Dead, |first| assert!(matches!(first, Err(Ending::Retry { .. })))).await;
    assert!(steps >= 10, "opened, one staged, each of four changes begun and made: {steps} steps");
}

#[tokio::test]
async fn a_full_disk_halts_and_loses_nothing() {
    at_every_step(How::Full, |first| {
        let Err(Ending::Halt(failure)) = first else { panic!("a full disk must halt") };
        assert_eq!(failure.reason, Reason::DiskFull);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_is_overtaken_by_another_of_the_same_job_ends_well() {
    let dir = tempfile::tempdir().unwrap();
    let inner = local(dir.path());
    let job = fetched(&inner, BOOK.as_bytes());
    let blobs: Arc<dyn BlobStore> =
        Arc::new(Failing { inner, at: 0, steps: AtomicUsize::new(0), how: How::Overtaken });
    run(&blobs, job).await.unwrap();
    assert_eq!(read(&*blobs, BlobKind::Text), TEXT.as_bytes());
    assert_eq!(read(&*blobs, BlobKind::Raw), BOOK.as_bytes());
}

/// A store whose staged files take no byte.
struct NoRoom(MemoryBlobs);

impl BlobStore for NoRoom {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        let mut staged = self.0.stage(name)?;
        let full = File::options().write(true).open("/dev/full").unwrap();
        staged.bytes = StagedBytes::File(StagedFile {
            name: name.clone(),
            path: "full".into(),
            file: full,
            kept: Kept::Yes,
        });
        Ok(staged)
    }
    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError> {
        self.0.resume(name)
    }
    fn publish_for(&self, changes: Vec<Change>, publisher: Publisher) {
        self.0.publish_for(changes, publisher);
    }
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        self.0.open(name)
    }
    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        self.0.len(name)
    }
    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        self.0.remove(name)
    }
    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        self.0.list(kind)
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_while_writing_halts() {
    let inner = MemoryBlobs::default();
    let job = fetched(&inner, BOOK.as_bytes());
    let blobs: Arc<dyn BlobStore> = Arc::new(NoRoom(inner));
    let Err(Ending::Halt(failure)) = run(&blobs, job).await else { panic!("a full disk must halt") };
    assert_eq!(failure.reason, Reason::DiskFull);
    assert_eq!(read(&*blobs, BlobKind::Spool), BOOK.as_bytes());
}
