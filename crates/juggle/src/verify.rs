//! `juggle verify`: reads everything that is stored again, names what is damaged, and with `--repair` puts it
//! back into the queue.

mod segments;

use std::{collections::BTreeSet, sync::Arc};

use blob_store::{packed::SegmentDamage, run_blobs::RunBlobs};
use corpus::{
    requeue::documents_with_jobs,
    survey::Surveyor,
    verify::{self, Damage, Examined, Remedy, Verification},
};
use flow::{document::DocumentId, job::JobState, lane::Lane, queue::QueueAdmin, shell::quoted_path};
use indicatif::{HumanBytes, HumanCount, ProgressStyle};
use queue::connection::QueueConnection;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    blocking::blocking,
    cli::VerifyArgs,
    directory,
    exit::{CliError, Exit},
    listed_jobs::listed_jobs,
    output::{Out, counted, peak_rss_bytes, seconds},
    progress::Show,
};
use segments::DamagedPart;
use settings::resolved::Settings;

/// The maximum number of damaged documents that are named for people.
const NAMED_MAX: usize = 40;

/// The result of `juggle verify`.
#[derive(Debug, Default, Serialize)]
struct Verified {
    /// The number of documents that were read.
    documents: u64,
    /// The number of bytes that were read of their texts and of the bytes as received.
    bytes: u64,
    /// The number of records in `meta/`, `stats/` and `logs/arrival/` without a checksum, which earlier
    /// versions wrote.
    without_checksum: u64,
    damaged: Vec<DamagedDocument>,
    /// The damaged parts of segments and index logs.
    segments: Vec<DamagedPart>,
    /// The number of documents that look damaged but are not reported, because they have pending jobs.
    on_their_way: u64,
    /// Files under the names of documents that are not stored.
    strays: Vec<String>,
    /// `true` if the damaged documents were put back into the queue, as far as possible.
    repaired: bool,
    /// The damaged documents that cannot be repaired.
    not_repaired: Vec<DocumentId>,
    /// The damaged parts of segments that are left after the repair, and that no repaired document explains.
    segments_not_repaired: Vec<DamagedPart>,
    seconds: f64,
    peak_rss_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct DamagedDocument {
    id: DocumentId,
    damage: Vec<Damage>,
    repair: Remedy,
}

/// Runs `juggle verify`.
///
/// # Errors
/// Returns an error if there is no run, its files cannot be read, or its queue cannot be reached.
pub async fn run(args: &VerifyArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let started = Instant::now();
    directory::must_exist(&settings.output_dir)?;
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let verified = verify_run(args, settings, Show::of(settings, out), &*connection.queue()).await;
    connection.close().await;
    let mut verified = verified?;
    verified.seconds = seconds(started.elapsed());
    verified.peak_rss_bytes = peak_rss_bytes();
    verified.print(settings, out)?;
    Ok(if verified.is_sound() || verified.is_repaired() { Exit::Done } else { Exit::SomeFailed })
}

async fn verify_run(
    args: &VerifyArgs,
    settings: &Settings,
    show: Show,
    queue: &dyn QueueAdmin,
) -> Result<Verified, CliError> {
    // A stage may change files while they are read: the queue is asked before and after.
    let mut pending = documents_with_pending_jobs(queue).await?;
    let stored = documents_with_jobs(queue, &[Lane::Store], &[JobState::Done]).await?;
    let blobs = Arc::new(directory::open_blobs(settings).await?);
    let (verification, strays, mut segments) = read_all(&blobs, settings, show, stored).await?;
    pending.extend(documents_with_pending_jobs(queue).await?);
    let is_on_its_way = |one: &Examined| pending.contains(one.document.as_str());
    let (on_their_way, damaged): (Vec<_>, Vec<_>) =
        verification.damaged.into_values().partition(is_on_its_way);
    segments::without_pending(&mut segments, &pending);
    let mut verified = Verified {
        documents: verification.documents,
        bytes: verification.bytes,
        without_checksum: verification.without_checksum,
        on_their_way: on_their_way.len() as u64,
        strays,
        segments: segments.iter().map(DamagedPart::from).collect(),
        ..Verified::default()
    };
    if args.repair {
        // Other remedies work from files that are intact, without a request.
        let to_fetch = damaged.iter().filter(|one| one.remedy == Some(Remedy::Fetch));
        let documents = to_fetch.map(|one| one.document.clone()).collect();
        let listed = listed_jobs(queue, settings, documents).await?;
        verified.not_repaired = verify::requeue(&damaged, listed, queue).await?;
        verified.repaired = true;
        // After their documents are in the queue: what is damaged is not removed before it can be replaced.
        let repaired = damaged.iter().map(|one| one.document.to_string()).collect();
        let left = blocking(move || segments::heal(&blobs, &segments, &repaired)).await??;
        verified.segments_not_repaired = left.iter().map(DamagedPart::from).collect();
    }
    let named = |Examined { document, damage, remedy, .. }| {
        Some(DamagedDocument { id: document, damage, repair: remedy? })
    };
    verified.damaged = damaged.into_iter().filter_map(named).collect();
    Ok(verified)
}

async fn documents_with_pending_jobs(queue: &dyn QueueAdmin) -> Result<BTreeSet<String>, CliError> {
    Ok(documents_with_jobs(queue, &Lane::ALL, &JobState::PENDING).await?)
}

/// Reads the segments and the files of all documents. Returns the paths of the strays, too.
async fn read_all(
    blobs: &Arc<RunBlobs>,
    settings: &Settings,
    show: Show,
    stored: BTreeSet<String>,
) -> Result<(Verification, Vec<String>, Vec<SegmentDamage>), CliError> {
    let (blobs, group_of) = (Arc::clone(blobs), settings.group_of());
    let reading = blocking(move || {
        // First, in one pass from beginning to end, after which small blobs are in memory.
        let segments = blobs.check()?;
        let documents = verify::documents(&*blobs, &stored)?;
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} documents, {per_sec}, {eta} left");
        let bar = show.bar(documents.len() as u64, style.expect("the template is a constant"));
        let surveyor = Surveyor { blobs: &*blobs, group_of: &*group_of };
        let verification = verify::verify(&documents, &surveyor, &|| bar.inc(1))?;
        bar.finish_and_clear();
        let mut strays = Vec::new();
        for name in &verification.strays {
            strays.extend(blobs.find(name)?.map(|path| path.display().to_string()));
        }
        Ok((verification, strays, segments))
    });
    reading.await?
}

impl Verified {
    fn print(&self, settings: &Settings, out: &Out) -> Result<(), CliError> {
        if out.is_json() {
            return out.json(self);
        }
        // The exit code is not 0, so --quiet must give the reason.
        if out.is_quiet() && !self.is_sound() {
            tracing::error!("{}. Run without --quiet to list them", self.counted_damage());
        }
        let (run, word) = (settings.output_dir.display(), quoted_path(&settings.output_dir));
        for DamagedDocument { id, damage, repair } in self.damaged.iter().take(NAMED_MAX) {
            let damage: Vec<String> = damage.iter().map(ToString::to_string).collect();
            out.line(&format!("  {id}  {}; {repair}", damage.join(", ")))?;
        }
        if self.damaged.len() > NAMED_MAX {
            out.line(&format!("  … To list all of them: juggle verify -o {word} --json"))?;
        }
        segments::print(&self.segments, NAMED_MAX, out)?;
        out.line(&format!(
            "{} in '{run}': {} damaged; {} read in {:.1} s",
            counted(self.documents, "document"),
            HumanCount(self.damaged.len() as u64),
            HumanBytes(self.bytes),
            self.seconds
        ))?;
        if self.on_their_way > 0 {
            let documents = counted(self.on_their_way, "document");
            out.line(&format!("{documents} with pending jobs skipped"))?;
        }
        if self.without_checksum > 0 {
            out.line(&format!(
                "{} without a checksum, from an earlier version. Only the files that they describe were compared.",
                counted(self.without_checksum, "record")
            ))?;
        }
        if let [first, ..] = &self.strays[..] {
            out.line(&format!(
                "{} without a document, for example '{first}'. To list them: juggle gc -o {word} -n",
                counted(self.strays.len() as u64, "file")
            ))?;
        }
        for id in &self.not_repaired {
            out.line(&format!(
                "'{id}' cannot be fetched again: its file in meta/ cannot be read, and no source list \
                 names it. Add a list that names it."
            ))?;
        }
        match &self.segments_not_repaired[..] {
            [] if self.repaired && !self.segments.is_empty() => out.line("The segments are repaired.")?,
            [] => {}
            left => {
                out.line("Not repaired. Try again when no stage is running:")?;
                segments::print(left, NAMED_MAX, out)?;
            }
        }
        match (self.damaged.is_empty(), self.repaired) {
            _ if self.is_sound() => Ok(()),
            // What became of the segments is said above.
            (true, true) => Ok(()),
            (false, true) => out.line(&format!(
                "The damaged documents are in the queue again. To repair them: juggle pipeline -o {word}"
            )),
            (true, false) => out
                .line(&format!("To copy what is sound to another segment: juggle verify -o {word} --repair")),
            (false, false) => out.line(&format!(
                "To put the damaged documents back into the queue: juggle verify -o {word} --repair"
            )),
        }
    }

    fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.segments.is_empty()
    }

    fn is_repaired(&self) -> bool {
        self.repaired && self.not_repaired.is_empty() && self.segments_not_repaired.is_empty()
    }

    fn counted_damage(&self) -> String {
        let (documents, parts) = (self.damaged.len() as u64, self.segments.len() as u64);
        match parts {
            0 => counted(documents, "damaged document"),
            parts => format!(
                "{} and {} of segments",
                counted(documents, "damaged document"),
                counted(parts, "damaged part")
            ),
        }
    }
}
