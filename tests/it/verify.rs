//! `juggle verify`: what is damaged is named, and mended from the nearest sound file.

use std::{collections::BTreeMap, fs, path::Path};

use test_server::Script;

use crate::harness::Harness;

const KINDS: [&str; 6] = ["raw", "text", "meta", "tokens", "counts", "stats"];

/// All files of these kinds, by their paths.
fn tree(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tree = BTreeMap::new();
    for kind in KINDS {
        for file in fs::read_dir(run.join(kind)).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(run).unwrap().display().to_string();
            tree.insert(name, fs::read(&path).unwrap());
        }
    }
    tree
}

fn change(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[7] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_named_and_repaired_from_the_nearest_intact_file() {
    let harness = Harness::of_texts(9, 30);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    let run = harness.path("out");
    let whole = tree(&run);
    let verify = async |more: &[&str], code| {
        let more: Vec<_> = more.iter().copied().chain(["--json"]).collect();
        harness.juggle(&["verify"], "out", &more).await.expect(code).json()
    };
    let sound = verify(&[], 0).await;
    assert_eq!((&sound["documents"], &sound["damaged"]), (&9.into(), &serde_json::json!([])), "{sound}");

    let cut = fs::File::options().write(true).open(run.join("text/t0_text.txt")).unwrap();
    cut.set_len(100).unwrap();
    fs::remove_file(run.join("raw/t1_raw.txt")).unwrap();
    change(&run.join("tokens/t2_tokens.txt"));
    fs::write(run.join("meta/t3.json"), "{").unwrap();
    change(&run.join("raw/t4_raw.txt"));
    fs::remove_file(run.join("text/t5_text.txt")).unwrap();
    // Swapped with another's.
    fs::copy(run.join("meta/t7.json"), run.join("meta/t6.json")).unwrap();
    fs::remove_file(run.join("meta/t8.json")).unwrap();
    fs::write(run.join("text/stray_text.txt"), "nobody's").unwrap();

    let damaged = verify(&[], 8).await;
    let found: Vec<_> = damaged["damaged"].as_array().unwrap().iter().collect();
    let of = |at: usize| {
        (found[at]["id"].as_str().unwrap(), found[at]["damage"].clone(), found[at]["repair"].clone())
    };
    for (at, (id, damage, repair)) in [
        ("t0", serde_json::json!(["text_changed"]), "store"),
        ("t1", serde_json::json!(["raw_missing"]), "fetch"),
        ("t2", serde_json::json!(["results"]), "process"),
        ("t3", serde_json::json!(["meta"]), "fetch"),
        ("t4", serde_json::json!(["raw_changed"]), "fetch"),
        ("t5", serde_json::json!(["text_missing"]), "store"),
        ("t6", serde_json::json!(["meta"]), "fetch"),
        ("t8", serde_json::json!(["meta"]), "fetch"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(of(at), (id, damage, repair.into()));
    }
    assert_eq!(found.len(), 8);
    assert_eq!(damaged["strays"], serde_json::json!(["text/stray_text.txt"]));
    let told = harness.juggle(&["verify"], "out", &[] as &[&str]).await.expect(8).stdout;
    assert!(told.contains("t0  text changed; repair: decode the received bytes again"), "{told}");
    assert!(told.contains("8 damaged") && told.contains("--repair"), "{told}");

    let asked = harness.server.request_count();
    assert_eq!(verify(&["--repair"], 0).await["repaired"], true);
    assert_eq!(verify(&[], 0).await["on_their_way"], 7, "what is queued is not damage any more");
    fs::remove_file(run.join("text/stray_text.txt")).unwrap();
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    assert_eq!(tree(&run), whole);
    assert_eq!(harness.server.request_count(), asked + 5, "only what cannot be mended here is fetched");
    assert_eq!(verify(&[], 0).await["damaged"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_removes_files_of_no_document_and_nothing_else() {
    let harness = Harness::of_texts(3, 30);
    // Its download stays in the spool, for another round of tries.
    harness.server.respond("/t2.txt", Script::bytes("*** START OF THE PROJECT GUTENBERG EBOOK X ***\n"));
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(8);
    let run = harness.path("out");
    let strays = [
        "raw/x_raw.txt",
        "spool/x.spool",
        "spool/x.spool.part",
        "stats/x.json",
        "text/x_text.txt",
        "tokens/x_tokens.txt",
    ];
    strays.iter().for_each(|stray| fs::write(run.join(stray), "12345").unwrap());
    fs::write(run.join("spool/x.spool.part.json"), "{}").unwrap();
    // Damaged, but not nobody's.
    fs::remove_file(run.join("meta/t0.json")).unwrap();
    let before = tree(&run);
    for more in [&["--dry-run", "--json"][..], &["--json"]] {
        let collected = harness.juggle(&["gc"], "out", more).await.expect(0).json();
        let mut files: Vec<&str> =
            collected["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
        files.sort_unstable();
        assert_eq!(files, strays);
        assert_eq!(collected["removed"], more.len() == 1);
    }
    let mut expected = before;
    strays.iter().for_each(|stray| drop(expected.remove(*stray)));
    assert_eq!(tree(&run), expected);
    let spool: Vec<_> =
        fs::read_dir(run.join("spool")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(spool, ["t2.spool"]);
    assert!(harness.juggle(&["gc"], "out", &[] as &[&str]).await.expect(0).stdout.contains("0 files"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_run_there_is_nothing_to_verify() {
    let harness = Harness::of_texts(0, 0);
    harness.juggle(&["verify"], "nowhere", &[] as &[&str]).await.expect_error(3, &["there is no run"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_cannot_be_repaired_is_reported_and_no_other_job_is_forgotten() {
    let harness = Harness::of_texts(3, 30);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    // Of a document that no list names.
    fs::write(harness.path("out/meta/zz.json"), "{").unwrap();
    let verified = harness.juggle(&["verify", "--repair"], "out", &["--json"]).await.expect(8).json();
    assert_eq!(verified["not_repaired"], serde_json::json!(["zz"]), "{verified}");
    let told = harness.juggle(&["verify", "--repair"], "out", &[] as &[&str]).await.expect(8).stdout;
    assert!(told.contains("'zz' cannot be fetched again"), "{told}");
    let status = harness.juggle(&["status"], "out", &["--json"]).await.expect(0).json();
    for lane in ["fetch", "store", "process"] {
        assert_eq!(status["lanes"][lane]["done"], 3, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_missing_files_names_the_repair() {
    let harness = Harness::of_texts(2, 30);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    let counts = harness.path("out/counts/t1_counts.txt");
    let whole = fs::read(&counts).unwrap();
    fs::write(&counts, "no counts").unwrap();
    for gone in ["t1_counts.txt", "is missing"] {
        harness
            .juggle(&["pipeline"], "out", &[&list])
            .await
            .expect_error(3, &[gone, "juggle verify", "--repair"]);
        if counts.exists() {
            fs::remove_file(&counts).unwrap();
        }
    }
    harness.juggle(&["verify", "--repair"], "out", &[] as &[&str]).await.expect(0);
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    assert_eq!(fs::read(&counts).unwrap(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_field_of_a_record_is_named_and_rewritten_and_a_record_without_checksum_is_accepted() {
    let harness = Harness::of_texts(4, 30);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let run = harness.path("out");
    let whole = tree(&run);
    let edit = |name: &str, from: &str, to: &str| {
        let before = harness.read(&format!("out/{name}"));
        assert!(before.contains(from), "{before}");
        fs::write(run.join(name), before.replacen(from, to, 1)).unwrap();
    };
    edit("meta/t0.json", "\"author\": null", "\"author\": \"Nobody\"");
    edit("stats/t1.json", "\"words\": ", "\"words\": 1");
    edit("logs/arrival/t2.json", "\"attempts\": 1", "\"attempts\": 2");
    let earlier = harness.read("out/meta/t3.json");
    let fields = earlier.split_once(",\n  \"record_blake3\"").unwrap().0;
    fs::write(run.join("meta/t3.json"), format!("{fields}\n}}\n")).unwrap();

    let found = harness.juggle(&["verify"], "out", &["--json"]).await.expect(8).json();
    assert_eq!(found["without_checksum"], 1, "{found}");
    let damaged: Vec<_> = found["damaged"].as_array().unwrap().iter().map(|one| &one["damage"][0]).collect();
    assert_eq!(damaged, ["meta_changed", "results", "arrival_missing"], "{found}");
    harness.juggle(&["verify"], "out", &["--repair"]).await.expect(0);
    harness.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    let said = harness.juggle::<&str>(&["verify"], "out", &[]).await.expect(0).stdout;
    assert!(said.contains("1 record without a checksum"), "{said}");
    let mended = tree(&run);
    assert!(whole.iter().all(|(name, bytes)| name == "meta/t3.json" || mended[name] == *bytes));
}
