//! `juggle status`: shows the progress of a run, while stages run and when nothing runs.

mod screen;
mod view;

use std::{path::Path, time::Duration};

use corpus::duplicate_list::{self, Duplicate};
use flow::{
    clock::{Clock, Millis, millis},
    lane::Lane,
    queue::QueueError,
    shell::quoted_path,
};
use indicatif::HumanCount;
use monitor::{
    failures::FailureGroup,
    host::HostView,
    snapshot::{Snapshot, Waits},
    status::{Requests, Status},
    traffic::Traffic,
};
use queue::connection::QueueConnection;

use crate::{
    blocking::blocking,
    cli::StatusArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, align_right, clock_time, counted, short_span, table},
};
use settings::resolved::Settings;

/// The maximum number of duplicates that are printed.
// The status should fit on one screen.
const NAMED_MAX: usize = 10;
/// The maximum number of kinds of failures that are printed.
const KINDS_MAX: usize = 5;
const BEAT: Duration = Duration::from_secs(1);

/// Runs `juggle status`.
///
/// # Errors
/// Returns an error if there is no run, or its queue cannot be reached.
pub async fn run(args: &StatusArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    if args.watch && !out.is_json() && screen::is_possible() {
        directory::must_exist(&settings.output_dir)?;
        return screen::show(settings).await;
    }
    loop {
        // In the loop: the directory may be removed while it is watched.
        directory::must_exist(&settings.output_dir)?;
        let snapshot = snapshot(settings).await;
        let run = settings.output_dir.clone();
        let reading = blocking(move || duplicate_list::read(&run));
        let duplicates = reading.await??;
        if out.is_json() {
            let requests = requests(&settings.output_dir).await?;
            let (output_dir, snapshot) = (&settings.output_dir, &snapshot?);
            let requests = Requests::from(&requests);
            out.json(&Status { output_dir, snapshot, requests, duplicates: &duplicates })?;
        } else {
            show(&settings.output_dir, &snapshot?, &duplicates, out)?;
        }
        if !args.watch {
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

/// Takes a snapshot by a short visit to the queue.
pub(crate) async fn snapshot(settings: &Settings) -> Result<Snapshot, QueueError> {
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let snapshot = Snapshot::take(&*connection.queue(), &waits(settings)).await;
    connection.close().await;
    snapshot
}

/// Returns the shortest times between two requests to a host.
pub(crate) fn waits(settings: &Settings) -> Waits {
    Waits { usual_ms: millis(settings.wait), named: settings.named_limits() }
}

/// Counts the requests since the event log begins.
async fn requests(run: &Path) -> Result<Traffic, CliError> {
    let own = run.to_owned();
    let read = blocking(move || Traffic::read(&own)).await?;
    read.map_err(|error| CliError::unreadable(&event_log::path_in(run), &error))
}

fn show(run: &Path, snapshot: &Snapshot, duplicates: &[Duplicate], out: &Out) -> Result<(), CliError> {
    let mut table = table(&["lane", "ready", "delayed", "in flight", "done", "dead", "workers", ""]);
    for lane in Lane::ALL.map(Lane::name) {
        let row = &snapshot.lanes[lane].counts;
        let numbers = [row.ready, row.delayed, row.leased, row.done, row.dead, snapshot.workers[lane]];
        let mut cells = vec![lane.to_owned()];
        cells.extend(numbers.map(|number| HumanCount(number).to_string()));
        cells.push(if row.paused { "paused" } else { "" }.to_owned());
        table.add_row(cells);
    }
    align_right(&mut table, 1..7);
    out.line(&table.trim_fmt())?;
    if snapshot.unfed > 0 {
        out.line(&format!("{} not in the fetch lane yet", counted(snapshot.unfed, "listed text")))?;
    }
    for line in host_lines(&snapshot.hosts, Clock::start().now_ms(), NAMED_MAX) {
        out.line(&line)?;
    }
    show_duplicates(run, duplicates, out)?;
    if let Some(failed) = failed_line(&snapshot.failures, snapshot.dead) {
        out.line(&failed)?;
    }
    if let Some(seconds) = snapshot.seconds_left {
        out.line(&format!("About {} left.", short_span(seconds * 1_000)))?;
    }
    let quoted = quoted_path(run);
    if snapshot.dead > 0 {
        out.line(&format!("To list the failures: juggle queue ls -o {quoted} --state dead"))?;
    }
    match snapshot.pending {
        0 if snapshot.dead > 0 => Ok(()),
        0 => out.line("Nothing is left to do."),
        pending => out.line(&format!(
            "{} left. To continue: juggle pipeline -o {quoted}",
            counted(pending, "document")
        )),
    }
}

/// Returns a line for each host that is paused: until when, why, and how many texts wait.
pub(crate) fn host_lines(hosts: &[HostView], now: Millis, named_max: usize) -> Vec<String> {
    let held: Vec<&HostView> = hosts.iter().filter(|host| host.is_notable()).collect();
    let mut lines: Vec<String> = held.iter().take(named_max).map(|host| host_line(host, now)).collect();
    if let Some(more @ 1..) = held.len().checked_sub(named_max) {
        lines.push(format!("{} more", counted(more as u64, "paused host")));
    }
    lines
}

fn host_line(host: &HostView, now: Millis) -> String {
    let for_ms = host.for_ms.unwrap_or(0);
    let (until, span) = (clock_time(now.saturating_add(for_ms)), short_span(for_ms));
    let why = host.reason().unwrap_or_default();
    let texts = counted(host.pending(), "text");
    let wait = if host.pending() == 1 { "waits" } else { "wait" };
    format!("{} is {} until {until} ({span}): {why}; {texts} {wait}", host.host, host.state.name())
}

/// Returns the failures by what happened, such as `90 failed: 50 × 404 Not Found, 40 × timeout`, or `None` if
/// there are none.
pub(crate) fn failed_line(failures: &[FailureGroup], dead: u64) -> Option<String> {
    let groups: Vec<String> = failures
        .iter()
        .take(KINDS_MAX)
        .map(|group| format!("{} × {}", HumanCount(group.count), group.kind))
        .collect();
    let rest = dead.saturating_sub(failures.iter().take(KINDS_MAX).map(|group| group.count).sum());
    let more = if rest > 0 { format!(", {} × other", HumanCount(rest)) } else { String::new() };
    (dead > 0).then(|| format!("{} failed: {}{more}", counted(dead, "document"), groups.join(", ")))
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
