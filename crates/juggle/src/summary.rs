//! The summary of a run, for people and as JSON.

mod failures;
mod totals;

use std::{collections::BTreeMap, sync::Arc};

use corpus::lock::{Difference, LockReport};
use flow::{
    blobs::BlobStore,
    clock::{Clock, millis},
    failure::Reason,
    job::Group,
    lane::Lane,
    queue::{QueueAdmin, QueueStats},
    worker::{Ended, Until},
};
use indicatif::{HumanBytes, HumanCount};
use process::schedule::partition_table::Partition;
use serde::Serialize;
use tokio::time::Instant;

use self::{
    failures::{FailureRow, failures},
    totals::CorpusTotals,
};
use sources::refresh::RefreshSummary;

use crate::{
    blocking::blocking,
    exit::{CliError, Exit},
    lock_session::NAMED_MAX,
    output::{Out, counted, peak_rss_bytes, seconds},
    stages::Stages,
};
use settings::{
    enums::{Network, OldFailures, OnFailure},
    resolved::Settings,
};

/// The maximum number of documents that are printed.
const ROWS_MAX: usize = 40;
/// The maximum number of failures that are printed.
const FAILURES_MAX: usize = 5;

/// The part of a summary that only the run knows.
pub(crate) struct RunFacts {
    pub(crate) lanes: &'static [Lane],
    pub(crate) before: QueueStats,
    pub(crate) ended: Ended,
    pub(crate) until: Until,
    pub(crate) bad_lines: u64,
    pub(crate) started: Instant,
    pub(crate) lock: Option<LockReport>,
}

/// The result of a run.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The corpus after a run of all stages.
    #[serde(flatten)]
    corpus: Option<CorpusTotals>,
    /// The duration of this run.
    seconds: f64,
    /// The number of lines of the source lists that are invalid.
    bad_lines: u64,
    /// The number of listed texts that were skipped because another text has their id.
    conflicts: u64,
    /// The number of jobs that have not ended.
    pending: u64,
    /// Paused hosts that texts wait for. Offline, all hosts that texts wait for.
    resting: Vec<RestingHost>,
    /// The result of a refresh, if there was one.
    refreshed: Option<RefreshSummary>,
    /// The lock that was written or compared. `None` if the run was stopped or did not run all stages.
    lock: Option<LockReport>,
    lanes: BTreeMap<&'static str, LaneSummary>,
    /// Dead jobs: all of the queue, or those of the only lane.
    failures: Vec<FailureRow>,
    /// The working time of each thread of the process stage in this run.
    busy_seconds: Vec<f64>,
    #[serde(rename = "ways")]
    partitions: Vec<Partition>,
    /// The largest of `busy_seconds` divided by their mean.
    imbalance: Option<f64>,
    /// The peak memory of this process.
    peak_rss_bytes: Option<u64>,
    #[serde(skip)]
    is_interrupted: bool,
    #[serde(skip)]
    is_blocked: bool,
}

/// The jobs of a lane. A run of all stages counts the whole queue, a single stage only this process.
#[derive(Debug, Serialize)]
struct LaneSummary {
    done: u64,
    dead: u64,
    retried: u64,
    /// Jobs that were done before this run.
    skipped: u64,
    /// Bytes that this process read.
    bytes: u64,
}

/// A paused host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct RestingHost {
    /// The name, with the port if it is not the default one.
    host: String,
    /// The number of texts that wait for it.
    texts: u64,
}

/// Returns the hosts that the fetch lane waits for, at most a hundred.
async fn resting_hosts(queue: &dyn QueueAdmin) -> Result<Vec<RestingHost>, CliError> {
    let details = queue.details().await?;
    let groups = details.lanes[Lane::Fetch.index()].groups.iter();
    let resting = groups.filter_map(|stats| {
        let Group(host) = stats.group.clone()?;
        Some(RestingHost { host, texts: stats.ready + stats.delayed + stats.in_flight })
    });
    Ok(resting.collect())
}

impl Summary {
    /// Gathers the summary from the queue, and after a run of all stages from the run directory.
    ///
    /// # Errors
    /// Returns an error if one of them cannot be read.
    pub(crate) async fn gather(
        facts: RunFacts,
        refreshed: Option<RefreshSummary>,
        stages: &Stages,
        settings: &Settings,
        queue: &dyn QueueAdmin,
    ) -> Result<Self, CliError> {
        let RunFacts { lanes, before, ended, until, bad_lines, started, lock } = facts;
        let now = queue.stats().await?;
        let started_ms = Clock::start().now_ms().saturating_sub(millis(started.elapsed()));
        // Totals read every meta: a single stage, of which many may run at a time, leaves them out.
        let is_pipeline = lanes.len() == Lane::ALL.len();
        let corpus =
            if is_pipeline { Some(read_totals(stages, settings, lock.as_ref()).await?) } else { None };
        let lane_summary = |&lane: &Lane| {
            let (now, before) = (now.lane(lane), before.lane(lane));
            let counters = &stages.counters[lane.index()];
            let [done, dead, retried] = if is_pipeline {
                [now.done, now.dead, now.retried]
            } else {
                [counters.done.get(), counters.dead.get(), counters.retried.get()]
            };
            // A refresh may send done documents back, so there can be fewer than before.
            let (skipped, bytes) = (before.done.min(now.done), counters.bytes.get());
            (lane.name(), LaneSummary { done, dead, retried, skipped, bytes })
        };
        let lane_summaries: BTreeMap<_, _> = lanes.iter().map(lane_summary).collect();
        let has_failures = lane_summaries.values().any(|lane| lane.dead > 0);
        let processes = lanes.contains(&Lane::Process);
        Ok(Self {
            corpus,
            seconds: seconds(started.elapsed()),
            bad_lines,
            conflicts: stages.conflicts(),
            pending: now.pending(),
            resting: if ended == Ended::Resting { resting_hosts(queue).await? } else { Vec::new() },
            refreshed,
            lock,
            lanes: lane_summaries,
            failures: if has_failures { failures(queue, lanes, started_ms).await? } else { Vec::new() },
            imbalance: stages.imbalance(),
            busy_seconds: if processes {
                stages.busy().into_iter().map(seconds).collect()
            } else {
                Vec::new()
            },
            partitions: if processes { stages.partitions(settings) } else { Vec::new() },
            peak_rss_bytes: peak_rss_bytes(),
            // Stopping a stage that goes on until stopped is no interruption.
            is_interrupted: if is_pipeline {
                now.pending() > 0
            } else {
                ended == Ended::Stopped && until != Until::Stopped
            },
            is_blocked: ended == Ended::Blocked && !is_pipeline,
        })
    }

    /// Returns the exit code of the run. With [`OldFailures::Accepted`], only failures of this run count.
    #[must_use]
    pub fn exit(&self, on_failure: OnFailure, old: OldFailures) -> Exit {
        let is_network = |row: &FailureRow| {
            matches!(row.reason, Reason::Dns | Reason::Connect | Reason::Tls | Reason::Timeout)
        };
        // --fail-fast leaves jobs on purpose, so that is no interruption.
        let has_failed_fast = on_failure == OnFailure::FailFast && !self.failures.is_empty();
        let has_counted = match old {
            OldFailures::Counted => !self.failures.is_empty(),
            OldFailures::Accepted => self.failures.iter().any(|row| row.new),
        };
        // With at least one document, the network worked: then these are single failures.
        let is_empty = self.corpus.as_ref().is_some_and(|corpus| corpus.records.documents == 0);
        if !self.resting.is_empty() || !self.differences().is_empty() {
            Exit::SomeFailed
        } else if self.is_interrupted && !has_failed_fast {
            Exit::Interrupted
        } else if !has_counted && self.bad_lines + self.conflicts == 0 {
            Exit::Done
        } else if is_empty && !self.failures.is_empty() && self.failures.iter().all(is_network) {
            Exit::Network
        } else {
            Exit::SomeFailed
        }
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// Returns an error if standard output cannot be written.
    pub(crate) fn print(&self, settings: &Settings, out: &Out) -> Result<(), CliError> {
        if out.is_json() {
            return out.json(self);
        }
        if out.is_quiet() {
            // With `--quiet` nothing is printed but the reasons why the exit code is not 0.
            self.problems(settings).iter().for_each(|problem| tracing::error!("{problem}"));
            return Ok(());
        }
        let lines = self.results(settings, out).into_iter().chain(self.problems(settings));
        lines.chain(self.hints(settings)).try_for_each(|line| out.line(&line))
    }

    /// Returns the lines on what was done.
    fn results(&self, settings: &Settings, out: &Out) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(corpus) = &self.corpus {
            lines.extend(corpus.table());
            lines.push(corpus.line(&settings.output_dir, self.seconds));
            lines.extend(corpus.notes(&settings.output_dir));
        } else {
            lines.extend(self.lanes.iter().map(|(lane, counts)| {
                let LaneSummary { done, dead, retried, bytes, .. } = counts;
                let [done, dead, retried] = [done, dead, retried].map(|count| HumanCount(*count));
                let (bytes, seconds) = (HumanBytes(*bytes), self.seconds);
                format!(
                    "{lane}: {done} done, {dead} failed, {retried} retried; {bytes} read in {seconds:.1} s"
                )
            }));
        }
        if let (true, Some(imbalance)) = (out.is_verbose(), self.imbalance) {
            let busy: Vec<String> = self.busy_seconds.iter().map(|busy| format!("{busy:.2} s")).collect();
            lines
                .push(format!("Busy time of process threads: {}; imbalance {imbalance:.2}", busy.join(", ")));
        }
        lines.extend(self.refreshed.as_ref().map(RefreshSummary::line));
        if let Some(LockReport { path, documents, root, differences }) = &self.lock
            && self.differences().is_empty()
            && *documents > 0
        {
            let what = if differences.is_some() { "Matches lock file" } else { "Wrote lock file" };
            let documents = counted(*documents, "document");
            lines.push(format!("{what} {} ({documents}, root {root})", path.display()));
        }
        lines
    }

    /// Returns the reasons why the exit code is not 0, one a line.
    fn problems(&self, settings: &Settings) -> Vec<String> {
        let mut lines = Vec::new();
        if self.bad_lines > 0 {
            lines.push(format!("Skipped {} of the source lists", counted(self.bad_lines, "invalid line")));
        }
        if self.conflicts > 0 {
            let texts = counted(self.conflicts, "listed text");
            lines.push(format!("Skipped {texts}: another text has the same id"));
        }
        let advice = match settings.network {
            Network::Online => "paused): {}. Run the same command later, or use --mirror.",
            Network::Offline => "offline): {}. Run the same command without --offline.",
        };
        lines.extend(self.resting.iter().map(|RestingHost { host, texts }| {
            format!("Waiting for {host} ({}", advice.replace("{}", &counted(*texts, "text")))
        }));
        if let Some(LockReport { path, .. }) = &self.lock {
            let path = path.display();
            lines.extend(listed(self.differences(), NAMED_MAX, |count| {
                format!("{} from lock file {path}:", counted(count, "difference"))
            }));
        }
        lines.extend(listed(&self.failures, FAILURES_MAX, |_| failures::heading(&self.failures)));
        lines
    }

    /// Returns the lines on what to do next.
    fn hints(&self, settings: &Settings) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_blocked {
            lines.push("The next lane is full and no worker empties it. Run the next stage, too.".to_owned());
        }
        if self.is_interrupted && self.resting.is_empty() {
            let left = counted(self.pending, "document");
            lines.push(format!("{left} left. Run the same command to continue."));
        }
        if !self.failures.is_empty() {
            let run = flow::shell::quoted_path(&settings.output_dir);
            if self.failures.len() > FAILURES_MAX {
                lines.push(format!("To list them: juggle queue ls -o {run} --state dead"));
            }
            lines.push(format!("To try them again: juggle queue retry -o {run} && juggle pipeline -o {run}"));
        }
        lines
    }

    fn differences(&self) -> &[Difference] {
        self.lock.as_ref().and_then(|lock| lock.differences.as_deref()).unwrap_or_default()
    }
}

async fn read_totals(
    stages: &Stages,
    settings: &Settings,
    lock: Option<&LockReport>,
) -> Result<CorpusTotals, CliError> {
    let blobs = Arc::clone(&stages.blobs) as Arc<dyn BlobStore>;
    let (run, lock) = (settings.output_dir.clone(), lock.cloned());
    blocking(move || CorpusTotals::of_lock(&*blobs, &run, lock.as_ref())).await?
}

/// Returns a heading, the first items, and a line that counts the others. Returns nothing for no items.
fn listed<T: ToString>(items: &[T], named_max: usize, heading: impl Fn(u64) -> String) -> Vec<String> {
    if items.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![heading(items.len() as u64)];
    lines.extend(items.iter().take(named_max).map(|item| format!("  {}", item.to_string())));
    if let Some(more @ 1..) = items.len().checked_sub(named_max) {
        lines.push(format!("  … and {} more", HumanCount(more as u64)));
    }
    lines
}
