//! The packed layout: chosen for many texts, compacted at the end of a run, verified and repaired.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use blob_store::{local::compression::Compression, packed::SegmentPart, run_blobs::RunBlobs};
use flow::durability::Durability;
use tokio::io::AsyncWriteExt;

use crate::harness::{Harness, assert_same, finish};

/// The number of texts from which a new run directory is packed.
const MANY: usize = 5_000;

/// A list of texts that nobody can fetch.
fn list(texts: usize) -> String {
    (0..texts).map(|number| format!("http://host.invalid/text{number}.txt\n")).collect()
}

/// Returns the layout that a run directory has, as its file says.
fn layout_of(harness: &Harness, out: &str) -> String {
    fs::read_to_string(harness.path(out).join("LAYOUT")).unwrap_or_else(|_| "flat\n".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_texts_in_a_new_run_directory_are_packed() {
    let harness = Harness::of_texts(1, 1);
    for (out, texts, layout) in
        [("less", MANY - 1, "flat\n"), ("just", MANY, "packed\n"), ("more", MANY + 1, "packed\n")]
    {
        let path = harness.write(&format!("{out}.txt"), &list(texts));
        let ended = harness.juggle(&["add"], out, &[&path]).await.expect(0);
        assert_eq!(layout_of(&harness, out), layout, "{texts}");
        assert_eq!(ended.stderr.contains("--layout flat"), layout == "packed\n", "{}", ended.stderr);
        // A stage that comes later finds the layout, and says nothing of it.
        let ended = harness.juggle(&["fetch"], out, &["--offline"]).await;
        assert_eq!(harness.path(out).join("segments").exists(), layout == "packed\n", "{}", ended.stderr);
        assert!(!ended.stderr.contains("--layout"), "{}", ended.stderr);
    }
    let just = harness.path("just.txt").display().to_string();
    let ended = harness.juggle(&["pipeline", &just], "pipeline", &["--offline"]).await;
    assert!(ended.stderr.contains("5,000 texts in the new run directory"), "{}", ended.stderr);
    assert_eq!(layout_of(&harness, "pipeline"), "packed\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_counted_together_and_as_they_are_read() {
    let harness = Harness::of_texts(1, 1);
    let half = list(MANY / 2);
    let (one, other) = (harness.write("one.txt", &half), half.replace("/text", "/other"));
    let adding = |out: &str, words: &[&std::path::Path]| {
        harness
            .command("juggle", &["add", "-"], out)
            .args(words)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    };
    for (out, words, layout) in [("both", vec![one.as_path()], "packed\n"), ("one", vec![], "flat\n")] {
        let mut child = adding(out, &words).unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(other.as_bytes()).await.unwrap();
        drop(stdin);
        finish(child).await.expect(0);
        assert_eq!(layout_of(&harness, out), layout, "{out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_layout_or_compression_and_an_existing_directory_are_kept() {
    let harness = Harness::of_texts(1, 1);
    let many = harness.write("many.txt", &list(MANY)).display().to_string();
    let few = harness.write("few.txt", &list(2)).display().to_string();
    for (out, more) in [
        ("flat", &["--layout", "flat"][..]),
        ("sharded", &["--layout", "sharded"]),
        ("compressed", &["--compress", "zstd"]),
    ] {
        let ended = harness.juggle(&["add", &many], out, more).await.expect(0);
        assert!(!ended.stderr.contains("packed"), "{}", ended.stderr);
        harness.juggle(&["fetch"], out, &["--offline"]).await;
        // The choice is remembered.
        harness.juggle(&["add", &many], out, &[] as &[&str]).await.expect(0);
        harness.juggle(&["fetch"], out, &["--offline"]).await;
        let layout = if out == "sharded" { "sharded\n" } else { "flat\n" };
        assert_eq!(layout_of(&harness, out), layout, "{out}");
    }
    // A list came before.
    harness.juggle(&["add", &few], "few", &[] as &[&str]).await.expect(0);
    harness.juggle(&["add", &many], "few", &[] as &[&str]).await.expect(0);
    assert_eq!(layout_of(&harness, "few"), "flat\n");
    // A stage has opened it.
    harness.juggle(&["pipeline", &few], "opened", &["--offline"]).await;
    fs::remove_dir_all(harness.path("opened/queue")).unwrap();
    harness.juggle(&["add", &many], "opened", &[] as &[&str]).await.expect(0);
    assert_eq!(layout_of(&harness, "opened"), "flat\n");
    // A list that cannot be added chooses nothing.
    let bad = harness.write("bad.txt", &"no list\n".repeat(MANY)).display().to_string();
    let ended = harness.juggle(&["add", &bad], "bad", &[] as &[&str]).await;
    assert_ne!(ended.code, Some(0));
    assert!(!harness.path("bad/LAYOUT").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_compacted_at_the_end_of_a_run() {
    let harness = Harness::of_texts(12, 400);
    let list = harness.path("list.tsv").display().to_string();
    let (flat, packed) = (["--layout", "flat"], ["--layout", "packed"]);
    harness.juggle(&["pipeline", &list], "flat", &flat).await.expect(0);
    harness.juggle(&["pipeline", &list], "out", &packed).await.expect(0);
    let bytes = || {
        let files = fs::read_dir(harness.path("out/segments")).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    let (once, mut said) = (bytes(), String::new());
    for length in ["2", "3", "4", "2", "1"] {
        harness.juggle(&["pipeline", &list], "flat", &["--min-length", length]).await.expect(0);
        let ended =
            harness.juggle(&["pipeline", &list], "out", &["--min-length", length, "-v"]).await.expect(0);
        said.push_str(&ended.stderr);
        assert_same(&harness.tree("out"), &harness.tree("flat"));
        // Less than half of what is there is no longer needed, but for the changes and a rest that is small.
        assert!(bytes() < 2 * once + (128 << 10), "{} of {once}", bytes());
    }
    assert!(said.contains("compacted 1 segment: "), "{said}");
    // Finished work changes nothing.
    let before = bytes();
    let ended = harness.juggle(&["pipeline", &list], "out", &["-v"]).await.expect(0);
    assert_eq!((bytes(), ended.stderr.contains("compacted")), (before, false));
    harness.juggle(&["verify"], "out", &[] as &[&str]).await.expect(0);
}

/// The distance between two bytes of a segment that are damaged. Every head, commit and frame is longer.
const STEP: usize = 71;

/// Flips a bit of a file, and returns what the file was.
fn flip(path: &Path, offset: usize) -> Vec<u8> {
    let whole = fs::read(path).unwrap();
    let mut damaged = whole.clone();
    damaged[offset] ^= 1 << (offset % 8);
    fs::write(path, damaged).unwrap();
    whole
}

fn files_of(harness: &Harness, out: &str, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(harness.path(out).join("segments")).unwrap();
    files.map(|file| file.unwrap().path()).filter(|path| path.extension().unwrap() == ending).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_of_a_packed_corpus_is_named() {
    let harness = Harness::sample();
    harness.sample_pipeline("out", &["--layout", "packed"]).await.expect(0);
    let run = harness.path("out");
    let [segment] = &files_of(&harness, "out", "warc")[..] else { panic!("one process has one segment") };
    let [index] = &files_of(&harness, "out", "index")[..] else { panic!("with one index log") };
    let (segment, index) = (segment.clone(), index.clone());
    let checking = tokio::task::spawn_blocking(move || {
        let blobs = RunBlobs::open(&run, Durability::Process, Compression::default()).unwrap();
        assert_eq!(blobs.check().unwrap(), []);
        let mut parts = Vec::new();
        for path in [&segment, &index] {
            for offset in (0..fs::read(path).unwrap().len()).step_by(STEP) {
                let whole = flip(path, offset);
                let damage = blobs.check().unwrap();
                assert!(
                    damage.iter().any(|one| run.join(&one.file) == **path),
                    "{} at {offset}",
                    path.display()
                );
                parts.extend(damage.iter().map(|one| one.part));
                fs::write(path, whole).unwrap();
            }
        }
        let count = |part| parts.iter().filter(|found| **found == part).count();
        for part in [SegmentPart::Info, SegmentPart::Commit, SegmentPart::Index] {
            assert!(count(part) > 2, "{part:?}");
        }
        assert!(count(SegmentPart::Head) > 70 && count(SegmentPart::Content) > 100, "{}", parts.len());
    });
    checking.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_anywhere_in_a_segment_is_repaired() {
    let harness = Harness::sample();
    harness.sample_pipeline("out", &["--layout", "packed"]).await.expect(0);
    let whole = harness.tree("out");
    let mut random = fastrand::Rng::with_seed(84);
    for round in 0..12 {
        let ending = if round % 4 == 3 { "index" } else { "warc" };
        for path in files_of(&harness, "out", ending) {
            let offset = match round {
                // The first record, with the key.
                0 => random.usize(20..500),
                _ => random.usize(..fs::read(&path).unwrap().len()),
            };
            flip(&path, offset);
        }
        let found = harness.juggle(&["verify"], "out", &["--json"]).await.expect(8).json();
        assert_ne!(found["segments"], serde_json::json!([]), "{found}");
        let told = harness.juggle(&["verify"], "out", &[] as &[&str]).await.expect(8).stdout;
        assert!(
            told.contains("segments/") && told.contains("at byte") && told.contains("--repair"),
            "{told}"
        );
        harness.juggle(&["verify"], "out", &["--repair"]).await.expect(0);
        harness.sample_pipeline("out", &[]).await.expect(0);
        assert_same(&harness.tree("out"), &whole);
        let found = harness.juggle(&["verify"], "out", &["--json"]).await.expect(0).json();
        assert_eq!(
            (&found["segments"], &found["on_their_way"]),
            (&serde_json::json!([]), &0.into()),
            "{found}"
        );
    }
    assert_eq!(files_of(&harness, "out", "damaged"), [] as [PathBuf; 0]);
}
