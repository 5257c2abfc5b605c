//! Reconstructs the jobs of a document from its files.

use flow::{
    blobs::{BlobError, BlobKind, BlobStore},
    document::DocumentId,
    job::OnDuplicate,
    payload::{FetchJob, Fetched, Listed, ProcessJob, StoreJob},
};

use crate::{arrival::Arrival, meta::Meta, records, stats};

/// The jobs that a document has gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentJobs {
    /// The job that downloads it.
    pub fetch: FetchJob,
    /// The job that stores it.
    pub store: StoreJob,
    /// The job that processes it.
    pub process: ProcessJob,
}

/// The progress of a document through the stages, with its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentProgress {
    /// All its results exist.
    Processed(DocumentJobs),
    /// It is stored. Its results do not exist, or are of another text.
    Stored(DocumentJobs),
    /// A file is missing or has another length, so the document must be fetched again; with this job, if no
    /// list names it.
    Incomplete(Box<FetchJob>),
    /// Its meta cannot be read.
    Unreadable,
}

/// Reconstructs the jobs of documents.
pub struct Surveyor<'a> {
    /// The store.
    pub blobs: &'a dyn BlobStore,
    /// Returns the group of a URL.
    pub group_of: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
}

impl Surveyor<'_> {
    /// Returns how far a document has come, by the names and lengths of its files.
    ///
    /// # Errors
    /// Returns the errors of [`BlobStore::read`] and [`BlobStore::len`].
    pub fn survey(&self, document: &DocumentId) -> Result<DocumentProgress, BlobError> {
        let Some(meta) = Meta::read(self.blobs, document)? else {
            return Ok(DocumentProgress::Unreadable);
        };
        let is_complete = meta.is_complete(self.blobs)?;
        let jobs = self.jobs(meta)?;
        Ok(if !is_complete {
            DocumentProgress::Incomplete(Box::new(jobs.fetch))
        } else if stats::is_complete(self.blobs, &jobs.process)? {
            DocumentProgress::Processed(jobs)
        } else {
            DocumentProgress::Stored(jobs)
        })
    }

    /// Reconstructs the jobs of a document from its meta and its arrival. If there is no arrival, the times
    /// are 0.
    ///
    /// # Errors
    /// Returns the errors of [`records::read`].
    pub fn jobs(&self, meta: Meta) -> Result<DocumentJobs, BlobError> {
        let arrival = records::read(self.blobs, BlobKind::Arrival, &meta.document)?;
        Ok(self.jobs_of(meta, arrival))
    }

    /// Reconstructs the jobs of a document from its meta and its arrival.
    #[must_use]
    pub fn jobs_of(&self, meta: Meta, arrival: Option<Arrival>) -> DocumentJobs {
        let listed = Listed {
            title: meta.title,
            encoding: meta.encoding.given,
            columns: meta.listed,
            ..Listed::default()
        };
        let fetched = Fetched {
            url: meta.url.clone(),
            final_url: meta.final_url,
            status: arrival.as_ref().and_then(|arrival| arrival.status),
            at_ms: arrival.as_ref().map_or(0, Arrival::at_ms),
            took_ms: arrival.as_ref().map_or(0, |arrival| arrival.took_ms),
            attempts: arrival.as_ref().map_or(1, |arrival| arrival.attempts),
            bytes: meta.raw.bytes,
            blake3: meta.raw.blake3,
            content_type: meta.content_type,
            charset: meta.charset,
            etag: meta.etag,
            last_modified: meta.last_modified,
        };
        let document = meta.document;
        DocumentJobs {
            fetch: FetchJob {
                document: document.clone(),
                host: (self.group_of)(&meta.url),
                urls: vec![meta.url],
                candidate: 0,
                redirected: None,
                refused: None,
                listed: listed.clone(),
                // With a stored version, the server may report no change, and damaged files would stay.
                stored: None,
                lost: 0,
            },
            store: StoreJob {
                document: document.clone(),
                fetched,
                listed,
                known: OnDuplicate::Absorb,
                lost: 0,
            },
            process: ProcessJob::of_text(document, meta.text.blake3, meta.text.bytes),
        }
    }
}
