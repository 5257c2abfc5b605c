//! Downloads that cannot be stored.

use super::*;

#[tokio::test]
async fn what_is_no_text_is_refused_with_its_reason() {
    let boilerplate =
        "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n \n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n";
    let mut flawed = b"\xEF\xBB\xBF".to_vec();
    flawed.extend(b"text \xFF\xFE ".repeat(100));
    for (bytes, reason) in [
        (b"".as_slice(), Reason::Empty),
        (b" \r\n\t\n", Reason::Empty),
        (boilerplate.as_bytes(), Reason::Empty),
        (b"\x7fELF\0\0\0\0\0\0\0\0", Reason::NotText),
        (&flawed, Reason::Undecodable),
    ] {
        let failure = refused(bytes).await;
        assert_eq!(failure.reason, reason, "{failure}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_the_download_are_refused() {
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::default());
    let job = fetched(&*blobs, b"what was downloaded");
    publish(&*blobs, &name(BlobKind::Spool, "PG1"), b"something else");
    let Err(Ending::Dead(failure)) = run(&blobs, job.clone()).await else { panic!("it must be refused") };
    assert!(failure.message.contains("Fetch it again"), "{failure}");
    assert_eq!(read(&*blobs, BlobKind::Spool), b"something else");

    publish(&*blobs, &name(BlobKind::Raw, "PG1"), b"what was downloaded");
    run(&blobs, job).await.unwrap();
    assert_eq!(read(&*blobs, BlobKind::Text), b"what was downloaded", "raw has it");
}

#[tokio::test]
async fn a_download_that_is_nowhere_is_fetched_again_a_few_times() {
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::default());
    let mut job = job(b"x");
    job.listed.title = Some("Faust".to_owned());
    for lost in 1..=3 {
        let Err(Ending::Requeue(Requeue::SentBack { failure, job: sent })) = run(&blobs, job.clone()).await
        else {
            panic!("it must be sent back")
        };
        assert!(failure.message.contains("'PG1' is no longer in spool/ or raw/"), "{failure}");
        assert_eq!((sent.lane, &*sent.key, sent.known), (Lane::Fetch, "PG1", OnDuplicate::Renew));
        let fetch: FetchJob = serde_json::from_slice(&sent.payload).unwrap();
        assert_eq!((fetch.urls, fetch.lost), (vec![job.fetched.url.clone()], lost));
        assert_eq!(fetch.listed, job.listed, "what the list says of it goes with it");
        job.lost = lost;
    }
    let Err(Ending::Dead(failure)) = run(&blobs, job).await else { panic!("it must not go on for ever") };
    assert!(failure.message.contains("in neither spool/ nor raw/"), "{failure}");
}
