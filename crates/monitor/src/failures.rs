//! Documents that failed, grouped by what happened.

use std::{cmp::Reverse, collections::BTreeMap};

use flow::{
    failure::{Failure, Reason},
    job::{JobState, Selection},
    lane::Lane,
    queue::{QueueAdmin, QueueError, each_page},
};
use serde::Serialize;

/// The maximum number of failed jobs that are read for a snapshot.
pub const READ_MAX: usize = 20_000;
/// The maximum number of documents that a group names.
pub const EXAMPLES_MAX: usize = 5;

/// Documents that failed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// The lane in which they failed.
    pub lane: Lane,
    /// The reason.
    pub reason: Reason,
    /// The reason in a few words, such as `404 Not Found`. See [`kind`].
    pub kind: String,
    /// The number of documents.
    pub count: u64,
    /// The ids of some of them.
    pub examples: Vec<String>,
}

/// Counts failures by lane and [`kind`].
#[derive(Debug, Default)]
pub struct FailureCounter(BTreeMap<(Lane, Reason, String), (u64, Vec<String>)>);

impl FailureCounter {
    /// Counts the failure of a document.
    pub fn add(&mut self, lane: Lane, failure: &Failure, document: &str) {
        let (count, examples) = self.0.entry((lane, failure.reason, kind(failure))).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(document.to_owned());
        }
    }

    /// Returns the groups, the largest first.
    #[must_use]
    pub fn groups(self) -> Vec<FailureGroup> {
        let mut groups: Vec<_> = self
            .0
            .into_iter()
            .map(|((lane, reason, kind), (count, examples))| FailureGroup {
                lane,
                reason,
                kind,
                count,
                examples,
            })
            .collect();
        groups.sort_by_key(|group| Reverse(group.count));
        groups
    }
}

/// Returns what happened in a few words: the status of a response, such as `404 Not Found`; otherwise the
/// name of the reason.
#[must_use]
pub fn kind(failure: &Failure) -> String {
    // The message of a response is `URL: STATUS REASON`, and `: more` may follow.
    let is_status = |part: &&str| {
        let code = part.split(' ').next().unwrap_or_default();
        code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit())
    };
    let status = failure.message.split(": ").find(is_status);
    match (failure.reason, status) {
        (Reason::HttpStatus, Some(status)) => status.to_owned(),
        (reason, _) => reason.name().to_owned(),
    }
}

/// Reads the failed jobs of a queue, at most [`READ_MAX`], and groups them.
///
/// # Errors
/// Returns the errors of [`QueueAdmin::list`].
pub async fn read(queue: &dyn QueueAdmin) -> Result<Vec<FailureGroup>, QueueError> {
    let dead = Selection { state: Some(JobState::Dead), ..Selection::default() };
    let mut counter = FailureCounter::default();
    let unknown = Failure::new(Reason::Internal, "no failure was recorded");
    each_page(queue, &dead, READ_MAX, |page| {
        for job in &page {
            counter.add(job.lane, job.last_failure().unwrap_or(&unknown), &job.key);
        }
    })
    .await?;
    Ok(counter.groups())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_the_status_of_a_response_or_the_reason() {
        for (reason, message, expected) in [
            (Reason::HttpStatus, "http://127.0.0.1:80/a: 404 Not Found", "404 Not Found"),
            (
                Reason::HttpStatus,
                "http://a/b: 206 Partial Content: no part was requested",
                "206 Partial Content",
            ),
            (Reason::HttpStatus, "http://a/b: the response is not HTTP: 12", "http_status"),
            (Reason::HttpStatus, "http://a/b: 599 (unknown status)", "599 (unknown status)"),
            (Reason::Timeout, "http://a/b: 30 seconds: nothing", "timeout"),
        ] {
            assert_eq!(kind(&Failure::new(reason, message)), expected);
        }
    }

    #[test]
    fn groups_are_counted_and_name_five() {
        let mut counter = FailureCounter::default();
        for n in 0..9 {
            counter.add(
                Lane::Fetch,
                &Failure::new(Reason::HttpStatus, "u: 500 Internal Server Error"),
                &format!("e{n}"),
            );
        }
        counter.add(Lane::Store, &Failure::new(Reason::Empty, "nothing"), "x");
        let groups = counter.groups();
        assert_eq!(groups.len(), 2);
        assert_eq!(
            (groups[0].count, groups[0].examples.len(), groups[0].kind.as_str()),
            (9, 5, "500 Internal Server Error")
        );
        assert_eq!((groups[1].lane, groups[1].count), (Lane::Store, 1));
    }
}
