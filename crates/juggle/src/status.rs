//! `juggle status`: how far a run is, while stages run and when nothing runs.

use std::{collections::BTreeMap, path::Path, time::Duration};

use flow::{
    lane::Lane,
    queue::{LaneStats, QueueStats},
    shell::quoted_path,
};
use serde::Serialize;

use crate::{
    blocking::blocking,
    cli::StatusArgs,
    directory,
    duplicates::{self, Duplicate},
    exit::{CliError, Exit},
    output::{Out, table},
    queue_connection::QueueConnection,
    settings::resolved::Settings,
};

/// Duplicates that are named for people.
const NAMED_MAX: usize = 10;
const BEAT: Duration = Duration::from_secs(1);

/// The JSON of `juggle status`.
#[derive(Debug, Serialize)]
struct Status<'a> {
    output_dir: &'a Path,
    lanes: BTreeMap<&'static str, LaneRow>,
    pending: u64,
    unfed: u64,
    dead: u64,
    workers: BTreeMap<&'static str, u64>,
    /// Documents with the text of another, as of the last time that texts were stored and compared.
    duplicates: &'a [Duplicate],
}

#[derive(Debug, Serialize)]
struct LaneRow {
    ready: u64,
    delayed: u64,
    leased: u64,
    done: u64,
    dead: u64,
    retried: u64,
    paused: bool,
}

impl LaneRow {
    fn of(stats: &LaneStats) -> Self {
        let LaneStats { ready, delayed, leased, done, dead, retried, workers: _, paused } = *stats;
        Self { ready, delayed, leased, done, dead, retried, paused }
    }
}

impl<'a> Status<'a> {
    fn of(output_dir: &'a Path, stats: &QueueStats, duplicates: &'a [Duplicate]) -> Self {
        let by_lane = || Lane::ALL.iter().map(|lane| (lane.name(), stats.lane(*lane)));
        Self {
            output_dir,
            lanes: by_lane().map(|(name, lane)| (name, LaneRow::of(lane))).collect(),
            pending: stats.pending(),
            unfed: stats.unfed,
            dead: by_lane().map(|(_, lane)| lane.dead).sum(),
            workers: by_lane().map(|(name, lane)| (name, lane.workers)).collect(),
            duplicates,
        }
    }
}

/// Runs `juggle status`.
///
/// # Errors
/// Where there is no run, or its queue cannot be reached.
pub async fn run(args: &StatusArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    loop {
        directory::must_exist(&settings.output_dir)?;
        let stats = QueueConnection::stats(&settings.output_dir).await;
        let run = settings.output_dir.clone();
        let reading = blocking(move || duplicates::read(&run));
        let duplicates = reading.await??;
        show(&settings.output_dir, &stats?, &duplicates, out)?;
        if !args.watch {
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

fn show(run: &Path, stats: &QueueStats, duplicates: &[Duplicate], out: &Out) -> Result<(), CliError> {
    if out.is_json() {
        return out.json(&Status::of(run, stats, duplicates));
    }
    let mut table = table(&["lane", "ready", "delayed", "in flight", "done", "dead", "workers", ""]);
    for lane in Lane::ALL {
        let row = stats.lane(lane);
        let numbers = [row.ready, row.delayed, row.leased, row.done, row.dead, row.workers];
        let mut cells = vec![lane.name().to_owned()];
        cells.extend(numbers.iter().map(ToString::to_string));
        cells.push(if row.paused { "paused" } else { "" }.to_owned());
        table.add_row(cells);
    }
    out.line(&table.trim_fmt())?;
    if stats.unfed > 0 {
        out.line(&format!("{} listed texts are not yet in the fetch lane", stats.unfed))?;
    }
    show_duplicates(run, duplicates, out)?;
    let dead: u64 = stats.lanes.iter().map(|lane| lane.dead).sum();
    let end = match (stats.pending(), dead) {
        (0, 0) => "everything is done".to_owned(),
        (0, dead) => format!("{dead} failed for good: juggle queue ls -o {} --state dead", quoted_path(run)),
        (pending, _) => format!("{pending} pending: juggle pipeline -o {} goes on", quoted_path(run)),
    };
    out.line(&end)
}

fn show_duplicates(run: &Path, duplicates: &[Duplicate], out: &Out) -> Result<(), CliError> {
    if duplicates.is_empty() {
        return Ok(());
    }
    out.line(&format!("{} documents have the text of another, which is counted once:", duplicates.len()))?;
    for Duplicate { id, duplicate_of } in duplicates.iter().take(NAMED_MAX) {
        out.line(&format!("  {id} = {duplicate_of}"))?;
    }
    let path = duplicates::path_in(run);
    if duplicates.len() > NAMED_MAX {
        out.line(&format!("  … all of them: {}", path.display()))
    } else {
        Ok(())
    }
}
