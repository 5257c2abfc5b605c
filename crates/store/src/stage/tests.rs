mod duplicates;
mod failing_stores;
mod refusals;

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use flow::{
    blobs::{Kept, StagedBlob, StagedBytes, StagedFile},
    document::DocumentId,
    durability::Durability,
    failure::{Failure, Reason},
    job::OnDuplicate,
    payload::{FetchJob, Fetched, Listed},
    testing::{
        blob_contract::{name, publish},
        memory_blobs::MemoryBlobs,
    },
};

use super::*;
use blob_store::local::LocalBlobs;

const BOOK: &str = "\u{FEFF}The Project Gutenberg EBook of A Night\r\n\r\nTitle: A Night\r\n  in June\r\n\
    Author: Jane Roe\r\nLanguage: English\r\nRelease Date: May 12, 2009 [EBook #1]\r\n\
    Character set encoding: ISO-8859-1\r\n\r\n*** START OF THIS PROJECT GUTENBERG EBOOK A NIGHT ***\r\n\r\n\
    Produced by John\r\n\r\nIt was a night.\r\nThe café slept.\r\n\r\nEnd of Project Gutenberg's A Night\r\n\r\n\
    *** END OF THIS PROJECT GUTENBERG EBOOK A NIGHT ***\r\nlicence\r\n";
const TEXT: &str = "It was a night.\nThe café slept.\n";

fn job(bytes: &[u8]) -> StoreJob {
    StoreJob {
        document: "PG1".parse().unwrap(),
        fetched: Fetched {
            url: "https://example.org/1.txt".to_owned(),
            final_url: "https://mirror.example.org/1.txt".to_owned(),
            status: Some(200),
            at_ms: 1_700_000_000_123,
            took_ms: 45,
            attempts: 2,
            bytes: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            content_type: Some("text/plain".to_owned()),
            charset: None,
            etag: Some("\"e\"".to_owned()),
            last_modified: None,
        },
        listed: Listed {
            title: Some("listed title".to_owned()),
            blake3: None,
            sha256: None,
            encoding: None,
            columns: BTreeMap::from([("shelf".to_owned(), "7".to_owned())]),
        },
        known: OnDuplicate::Absorb,
        lost: 0,
    }
}

fn fetched(blobs: &dyn BlobStore, bytes: &[u8]) -> StoreJob {
    // It blocks, which no thread of a runtime may do.
    std::thread::scope(|scope| {
        scope.spawn(|| publish(blobs, &name(BlobKind::Spool, "PG1"), bytes)).join().unwrap();
    });
    job(bytes)
}

async fn run(
    blobs: &Arc<dyn BlobStore>,
    job: StoreJob,
) -> Result<Vec<ProcessJob>, Ending<StoreJob, ProcessJob>> {
    let stage = Store::new(Arc::clone(blobs), Arc::default());
    stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result()
}

async fn run_dropping(
    blobs: &Arc<dyn BlobStore>,
    job: StoreJob,
) -> Result<Vec<ProcessJob>, Ending<StoreJob, ProcessJob>> {
    let config = StoreConfig { raw: RawFate::Dropped, ..StoreConfig::default() };
    let stage = Store::new(Arc::clone(blobs), Arc::default()).with_config(config);
    stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result()
}

async fn stored(bytes: &[u8], change: impl FnOnce(&mut StoreJob)) -> (Arc<dyn BlobStore>, Meta) {
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::default());
    let mut job = fetched(&*blobs, bytes);
    change(&mut job);
    run(&blobs, job).await.unwrap();
    let meta = serde_json::from_slice(&read(&*blobs, BlobKind::Meta)).unwrap();
    (blobs, meta)
}

async fn refused(bytes: &[u8]) -> Failure {
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::default());
    let job = fetched(&*blobs, bytes);
    let Err(Ending::Dead(failure)) = run(&blobs, job).await else { panic!("it must be refused for good") };
    for kind in [BlobKind::Text, BlobKind::Meta, BlobKind::Arrival, BlobKind::Raw] {
        assert_eq!(blobs.list(kind).unwrap(), [], "{kind:?}");
    }
    assert_eq!(read(&*blobs, BlobKind::Spool), bytes, "the download is kept");
    failure
}

fn read(blobs: &dyn BlobStore, kind: BlobKind) -> Vec<u8> {
    blobs.read(&name(kind, "PG1"), 1 << 30).unwrap()
}

/// Returns all published blobs, by kind and document.
fn tree(blobs: &dyn BlobStore) -> BTreeMap<(BlobKind, DocumentId), Vec<u8>> {
    let mut tree = BTreeMap::new();
    for kind in BlobKind::ALL {
        for document in blobs.list(kind).unwrap() {
            let bytes = blobs.read(&BlobName::new(kind, document.clone()), 1 << 30).unwrap();
            tree.insert((kind, document), bytes);
        }
    }
    tree
}

#[tokio::test]
async fn a_book_becomes_raw_text_arrival_and_meta() {
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::default());
    let job = fetched(&*blobs, BOOK.as_bytes());
    let counters = Arc::new(Counters::default());
    let stage = Store::new(Arc::clone(&blobs), Arc::clone(&counters));
    let next = stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result().unwrap();

    let hash = blake3::hash(TEXT.as_bytes()).to_hex().to_string();
    assert_eq!(next, [ProcessJob::of_text("PG1".parse().unwrap(), hash, TEXT.len() as u64)]);
    assert_eq!(counters.bytes.get(), BOOK.len() as u64);
    assert_eq!(read(&*blobs, BlobKind::Raw), BOOK.as_bytes());
    assert_eq!(read(&*blobs, BlobKind::Text), TEXT.as_bytes());
    assert_eq!(blobs.list(BlobKind::Spool).unwrap(), []);
    let arrival = String::from_utf8(read(&*blobs, BlobKind::Arrival)).unwrap();
    assert_eq!(
        arrival,
        with_checksum(
            "{\n  \"at\": \"2023-11-14T22:13:20.123Z\",\n  \"took_ms\": 45,\n  \"attempts\": 2,\n  \"status\": 200\n}\n"
        )
    );
}

/// Returns a record as it is stored: with the hash of the rest as its last field.
fn with_checksum(record: &str) -> String {
    let (fields, hash) = (record.strip_suffix("\n}\n").unwrap(), blake3::hash(record.as_bytes()));
    format!("{fields},\n  \"record_blake3\": \"{hash}\"\n}}\n")
}

#[tokio::test]
async fn the_meta_has_exactly_these_bytes() {
    let (blobs, _) = stored(BOOK.as_bytes(), |_| ()).await;
    let meta = String::from_utf8(read(&*blobs, BlobKind::Meta)).unwrap();
    let golden = include_str!("golden.json")
        .replace("RAW_BLAKE3", &blake3::hash(BOOK.as_bytes()).to_hex())
        .replace("TEXT_BLAKE3", &blake3::hash(TEXT.as_bytes()).to_hex());
    assert_eq!(meta, with_checksum(&golden));
}

#[tokio::test]
async fn the_listed_title_is_the_last_resort() {
    let (_, meta) = stored(b"Once upon a time.", |_| ()).await;
    assert_eq!(meta.title.as_deref(), Some("listed title"));
    assert_eq!((meta.text.lines, meta.cuts), (1, vec![]));
}

#[tokio::test]
async fn author_and_language_come_from_the_header_else_from_the_source_list() {
    let listed = |columns: [(&str, &str); 2], job: &mut StoreJob| {
        job.listed.columns = columns.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    };
    let (_, meta) =
        stored(b"Once.", |job| listed([("Author", " Roe, Richard "), ("language", "de")], job)).await;
    assert_eq!((meta.author.as_deref(), meta.language.as_deref()), (Some("Roe, Richard"), Some("de")));
    let (_, meta) =
        stored(b"Once.", |job| listed([("authors", "Doe, Jane, 1850-1900"), ("lang", "")], job)).await;
    assert_eq!((meta.author.as_deref(), meta.language), (Some("Doe, Jane, 1850-1900"), None));
    let book = b"Title: X\nAuthor: Jane Doe\nLanguage: English\n\n\
        *** START OF THE PROJECT GUTENBERG EBOOK X ***\nOnce.\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n";
    let (_, meta) = stored(book, |job| listed([("author", "Roe, Richard"), ("language", "de")], job)).await;
    assert_eq!((meta.author.as_deref(), meta.language.as_deref()), (Some("Jane Doe"), Some("English")));
}

#[tokio::test]
async fn the_encoding_is_recorded_with_what_was_lost() {
    let mut bytes = "déjà vu à la française\n".repeat(40).into_bytes();
    bytes.extend(b"flaw \xFF\n");
    let (_, meta) = stored(&bytes, |job| job.fetched.charset = Some("ISO-8859-1".to_owned())).await;
    assert_eq!(meta.encoding.used, "UTF-8");
    assert_eq!(meta.encoding.replacements, 1);
    assert_eq!(meta.encoding.declared_http.as_deref(), Some("ISO-8859-1"));

    let latin = encoding_rs::WINDOWS_1252.encode("Character set encoding: Latin1\ndéjà vu\n").0.into_owned();
    let (blobs, meta) = stored(&latin, |_| ()).await;
    assert_eq!(meta.encoding.declared_text.as_deref(), Some("Latin1"));
    assert_eq!(
        (meta.encoding.used.as_str(), meta.encoding.detected.as_deref()),
        ("windows-1252", Some("windows-1252"))
    );
    assert!(String::from_utf8(read(&*blobs, BlobKind::Text)).unwrap().ends_with("déjà vu\n"));
}

#[tokio::test]
async fn a_long_text_streams_through_whole() {
    let line = "It was a dark and stormy night, ça va sans dire.\r\n";
    let body = line.repeat(40_000);
    let book = format!(
        "*** START OF THE PROJECT GUTENBERG EBOOK X ***\r\n{body}***END OF THE PROJECT GUTENBERG EBOOK X\r\n"
    );
    let (blobs, meta) = stored(book.as_bytes(), |_| ()).await;
    assert_eq!(read(&*blobs, BlobKind::Text), body.replace("\r\n", "\n").as_bytes());
    assert_eq!(meta.text.lines, 40_000);
    assert_eq!(meta.cuts[1].first_line, 40_002);
}

#[tokio::test]
async fn raw_bytes_that_are_not_kept_are_gone_once_the_text_is_stored() {
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::default());
    let job = fetched(&*blobs, BOOK.as_bytes());
    let next = run_dropping(&blobs, job.clone()).await.unwrap();
    for kind in [BlobKind::Spool, BlobKind::Raw] {
        assert_eq!(blobs.list(kind).unwrap(), [], "{kind:?}");
    }
    assert_eq!(read(&*blobs, BlobKind::Text), TEXT.as_bytes());
    let meta: Meta = serde_json::from_slice(&read(&*blobs, BlobKind::Meta)).unwrap();
    assert_eq!((meta.raw.fate, meta.raw.bytes), (RawFate::Dropped, BOOK.len() as u64));
    assert!(meta.is_complete(&*blobs).unwrap());

    // Cut off before it was acknowledged, the job is run again.
    let before = tree(&*blobs);
    assert_eq!(run_dropping(&blobs, job.clone()).await.unwrap(), next);
    assert_eq!(tree(&*blobs), before);

    // Another encoding, or a text that is incomplete, needs the bytes: they are fetched again.
    let mut other = job.clone();
    other.listed.encoding = Some("latin1".to_owned());
    assert!(matches!(run_dropping(&blobs, other).await, Err(Ending::Requeue(Requeue::SentBack { .. }))));
    blobs.remove(&name(BlobKind::Text, "PG1")).unwrap();
    assert!(matches!(run_dropping(&blobs, job).await, Err(Ending::Requeue(Requeue::SentBack { .. }))));
}

#[tokio::test]
async fn raw_bytes_that_were_kept_before_are_dropped_when_the_text_is_made_from_them() {
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::default());
    let job = fetched(&*blobs, BOOK.as_bytes());
    run(&blobs, job.clone()).await.unwrap();
    assert_eq!(read(&*blobs, BlobKind::Raw), BOOK.as_bytes());
    run_dropping(&blobs, job).await.unwrap();
    assert_eq!(blobs.list(BlobKind::Raw).unwrap(), []);
}
