//! `juggle status`: shows the progress of a run, while stages run and when nothing runs.

use std::{collections::BTreeMap, path::Path, time::Duration};

use corpus::duplicate_list::{self, Duplicate};
use flow::{
    lane::Lane,
    queue::{LaneStats, QueueStats},
    shell::quoted_path,
};
use indicatif::HumanCount;
use queue::connection::QueueConnection;
use serde::Serialize;

use crate::{
    blocking::blocking,
    cli::StatusArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, align_right, counted, table},
};
use settings::resolved::Settings;

/// The maximum number of duplicates that are printed.
// The status should fit on one screen.
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
    /// Documents with the text of another, when texts were last compared.
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
/// Returns an error if there is no run, or its queue cannot be reached.
pub async fn run(args: &StatusArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    loop {
        // In the loop: the directory may be removed while it is watched.
        directory::must_exist(&settings.output_dir)?;
        let stats = QueueConnection::stats(&settings.output_dir).await;
        let run = settings.output_dir.clone();
        let reading = blocking(move || duplicate_list::read(&run));
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
        cells.extend(numbers.map(|number| HumanCount(number).to_string()));
        cells.push(if row.paused { "paused" } else { "" }.to_owned());
        table.add_row(cells);
    }
    align_right(&mut table, 1..7);
    out.line(&table.trim_fmt())?;
    if stats.unfed > 0 {
        out.line(&format!("{} not in the fetch lane yet", counted(stats.unfed, "listed text")))?;
    }
    show_duplicates(run, duplicates, out)?;
    let dead: u64 = stats.lanes.iter().map(|lane| lane.dead).sum();
    let end = match (stats.pending(), dead) {
        (0, 0) => "Nothing is left to do.".to_owned(),
        (0, dead) => {
            let (documents, run) = (counted(dead, "document"), quoted_path(run));
            format!("{documents} failed. To list them: juggle queue ls -o {run} --state dead")
        }
        (pending, _) => {
            let (documents, run) = (counted(pending, "document"), quoted_path(run));
            format!("{documents} left. To continue: juggle pipeline -o {run}")
        }
    };
    out.line(&end)
}

fn show_duplicates(run: &Path, duplicates: &[Duplicate], out: &Out) -> Result<(), CliError> {
    if duplicates.is_empty() {
        return Ok(());
    }
    let documents = counted(duplicates.len() as u64, "document");
    out.line(&format!("{documents} not counted again, with the same text as another:"))?;
    for Duplicate { id, duplicate_of } in duplicates.iter().take(NAMED_MAX) {
        out.line(&format!("  {id} = {duplicate_of}"))?;
    }
    let path = duplicate_list::path_in(run);
    if duplicates.len() > NAMED_MAX {
        out.line(&format!("  … and more, all listed in {}", path.display()))
    } else {
        Ok(())
    }
}
