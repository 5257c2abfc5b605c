//! What the machine and its user hold downloads to: a rate, a floor of the disk, a family of addresses.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use fetch::config::ip_family::IpFamily;
use flow::{
    failure::Reason,
    stage::{Attempt, Ending},
};
use test_server::Script;

use crate::harness::{Harness, Report, run, text};

#[tokio::test]
async fn a_rate_holds_over_all_downloads_of_a_stage() {
    let mut rig = Harness::new();
    rig.config.bytes_per_second_max = NonZeroU64::new(500_000);
    rig.server.respond("/x.txt", Script::bytes(text(200_000)));
    let stage = rig.stage();
    let job = |id: &str| {
        let mut job = rig.job(&[&rig.server.url("/x.txt")]);
        job.document = id.parse().unwrap();
        run(&stage, job, Attempt { number: 1, failures: 0 })
    };
    let started = Instant::now();
    let (one, other) = tokio::join!(job("one"), job("other"));
    assert_eq!((one.unwrap()[0].fetched.bytes, other.unwrap()[0].fetched.bytes), (200_000, 200_000));
    // 400 kB at 500 kB/s, all but a tenth of a second.
    assert!(started.elapsed() >= Duration::from_millis(700), "{:?}", started.elapsed());
}

#[tokio::test]
async fn below_the_floor_nothing_is_asked_for_and_the_job_is_kept() {
    let mut rig = Harness::new();
    rig.config.free_bytes_min = 1 << 60;
    rig.server.respond("/x.txt", Script::bytes("words"));
    let local = rig.root.path().join("local.txt");
    std::fs::write(&local, "words").unwrap();
    for url in [rig.server.url("/x.txt"), format!("file://{}", local.display())] {
        let Err(Report { ending: Ending::Halt(failure), .. }) = rig.fetch(&url).await else {
            panic!("{url}")
        };
        assert_eq!(failure.reason, Reason::DiskFull);
        assert!(
            failure.message.contains("are free") && failure.message.contains("--min-free-space"),
            "{failure}"
        );
        assert_eq!((rig.server.request_count(), rig.is_published()), (0, false));
    }
    rig.config.free_bytes_min = 0;
    rig.get("/x.txt").await.unwrap();
}

#[tokio::test]
async fn an_announced_length_must_leave_the_floor_alone() {
    let mut rig = Harness::new();
    let free = fetch::free_space::free_bytes(&std::env::temp_dir()).unwrap().unwrap();
    rig.config.body_bytes_max = u64::MAX;
    rig.config.free_bytes_min = 1;
    rig.server.respond("/x.txt", Script::generated(free.saturating_mul(4)));
    let Err(Report { ending: Ending::Halt(failure), .. }) = rig.get("/x.txt").await else {
        panic!("there is no room")
    };
    assert!(failure.message.contains("not enough for"), "{failure}");
    assert_eq!((rig.part(), rig.is_published()), ((0, false), false));
}

#[tokio::test]
async fn addresses_of_the_other_family_are_not_contacted() {
    let mut rig = Harness::new();
    rig.server.respond("/x.txt", Script::bytes("words"));
    rig.config.family = IpFamily::V6;
    let Err(Report { ending: Ending::Dead(failure), .. }) = rig.get("/x.txt").await else {
        panic!("it is an IPv4 address")
    };
    assert_eq!(failure.reason, Reason::ForbiddenAddress);
    assert!(failure.message.contains("'127.0.0.1' is not an IPv6 address"), "{failure}");
    assert_eq!(rig.server.request_count(), 0);
    rig.config.family = IpFamily::V4;
    let port = rig.server.addr().port();
    rig.config.allow_hosts.push("localhost".parse().unwrap());
    rig.fetch(&format!("http://localhost:{port}/x.txt")).await.unwrap();
}
