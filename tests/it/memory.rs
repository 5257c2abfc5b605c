//! Memory does not grow with the list or the text.

use std::io::{BufWriter, Write};

use test_server::Script;

use crate::harness::{Ended, Harness};

const RSS_BYTES_MAX: u64 = 100_000_000;

/// Returns the peak memory in bytes of a stage that has processed one text.
#[track_caller]
fn peak(stage: &str, ended: Ended) -> u64 {
    let summary = ended.expect(0).json();
    assert_eq!(summary["lanes"][stage]["done"], 1);
    let peak = summary["peak_rss_bytes"].as_u64().unwrap();
    eprintln!("{stage}: {peak} bytes at most");
    peak
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_million_lines_is_planned_and_added_in_little_memory() {
    let harness = Harness::of_texts(1, 1);
    let list = harness.path("million.txt");
    let mut file = BufWriter::new(std::fs::File::create(&list).unwrap());
    for number in 0..1_000_000 {
        writeln!(file, "http://host{}.invalid/text{number}.txt", number % 1_000).unwrap();
    }
    file.flush().unwrap();
    let plan = harness.juggle(&["plan", "--json"], "out", &[&list]).await.expect(0).json();
    assert_eq!((&plan["requests"], plan["hosts"].as_object().unwrap().len()), (&1_000_000.into(), 1_000));
    let peak = plan["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak < RSS_BYTES_MAX, "{peak} bytes");
    let added = harness.juggle(&["add", "--json"], "out", &[&list]).await.expect(0).json();
    assert_eq!(added["entries"], 1_000_000);
    let peak = added["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak < RSS_BYTES_MAX, "{peak} bytes");
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!(status["pending"], 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_a_million_books_is_added_in_little_memory() {
    let harness = Harness::of_texts(1, 1);
    let more = ["pg:1-999999", "--gutenberg-mirror", "http://m.invalid"];
    let added = harness.juggle(&["add", "--json"], "out", &more).await.expect(0).json();
    assert_eq!(added["entries"], 999_999);
    let peak = added["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak < RSS_BYTES_MAX, "{peak} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_a_gibibyte_is_fetched_and_stored_in_little_memory() {
    const BYTES: u64 = 1 << 30;
    let harness = Harness::of_texts(1, 1);
    harness.server.respond("/t0.txt", Script::generated(BYTES));
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    for stage in ["fetch", "store"] {
        let ended = harness.juggle(&[stage, "--json", "--max-filesize", "2GiB"], "out", &[""; 0]).await;
        let peak = peak(stage, ended);
        assert!(peak < RSS_BYTES_MAX, "{stage}: {peak} bytes");
    }
    assert_eq!(std::fs::metadata(harness.path("out/raw/t0_raw.txt")).unwrap().len(), BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_without_end_is_refused_in_little_memory() {
    let harness = Harness::of_texts(1, 1);
    harness.server.respond("/t0.txt", Script::generated(u64::MAX).chunked());
    let list = harness.path("list.tsv");
    let words = ["-i", list.to_str().unwrap(), "--json", "--max-filesize", "200MiB"];
    let summary = harness.juggle(&["fetch"], "out", &words).await.expect(8).json();
    assert_eq!(summary["lanes"]["fetch"]["dead"], 1);
    let peak = summary["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak < RSS_BYTES_MAX, "{peak} bytes");
}

/// A line of words is cut, so it takes no more than other texts. A word cannot be, for it is one token: it
/// stands in the text that was read, among the tokens, and in the counts, each of which may have grown by
/// doubling.
#[tokio::test(flavor = "multi_thread")]
async fn one_line_of_100_mb_is_processed_in_bounded_memory() {
    const BYTES: usize = 100_000_000;
    for (word, bytes_max) in [("a word ", RSS_BYTES_MAX), ("x", 6 * BYTES as u64)] {
        let harness = Harness::of_texts(1, 1);
        let line = word.repeat(BYTES / word.len());
        std::fs::write(harness.path("www/t0.txt"), &line).unwrap();
        harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
        harness.juggle(&["fetch"], "out", &["--max-filesize", "1GiB"]).await.expect(0);
        harness.juggle(&["store"], "out", &[""; 0]).await.expect(0);
        let peak = peak("process", harness.juggle(&["process", "--json"], "out", &["--threads", "2"]).await);
        assert!(peak < bytes_max, "{word}: {peak} bytes");
        let counts = harness.read("out/counts/t0_counts.txt");
        let expected = match word {
            "x" => format!("{line}\t1\n"),
            _ => format!("a\t{0}\nword\t{0}\n", BYTES / word.len()),
        };
        assert!(counts == expected, "{}", &counts[..counts.len().min(100)]);
    }
}
