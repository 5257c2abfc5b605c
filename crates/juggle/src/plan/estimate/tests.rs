use std::{collections::HashMap, ffi::OsString};

use clap::{Args as _, Command, FromArgMatches};
use flow::payload::Listed;

use super::{super::robots::RobotsVerdict, *};
use sources::entry::Entry;

use crate::settings::args::Args;

fn settings(line: &[&str], file: &str) -> (tempfile::TempDir, Settings) {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("juggle.toml"), file).expect("writable");
    let command = Args::augment_args(Command::new("juggle").no_binary_name(true));
    let args = Args::from_arg_matches(&command.try_get_matches_from(line).expect("typed correctly"));
    let out = HashMap::from([("JUGGLE_OUTPUT_DIR", directory.path().join("out"))]);
    let environment = |name: &str| out.get(name).map(OsString::from);
    let settings = Settings::resolve(&args.expect("no checks here"), environment, directory.path());
    (directory, settings.expect("valid"))
}

fn entry(id: &str, url: &str, column: Option<(&str, &str)>) -> Entry {
    let columns = column.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let listed = Listed { columns, ..Listed::default() };
    Entry { id: id.parse().expect("an id"), urls: vec![url.to_owned()], listed }
}

fn estimate(settings: &Settings, entries: impl IntoIterator<Item = Entry>) -> Estimate {
    let robots = |url: &str| {
        if url.contains("/private/") { RobotsVerdict::Disallowed } else { RobotsVerdict::Allowed }
    };
    let mut counts = PlanCounts::new(settings, &robots, sources::refresh::Refresh::No);
    entries.into_iter().for_each(|entry| counts.add(&entry));
    Estimate::of(&counts, settings)
}

fn rough(at: &[HostEstimate], host: &str) -> (u64, u64, f64) {
    let host = at.iter().find(|estimate| estimate.host == host).expect("it is listed");
    (host.texts, host.requests, host.least_seconds)
}

#[test]
fn a_host_takes_its_own_wait_between_requests_and_the_slowest_bounds_all() {
    let (_keep, settings) = settings(
        &["--mirror", "http://old.example=http://user:secret@new.example:81/pg", "-j", "5", "-x", "2"],
        "[host.\"new.example:81\"]\nwait = \"500ms\"\nmax_connection_per_server = 4\n",
    );
    let of = |host: &str, count: usize| {
        let url = format!("http://{host}/");
        (0..count).map(move |n| entry(&format!("{}-{n}", n + url.len()), &format!("{url}{n}.txt"), None))
    };
    let listed = of("old.example", 101).chain(of("a.example", 11)).chain(of("b.example", 1));
    let plan = estimate(&settings, listed.chain([entry("l", "file:///x", None)]));
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
    let (_keep, settings) = settings(&[], "");
    let meta = settings.output_dir.join("meta");
    std::fs::create_dir_all(&meta).expect("writable");
    std::fs::write(meta.join("have.json"), "{}").expect("writable");
    let url = "http://a.example/x";
    let plan = estimate(
        &settings,
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
    let (_keep, roomy) = settings(&["--limit-rate", "1KiB"], "");
    let listed = |bytes: &str| [entry("x", "http://a.example/x", Some(("bytes", bytes)))];
    let plan = estimate(&roomy, listed("1MiB"));
    assert_eq!(plan.least_seconds, 1024.0);
    assert_eq!((plan.disk.has_room, plan.disk.min_free_space_bytes), (Some(true), 64 << 20));
    assert_eq!(estimate(&roomy, listed("1024TiB")).disk.has_room, Some(false));
    let (_keep, full) = settings(&["--min-free-space", "1024TiB"], "");
    assert_eq!(estimate(&full, []).disk.has_room, Some(false));
}
