//! Fills a new queue: documents in batches, then the source lists.
//!
//! Memory holds the ids of all documents, and the records of one batch.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use corpus::survey::{DocumentProgress, Surveyor};
use flow::{
    blobs::{BlobKind, BlobStore},
    clock::Clock,
    document::DocumentId,
    durability::Durability,
    job::NewJob,
    queue::{BATCH_MAX, Push, QueueAdmin, QueueError},
    shutdown::{Phase, Shutdown},
};
use indicatif::{ProgressBar, ProgressStyle};
use queue::{directory::QueueDirectory, transport::client::QueueClient};
use tokio::time::Instant;

use super::{
    lists::{self, Lists, Salvage, Stored},
    record::{self, Through},
};
use sources::feed::GroupOf;

use crate::{blocking::blocking, directory, exit::CliError, progress::Show, settings::resolved::Settings};

/// The capacity of a lane. No push may be refused: all documents may wait in one lane.
const CAPACITY: usize = usize::MAX / 2;
/// The interval of plain lines, if standard error is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The inputs and options of filling a queue.
pub(super) struct Build {
    blobs: Arc<dyn BlobStore>,
    snapshots: std::path::PathBuf,
    group_of: GroupOf,
    durability: Durability,
    show: Show,
    stop: Shutdown,
}

/// The contents of the new queue.
#[derive(Debug, Default)]
pub(super) struct Built {
    /// The number of documents with a meta.
    pub(super) documents: u64,
    /// The number of these that have complete results.
    pub(super) processed: u64,
    /// The number of documents that are stored but not processed.
    pub(super) to_process: u64,
    /// The number of documents with a missing or truncated file. They are fetched again.
    pub(super) incomplete: u64,
    /// Documents that no list names and whose meta cannot be read.
    pub(super) lost: Vec<DocumentId>,
    /// The number of texts to fetch that no list names. Their jobs are made from their meta.
    pub(super) unlisted: u64,
    /// The source lists.
    pub(super) lists: Lists,
}

/// The stored documents by their progress, before anything is written.
#[derive(Default)]
struct Ids {
    /// All documents, in order.
    all: Vec<DocumentId>,
    to_process: Vec<DocumentId>,
    incomplete: BTreeSet<DocumentId>,
}

impl Build {
    pub(super) fn new(blobs: Arc<dyn BlobStore>, settings: &Settings, show: Show, stop: Shutdown) -> Self {
        Self {
            blobs,
            snapshots: directory::sources(&settings.output_dir),
            group_of: settings.group_of(),
            durability: settings.durability,
            show,
            stop,
        }
    }

    /// Creates a queue in the directory `site`, fills it and closes it. Returns `None` if it was stopped.
    ///
    /// # Errors
    /// Returns an error if the store or a list cannot be read, or the queue cannot be written.
    pub(super) async fn within(&self, site: &Path) -> Result<Option<Built>, CliError> {
        let directory = QueueDirectory::of(site);
        let (durability, clock) = (self.durability, Clock::start());
        let owning = blocking(move || directory.own(durability, CAPACITY, Arc::new(move || clock.now_ms())));
        let owned = owning.await??;
        let (link, thread) =
            owned.ok_or_else(|| QueueError::Broken("another process builds in the same place".to_owned()))?;
        let queue = QueueClient::Local(link);
        let filled = self.fill(Some(&queue)).await;
        // The thread of the queue ends, and its files are closed, when the last client is dropped.
        drop(queue);
        let joined = blocking(|| thread.join()).await?;
        joined.map_err(|_| QueueError::Broken("the queue's thread panicked".to_owned()))?;
        filled
    }

    /// Returns what the new queue would contain. Writes nothing.
    ///
    /// # Errors
    /// Returns an error if the store or a list cannot be read.
    pub(super) async fn look(&self) -> Result<Option<Built>, CliError> {
        self.fill(None).await
    }

    async fn fill(&self, queue: Option<&dyn QueueAdmin>) -> Result<Option<Built>, CliError> {
        let blobs = Arc::clone(&self.blobs);
        let listing = blocking(move || blobs.list(BlobKind::Meta));
        let mut ids = Ids { all: listing.await??, ..Ids::default() };
        let mut built = Built { documents: ids.all.len() as u64, ..Built::default() };
        let progress = Progress::start(self.show.clone(), built.documents);
        if !self.documents(queue, &mut ids, &mut built, progress).await? {
            return Ok(None);
        }
        self.stored(queue, &ids.to_process).await?;
        let salvage = if queue.is_some() { Salvage::Beginning } else { Salvage::Nothing };
        let (lists, unlisted) = self.lists(ids.all, ids.incomplete, salvage).await?;
        built.lists = lists;
        self.unlisted(queue, unlisted, &mut built).await?;
        if let Some(queue) = queue {
            // After the jobs: the feeder must find the known documents in the queue.
            for cursor in &built.lists.cursors {
                queue.push(Push { jobs: Vec::new(), cursor: Some(cursor.clone()) }).await?;
            }
        }
        Ok((self.stop.phase() == Phase::Running).then_some(built))
    }

    /// Surveys all documents, and records those that are done. Returns `false` if it was stopped.
    async fn documents(
        &self,
        queue: Option<&dyn QueueAdmin>,
        ids: &mut Ids,
        built: &mut Built,
        mut progress: Progress,
    ) -> Result<bool, CliError> {
        for batch in ids.all.chunks(BATCH_MAX) {
            if self.stop.phase() > Phase::Running {
                return Ok(false);
            }
            let mut processed = Vec::new();
            for (document, standing) in self.survey(batch.to_vec()).await? {
                match standing {
                    DocumentProgress::Processed(known) => processed.push(known),
                    DocumentProgress::Stored(_) => ids.to_process.push(document),
                    DocumentProgress::Incomplete(_) | DocumentProgress::Unreadable => {
                        ids.incomplete.insert(document);
                    }
                }
            }
            built.processed += processed.len() as u64;
            if let Some(queue) = queue {
                record::done(queue, processed, Through::Process).await?;
            }
            progress.advance(batch.len());
        }
        built.to_process = ids.to_process.len() as u64;
        built.incomplete = ids.incomplete.len() as u64;
        Ok(true)
    }

    async fn survey(
        &self,
        documents: Vec<DocumentId>,
    ) -> Result<Vec<(DocumentId, DocumentProgress)>, CliError> {
        let blobs = Arc::clone(&self.blobs);
        let group_of = Arc::clone(&self.group_of);
        let surveying = blocking(move || {
            let surveyor = Surveyor { blobs: &*blobs, group_of: &*group_of };
            let look = |document: DocumentId| surveyor.survey(&document).map(|standing| (document, standing));
            documents.into_iter().map(look).collect::<Result<Vec<_>, _>>()
        });
        Ok(surveying.await??)
    }

    /// Records the documents that are stored but not processed. Must run after the documents that are done:
    /// their process jobs are claimed until the lane is empty, and would be claimed together with these.
    async fn stored(&self, queue: Option<&dyn QueueAdmin>, documents: &[DocumentId]) -> Result<(), CliError> {
        let Some(queue) = queue else { return Ok(()) };
        for batch in documents.chunks(BATCH_MAX) {
            if self.stop.phase() > Phase::Running {
                return Ok(());
            }
            let standings = self.survey(batch.to_vec()).await?.into_iter();
            let known = standings.filter_map(|(_, standing)| match standing {
                DocumentProgress::Processed(known) | DocumentProgress::Stored(known) => Some(known),
                DocumentProgress::Incomplete(_) | DocumentProgress::Unreadable => None,
            });
            record::done(queue, known.collect(), Through::Store).await?;
        }
        Ok(())
    }

    /// Reads the lists. Returns the incomplete documents that no list names, too.
    async fn lists(
        &self,
        all: Vec<DocumentId>,
        incomplete: BTreeSet<DocumentId>,
        salvage: Salvage,
    ) -> Result<(Lists, BTreeSet<DocumentId>), CliError> {
        let snapshots = self.snapshots.clone();
        let reading = blocking(move || {
            let mut unlisted = incomplete.clone();
            let stored = Stored { all: &all, incomplete: &incomplete };
            lists::read(&snapshots, &stored, &mut unlisted, salvage).map(|lists| (lists, unlisted))
        });
        Ok(reading.await??)
    }

    /// Pushes fetch jobs for the incomplete documents that no list names. Must run last: these jobs stay
    /// ready, and the other steps claim every ready job.
    async fn unlisted(
        &self,
        queue: Option<&dyn QueueAdmin>,
        documents: BTreeSet<DocumentId>,
        built: &mut Built,
    ) -> Result<(), CliError> {
        let documents: Vec<DocumentId> = documents.into_iter().collect();
        for batch in documents.chunks(BATCH_MAX) {
            let mut jobs = Vec::new();
            for (document, standing) in self.survey(batch.to_vec()).await? {
                match standing {
                    DocumentProgress::Incomplete(job) => jobs.push(NewJob::from(*job)),
                    DocumentProgress::Unreadable => built.lost.push(document),
                    DocumentProgress::Processed(_) | DocumentProgress::Stored(_) => {}
                }
            }
            built.unlisted += jobs.len() as u64;
            if let Some(queue) = queue {
                record::push(queue, jobs).await?;
            }
        }
        Ok(())
    }
}

/// The progress of a rebuild: a bar on a terminal, otherwise a line every ten seconds.
struct Progress {
    bar: ProgressBar,
    show: Show,
    line_at: Instant,
}

impl Progress {
    fn start(show: Show, documents: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} documents, {eta} left")
            .expect("the template is a constant")
            .progress_chars("=> ");
        let bar = show.bar(documents, style);
        Self { bar, show, line_at: Instant::now() }
    }

    fn advance(&mut self, documents: usize) {
        self.bar.inc(documents as u64);
        // A hidden bar means that standard error is not a terminal.
        let is_due = self.bar.is_hidden() && self.line_at.elapsed() >= LINE_EVERY;
        if self.show.is_shown() && is_due {
            self.line_at = Instant::now();
            let (at, of) = (self.bar.position(), self.bar.length().unwrap_or_default());
            tracing::info!("{at} of {of} documents looked at");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
