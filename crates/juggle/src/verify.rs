//! `juggle verify`: reads all that is stored again, names what is damaged, and puts it back into the queue if asked to.
//!
//! A document is what its meta says: the bytes as received and the text by their hashes, the results by those in its
//! stats, and these records by their own checksums. A document that the queue knows as stored must have a
//! meta. Damage is repaired from the nearest undamaged file. The files of a document with pending jobs prove
//! nothing, so it
//! is passed over; the queue is asked before and after the files are read.

mod examine;
mod repair;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::{JobState, Selection},
    lane::Lane,
    queue::{BATCH_MAX, QueueAdmin},
    shell::quoted_path,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use store::local::LocalBlobs;
use tokio::time::Instant;

use self::examine::{Examined, Examiner, Repair};
use crate::{
    attach::Attached,
    blocking::blocking,
    cli::VerifyArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, peak_rss_bytes, seconds},
    progress::Show,
    settings::resolved::Settings,
    stages::group_of,
};

/// Damaged documents that are named for people.
const NAMED_MAX: usize = 40;

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Verified {
    /// Documents that were looked at.
    documents: u64,
    /// Bytes that were read of their texts and of what was received.
    bytes: u64,
    /// The number of records in `meta/`, `stats/` and `logs/arrival/` that earlier versions wrote, without a
    /// checksum.
    without_checksum: u64,
    damaged: Vec<DamagedDocument>,
    /// Documents that look damaged but were passed over, for jobs of them are pending.
    on_their_way: u64,
    /// Files under the names of documents that are not stored.
    strays: Vec<String>,
    /// Whether what is damaged was put back into the queue, as far as it can be.
    repaired: bool,
    /// Of the damaged, those that nothing is known of to make them anew with.
    not_repaired: Vec<DocumentId>,
    seconds: f64,
    peak_rss_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct DamagedDocument {
    id: DocumentId,
    damage: Vec<examine::Damage>,
    repair: Repair,
}

/// Runs it.
///
/// # Errors
/// Where there is no run, its files cannot be read, or its queue cannot be reached.
pub async fn run(args: &VerifyArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let started = Instant::now();
    directory::must_exist(&settings.output_dir)?;
    let attached = Attached::visit(&settings.output_dir).await?;
    let verified = verify(args, settings, Show::of(settings, out), &*attached.queue()).await;
    attached.close().await;
    let mut verified = verified?;
    verified.seconds = seconds(started.elapsed());
    verified.peak_rss_bytes = peak_rss_bytes();
    verified.print(settings, out)?;
    let is_sound = verified.damaged.is_empty() || (verified.repaired && verified.not_repaired.is_empty());
    Ok(if is_sound { Exit::Done } else { Exit::SomeFailed })
}

async fn verify(
    args: &VerifyArgs,
    settings: &Settings,
    show: Show,
    queue: &dyn QueueAdmin,
) -> Result<Verified, CliError> {
    let before = pending(queue).await?;
    let stored = documents_with_jobs(queue, &[Lane::Store], &[JobState::Done]).await?;
    let blobs = directory::open_blobs(settings).await?;
    let reading = {
        let group_of = group_of(settings);
        blocking(move || read_all(&blobs, &stored, &*group_of, &show))
    };
    let All { documents, bytes, without_checksum, damaged, strays } = reading.await??;
    let mut pending_ids = before;
    pending_ids.extend(pending(queue).await?);
    let is_on_its_way = |one: &Examined| pending_ids.contains(one.document.as_str());
    let (on_their_way, damaged): (Vec<_>, Vec<_>) = damaged.into_values().partition(is_on_its_way);
    let on_their_way = on_their_way.len() as u64;
    let mut verified =
        Verified { documents, bytes, without_checksum, on_their_way, strays, ..Verified::default() };
    if args.repair {
        verified.not_repaired = repair::requeue(&damaged, settings, queue).await?;
        verified.repaired = true;
    }
    let named = |Examined { document, damage, repair, .. }| {
        Some(DamagedDocument { id: document, damage, repair: repair? })
    };
    verified.damaged = damaged.into_iter().filter_map(named).collect();
    Ok(verified)
}

/// The documents of which a job is pending.
async fn pending(queue: &dyn QueueAdmin) -> Result<BTreeSet<String>, CliError> {
    documents_with_jobs(queue, &Lane::ALL, &JobState::PENDING).await
}

/// The documents that have a job in one of these lanes and states.
///
/// # Errors
/// Where the queue fails.
pub(crate) async fn documents_with_jobs(
    queue: &dyn QueueAdmin,
    lanes: &[Lane],
    states: &[JobState],
) -> Result<BTreeSet<String>, CliError> {
    let mut found = BTreeSet::new();
    for lane in lanes {
        for state in states {
            let selection = Selection { lane: Some(*lane), state: Some(*state), ..Selection::default() };
            let mut after = None;
            loop {
                let page = queue.list(selection.clone(), after, BATCH_MAX).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                found.extend(page.into_iter().map(|view| view.key));
            }
        }
    }
    Ok(found)
}

/// What reading everything has shown. Nothing is kept of what is sound.
#[derive(Default)]
struct All {
    documents: u64,
    bytes: u64,
    without_checksum: u64,
    damaged: BTreeMap<DocumentId, Examined>,
    strays: Vec<String>,
}

/// Reads the files of all documents, on all processors; and names those that belong to none.
fn read_all(
    blobs: &LocalBlobs,
    stored: &BTreeSet<String>,
    group_of: &(dyn Fn(&str) -> Option<String> + Send + Sync),
    show: &Show,
) -> Result<All, CliError> {
    let mut documents = blobs.list(BlobKind::Meta)?;
    documents.extend(stored.iter().filter_map(|id| id.parse().ok()));
    documents.sort_unstable();
    documents.dedup();
    let bar = bar(documents.len() as u64, show);
    let examiner = Examiner::new(blobs, group_of);
    let next = AtomicUsize::new(0);
    let all = Mutex::new(All { strays: strays(&documents, blobs)?, ..All::default() });
    let work = || -> Result<(), CliError> {
        while let Some(document) = documents.get(next.fetch_add(1, Ordering::Relaxed)) {
            let one = examiner.examine(document)?;
            bar.inc(1);
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.documents += 1;
            all.bytes += one.bytes;
            all.without_checksum += one.unsummed;
            if one.repair.is_some() {
                all.damaged.insert(document.clone(), one);
            }
        }
        Ok(())
    };
    let threads = available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("examining does not panic"))
    })?;
    bar.finish_and_clear();
    Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// On a terminal only.
fn bar(documents: u64, show: &Show) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} documents, {per_sec}, {eta} left");
    show.bar(documents, style.expect("the template is a constant"))
}

/// Files under the names of documents that are not among these, which are in order.
fn strays(documents: &[DocumentId], blobs: &LocalBlobs) -> Result<Vec<String>, CliError> {
    let mut strays = Vec::new();
    for kind in BlobKind::ALL {
        // What lies in the spool is on its way, and has no meta yet.
        if matches!(kind, BlobKind::Meta | BlobKind::Spool) {
            continue;
        }
        for document in blobs.list(kind)? {
            if documents.binary_search(&document).is_err() {
                let path = blobs.find(&BlobName::new(kind, document))?;
                strays.extend(path.map(|path| path.display().to_string()));
            }
        }
    }
    Ok(strays)
}

impl Verified {
    fn print(&self, settings: &Settings, out: &Out) -> Result<(), CliError> {
        if out.is_json() {
            return out.json(self);
        }
        if out.is_quiet() && !self.damaged.is_empty() {
            tracing::error!("{} documents are damaged; without --quiet they are named", self.damaged.len());
        }
        let (run, word) = (settings.output_dir.display(), quoted_path(&settings.output_dir));
        for DamagedDocument { id, damage, repair } in self.damaged.iter().take(NAMED_MAX) {
            let damage: Vec<String> = damage.iter().map(ToString::to_string).collect();
            out.line(&format!("  {id}  {}; {repair}", damage.join(", ")))?;
        }
        if self.damaged.len() > NAMED_MAX {
            out.line(&format!("  … all of them: juggle verify -o {word} --json"))?;
        }
        out.line(&format!(
            "{} documents in '{run}', {} bytes read: {} damaged; {:.1} s",
            self.documents,
            self.bytes,
            self.damaged.len(),
            self.seconds
        ))?;
        if self.on_their_way > 0 {
            out.line(&format!("{} more look damaged, but jobs of them are pending", self.on_their_way))?;
        }
        if self.without_checksum > 0 {
            out.line(&format!(
                "{} records are without checksum, from an earlier version: only what they say of files was compared",
                self.without_checksum
            ))?;
        }
        if let [first, ..] = &self.strays[..] {
            out.line(&format!(
                "{} files belong to no document, the first is '{first}': juggle gc -o {word} -n names them",
                self.strays.len()
            ))?;
        }
        for id in &self.not_repaired {
            out.line(&format!(
                "'{id}' cannot be fetched again: its meta cannot be read, and no list names it; add one that does"
            ))?;
        }
        match (self.damaged.is_empty(), self.repaired) {
            (true, _) => Ok(()),
            (false, true) => out.line(&format!("they are in the queue again: juggle pipeline -o {word}")),
            (false, false) => {
                out.line(&format!("put them back into the queue: juggle verify -o {word} --repair"))
            }
        }
    }
}
