//! The texts, and what is done with each: its bytes are published in spool, then the stage stores it. The
//! same is repeated with its next version.

use std::{io::Write, sync::Arc};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::OnDuplicate,
    payload::{Fetched, Listed, StoreJob},
    stage::{Attempt, Stage},
};
use store::{config::StoreConfig, stage::Store};

use crate::{
    operation::{Line, Operation, Step},
    oracle::Course,
};

/// The number of times that an operation is tried before the process goes on with the next text.
const TRIES: usize = 2;

pub(crate) fn id(document: usize) -> DocumentId {
    format!("PG{document}").parse().unwrap()
}

pub(crate) fn name(kind: BlobKind, document: usize) -> BlobName {
    BlobName::new(kind, id(document))
}

/// Returns the bytes of a version: lines of words, of a few sectors or many.
pub(crate) fn raw(document: usize, version: u32) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed((document as u64) << 32 | u64::from(version));
    let lines = if document % 4 == 3 { random.usize(400..800) } else { random.usize(1..80) };
    let mut text = format!("This is version {version} of text {document}.\r\n");
    for _ in 0..lines {
        for _ in 0..random.usize(1..12) {
            text.extend(std::iter::repeat_with(|| random.lowercase()).take(5));
            text.push(' ');
        }
        text.push_str("end\r\n");
    }
    text.into_bytes()
}

fn job(document: usize, version: u32) -> StoreJob {
    job_of(document, &raw(document, version), version)
}

/// Returns the job of these bytes.
pub(crate) fn job_of(document: usize, bytes: &[u8], version: u32) -> StoreJob {
    let url = format!("https://example.org/{document}.txt");
    StoreJob {
        document: id(document),
        fetched: Fetched {
            url: url.clone(),
            final_url: url,
            status: Some(200),
            at_ms: 1_700_000_000_000 + u64::from(version),
            took_ms: 45,
            attempts: 1,
            bytes: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            content_type: Some("text/plain".to_owned()),
            charset: None,
            etag: None,
            last_modified: None,
        },
        listed: Listed::default(),
        known: OnDuplicate::Absorb,
        lost: 0,
    }
}

/// Publishes bytes in spool. Every other text is a download that can be resumed.
pub(crate) fn spool_bytes(blobs: &dyn BlobStore, document: usize, bytes: &[u8]) -> Result<(), BlobError> {
    let name = name(BlobKind::Spool, document);
    let mut staged = if document.is_multiple_of(2) {
        let part = blobs.resume(&name)?;
        part.file.set_len(0).map_err(|error| BlobError::at(&part.path, error))?;
        part.into()
    } else {
        blobs.stage(&name)?
    };
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    let written = staged.write_all(head).and_then(|()| staged.write_all(tail));
    written.map_err(|error| BlobError::at(&staged.path(), error))?;
    blobs.publish(vec![staged])
}

/// Does the operations that are left to do, and reports each.
pub(crate) struct Worker {
    blobs: Arc<dyn BlobStore>,
    stage: Store,
    say: Box<dyn Fn(&Line) + Send + Sync>,
}

impl Worker {
    pub(crate) fn new(
        blobs: Arc<dyn BlobStore>,
        config: StoreConfig,
        say: impl Fn(&Line) + Send + Sync + 'static,
    ) -> Self {
        let stage = Store::new(Arc::clone(&blobs), Arc::default()).with_config(config);
        Self { blobs, stage, say: Box::new(say) }
    }

    /// Brings a text from its progress so far to its last version, or to the first operation that fails.
    pub(crate) async fn bring(&self, document: usize, course: Course, versions: u32) {
        let first = course.store.done + 1;
        for version in first..=versions {
            let is_in_spool = course.spool.done >= version;
            if !is_in_spool && !self.achieves(Operation { document, version, step: Step::Spool }).await
                || !self.achieves(Operation { document, version, step: Step::Store }).await
            {
                return;
            }
        }
    }

    async fn achieves(&self, operation: Operation) -> bool {
        for _ in 0..TRIES {
            (self.say)(&Line::Tries(operation));
            match self.once(operation).await {
                Ok(()) => {
                    (self.say)(&Line::Did(operation));
                    return true;
                }
                Err(why) => (self.say)(&Line::Failed(operation, why)),
            }
        }
        false
    }

    async fn once(&self, Operation { document, version, step }: Operation) -> Result<(), String> {
        match step {
            Step::Spool => {
                let blobs = Arc::clone(&self.blobs);
                let spooled = tokio::task::spawn_blocking(move || {
                    spool_bytes(&*blobs, document, &raw(document, version))
                });
                spooled.await.unwrap().map_err(|error| error.to_string())
            }
            Step::Store => {
                let stored = self.stage.run(job(document, version), Attempt { number: 1, failures: 0 }).await;
                stored.into_result().map(drop).map_err(|ending| ending.to_string())
            }
        }
    }
}
