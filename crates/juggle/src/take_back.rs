//! Takes out of the store again what was a host's notice: a body that it gave in place of texts until it was left alone.
//!
//! The first copies of a notice cannot be told from texts, so they were stored. Once it is known for what it is, their
//! texts are fetched anew, in this order: what the queue knows of the text is forgotten, a new fetch job is pushed, and
//! the files are removed. Cut off at any point, the next run goes on: as long as the meta of a notice is there, its text is
//! looked at.
//!
//! A text of which a job is pending is left for a later run, unless that is a fetch job which cannot end without its
//! bytes.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use corpus::records;
use fetch::{
    candidate,
    politeness::block_pages::{self, BlockPages},
};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::{JobState, JobView, NewJob, Selection},
    lane::Lane,
    payload::{FetchJob, Listed},
    queue::{BATCH_MAX, QueueAdmin, QueueError},
};
use serde::Deserialize;

use sources::entry::Entry;

use sources::feed::GroupOf;

use crate::{
    anew::{self, DOCUMENTS_MAX},
    blocking::blocking,
    exit::CliError,
};

/// The files of a text, in the order in which they are removed: no stats without a meta, no meta without a text.
const FILES: [BlobKind; 7] = [
    BlobKind::Stats,
    BlobKind::Counts,
    BlobKind::Tokens,
    BlobKind::Meta,
    BlobKind::Text,
    BlobKind::Arrival,
    BlobKind::Raw,
];

/// What it works with.
pub(crate) struct TakeBack<'a> {
    pub(crate) queue: &'a dyn QueueAdmin,
    pub(crate) blobs: Arc<dyn BlobStore>,
    /// The directory of what is remembered of hosts.
    pub(crate) hosts: PathBuf,
    /// The directory of the snapshots of source lists.
    pub(crate) snapshots: PathBuf,
    pub(crate) group_of: GroupOf,
}

/// What of a meta matters here.
#[derive(Debug, Clone, Deserialize)]
struct Origin {
    url: String,
    final_url: String,
    raw: Raw,
}

#[derive(Debug, Clone, Deserialize)]
struct Raw {
    blake3: String,
}

/// What the queue says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing of it is pending.
    Ended,
    /// It will be fetched anew.
    Queued,
    /// Something else is pending.
    OnItsWay,
}

impl TakeBack<'_> {
    /// Takes back all that can be, and tells the user of it.
    ///
    /// # Errors
    /// Where the queue fails, or files cannot be read or removed.
    pub(crate) async fn run(&self) -> Result<(), CliError> {
        let (hosts, blobs) = (self.hosts.clone(), Arc::clone(&self.blobs));
        let found = blocking(move || {
            let notices = block_pages::read_all(&hosts);
            if notices.is_empty() { Ok(BTreeMap::new()) } else { stored_notices(&notices, &*blobs) }
        })
        .await??;
        let mut taken = BTreeMap::<String, u64>::new();
        let texts: Vec<_> = found.iter().collect();
        for batch in texts.chunks(DOCUMENTS_MAX) {
            for (document, origin) in self.renewed(batch).await? {
                let (blobs, gone, is_it) = (Arc::clone(&self.blobs), document.clone(), origin.clone());
                if blocking(move || remove(&gone, &is_it, &*blobs)).await?? {
                    *taken.entry(host_of(&origin.final_url).unwrap_or_default()).or_default() += 1;
                }
            }
        }
        for (host, texts) in taken {
            tracing::warn!(
                "{texts} stored texts of '{host}' were a notice that it gives in place of texts: they were taken out of the \
                 corpus again, and wait to be fetched"
            );
        }
        Ok(())
    }

    /// Sees to it that these texts are fetched anew; gives those of which that is sure.
    async fn renewed(&self, batch: &[(&DocumentId, &Origin)]) -> Result<Vec<(DocumentId, Origin)>, CliError> {
        let standings = self.standings(batch).await?;
        let standing = |id: &DocumentId| standings.get(id.as_str()).copied().unwrap_or(Standing::Ended);
        let ended: BTreeMap<_, _> =
            batch.iter().filter(|(id, _)| standing(id) == Standing::Ended).copied().collect();
        let is_pushed = self.push(&ended).await?;
        let is_sure = |id: &DocumentId| match standing(id) {
            Standing::Ended => is_pushed,
            Standing::Queued => true,
            Standing::OnItsWay => false,
        };
        let sure = batch.iter().filter(|(id, _)| is_sure(id));
        Ok(sure.map(|(id, origin)| ((*id).clone(), (*origin).clone())).collect())
    }

    async fn standings(
        &self,
        batch: &[(&DocumentId, &Origin)],
    ) -> Result<BTreeMap<String, Standing>, CliError> {
        let ids = batch.iter().flat_map(|(id, _)| anew::jobs_from(Lane::Fetch, id.as_str()));
        let selection = Selection { ids: ids.collect(), ..Selection::default() };
        let mut standings = BTreeMap::new();
        for view in self.queue.list(selection, None, BATCH_MAX).await? {
            if JobState::PENDING.contains(&view.state) {
                let standing = if brings_bytes(&view) { Standing::Queued } else { Standing::OnItsWay };
                standings.entry(view.key).and_modify(|known| *known = Standing::OnItsWay).or_insert(standing);
            }
        }
        Ok(standings)
    }

    /// Forgets these texts and pushes a fetch job for each; `false` where the lane has no room.
    async fn push(&self, texts: &BTreeMap<&DocumentId, &Origin>) -> Result<bool, CliError> {
        let wanted = texts.keys().copied().cloned().collect();
        let mut entries = anew::listed(self.queue, self.snapshots.clone(), wanted).await?;
        let jobs = texts.iter().map(|(id, origin)| {
            let unlisted =
                || Entry { id: (*id).clone(), urls: vec![origin.url.clone()], listed: Listed::default() };
            let entry = entries.remove(id).unwrap_or_else(unlisted);
            NewJob::from(entry.into_job(|url| (self.group_of)(url)))
        });
        match anew::push(self.queue, jobs.collect()).await {
            Ok(()) => Ok(true),
            Err(QueueError::Full(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a job cannot end well without having brought the bytes of its text.
fn brings_bytes(view: &JobView) -> bool {
    view.lane == Lane::Fetch
        && serde_json::from_slice::<FetchJob>(&view.payload).is_ok_and(|job| job.stored.is_none())
}

fn host_of(url: &str) -> Option<String> {
    candidate::group_of(url, &[])
}

fn origin(document: &DocumentId, blobs: &dyn BlobStore) -> Result<Option<Origin>, BlobError> {
    records::read(blobs, BlobKind::Meta, document)
}

/// The texts whose bytes are a notice of the host that gave them.
fn stored_notices(
    notices: &[BlockPages],
    blobs: &dyn BlobStore,
) -> Result<BTreeMap<DocumentId, Origin>, BlobError> {
    let is_notice = |origin: &Origin| {
        let host = host_of(&origin.final_url);
        let of_host = |known: &&BlockPages| host.as_deref() == Some(known.host.as_str());
        notices.iter().filter(of_host).any(|known| known.bodies.contains(&origin.raw.blake3))
    };
    let mut found = BTreeMap::new();
    for document in blobs.list(BlobKind::Meta)? {
        if let Some(origin) = origin(&document, blobs)?.filter(is_notice) {
            found.insert(document, origin);
        }
    }
    Ok(found)
}

/// Removes the files of a text, if its bytes are still the notice.
fn remove(document: &DocumentId, notice: &Origin, blobs: &dyn BlobStore) -> Result<bool, BlobError> {
    if origin(document, blobs)?.is_none_or(|now| now.raw.blake3 != notice.raw.blake3) {
        return Ok(false);
    }
    FILES.iter().try_for_each(|kind| blobs.remove(&BlobName::new(*kind, document.clone())))?;
    Ok(true)
}
