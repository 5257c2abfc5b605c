//! Tests the stage with shell scripts as children: some behave well, some as badly as possible.

use std::{fs, path::Path, time::Duration};

use flow::{
    blobs::BlobName,
    document::DocumentId,
    failure::{Failure, Reason},
    stage::Ending,
    testing::memory_blobs::MemoryBlobs,
};
use rustix::process::{Pid, test_kill_process};

use super::*;
use crate::{config::ProcessConfig, stage::Process};

mod children;
mod failures;

const RESULTS: [BlobKind; 3] = [BlobKind::Tokens, BlobKind::Counts, BlobKind::Stats];

/// A timeout that only a child that hangs reaches.
const PATIENT: Duration = Duration::from_secs(120);

/// A script that answers with the text of the request.
const ECHO: &str = r#"printf '{"id":"%s","text":"%s"}\n' "$id" "$text""#;

/// A script that answers with its process id.
const NUMBER: &str = r#"printf '{"id":"%s","tokens":["%s"]}\n' "$id" $$"#;

/// Returns a shell script that runs `body` for each line, with `$id` and `$text` as they are in the line.
fn each(body: &str) -> String {
    format!(
        r#"while IFS= read -r line; do id=${{line#*:\"}}; id=${{id%%\"*}}
text=${{line#*\"text\":\"}}; text=${{text%%\"*}}
{body}
done"#
    )
}

/// A stage with texts in memory.
struct Harness {
    blobs: Arc<MemoryBlobs>,
    exec: Arc<Exec>,
}

impl Harness {
    fn new(command: &str) -> Self {
        Self::of(command, 1, PATIENT, Options::default())
    }

    /// Returns a harness for children that hang: its timeout is short.
    fn hasty(command: &str) -> Self {
        Self::of(command, 1, Duration::from_millis(300), Options::default())
    }

    fn of(command: &str, threads: usize, timeout: Duration, options: Options) -> Self {
        let blobs = Arc::new(MemoryBlobs::default());
        let config = ExecConfig { command: command.to_owned(), version: None, timeout };
        let exec = Exec::new(config, options, threads, blobs.clone(), Arc::default()).unwrap();
        Self { blobs, exec: Arc::new(exec) }
    }

    fn put(&self, number: u32, text: &str) -> ProcessJob {
        let document = document(number);
        self.blobs.put(BlobName::new(BlobKind::Text, document.clone()), text.as_bytes());
        let blake3 = blake3::hash(text.as_bytes()).to_hex().to_string();
        ProcessJob::of_text(document, blake3, text.len() as u64)
    }

    async fn run(&self, number: u32, text: &str) -> Result<(), Ending<ProcessJob, Nothing>> {
        let job = self.put(number, text);
        self.exec.run(job, Attempt { number: 1, failures: 0 }).await.into_result().map(|_| ())
    }

    async fn fatal(&self, number: u32, text: &str) -> Failure {
        match self.run(number, text).await {
            Err(Ending::Dead(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    async fn retry(&self, number: u32, text: &str) -> Failure {
        match self.run(number, text).await {
            Err(Ending::Retry { failure, .. }) => failure,
            other => panic!("{other:?}"),
        }
    }

    async fn halt(&self, number: u32, text: &str) -> Failure {
        match self.run(number, text).await {
            Err(Ending::Halt(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn results(&self, number: u32) -> [String; 3] {
        RESULTS.map(|kind| read(&self.blobs, kind, number))
    }

    /// Returns the only token of a document.
    async fn token(&self, number: u32, text: &str) -> String {
        self.run(number, text).await.unwrap();
        read(&self.blobs, BlobKind::Tokens, number).trim_end().to_owned()
    }
}

fn document(number: u32) -> DocumentId {
    DocumentId::gutenberg(number)
}

fn read(blobs: &MemoryBlobs, kind: BlobKind, number: u32) -> String {
    String::from_utf8(blobs.read(&BlobName::new(kind, document(number)), 1 << 30).unwrap()).unwrap()
}

/// Returns the results of the built-in processor.
async fn built_in(text: &str, number: u32) -> [String; 3] {
    let harness = Harness::new("true");
    let job = harness.put(number, text);
    let config = ProcessConfig { threads: 1, ..ProcessConfig::default() };
    let process = Process::new(config, harness.blobs.clone(), Arc::default()).unwrap();
    process.run(job, Attempt { number: 1, failures: 0 }).await.into_result().unwrap();
    harness.results(number)
}

/// Waits until no process has this id, or only one that is not reaped yet.
async fn until_gone(number: &str) {
    let pid = Pid::from_raw(number.trim().parse().unwrap()).unwrap();
    let is_zombie = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, after)| after.trim_start().starts_with('Z'))
    };
    while test_kill_process(pid).is_ok() && !is_zombie() {
        tokio::task::yield_now().await;
    }
}

async fn until_written(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            Ok(_) | Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn a_returned_text_has_the_results_of_the_built_in_processor() {
    let text = "The _Whale_ swam 3.5 miles; it didn’t stop. CAFÉ!\n\nIt swam.\n";
    let harness = Harness::new(&each(ECHO));
    harness.run(84, text).await.unwrap();
    let (ours, theirs) = (harness.results(84), built_in(text, 84).await);
    assert_eq!(ours[..2], theirs[..2]);
    // The identity before the measures and the checksum after them differ.
    let measured = |stats: &str| {
        let (_, after) = stats.split_once("\"bytes\"").unwrap();
        after.split_once("\"record_blake3\"").unwrap().0.to_owned()
    };
    assert_eq!(measured(&ours[2]), measured(&theirs[2]));
    assert!(
        ours[2].contains("\"name\": \"exec\"") && ours[2].contains("\"command\": \"while"),
        "{}",
        ours[2]
    );
}

#[tokio::test]
async fn tokens_are_written_and_counted_and_measures_are_kept() {
    let body =
        r#"printf '{"id":"%s","tokens":["b","a c","b","\\u00e9"],"measures":{"mood":0.5,"n":[1]}}\n' "$id""#;
    let harness = Harness::new(&each(body));
    harness.run(84, "What?\n").await.unwrap();
    let [tokens, counts, stats] = harness.results(84);
    assert_eq!((tokens.as_str(), counts.as_str()), ("b\na c\nb\né\n", "b\t2\na c\t1\né\t1\n"));
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!((&stats["measures"]["mood"], &stats["measures"]["n"][0]), (&0.5.into(), &1.into()));
    assert_eq!((&stats["words"], &stats["bytes"], &stats["lines"]), (&4.into(), &6.into(), &1.into()));
}

#[tokio::test]
async fn options_after_the_tokenizer_apply_to_tokens() {
    let options = Options { min_length: 2, ngrams: std::num::NonZeroUsize::new(2), ..Options::default() };
    let body = r#"printf '{"id":"%s","tokens":["ab","x","cd","ef"]}\n' "$id""#;
    let harness = Harness::of(&each(body), 1, PATIENT, options);
    harness.run(84, "What?\n").await.unwrap();
    let [tokens, counts, _] = harness.results(84);
    assert_eq!((tokens.as_str(), counts.as_str()), ("ab\ncd\nef\n", "ab cd\t1\ncd ef\t1\n"));
}

#[tokio::test]
async fn a_child_receives_the_fields_of_meta() {
    let body = r#"case $line in *'"meta":{"title":"T","language":"en"}}') said=yes;; *) said=no;; esac
printf '{"id":"%s","tokens":["%s"]}\n' "$id" $said"#;
    let harness = Harness::new(&each(body));
    assert_eq!(harness.token(1, "text\n").await, "no");
    let meta = br#"{"document":"PG2","title":"T","author":null,"language":"en"}"#;
    harness.blobs.put(BlobName::new(BlobKind::Meta, document(2)), meta);
    assert_eq!(harness.token(2, "text\n").await, "yes");
}

#[tokio::test]
async fn one_child_processes_many_documents_and_existing_results_are_not_computed_again() {
    let harness = Harness::new(&each(NUMBER));
    let first = harness.token(1, "one\n").await;
    assert_eq!(harness.token(2, "two\n").await, first);
    harness.exec.end(PATIENT).await;
    until_gone(&first).await;
    assert_eq!(harness.token(2, "two\n").await, first);
    assert_ne!(harness.token(2, "another\n").await, first);
}

#[tokio::test]
async fn a_document_that_a_command_refuses_fails_for_good_and_the_child_goes_on() {
    let body = format!(
        r#"case $text in no*) printf '{{"id":"%s","error":"no luck"}}\n' "$id";; *) {NUMBER};; esac"#
    );
    let harness = Harness::new(&each(&body));
    let number = harness.token(1, "yes\n").await;
    let failure = harness.fatal(2, "no\n").await;
    assert_eq!(
        (failure.reason, failure.message.as_str()),
        (Reason::Command, "the command reported: no luck")
    );
    assert_eq!(harness.token(3, "yes\n").await, number);
    assert_eq!(harness.blobs.names().len(), 3 + 2 * 3);
}

#[tokio::test]
async fn a_child_may_answer_while_it_reads() {
    let text = "Ein langer Text, über den nichts zu sagen ist.\n".repeat(100_000);
    let harness = Harness::new("cat");
    harness.run(1, &text).await.unwrap();
    assert!(harness.results(1)[..2] == built_in(&text, 1).await[..2]);
}

#[tokio::test]
async fn a_text_that_is_too_large_or_was_changed_is_not_sent() {
    let mut harness = Harness::new("exit 1");
    let exec = Arc::get_mut(&mut harness.exec).unwrap();
    Arc::get_mut(&mut exec.results).unwrap().text_bytes_max = 10;
    let failure = harness.fatal(1, "eleven byte").await;
    assert_eq!(failure.reason, Reason::TooLarge);
    let job = harness.put(2, "ten bytes!");
    harness.put(2, "changed");
    let error = harness.exec.run(job, Attempt { number: 1, failures: 0 }).await.into_result().unwrap_err();
    assert!(error.to_string().contains("was changed"), "{error}");
}
