//! Jobs, leases, and the views of jobs that the queue returns.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    clock::Millis,
    document::folded,
    failure::{Failure, Reason},
    lane::Lane,
    names::impl_names,
};

/// The longest job key, in bytes.
pub const KEY_BYTES_MAX: usize = 200;
/// The longest group name, in bytes.
pub const GROUP_BYTES_MAX: usize = 260;
/// The largest payload of a job, in bytes. Payloads name blobs and do not hold the bytes of documents.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// The number of events that a job's history keeps.
pub const HISTORY_MAX: usize = 12;

/// The id of a job: the first 128 bits of the BLAKE3 of the lane, a zero byte and the [`folded`] key.
///
/// Two pushes of the same key into the same lane are the same job, so a repeat after a crash changes nothing.
/// Keys that differ only in case are the same key, because a file system may not distinguish the files of
/// their documents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId([u8; 16]);

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(Self)
        }
    }
}

impl JobId {
    /// Returns the id of the job with this key, in upper or lower case, in this lane.
    #[must_use]
    pub fn of(lane: Lane, key: &str) -> Self {
        Self::of_spelling(lane, &folded(key))
    }

    /// Returns the id that this key had before keys were folded. Queues of that time have such ids on their
    /// disk.
    #[must_use]
    pub fn of_spelling(lane: Lane, key: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(lane.name().as_bytes()).update(&[0]).update(key.as_bytes());
        // 128 bits are enough: even among 2^40 jobs a collision has a chance of one in 2^49.
        Self(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }

    /// Returns the id as it is stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Creates the value for an id that was read from storage.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({self})")
    }
}

impl FromStr for JobId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a job id: use 32 hexadecimal digits, as shown by 'juggle queue ls'");
        // The parser of numbers takes a sign and fewer digits as well.
        if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        u128::from_str_radix(text, 16).map(|id| Self(id.to_be_bytes())).map_err(|_| wrong())
    }
}

/// The name of a group: jobs that share one rate limit. For fetch jobs it is the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group(pub String);

/// The priority of a job. Within a group, the highest priority is claimed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Priority(pub u8);

/// A job to push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJob {
    /// The lane.
    pub lane: Lane,
    /// The name within the lane, 1 to [`KEY_BYTES_MAX`] bytes.
    pub key: String,
    /// The group whose rate limit applies. `None` for no limit.
    pub group: Option<Group>,
    /// The priority within the group.
    pub priority: Priority,
    /// JSON that the stage understands, at most [`PAYLOAD_BYTES_MAX`] bytes.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
    /// The delay before the job may be claimed.
    pub delay_ms: Millis,
    /// The rule for a key that is already in the lane.
    pub known: OnDuplicate,
}

/// The rule for a pushed job whose key is already in the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnDuplicate {
    /// The existing job stays.
    #[default]
    Absorb,
    /// The new job replaces one that has ended. A pending job stays.
    Renew,
}

impl NewJob {
    /// Creates a job without a group, with priority 0 and `input` as its payload in JSON.
    ///
    /// # Panics
    /// Panics if `input` cannot be JSON, for example a map whose keys are not strings.
    #[must_use]
    pub fn new(lane: Lane, key: &str, input: &impl Serialize) -> Self {
        let payload = serde_json::to_vec(input).expect("payload types are structs of strings and numbers");
        let (group, priority) = (None, Priority::default());
        Self { lane, key: key.to_owned(), group, priority, payload, delay_ms: 0, known: OnDuplicate::Absorb }
    }

    /// Returns the job with a delay before it may be claimed.
    #[must_use]
    pub fn delayed(self, delay_ms: Millis) -> Self {
        Self { delay_ms, ..self }
    }

    /// Returns the job so that it replaces a job of the same key that has ended.
    #[must_use]
    pub fn renewed(self) -> Self {
        Self { known: OnDuplicate::Renew, ..self }
    }

    /// Returns the job in a group.
    #[must_use]
    pub fn in_group(self, group: Group) -> Self {
        Self { group: Some(group), ..self }
    }

    /// Returns the id of the job in the queue.
    #[must_use]
    pub fn id(&self) -> JobId {
        JobId::of(self.lane, &self.key)
    }
}

/// The fencing token of a claim. Only the latest attempt of a job may complete or fail it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The job.
    pub id: JobId,
    /// Rises with every claim of the job. No number is used twice, even if the job was dropped and pushed
    /// again.
    pub attempt: u32,
}

/// A claimed job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The lease, which completes, fails or extends the job.
    pub lease: Lease,
    /// The job's key.
    pub key: String,
    /// The job's payload, as it was pushed or last revised.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
    /// The number of claims since the job was pushed, including this one.
    pub attempts: u32,
    /// The number of failures since the job was pushed, revised or last retried by a person.
    pub failures: u32,
    /// The time since the first of these failures, by the queue's clock. `None` if there is none.
    pub failing_ms: Option<Millis>,
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// The job waits for a worker.
    Ready,
    /// The job becomes ready later.
    Delayed,
    /// A worker has it.
    Leased,
    /// The job is done.
    Done,
    /// The job ended with a failure. It stays in the queue, and a person can retry it.
    Dead,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Ready, Self::Delayed, Self::Leased, Self::Done, Self::Dead];
    /// The states of jobs that have not ended.
    pub const PENDING: [Self; 3] = [Self::Ready, Self::Delayed, Self::Leased];

    /// Returns the name in commands and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Delayed => "delayed",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

impl_names!(JobState, "unknown state '{}': use ready, delayed, leased, done or dead");

/// An event in a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// The time of the event.
    pub at_ms: Millis,
    /// The attempt. 0 before the first one.
    pub attempt: u32,
    /// The kind of event.
    pub what: JobEventKind,
}

/// The kinds of events in a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEventKind {
    /// An attempt failed, and another follows.
    Failed(Failure),
    /// The job ended as dead.
    Died(Failure),
    /// The worker died, or the lease expired.
    Lost,
    /// A person retried the job.
    Retried,
    /// The job continues elsewhere, for example at the target of a redirect. This is not a failure.
    Moved(Failure),
}

/// A job as the queue shows it to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// The id.
    pub id: JobId,
    /// The lane.
    pub lane: Lane,
    /// The key, which is the document's id.
    pub key: String,
    /// The group.
    pub group: Option<Group>,
    /// The priority.
    pub priority: Priority,
    /// The state.
    pub state: JobState,
    /// The time at which a delayed job becomes ready, or the lease of a leased job expires.
    pub due_ms: Option<Millis>,
    /// The number of claims so far.
    pub attempts: u32,
    /// The number of failures since the job was pushed, revised or last retried by a person.
    pub failures: u32,
    /// The time at which the job was pushed or last retried by a person.
    pub pushed_ms: Millis,
    /// The time of the last change.
    pub changed_ms: Millis,
    /// The last [`HISTORY_MAX`] events, oldest first.
    pub history: Vec<JobEvent>,
    /// The payload. Empty for jobs that are done.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
}

impl JobView {
    /// Returns the latest failure in the history.
    #[must_use]
    pub fn last_failure(&self) -> Option<&Failure> {
        last_failure(&self.history)
    }
}

/// Returns the latest failure in the history of a job.
#[must_use]
pub fn last_failure(history: &[JobEvent]) -> Option<&Failure> {
    history.iter().rev().find_map(|event| match &event.what {
        JobEventKind::Failed(failure) | JobEventKind::Died(failure) => Some(failure),
        JobEventKind::Lost | JobEventKind::Retried | JobEventKind::Moved(_) => None,
    })
}

/// A filter for jobs. Each field that is set excludes jobs. The default selects all jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Only these jobs. Empty for no such filter.
    pub ids: Vec<JobId>,
    /// Only this lane.
    pub lane: Option<Lane>,
    /// Only this state.
    pub state: Option<JobState>,
    /// Only jobs whose latest failure has this reason.
    pub reason: Option<Reason>,
    /// Only this key.
    pub key: Option<String>,
    /// Only this group.
    pub group: Option<Group>,
    /// Only jobs that were pushed or last retried by a person at least this long ago.
    pub older_ms: Option<Millis>,
}

impl Selection {
    /// Returns whether the filter selects a job.
    #[must_use]
    pub fn takes(&self, job: &JobView, now: Millis) -> bool {
        (self.ids.is_empty() || self.ids.contains(&job.id))
            && self.lane.is_none_or(|lane| lane == job.lane)
            && self.state.is_none_or(|state| state == job.state)
            // Keys that differ only in case name the same job.
            && self.key.as_ref().is_none_or(|key| folded(key) == folded(&job.key))
            && (self.group.is_none() || self.group == job.group)
            && self.older_ms.is_none_or(|age_ms| now.saturating_sub(job.pushed_ms) >= age_ms)
            // The most expensive test comes last.
            && self.reason.is_none_or(|reason| job.last_failure().is_some_and(|f| f.reason == reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_lane_and_key_and_read_back() {
        let id = JobId::of(Lane::Fetch, "PG84");
        assert_ne!(id, JobId::of(Lane::Store, "PG84"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("xyz".parse::<JobId>().is_err());
    }

    #[test]
    fn keys_that_differ_only_in_case_have_one_id_and_those_of_books_keep_theirs() {
        let of = |key| JobId::of(Lane::Fetch, key);
        assert_eq!((of("pg84"), of("MOBY")), (of("PG84"), of("Moby")));
        assert_ne!(of("PG84"), of("PG85"));
        for usual in ["PG84", "PG84-ascii", "example.org-text-0123abcd"] {
            assert_eq!(of(usual), JobId::of_spelling(Lane::Fetch, usual), "{usual}");
        }
        assert_eq!(of("PG84").to_string(), "f56e2b5de33869f29f9c06a4e598a10f");
    }
}
