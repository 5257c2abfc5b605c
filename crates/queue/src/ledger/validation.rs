//! Checks requests against the bounds of the queue's contract.

use flow::{
    failure::MESSAGE_BYTES_MAX,
    job::{GROUP_BYTES_MAX, KEY_BYTES_MAX, Lease, NewJob, PAYLOAD_BYTES_MAX},
    queue::{BATCH_MAX, ClaimRequest, CursorMove, Nack, QueueError},
};

/// The length of the longest name of a source.
const SOURCE_BYTES_MAX: usize = 200;

/// Checks that `what` has at most `max` bytes.
fn check_bytes(what: &str, bytes: usize, max: usize) -> Result<(), QueueError> {
    if bytes <= max {
        return Ok(());
    }
    Err(QueueError::Invalid(format!("{what} has {bytes} bytes; at most {max} are allowed")))
}

/// Checks that a batch and each of its jobs is within the bounds.
///
/// # Errors
/// Returns [`QueueError::Invalid`] if one is not, as all functions of this module do.
pub(super) fn check_jobs(jobs: &[NewJob]) -> Result<(), QueueError> {
    if jobs.len() > BATCH_MAX {
        return Err(QueueError::Invalid(format!(
            "a batch has {} jobs; at most {BATCH_MAX} are allowed",
            jobs.len()
        )));
    }
    jobs.iter().try_for_each(check_job)
}

fn check_job(job: &NewJob) -> Result<(), QueueError> {
    if job.key.is_empty() {
        return Err(QueueError::Invalid("a job's key is empty".to_owned()));
    }
    check_bytes("a job's key", job.key.len(), KEY_BYTES_MAX)?;
    check_bytes("a group's name", job.group.as_ref().map_or(0, |group| group.0.len()), GROUP_BYTES_MAX)?;
    check_bytes("a payload", job.payload.len(), PAYLOAD_BYTES_MAX)
}

/// Checks the name of the source whose cursor moves.
pub(super) fn check_cursor_move(step: &CursorMove) -> Result<(), QueueError> {
    if step.source.is_empty() {
        return Err(QueueError::Invalid("a source's name is empty".to_owned()));
    }
    check_bytes("a source's name", step.source.len(), SOURCE_BYTES_MAX)
}

/// Checks the number of groups that a claim limits, and their names.
pub(super) fn check_limits(request: &ClaimRequest) -> Result<(), QueueError> {
    let count = request.named_limits.len();
    if count > BATCH_MAX {
        return Err(QueueError::Invalid(format!(
            "a claim limits {count} groups; at most {BATCH_MAX} are allowed"
        )));
    }
    let mut names = request.named_limits.keys();
    names.try_for_each(|group| check_bytes("a group's name", group.0.len(), GROUP_BYTES_MAX))
}

/// Checks a failure's message, and that a revised job is the same job.
pub(super) fn check_nack(lease: Lease, nack: &Nack) -> Result<(), QueueError> {
    if let Nack::Retry { failure, .. } | Nack::Dead { failure } | Nack::Move { why: failure, .. } = nack {
        check_bytes("a failure's message", failure.message.len(), MESSAGE_BYTES_MAX)?;
    }
    match nack {
        Nack::Retry { revised: Some(job), .. } | Nack::Move { revised: job, .. } => {
            // A revision keeps the job's own key, so that of another job would be lost in silence.
            if job.id() != lease.id {
                return Err(QueueError::Invalid("a revised job must keep its lane and key".to_owned()));
            }
            check_job(job)
        }
        Nack::Retry { revised: None, .. } | Nack::Dead { .. } | Nack::Release => Ok(()),
    }
}
