//! The memory of juggle's three processes, with ever more URLs, and with one long text.

use std::net::Ipv4Addr;

use super::{
    item::Item,
    juggle::{self, Juggle, Manner},
    server::Server,
    sizes::tiny_bytes,
    speed::Plan,
    text::Prose,
};
use crate::{report::Report, row::Better, table::grouped};

const WORK: &str = "memory of a download";

/// Measures the most memory that each process has.
///
/// # Errors
/// If a text is missing or has other bytes.
pub fn measure(plan: &Plan<'_>, report: &mut Report, progress: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let prose = Prose::default();
    let server = Server::start(prose.clone())?;
    let item = |number, bytes| server.item(Ipv4Addr::LOCALHOST, format!("tiny-{number:06}"), number, bytes);
    for count in plan.sizes.counts() {
        let items: Vec<Item> = (0..count).map(|number| item(number, tiny_bytes())).collect();
        let shape = format!("{} URLs", grouped(count));
        progress(&format!("memory: {shape}"));
        measure_one(plan, &items, &shape, Manner::FAST, report)?;
    }
    let bytes = plan.sizes.long_bytes();
    let shape = format!("one text of {} MiB", grouped(bytes >> 20));
    progress(&format!("memory: {shape}"));
    measure_one(plan, &[item(0, bytes)], &shape, Manner { bytes_max: 2 * bytes, ..Manner::FAST }, report)
}

fn measure_one(
    plan: &Plan<'_>,
    items: &[Item],
    shape: &str,
    manner: Manner,
    report: &mut Report,
) -> anyhow::Result<()> {
    let directory = plan.new_directory()?;
    let (juggle, run) = (Juggle::beside_this_program()?, directory.path().join("run"));
    let added = juggle.add(&run, items, directory.path())?;
    let stored = juggle.fetch_and_store(&run, manner, items, directory.path())?;
    let owner = juggle::end_owner(&run)?;
    juggle::must_be_stored(&run, items, &Prose::default())?;
    let peaks = [
        ("juggle add", added.rss_kib),
        ("juggle fetch", stored.fetch.rss_kib),
        ("juggle store", stored.store.rss_kib),
        ("juggle-queue", owner),
    ];
    for (program, peak) in peaks {
        let figures: Vec<f64> = peak.iter().map(|kib| *kib as f64 / 1024.0).collect();
        report.add(WORK, &format!("{shape}: {program}"), "MiB", &figures, Better::Lower, peak);
    }
    report.add(WORK, &format!("{shape}: time"), "s", &[stored.seconds], Better::Lower, None);
    plan.left.borrow_mut().push(directory);
    Ok(())
}
