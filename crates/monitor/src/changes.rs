//! The changes that a person makes to jobs: which jobs are meant, and what is refused.

use event_log::line::Kind;
use flow::{
    document::DocumentId,
    job::{JobId, JobState, JobView, Selection},
    lane::Lane,
    queue::{BATCH_MAX, QueueAdmin, QueueError, each_page},
};

use crate::failures::kind;

/// Returns the jobs of these ids. The id of a document selects its jobs in all lanes.
///
/// # Errors
/// Returns a message that names the first id that can be neither of a job nor of a document.
pub fn job_ids(ids: &[String]) -> Result<Vec<JobId>, String> {
    let mut found = Vec::new();
    for id in ids {
        let (job, document) = (id.parse::<JobId>(), id.parse::<DocumentId>());
        if let (Err(error), Err(_)) = (&job, &document) {
            return Err(error.clone());
        }
        found.extend(job.ok());
        // 32 hexadecimal digits can be the id of a document, too.
        found.extend(document.iter().flat_map(|id| Lane::ALL.map(|lane| JobId::of(lane, id.as_str()))));
    }
    Ok(found)
}

/// Returns the ids that match neither a job nor a document, so that a typing error can be refused before
/// anything is changed. Ids that [`job_ids`] refuses are unknown.
///
/// # Errors
/// Returns the errors of [`QueueAdmin::list`].
pub async fn unknown_ids(queue: &dyn QueueAdmin, ids: &[String]) -> Result<Vec<String>, QueueError> {
    let mut unknown = Vec::new();
    for id in ids {
        // One id at a time, because the answer to all of them would not say which are unknown.
        let is_known = match job_ids(std::slice::from_ref(id)) {
            Ok(ids) => !queue.list(Selection { ids, ..Selection::default() }, None, 1).await?.is_empty(),
            Err(_) => false,
        };
        if !is_known {
            unknown.push(id.clone());
        }
    }
    Ok(unknown)
}

/// Returns the selected jobs that failed, and whose failure is of this [`kind`].
///
/// # Errors
/// Returns the errors of [`QueueAdmin::list`].
pub async fn failed_of_kind(
    queue: &dyn QueueAdmin,
    selection: Selection,
    wanted: &str,
) -> Result<Vec<JobId>, QueueError> {
    let selection = Selection { state: Some(JobState::Dead), ..selection };
    let mut ids = Vec::new();
    each_page(queue, &selection, usize::MAX, |page| {
        let is_of_kind = |job: &&JobView| job.last_failure().is_some_and(|failure| kind(failure) == wanted);
        ids.extend(page.iter().filter(is_of_kind).map(|job| job.id));
    })
    .await?;
    Ok(ids)
}

/// A change of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobChange {
    /// Failed jobs are tried again.
    Retry,
    /// Jobs are removed from the queue.
    Drop,
}

impl JobChange {
    /// Returns the name in commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Drop => "drop",
        }
    }

    /// Returns the kind of the line in the event log.
    #[must_use]
    pub const fn event(self) -> Kind {
        match self {
            Self::Retry => Kind::Retried,
            Self::Drop => Kind::Dropped,
        }
    }

    /// Returns whether jobs in this state are changed.
    #[must_use]
    pub const fn takes(self, state: JobState) -> bool {
        match (self, state) {
            (Self::Retry, JobState::Dead)
            | (Self::Drop, JobState::Ready | JobState::Delayed | JobState::Done | JobState::Dead) => true,
            (Self::Retry, JobState::Ready | JobState::Delayed | JobState::Leased | JobState::Done)
            | (Self::Drop, JobState::Leased) => false,
        }
    }

    /// Changes the selected jobs. Returns their number.
    ///
    /// # Errors
    /// Returns the errors of [`QueueAdmin::retry`] and [`QueueAdmin::drop_jobs`].
    pub async fn make(self, queue: &dyn QueueAdmin, selection: Selection) -> Result<u64, QueueError> {
        match self {
            Self::Retry => queue.retry(selection).await,
            Self::Drop => queue.drop_jobs(selection).await,
        }
    }

    /// Changes these jobs, in batches. Returns their number.
    ///
    /// # Errors
    /// Returns the errors of [`make`](Self::make). Batches before the error stay changed.
    pub async fn make_all(self, queue: &dyn QueueAdmin, ids: &[JobId]) -> Result<u64, QueueError> {
        let mut count = 0;
        for ids in ids.chunks(BATCH_MAX) {
            count += self.make(queue, Selection { ids: ids.to_vec(), ..Selection::default() }).await?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use flow::{
        failure::{Failure, Reason},
        job::NewJob,
        queue::{JobQueue, Nack, Push},
        testing::{memory_queue::MemoryQueue, queue_contract::request},
    };

    use super::*;

    #[tokio::test]
    async fn failures_of_one_kind_are_tried_again_and_others_stay() {
        let queue = MemoryQueue::new(100, 0);
        let jobs = ["a", "b"].map(|key| NewJob::new(Lane::Fetch, key, &()));
        queue.push(Push { jobs: jobs.into(), cursor: None }).await.unwrap();
        let request = request(Lane::Fetch, 2);
        for claim in queue.claim(request).await.unwrap().claims {
            let status = if claim.key == "a" { "404 Not Found" } else { "500 Internal Server Error" };
            let failure = Failure::new(Reason::HttpStatus, format!("http://h/x: {status}"));
            queue.fail(claim.lease, Nack::Dead { failure }).await.unwrap();
        }
        let ids = failed_of_kind(&queue, Selection::default(), "404 Not Found").await.unwrap();
        assert_eq!(ids, [JobId::of(Lane::Fetch, "a")]);
        assert_eq!(JobChange::Retry.make_all(&queue, &ids).await.unwrap(), 1);
        assert_eq!(queue.stats().await.unwrap().lane(Lane::Fetch).dead, 1);
        let named = ["b".to_owned(), "c".to_owned(), "no id!".to_owned()];
        assert_eq!(unknown_ids(&queue, &named).await.unwrap(), named[1..]);
    }

    #[test]
    fn the_id_of_a_document_selects_its_jobs_in_all_lanes() {
        assert_eq!(job_ids(&["PG84".to_owned()]).unwrap().len(), 3);
        let job = JobId::of(Lane::Fetch, "PG84");
        assert_eq!(job_ids(&[job.to_string()]).unwrap().len(), 4);
        assert!(job_ids(&["a b".to_owned()]).unwrap_err().contains("'a b'"));
    }
}
