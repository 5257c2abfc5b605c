//! Tests the whole stage against the definition, on one thread and on many.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::Read,
    sync::atomic::{AtomicU64, Ordering},
};

use corpus::stats::{self, ProcessorIdentity};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, Change, Kept, Publishing, StagedBlob},
    document::DocumentId,
    failure::Reason,
    stage::Ending,
    testing::memory_blobs::MemoryBlobs,
};
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::*;
use crate::tokens::Tokens;

mod hostile;

const RESULTS: [BlobKind; 3] = [BlobKind::Tokens, BlobKind::Counts, BlobKind::Stats];

fn name(kind: BlobKind) -> BlobName {
    BlobName::new(kind, DocumentId::gutenberg(84))
}

fn job(text: &[u8]) -> ProcessJob {
    ProcessJob {
        document: DocumentId::gutenberg(84),
        text_blake3: blake3::hash(text).to_hex().to_string(),
        known: flow::job::OnDuplicate::Absorb,
    }
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
async fn a_text_that_was_changed_fails_for_good_and_publishes_nothing() {
    let blobs = Arc::new(MemoryBlobs::default());
    blobs.put(name(BlobKind::Text), b"another text\n");
    let stage = Process::new(config(2, "auto"), blobs.clone(), Arc::default()).unwrap();
    let error = run(&stage, job(b"the text\n")).await.unwrap_err();
    let Ending::Dead(failure) = error else { panic!("{error:?}") };
    assert_eq!(failure.reason, Reason::Internal);
    assert!(failure.message.contains("'text/PG84_text.txt' was changed"), "{failure}");
    assert_eq!(blobs.names().len(), 1);
}

#[tokio::test]
async fn a_text_that_is_not_utf_8_fails_for_good_and_says_where() {
    let text = [&b"line\n".repeat(300_000)[..], b"caf\xe9\n"].concat();
    for chunk in ["whole", "bytes:7", "auto"] {
        let blobs = Arc::new(MemoryBlobs::default());
        blobs.put(name(BlobKind::Text), &text);
        let stage = Process::new(config(2, chunk), blobs.clone(), Arc::default()).unwrap();
        let error = run(&stage, job(&text)).await.unwrap_err();
        assert!(matches!(error, Ending::Dead(_)), "{error:?}");
        assert!(error.to_string().contains("is not UTF-8 at byte 1500003"), "{error}");
        assert_eq!(blobs.names().len(), 1);
    }
}

#[tokio::test]
async fn a_missing_text_is_retried() {
    let stage = Process::new(config(1, "auto"), Arc::new(MemoryBlobs::default()), Arc::default()).unwrap();
    let error = run(&stage, job(b"")).await.unwrap_err();
    assert!(matches!(error, Ending::Retry { .. }), "{error:?}");
}

#[tokio::test]
async fn a_panic_in_a_processor_is_a_failure_and_the_stage_goes_on() {
    let tokenize = |text: &str, tokens: &mut Tokens| {
        assert!(!text.contains("boom"), "cannot read boom");
        tokens.push("fine");
    };
    for chunk in ["whole", "bytes:1"] {
        let blobs = Arc::new(MemoryBlobs::default());
        let processor = Words::new(ProcessorIdentity::new("fragile", 1), tokenize);
        let stage =
            Process::with_processor(config(2, chunk), blobs.clone(), Arc::default(), processor).unwrap();
        for _ in 0..20 {
            blobs.put(name(BlobKind::Text), b"one\nboom\nthree\n");
            let error = run(&stage, job(b"one\nboom\nthree\n")).await.unwrap_err();
            assert!(matches!(error, Ending::Retry { .. }), "{error:?}");
            assert!(error.to_string().contains("the processor panicked: cannot read boom"), "{error}");
        }
        blobs.put(name(BlobKind::Text), b"one\n");
        run(&stage, job(b"one\n")).await.unwrap();
        assert_eq!(published(&blobs)[0], "fine\n");
    }
}

#[tokio::test]
async fn results_are_computed_again_only_if_something_changed() {
    let chunks = Arc::new(AtomicU64::new(0));
    let blobs = Arc::new(MemoryBlobs::default());
    let stage = |version| {
        let chunks = Arc::clone(&chunks);
        let tokenize = move |text: &str, tokens: &mut Tokens| {
            chunks.fetch_add(1, Ordering::Relaxed);
            text.split_whitespace().for_each(|field| tokens.push(field));
        };
        let processor = Words::new(ProcessorIdentity::new("counting", version), tokenize);
        Process::with_processor(config(1, "auto"), blobs.clone(), Arc::default(), processor).unwrap()
    };
    let chunks_after = async |version, text: &'static [u8]| {
        blobs.put(name(BlobKind::Text), text);
        run(&stage(version), job(text)).await.unwrap();
        let results = published(&blobs);
        assert_eq!(results[0].replace('\n', " ").as_bytes(), text);
        chunks.swap(0, Ordering::Relaxed)
    };
    assert_eq!(chunks_after(1, b"a b ").await, 1);
    assert_eq!(chunks_after(1, b"a b ").await, 0);
    assert_eq!(chunks_after(2, b"a b ").await, 1);
    assert_eq!(chunks_after(2, b"a c ").await, 1);
    blobs.put(name(BlobKind::Tokens), b"a\nb\n");
    assert_eq!(chunks_after(2, b"a c ").await, 1);
    blobs.remove(&name(BlobKind::Counts)).unwrap();
    assert_eq!(chunks_after(2, b"a c ").await, 1);
    blobs.put(name(BlobKind::Stats), b"{");
    assert_eq!(chunks_after(2, b"a c ").await, 1);
    assert_eq!(chunks_after(2, b"a c ").await, 0);
}

/// A store with a disk that fails.
struct BadDisk {
    inner: MemoryBlobs,
    fault: DiskFault,
}

enum DiskFault {
    /// There is no room for one kind of results.
    Full(BlobKind),
    /// Every sync fails.
    SyncFails,
}

impl BlobStore for BadDisk {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        if !matches!(self.fault, DiskFault::Full(kind) if kind == name.kind) {
            return self.inner.stage(name);
        }
        let path = std::path::PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&path).map_err(|error| BlobError::at(&path, error))?;
        Ok(StagedBlob { name: name.clone(), path, file, kept: Kept::Yes })
    }
    fn resume(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        self.inner.resume(name)
    }
    fn begin_publishing(&self, changes: Vec<Change>) -> Publishing {
        match self.fault {
            DiskFault::Full(_) => self.inner.begin_publishing(changes),
            DiskFault::SyncFails => {
                Publishing::ended(Err(BlobError::at("text".as_ref(), std::io::Error::other("bad disk"))))
            }
        }
    }
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        self.inner.open(name)
    }
    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        self.inner.len(name)
    }
    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        self.inner.remove(name)
    }
    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        self.inner.list(kind)
    }
}

#[tokio::test]
async fn existing_results_are_acknowledged_only_after_they_are_durable() {
    let inner = MemoryBlobs::default();
    for (kind, result) in RESULTS.into_iter().zip(results(config(1, "auto"), "two words").await) {
        inner.put(name(kind), result.as_bytes());
    }
    inner.put(name(BlobKind::Text), b"two words");
    let blobs = Arc::new(BadDisk { inner, fault: DiskFault::SyncFails });
    let stage = Process::new(config(1, "auto"), blobs, Arc::default()).unwrap();
    let refused = run(&stage, job(b"two words")).await.unwrap_err();
    assert!(matches!(refused, Ending::Retry { .. }), "{refused}");
}

#[tokio::test]
async fn a_full_disk_halts_the_stage_and_publishes_nothing() {
    let text = "many different words\n".repeat(100_000);
    for full in RESULTS {
        let blobs = Arc::new(BadDisk { inner: MemoryBlobs::default(), fault: DiskFault::Full(full) });
        blobs.inner.put(name(BlobKind::Text), text.as_bytes());
        let stage = Process::new(config(2, "auto"), blobs.clone(), Arc::default()).unwrap();
        let error = run(&stage, job(text.as_bytes())).await.unwrap_err();
        let Ending::Halt(failure) = error else { panic!("{error:?}") };
        assert_eq!(failure.reason, Reason::DiskFull);
        assert!(
            failure.message.contains(&format!("'{}'", name(full).relative_path().display())),
            "{failure}"
        );
        assert_eq!(blobs.inner.names().len(), 1);
    }
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
    assert!((1.0..=2.0).contains(&stage.imbalance().unwrap()));
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

#[tokio::test]
async fn results_are_current_only_if_whole_and_of_this_text_and_processor() {
    let text = "It was a dark night.\n";
    let blobs = Arc::new(MemoryBlobs::default());
    blobs.put(name(BlobKind::Text), text.as_bytes());
    let (job, identity) = (job(text.as_bytes()), Words::uax29().identity());
    assert!(!stats::is_complete(&*blobs, &job).unwrap());
    let stage = Process::new(config(1, "auto"), blobs.clone(), Arc::default()).unwrap();
    run(&stage, job.clone()).await.unwrap();
    assert!(stats::is_complete(&*blobs, &job).unwrap());
    let of_another = ProcessJob { text_blake3: "0".repeat(64), ..job.clone() };
    assert!(!stats::is_complete(&*blobs, &of_another).unwrap());
    let another = identity.clone().with("case", "kept");
    assert!(!stats::is_current(&*blobs, &job, &another).unwrap());
    assert_eq!(stats::read(&*blobs, &job.document).unwrap().unwrap().processor, identity);
    assert!(stats::is_whole(&*blobs, &job).unwrap());
    for kind in [BlobKind::Tokens, BlobKind::Counts] {
        let whole = blobs.read(&name(kind), 1 << 20).unwrap();
        blobs.put(name(kind), &whole[1..]);
        assert!(!stats::is_complete(&*blobs, &job).unwrap(), "{kind:?} cut");
        blobs.remove(&name(kind)).unwrap();
        assert!(!stats::is_complete(&*blobs, &job).unwrap(), "{kind:?} gone");
        blobs.put(name(kind), &whole);
    }
    blobs.put(name(BlobKind::Stats), b"{");
    assert!(!stats::is_complete(&*blobs, &job).unwrap());
}
