//! Many hosts, each with a least time between requests: the whole takes as long as politeness wants, and no
//! longer.
//!
//! Hosts are addresses of 127.0.0.0/8, all of one server, which looks at how close requests to each of them
//! follow each other and how many are under way. A second request to a host while one is under way, or one
//! that comes in less than nine tenths of the least time after the one before it, fails the benchmark: the
//! queue spaces what it hands out, and what lies between that and the server may take a moment more or less.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use super::{
    item::Item,
    juggle::{self, Juggle, Manner},
    politeness::{Host, Hosts},
    running::Running,
    server::Server,
    sizes::{Crowd, tiny_bytes},
    speed::Plan,
    text::Prose,
};
use crate::{report::Report, row::Better, table::grouped};

const WORK: &str = "download from many hosts";
/// The host with most of the URLs, if there is one.
const LARGE: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 1);
/// Downloads at a time: no limit to what politeness allows.
const DOWNLOADS: u32 = 256;
/// The share of the least time that must lie between two requests at the server.
const GAP_SHARE_MIN: f64 = 0.9;
/// Time limit for the hosts with few URLs: this many times their bound, plus a constant.
const PATIENCE: (u32, Duration) = (3, Duration::from_secs(10));
const BEAT: Duration = Duration::from_millis(20);
/// Exit codes that are accepted after a request to end: everything done, or interrupted.
const ENDED: [i32; 2] = [0, 7];

/// Measures the hosts with the same number of URLs each, then those beside one large host; the second also
/// if the first fails.
///
/// # Errors
/// If a text is missing, or a host is treated worse than was asked.
pub fn measure(plan: &Plan<'_>, report: &mut Report, progress: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let mut measured = Ok(());
    for crowd in [plan.sizes.even(), plan.sizes.one_large()] {
        let shape = described(crowd);
        progress(&format!("hosts: {shape}"));
        let one = measure_one(plan, crowd, &shape, report).with_context(|| format!("'{shape}'"));
        measured = measured.and(one);
    }
    measured
}

fn described(crowd: Crowd) -> String {
    let (urls, hosts, wait) = (grouped(crowd.urls()), grouped(crowd.hosts.into()), crowd.wait);
    match crowd.urls_large {
        0 => format!("{urls} URLs over {hosts} hosts, {wait:?} apart"),
        large => {
            format!("{urls} URLs, {} of one host, the others of {hosts}, {wait:?} apart", grouped(large))
        }
    }
}

/// Result for the hosts with few URLs.
struct Finish {
    /// From the start of the stages to the last of their requests.
    seconds: f64,
    /// Their requests.
    requests: u64,
}

fn measure_one(plan: &Plan<'_>, crowd: Crowd, shape: &str, report: &mut Report) -> anyhow::Result<()> {
    let prose = Prose::default();
    let server = Server::start(prose.clone())?;
    let items = items(crowd, &server);
    let directory = plan.new_directory()?;
    let (juggle, run) = (Juggle::beside_this_program()?, directory.path().join("run"));
    juggle.add(&run, &items, directory.path())?;
    let manner = Manner { wait: crowd.wait, connections: 1, downloads: DOWNLOADS, ..Manner::FAST };
    let started = Instant::now();
    let mut fetch = juggle.fetch(&run, manner, (&items, &[]), directory.path())?;
    let store = juggle.store(&run, directory.path())?;
    let process = juggle.process_where_needed(&run, &items, directory.path())?;
    let finish = watch(crowd, &server.hosts, started, &mut fetch)?;
    let took = if crowd.urls_large > 0 {
        // The rest of the large host would take hours.
        fetch.ask_to_end()?;
        store.ask_to_end()?;
        if let Some(process) = process {
            process.ask_to_end()?;
            process.wait_for(&ENDED)?;
        }
        store.wait_for(&ENDED)?;
        fetch.wait_for(&ENDED)?
    } else {
        let took = fetch.wait()?;
        store.wait()?;
        if let Some(process) = process {
            process.wait()?;
        }
        juggle::must_be_stored(&run, &items, &prose)?;
        took
    };
    juggle::end_owner(&run)?;
    let seen = server.hosts.seen();
    told(crowd, shape, &finish, &seen, took.rss_kib, report);
    plan.left.borrow_mut().push(directory);
    must_be_polite(crowd, &seen)
}

/// The URLs of all hosts in turn, those of the large one spread evenly between them.
fn items(crowd: Crowd, server: &Server) -> Vec<Item> {
    let mut items = Vec::new();
    let mut add = |host: Ipv4Addr| {
        let number = items.len() as u64;
        items.push(server.item(host, format!("host-{number:06}"), number, tiny_bytes()));
    };
    let few = u64::from(crowd.hosts) * crowd.urls_each;
    for number in 0..few {
        let host = u32::try_from(number % u64::from(crowd.hosts)).expect("below the number of hosts");
        add(Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + host));
        (0..crowd.urls_large / few).for_each(|_| add(LARGE));
    }
    items
}

/// Waits until all requests to the hosts with few URLs have come, or the patience or the program is at its
/// end.
fn watch(crowd: Crowd, hosts: &Hosts, started: Instant, fetch: &mut Running) -> anyhow::Result<Finish> {
    let all = u64::from(crowd.hosts) * crowd.urls_each;
    let patience = crowd.bound() * PATIENCE.0 + PATIENCE.1;
    // Nobody sends: it is the clock.
    let (_quiet, beat) = mpsc::sync_channel::<()>(0);
    loop {
        let has_ended = fetch.has_ended()?;
        let seen = hosts.seen();
        let few = || seen.iter().filter(|(host, _)| **host != IpAddr::from(LARGE)).map(|(_, seen)| seen);
        let requests = few().map(|host| host.requests).sum();
        let last = few().map(|host| host.last).max().unwrap_or(started);
        if requests >= all {
            return Ok(Finish { seconds: last.duration_since(started).as_secs_f64(), requests });
        }
        if has_ended || started.elapsed() > patience {
            return Ok(Finish { seconds: started.elapsed().as_secs_f64(), requests });
        }
        ensure!(beat.recv_timeout(BEAT).is_err(), "the clock is broken");
    }
}

fn told(
    crowd: Crowd,
    shape: &str,
    finish: &Finish,
    seen: &HashMap<IpAddr, Host>,
    rss_kib: Option<u64>,
    report: &mut Report,
) {
    let bound = crowd.bound().as_secs_f64();
    let all = u64::from(crowd.hosts) * crowd.urls_each;
    let who = if crowd.urls_large > 0 { "the hosts with few URLs" } else { "all hosts" };
    let mut add = |what: &str, unit, figure, better| {
        report.add(WORK, &format!("{shape}: {what}"), unit, &[figure], better, rss_kib);
    };
    add(&format!("last request to {who}"), "s", finish.seconds, Better::Lower);
    add("bound of politeness", "s", bound, Better::Lower);
    add("time over the bound", "×", finish.seconds / bound, Better::Lower);
    add("share of them asked for by then", "%", 100.0 * finish.requests as f64 / all as f64, Better::Higher);
    let gap = seen.values().filter_map(|host| host.gap_min).min().unwrap_or_default();
    add("least time between requests to a host", "s", gap.as_secs_f64(), Better::Higher);
    let most = seen.values().map(|host| host.under_way_max).max().unwrap_or_default();
    add("most requests to a host at a time", "requests", most as f64, Better::Lower);
}

fn must_be_polite(crowd: Crowd, seen: &HashMap<IpAddr, Host>) -> anyhow::Result<()> {
    let least = crowd.wait.mul_f64(GAP_SHARE_MIN);
    for (address, host) in seen {
        ensure!(host.under_way_max <= 1, "{address} had {} requests under way", host.under_way_max);
        let gap = host.gap_min.unwrap_or(crowd.wait);
        ensure!(gap >= least, "{address} had two requests {gap:?} apart, not {:?}", crowd.wait);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impolite_run_fails() {
        let crowd = Crowd { hosts: 1, urls_each: 2, urls_large: 0, wait: Duration::from_millis(100) };
        let address = IpAddr::from([127, 1, 0, 1]);
        let now = Instant::now();
        let after = |ms| {
            let hosts = Hosts::default();
            drop(hosts.came(address, now));
            drop(hosts.came(address, now + Duration::from_millis(ms)));
            hosts
        };
        assert!(must_be_polite(crowd, &after(95).seen()).is_ok());
        assert!(must_be_polite(crowd, &after(50).seen()).is_err());
        let hosts = after(100);
        let _first = hosts.came(address, now + Duration::from_millis(200));
        let _second = hosts.came(address, now + Duration::from_millis(300));
        assert!(must_be_polite(crowd, &hosts.seen()).is_err());
    }

    #[test]
    fn the_urls_of_a_large_host_lie_between_those_of_the_others() {
        let server = Server::start(Prose::default()).unwrap();
        let crowd = Crowd { hosts: 3, urls_each: 2, urls_large: 54, wait: Duration::ZERO };
        let items = items(crowd, &server);
        assert_eq!(items.len() as u64, crowd.urls());
        let is_large = |item: &Item| item.host.ip() == IpAddr::from(LARGE);
        assert_eq!(items.iter().filter(|item| is_large(item)).count(), 54);
        assert!(items.chunks(10).all(|part| part.iter().filter(|item| !is_large(item)).count() == 1));
    }
}
