//! `--layout`, `--compress` and `--raw`: other places and forms of the same bytes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use blob_store::{local::compression::Compression, run_blobs::RunBlobs};
use flow::{
    blobs::{BlobKind, BlobName, BlobStore, StagedBlob},
    document::DocumentId,
    durability::Durability,
};

use rustix::process::Signal;
use test_server::Script;

use crate::{
    harness::{Harness, finish},
    signals::signal,
};

/// All blobs of a run directory, but when they came, as readers see them.
fn blobs(run: &Path) -> BTreeMap<(BlobKind, DocumentId), Vec<u8>> {
    let blobs = RunBlobs::open(run, Durability::Process, Compression::default()).unwrap();
    let mut found = BTreeMap::new();
    for kind in BlobKind::ALL.into_iter().filter(|kind| *kind != BlobKind::Arrival) {
        for document in blobs.list(kind).unwrap() {
            let bytes = blobs.read(&BlobName::new(kind, document.clone()), 1 << 30).unwrap();
            found.insert((kind, document), bytes);
        }
    }
    found
}

/// Publishes all texts of a packed corpus again, eight times.
fn replace_all(run: &Path) {
    let blobs = RunBlobs::open(run, Durability::Process, Compression::default()).unwrap();
    for _ in 0..8 {
        for document in blobs.list(BlobKind::Text).unwrap() {
            let name = BlobName::new(BlobKind::Text, document);
            let bytes = blobs.read(&name, 1 << 30).unwrap();
            blobs.publish(vec![StagedBlob::with_bytes(name.clone(), bytes)]).unwrap();
        }
    }
}

/// Waits until a stage has a worker.
async fn until_at_work(harness: &Harness, out: &str, lane: &str) {
    loop {
        let status = harness.juggle(&["status", "--json"], out, &[] as &[&str]).await.expect(0).json();
        if status["workers"][lane].as_u64().unwrap() > 0 {
            return;
        }
    }
}

/// Runs the commands that look at all files, and says what is exported.
async fn looked_at(harness: &Harness, out: &str, texts: u64) -> String {
    let verified = harness.juggle(&["verify", "--json"], out, &[] as &[&str]).await.expect(0).json();
    assert_eq!(verified["documents"], texts);
    assert_eq!((&verified["damaged"], &verified["strays"]), (&serde_json::json!([]), &serde_json::json!([])));
    let collected = harness.juggle(&["gc", "--json"], out, &["--dry-run"]).await.expect(0).json();
    assert_eq!(collected["files"], serde_json::json!([]));
    harness.juggle(&["export", "combined"], out, &[] as &[&str]).await.expect(0);
    harness.read(&format!("{out}/export/all.txt"))
}

#[tokio::test(flavor = "multi_thread")]
async fn layout_and_compression_change_where_files_lie_and_nothing_else() {
    let harness = Harness::of_texts(12, 40);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.juggle(&["pipeline", list], "plain", &[] as &[&str]).await.expect(0);
    let forms = ["--layout", "sharded", "--compress", "zstd"];
    harness.juggle(&["pipeline", list], "packed", &forms).await.expect(0);
    let (plain, packed) = (harness.path("plain"), harness.path("packed"));
    let expected = blobs(&plain);
    assert_eq!(expected.len(), 12 * 6);
    assert!(blobs(&packed) == expected, "the bytes differ");
    let shard = &blake3::hash(b"t0").to_hex()[..2];
    for file in [format!("raw/{shard}/t0_raw.txt.zst"), format!("stats/{shard}/t0.json")] {
        assert!(packed.join(&file).is_file(), "{file}");
    }
    assert_eq!(looked_at(&harness, "packed", 12).await, looked_at(&harness, "plain", 12).await);

    let asked = harness.server.request_count();
    fs::remove_dir_all(packed.join("queue")).unwrap();
    harness.juggle(&["rebuild"], "packed", &[] as &[&str]).await.expect(0);
    let planned = harness.juggle(&["plan", list, "--json"], "packed", &[] as &[&str]).await.expect(0).stdout;
    assert!(planned.contains("\"stored\": 12"), "{planned}");
    // Without the flags the layout stays, and what is packed is read.
    harness.juggle(&["pipeline", list], "packed", &[] as &[&str]).await.expect(0);
    assert_eq!(harness.server.request_count(), asked, "nothing is fetched that is there");
    assert!(blobs(&packed) == expected);
    harness
        .juggle(&["pipeline", list], "packed", &["--layout", "flat"])
        .await
        .expect_error(2, &["is sharded and cannot be changed", "--layout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_compressed_files_are_named_and_repaired() {
    let harness = Harness::of_texts(5, 40);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    let forms = ["--compress", "zstd"];
    harness.juggle(&["pipeline", list], "out", &forms).await.expect(0);
    let run = harness.path("out");
    let whole = blobs(&run);
    fs::write(run.join("raw/t0_raw.txt.zst"), "no zstd at all").unwrap();
    for file in ["text/t1_text.txt.zst", "tokens/t2_tokens.txt.zst"] {
        let bytes = fs::read(run.join(file)).unwrap();
        fs::write(run.join(file), &bytes[..bytes.len() - 3]).unwrap();
    }
    let asked = harness.server.request_count();
    let found =
        harness.juggle(&["verify", "--repair", "--json"], "out", &[] as &[&str]).await.expect(0).json();
    let damaged = found["damaged"].as_array().unwrap().iter();
    let damaged: Vec<_> = damaged.map(|one| (one["id"].as_str(), one["repair"].as_str())).collect();
    assert_eq!(
        damaged,
        [("t0", "fetch"), ("t1", "store"), ("t2", "process")].map(|(id, by)| (Some(id), Some(by)))
    );
    harness.juggle(&["pipeline", list], "out", &forms).await.expect(0);
    assert!(blobs(&run) == whole);
    assert_eq!(harness.server.request_count(), asked + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_corpus_is_a_few_files_with_the_same_blobs() {
    let harness = Harness::of_texts(12, 40);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.juggle(&["pipeline", list], "flat", &[] as &[&str]).await.expect(0);
    harness.juggle(&["pipeline", list], "packed", &["--layout", "packed"]).await.expect(0);
    let (flat, packed) = (harness.path("flat"), harness.path("packed"));
    let expected = blobs(&flat);
    assert!(blobs(&packed) == expected, "the bytes differ");
    let lock = |out: &str| harness.read(&format!("{out}/corpus.lock"));
    assert_eq!(lock("packed"), lock("flat"));
    assert_eq!(files(&packed.join("spool")), [] as [PathBuf; 0]);
    assert!(!packed.join("text").exists());
    assert_eq!(looked_at(&harness, "packed", 12).await, looked_at(&harness, "flat", 12).await);
    for named in ["text/t3", "stats/t3", "tokens/t3_tokens.txt"] {
        let packed = harness.juggle(&["cat", named], "packed", &[] as &[&str]).await.expect(0).stdout;
        let flat = harness.juggle(&["cat", named], "flat", &[] as &[&str]).await.expect(0).stdout;
        assert!(packed == flat && !flat.is_empty(), "{named}");
    }
    harness
        .juggle(&["cat", "text/nobody"], "packed", &[] as &[&str])
        .await
        .expect_error(3, &["is not stored"]);

    let asked = harness.server.request_count();
    fs::remove_dir_all(packed.join("queue")).unwrap();
    for segment in files(&packed.join("segments")) {
        if segment.extension().is_some_and(|ending| ending == "index") {
            fs::remove_file(segment).unwrap();
        }
    }
    harness.juggle(&["rebuild"], "packed", &[] as &[&str]).await.expect(0);
    let planned = harness.juggle(&["plan", list, "--json"], "packed", &[] as &[&str]).await.expect(0).stdout;
    assert!(planned.contains("\"stored\": 12"), "{planned}");
    harness.juggle(&["pipeline", list], "packed", &[] as &[&str]).await.expect(0);
    assert_eq!(harness.server.request_count(), asked, "nothing is fetched that is there");
    assert!(blobs(&packed) == expected);
    harness
        .juggle(&["pipeline", list], "packed", &["--layout", "flat"])
        .await
        .expect_error(2, &["is packed and cannot be changed", "--layout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_a_segment_is_named_and_repaired() {
    let harness = Harness::of_texts(6, 40);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.juggle(&["pipeline", list], "out", &["--layout", "packed"]).await.expect(0);
    let run = harness.path("out");
    let whole = blobs(&run);
    let segment = run.join("segments/00001.warc");
    let mut bytes = fs::read(&segment).unwrap();
    let mut flip = |kind, document: &str| {
        let content = &whole[&(kind, document.parse().unwrap())];
        let at = bytes.windows(content.len()).rposition(|window| window == content.as_slice()).unwrap();
        bytes[at + content.len() / 2] ^= 1;
    };
    // The texts are their raw bytes, so the last record of these bytes is the text.
    flip(BlobKind::Text, "t1");
    flip(BlobKind::Tokens, "t2");
    flip(BlobKind::Meta, "t3");
    flip(BlobKind::Counts, "t4");
    flip(BlobKind::Stats, "t5");
    fs::write(&segment, &bytes).unwrap();
    let asked = harness.server.request_count();
    let found =
        harness.juggle(&["verify", "--repair", "--json"], "out", &[] as &[&str]).await.expect(0).json();
    let damaged = found["damaged"].as_array().unwrap().iter();
    let damaged: Vec<_> = damaged.map(|one| (one["id"].as_str(), one["repair"].as_str())).collect();
    let expected =
        [("t1", "store"), ("t2", "process"), ("t3", "fetch"), ("t4", "process"), ("t5", "process")];
    assert_eq!(damaged, expected.map(|(id, by)| (Some(id), Some(by))));
    harness.juggle(&["pipeline", list], "out", &[] as &[&str]).await.expect(0);
    assert!(blobs(&run) == whole);
    assert_eq!(harness.server.request_count(), asked + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_removes_what_no_longer_counts_from_segments() {
    let harness = Harness::of_texts(12, 400);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.juggle(&["pipeline", list], "out", &["--layout", "packed"]).await.expect(0);
    let run = harness.path("out");
    let bytes =
        || files(&run.join("segments")).iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>();
    let whole = blobs(&run);
    // Most of what is stored is replaced.
    let replacing = run.clone();
    tokio::task::spawn_blocking(move || replace_all(&replacing)).await.unwrap();
    let before = bytes();
    // Nothing is compacted at the end of a run while another stage works on the directory.
    let mut command = harness.command("juggle", &["process", "--follow", "--json"], "out");
    let follower = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_at_work(&harness, "out", "process").await;
    harness.juggle(&["fetch"], "out", &[] as &[&str]).await.expect(0);
    signal(&follower, Signal::TERM);
    finish(follower).await.expect(0);
    assert_eq!(bytes(), before, "whoever is stopped leaves it to the next run");
    let would = harness.juggle(&["gc", "--json"], "out", &["--dry-run"]).await.expect(0).json();
    assert_eq!((bytes(), would["removed"].as_bool()), (before, Some(false)));
    let did = harness.juggle(&["gc", "--json"], "out", &[] as &[&str]).await.expect(0).json();
    assert_eq!(did["files"], would["files"]);
    assert_eq!(did["files"][0], "segments/00001.warc");
    assert!(bytes() < before / 2, "{} of {before}", bytes());
    assert!(blobs(&run) == whole);
    harness.juggle(&["verify"], "out", &[] as &[&str]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converted_run_goes_on_where_the_old_one_ended() {
    let harness = Harness::of_texts(8, 40);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.server.respond("/t7.txt", Script::bytes("").status(404));
    harness.juggle(&["pipeline", list], "flat", &["--min-length", "2"]).await.expect(8);
    let (asked, expected) = (harness.server.request_count(), blobs(&harness.path("flat")));
    let arrival = |out: &str| {
        let blobs = RunBlobs::open(&harness.path(out), Durability::Process, Compression::default()).unwrap();
        blobs.read(&BlobName::new(BlobKind::Arrival, "t0".parse().unwrap()), 1 << 20).unwrap()
    };
    let convert = |from: &str, to: &str, layout: &str| {
        let from = harness.path(from).display().to_string();
        let (to, layout) = (to.to_owned(), layout.to_owned());
        let harness = &harness;
        async move { harness.juggle(&["convert", &from], &to, &["--layout", &layout, "--json"]).await }
    };
    for (from, to, layout) in
        [("flat", "packed", "packed"), ("packed", "sharded", "sharded"), ("sharded", "again", "flat")]
    {
        let said = convert(from, to, layout).await.expect(0).json();
        assert_eq!((&said["documents"], &said["skipped"]), (&7.into(), &0.into()), "{layout}");
        assert!(blobs(&harness.path(to)) == expected, "{layout}");
        assert_eq!(arrival(to), arrival("flat"));
        let lock = |out: &str| harness.read(&format!("{out}/corpus.lock"));
        assert_eq!(lock(to), lock("flat"));
        // It remembers the settings, and that one document has failed.
        harness.juggle(&["pipeline"], to, &["--accept-dead"]).await.expect(0);
        assert!(blobs(&harness.path(to)) == expected, "{layout}");
        let remembered = harness.read(&format!("{to}/settings.toml"));
        assert!(remembered.contains(&format!("layout = \"{layout}\"")), "{remembered}");
    }
    assert_eq!(harness.server.request_count(), asked);
    convert("flat", "packed", "packed").await.expect_error(2, &["there is a run in", "-o DIR"]);
    convert("nothing", "other", "packed").await.expect_error(3, &["there is no run"]);
    // An interrupted copy has no queue yet.
    fs::remove_dir_all(harness.path("packed/queue")).unwrap();
    let packed = harness.path("packed");
    let removing = tokio::task::spawn_blocking(move || {
        let blobs = RunBlobs::open(&packed, Durability::Process, Compression::default()).unwrap();
        blobs.remove(&BlobName::new(BlobKind::Text, "t3".parse().unwrap())).unwrap();
    });
    removing.await.unwrap();
    let said = convert("flat", "packed", "packed").await.expect(0).json();
    assert_eq!((&said["documents"], &said["skipped"]), (&7.into(), &6.into()));
    assert!(blobs(&harness.path("packed")) == expected);
    harness
        .juggle(&["convert", &harness.path("flat").display().to_string()], "other", &[] as &[&str])
        .await
        .expect_error(2, &["--layout flat, sharded or packed"]);
}

fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_bytes_are_dropped_if_asked_for() {
    let harness = Harness::of_texts(4, 40);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.juggle(&["pipeline", list], "out", &["--raw", "drop"]).await.expect(0);
    let run = harness.path("out");
    for kind in ["raw", "spool"] {
        assert_eq!(files(&run.join(kind)), [] as [PathBuf; 0]);
    }
    let whole = blobs(&run);
    looked_at(&harness, "out", 4).await;

    let asked = harness.server.request_count();
    fs::remove_dir_all(run.join("queue")).unwrap();
    harness.juggle(&["rebuild"], "out", &[] as &[&str]).await.expect(0);
    harness.juggle(&["pipeline", list], "out", &["--raw", "drop"]).await.expect(0);
    assert_eq!(harness.server.request_count(), asked, "nothing is fetched that is there");
    harness
        .juggle(&["redecode", "t0", "--encoding", "latin1"], "out", &[] as &[&str])
        .await
        .expect_error(3, &["t0", "not kept", "--raw keep"]);

    fs::write(run.join("text/t1_text.txt"), "changed").unwrap();
    let repaired =
        harness.juggle(&["verify", "--repair", "--json"], "out", &[] as &[&str]).await.expect(0).json();
    assert_eq!(repaired["damaged"][0]["repair"], "fetch");
    harness.juggle(&["pipeline", list], "out", &["--raw", "drop"]).await.expect(0);
    assert_eq!(harness.server.request_count(), asked + 1);
    assert!(blobs(&run) == whole);
}
