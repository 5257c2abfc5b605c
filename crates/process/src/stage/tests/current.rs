//! Tests which results exist already, and are not computed again.

use std::sync::atomic::{AtomicU64, Ordering};

use corpus::stats;

use super::*;

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
