//! The marks of duplicates, in documents that the stage has stored.

use std::{collections::BTreeMap, sync::Arc};

use flow::{
    counters::Counters,
    payload::{Fetched, Listed, StoreJob},
    stage::{Attempt, Stage},
    testing::{
        blob_contract::{name, publish},
        memory_blobs::MemoryBlobs,
    },
};

use corpus::{duplicates::mark, meta::Meta, records::RECORD_BYTES_MAX};
use flow::blobs::{BlobKind, BlobName, BlobStore};

use crate::stage::Store;

/// The number of metas that are published together.
const GROUP: usize = 256;

async fn store(blobs: &Arc<MemoryBlobs>, document: &str, bytes: &[u8]) {
    publish(&**blobs, &name(BlobKind::Spool, document), bytes);
    let fetched = Fetched {
        url: "https://example.org/".to_owned(),
        final_url: "https://example.org/".to_owned(),
        status: Some(200),
        at_ms: 0,
        took_ms: 0,
        attempts: 1,
        bytes: bytes.len() as u64,
        blake3: blake3::hash(bytes).to_hex().to_string(),
        content_type: None,
        charset: None,
        etag: None,
        last_modified: None,
    };
    let document = document.parse().unwrap();
    let job = StoreJob {
        document,
        fetched,
        listed: Listed::default(),
        known: flow::job::OnDuplicate::Absorb,
        lost: 0,
    };
    let stage = Store::new(Arc::clone(blobs) as _, Arc::new(Counters::default()));
    stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result().unwrap();
}

fn marks(blobs: &MemoryBlobs) -> BTreeMap<String, Option<String>> {
    let documents = blobs.list(BlobKind::Meta).unwrap();
    let marks = documents.into_iter().map(|document| {
        let name = BlobName::new(BlobKind::Meta, document.clone());
        let meta: Meta = serde_json::from_slice(&blobs.read(&name, RECORD_BYTES_MAX).unwrap()).unwrap();
        (document.to_string(), meta.duplicate_of.map(String::from))
    });
    marks.collect()
}

const DOCUMENTS: [(&str, &[u8]); 6] =
    [("PG9", b"a"), ("PG2", b"b"), ("PG10", b"a"), ("x", b"a"), ("PG1", b"c"), ("PG3", b"b")];

#[tokio::test]
async fn the_first_by_id_is_the_original_whatever_the_order() {
    let mut all = Vec::new();
    for turn in 0..DOCUMENTS.len() {
        let blobs = Arc::new(MemoryBlobs::default());
        let mut documents = DOCUMENTS;
        documents.rotate_left(turn);
        for (at, (document, bytes)) in documents.into_iter().enumerate() {
            store(&blobs, document, bytes).await;
            // Marking in between, when not all are there yet, changes nothing in the end.
            if at % 2 == turn % 2 {
                mark(&*blobs).unwrap();
            }
        }
        let report = mark(&*blobs).unwrap();
        assert_eq!((report.documents, report.duplicates.len()), (6, 3));
        assert_eq!(mark(&*blobs).unwrap().changed, 0, "nothing is left to do");
        all.push(marks(&blobs));
    }
    let expected = [
        ("PG1", None),
        ("PG10", None),
        ("PG2", None),
        ("PG3", Some("PG2")),
        ("PG9", Some("PG10")),
        ("x", Some("PG10")),
    ];
    assert_eq!(all[0], expected.map(|(id, of)| (id.to_owned(), of.map(str::to_owned))).into());
    assert!(all.iter().all(|marks| *marks == all[0]));
}

#[tokio::test]
async fn the_same_text_counts_whatever_it_came_as() {
    let blobs = Arc::new(MemoryBlobs::default());
    let start = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n";
    for (document, bytes) in [
        ("a", "Ça va.\nOui.\n".as_bytes().to_vec()),
        ("b", "\u{FEFF}Ça va.\r\nOui.\r\n".as_bytes().to_vec()),
        ("c", format!("Title: X\n\n{start}\nÇa va.\nOui.\n").into_bytes()),
        ("d", "Ça va.\nNon.\n".as_bytes().to_vec()),
    ] {
        store(&blobs, document, &bytes).await;
    }
    let report = mark(&*blobs).unwrap();
    assert_eq!((report.duplicates.len(), report.shared), (2, 2), "the texts, not what they came as");
    assert_eq!(mark(&*blobs).unwrap().shared, 0);
    let marks = marks(&blobs);
    let of = |id: &str| marks[id].as_deref();
    assert_eq!(["a", "b", "c", "d"].map(of), [None, Some("a"), Some("a"), None]);
}

#[tokio::test]
async fn storing_again_is_mended_by_marking_again() {
    let blobs = Arc::new(MemoryBlobs::default());
    store(&blobs, "PG1", b"a").await;
    store(&blobs, "PG2", b"a").await;
    assert_eq!(mark(&*blobs).unwrap().changed, 1);
    let marked = blobs.read(&name(BlobKind::Meta, "PG2"), RECORD_BYTES_MAX).unwrap();
    store(&blobs, "PG2", b"a").await;
    assert_eq!(mark(&*blobs).unwrap().changed, 1);
    assert_eq!(blobs.read(&name(BlobKind::Meta, "PG2"), RECORD_BYTES_MAX).unwrap(), marked);
}

#[tokio::test]
async fn when_the_first_is_gone_the_next_takes_its_place() {
    let blobs = Arc::new(MemoryBlobs::default());
    for document in ["PG1", "PG2", "PG3"] {
        store(&blobs, document, b"a").await;
    }
    mark(&*blobs).unwrap();
    blobs.remove(&name(BlobKind::Meta, "PG1")).unwrap();
    assert_eq!(mark(&*blobs).unwrap().changed, 2);
    assert_eq!(marks(&blobs)["PG2"], None);
    assert_eq!(marks(&blobs)["PG3"].as_deref(), Some("PG2"));
}

#[tokio::test]
async fn a_damaged_meta_is_reported_and_left_alone() {
    let blobs = Arc::new(MemoryBlobs::default());
    store(&blobs, "PG1", b"a").await;
    for (document, bytes) in [("PG0", "{"), ("PG2", "{\"text\": {\"blake3\": \"xyz\"}}")] {
        publish(&*blobs, &name(BlobKind::Meta, document), bytes.as_bytes());
    }
    let report = mark(&*blobs).unwrap();
    assert_eq!(report.unreadable, ["PG0", "PG2"].map(|id| id.parse().unwrap()));
    assert_eq!((report.documents, report.changed), (1, 0));
}

#[tokio::test]
async fn more_than_one_group_is_marked() {
    let blobs = Arc::new(MemoryBlobs::default());
    for n in 0..=GROUP + 1 {
        store(&blobs, &format!("d{n}"), b"same").await;
    }
    assert_eq!(mark(&*blobs).unwrap().changed, GROUP as u64 + 1);
    assert_eq!(marks(&blobs).values().filter(|of| of.as_deref() == Some("d0")).count(), GROUP + 1);
}
