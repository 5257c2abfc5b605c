//! Tests the whole stage against the definition, on one thread and on many.

use std::collections::HashMap;

use corpus::stats::ProcessorIdentity;
use flow::{
    blobs::{BlobKind, BlobName},
    document::DocumentId,
    stage::Ending,
    testing::memory_blobs::MemoryBlobs,
};
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::*;
use crate::{schedule::busy_time::imbalance, tokens::Tokens};

mod current;
mod failures;
mod hostile;

const RESULTS: [BlobKind; 3] = [BlobKind::Tokens, BlobKind::Counts, BlobKind::Stats];

fn name(kind: BlobKind) -> BlobName {
    BlobName::new(kind, DocumentId::gutenberg(84))
}

fn job(text: &[u8]) -> ProcessJob {
    let blake3 = blake3::hash(text).to_hex().to_string();
    ProcessJob::of_text(DocumentId::gutenberg(84), blake3, text.len() as u64)
}

fn config(threads: usize, chunk: &str) -> ProcessConfig {
    ProcessConfig { threads, chunk: chunk.parse().unwrap() }
}

async fn run<P: Processor>(stage: &Process<P>, job: ProcessJob) -> Result<(), Ending<ProcessJob, Nothing>> {
    stage
        .run(job, Attempt { number: 1, failures: 0 })
        .await
        .into_result()
        .map(|outputs| assert!(outputs.is_empty()))
}

fn published(blobs: &MemoryBlobs) -> [String; 3] {
    RESULTS.map(|kind| String::from_utf8(blobs.read(&name(kind), 1 << 30).unwrap()).unwrap())
}

/// Returns the tokens, counts and stats of a text.
async fn results(config: ProcessConfig, text: &str) -> [String; 3] {
    let blobs = Arc::new(MemoryBlobs::default());
    blobs.put(name(BlobKind::Text), text.as_bytes());
    let stage = Process::new(config, blobs.clone(), Arc::default()).unwrap();
    run(&stage, job(text.as_bytes())).await.unwrap();
    published(&blobs)
}

/// Returns the tokens and counts by the definition.
fn expected(text: &str) -> [String; 2] {
    let words: Vec<_> = text.unicode_words().map(str::to_lowercase).collect();
    let mut counts = HashMap::new();
    for word in &words {
        *counts.entry(word).or_insert(0_u64) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
    let tokens = words.iter().flat_map(|word| [word, "\n"]).collect();
    [tokens, counts.into_iter().map(|(word, n)| format!("{word}\t{n}\n")).collect()]
}

/// Returns a text of more than one window, with lines, paragraphs and words of many kinds.
fn varied_text() -> String {
    let words = ["The", "Σίσυφος", "can't", "3.14", "_Iliad_", "“quoted”", "e.g.", "naïve", "x\rY", "שלום"];
    let ends = [" ", " ", " ", "\n", " ", ". ", " ", "\n\n", " ", "—", " \t\n", "\u{2028}"];
    let mut state = 84_u32;
    let mut text = String::new();
    while text.len() < 3 << 19 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text += words[(state >> 8) as usize % words.len()];
        if state >> 30 == 0 {
            text += &(state >> 12 & 0xfff).to_string();
        }
        text += ends[(state >> 20) as usize % ends.len()];
    }
    text
}

#[tokio::test]
async fn the_same_bytes_come_out_for_any_threads_and_chunk() {
    let text = varied_text();
    let first = results(config(1, "whole"), &text).await;
    assert_eq!(first[..2], expected(&text));
    for threads in [1, 8] {
        for chunk in ["whole", "docs:3", "bytes:1", "bytes:7", "bytes:1MiB", "bytes:1GiB", "auto"] {
            let other = results(config(threads, chunk), &text).await;
            assert!(other == first, "{threads} threads, {chunk}");
        }
    }
}

/// Returns a record as it is stored: with the hash of the rest as its last field.
fn with_checksum(record: &str) -> String {
    let (fields, hash) = (record.strip_suffix("\n}\n").unwrap(), blake3::hash(record.as_bytes()));
    format!("{fields},\n  \"record_blake3\": \"{hash}\"\n}}\n")
}

#[tokio::test]
async fn stats_say_what_was_measured_and_of_what() {
    let [_, _, stats] = results(config(2, "auto"), "It was\na dark night.\n\n“Été!” It was.\n").await;
    let word = unicode_segmentation::UNICODE_VERSION;
    let case = char::UNICODE_VERSION;
    let expected = r#"{
  "document": "PG84",
  "text_blake3": "TEXT",
  "processor": {
    "name": "uax29",
    "version": 2,
    "parameters": {
      "case": "lower",
      "unicode_case": "CASE",
      "unicode_words": "WORD"
    }
  },
  "bytes": 43,
  "lines": 4,
  "characters": 37,
  "words": 8,
  "distinct_words": 6,
  "hapaxes": 4,
  "type_token_ratio": 0.75,
  "longest_words": [
    "night",
    "dark",
    "was",
    "été",
    "it",
    "a"
  ],
  "outputs": {
    "tokens": {
      "bytes": 33,
      "blake3": "TOKENS"
    },
    "counts": {
      "bytes": 38,
      "blake3": "COUNTS"
    }
  }
}
"#;
    let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let expected = expected
        .replace("TEXT", &hash("It was\na dark night.\n\n“Été!” It was.\n"))
        .replace("CASE", &format!("{}.{}.{}", case.0, case.1, case.2))
        .replace("WORD", &format!("{}.{}.{}", word.0, word.1, word.2))
        .replace("TOKENS", &hash("it\nwas\na\ndark\nnight\nété\nit\nwas\n"))
        .replace("COUNTS", &hash("it\t2\nwas\t2\na\t1\ndark\t1\nnight\t1\nété\t1\n"));
    assert_eq!(stats, with_checksum(&expected));
}

#[tokio::test]
async fn an_empty_text_has_empty_results() {
    for chunk in ["whole", "bytes:1", "auto"] {
        let [tokens, counts, stats] = results(config(2, chunk), "").await;
        assert_eq!((tokens.as_str(), counts.as_str()), ("", ""));
        assert!(stats.contains("\"words\": 0,") && stats.contains("\"type_token_ratio\": 0.0,"), "{stats}");
    }
}

#[tokio::test]
async fn one_line_of_20_mb_is_cut_and_gives_the_same() {
    let text = "A naïve line, without end… can't ".repeat(20_000_000 / 35);
    let split = results(config(2, "auto"), &text).await;
    assert_eq!(split[..2], expected(&text));
    assert!(split[2].contains("\"lines\": 1,"), "{}", split[2]);
}

#[tokio::test]
async fn many_documents_at_the_same_time_are_correct_and_keep_the_threads_busy() {
    let blobs = Arc::new(MemoryBlobs::default());
    let counters = Arc::new(Counters::default());
    let stage = Arc::new(Process::new(config(2, "bytes:64"), blobs.clone(), counters.clone()).unwrap());
    let started = std::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    let mut text_bytes = 0;
    for number in 0..64 {
        let document = DocumentId::gutenberg(number);
        let text = format!("Book {number}\nhas this line.\n").repeat(number as usize * 10);
        text_bytes += text.len() as u64;
        blobs.put(BlobName::new(BlobKind::Text, document.clone()), text.as_bytes());
        let job = ProcessJob { document, ..job(text.as_bytes()) };
        let stage = Arc::clone(&stage);
        tasks.spawn(async move { run(&stage, job).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap().unwrap();
    }
    for number in 1..64 {
        let tokens = blobs.read(&BlobName::new(BlobKind::Tokens, DocumentId::gutenberg(number)), 1 << 20);
        let line = format!("book\n{number}\nhas\nthis\nline\n").repeat(number as usize * 10);
        assert_eq!(String::from_utf8(tokens.unwrap()).unwrap(), line);
    }
    assert_eq!(counters.bytes.get(), text_bytes);
    let busy = stage.busy();
    assert_eq!((busy.len(), stage.threads()), (2, 2));
    assert!(busy.iter().all(|time| !time.is_zero() && *time <= started.elapsed()), "{busy:?}");
    assert!((1.0..=2.0).contains(&imbalance(&busy).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_the_results_of_the_definition(
        text in "([a-cΣςé0-9 .,'_\n\r\u{300}\u{345}\u{200d}\u{2028}\u{85}\u{0}]|👩|🏽|🇩|カ|א|\"){0,80}",
        chunk in prop::sample::select(vec!["whole", "bytes:1", "bytes:7", "auto"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let results = runtime.block_on(results(config(2, chunk), &text));
        prop_assert_eq!(&results[..2], &expected(&text)[..]);
    }
}
