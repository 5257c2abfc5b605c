use std::num::NonZeroU64;

use flow::{job::Group, payload::Listed};

use super::{estimate::HostEstimate, robots::RobotsCounts, *};
use crate::{entry::Entry, refresh::Refresh};

const LIMIT: GroupLimit = GroupLimit { in_flight: 2, interval_ms: 2_000 };

fn config(change: impl FnOnce(&mut PlanConfig)) -> (tempfile::TempDir, PlanConfig) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = PlanConfig {
        run: directory.path().join("out"),
        fetch: FetchConfig::default(),
        limit: LIMIT,
        named_limits: NamedLimits::new(),
        downloads_max: 16,
    };
    change(&mut config);
    (directory, config)
}

fn entry(id: &str, url: &str, column: Option<(&str, &str)>) -> Entry {
    let columns = column.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let listed = Listed { columns, ..Listed::default() };
    Entry { id: id.parse().expect("an id"), urls: vec![url.to_owned()], listed }
}

fn estimate(config: &PlanConfig, entries: impl IntoIterator<Item = Entry>) -> Estimate {
    let robots = |url: &str| {
        if url.contains("/private/") { RobotsVerdict::Disallowed } else { RobotsVerdict::Allowed }
    };
    let mut counts = PlanCounts::new(config, &robots, Refresh::No);
    entries.into_iter().for_each(|entry| counts.add(&entry));
    Estimate::of(&counts, config)
}

fn rough(at: &[HostEstimate], host: &str) -> (u64, u64, f64) {
    let host = at.iter().find(|estimate| estimate.host == host).expect("it is listed");
    (host.texts, host.requests, host.least_seconds)
}

#[test]
fn a_host_takes_its_own_wait_between_requests_and_the_slowest_bounds_all() {
    let (_keep, config) = config(|config| {
        let mirror = "http://old.example=http://user:secret@new.example:81/pg".parse();
        config.fetch.mirrors = vec![mirror.expect("a mirror")];
        config.downloads_max = 5;
        let own = GroupLimit { in_flight: 4, interval_ms: 500 };
        config.named_limits = [(Group("new.example:81".to_owned()), own)].into();
    });
    let of = |host: &str, count: usize| {
        let url = format!("http://{host}/");
        (0..count).map(move |n| entry(&format!("{}-{n}", n + url.len()), &format!("{url}{n}.txt"), None))
    };
    let listed = of("old.example", 101).chain(of("a.example", 11)).chain(of("b.example", 1));
    let plan = estimate(&config, listed.chain([entry("l", "file:///x", None)]));
    assert_eq!(rough(&plan.by_host, "new.example:81"), (101, 101, 50.0));
    assert_eq!(rough(&plan.by_host, "a.example"), (11, 11, 20.0));
    assert_eq!(rough(&plan.by_host, "b.example"), (1, 1, 0.0));
    assert_eq!(rough(&plan.by_host, "local files"), (1, 0, 0.0));
    assert_eq!((plan.by_host[0].host.as_str(), plan.least_seconds), ("new.example:81", 50.0));
    assert_eq!((plan.entries, plan.requests, plan.downloads_at_a_time), (114, 113, 5));
    assert_eq!(plan.hosts["a.example"], 11);
    let [mirror] = &plan.mirrors[..] else { panic!("one mirror applies") };
    assert_eq!((mirror.texts, mirror.to.as_str()), (101, "http://new.example:81/pg"));
}

#[test]
fn what_is_stored_or_disallowed_costs_no_request() {
    let (_keep, config) = config(|_| {});
    let meta = config.run.join("meta");
    std::fs::create_dir_all(&meta).expect("writable");
    std::fs::write(meta.join("have.json"), "{}").expect("writable");
    let url = "http://a.example/x";
    let plan = estimate(
        &config,
        [
            entry("have", url, Some(("bytes", "7"))),
            entry("want", url, Some(("Size", "2KiB"))),
            entry("more", url, Some(("length", "many"))),
            entry("not", "http://a.example/private/x", Some(("bytes", "1"))),
        ],
    );
    assert_eq!((plan.stored, plan.requests, plan.known_bytes, plan.texts_of_unknown_size), (1, 2, 2_049, 1));
    let verdicts = RobotsCounts { allowed: 2, disallowed: 1, not_asked: 0 };
    assert_eq!((plan.by_host[0].robots, plan.least_seconds), (Some(verdicts), 2.0));
}

#[test]
fn known_bytes_are_held_against_rate_and_disk() {
    let (_keep, roomy) = config(|config| config.fetch.bytes_per_second_max = NonZeroU64::new(1024));
    let listed = |bytes: &str| [entry("x", "http://a.example/x", Some(("bytes", bytes)))];
    let plan = estimate(&roomy, listed("1MiB"));
    assert_eq!(plan.least_seconds, 1024.0);
    assert_eq!((plan.disk.has_room, plan.disk.min_free_space_bytes), (Some(true), 64 << 20));
    assert_eq!(estimate(&roomy, listed("1024TiB")).disk.has_room, Some(false));
    let (_keep, full) = config(|config| config.fetch.free_bytes_min = 1024 << 40);
    assert_eq!(estimate(&full, []).disk.has_room, Some(false));
}
