//! What a run has brought, for people and as JSON.

mod failures;
mod totals;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use flow::{
    blobs::BlobStore,
    failure::Reason,
    job::Group,
    lane::Lane,
    queue::{JobQueue, QueueStats},
    shell::quoted_path,
};
use serde::Serialize;

use self::{
    failures::{FailureRow, failures},
    totals::{CorpusTotals, DocumentRow},
};
use crate::{
    blocking::blocking,
    exit::{CliError, Exit},
    lock::{Difference, NAMED_MAX, keeping::LockSummary},
    output::{Out, align_right, describe_busy, peak_rss_bytes, seconds, table},
    partition_report::{self, Partition},
    refresh::RefreshSummary,
    settings::enums::{Network, OnFailure},
};

/// More rows than this are not printed.
const ROWS_MAX: usize = 40;

/// The result of a run.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Documents that have gone through all stages, in this run and before.
    documents: u64,
    /// Of those, how many have the same text as another.
    duplicates: u64,
    /// Of those, how many may have been read in a wrong encoding: their metas say so.
    doubtful_encodings: u64,
    /// The number of these documents that have characters that did not decode.
    damaged: u64,
    /// The number of characters that did not decode, in all documents.
    replaced_characters: u64,
    /// Bytes as received.
    bytes_raw: u64,
    /// Tokens in all documents, a text that several have counted once.
    tokens: u64,
    /// Different tokens.
    distinct_tokens: u64,
    /// How long this run took.
    seconds: f64,
    /// Lines of source lists that name no text.
    bad_lines: u64,
    /// Listed texts that were left out because their id is another text's.
    conflicts: u64,
    /// What has not ended.
    pending: u64,
    /// Hosts that are left alone for now, with the texts that wait for them; offline, all that texts wait for.
    resting: Vec<RestingHost>,
    /// What became of stored texts that were asked for again; none where that was not done.
    refreshed: Option<RefreshSummary>,
    /// The lock that was written or kept to; none where the run was stopped.
    lock: Option<LockSummary>,
    lanes: BTreeMap<&'static str, LaneSummary>,
    failures: Vec<FailureRow>,
    /// Seconds that each thread of the process stage was at work in this run.
    busy_seconds: Vec<f64>,
    ways: Vec<Partition>,
    /// The busiest of them over their mean; none where there was nothing to do.
    imbalance: Option<f64>,
    /// The most memory that this process had resident.
    peak_rss_bytes: Option<u64>,
    #[serde(skip)]
    rows: Vec<DocumentRow>,
    #[serde(skip)]
    network: Network,
}

/// Counts of a lane over all runs; `skipped` are those of `done` that were done before this run.
#[derive(Debug, Serialize)]
struct LaneSummary {
    done: u64,
    dead: u64,
    retried: u64,
    skipped: u64,
}

/// A host that is left alone for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestingHost {
    /// Its name, with its port where that is not the usual one.
    pub host: String,
    /// Texts that wait for it.
    pub texts: u64,
}

/// The hosts that the fetch lane waits for; the first hundred.
///
/// # Errors
/// Where the queue fails.
pub async fn resting_hosts(queue: &dyn JobQueue) -> Result<Vec<RestingHost>, CliError> {
    let details = queue.details().await?;
    let groups = details.lanes[Lane::Fetch.index()].groups.iter();
    let resting = groups.filter_map(|stats| {
        let Group(host) = stats.group.clone()?;
        Some(RestingHost { host, texts: stats.ready + stats.delayed + stats.in_flight })
    });
    Ok(resting.collect())
}

/// What a run itself knows.
pub struct RunFacts {
    /// The counts when it began.
    pub before: QueueStats,
    /// How long it took.
    pub took: Duration,
    /// Lines of source lists that name no text.
    pub bad_lines: u64,
    /// Listed texts that were left out because their id is another text's.
    pub conflicts: u64,
    /// What became of stored texts that were asked for again; none where that was not done.
    pub(crate) refreshed: Option<RefreshSummary>,
    /// Hosts that are left alone for now, where nothing but their texts is left.
    pub resting: Vec<RestingHost>,
    /// What became of the lock; none where the run was stopped.
    pub(crate) lock: Option<LockSummary>,
    /// Whether servers were asked.
    pub network: Network,
    /// How long each thread of the process stage was at work.
    pub busy: Vec<Duration>,
    /// How unevenly: the busiest over the mean.
    pub imbalance: Option<f64>,
    /// How the work of the process stage could have been divided.
    pub ways: Vec<Partition>,
}

impl Summary {
    /// Gathers it from the queue and the run directory.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub async fn gather(
        facts: RunFacts,
        queue: &dyn JobQueue,
        blobs: Arc<dyn BlobStore>,
    ) -> Result<Self, CliError> {
        let now = queue.stats().await?;
        let failures = failures(queue).await?;
        let gathering = blocking(move || CorpusTotals::read(&*blobs));
        let corpus = gathering.await??;
        let lanes = Lane::ALL.map(|lane| {
            let (now, before) = (now.lane(lane), facts.before.lane(lane));
            let skipped = before.done.min(now.done);
            (lane.name(), LaneSummary { done: now.done, dead: now.dead, retried: now.retried, skipped })
        });
        Ok(Self {
            documents: corpus.documents,
            duplicates: corpus.duplicates,
            doubtful_encodings: corpus.doubtful_encodings,
            damaged: corpus.damaged,
            replaced_characters: corpus.replaced_characters,
            bytes_raw: corpus.bytes_raw,
            tokens: corpus.tokens,
            distinct_tokens: corpus.distinct_tokens,
            seconds: seconds(facts.took),
            bad_lines: facts.bad_lines,
            conflicts: facts.conflicts,
            pending: now.pending(),
            resting: facts.resting,
            refreshed: facts.refreshed,
            lock: facts.lock,
            lanes: lanes.into(),
            failures,
            imbalance: facts.imbalance,
            busy_seconds: facts.busy.into_iter().map(seconds).collect(),
            ways: facts.ways,
            peak_rss_bytes: peak_rss_bytes(),
            rows: corpus.rows,
            network: facts.network,
        })
    }

    /// The exit code that it means. What is pending was left so by hosts that are left alone, by a signal, or, where a
    /// failure shall end the run, by that failure.
    #[must_use]
    pub fn exit(&self, on_failure: OnFailure) -> Exit {
        let is_network = |row: &FailureRow| {
            matches!(row.reason, Reason::Dns | Reason::Connect | Reason::Tls | Reason::Timeout)
        };
        let differs = self.differences().is_some_and(|differences| !differences.is_empty());
        let has_failed_fast = on_failure == OnFailure::FailFast && !self.failures.is_empty();
        if !self.resting.is_empty() || differs {
            Exit::SomeFailed
        } else if self.pending > 0 && !has_failed_fast {
            Exit::Interrupted
        } else if self.failures.is_empty() && self.bad_lines + self.conflicts == 0 {
            Exit::Done
        } else if self.documents == 0 && !self.failures.is_empty() && self.failures.iter().all(is_network) {
            Exit::Network
        } else {
            Exit::SomeFailed
        }
    }

    /// Prints it.
    ///
    /// # Errors
    /// Where standard output cannot be written to.
    pub fn print(&self, run: &Path, out: &Out) -> Result<(), CliError> {
        if out.is_json() {
            return out.json(self);
        }
        if out.is_quiet() {
            self.log_failures();
            return Ok(());
        }
        if !self.rows.is_empty() && self.documents <= ROWS_MAX as u64 {
            out.line(&self.table())?;
        }
        out.line(&format!(
            "{} documents in '{}': {} bytes received, {} tokens, {} of them different; {:.1} s",
            self.documents,
            run.display(),
            self.bytes_raw,
            self.tokens,
            self.distinct_tokens,
            self.seconds
        ))?;
        if let Some(busy) = describe_busy(&self.busy_seconds, self.imbalance) {
            out.line(&busy)?;
        }
        if let Some(ways) = partition_report::line(&self.ways) {
            out.line(&ways)?;
        }
        if let Some(refreshed) = &self.refreshed {
            out.line(&refreshed.line())?;
        }
        if self.duplicates > 0 {
            out.line(&format!(
                "{} of them have the same text as another, which is counted once",
                self.duplicates
            ))?;
        }
        self.print_encodings(run, out)?;
        if self.bad_lines > 0 {
            out.line(&format!("{} lines of the source lists name no text", self.bad_lines))?;
        }
        if self.conflicts > 0 {
            out.line(&format!(
                "{} listed texts are left out: their ids are taken by others",
                self.conflicts
            ))?;
        }
        for RestingHost { host, texts } in &self.resting {
            out.line(&match self.network {
                Network::Online => format!(
                    "{texts} wait for {host}, which is left alone for now: run the same command later, or use --mirror"
                ),
                Network::Offline => format!("{texts} wait for {host}: run the same command without --offline"),
            })?;
        }
        if self.pending > 0 && self.resting.is_empty() {
            out.line(&format!("{} are not done yet: the same command goes on", self.pending))?;
        }
        self.print_lock(out)?;
        self.print_failures(run, out)
    }

    /// Prints how many texts may not be what their authors wrote.
    fn print_encodings(&self, run: &Path, out: &Out) -> Result<(), CliError> {
        let run = quoted_path(run);
        if self.doubtful_encodings > 0 {
            out.line(&format!(
                "doubtful encodings: {}. List the documents: grep -l '\"doubtful\"' {run}/meta/*.json; then: juggle redecode \
                 ID --encoding LABEL -o {run}",
                self.doubtful_encodings
            ))?;
        }
        if self.damaged > 0 {
            out.line(&format!(
                "documents with characters that did not decode and became U+FFFD: {} ({} characters); see 'replacements' \
                 in {run}/meta/*.json",
                self.damaged, self.replaced_characters
            ))?;
        }
        Ok(())
    }

    fn differences(&self) -> Option<&Vec<Difference>> {
        self.lock.as_ref().and_then(|lock| lock.differences.as_ref())
    }

    fn print_lock(&self, out: &Out) -> Result<(), CliError> {
        let Some(LockSummary { path, documents, root, differences }) = &self.lock else { return Ok(()) };
        let path = path.display();
        let Some(differences) = differences else {
            return out.line(&format!("locked in '{path}': {documents} documents, root {root}"));
        };
        if differences.is_empty() {
            return out.line(&format!("as locked in '{path}': {documents} documents, root {root}"));
        }
        out.line(&format!("\n{} differ from '{path}':", differences.len()))?;
        for one in differences.iter().take(NAMED_MAX) {
            out.line(&format!("  {one}"))?;
        }
        let more = differences.len().saturating_sub(NAMED_MAX);
        if more > 0 { out.line(&format!("  … and {more} more; --json names all")) } else { Ok(()) }
    }

    fn table(&self) -> String {
        let mut table = table(&["document", "title", "language", "bytes", "words", "different"]);
        for DocumentRow { document, meta, stats } in &self.rows {
            let title = meta.title.as_deref().unwrap_or("–");
            let mut title: String = title.chars().take(48).collect();
            if let Some(original) = &meta.duplicate_of {
                title = format!("same text as {original}");
            }
            table.add_row([
                document.as_str(),
                &title,
                meta.language.as_deref().unwrap_or("–"),
                &meta.raw.bytes.to_string(),
                &stats.words.to_string(),
                &stats.distinct_words.to_string(),
            ]);
        }
        align_right(&mut table, 3..6);
        table.trim_fmt()
    }

    /// Logs as errors the reasons why the exit code is not 0. With `--quiet` nothing else is printed.
    fn log_failures(&self) {
        for row in self.failures.iter().take(ROWS_MAX) {
            tracing::error!("{} failed: {}: {}: {}", row.id, row.reason, row.url, row.message);
        }
        if self.failures.len() > ROWS_MAX {
            tracing::error!("{} documents failed in all", self.failures.len());
        }
        for RestingHost { host, texts } in &self.resting {
            tracing::error!("{texts} texts wait for {host}");
        }
        if self.bad_lines > 0 {
            tracing::error!("{} lines of the source lists name no text", self.bad_lines);
        }
        if self.conflicts > 0 {
            tracing::error!("{} listed texts are left out: their ids are taken by others", self.conflicts);
        }
        if let Some(differences) = self.differences().filter(|differences| !differences.is_empty()) {
            tracing::error!("{} documents differ from the lock", differences.len());
        }
    }

    fn print_failures(&self, run: &Path, out: &Out) -> Result<(), CliError> {
        if self.failures.is_empty() {
            return Ok(());
        }
        out.line(&format!("\n{} failed:", self.failures.len()))?;
        for row in self.failures.iter().take(ROWS_MAX) {
            out.line(&format!("  {}  {}  {}  {}", row.id, row.reason, row.url, row.message))?;
        }
        let run = quoted_path(run);
        if self.failures.len() > ROWS_MAX {
            out.line(&format!("  … all of them: juggle queue ls -o {run} --state dead"))?;
        }
        out.line(&format!("try them again: juggle queue retry -o {run} && juggle pipeline -o {run}"))
    }
}
