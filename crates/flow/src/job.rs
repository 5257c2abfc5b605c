//! Jobs, leases and what the queue tells of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    clock::Millis,
    document::folded,
    failure::{Failure, Reason},
    lane::Lane,
};

/// The longest job key, in bytes.
pub const KEY_BYTES_MAX: usize = 200;
/// The longest group name, in bytes.
pub const GROUP_BYTES_MAX: usize = 260;
/// The largest payload of a job, in bytes. Bytes of texts live in blobs; jobs carry their names.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// How many of a job's last events are kept.
pub const HISTORY_MAX: usize = 12;

/// Names a job: the first 128 bits of BLAKE3 over lane and key, the key [`folded`].
///
/// Two pushes of the same key into the same lane are the same job; that makes repeats after a crash harmless. Keys that
/// differ only in case are the same, since the files of their documents may be.
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
    /// The id of the job with this key, however its letters are written, in this lane.
    #[must_use]
    pub fn of(lane: Lane, key: &str) -> Self {
        Self::of_spelling(lane, &folded(key))
    }

    /// The id that a job of this key had while keys were not folded: what a queue made then has on its disk.
    #[must_use]
    pub fn of_spelling(lane: Lane, key: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(lane.name().as_bytes()).update(&[0]).update(key.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(id)
    }

    /// The id as stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// An id read from storage.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
            || format!("'{text}' is not a job id: 32 hexadecimal digits, as 'juggle queue ls' shows them");
        if text.len() != 32 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut id = [0; 16];
        for (byte, at) in id.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(id))
    }
}

/// What a job's limits count together; for fetch, the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group(pub String);

/// A higher priority is claimed first, within its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Priority(pub u8);

/// A job to push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJob {
    /// Where it waits.
    pub lane: Lane,
    /// Its name within the lane, 1 to [`KEY_BYTES_MAX`] bytes.
    pub key: String,
    /// What its limits count it with.
    pub group: Option<Group>,
    /// Its turn within the group.
    pub priority: Priority,
    /// JSON that the stage understands, at most [`PAYLOAD_BYTES_MAX`] bytes.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
    /// How long it waits before it may be claimed.
    pub delay_ms: Millis,
    /// What becomes of it where its key is known.
    pub known: OnDuplicate,
}

/// What becomes of a pushed job whose key is known in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnDuplicate {
    /// The one that is there stays.
    #[default]
    Absorb,
    /// It takes the place of one that has ended; one that is pending stays.
    Renew,
}

impl NewJob {
    /// A job without group, of ordinary priority, whose payload is `input` as JSON.
    ///
    /// # Panics
    /// Where `input` has a shape JSON cannot hold (a map whose keys are not strings): a programmer's mistake.
    #[must_use]
    pub fn new(lane: Lane, key: &str, input: &impl Serialize) -> Self {
        let payload = serde_json::to_vec(input).expect("payload types are structs of strings and numbers");
        let (group, priority) = (None, Priority::default());
        Self { lane, key: key.to_owned(), group, priority, payload, delay_ms: 0, known: OnDuplicate::Absorb }
    }

    /// The same job, not to be claimed before so many milliseconds have passed.
    #[must_use]
    pub fn delayed(self, delay_ms: Millis) -> Self {
        Self { delay_ms, ..self }
    }

    /// The same job, taking the place of one of its key that has ended.
    #[must_use]
    pub fn renewed(self) -> Self {
        Self { known: OnDuplicate::Renew, ..self }
    }

    /// The same job in a group.
    #[must_use]
    pub fn in_group(self, group: Group) -> Self {
        Self { group: Some(group), ..self }
    }

    /// The id that the queue will know it by.
    #[must_use]
    pub fn id(&self) -> JobId {
        JobId::of(self.lane, &self.key)
    }
}

/// The fenced token of a claim: only the latest attempt of a job may complete or fail it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The job.
    pub id: JobId,
    /// Rises with every claim of the job, and is never used twice, even where the job was dropped and pushed again.
    pub attempt: u32,
}

/// A job handed to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// To be named when completing, failing or extending.
    pub lease: Lease,
    /// The job's key.
    pub key: String,
    /// The job's payload, as pushed or last revised.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
    /// Claims since it was pushed, this one included.
    pub attempts: u32,
    /// How often it failed since it was pushed, revised or last retried by hand.
    pub failures: u32,
    /// How long ago the first of these failures was, by the queue's clock; none where there is none.
    pub failing_ms: Option<Millis>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for a worker.
    Ready,
    /// Waits for a time.
    Delayed,
    /// A worker has it.
    Leased,
    /// Ended well.
    Done,
    /// Ended in a failure; listed, counted, can be retried.
    Dead,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Ready, Self::Delayed, Self::Leased, Self::Done, Self::Dead];
    /// Those that have not ended.
    pub const PENDING: [Self; 3] = [Self::Ready, Self::Delayed, Self::Leased];

    /// The name that people and JSON use.
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

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for JobState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| format!("no state is called '{text}': use ready, delayed, leased, done or dead"))
    }
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// When.
    pub at_ms: Millis,
    /// In which attempt; 0 before the first.
    pub attempt: u32,
    /// What.
    pub what: JobEventKind,
}

/// The kinds of events in a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEventKind {
    /// It failed and waits for another try.
    Failed(Failure),
    /// It failed for good.
    Died(Failure),
    /// Its worker died or let the lease run out.
    Lost,
    /// A person asked for another round of tries.
    Retried,
    /// It goes on elsewhere, for example where a redirect led. This is not a failure.
    Moved(Failure),
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// Its lane.
    pub lane: Lane,
    /// Its key: the document's id.
    pub key: String,
    /// Its group.
    pub group: Option<Group>,
    /// Its priority.
    pub priority: Priority,
    /// Where it stands.
    pub state: JobState,
    /// When it may next be claimed (delayed) or is taken from its worker (leased).
    pub due_ms: Option<Millis>,
    /// Claims so far.
    pub attempts: u32,
    /// Failures since pushed or last retried by hand.
    pub failures: u32,
    /// When it was pushed or last retried by hand.
    pub pushed_ms: Millis,
    /// When it last changed.
    pub changed_ms: Millis,
    /// The last [`HISTORY_MAX`] events, oldest first.
    pub history: Vec<JobEvent>,
    /// Its payload. Kept for dead jobs, empty for done ones.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
}

impl JobView {
    /// The latest failure, if it ever failed.
    #[must_use]
    pub fn last_failure(&self) -> Option<&Failure> {
        self.history.iter().rev().find_map(|event| match &event.what {
            JobEventKind::Failed(failure) | JobEventKind::Died(failure) => Some(failure),
            JobEventKind::Lost | JobEventKind::Retried | JobEventKind::Moved(_) => None,
        })
    }
}

/// Which jobs a person means. An empty selection means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Only these jobs.
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
    /// Only jobs that were pushed, or last retried by hand, at least so long ago.
    pub older_ms: Option<Millis>,
}

impl Selection {
    /// Whether the job is meant.
    #[must_use]
    pub fn takes(&self, job: &JobView, now: Millis) -> bool {
        (self.ids.is_empty() || self.ids.contains(&job.id))
            && self.lane.is_none_or(|lane| lane == job.lane)
            && self.state.is_none_or(|state| state == job.state)
            && self.key.as_ref().is_none_or(|key| folded(key) == folded(&job.key))
            && (self.group.is_none() || self.group == job.group)
            && self.older_ms.is_none_or(|age_ms| now.saturating_sub(job.pushed_ms) >= age_ms)
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
