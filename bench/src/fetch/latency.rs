//! A distant server: 150 ms from request to answer, 16 connections.
//!
//! Whoever keeps 16 connections busy needs, for each round of 16 files, one latency; no more can be had over
//! kept connections that ask for one file at a time.

use std::time::Duration;

use anyhow::{Context, ensure};
use flow::blobs::BlobKind;

use super::{
    juggle::{self, Juggle, Manner},
    proxy::Proxy,
    sizes::described,
    source::Source,
    speed::Plan,
    text::Prose,
};
use crate::{report::Report, row::Better};

/// From a request to its answer.
const LATENCY: Duration = Duration::from_millis(150);
const WORK: &str = "download from afar";
const MANNER: Manner = Manner { connections: 16, downloads: 16, ..Manner::FAST };

/// Measures `juggle fetch` through a slow line. The list is in the queue before.
///
/// # Errors
/// If a file is missing or has other bytes, or more connections are used than there may be at a time.
pub fn measure(plan: &Plan<'_>, report: &mut Report, progress: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let prose = Prose::default();
    let texts = plan.sizes.distant_files();
    let what = described(&texts);
    let source = Source::start(plan.served_by, texts, &prose, plan.directory)?;
    let rounds = source.items.len().div_ceil(MANNER.connections as usize);
    let bound = LATENCY.as_secs_f64() * rounds as f64;
    let (mut seconds, mut rss_kib) = (Vec::new(), None);
    for run in 1..=plan.runs {
        progress(&format!("latency: run {run} of {}, {what}", plan.runs));
        let directory = plan.new_directory()?;
        let proxy = Proxy::start(source.address, LATENCY)?;
        let items = source.through(proxy.address);
        let (juggle, run) = (Juggle::beside_this_program()?, directory.path().join("run"));
        juggle.add(&run, &items, directory.path())?;
        let fetch = juggle.fetch(&run, MANNER, (&items, &[]), directory.path())?;
        let took = fetch.wait()?;
        juggle::end_owner(&run)?;
        juggle::must_hold(&run, BlobKind::Spool, &items, &prose)?;
        ensure!(took.seconds >= bound, "{what} in {} s: the latency was missing", took.seconds);
        seconds.push(took.seconds);
        rss_kib = rss_kib.max(took.rss_kib);
        plan.left.borrow_mut().push(directory);
    }
    let shape = format!("{what}, {} ms, {} connections", LATENCY.as_millis(), MANNER.connections);
    let over: Vec<f64> = seconds.iter().map(|seconds| seconds / bound).collect();
    report.add(WORK, &format!("{shape}: juggle fetch"), "s", &seconds, Better::Lower, rss_kib);
    report.add(WORK, &format!("{shape}: latency × {rounds} rounds"), "s", &[bound], Better::Lower, None);
    report.add(WORK, &format!("{shape}: time over that"), "×", &over, Better::Lower, None);
    seconds.first().map(|_| ()).context("there was no run")
}
