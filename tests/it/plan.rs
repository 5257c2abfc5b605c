//! What a run would do, said before it does it.

use crate::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_and_a_dry_run_say_the_same_and_touch_nothing() {
    let lab = Lab::of_texts(1, 5);
    let list =
        "url\tbytes\nhttp://a.example/1\t10\nhttp://a.example/2\t1KiB\nhttp://b.example/1\t\nnonsense\t\n";
    let list = lab.write("mixed.tsv", list);
    let list = list.to_str().unwrap();
    let plan = lab.juggle(&["plan", list, "--json"], "out", &["--wait", "3"]).await.expect(8).json();
    for words in [
        &["pipeline", list, "-n", "--json"][..],
        &["add", list, "-n", "--json"],
        &["fetch", "-i", list, "-n", "--json"],
    ] {
        let dry = lab.juggle(words, "out", &["--wait", "3"]).await.expect(8).json();
        for key in ["entries", "bad_lines", "hosts", "requests", "by_host", "least_seconds"] {
            assert_eq!(dry[key], plan[key], "{words:?}");
        }
    }
    assert_eq!((&plan["entries"], &plan["bad_lines"]), (&3.into(), &1.into()));
    assert_eq!(plan["hosts"], serde_json::json!({ "a.example": 2, "b.example": 1 }));
    assert_eq!((&plan["known_bytes"], &plan["texts_of_unknown_size"]), (&1_034.into(), &1.into()));
    assert_eq!((&plan["least_seconds"], &plan["disk"]["has_room"]), (&3.0.into(), &true.into()));
    assert_eq!(plan["by_host"][0]["robots"]["not_asked"], 2);
    assert!(!lab.path("out").exists());
    assert_eq!(lab.server.total(), 0);
    let said = lab.juggle(&["plan", list], "out", &["--min-free-space", "1000TiB"]).await.expect(8).stdout;
    for words in ["3 texts, 1 bad lines; nothing was done", "a.example", "at least", "NOT ENOUGH"] {
        assert!(said.contains(words), "{said}");
    }
    lab.juggle::<&str>(&["plan"], "out", &[]).await.expect_error(2, &["there are no sources"]);
    lab.juggle(&["plan"], "out", &["no-such-list.tsv"]).await.expect_error(3, &["no-such-list.tsv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_has_stored_is_no_request_and_its_own_lists_are_known() {
    let lab = Lab::of_texts(4, 5);
    let list = lab.path("list.tsv");
    lab.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    let requests = lab.server.total();
    let more = lab.write("more.tsv", &format!("url\tid\n{}\tnew\n", lab.server.url("/t0.txt?new")));
    lab.juggle(&["add"], "out", &[&more]).await.expect(0);
    let plan = lab.juggle::<&str>(&["plan", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&plan["entries"], &plan["stored"], &plan["requests"]), (&5.into(), &4.into(), &1.into()));
    assert_eq!(lab.server.total(), requests);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_twenty_hosts_are_listed_and_the_others_counted() {
    let lab = Lab::of_texts(1, 1);
    let list: String = (0..25).map(|n| format!("http://h{n}.example/\n")).collect();
    let list = lab.write("hosts.txt", &list);
    let said = lab.juggle(&["plan"], "out", &[&list]).await.expect(0).stdout;
    assert_eq!(said.lines().filter(|line| line.contains(".example")).count(), 20, "{said}");
    assert!(said.contains("and 5 more hosts"), "{said}");
    let all = lab.juggle(&["plan", "--json"], "out", &[&list]).await.expect(0).json();
    assert_eq!(all["by_host"].as_array().unwrap().len(), 25);
}
