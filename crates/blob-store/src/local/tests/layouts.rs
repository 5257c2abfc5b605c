//! Shards, compressed blobs, and blobs that share their bytes.

use super::*;
use crate::layout::Layout;

fn open_sharded(dir: &Path) -> LocalBlobs {
    Layout::Sharded.establish(dir).unwrap();
    open(dir)
}

fn open_compressing(dir: &Path) -> LocalBlobs {
    open(dir).compressing("zstd".parse().unwrap())
}

#[test]
fn sharded_blobs_keep_the_contract() {
    keeps_the_contract(open_sharded);
}

#[test]
fn compressed_blobs_keep_the_contract() {
    keeps_the_contract(open_compressing);
}

#[test]
fn a_blob_lies_in_one_form_and_is_read_in_each() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, compressing) = (open(dir.path()), open_compressing(dir.path()));
    let text = name(BlobKind::Text, "PG84");
    for (writer, bytes, file) in [
        (&plain, &b"first"[..], "text/PG84_text.txt"),
        (&compressing, b"second, compressed", "text/PG84_text.txt.zst"),
        (&plain, b"third", "text/PG84_text.txt"),
    ] {
        publish(writer, &text, bytes);
        assert_eq!(files(dir.path()), [file.to_owned()].into());
        assert_eq!(writer.find(&text).unwrap(), Some(file.into()));
        for reader in [&plain, &compressing] {
            assert_eq!(reader.read(&text, 100).unwrap(), bytes);
            assert_eq!(reader.len(&text).unwrap(), Some(bytes.len() as u64));
            assert_eq!(reader.list(BlobKind::Text).unwrap(), std::slice::from_ref(&text.document));
        }
    }
    publish(&compressing, &text, b"fourth");
    plain.remove(&text).unwrap();
    assert_eq!((files(dir.path()), plain.find(&text).unwrap()), ([].into(), None));
}

#[test]
fn a_download_is_compressed_on_its_way_to_raw() {
    let dir = tempfile::tempdir().unwrap();
    let compressing = open_compressing(dir.path());
    let (spool, raw) = (name(BlobKind::Spool, "PG84"), name(BlobKind::Raw, "PG84"));
    let bytes = b"one line after another\n".repeat(1000);
    publish(&compressing, &spool, &bytes);
    compressing.rename(&spool, &raw).unwrap();
    assert_eq!(files(dir.path()), ["raw/PG84_raw.txt.zst".to_owned()].into());
    assert_eq!(compressing.read(&raw, 1 << 20).unwrap(), bytes);
    assert!(matches!(compressing.rename(&spool, &raw), Err(BlobError::NotFound(_))));
    assert!(fs::metadata(dir.path().join("raw/PG84_raw.txt.zst")).unwrap().len() < 1000);
}

#[test]
fn what_is_moved_onto_itself_keeps_its_form() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, compressing) = (open(dir.path()), open_compressing(dir.path()));
    let raw = name(BlobKind::Raw, "PG84");
    for (writer, mover) in [(&plain, &compressing), (&compressing, &plain)] {
        publish(writer, &raw, b"bytes");
        let before = files(dir.path());
        mover.rename(&raw, &raw).unwrap();
        assert_eq!((files(dir.path()), plain.read(&raw, 100).unwrap()), (before, b"bytes".to_vec()));
    }
}

#[test]
fn a_compressed_blob_that_is_damaged_is_distinguished_from_one_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open_compressing(dir.path());
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
fn only_kinds_that_were_named_are_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path()).compressing("tokens".parse().unwrap());
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
    let elsewhere = blobs.paths.path(&ours).with_file_name(other.file_name());
    fs::write(&elsewhere, b"x").unwrap();
    assert_eq!(blobs.list(BlobKind::Text).unwrap(), std::slice::from_ref(&ours.document));
    assert!(matches!(blobs.open(&other), Err(BlobError::NotFound(_))));
}

#[test]
fn the_directories_of_many_shards_are_synced_in_one_call_where_that_is_as_good() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open_sharded(dir.path());
    let forces_all = file_system::can_sync(&File::open(dir.path()).unwrap());
    publish_many(&blobs);
    let flushes = blobs.sync_counts();
    if forces_all {
        assert_eq!(flushes, SyncCounts { files: 0, file_systems: 2, directories: 0 });
    } else {
        assert!(flushes.directories > 16 && flushes.files == 600, "{flushes:?}");
    }
}

#[test]
fn blobs_that_share_their_bytes_are_one_file_in_whatever_form() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, compressing) = (open(dir.path()), open_compressing(dir.path()));
    let [one, other] = ["a", "b"].map(|id| name(BlobKind::Text, id));
    let links =
        |name: &BlobName| fs::metadata(dir.path().join(plain.find(name).unwrap().unwrap())).unwrap().nlink();
    for (first, second) in
        [(&plain, &plain), (&plain, &compressing), (&compressing, &plain), (&compressing, &compressing)]
    {
        publish(first, &one, b"the same bytes");
        publish(second, &other, b"the same bytes");
        assert_eq!(links(&other), 1);
        assert!(plain.share(&one, &other).unwrap());
        assert_eq!((links(&one), links(&other), files(dir.path()).len()), (2, 2, 2));
        assert_eq!(compressing.read(&other, 100).unwrap(), b"the same bytes");
    }
    // What is damaged is not shared.
    for (writer, file) in [(&plain, "text/b_text.txt"), (&compressing, "text/b_text.txt.zst")] {
        publish(writer, &other, b"the same bytes");
        fs::write(dir.path().join(file), b"other bytes").unwrap();
        assert!(!plain.share(&one, &other).unwrap());
        assert_eq!(links(&other), 1);
    }
}
