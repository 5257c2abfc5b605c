//! The test suite of the [`BlobStore`] contract, as the module [`blobs`](crate::blobs) states it.
//!
//! [`blob_contract`] runs all cases, each on a new store. A case that fails panics.

use std::{
    io::{Read, Write},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, StagedBlob, StagedBytes, StagedFile},
    document::DocumentId,
};

/// Runs every case on a store of its own.
pub fn blob_contract(make: impl Fn() -> Arc<dyn BlobStore>) {
    published_bytes_read_back(&*make());
    staged_bytes_are_invisible(&*make());
    a_dropped_stage_leaves_nothing(&*make());
    publishing_replaces_whole(&*make());
    a_reader_keeps_what_it_opened(&*make());
    resumed_bytes_go_on_where_they_ended(&*make());
    resuming_a_published_blob_begins_an_empty_one(&*make());
    a_second_writer_gets_busy(&*make());
    renaming_moves_the_bytes(&*make());
    changes_are_made_in_order_up_to_one_that_fails(&*make());
    a_publication_removes_what_it_replaces(&*make());
    a_publication_goes_on_where_nobody_waits(&*make());
    blobs_that_share_their_bytes_are_two(&*make());
    removing_is_repeatable(&*make());
    lists_are_sorted_and_by_kind(&*make());
    reading_whole_is_bounded(&*make());
    many_writers_publish_at_once(make());
    readers_never_see_a_part(make());
}

/// Returns the name of a document's blob.
///
/// # Panics
/// Panics if `document` is not a document id.
#[must_use]
pub fn name(kind: BlobKind, document: &str) -> BlobName {
    BlobName::new(kind, document.parse().expect("tests use valid ids"))
}

/// Publishes bytes under a name.
///
/// # Panics
/// Panics if the store fails.
pub fn publish(blobs: &dyn BlobStore, name: &BlobName, bytes: &[u8]) {
    let staged = staged(blobs.stage(name), bytes);
    blobs.publish(vec![staged]).expect("the store publishes");
}

fn staged(staged: Result<StagedBlob, BlobError>, bytes: &[u8]) -> StagedBlob {
    let mut staged = staged.expect("the store stages");
    staged.write_all(bytes).expect("the disk takes a few bytes");
    staged
}

fn resumed(staged: Result<StagedFile, BlobError>, bytes: &[u8]) -> StagedFile {
    let mut staged = staged.expect("the store resumes");
    staged.file.write_all(bytes).expect("the disk takes a few bytes");
    staged
}

fn read(blobs: &dyn BlobStore, name: &BlobName) -> Vec<u8> {
    let mut bytes = Vec::new();
    blobs.open(name).expect("it is there").read_to_end(&mut bytes).expect("it can be read");
    bytes
}

fn absent(blobs: &dyn BlobStore, name: &BlobName) {
    assert!(matches!(blobs.open(name), Err(BlobError::NotFound(_))), "{name:?} must not be there");
    assert_eq!(blobs.len(name).expect("asking is allowed"), None);
    assert_eq!(blobs.list(name.kind).expect("listing is allowed"), []);
}

/// Blobs of every kind can be read after they are published, even empty ones.
pub fn published_bytes_read_back(blobs: &dyn BlobStore) {
    for kind in BlobKind::ALL {
        let name = name(kind, "PG84");
        absent(blobs, &name);
        publish(blobs, &name, b"bytes\0\xff");
        assert_eq!(read(blobs, &name), b"bytes\0\xff", "{kind:?}");
        assert_eq!(blobs.len(&name).expect("it is there"), Some(7));
    }
    let handed = name(BlobKind::Text, "handed-over");
    let staged = StagedBlob::with_bytes(handed.clone(), b"all of them".to_vec());
    blobs.publish(vec![staged]).expect("the store publishes");
    assert_eq!(read(blobs, &handed), b"all of them");
    let empty = name(BlobKind::Text, "empty");
    publish(blobs, &empty, b"");
    assert_eq!(blobs.len(&empty).expect("it is there"), Some(0));
    assert_eq!(read(blobs, &empty), b"");
}

/// Staged and resumed bytes are not visible before they are published.
pub fn staged_bytes_are_invisible(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Text, "PG84");
    let first = staged(blobs.stage(&name), b"staged");
    let second = staged(blobs.stage(&name), b"another");
    let resumed = resumed(blobs.resume(&name), b"resumed");
    absent(blobs, &name);
    drop((first, resumed));
    blobs.publish(vec![second]).expect("one of two stagings of a name can be published");
    assert_eq!(read(blobs, &name), b"another");
}

/// A staging that is dropped leaves neither a blob nor a file.
pub fn a_dropped_stage_leaves_nothing(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Text, "PG84");
    let staged = staged(blobs.stage(&name), b"staged");
    let path = match &staged.bytes {
        StagedBytes::File(file) => Some(file.path.clone()),
        StagedBytes::Unnamed(_) | StagedBytes::Memory(_) => None,
    };
    assert!(path.as_ref().is_none_or(|path| path.exists()));
    drop(staged);
    assert!(path.is_none_or(|path| !path.exists()));
    absent(blobs, &name);
}

/// A blob of the same name is replaced, and no byte of the old one is left.
pub fn publishing_replaces_whole(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Meta, "PG84");
    publish(blobs, &name, b"a long first version");
    publish(blobs, &name, b"short");
    assert_eq!(read(blobs, &name), b"short");
    assert_eq!(blobs.list(BlobKind::Meta).expect("listing is allowed"), [name.document]);
}

/// A reader continues to read the blob that it opened while another blob replaces it.
pub fn a_reader_keeps_what_it_opened(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Text, "PG84");
    publish(blobs, &name, b"old");
    let mut reader = blobs.open(&name).expect("it is there");
    publish(blobs, &name, b"new and longer");
    let mut bytes = String::new();
    reader.read_to_string(&mut bytes).expect("it can be read");
    assert_eq!(bytes, "old");
}

/// Resumed bytes outlive the value, and the next resume continues after them.
pub fn resumed_bytes_go_on_where_they_ended(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Spool, "PG84");
    drop(resumed(blobs.resume(&name), b"first, "));
    let again = resumed(blobs.resume(&name), b"second");
    assert_eq!(again.file.metadata().expect("it is open").len(), 13);
    absent(blobs, &name);
    blobs.publish(vec![again.into()]).expect("the store publishes");
    assert_eq!(read(blobs, &name), b"first, second");
}

/// After a resumed blob is published, the next resume begins an empty one.
pub fn resuming_a_published_blob_begins_an_empty_one(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Spool, "PG84");
    let whole = resumed(blobs.resume(&name), b"whole");
    blobs.publish(vec![whole.into()]).expect("the store publishes");
    let next = resumed(blobs.resume(&name), b"");
    assert_eq!(next.file.metadata().expect("it is open").len(), 0);
    assert_eq!(read(blobs, &name), b"whole");
}

/// Only one writer at a time resumes a blob.
pub fn a_second_writer_gets_busy(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Spool, "PG84");
    let first = resumed(blobs.resume(&name), b"mine");
    assert!(matches!(blobs.resume(&name), Err(BlobError::Busy(_))));
    drop(first);
    drop(resumed(blobs.resume(&name), b""));
}

/// A renamed blob has only its new name and replaces the blob of that name. Renaming a missing blob is an
/// error.
pub fn renaming_moves_the_bytes(blobs: &dyn BlobStore) {
    let (from, to) = (name(BlobKind::Spool, "PG84"), name(BlobKind::Raw, "PG84"));
    publish(blobs, &from, b"bytes");
    publish(blobs, &to, b"earlier bytes");
    blobs.rename(&from, &to).expect("the store renames");
    absent(blobs, &from);
    assert_eq!(read(blobs, &to), b"bytes");
    assert!(matches!(blobs.rename(&from, &to), Err(BlobError::NotFound(_))));
    assert_eq!(read(blobs, &to), b"bytes");
    blobs.rename(&to, &to).expect("the store leaves it where it is");
    assert_eq!(read(blobs, &to), b"bytes");
    assert!(matches!(blobs.rename(&from, &from), Err(BlobError::NotFound(_))));
}

/// The changes of a publication are made in their order. After one that fails, no other is made.
pub fn changes_are_made_in_order_up_to_one_that_fails(blobs: &dyn BlobStore) {
    let (spool, raw, text) =
        (name(BlobKind::Spool, "PG84"), name(BlobKind::Raw, "PG84"), name(BlobKind::Text, "PG84"));
    let moved = || Change::Renamed { from: spool.clone(), to: raw.clone() };
    let text_of = |bytes| Change::Staged(staged(blobs.stage(&text), bytes));
    publish(blobs, &spool, b"bytes");
    blobs.begin_publishing(vec![moved(), text_of(b"text")]).wait().expect("the store publishes");
    absent(blobs, &spool);
    assert_eq!((read(blobs, &raw), read(blobs, &text)), (b"bytes".to_vec(), b"text".to_vec()));

    let failed = blobs.begin_publishing(vec![moved(), text_of(b"another")]).wait();
    assert!(matches!(failed, Err(BlobError::NotFound(_))), "{failed:?}");
    assert_eq!((read(blobs, &raw), read(blobs, &text)), (b"bytes".to_vec(), b"text".to_vec()));
}

/// A publication removes its blobs at the end. If another change fails, they stay.
pub fn a_publication_removes_what_it_replaces(blobs: &dyn BlobStore) {
    let (spool, raw, text) =
        (name(BlobKind::Spool, "PG84"), name(BlobKind::Raw, "PG84"), name(BlobKind::Text, "PG84"));
    publish(blobs, &spool, b"bytes");
    let removed = || Change::Removed(spool.clone());
    let missing = Change::Renamed { from: raw.clone(), to: text.clone() };
    let failed = blobs.begin_publishing(vec![missing, removed()]).wait();
    assert!(matches!(failed, Err(BlobError::NotFound(_))), "{failed:?}");
    assert_eq!(read(blobs, &spool), b"bytes");
    for _ in 0..2 {
        let text = Change::Staged(staged(blobs.stage(&text), b"text"));
        blobs.begin_publishing(vec![text, removed()]).wait().expect("the store publishes");
        absent(blobs, &spool);
    }
    assert_eq!(read(blobs, &text), b"text");
}

/// A publication is completed even if its value is dropped.
pub fn a_publication_goes_on_where_nobody_waits(blobs: &dyn BlobStore) {
    let [first, second] = ["first", "second"].map(|document| name(BlobKind::Meta, document));
    drop(blobs.begin_publishing(vec![Change::Staged(staged(blobs.stage(&first), b"first"))]));
    // Publications end in the order in which they were begun.
    publish(blobs, &second, b"second");
    assert_eq!(read(blobs, &first), b"first");
}

/// Blobs share their bytes only if these are the same. A change of one does not change the other.
pub fn blobs_that_share_their_bytes_are_two(blobs: &dyn BlobStore) {
    let [one, other, third] = ["one", "other", "third"].map(|document| name(BlobKind::Text, document));
    publish(blobs, &one, b"bytes");
    assert!(!blobs.share(&one, &other).expect("asking is allowed"), "there is no other");
    assert!(!blobs.share(&other, &one).expect("asking is allowed"), "there is no original");
    publish(blobs, &other, b"bytes");
    publish(blobs, &third, b"bytes, and more");
    blobs.share(&one, &other).expect("the store shares or leaves it");
    assert!(!blobs.share(&one, &other).expect("asking is allowed"), "there is nothing left to do");
    assert!(!blobs.share(&one, &third).expect("asking is allowed"), "they are different");
    assert_eq!((read(blobs, &other), read(blobs, &third)), (b"bytes".to_vec(), b"bytes, and more".to_vec()));
    publish(blobs, &one, b"new");
    assert_eq!((read(blobs, &one), read(blobs, &other)), (b"new".to_vec(), b"bytes".to_vec()));
    blobs.remove(&one).expect("removing is allowed");
    assert_eq!(read(blobs, &other), b"bytes");
    assert_eq!(blobs.list(BlobKind::Text).expect("listing is allowed").len(), 2);
}

/// A removed blob does not exist any more. Removing it again is no error.
pub fn removing_is_repeatable(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Tokens, "PG84");
    publish(blobs, &name, b"tokens");
    for _ in 0..2 {
        blobs.remove(&name).expect("removing is allowed");
        absent(blobs, &name);
    }
}

/// A list has the documents of its kind, once each, in the order of their ids.
pub fn lists_are_sorted_and_by_kind(blobs: &dyn BlobStore) {
    for document in ["PG84", "b-1", "PG10", "PG9", "a", "PG84"] {
        publish(blobs, &name(BlobKind::Counts, document), b"x");
    }
    publish(blobs, &name(BlobKind::Text, "other"), b"x");
    let listed = blobs.list(BlobKind::Counts).expect("listing is allowed");
    assert_eq!(
        listed.iter().map(DocumentId::as_str).collect::<Vec<_>>(),
        ["PG10", "PG84", "PG9", "a", "b-1"]
    );
}

/// `read` accepts blobs up to its limit and refuses longer ones.
pub fn reading_whole_is_bounded(blobs: &dyn BlobStore) {
    let name = name(BlobKind::Meta, "PG84");
    publish(blobs, &name, b"12345");
    assert_eq!(blobs.read(&name, 5).expect("it fits"), b"12345");
    assert!(matches!(blobs.read(&name, 4), Err(BlobError::TooLarge { bytes_max: 4, .. })));
}

/// Several threads publish several blobs each. After `Ok`, all of them exist.
pub fn many_writers_publish_at_once(blobs: Arc<dyn BlobStore>) {
    thread::scope(|scope| {
        for writer in 0..8 {
            let blobs = &blobs;
            scope.spawn(move || {
                for round in 0..8 {
                    let document = format!("w{writer}r{round}");
                    let names =
                        [BlobKind::Text, BlobKind::Arrival, BlobKind::Meta].map(|kind| name(kind, &document));
                    let all = names.iter().map(|name| staged(blobs.stage(name), document.as_bytes()));
                    blobs.publish(all.collect()).expect("the store publishes");
                    for name in &names {
                        assert_eq!(read(&**blobs, name), document.as_bytes());
                    }
                }
            });
        }
    });
    assert_eq!(blobs.list(BlobKind::Meta).expect("listing is allowed").len(), 64);
}

/// While a blob is replaced many times, each reader sees one complete version.
pub fn readers_never_see_a_part(blobs: Arc<dyn BlobStore>) {
    let name = name(BlobKind::Text, "PG84");
    publish(&*blobs, &name, &[b'0'; 10_000]);
    let (started, ended) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            started.wait();
            let mut seen = 0;
            while seen == 0 || !ended.load(Ordering::Acquire) {
                let bytes = read(&*blobs, &name);
                assert_eq!(bytes.len(), 10_000);
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a mixture of two versions");
                seen += 1;
            }
        });
        started.wait();
        for version in b'1'..=b'9' {
            publish(&*blobs, &name, &[version; 10_000]);
        }
        ended.store(true, Ordering::Release);
        reader.join().expect("every read is whole");
    });
    assert_eq!(read(&*blobs, &name), [b'9'; 10_000]);
}
