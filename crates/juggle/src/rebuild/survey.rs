//! What the files of a document prove.

use corpus::{arrival::Arrival, meta::Meta, records::RECORD_BYTES_MAX, stats};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::OnDuplicate,
    payload::{FetchJob, Fetched, Listed, ProcessJob, StoreJob},
};

/// The jobs that a document has gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) fetch: FetchJob,
    pub(crate) store: StoreJob,
    pub(crate) process: ProcessJob,
}

/// How far a document has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// All its results are there.
    Processed(Known),
    /// It is stored; its results are not there, or not of this text.
    Stored(Known),
    /// Something of it is gone or cut, so that it must be fetched anew; from here, where no list names it.
    Incomplete(Box<FetchJob>),
    /// What is known of it cannot be read.
    Unreadable,
}

/// Finds the jobs of documents.
pub(crate) struct Surveyor<'a> {
    pub(crate) blobs: &'a dyn BlobStore,
    /// The group of a URL.
    pub(crate) group_of: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
}

impl Surveyor<'_> {
    /// How far this document has come, by the names and lengths of its files.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn look(&self, document: &DocumentId) -> Result<Standing, BlobError> {
        let Some(meta) =
            self.record::<Meta>(BlobKind::Meta, document)?.filter(|meta| meta.document == *document)
        else {
            return Ok(Standing::Unreadable);
        };
        let is_whole = meta.is_complete(self.blobs)?;
        let known = self.known(meta, self.record(BlobKind::Arrival, document)?);
        Ok(if !is_whole {
            Standing::Incomplete(Box::new(known.fetch))
        } else if stats::is_complete(self.blobs, &known.process)? {
            Standing::Processed(known)
        } else {
            Standing::Stored(known)
        })
    }

    /// A small JSON file; none where it is not there or not what it should be.
    pub(crate) fn record<T: serde::de::DeserializeOwned>(
        &self,
        kind: BlobKind,
        document: &DocumentId,
    ) -> Result<Option<T>, BlobError> {
        match self.blobs.read(&BlobName::new(kind, document.clone()), RECORD_BYTES_MAX) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(BlobError::NotFound(_) | BlobError::TooLarge { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The jobs of a document, as far as its meta and arrival tell.
    pub(crate) fn known(&self, meta: Meta, arrival: Option<Arrival>) -> Known {
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
            at_ms: arrival.as_ref().map_or(0, at_ms),
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
        Known {
            fetch: FetchJob {
                document: document.clone(),
                host: (self.group_of)(&meta.url),
                urls: vec![meta.url],
                candidate: 0,
                redirected: None,
                refused: None,
                listed: listed.clone(),
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
            process: ProcessJob { document, text_blake3: meta.text.blake3, known: OnDuplicate::Absorb },
        }
    }
}

fn at_ms(arrival: &Arrival) -> u64 {
    let at = arrival.at.parse::<jiff::Timestamp>();
    at.ok().and_then(|at| u64::try_from(at.as_millisecond()).ok()).unwrap_or(0)
}
