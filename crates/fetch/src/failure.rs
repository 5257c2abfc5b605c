//! How a candidate fails, and what that means for its job.
//!
//! What cannot go better later ends the candidate: the next one is tried, or the job dies. What may go better is tried
//! again [`candidate_tries`](crate::config::FetchConfig::candidate_tries) times before the next candidate has its turn;
//! the last one is tried for as long as the worker's retry policy lets it. Where one candidate has said that it will
//! never give the text (a 404), a mirror that merely cannot be reached does not keep the job alive, and that answer is
//! the one that people are told. Redirects count as well: what they lead to is not tried for as long as what was listed.

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

/// What the fetch stage reports of an attempt.
pub(crate) type FetchReport = Report<FetchJob, StoreJob>;

/// Why a candidate gave no text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FetchFailure {
    pub(crate) failure: Failure,
    pub(crate) retry: Retry,
    /// What it tells of the host.
    pub(crate) signal: HostSignal,
}

/// Whether it may go better later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// No.
    Never,
    /// Yes, and what has come may be kept. The times are those that the server asked for.
    Later { after_ms: Option<Millis>, group_pause_ms: Millis },
    /// Yes, but what has come is of no use.
    FromStart,
    /// A page came in place of a text. Once more, in case that was an accident or the host turns robots away.
    BlockPage,
    /// This machine cannot go on, for example with too many open files. That says nothing about
    /// the candidate.
    Halt,
}

/// For how long a candidate is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryBudget {
    /// See [`FetchConfig::candidate_tries`].
    pub(crate) candidate_tries: u32,
    /// See [`FetchConfig::requests_max`].
    pub(crate) requests_max: u32,
}

impl RetryBudget {
    pub(crate) fn of(config: &FetchConfig) -> Self {
        Self { candidate_tries: config.candidate_tries, requests_max: config.requests_max }
    }

    /// Whether a redirected candidate has had all its requests, this try's included. What was not redirected is tried for
    /// as long as the worker's retry policy lets it.
    fn is_spent(self, job: &FetchJob, attempt: Attempt) -> bool {
        job.redirected.as_ref().is_some_and(|to| {
            let tries = to.failures.saturating_add(attempt.failures).saturating_add(1);
            tries.saturating_add(to.count) >= self.requests_max
        })
    }
}

/// What a failure tells of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostSignal {
    /// Nothing: it did not answer, or that was not its fault.
    None,
    /// It answers as a host does that is well.
    Healthy,
    /// It says that it is busy.
    Busy,
}

/// Why a download ended without success.
#[derive(Debug)]
pub(crate) enum DownloadError {
    /// The candidate's fault.
    Failure(FetchFailure),
    /// This machine's.
    Storage(BlobError),
}

impl From<FetchFailure> for DownloadError {
    fn from(failed: FetchFailure) -> Self {
        Self::Failure(failed)
    }
}

impl From<BlobError> for DownloadError {
    fn from(error: BlobError) -> Self {
        Self::Storage(error)
    }
}

impl FetchFailure {
    /// It will not go better.
    pub(crate) fn permanent(reason: Reason, message: impl Into<String>) -> Self {
        Self { failure: Failure::new(reason, message), retry: Retry::Never, signal: HostSignal::None }
    }

    /// It may go better later.
    pub(crate) fn transient(reason: Reason, message: impl Into<String>) -> Self {
        let retry = Retry::Later { after_ms: None, group_pause_ms: 0 };
        Self { failure: Failure::new(reason, message), retry, signal: HostSignal::None }
    }

    /// A page came in place of a text.
    pub(crate) fn block_page(message: impl Into<String>) -> Self {
        Self {
            failure: Failure::new(Reason::NotText, message),
            retry: Retry::BlockPage,
            signal: HostSignal::None,
        }
    }

    /// The body is one that the host gave for other texts too.
    pub(crate) fn repeated_body(url: &str) -> Self {
        Self::restart(Reason::SoftBan, format!("{url}: the same body came for another text just before"))
    }

    /// It may go better when begun anew.
    pub(crate) fn restart(reason: Reason, message: impl Into<String>) -> Self {
        Self { failure: Failure::new(reason, message), retry: Retry::FromStart, signal: HostSignal::None }
    }

    /// Creates the failure for a condition of this machine.
    pub(crate) fn machine(condition: MachineFailure, what: impl fmt::Display) -> Self {
        let failure = Failure::new(Reason::Internal, format!("{what}: {condition}"));
        Self { failure, retry: Retry::Halt, signal: HostSignal::None }
    }

    /// What it means for the job.
    pub(crate) fn verdict(
        self,
        job: FetchJob,
        attempt: Attempt,
        budget: RetryBudget,
        mirrors: &[Mirror],
    ) -> FetchReport {
        let Self { failure, retry, signal: _ } = self;
        if retry == Retry::Halt {
            return Ending::Halt(failure).into();
        }
        let mut job = job;
        let next = job.candidate.saturating_add(1);
        let is_last = next >= job.urls.len();
        // A name that does not resolve now will not in a second; another host's may.
        let tries = if failure.reason == Reason::Dns { 1 } else { budget.candidate_tries };
        let is_spent = budget.is_spent(&job, attempt);
        let tried_enough = is_spent || attempt.failures.saturating_add(1) >= tries;
        let retry = if retry == Retry::BlockPage && tried_enough { Retry::Never } else { retry };
        if retry == Retry::Never {
            job.refused.get_or_insert_with(|| failure.clone());
        }
        let (after_ms, group_pause_ms) = match retry {
            Retry::Never if is_last => return given_up(failure, job.refused),
            Retry::Later { .. } | Retry::FromStart
                if is_last && (is_spent || tried_enough && job.refused.is_some()) =>
            {
                return given_up(failure, job.refused);
            }
            Retry::Never => return reroute(failure, job, next, mirrors),
            Retry::Later { .. } | Retry::FromStart if tried_enough && !is_last => {
                return reroute(failure, job, next, mirrors);
            }
            Retry::Later { after_ms, group_pause_ms } => (after_ms, group_pause_ms),
            Retry::FromStart | Retry::BlockPage | Retry::Halt => (None, 0),
        };
        Report { ending: Ending::Retry { failure, after_ms }, group_pause_ms }
    }
}

/// The end of a job none of whose candidates gave the text: the first one that never will says why.
fn given_up(last: Failure, refused: Option<Failure>) -> FetchReport {
    match refused {
        Some(first) if first != last => {
            let message = format!("{}; nor did other URLs give it, the last one: {last}", first.message);
            Ending::dead(first.reason, message).into()
        }
        Some(_) | None => Ending::Dead(last).into(),
    }
}

/// The same job with another candidate, in that one's group.
pub(crate) fn reroute(failure: Failure, job: FetchJob, candidate: usize, mirrors: &[Mirror]) -> FetchReport {
    let host = job.urls.get(candidate).and_then(|url| candidate::group_of(url, mirrors));
    let job = Box::new(FetchJob { candidate, host, redirected: None, ..job });
    Ending::Requeue(Requeue::Rerouted { failure, after_ms: 0, job }).into()
}

#[cfg(test)]
mod tests {
    use flow::payload::Redirected;

    use super::*;

    const BUDGET: RetryBudget = RetryBudget { candidate_tries: 2, requests_max: 12 };

    fn verdict(failed: FetchFailure, candidate: usize, failures: u32) -> FetchReport {
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
        failed.verdict(job, Attempt { number: 9, failures }, BUDGET, &[])
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
        assert_eq!(next_of(verdict(gone(), 0, 0)), second);
        assert!(matches!(verdict(busy(), 0, 0).ending, Ending::Retry { .. }));
        assert_eq!(next_of(verdict(busy(), 0, 1)), second);
        assert_eq!(next_of(verdict(FetchFailure::restart(Reason::Truncated, "lies"), 0, 1)), second);
        assert!(matches!(verdict(busy(), 1, 4).ending, Ending::Retry { .. }));
        assert!(matches!(verdict(gone(), 1, 0).ending, Ending::Dead(_)));
        let unknown = || FetchFailure::transient(Reason::Dns, "no such name");
        assert_eq!(next_of(verdict(unknown(), 0, 0)), second);
        assert!(matches!(verdict(unknown(), 1, 0).ending, Ending::Retry { .. }));
    }

    #[test]
    fn what_this_machine_lacks_stops_the_run_and_is_no_failure_of_a_candidate() {
        for (candidate, failures) in [(0, 0), (1, 9)] {
            let failed = FetchFailure::machine(MachineFailure::TooManyFiles, "http://a/");
            let Ending::Halt(failure) = verdict(failed, candidate, failures).ending else {
                panic!("it stops")
            };
            assert!(failure.message.contains("ulimit -n"), "{failure}");
        }
    }

    #[test]
    fn redirects_count_towards_what_a_candidate_may_cost() {
        let verdict = |count, failures_before, failures| {
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
            busy.verdict(job, Attempt { number: 1, failures }, BUDGET, &[])
        };
        assert!(matches!(verdict(10, 0, 0).ending, Ending::Retry { .. }));
        assert!(matches!(verdict(10, 0, 1).ending, Ending::Dead(_)));
        assert!(matches!(verdict(10, 1, 0).ending, Ending::Dead(_)));
        assert!(matches!(verdict(2, 3, 5).ending, Ending::Retry { .. }));
        assert!(matches!(verdict(2, 4, 5).ending, Ending::Dead(_)));
    }

    #[test]
    fn the_answer_of_a_candidate_outweighs_the_silence_of_its_mirrors() {
        let Ending::Requeue(Requeue::Rerouted { job, .. }) =
            verdict(FetchFailure::permanent(Reason::HttpStatus, "404"), 0, 0).ending
        else {
            panic!("there is another candidate");
        };
        let silent = || FetchFailure::transient(Reason::Connect, "silent");
        let later = |failures| silent().verdict((*job).clone(), Attempt { number: 9, failures }, BUDGET, &[]);
        assert!(matches!(later(0).ending, Ending::Retry { .. }));
        let Ending::Dead(failure) = later(1).ending else { panic!("all candidates have had their turn") };
        assert_eq!(failure.reason, Reason::HttpStatus);
        assert!(failure.message.starts_with("404") && failure.message.contains("silent"), "{failure}");
    }
}
