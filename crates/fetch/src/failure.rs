//! How a candidate fails, and what follows for its job.
//!
//! A permanent failure ends the candidate: the next one is tried, or the job dies. After a transient failure
//! a candidate is tried again, [`candidate_tries`](FetchConfig::candidate_tries) times in all before the next
//! candidate. The last candidate is tried for as long as the worker's retry policy allows. If a candidate has
//! failed permanently (a 404), a mirror that cannot be reached does not keep the job alive, and the permanent
//! failure is the one that is reported. Redirects count as requests of their candidate, so a redirected one
//! is not tried for longer than one that was listed.

use std::fmt;

use flow::{
    blobs::BlobError,
    clock::Millis,
    failure::{Failure, Reason},
    machine::MachineFailure,
    payload::{FetchJob, StoreJob},
    stage::{Attempt, Ending, Report, Requeue},
};

use crate::{
    candidate,
    config::{FetchConfig, mirror::Mirror},
};

/// The report of the fetch stage.
pub(crate) type FetchReport = Report<FetchJob, StoreJob>;

/// The reason that a candidate gave no text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{failure}")]
pub(crate) struct FetchFailure {
    pub(crate) failure: Failure,
    pub(crate) retry: Retry,
    pub(crate) signal: HostSignal,
}

/// The way in which a failed candidate is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The failure is permanent.
    Never,
    /// The failure is transient, and a part of the body may be kept. The times are those that the server
    /// asked for.
    Later { after_ms: Option<Millis>, group_pause_ms: Millis },
    /// The failure is transient, and a part of the body is of no use.
    FromStart,
    /// A page arrived instead of a text. The candidate is tried once more, because that may be an accident or
    /// a soft ban.
    BlockPage,
    /// This machine cannot continue, for example with too many open files. That says nothing about the
    /// candidate.
    Halt,
}

/// The state of the host that a failure shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostSignal {
    /// Nothing: the host did not respond, or the failure was not its own.
    None,
    /// The host responds normally.
    Healthy,
    /// The host is busy.
    Busy,
}

/// An error of a download.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum DownloadError {
    /// The candidate gave no text.
    Failure(#[from] FetchFailure),
    /// The disk of this machine failed.
    Storage(#[from] BlobError),
}

impl FetchFailure {
    fn new(reason: Reason, message: impl Into<String>, retry: Retry) -> Self {
        Self { failure: Failure::new(reason, message), retry, signal: HostSignal::None }
    }

    /// Creates a failure that no retry can mend.
    pub(crate) fn permanent(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(reason, message, Retry::Never)
    }

    /// Creates a failure that a retry may mend.
    pub(crate) fn transient(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(reason, message, Retry::Later { after_ms: None, group_pause_ms: 0 })
    }

    /// Creates a failure that a retry from the first byte may mend.
    pub(crate) fn restart(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(reason, message, Retry::FromStart)
    }

    /// Creates the failure for a page that arrived instead of a text.
    pub(crate) fn block_page(message: impl Into<String>) -> Self {
        Self::new(Reason::NotText, message, Retry::BlockPage)
    }

    /// Creates the failure for a condition of this machine.
    pub(crate) fn machine(condition: MachineFailure, what: impl fmt::Display) -> Self {
        Self::new(Reason::Internal, format!("{what}: {condition}"), Retry::Halt)
    }

    /// Returns how the attempt ended.
    pub(crate) fn into_report(
        self,
        mut job: FetchJob,
        attempt: Attempt,
        config: &FetchConfig,
    ) -> FetchReport {
        let Self { failure, retry, signal: _ } = self;
        let next = job.candidate.saturating_add(1);
        let is_last = next >= job.urls.len();
        // A name that does not resolve now will not resolve in a second, but that of another host may.
        let tries = if failure.reason == Reason::Dns { 1 } else { config.candidate_tries };
        let is_spent = is_spent(&job, attempt, config.requests_max);
        let tried_enough = is_spent || attempt.failures.saturating_add(1) >= tries;
        let (after_ms, group_pause_ms) = match retry {
            Retry::Halt => return Ending::Halt(failure).into(),
            Retry::BlockPage if !tried_enough => (None, 0),
            Retry::Never | Retry::BlockPage => {
                job.refused.get_or_insert_with(|| failure.clone());
                if is_last {
                    return give_up(failure, job.refused);
                }
                return try_candidate(failure, job, next, &config.mirrors);
            }
            Retry::Later { .. } | Retry::FromStart if tried_enough && !is_last => {
                return try_candidate(failure, job, next, &config.mirrors);
            }
            Retry::Later { .. } | Retry::FromStart
                if is_last && (is_spent || tried_enough && job.refused.is_some()) =>
            {
                return give_up(failure, job.refused);
            }
            Retry::Later { after_ms, group_pause_ms } => (after_ms, group_pause_ms),
            Retry::FromStart => (None, 0),
        };
        Report { ending: Ending::Retry { failure, after_ms }, group_pause_ms, request: None }
    }
}

/// Returns whether a redirected candidate has used all its requests, this one included. A candidate that was
/// not redirected is tried for as long as the worker's retry policy allows.
fn is_spent(job: &FetchJob, attempt: Attempt, requests_max: u32) -> bool {
    job.redirected.as_ref().is_some_and(|to| {
        let tries = to.failures.saturating_add(attempt.failures).saturating_add(1);
        tries.saturating_add(to.count) >= requests_max
    })
}

/// Ends a job whose candidates have all failed. The first permanent failure is the reason.
fn give_up(last: Failure, refused: Option<Failure>) -> FetchReport {
    match refused {
        Some(first) if first != last => {
            let message = format!("{}; the other URLs failed too, the last with: {last}", first.message);
            Ending::dead(first.reason, message).into()
        }
        Some(_) | None => Ending::Dead(last).into(),
    }
}

/// Requeues the job with another candidate, in the group of that candidate.
fn try_candidate(failure: Failure, job: FetchJob, candidate: usize, mirrors: &[Mirror]) -> FetchReport {
    let host = job.urls.get(candidate).and_then(|url| candidate::group_of(url, mirrors));
    reroute(failure, 0, FetchJob { candidate, host, redirected: None, ..job })
}

/// Requeues the job after a failure that does not count towards the retry limit.
pub(crate) fn reroute(failure: Failure, after_ms: Millis, job: FetchJob) -> FetchReport {
    Ending::Requeue(Requeue::Rerouted { failure, after_ms, job: Box::new(job) }).into()
}

#[cfg(test)]
mod tests {
    use flow::payload::Redirected;

    use super::*;

    fn report(failed: FetchFailure, candidate: usize, failures: u32) -> FetchReport {
        let job = FetchJob {
            document: "x".parse().unwrap(),
            urls: vec!["http://a/".to_owned(), "http://b:81/".to_owned()],
            candidate,
            host: None,
            redirected: None,
            refused: None,
            listed: flow::payload::Listed::default(),
            stored: None,
            lost: 0,
        };
        failed.into_report(job, Attempt { number: 9, failures }, &FetchConfig::default())
    }

    fn next_of(error: FetchReport) -> (usize, Option<String>) {
        match error.ending {
            Ending::Requeue(Requeue::Rerouted { job, after_ms: 0, .. }) => (job.candidate, job.host),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_next_candidate_has_its_turn_when_this_one_is_hopeless_or_tried_enough() {
        let gone = || FetchFailure::permanent(Reason::HttpStatus, "gone");
        let busy = || FetchFailure::transient(Reason::Connect, "busy");
        let second = (1, Some("b:81".to_owned()));
        assert_eq!(next_of(report(gone(), 0, 0)), second);
        assert!(matches!(report(busy(), 0, 0).ending, Ending::Retry { .. }));
        assert_eq!(next_of(report(busy(), 0, 1)), second);
        assert_eq!(next_of(report(FetchFailure::restart(Reason::Truncated, "lies"), 0, 1)), second);
        assert!(matches!(report(busy(), 1, 4).ending, Ending::Retry { .. }));
        assert!(matches!(report(gone(), 1, 0).ending, Ending::Dead(_)));
        let unknown = || FetchFailure::transient(Reason::Dns, "no such name");
        assert_eq!(next_of(report(unknown(), 0, 0)), second);
        assert!(matches!(report(unknown(), 1, 0).ending, Ending::Retry { .. }));
    }

    #[test]
    fn what_this_machine_lacks_stops_the_run_and_is_no_failure_of_a_candidate() {
        for (candidate, failures) in [(0, 0), (1, 9)] {
            let failed = FetchFailure::machine(MachineFailure::TooManyFiles, "http://a/");
            let Ending::Halt(failure) = report(failed, candidate, failures).ending else {
                panic!("it stops")
            };
            assert!(failure.message.contains("ulimit -n"), "{failure}");
        }
    }

    #[test]
    fn redirects_count_towards_what_a_candidate_may_cost() {
        let report = |count, failures_before, failures| {
            let redirected = Redirected { url: "http://c/".to_owned(), count, failures: failures_before };
            let job = FetchJob {
                document: "x".parse().unwrap(),
                urls: vec!["http://a/".to_owned()],
                candidate: 0,
                host: None,
                redirected: Some(redirected),
                refused: None,
                stored: None,
                lost: 0,
                listed: flow::payload::Listed::default(),
            };
            let busy = FetchFailure::transient(Reason::Connect, "busy");
            busy.into_report(job, Attempt { number: 1, failures }, &FetchConfig::default())
        };
        assert!(matches!(report(10, 0, 0).ending, Ending::Retry { .. }));
        assert!(matches!(report(10, 0, 1).ending, Ending::Dead(_)));
        assert!(matches!(report(10, 1, 0).ending, Ending::Dead(_)));
        assert!(matches!(report(2, 3, 5).ending, Ending::Retry { .. }));
        assert!(matches!(report(2, 4, 5).ending, Ending::Dead(_)));
    }

    #[test]
    fn the_answer_of_a_candidate_outweighs_the_silence_of_its_mirrors() {
        let Ending::Requeue(Requeue::Rerouted { job, .. }) =
            report(FetchFailure::permanent(Reason::HttpStatus, "404"), 0, 0).ending
        else {
            panic!("there is another candidate");
        };
        let silent = || FetchFailure::transient(Reason::Connect, "silent");
        let later = |failures| {
            silent().into_report((*job).clone(), Attempt { number: 9, failures }, &FetchConfig::default())
        };
        assert!(matches!(later(0).ending, Ending::Retry { .. }));
        let Ending::Dead(failure) = later(1).ending else { panic!("all candidates have had their turn") };
        assert_eq!(failure.reason, Reason::HttpStatus);
        assert!(failure.message.starts_with("404") && failure.message.contains("silent"), "{failure}");
    }
}
