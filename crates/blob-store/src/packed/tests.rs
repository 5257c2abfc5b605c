use std::{fs, os::unix::fs::FileExt, sync::Mutex};

use flow::testing::blob_contract::{blob_contract, name, publish};
use tempfile::TempDir;

use super::*;

mod damage;

fn open(dir: &Path) -> PackedBlobs {
    PackedBlobs::open(dir, Durability::Power).unwrap()
}

/// Returns the names and bytes of all blobs, or the error of one.
fn contents(blobs: &PackedBlobs) -> Result<Vec<(BlobName, Vec<u8>)>, BlobError> {
    let mut contents = Vec::new();
    for kind in BlobKind::ALL {
        for document in blobs.list(kind)? {
            let name = BlobName::new(kind, document);
            contents.push((name.clone(), blobs.read(&name, 1 << 20)?));
        }
    }
    Ok(contents)
}

/// Returns a run directory with some blobs, in one segment, and what they are.
fn some_blobs() -> (TempDir, Vec<(BlobName, Vec<u8>)>) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    for document in ["a", "b"] {
        publish(&blobs, &name(BlobKind::Spool, document), b"raw");
        blobs.rename(&name(BlobKind::Spool, document), &name(BlobKind::Raw, document)).unwrap();
        publish(&blobs, &name(BlobKind::Text, document), b"one text\n");
    }
    publish(&blobs, &name(BlobKind::Text, "a"), b"another text\n");
    blobs.remove(&name(BlobKind::Raw, "b")).unwrap();
    let all = contents(&blobs).unwrap();
    assert_eq!(all.len(), 3);
    (dir, all)
}

fn segment_path(dir: &TempDir) -> PathBuf {
    dir.path().join("segments/00001.warc")
}

fn index_path(dir: &TempDir) -> PathBuf {
    dir.path().join("segments/00001.index")
}

fn flip(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x04], offset).unwrap();
}

#[test]
fn a_publication_costs_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let staged = |document: &str| StagedBlob::with_bytes(name(BlobKind::Text, document), b"text".into());
    blobs.publish(["a", "b", "c"].map(staged).into()).unwrap();
    // The new segment and its name, then the group.
    assert_eq!(blobs.sync_counts(), SyncCounts { files: 2, file_systems: 0, directories: 1 });
    blobs.publish(["b", "d"].map(staged).into()).unwrap();
    assert_eq!(blobs.sync_counts(), SyncCounts { files: 3, file_systems: 0, directories: 1 });
    blobs.remove(&name(BlobKind::Text, "a")).unwrap();
    assert_eq!(blobs.sync_counts().files, 3, "a removal is not durable");
    drop(blobs);
    let unsynced = PackedBlobs::open(dir.path(), Durability::Process).unwrap();
    unsynced.publish(vec![staged("e")]).unwrap();
    assert_eq!(unsynced.sync_counts(), SyncCounts::default());
}

#[test]
fn blobs_in_segments_keep_the_contract() {
    for (durability, bytes_max) in [(Durability::Power, SEGMENT_BYTES_MAX), (Durability::Process, 1)] {
        let dirs = Mutex::new(Vec::new());
        blob_contract(|| {
            let dir = tempfile::tempdir().unwrap();
            let blobs =
                PackedBlobs::with_segments_of(bytes_max, &dir.path().join("a/run"), durability).unwrap();
            dirs.lock().unwrap().push(dir);
            Arc::new(blobs)
        });
    }
}

#[test]
fn an_index_log_that_is_gone_or_cut_off_is_made_anew() {
    let (dir, all) = some_blobs();
    let whole = fs::read(index_path(&dir)).unwrap();
    for length in (0..whole.len()).map(Some).chain([None]) {
        match length {
            Some(length) => fs::write(index_path(&dir), &whole[..length]).unwrap(),
            None => fs::remove_file(index_path(&dir)).unwrap(),
        }
        assert_eq!(contents(&open(dir.path())).unwrap(), all, "{length:?}");
    }
    publish(&open(dir.path()), &name(BlobKind::Meta, "c"), b"{}");
    let made = fs::read(index_path(&dir)).unwrap();
    assert!(made.starts_with(&whole), "with the same commits, and one more");
    assert_eq!(contents(&open(dir.path())).unwrap().len(), all.len() + 1);
}

#[test]
fn a_flipped_bit_of_the_index_log_changes_nothing() {
    let (dir, all) = some_blobs();
    let whole = fs::read(index_path(&dir)).unwrap();
    for offset in 0..whole.len() {
        flip(&index_path(&dir), offset as u64);
        assert_eq!(contents(&open(dir.path())).unwrap(), all, "{offset}");
        // Whoever writes next mends it.
        publish(&open(dir.path()), &name(BlobKind::Text, "a"), b"another text\n");
        assert_eq!(contents(&open(dir.path())).unwrap(), all, "{offset}");
    }
}

#[test]
fn a_flipped_bit_of_a_segment_gives_no_wrong_bytes() {
    let (dir, all) = some_blobs();
    let whole = fs::read(segment_path(&dir)).unwrap();
    let mut damaged = 0;
    for offset in 0..whole.len() {
        flip(&segment_path(&dir), offset as u64);
        match contents(&open(dir.path())) {
            Ok(found) => assert_eq!(found, all, "{offset}"),
            Err(BlobError::Damaged { .. }) => damaged += 1,
            Err(error) => panic!("{error} at {offset}"),
        }
        fs::write(segment_path(&dir), &whole).unwrap();
    }
    // Each byte of a content that counts.
    assert_eq!(damaged, all.iter().map(|(_, bytes)| bytes.len()).sum::<usize>());
}

#[test]
fn a_group_that_is_incomplete_never_happened() {
    let (dir, all) = some_blobs();
    let before = (fs::read(segment_path(&dir)).unwrap(), fs::read(index_path(&dir)).unwrap());
    publish(&open(dir.path()), &name(BlobKind::Text, "a"), b"a third text\n");
    let after = fs::read(segment_path(&dir)).unwrap();
    let torn = |length: usize| {
        let cut = after[..length].to_vec();
        // Parts of a write reach a disk in any order.
        let mut hole = after.clone();
        hole[before.0.len()..length].fill(0);
        [cut, hole]
    };
    for bytes in (before.0.len()..after.len()).flat_map(torn).filter(|bytes| *bytes != after) {
        fs::write(segment_path(&dir), &bytes).unwrap();
        fs::write(index_path(&dir), &before.1).unwrap();
        assert_eq!(contents(&open(dir.path())).unwrap(), all);
        publish(&open(dir.path()), &name(BlobKind::Text, "a"), b"another text\n");
        assert_eq!(contents(&open(dir.path())).unwrap(), all);
    }
}

#[test]
fn damage_before_the_end_does_not_hide_what_follows() {
    let (dir, all) = some_blobs();
    let index = fs::read(index_path(&dir)).unwrap();
    let (text, at) = (b"one text", fs::read(segment_path(&dir)).unwrap());
    // The text of "b", whose group is followed by others.
    let offset = memchr::memmem::rfind(&at, text).unwrap();
    flip(&segment_path(&dir), offset as u64);
    fs::remove_file(index_path(&dir)).unwrap();
    let blobs = open(dir.path());
    assert!(matches!(contents(&blobs), Err(BlobError::Damaged { .. })));
    let first = &all[0];
    assert_eq!(blobs.read(&first.0, 100).unwrap(), first.1);
    publish(&blobs, &name(BlobKind::Text, "b"), b"one text\n");
    drop(blobs);
    assert_eq!(contents(&open(dir.path())).unwrap(), all);
    assert!(fs::read(index_path(&dir)).unwrap().starts_with(&index));
}

#[test]
fn a_commit_in_a_text_is_a_text() {
    let (dir, all) = some_blobs();
    let segment = fs::read(segment_path(&dir)).unwrap();
    let removal = memchr::memmem::rfind(&segment, warc::COMMIT_START.as_bytes()).unwrap();
    let blobs = open(dir.path());
    let planted = name(BlobKind::Raw, "b");
    for bytes in [&segment[removal..], &segment[..]] {
        publish(&blobs, &planted, bytes);
    }
    drop(blobs);
    fs::remove_file(index_path(&dir)).unwrap();
    let found = contents(&open(dir.path())).unwrap();
    assert_eq!(found.len(), all.len() + 1);
    assert!(found.contains(&(planted, segment)));
}

#[test]
fn several_processes_see_each_others_blobs() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other, third) = (open(dir.path()), open(dir.path()), open(dir.path()));
    let text = name(BlobKind::Text, "a");
    for round in 0..3 {
        for (writer, reader) in [(&one, &other), (&other, &one)] {
            let bytes = format!("round {round}");
            publish(writer, &text, bytes.as_bytes());
            for blobs in [reader, &third] {
                assert_eq!(blobs.read(&text, 100).unwrap(), bytes.as_bytes());
            }
        }
    }
    assert_eq!(segment::numbers(&one.directory).unwrap(), [1, 2], "each writer has its own");
    // What one has published, another renames, and the first sees it.
    other.rename(&text, &name(BlobKind::Raw, "a")).unwrap();
    assert_eq!(one.len(&text).unwrap(), None);
    drop((one, other));
    publish(&third, &text, b"continued");
    assert_eq!(segment::numbers(&third.directory).unwrap(), [1, 2], "it continues one of them");
    assert_eq!(contents(&open(dir.path())).unwrap().len(), 2);
}

#[test]
fn a_file_that_is_no_segment_is_left_alone() {
    let (dir, all) = some_blobs();
    for (path, bytes) in [("segments/00007.warc", "not ours"), ("segments/2.warc", ""), ("segments/x", "")] {
        fs::write(dir.path().join(path), bytes).unwrap();
    }
    let blobs = open(dir.path());
    assert_eq!(contents(&blobs).unwrap(), all);
    publish(&blobs, &name(BlobKind::Meta, "c"), b"{}");
    assert_eq!(fs::read(dir.path().join("segments/00007.warc")).unwrap(), b"not ours");
}

/// Publishes versions of some blobs, in segments of one group each.
fn many_segments(dir: &Path) -> PackedBlobs {
    let blobs = PackedBlobs::with_segments_of(1, dir, Durability::Process).unwrap();
    for version in ["first", "second", "third"] {
        for document in ["a", "b", "c", "d"] {
            publish(&blobs, &name(BlobKind::Spool, document), format!("{version} {document}").as_bytes());
            blobs.rename(&name(BlobKind::Spool, document), &name(BlobKind::Raw, document)).unwrap();
            publish(&blobs, &name(BlobKind::Text, document), b"the same");
        }
    }
    blobs.remove(&name(BlobKind::Raw, "d")).unwrap();
    blobs.share(&name(BlobKind::Text, "a"), &name(BlobKind::Text, "b")).unwrap();
    blobs.share(&name(BlobKind::Text, "a"), &name(BlobKind::Text, "c")).unwrap();
    blobs
}

#[test]
fn compaction_keeps_all_that_counts_and_removes_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    drop(many_segments(dir.path()));
    let blobs = open(dir.path());
    let all = contents(&blobs).unwrap();
    let files = || fs::read_dir(dir.path().join("segments")).unwrap().count();
    let (before, reader) = (files(), open(dir.path()));
    let mut opened = reader.open(&name(BlobKind::Raw, "a")).unwrap();

    let planned = blobs.compact(Compaction::Dry).unwrap();
    assert_eq!((files(), contents(&blobs).unwrap()), (before, all.clone()));
    assert_eq!(blobs.compact(Compaction::Make).unwrap(), planned);
    assert!(before > 40 && files() < 10, "{} of {before}", files());
    // Also the segment that was just appended to.
    for _ in 0..20 {
        publish(&blobs, &name(BlobKind::Meta, "e"), &[b'e'; 10_000]);
    }
    assert_eq!(blobs.compact(Compaction::Make).unwrap().segments.len(), 1);
    blobs.remove(&name(BlobKind::Meta, "e")).unwrap();
    for blobs in [&blobs, &reader, &open(dir.path())] {
        assert_eq!(contents(blobs).unwrap(), all);
    }
    let mut bytes = String::new();
    opened.read_to_string(&mut bytes).unwrap();
    assert_eq!(bytes, "third a", "what was opened stays readable");

    // Without the logs, the segments that are left say the same.
    for number in segment::numbers(&blobs.directory).unwrap() {
        fs::remove_file(segment::index_path(&blobs.directory, number)).unwrap();
    }
    drop((blobs, reader));
    assert_eq!(contents(&open(dir.path())).unwrap(), all);
}

#[test]
fn blobs_may_be_published_while_segments_are_compacted() {
    let dir = tempfile::tempdir().unwrap();
    drop(many_segments(dir.path()));
    let (blobs, other) = (open(dir.path()), open(dir.path()));
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            for round in 0..50 {
                for document in ["a", "b", "e"] {
                    publish(&other, &name(BlobKind::Text, document), format!("round {round}").as_bytes());
                }
                other.remove(&name(BlobKind::Raw, "a")).unwrap();
                // Its record may be in a segment that is being compacted.
                let moved = ["b", "f"].map(|document| name(BlobKind::Raw, document));
                let (from, to) = (&moved[round % 2], &moved[(round + 1) % 2]);
                other.rename(from, to).unwrap();
            }
        });
        while !publishing.is_finished() {
            blobs.compact(Compaction::Make).unwrap();
            assert_eq!(blobs.read(&name(BlobKind::Text, "c"), 100).unwrap(), b"the same");
        }
        publishing.join().unwrap();
    });
    for blobs in [&blobs, &other, &open(dir.path())] {
        let text = |document| blobs.read(&name(BlobKind::Text, document), 100).unwrap();
        assert_eq!(
            ["a", "b", "c", "e"].map(text),
            ["round 49", "round 49", "the same", "round 49"].map(Vec::from)
        );
        assert_eq!(blobs.len(&name(BlobKind::Raw, "a")).unwrap(), None);
        assert_eq!(blobs.read(&name(BlobKind::Raw, "b"), 100).unwrap(), b"third b");
    }
}
