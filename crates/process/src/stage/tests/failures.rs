//! Tests texts that are missing, changed or damaged, processors that panic, and disks that fail.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Read},
};

use flow::{
    blobs::{BlobError, Change, Kept, StagedBlob, StagedBytes, StagedFile},
    failure::Reason,
};

use super::*;

#[tokio::test]
async fn a_text_that_was_changed_fails_for_good_and_publishes_nothing() {
    let blobs = Arc::new(MemoryBlobs::default());
    blobs.put(name(BlobKind::Text), b"another text\n");
    let stage = Process::new(config(2, "auto"), blobs.clone(), Arc::default()).unwrap();
    let error = run(&stage, job(b"the text\n")).await.unwrap_err();
    let Ending::Dead(failure) = error else { panic!("{error:?}") };
    assert_eq!(failure.reason, Reason::Internal);
    assert!(failure.message.contains("'text/PG84_text.txt' was changed"), "{failure}");
    assert_eq!(blobs.names().len(), 1);
}

#[tokio::test]
async fn a_text_that_is_not_utf_8_fails_for_good_and_says_where() {
    let text = [&b"line\n".repeat(300_000)[..], b"caf\xe9\n"].concat();
    for chunk in ["whole", "bytes:7", "auto"] {
        let blobs = Arc::new(MemoryBlobs::default());
        blobs.put(name(BlobKind::Text), &text);
        let stage = Process::new(config(2, chunk), blobs.clone(), Arc::default()).unwrap();
        let error = run(&stage, job(&text)).await.unwrap_err();
        assert!(matches!(error, Ending::Dead(_)), "{error:?}");
        assert!(error.to_string().contains("is not UTF-8 at byte 1500003"), "{error}");
        assert_eq!(blobs.names().len(), 1);
    }
}

#[tokio::test]
async fn a_missing_text_is_retried() {
    let stage = Process::new(config(1, "auto"), Arc::new(MemoryBlobs::default()), Arc::default()).unwrap();
    let error = run(&stage, job(b"")).await.unwrap_err();
    assert!(matches!(error, Ending::Retry { .. }), "{error:?}");
}

#[tokio::test]
async fn a_panic_in_a_processor_is_a_failure_and_the_stage_goes_on() {
    let tokenize = |text: &str, tokens: &mut Tokens| {
        assert!(!text.contains("boom"), "cannot read boom");
        tokens.push("fine");
    };
    for chunk in ["whole", "bytes:1"] {
        let blobs = Arc::new(MemoryBlobs::default());
        let processor = Words::new(ProcessorIdentity::new("fragile", 1), tokenize);
        let stage =
            Process::with_processor(config(2, chunk), blobs.clone(), Arc::default(), processor).unwrap();
        for _ in 0..20 {
            blobs.put(name(BlobKind::Text), b"one\nboom\nthree\n");
            let error = run(&stage, job(b"one\nboom\nthree\n")).await.unwrap_err();
            assert!(matches!(error, Ending::Retry { .. }), "{error:?}");
            assert!(error.to_string().contains("the processor panicked: cannot read boom"), "{error}");
        }
        blobs.put(name(BlobKind::Text), b"one\n");
        run(&stage, job(b"one\n")).await.unwrap();
        assert_eq!(published(&blobs)[0], "fine\n");
    }
}

/// A store with a disk that fails.
struct BadDisk {
    inner: MemoryBlobs,
    fault: DiskFault,
}

enum DiskFault {
    /// There is no room for one kind of results.
    Full(BlobKind),
    /// Every sync fails.
    SyncFails,
}

impl BlobStore for BadDisk {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        if !matches!(self.fault, DiskFault::Full(kind) if kind == name.kind) {
            return self.inner.stage(name);
        }
        let path = std::path::PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&path).map_err(|error| BlobError::at(&path, error))?;
        Ok(StagedFile { name: name.clone(), path, file, kept: Kept::Yes }.into())
    }
    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError> {
        self.inner.resume(name)
    }
    fn publish_for(&self, changes: Vec<Change>, publisher: Publisher) {
        // A record is in memory until it is published.
        let needs_room = |change: &Change, full| match change {
            Change::Staged(StagedBlob { name, bytes: StagedBytes::Memory(_), .. }) => name.kind == full,
            _ => false,
        };
        match self.fault {
            DiskFault::Full(full) if changes.iter().any(|change| needs_room(change, full)) => {
                publisher.end(Err(BlobError::at(&name(full).relative_path(), ErrorKind::StorageFull.into())));
            }
            DiskFault::Full(_) => self.inner.publish_for(changes, publisher),
            DiskFault::SyncFails => {
                publisher.end(Err(BlobError::at("text".as_ref(), std::io::Error::other("bad disk"))));
            }
        }
    }
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
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

#[tokio::test]
async fn existing_results_are_acknowledged_only_after_they_are_durable() {
    let inner = MemoryBlobs::default();
    for (kind, result) in RESULTS.into_iter().zip(results(config(1, "auto"), "two words").await) {
        inner.put(name(kind), result.as_bytes());
    }
    inner.put(name(BlobKind::Text), b"two words");
    let blobs = Arc::new(BadDisk { inner, fault: DiskFault::SyncFails });
    let stage = Process::new(config(1, "auto"), blobs, Arc::default()).unwrap();
    let refused = run(&stage, job(b"two words")).await.unwrap_err();
    assert!(matches!(refused, Ending::Retry { .. }), "{refused}");
}

#[tokio::test]
async fn a_full_disk_halts_the_stage_and_publishes_nothing() {
    let text = "many different words\n".repeat(100_000);
    for full in RESULTS {
        let blobs = Arc::new(BadDisk { inner: MemoryBlobs::default(), fault: DiskFault::Full(full) });
        blobs.inner.put(name(BlobKind::Text), text.as_bytes());
        let stage = Process::new(config(2, "auto"), blobs.clone(), Arc::default()).unwrap();
        let error = run(&stage, job(text.as_bytes())).await.unwrap_err();
        let Ending::Halt(failure) = error else { panic!("{error:?}") };
        assert_eq!(failure.reason, Reason::DiskFull);
        assert!(
            failure.message.contains(&format!("'{}'", name(full).relative_path().display())),
            "{failure}"
        );
        assert_eq!(blobs.inner.names().len(), 1);
    }
}
