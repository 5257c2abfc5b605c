//! A run directory that an earlier build has made is opened, continued and verified by this one.
//!
//! `fixtures/run-0.1.0` was made with the last build before the crate `corpus`: a directory of five texts
//! went through the pipeline, which wrote `corpus.lock`. Then one more text was fetched and stored, and
//! another one was fetched. So the store lane and the process lane have a pending job each, and no job needs
//! the files that the URLs name.

use std::{
    fs::{self, File},
    path::Path,
};

use crate::harness::Harness;

/// The files whose zeros at the end are cut off in the fixture, with their lengths.
const LENGTHS: [(&str, u64); 2] = [("queue/tail", 262_220), ("queue/db.5/db", 524_287)];

/// The root hash that the earlier build has computed for the finished corpus.
const ROOT: &str = "280a4582cbe02d6c8a38863e946987928c166bd3d113ad32123acf2bf26a3781";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_an_earlier_build_is_verified_continued_and_locked_with_the_same_root() {
    let harness = Harness::of_texts(0, 0);
    let run = harness.path("out");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/run-0.1.0"), &run);
    for (name, length) in LENGTHS {
        File::options().write(true).open(run.join(name)).unwrap().set_len(length).unwrap();
    }
    let verify = async || {
        let found = harness.juggle(&["verify"], "out", &["--json"]).await.expect(0).json();
        assert_eq!((&found["damaged"], &found["without_checksum"]), (&serde_json::json!([]), &0.into()));
        (found["documents"].as_u64().unwrap(), found["on_their_way"].as_u64().unwrap())
    };
    let before = harness.tree("out");

    assert_eq!(verify().await, (6, 1), "the text that is not processed has a pending job");
    harness.juggle(&["process"], "out", &[] as &[&str]).await.expect(0);
    assert_eq!(verify().await, (6, 0));
    harness.juggle(&["pipeline"], "out", &[] as &[&str]).await.expect(0);
    assert_eq!(verify().await, (7, 0));

    let after = harness.tree("out");
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes), "what was there has not changed");
    let lock = harness.read("out/corpus.lock");
    assert_eq!(lock.lines().last().unwrap(), format!("{{\"documents\":7,\"root\":\"{ROOT}\"}}"));
    harness.juggle(&["pipeline", "--locked"], "out", &[] as &[&str]).await.expect(0);
}
