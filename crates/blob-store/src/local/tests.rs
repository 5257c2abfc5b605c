mod layouts;

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

use super::*;

fn open(dir: &Path) -> LocalBlobs {
    LocalBlobs::open(dir, Durability::Power).unwrap()
}

fn staged(blobs: &LocalBlobs, name: &BlobName, bytes: &[u8]) -> StagedBlob {
    let mut staged = blobs.stage(name).unwrap();
    staged.write_all(bytes).unwrap();
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
fn blobs_that_are_not_synced_keep_the_contract_too() {
    keeps_the_contract(|dir| LocalBlobs::open(dir, Durability::Process).unwrap());
}

#[test]
fn a_download_is_resumed_although_a_child_process_still_has_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let (blobs, spool) = (open(dir.path()), name(BlobKind::Spool, "PG84"));
    let first = blobs.resume(&spool).unwrap();
    assert!(matches!(blobs.resume(&spool), Err(BlobError::Busy(_))));
    // What a child process has between fork and exec.
    let inherited = first.file.try_clone().unwrap();
    drop(first);
    drop(blobs.resume(&spool).unwrap());
    drop(inherited);
}

/// Returns the paths of all files below a directory, relative to it.
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
fn few_files_and_every_directory_are_synced_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let names = ["a", "b"].map(|id| name(BlobKind::Text, id));
    let all = names.iter().map(|name| staged(&blobs, name, b"x")).collect();
    blobs.publish(all).unwrap();
    assert_eq!(blobs.sync_counts(), SyncCounts { files: 2, directories: 1, ..SyncCounts::default() });
    blobs.rename(&names[0], &name(BlobKind::Raw, "a")).unwrap();
    assert_eq!(blobs.sync_counts(), SyncCounts { files: 2, directories: 3, ..SyncCounts::default() });

    let unsynced = LocalBlobs::open(dir.path(), Durability::Process).unwrap();
    publish(&unsynced, &names[0], b"x");
    assert_eq!(unsynced.sync_counts(), SyncCounts::default());
}

/// Opens a directory as on a file system that cannot be synced as a whole.
fn open_each_by_itself(dir: &Path) -> LocalBlobs {
    let mut blobs = open(dir);
    let directories = Directories::open(&blobs.paths, Durability::Power).unwrap().without_syncfs();
    blobs.committer = Committer::start(blobs.paths.clone(), directories, Durability::Power).unwrap();
    blobs
}

#[test]
fn blobs_that_are_synced_each_by_itself_keep_the_contract() {
    keeps_the_contract(open_each_by_itself);
}

fn publish_many(blobs: &LocalBlobs) {
    let all = (0..600).map(|n| staged(blobs, &name(BlobKind::Meta, &format!("m{n}")), b"x")).collect();
    blobs.publish(all).unwrap();
    assert_eq!(blobs.list(BlobKind::Meta).unwrap().len(), 600);
}

#[test]
fn many_files_are_synced_in_one_call_where_that_is_as_good() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let forces_all = file_system::can_sync(&File::open(dir.path()).unwrap());
    publish_many(&blobs);
    let (files, file_systems) = if forces_all { (0, 1) } else { (600, 0) };
    assert_eq!(blobs.sync_counts(), SyncCounts { files, file_systems, directories: 1 });
}

#[test]
fn many_files_are_synced_each_by_itself_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open_each_by_itself(dir.path());
    publish_many(&blobs);
    assert_eq!(blobs.sync_counts(), SyncCounts { files: 600, file_systems: 0, directories: 1 });
}

#[test]
fn callers_that_wait_together_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let waiting = (0..40).map(|n| staged(&blobs, &name(BlobKind::Text, &format!("t{n}")), b"x")).collect();
    committer::testing::publish_as_one_group(&blobs.committer, waiting);
    assert_eq!(blobs.list(BlobKind::Text).unwrap().len(), 40);
    assert_eq!(blobs.sync_counts().directories, 1);
}

/// Returns a file that takes bytes and cannot be synced.
fn unsyncable() -> File {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    File::from(OwnedFd::from(writer))
}

#[test]
fn after_a_failed_sync_nothing_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let (bad, good) = (name(BlobKind::Text, "bad"), name(BlobKind::Text, "good"));
    let earlier = staged(&blobs, &good, b"x");
    let broken = StagedFile {
        name: bad.clone(),
        path: dir.path().join("text/.bad"),
        file: unsyncable(),
        kept: Kept::No,
    };
    assert!(matches!(blobs.publish(vec![broken.into()]), Err(BlobError::Machine { .. })));

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
    fs::remove_file(lost.path()).unwrap();
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
    assert_eq!(blobs.parts().list().unwrap(), ids(&["a", "b"]));
    for _ in 0..2 {
        blobs.parts().remove(&"a".parse().unwrap()).unwrap();
        assert_eq!(blobs.parts().list().unwrap(), ids(&["b"]));
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
