//! Fills a new queue: documents in batches, then the source lists.
//!
//! Memory holds the ids of all documents, and the records of one batch.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

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
use queue::{directory::QueueDirectory, error::storage_error, transport::client::QueueClient};
use sources::feed::GroupOf;
use tokio::task::spawn_blocking;

use crate::{
    error::RebuildError,
    lists::{self, Lists, Salvage, Stored},
    record::{self, Completed},
    swap,
};

/// The capacity of a lane. No push may be refused: all documents may wait in one lane.
const CAPACITY: usize = usize::MAX / 2;

/// A function that receives the number of documents that were looked at, and the number of all.
pub type OnProgress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// The inputs and options of a rebuild.
#[derive(Clone)]
pub struct Rebuild {
    /// The queue to be replaced.
    pub directory: QueueDirectory,
    /// The blob store of the run.
    pub blobs: Arc<dyn BlobStore>,
    /// The directory of the snapshots of source lists.
    pub snapshots: PathBuf,
    /// The group of a fetch job.
    pub group_of: GroupOf,
    /// The durability of the new queue.
    pub durability: Durability,
    /// Draining ends the rebuild, and the queue stays as it was.
    pub stop: Shutdown,
    /// Called after each batch of documents.
    pub on_progress: OnProgress,
}

/// The contents of the new queue.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// The number of documents with a meta.
    pub documents: u64,
    /// The number of these that have complete results.
    pub processed: u64,
    /// The number of documents that are stored but not processed.
    pub to_process: u64,
    /// The number of documents with a missing or truncated file. They are fetched again.
    pub incomplete: u64,
    /// Documents that no list names and whose meta cannot be read.
    pub lost: Vec<DocumentId>,
    /// The number of texts to fetch that no list names. Their jobs are made from their meta.
    pub unlisted: u64,
    /// The source lists.
    pub lists: Lists,
    /// The directory of the old database, if there was one and it was replaced.
    pub aside: Option<PathBuf>,
}

/// The stored documents by their progress, before anything is written.
#[derive(Default)]
struct Ids {
    /// All documents, in order.
    all: Vec<DocumentId>,
    to_process: Vec<DocumentId>,
    incomplete: BTreeSet<DocumentId>,
}

impl Rebuild {
    /// Builds the new queue next to the old one, then moves the old one aside and the new one into its place.
    /// Renames the damaged lists, whose beginnings are in the new queue. Returns `None` if it was stopped
    /// before the first file was moved.
    ///
    /// # Errors
    /// Returns an error if the store or a list cannot be read, the queue cannot be written, or a file cannot
    /// be moved.
    pub async fn replace(&self) -> Result<Option<Rebuilt>, RebuildError> {
        let Some(mut rebuilt) = self.build().await? else { return Ok(None) };
        let (directory, site, damaged) = (self.directory.clone(), self.site(), rebuilt.lists.damaged.clone());
        let now_ms = Clock::start().now_ms();
        let swapping = spawn_blocking(move || {
            let aside = swap::put_in_place(&directory, &QueueDirectory::of(&site), &damaged, now_ms)?;
            clear(&site).map(|()| aside)
        });
        rebuilt.aside = swapping.await??;
        Ok(Some(rebuilt))
    }

    /// Returns what the new queue would contain. Writes nothing.
    ///
    /// # Errors
    /// Returns an error if the store or a list cannot be read.
    pub async fn look(&self) -> Result<Option<Rebuilt>, RebuildError> {
        self.fill(None).await
    }

    async fn build(&self) -> Result<Option<Rebuilt>, RebuildError> {
        let site = self.site();
        clear(&site)?;
        let built = tokio::select! {
            built = self.within(&site) => built,
            // The next rebuild removes the incomplete queue: a second signal must not wait for the disk.
            () = self.stop.reached(Phase::Now) => return Ok(None),
        };
        // An incomplete queue takes space, and the disk may be full.
        if !matches!(built, Ok(Some(_))) {
            clear(&site)?;
        }
        built
    }

    /// Returns the directory in which the new queue is built, as the run directory of a queue of its own.
    fn site(&self) -> PathBuf {
        self.directory.path().join("rebuilding")
    }

    /// Creates a queue in the directory `site`, fills it and closes it. Returns `None` if it was stopped.
    async fn within(&self, site: &Path) -> Result<Option<Rebuilt>, RebuildError> {
        let directory = QueueDirectory::of(site);
        let (durability, clock) = (self.durability, Clock::start());
        let owning =
            spawn_blocking(move || directory.own(durability, CAPACITY, Arc::new(move || clock.now_ms())));
        let owned = owning.await??;
        let (link, thread) = owned.ok_or_else(|| {
            QueueError::Broken("another process is building in the same directory".to_owned())
        })?;
        let queue = QueueClient::Local(link);
        let filled = self.fill(Some(&queue)).await;
        // The thread of the queue ends, and its files are closed, when the last client is dropped.
        drop(queue);
        let joined = spawn_blocking(|| thread.join()).await?;
        joined.map_err(|_| QueueError::Broken("the queue's thread panicked".to_owned()))?;
        filled
    }

    async fn fill(&self, queue: Option<&dyn QueueAdmin>) -> Result<Option<Rebuilt>, RebuildError> {
        let blobs = Arc::clone(&self.blobs);
        let listing = spawn_blocking(move || blobs.list(BlobKind::Meta));
        let mut ids = Ids { all: listing.await??, ..Ids::default() };
        let mut built = Rebuilt { documents: ids.all.len() as u64, ..Rebuilt::default() };
        if !self.documents(queue, &mut ids, &mut built).await? {
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
        built: &mut Rebuilt,
    ) -> Result<bool, RebuildError> {
        let mut looked_at = 0;
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
                record::done(queue, processed, Completed::All).await?;
            }
            looked_at += batch.len() as u64;
            (self.on_progress)(looked_at, built.documents);
        }
        built.to_process = ids.to_process.len() as u64;
        built.incomplete = ids.incomplete.len() as u64;
        Ok(true)
    }

    async fn survey(
        &self,
        documents: Vec<DocumentId>,
    ) -> Result<Vec<(DocumentId, DocumentProgress)>, RebuildError> {
        let blobs = Arc::clone(&self.blobs);
        let group_of = Arc::clone(&self.group_of);
        let surveying = spawn_blocking(move || {
            let surveyor = Surveyor { blobs: &*blobs, group_of: &*group_of };
            let look = |document: DocumentId| surveyor.survey(&document).map(|standing| (document, standing));
            documents.into_iter().map(look).collect::<Result<Vec<_>, _>>()
        });
        Ok(surveying.await??)
    }

    /// Records the documents that are stored but not processed. Must run after the documents that are done:
    /// their process jobs are claimed until the lane is empty, and would be claimed together with these.
    async fn stored(
        &self,
        queue: Option<&dyn QueueAdmin>,
        documents: &[DocumentId],
    ) -> Result<(), RebuildError> {
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
            record::done(queue, known.collect(), Completed::Stored).await?;
        }
        Ok(())
    }

    /// Reads the lists. Returns the incomplete documents that no list names, too.
    async fn lists(
        &self,
        all: Vec<DocumentId>,
        incomplete: BTreeSet<DocumentId>,
        salvage: Salvage,
    ) -> Result<(Lists, BTreeSet<DocumentId>), RebuildError> {
        let snapshots = self.snapshots.clone();
        let reading = spawn_blocking(move || {
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
        built: &mut Rebuilt,
    ) -> Result<(), RebuildError> {
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

fn clear(site: &Path) -> Result<(), QueueError> {
    match fs::remove_dir_all(site) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(storage_error("remove", site, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
