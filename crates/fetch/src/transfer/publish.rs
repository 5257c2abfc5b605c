//! The end of a transfer: a whole body is compared with what is expected, and published.

use std::{io, path::Path, sync::Arc};

use flow::{
    blobs::{BlobError, Digest, Publishing},
    document::DocumentId,
};
use tokio::task::JoinError;
use url::Url;

use crate::{
    failure::{DownloadError, FetchFailure, Retry},
    politeness::soft_ban::{SoftBanDetector, SoftBanSign},
    response::head::BodyInfo,
    transfer::{checksum::Checksums, spool::Spool},
};

/// The result of a transfer that did not fail.
#[derive(Debug)]
pub(crate) enum TransferOutcome {
    /// The body is whole, and durable in the spool.
    Published(BodyInfo, Digest),
    /// The text is the stored version. Nothing was published.
    Unchanged,
    /// The text is at another URL. Nothing was published.
    Redirect(Url),
    /// The host sent the same body, from this URL, for other texts too. Nothing was published.
    RepeatedBody(SoftBanSign, String),
}

/// The conditions under which a whole body is published.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) checksums: Checksums,
    /// The BLAKE3 of the stored version in hex digits. The same bytes are not published again.
    pub(crate) stored: Option<String>,
    /// `None` for local files.
    pub(crate) soft_ban: Option<SoftBanCheck>,
}

/// Checks whether the host sends one body for many texts.
#[derive(Debug)]
pub(crate) struct SoftBanCheck {
    pub(crate) detector: Arc<SoftBanDetector>,
    pub(crate) host: String,
    pub(crate) document: DocumentId,
}

/// The part of an abandoned body that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartPolicy {
    /// The part is kept if it can be resumed.
    Keep,
    /// Nothing is kept.
    Discard,
}

impl PartPolicy {
    /// Returns the policy for a body that failed.
    pub(crate) fn after(failure: &FetchFailure) -> Self {
        match failure.retry {
            Retry::Later { .. } | Retry::Halt => Self::Keep,
            Retry::Never | Retry::FromStart | Retry::BlockPage => Self::Discard,
        }
    }
}

/// The outcome of the blocking part of a transfer. A published body is durable when `publishing` has ended.
pub(crate) struct Settled {
    outcome: TransferOutcome,
    publishing: Option<Publishing>,
}

impl From<TransferOutcome> for Settled {
    fn from(outcome: TransferOutcome) -> Self {
        Self { outcome, publishing: None }
    }
}

/// Begins to publish a whole body if it is the expected one. Blocks.
///
/// # Errors
/// Returns the failure if a listed checksum does not match, and an error of the store if the disk fails.
pub(crate) fn publish(
    mut spool: Spool,
    info: BodyInfo,
    expected: &Expectation,
) -> Result<Settled, DownloadError> {
    let digest = spool.digest();
    let mismatch = expected.checksums.compare(&mut spool, digest, &info.url)?;
    let stored = expected.stored.as_deref();
    let is_stored = stored.is_some_and(|stored| digest.blake3.to_hex().eq_ignore_ascii_case(stored));
    if let Some(SoftBanCheck { detector, host, document }) = &expected.soft_ban {
        // A listed checksum proves that this is the text, and the stored version was accepted as one before,
        // even if other texts have the same bytes.
        if is_stored || expected.checksums.are_listed() && mismatch.is_none() {
            detector.clear_host(host);
        } else if let Some(sign) = detector.check_body(host, document, &digest) {
            spool.discard()?;
            return Ok(TransferOutcome::RepeatedBody(sign, info.url).into());
        }
    }
    if let Some(mismatch) = mismatch {
        spool.discard()?;
        return Err(mismatch.into());
    }
    if is_stored {
        spool.discard()?;
        return Ok(TransferOutcome::Unchanged.into());
    }
    let publishing = Some(spool.publish()?);
    Ok(Settled { outcome: TransferOutcome::Published(info, digest), publishing })
}

/// Abandons a body, so that nothing is settled. Blocks.
///
/// # Errors
/// Returns an error of the store if the disk fails.
pub(crate) fn abandon(spool: Spool, policy: PartPolicy) -> Result<Option<Settled>, DownloadError> {
    match policy {
        PartPolicy::Keep => spool.suspend()?,
        PartPolicy::Discard => spool.discard()?,
    }
    Ok(None)
}

/// Returns the result of the blocking task of a transfer. Continues its panic.
///
/// # Errors
/// Returns the error of the task.
pub(crate) fn joined(
    task: Result<Result<Option<Settled>, DownloadError>, JoinError>,
) -> Result<Option<Settled>, DownloadError> {
    task.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => Err(BlobError::at(Path::new("spool"), io::Error::other(error)).into()),
    })
}

/// Waits until what a transfer publishes is durable. Returns `None` if the body was abandoned.
///
/// # Errors
/// Returns the error of the publication.
pub(crate) async fn wait_for(settled: Option<Settled>) -> Result<Option<TransferOutcome>, DownloadError> {
    let Some(Settled { outcome, publishing }) = settled else { return Ok(None) };
    // Waited for here and not in the task, so that no thread is blocked while publications are collected.
    if let Some(publishing) = publishing {
        publishing.end().await?;
    }
    Ok(Some(outcome))
}
