//! Damage to segments and index logs is found and healed, wherever it is.

use super::*;
use crate::packed::SegmentPart;

/// Copies a run directory, so that the copy can be damaged.
fn copied(from: &Path) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("segments")).unwrap();
    for entry in fs::read_dir(from.join("segments")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join("segments").join(path.file_name().unwrap())).unwrap();
    }
    dir
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("segments")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Returns a run directory whose segments were compacted.
fn compacted_blobs() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    many_segments(dir.path()).compact(Compaction::Make).unwrap();
    dir
}

#[test]
fn a_flipped_bit_anywhere_is_named() {
    for dir in [some_blobs().0, compacted_blobs()] {
        let blobs = open(dir.path());
        assert_eq!(blobs.check().unwrap(), []);
        for path in files(dir.path()) {
            let whole = fs::read(&path).unwrap();
            for offset in 0..whole.len() {
                flip_bit(&path, offset as u64, offset % 8);
                let damage = blobs.check().unwrap();
                let is_named = damage.iter().any(|one| dir.path().join(&one.file) == path);
                assert!(is_named, "byte {offset} of {}: {damage:?}", path.display());
                fs::write(&path, &whole).unwrap();
            }
        }
        assert_eq!(blobs.check().unwrap(), []);
    }
}

#[test]
fn healing_loses_no_blob_and_leaves_no_damage() {
    let (dir, _) = some_blobs();
    for (dir, step) in [(dir, 3), (compacted_blobs(), 41)] {
        let all = contents(&open(dir.path())).unwrap();
        for path in files(dir.path()) {
            let name = path.file_name().unwrap();
            for offset in (0..fs::metadata(&path).unwrap().len()).step_by(step) {
                let dir = copied(dir.path());
                flip_bit(&dir.path().join("segments").join(name), offset, offset as usize % 8);
                heal_and_compare(dir.path(), &all, &format!("byte {offset} of {name:?}"));
            }
        }
    }
}

fn heal_and_compare(dir: &Path, all: &[(BlobName, Vec<u8>)], what: &str) {
    let blobs = open(dir);
    let damage = blobs.check().unwrap();
    blobs.heal(&damage).unwrap();
    let lost = damage.iter().find(|one| one.part == SegmentPart::Content && one.blob.is_some());
    if let Some(lost) = lost {
        // It stays as it is until somebody replaces it.
        let name = lost.blob.as_ref().unwrap();
        assert_eq!(blobs.check().unwrap(), damage, "{what}");
        let bytes = &all.iter().find(|(other, _)| other == name).unwrap().1;
        let sharing = all.iter().filter(|(_, other)| other == bytes);
        sharing.for_each(|(name, bytes)| publish(&blobs, name, bytes));
        blobs.compact(Compaction::WhereWorthwhile).unwrap();
    }
    for blobs in [&blobs, &open(dir)] {
        assert_eq!(contents(blobs).unwrap(), all, "{what}");
    }
    assert_eq!(blobs.check().unwrap(), [], "{what}, {damage:?}");
    assert!(files(dir).iter().all(|path| path.extension().unwrap() != "damaged"), "{what}");
}

#[test]
fn a_segment_that_nobody_can_read_is_kept() {
    let (dir, _) = some_blobs();
    fs::remove_file(index_path(&dir)).unwrap();
    let segment = fs::read(segment_path(&dir)).unwrap();
    let key = memchr::memmem::find(&segment, b"juggle-segment-key: ").unwrap() + 20;
    // Another digit, which is a key as well, and one that is none.
    for digit in [if segment[key] == b'a' { b'b' } else { b'a' }, b'x'] {
        let mut damaged = segment.clone();
        damaged[key] = digit;
        fs::write(segment_path(&dir), &damaged).unwrap();
        let blobs = open(dir.path());
        let damage = blobs.check().unwrap();
        assert!(!damage.is_empty());
        blobs.heal(&damage).unwrap();
        blobs.compact(Compaction::Make).unwrap();
        assert_eq!(fs::read(segment_path(&dir)).unwrap(), damaged);
    }
}

fn flip_bit(path: &Path, offset: u64, bit: usize) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << bit], offset).unwrap();
}
