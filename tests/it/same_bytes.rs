//! Rule 6: the same bytes, whatever the number of threads, the chunks and the order.

use crate::harness::{Harness, assert_same, data};

#[tokio::test(flavor = "multi_thread")]
async fn threads_and_chunks_change_nothing() {
    let harness = Harness::of_texts(8, 400);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.juggle(&["pipeline", list], "one", &["--threads", "1", "--chunk", "whole"]).await.expect(0);
    let expected = harness.tree("one");
    assert_eq!(expected.len(), 8 * 6);
    for (out, threads, chunk) in [
        ("a", "8", "whole"),
        ("b", "1", "bytes:1"),
        ("c", "8", "bytes:100"),
        ("d", "3", "auto"),
        ("e", "8", "bytes:1MiB"),
    ] {
        harness.juggle(&["pipeline", list], out, &["--threads", threads, "--chunk", chunk]).await.expect(0);
        assert_same(&harness.tree(out), &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_the_list_changes_nothing() {
    let harness = Harness::sample();
    harness.sample_pipeline("straight", &[]).await.expect(0);
    let list = std::fs::read_to_string(data().join("sample/sources.tsv")).unwrap();
    let (header, rows) = list.split_once('\n').unwrap();
    let mut rows: Vec<&str> = rows.lines().collect();
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..3 {
        random.shuffle(&mut rows);
        let shuffled = harness.write("shuffled.tsv", &format!("{header}\n{}\n", rows.join("\n")));
        let out = format!("shuffled-{round}");
        harness.juggle(&["pipeline"], &out, &[shuffled]).await.expect(0);
        assert_same(&harness.tree(&out), &harness.tree("straight"));
    }
}
