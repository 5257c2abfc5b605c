//! Document ids: two texts with the same id never overwrite each other, and the user is warned.

use std::fs;

use serde_json::Value;
use test_server::Script;

use crate::harness::{Ended, Harness};

/// Serves nothing but what a test says.
fn harness() -> Harness {
    let harness = Harness::of_texts(0, 0);
    for word in ["one", "two", "three", "four"] {
        harness
            .server
            .respond(&format!("/{word}"), Script::bytes(format!("This is text {word}.\n").into_bytes()));
    }
    harness
}

impl Harness {
    /// Runs the pipeline over a list of ids and the texts they stand for.
    async fn listed(&self, name: &str, entries: &[(&str, &str)], more: &[&str]) -> Ended {
        let row = |(id, path): &(&str, &str)| format!("{}\t{id}\n", self.server.url(path));
        let rows: String = entries.iter().map(row).collect();
        let list = self.write(name, &format!("url\tid\n{rows}"));
        let words = [&[list.to_str().unwrap(), "--json"], more].concat();
        self.juggle(&["pipeline"], "out", &words).await
    }

    fn texts(&self) -> Vec<String> {
        let directory = fs::read_dir(self.path("out/text")).unwrap();
        let mut names: Vec<String> =
            directory.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

fn documents_and_conflicts(summary: &Value) -> (u64, u64) {
    (summary["documents"].as_u64().unwrap(), summary["conflicts"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_differ_only_in_case_are_a_conflict_in_a_list_across_lists_and_across_runs() {
    let harness = harness();
    let told = ["'PG84'", "'pg84'", "differ only in case"];
    let entries = [("PG84", "/one"), ("pg84", "/two"), ("Moby", "/three")];
    let ended = harness.listed("first.tsv", &entries, &[]).await.expect_error(8, &told);
    assert_eq!(documents_and_conflicts(&ended.json()), (2, 1));

    let told = ["'Moby'", "'MOBY'", "'PG84'", "'Pg84'", "differ only in case"];
    let ended = harness.listed("second.tsv", &[("MOBY", "/four"), ("Pg84", "/two")], &[]).await;
    assert_eq!(documents_and_conflicts(&ended.expect_error(8, &told).json()), (2, 2));

    assert_eq!(harness.texts(), ["Moby_text.txt", "PG84_text.txt"]);
    assert_eq!(harness.read("out/text/PG84_text.txt"), "This is text one.\n");
    assert_eq!(harness.read("out/text/Moby_text.txt"), "This is text three.\n");
    assert_eq!(harness.server.request_count(), 2, "the others are not even fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_for_two_texts_is_a_conflict_in_a_list_across_lists_and_across_runs() {
    let harness = harness();
    let told = ["'same' is listed for", "/one", "/two", "Give it another id"];
    let ended = harness.listed("first.tsv", &[("same", "/one"), ("same", "/two")], &[]).await;
    assert_eq!(documents_and_conflicts(&ended.expect_error(8, &told).json()), (1, 1));
    let ended = harness.listed("second.tsv", &[("same", "/three"), ("other", "/four")], &[]).await;
    assert_eq!(documents_and_conflicts(&ended.expect_error(8, &["/one", "/three"]).json()), (2, 1));
    assert_eq!(harness.read("out/text/same_text.txt"), "This is text one.\n");
    assert_eq!(harness.server.request_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_text_under_two_spellings_of_an_id_is_one_document_and_no_conflict() {
    let harness = harness();
    let ended = harness.listed("first.tsv", &[("Moby", "/one"), ("moby", "/one")], &[]).await.expect(0);
    assert_eq!(documents_and_conflicts(&ended.json()), (1, 0));
    // Asked again by the other spelling, it stays where it is.
    harness.server.respond("/one", Script::bytes(b"It has changed.\n".to_vec()));
    let ended = harness.listed("second.tsv", &[("mOBY", "/one")], &["--refresh"]).await.expect(0);
    assert_eq!(ended.json()["refreshed"]["changed"], 1);
    assert_eq!(harness.texts(), ["Moby_text.txt"]);
    assert_eq!(harness.read("out/text/Moby_text.txt"), "It has changed.\n");
    // And another text under its name is told of then, too.
    let entries = [("MOBY", "/two")];
    let ended = harness.listed("third.tsv", &entries, &["--refresh"]).await;
    ended.expect_error(8, &["'Moby'", "'MOBY'", "differ only in case"]);
    assert_eq!(harness.read("out/text/Moby_text.txt"), "It has changed.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_name_and_of_names_that_differ_in_case_are_different_texts() {
    let harness = harness();
    let mut words = vec!["--json".to_owned()];
    for (folder, name) in [("a", "book.txt"), ("b", "book.txt"), ("b", "Book.txt")] {
        fs::create_dir_all(harness.path(folder)).unwrap();
        let path = harness.write(&format!("{folder}/{name}"), &format!("This is {folder} {name}.\n"));
        words.push(format!("file://{}", path.to_str().unwrap()));
    }
    let summary = harness.juggle(&["pipeline"], "out", &words).await.expect(0).json();
    assert_eq!(documents_and_conflicts(&summary), (3, 0));
    let folded: std::collections::BTreeSet<String> =
        harness.texts().iter().map(|name| name.to_ascii_lowercase()).collect();
    assert_eq!(folded.len(), 3, "{folded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_a_url_are_one_text_and_compositions_of_a_letter_are_two() {
    let harness = harness();
    let (composed, decomposed) = ("/caf%C3%A9", "/cafe%CC%81");
    harness.server.respond(composed, Script::bytes(b"composed\n".to_vec()));
    harness.server.respond(decomposed, Script::bytes(b"decomposed\n".to_vec()));
    let base = harness.server.base_url();
    let urls = ["caf\u{e9}", "caf%c3%a9", "%63af%C3%A9", "cafe\u{301}", "cafe%cc%81"];
    let words: Vec<String> = urls.iter().map(|url| format!("{base}/{url}")).collect();
    let list = harness.write("list.txt", &words.join("\n"));
    let words = [list.to_str().unwrap(), "--json"];
    let summary = harness.juggle(&["pipeline"], "out", &words).await.expect(0).json();
    assert_eq!(documents_and_conflicts(&summary), (2, 0));
    assert_eq!((harness.texts().len(), harness.server.request_count()), (2, 2));
}
