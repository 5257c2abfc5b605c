//! `--layout`, `--compress` and `--raw`: other places and forms of the same bytes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use blob_store::local::LocalBlobs;
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    document::DocumentId,
    durability::Durability,
};

use crate::harness::Harness;

/// All blobs of a run directory, but when they came, as readers see them.
fn blobs(run: &Path) -> BTreeMap<(BlobKind, DocumentId), Vec<u8>> {
    let blobs = LocalBlobs::open(run, Durability::Process).unwrap();
    let mut found = BTreeMap::new();
    for kind in BlobKind::ALL.into_iter().filter(|kind| *kind != BlobKind::Arrival) {
        for document in blobs.list(kind).unwrap() {
            let bytes = blobs.read(&BlobName::new(kind, document.clone()), 1 << 30).unwrap();
            found.insert((kind, document), bytes);
        }
    }
    found
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
