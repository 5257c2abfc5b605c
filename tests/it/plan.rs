//! Plans and dry runs.

use crate::harness::Harness;

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_and_a_dry_run_print_the_same_and_write_nothing() {
    let harness = Harness::of_texts(1, 5);
    let list =
        "url\tbytes\nhttp://a.example/1\t10\nhttp://a.example/2\t1KiB\nhttp://b.example/1\t\nnonsense\t\n";
    let list = harness.write("mixed.tsv", list);
    let list = list.to_str().unwrap();
    let plan = harness.juggle(&["plan", list, "--json"], "out", &["--wait", "3"]).await.expect(8).json();
    for words in [
        &["pipeline", list, "-n", "--json"][..],
        &["add", list, "-n", "--json"],
        &["fetch", "-i", list, "-n", "--json"],
    ] {
        let dry = harness.juggle(words, "out", &["--wait", "3"]).await.expect(8).json();
        for key in ["entries", "bad_lines", "hosts", "requests", "by_host", "least_seconds"] {
            assert_eq!(dry[key], plan[key], "{words:?}");
        }
    }
    assert_eq!((&plan["entries"], &plan["bad_lines"]), (&3.into(), &1.into()));
    assert_eq!(plan["hosts"], serde_json::json!({ "a.example": 2, "b.example": 1 }));
    assert_eq!((&plan["known_bytes"], &plan["texts_of_unknown_size"]), (&1_034.into(), &1.into()));
    assert_eq!((&plan["least_seconds"], &plan["disk"]["has_room"]), (&3.0.into(), &true.into()));
    assert_eq!(plan["by_host"][0]["robots"]["not_asked"], 2);
    assert!(!harness.path("out").exists());
    assert_eq!(harness.server.request_count(), 0);
    let said =
        harness.juggle(&["plan", list], "out", &["--min-free-space", "1000TiB"]).await.expect(8).stdout;
    for words in ["3 texts listed, 1 invalid line. Dry run", "a.example", "At least", "NOT ENOUGH"] {
        assert!(said.contains(words), "{said}");
    }
    harness.juggle::<&str>(&["plan"], "out", &[]).await.expect_error(2, &["no sources were given"]);
    harness.juggle(&["plan"], "out", &["no-such-list.tsv"]).await.expect_error(3, &["no-such-list.tsv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_stored_texts_and_reads_the_lists_of_its_run() {
    let harness = Harness::of_texts(4, 5);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    let requests = harness.server.request_count();
    let more = harness.write("more.tsv", &format!("url\tid\n{}\tnew\n", harness.server.url("/t0.txt?new")));
    harness.juggle(&["add"], "out", &[&more]).await.expect(0);
    let plan = harness.juggle::<&str>(&["plan", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&plan["entries"], &plan["stored"], &plan["requests"]), (&5.into(), &4.into(), &1.into()));
    assert_eq!(harness.server.request_count(), requests);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_twenty_hosts_are_listed_and_the_others_counted() {
    let harness = Harness::of_texts(1, 1);
    let list: String = (0..25).map(|n| format!("http://h{n}.example/\n")).collect();
    let list = harness.write("hosts.txt", &list);
    let said = harness.juggle(&["plan"], "out", &[&list]).await.expect(0).stdout;
    assert_eq!(said.lines().filter(|line| line.contains(".example")).count(), 20, "{said}");
    assert!(said.contains("and 5 more hosts"), "{said}");
    let all = harness.juggle(&["plan", "--json"], "out", &[&list]).await.expect(0).json();
    assert_eq!(all["by_host"].as_array().unwrap().len(), 25);
}
