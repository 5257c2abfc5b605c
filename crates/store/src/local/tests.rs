use std::{
    io::Write,
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, symlink},
    },
    sync::{Arc, Mutex},
    thread,
};

use flow::{
    blobs::Kept,
    testing::blob_contract::{blob_contract, name, publish},
};

use super::{layout::Layout, *};

fn open(dir: &Path) -> LocalBlobs {
    LocalBlobs::open(dir, Durability::Power).unwrap()
}

fn staged(blobs: &LocalBlobs, name: &BlobName, bytes: &[u8]) -> StagedBlob {
    let mut staged = blobs.stage(name).unwrap();
    staged.file.write_all(bytes).unwrap();
    staged
}

fn keeps_the_contract(open: impl Fn(&Path) -> LocalBlobs) {
    let dirs = Mutex::new(Vec::new());
    blob_contract(|| {
        let dir = tempfile::tempdir().unwrap();
        let blobs = open(&dir.path().join("a/run"));
        dirs.lock().unwrap().push(dir);
        Arc::new(blobs)
    });
}

#[test]
fn blobs_on_disk_keep_the_contract() {
    keeps_the_contract(open);
}

#[test]
fn blobs_that_are_not_forced_keep_the_contract_too() {
    keeps_the_contract(|dir| LocalBlobs::open(dir, Durability::Process).unwrap());
}

fn open_sharded(dir: &Path) -> LocalBlobs {
    Layout::Sharded.settle(dir).unwrap();
    open(dir)
}

fn open_packing(dir: &Path) -> LocalBlobs {
    open(dir).packing("zstd".parse().unwrap())
}

#[test]
fn sharded_blobs_keep_the_contract() {
    keeps_the_contract(open_sharded);
}

#[test]
fn packed_blobs_keep_the_contract() {
    keeps_the_contract(open_packing);
}

/// The paths of all files below, without the directory.
fn files(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![dir.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            } else {
                found.insert(entry.path().strip_prefix(dir).unwrap().display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_blob_lies_in_one_form_and_is_read_in_each() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packing) = (open(dir.path()), open_packing(dir.path()));
    let text = name(BlobKind::Text, "PG84");
    for (writer, bytes, file) in [
        (&plain, &b"first"[..], "text/PG84_text.txt"),
        (&packing, b"second, packed", "text/PG84_text.txt.zst"),
        (&plain, b"third", "text/PG84_text.txt"),
    ] {
        publish(writer, &text, bytes);
        assert_eq!(files(dir.path()), [file.to_owned()].into());
        assert_eq!(writer.find(&text).unwrap(), Some(file.into()));
        for reader in [&plain, &packing] {
            assert_eq!(reader.read(&text, 100).unwrap(), bytes);
            assert_eq!(reader.len(&text).unwrap(), Some(bytes.len() as u64));
            assert_eq!(reader.list(BlobKind::Text).unwrap(), std::slice::from_ref(&text.document));
        }
    }
    publish(&packing, &text, b"fourth");
    plain.remove(&text).unwrap();
    assert_eq!((files(dir.path()), plain.find(&text).unwrap()), ([].into(), None));
}

#[test]
fn a_download_is_packed_on_its_way_to_raw() {
    let dir = tempfile::tempdir().unwrap();
    let packing = open_packing(dir.path());
    let (spool, raw) = (name(BlobKind::Spool, "PG84"), name(BlobKind::Raw, "PG84"));
    let bytes = b"one line after another\n".repeat(1000);
    publish(&packing, &spool, &bytes);
    packing.rename(&spool, &raw).unwrap();
    assert_eq!(files(dir.path()), ["raw/PG84_raw.txt.zst".to_owned()].into());
    assert_eq!(packing.read(&raw, 1 << 20).unwrap(), bytes);
    assert!(matches!(packing.rename(&spool, &raw), Err(BlobError::NotFound(_))));
    assert!(fs::metadata(dir.path().join("raw/PG84_raw.txt.zst")).unwrap().len() < 1000);
}

#[test]
fn what_is_moved_onto_itself_keeps_its_form() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packing) = (open(dir.path()), open_packing(dir.path()));
    let raw = name(BlobKind::Raw, "PG84");
    for (writer, mover) in [(&plain, &packing), (&packing, &plain)] {
        publish(writer, &raw, b"bytes");
        let before = files(dir.path());
        mover.rename(&raw, &raw).unwrap();
        assert_eq!((files(dir.path()), plain.read(&raw, 100).unwrap()), (before, b"bytes".to_vec()));
    }
}

#[test]
fn a_packed_blob_that_is_damaged_is_told_from_one_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open_packing(dir.path());
    let text = name(BlobKind::Text, "a");
    let path = dir.path().join("text/a_text.txt.zst");
    publish(&blobs, &text, &b"a line of text\n".repeat(1000));
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 1], &whole[..3], b"", b"no zstd at all"] {
        fs::write(&path, damaged).unwrap();
        assert!(matches!(blobs.digest(&text), Err(BlobError::Damaged { .. })), "{damaged:?}");
    }
    assert_eq!(blobs.len(&text).unwrap(), None, "nobody can say");
}

#[test]
fn only_kinds_that_were_named_are_packed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path()).packing("tokens".parse().unwrap());
    for kind in [BlobKind::Tokens, BlobKind::Counts, BlobKind::Meta] {
        publish(&blobs, &name(kind, "a"), b"x");
    }
    let expected = ["tokens/a_tokens.txt.zst", "counts/a_counts.txt", "meta/a.json"];
    assert_eq!(files(dir.path()), expected.map(str::to_owned).into());
}

#[test]
fn what_lies_in_another_shard_than_its_own_is_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open_sharded(dir.path());
    let [ours, other] = ["a", "b"].map(|id| name(BlobKind::Text, id));
    publish(&blobs, &ours, b"x");
    let elsewhere = blobs.places.path(&ours).with_file_name(other.file_name());
    fs::write(&elsewhere, b"x").unwrap();
    assert_eq!(blobs.list(BlobKind::Text).unwrap(), std::slice::from_ref(&ours.document));
    assert!(matches!(blobs.open(&other), Err(BlobError::NotFound(_))));
}

#[test]
fn the_directories_of_many_shards_are_forced_in_one_call_where_that_is_as_good() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open_sharded(dir.path());
    let forces_all = file_system::can_be_forced(&File::open(dir.path()).unwrap());
    publish_many(&blobs);
    let flushes = blobs.flushes();
    if forces_all {
        assert_eq!(flushes, Flushes { files: 0, file_systems: 2, directories: 0 });
    } else {
        assert!(flushes.directories > 16 && flushes.files == 600, "{flushes:?}");
    }
}

#[test]
fn files_lie_where_their_names_say() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    publish(&blobs, &name(BlobKind::Text, "PG84"), b"text");
    publish(&blobs, &name(BlobKind::Arrival, "PG84"), b"{}");
    assert_eq!(fs::read(dir.path().join("text/PG84_text.txt")).unwrap(), b"text");
    assert_eq!(fs::read(dir.path().join("logs/arrival/PG84.json")).unwrap(), b"{}");
    assert_eq!(fs::read_dir(dir.path().join("text")).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn few_files_and_every_directory_are_forced_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let names = ["a", "b"].map(|id| name(BlobKind::Text, id));
    let all = names.iter().map(|name| staged(&blobs, name, b"x")).collect();
    blobs.publish(all).unwrap();
    assert_eq!(blobs.flushes(), Flushes { files: 2, directories: 1, ..Flushes::default() });
    blobs.rename(&names[0], &name(BlobKind::Raw, "a")).unwrap();
    assert_eq!(blobs.flushes(), Flushes { files: 2, directories: 3, ..Flushes::default() });

    let unforced = LocalBlobs::open(dir.path(), Durability::Process).unwrap();
    publish(&unforced, &names[0], b"x");
    assert_eq!(unforced.flushes(), Flushes::default());
}

/// As on a file system that cannot be forced as a whole.
fn open_each_by_itself(dir: &Path) -> LocalBlobs {
    let mut blobs = open(dir);
    let directories = Directories::open(&blobs.places, Durability::Power).unwrap().each_by_itself();
    blobs.committer = Committer::start(blobs.places.clone(), directories, Durability::Power).unwrap();
    blobs
}

#[test]
fn blobs_that_are_forced_each_by_itself_keep_the_contract() {
    keeps_the_contract(open_each_by_itself);
}

fn publish_many(blobs: &LocalBlobs) {
    let all = (0..600).map(|n| staged(blobs, &name(BlobKind::Meta, &format!("m{n}")), b"x")).collect();
    blobs.publish(all).unwrap();
    assert_eq!(blobs.list(BlobKind::Meta).unwrap().len(), 600);
}

#[test]
fn many_files_are_forced_in_one_call_where_that_is_as_good() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let forces_all = file_system::can_be_forced(&File::open(dir.path()).unwrap());
    publish_many(&blobs);
    let (files, file_systems) = if forces_all { (0, 1) } else { (600, 0) };
    assert_eq!(blobs.flushes(), Flushes { files, file_systems, directories: 1 });
}

#[test]
fn many_files_are_forced_each_by_itself_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open_each_by_itself(dir.path());
    publish_many(&blobs);
    assert_eq!(blobs.flushes(), Flushes { files: 600, file_systems: 0, directories: 1 });
}

#[test]
fn callers_that_wait_together_share_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let waiting = (0..40).map(|n| staged(&blobs, &name(BlobKind::Text, &format!("t{n}")), b"x")).collect();
    committer::testing::publish_as_one_group(&blobs.committer, waiting);
    assert_eq!(blobs.list(BlobKind::Text).unwrap().len(), 40);
    assert_eq!(blobs.flushes().directories, 1);
}

/// A file that takes bytes and cannot be forced to any medium.
fn unforceable() -> File {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    File::from(OwnedFd::from(writer))
}

#[test]
fn after_a_failed_flush_nothing_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let (bad, good) = (name(BlobKind::Text, "bad"), name(BlobKind::Text, "good"));
    let earlier = staged(&blobs, &good, b"x");
    let broken = StagedBlob {
        name: bad.clone(),
        path: dir.path().join("text/.bad"),
        file: unforceable(),
        kept: Kept::No,
    };
    assert!(matches!(blobs.publish(vec![broken]), Err(BlobError::Io { .. })));

    let refused = blobs.publish(vec![earlier]).unwrap_err().to_string();
    assert!(refused.contains("nothing more is published"), "{refused}");
    assert!(blobs.rename(&good, &bad).is_err());
    assert_eq!(blobs.list(BlobKind::Text).unwrap(), []);
}

#[test]
fn a_failed_rename_fails_its_caller_only() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let lost = staged(&blobs, &name(BlobKind::Text, "lost"), b"x");
    fs::remove_file(&lost.path).unwrap();
    assert!(matches!(blobs.publish(vec![lost]), Err(BlobError::NotFound(_))));
    publish(&blobs, &name(BlobKind::Text, "fine"), b"x");
}

#[test]
fn sweeping_takes_the_files_of_the_dead_and_leaves_those_of_the_living() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let text = name(BlobKind::Text, "PG84");
    let living = staged(&blobs, &text, b"x");
    let dead = dir.path().join("text/.PG84_text.txt.4194304-0.tmp");
    let foreign = ["text/.editor.tmp", "text/.PG84_text.txt.tmp", "text/PG84.1-1.tmp"];
    fs::write(&dead, b"torn").unwrap();
    for path in foreign {
        fs::write(dir.path().join(path), b"not ours").unwrap();
    }
    drop(blobs.resume(&name(BlobKind::Spool, "PG84")).unwrap());

    let another = open(dir.path());
    assert!(!dead.exists(), "swept at open");
    assert_eq!(another.sweep().unwrap(), 0);
    for path in foreign.into_iter().chain(["spool/PG84.spool.part"]) {
        assert!(dir.path().join(path).exists(), "{path}");
    }
    blobs.publish(vec![living]).unwrap();
    assert_eq!(blobs.len(&text).unwrap(), Some(1));
}

#[test]
fn sweeping_never_takes_a_file_from_a_living_writer() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let sweeper = open(dir.path());
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..300 {
                publish(&blobs, &name(BlobKind::Text, &format!("t{n}")), b"x");
            }
        });
        while !writer.is_finished() {
            sweeper.sweep().unwrap();
        }
        writer.join().unwrap();
    });
    assert_eq!(blobs.list(BlobKind::Text).unwrap().len(), 300);
}

#[test]
fn parts_are_listed_and_removed_with_what_stands_beside_them() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    for id in ["b", "a"] {
        drop(blobs.resume(&name(BlobKind::Spool, id)).unwrap());
    }
    publish(&blobs, &name(BlobKind::Spool, "whole"), b"x");
    fs::write(dir.path().join("spool/a.spool.part.json"), "{}").unwrap();
    let ids = |ids: &[&str]| ids.iter().map(|id| id.parse().unwrap()).collect::<Vec<DocumentId>>();
    assert_eq!(blobs.parts().unwrap(), ids(&["a", "b"]));
    for _ in 0..2 {
        blobs.remove_part(&"a".parse().unwrap()).unwrap();
        assert_eq!(blobs.parts().unwrap(), ids(&["b"]));
        assert_eq!(fs::read_dir(dir.path().join("spool")).unwrap().count(), 2);
    }
}

#[test]
fn planted_links_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let victim = dir.path().join("victim");
    fs::write(&victim, b"precious").unwrap();
    let (text, spool) = (name(BlobKind::Text, "PG84"), name(BlobKind::Spool, "PG84"));
    symlink(&victim, dir.path().join("text/PG84_text.txt")).unwrap();
    symlink(&victim, dir.path().join("spool/PG84.spool.part")).unwrap();

    assert!(matches!(blobs.open(&text), Err(BlobError::Io { .. })));
    assert!(matches!(blobs.len(&text), Err(BlobError::Io { .. })));
    assert_eq!(blobs.list(BlobKind::Text).unwrap(), []);
    assert!(matches!(blobs.resume(&spool), Err(BlobError::Io { .. })));
    publish(&blobs, &text, b"text");
    assert_eq!(blobs.read(&text, 10).unwrap(), b"text");
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn foreign_files_are_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    for file in ["notes.txt", "_text.txt", "..%_text.txt", ".hidden_text.txt", "PG1_text.txt.bak"] {
        fs::write(dir.path().join("text").join(file), b"x").unwrap();
    }
    fs::create_dir(dir.path().join("text/PG2_text.txt")).unwrap();
    assert_eq!(blobs.list(BlobKind::Text).unwrap(), []);
    assert!(blobs.open(&name(BlobKind::Text, "PG2")).is_err());
}

#[test]
fn a_lock_keeps_out_the_next_until_it_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path()), open(dir.path()));
    let held = one.lock(BlobKind::Meta).unwrap();
    let directory = File::open(dir.path().join("meta")).unwrap();
    assert!(directory.try_lock().is_err());
    drop(held);
    drop(directory);
    drop(two.lock(BlobKind::Meta).unwrap());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"x").unwrap();
    let error = LocalBlobs::open(&dir.path().join("file/run"), Durability::Power).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn blobs_that_share_their_bytes_are_one_file_in_whatever_form() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packing) = (open(dir.path()), open_packing(dir.path()));
    let [one, other] = ["a", "b"].map(|id| name(BlobKind::Text, id));
    let links =
        |name: &BlobName| fs::metadata(dir.path().join(plain.find(name).unwrap().unwrap())).unwrap().nlink();
    for (first, second) in [(&plain, &plain), (&plain, &packing), (&packing, &plain), (&packing, &packing)] {
        publish(first, &one, b"the same bytes");
        publish(second, &other, b"the same bytes");
        assert_eq!(links(&other), 1);
        assert!(plain.share(&one, &other).unwrap());
        assert_eq!((links(&one), links(&other), files(dir.path()).len()), (2, 2, 2));
        assert_eq!(packing.read(&other, 100).unwrap(), b"the same bytes");
    }
    // What is damaged is not shared.
    for (writer, file) in [(&plain, "text/b_text.txt"), (&packing, "text/b_text.txt.zst")] {
        publish(writer, &other, b"the same bytes");
        fs::write(dir.path().join(file), b"other bytes").unwrap();
        assert!(!plain.share(&one, &other).unwrap());
        assert_eq!(links(&other), 1);
    }
}
