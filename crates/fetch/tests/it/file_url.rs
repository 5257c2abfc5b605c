//! Texts of this machine.

use flow::{failure::Reason, stage::Ending};
use url::Url;

use crate::harness::{Harness, Report, fatal, text};

fn file(rig: &Harness, name: &str, bytes: &[u8]) -> String {
    let path = rig.root.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Url::from_file_path(path).unwrap().into()
}

#[tokio::test]
async fn a_local_text_is_copied() {
    let rig = Harness::new();
    let body = text(1_000_000);
    let url = file(&rig, "ä b#.txt", &body);
    let fetched = rig.fetch(&url).await.unwrap().fetched;
    assert_eq!(rig.spooled(&fetched), body);
    assert_eq!((&fetched.url, &fetched.final_url, fetched.status), (&url, &url, None));
    assert_eq!(rig.part(), (0, false));
    assert_eq!(rig.counters.bytes.get(), 1_000_000);
}

#[tokio::test]
async fn the_rules_for_downloads_hold_for_local_texts() {
    let mut rig = Harness::new();
    rig.config.body_bytes_max = 1_000;
    for (bytes, reason) in [
        (&text(1_001)[..], Reason::TooLarge),
        (b"", Reason::Empty),
        (b"<!doctype html>", Reason::NotText),
        (b"\x1f\x8b\x08", Reason::NotText),
    ] {
        let url = file(&rig, "x.txt", bytes);
        assert_eq!(fatal(rig.fetch(&url).await), reason);
        assert_eq!(rig.part(), (0, false));
    }
    let url = file(&rig, "x.txt", b"words");
    let mut job = rig.job(&[&url]);
    job.listed.blake3 = Some("0".repeat(64));
    assert_eq!(fatal(rig.attempt(job, 0).await), Reason::NotText);
    assert!(!rig.is_published());
}

#[tokio::test]
async fn what_is_no_readable_file_is_named() {
    let rig = Harness::new();
    let missing = rig.root.path().join("missing.txt");
    for path in [&missing, &rig.root.path().to_owned(), &"/dev/zero".into()] {
        let url = Url::from_file_path(path).unwrap();
        let Err(Report { ending: Ending::Dead(failure), .. }) = rig.fetch(url.as_str()).await else {
            panic!("{url}")
        };
        assert_eq!(failure.reason, Reason::Internal);
        assert!(failure.message.contains(path.to_str().unwrap()), "{failure}");
    }
    assert!(rig.fetch("file://elsewhere.example/x").await.is_err());
}
