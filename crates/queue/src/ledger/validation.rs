//! The bounds of what may be pushed.

use flow::{
    failure::MESSAGE_BYTES_MAX,
    job::{GROUP_BYTES_MAX, KEY_BYTES_MAX, Lease, NewJob, PAYLOAD_BYTES_MAX},
    queue::{BATCH_MAX, ClaimRequest, Nack, QueueError},
};

/// Refuses a batch that is over a bound, or holds a job that is.
pub(super) fn check_jobs(jobs: &[NewJob]) -> Result<(), QueueError> {
    if jobs.len() > BATCH_MAX {
        return Err(QueueError::Invalid(format!("{} jobs at once are more than {BATCH_MAX}", jobs.len())));
    }
    jobs.iter().try_for_each(check_job)
}

/// Refuses a claim that names more limits than the bound.
pub(super) fn check_limits(ask: &ClaimRequest) -> Result<(), QueueError> {
    match ask.named_limits.len() {
        0..=BATCH_MAX => match ask.named_limits.keys().find(|group| group.0.len() > GROUP_BYTES_MAX) {
            None => Ok(()),
            Some(group) => Err(QueueError::Invalid(format!(
                "a group's name of {} bytes: at most {GROUP_BYTES_MAX} are allowed",
                group.0.len()
            ))),
        },
        many => Err(QueueError::Invalid(format!("limits of {many} groups: at most {BATCH_MAX} are allowed"))),
    }
}

/// Refuses a failure that is over a bound, or a revision that is or makes another job.
pub(super) fn check_nack(lease: Lease, nack: &Nack) -> Result<(), QueueError> {
    if let Nack::Retry { failure, .. } | Nack::Dead { failure } | Nack::Move { why: failure, .. } = nack
        && failure.message.len() > MESSAGE_BYTES_MAX
    {
        let bytes = failure.message.len();
        let why = format!("a failure's message of {bytes} bytes: at most {MESSAGE_BYTES_MAX} are allowed");
        return Err(QueueError::Invalid(why));
    }
    match nack {
        Nack::Retry { revised: Some(job), .. } | Nack::Move { revised: job, .. } => {
            if job.id() != lease.id {
                return Err(QueueError::Invalid("a revised job must keep its lane and key".to_owned()));
            }
            check_job(job)
        }
        Nack::Retry { .. } | Nack::Dead { .. } | Nack::Release => Ok(()),
    }
}

/// Refuses a job that is over a bound.
pub(super) fn check_job(job: &NewJob) -> Result<(), QueueError> {
    let key = job.key.len();
    let group = job.group.as_ref().map_or(0, |group| group.0.len());
    let refuse = |what: &str, bytes: usize, max: usize| {
        Err(QueueError::Invalid(format!("{what} of {bytes} bytes: at most {max} are allowed")))
    };
    if key == 0 {
        return Err(QueueError::Invalid("a job needs a key".to_owned()));
    }
    if key > KEY_BYTES_MAX {
        return refuse("a job's key", key, KEY_BYTES_MAX);
    }
    if group > GROUP_BYTES_MAX {
        return refuse("a group's name", group, GROUP_BYTES_MAX);
    }
    if job.payload.len() > PAYLOAD_BYTES_MAX {
        return refuse("a payload", job.payload.len(), PAYLOAD_BYTES_MAX);
    }
    Ok(())
}
