//! Copies a local text into the spool: `file:` URLs of the user's own lists.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::PathBuf,
    sync::Arc,
};

use flow::{
    blobs::{BlobError, BlobName},
    counters::Counters,
    failure::Reason,
    machine::MachineFailure,
};
use url::Url;

use crate::{
    coding::codings::Codings,
    failure::{DownloadError, FetchFailure, Retry},
    response::head::{BodyInfo, BodyPlan},
    transfer::{
        body::IncomingBody,
        publish::{self, Expectation, Settled, TransferOutcome},
        spool::{Spool, SpoolStore},
    },
};

const BUFFER_BYTES: usize = 256 * 1024;

/// A local text to copy.
pub(crate) struct FileCopy {
    pub(crate) spools: SpoolStore,
    pub(crate) url: Url,
    pub(crate) name: BlobName,
    pub(crate) expected: Expectation,
    pub(crate) bytes_max: u64,
    /// No earlier attempt can have left a part of the text in the spool.
    pub(crate) is_first_attempt: bool,
}

impl FileCopy {
    /// Copies the file, and publishes it if it is the expected text and not the stored version. A file must
    /// be regular, a text, not empty, and within the size limit, like a download.
    ///
    /// # Errors
    /// Returns the failure if the file is not acceptable, and an error of the store if a disk fails.
    pub(crate) async fn run(self, counters: Arc<Counters>) -> Result<TransferOutcome, DownloadError> {
        let task = tokio::task::spawn_blocking(move || self.copy(&counters).map(Some));
        let outcome = publish::wait_for(publish::joined(task.await)?).await?;
        Ok(outcome.expect("a copied file is published or fails"))
    }

    /// Copies the file, and begins to publish it. Blocks.
    fn copy(self, counters: &Counters) -> Result<Settled, DownloadError> {
        let (path, file) = open(&self.url)?;
        let mut spool = if self.is_first_attempt && self.spools.has_room() {
            Spool::in_memory(self.spools, &self.name)
        } else {
            Spool::open(self.spools, &self.name)?
        };
        let info = BodyInfo {
            url: self.url.into(),
            status: None,
            total: None,
            content_type: None,
            charset: None,
            etag: None,
            last_modified: None,
        };
        let plan = BodyPlan::Whole { info: info.clone(), validator: None, codings: Codings::default() };
        let label = format!("'{}'", path.display());
        let body = IncomingBody { label, plan, bytes_max: self.bytes_max };
        let input = BufReader::with_capacity(BUFFER_BYTES, CountedFile { file, counters });
        let error = match body.receive(input, &mut spool) {
            Ok(Ok(())) => return publish::publish(spool, info, &self.expected),
            Ok(Err(error)) => BlobError::at(&path, error).into(),
            // No host is involved, and the file is the same at the next attempt.
            Err(DownloadError::Failure(failure)) => FetchFailure { retry: Retry::Never, ..failure }.into(),
            Err(error @ DownloadError::Storage(_)) => error,
        };
        spool.discard()?;
        Err(error)
    }
}

/// A file whose bytes are counted as they are read.
struct CountedFile<'a> {
    file: File,
    counters: &'a Counters,
}

impl Read for CountedFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.counters.bytes.add(read as u64);
        Ok(read)
    }
}

/// Opens a regular file. Never waits for a pipe or a device.
fn open(url: &Url) -> Result<(PathBuf, File), FetchFailure> {
    let fail = |message: String| FetchFailure::permanent(Reason::Internal, message);
    let path = url.to_file_path().map_err(|()| fail(format!("{url}: not a path on this machine")))?;
    let read_failure = |error: io::Error| {
        let message = format!("cannot read '{}': {error}", path.display());
        match MachineFailure::from_any_io(&error) {
            Some(condition) => FetchFailure::machine(condition, message),
            None => fail(message),
        }
    };
    // Before the file is opened, because opening a named pipe would wait for a writer.
    if !path.metadata().map_err(read_failure)?.is_file() {
        return Err(fail(format!("'{}' is not a regular file", path.display())));
    }
    let file = File::open(&path).map_err(read_failure)?;
    Ok((path, file))
}
