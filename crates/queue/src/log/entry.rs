//! The entries of a commit group: what one commit says about jobs and settings.
//!
//! A commit group is [`FORMAT`], the queue's time in milliseconds (varint), and entries one after another:
//!
//! | tag | entry | content |
//! |---|---|---|
//! | 0 | full | [`Origin`], [`Progress`], length of what follows (varint), [`Content`] |
//! | 1 | delta | job id (16 bytes), [`Progress`] |
//! | 2 | tombstone | job id (16 bytes) |
//! | 3 | setting | key and value, each preceded by its length (varint) |
//!
//! A later entry of a job replaces an earlier one; a delta replaces only the progress in the last full entry.
//! Values are in postcard, which stores an enum variant by its position: new variants go to the end. The
//! tests hold the bytes of this format.

use flow::{
    clock::Millis,
    job::{HISTORY_MAX, JobEvent, JobEventKind, JobId, JobState, Priority},
    lane::Lane,
};
use serde::{Deserialize, Serialize};

use crate::session::Session;

/// The format of commit groups that this version reads and writes.
pub(crate) const FORMAT: u8 = 2;

const FULL: u8 = 0;
const DELTA: u8 = 1;
const TOMBSTONE: u8 = 2;
const SETTING: u8 = 3;

/// The length of a tombstone in bytes: its tag and a job id.
pub(crate) const TOMBSTONE_BYTES: u32 = 17;

/// The part of a job that never changes after its push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin<'a> {
    pub(crate) lane: Lane,
    pub(crate) group: Option<&'a str>,
    pub(crate) priority: Priority,
    /// The position of the job in the order of all pushes.
    pub(crate) sequence: u64,
    pub(crate) pushed_ms: Millis,
    /// The attempt numbers up to this one belong to earlier jobs with the same id.
    pub(crate) attempts_before: u32,
}

/// The part of a job that every transition changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) changed_ms: Millis,
    /// The number of claims so far.
    pub(crate) attempts: u32,
    /// `None` until an attempt ends without success.
    pub(crate) retry_state: Option<Box<RetryState>>,
}

/// The failures of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetryState {
    /// The latest attempt (counted from 1) that ended by `fail`, so that a repeated `fail` is recognised.
    pub(crate) failed_attempt: u32,
    pub(crate) failures: u32,
    pub(crate) failing_since_ms: Option<Millis>,
    /// The number of attempts whose worker died.
    pub(crate) lost: u32,
    /// No job of its group may be claimed before this time.
    pub(crate) group_paused_until_ms: Millis,
    pub(crate) history: Vec<JobEvent>,
}

impl RetryState {
    /// Adds an event to the history, which keeps the last [`HISTORY_MAX`].
    pub(crate) fn record(&mut self, at_ms: Millis, attempt: u32, what: JobEventKind) {
        if self.history.len() == HISTORY_MAX {
            // The history is short, so moving it is cheaper than a queue in every job.
            self.history.remove(0);
        }
        self.history.push(JobEvent { at_ms, attempt, what });
    }

    /// Sets the counts of failures to 0. The history stays.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
        self.failing_since_ms = None;
        self.lost = 0;
    }
}

/// The stored state of a job, with the data that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Ready,
    Delayed {
        due_ms: Millis,
    },
    /// The end of the lease is not stored: after a start every lease begins again.
    Leased {
        session: Session,
    },
    Done,
    Dead,
}

impl Phase {
    pub(crate) const fn state(self) -> JobState {
        match self {
            Self::Ready => JobState::Ready,
            Self::Delayed { .. } => JobState::Delayed,
            Self::Leased { .. } => JobState::Leased,
            Self::Done => JobState::Done,
            Self::Dead => JobState::Dead,
        }
    }
}

/// The key and payload of a job. The ledger keeps small ones in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content<'a> {
    pub(crate) key: &'a str,
    #[serde(with = "serde_bytes")]
    pub(crate) payload: &'a [u8],
    /// The job as it was pushed, if it was revised since.
    #[serde(borrow)]
    pub(crate) as_pushed: Option<AsPushed<'a>>,
}

/// The parts of a job that a revision changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AsPushed<'a> {
    pub(crate) group: Option<&'a str>,
    pub(crate) priority: Priority,
    #[serde(with = "serde_bytes")]
    pub(crate) payload: &'a [u8],
}

impl Content<'_> {
    pub(crate) fn encode(&self) -> Box<[u8]> {
        // Most contents are small: encoded on the stack, they take one allocation of their exact size.
        let mut small = [0; 640];
        match postcard::to_slice(self, &mut small) {
            Ok(bytes) => (&*bytes).into(),
            Err(_) => {
                postcard::to_allocvec(self).expect("contents hold nothing that postcard cannot write").into()
            }
        }
    }
}

/// Decodes a [`Content`].
///
/// # Errors
/// Returns a description if the bytes are not one.
pub(crate) fn decode_content(bytes: &[u8]) -> Result<Content<'_>, String> {
    postcard::from_bytes(bytes).map_err(|error| format!("the content of a job is damaged: {error}"))
}

/// Creates a commit group without entries.
pub(crate) fn begin_group(at_ms: Millis) -> Vec<u8> {
    let mut group = vec![FORMAT];
    put(&mut group, &at_ms);
    group
}

/// Appends a full entry. Returns the offset of its content in the group.
pub(crate) fn put_full(
    group: &mut Vec<u8>,
    origin: &Origin<'_>,
    progress: &Progress,
    content: &[u8],
) -> usize {
    group.push(FULL);
    put(group, origin);
    put(group, progress);
    put(group, &(content.len() as u64));
    let offset = group.len();
    group.extend_from_slice(content);
    offset
}

/// Appends a delta: the progress of a job.
pub(crate) fn put_delta(group: &mut Vec<u8>, id: JobId, progress: &Progress) {
    group.push(DELTA);
    group.extend_from_slice(id.as_bytes());
    put(group, progress);
}

/// Appends the tombstone of a dropped job.
pub(crate) fn put_tombstone(group: &mut Vec<u8>, id: JobId) {
    group.push(TOMBSTONE);
    group.extend_from_slice(id.as_bytes());
}

/// Appends the new value of a setting.
pub(crate) fn put_setting(group: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    group.push(SETTING);
    put(group, &(key, value));
}

fn put(group: &mut Vec<u8>, value: &impl Serialize) {
    *group = postcard::to_extend(value, std::mem::take(group))
        .expect("entries hold nothing that postcard cannot write");
}

/// A decoded entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    Full {
        origin: Origin<'a>,
        progress: Progress,
        /// The offset of the content in the group.
        content_offset: u32,
        content: &'a [u8],
    },
    Delta {
        id: JobId,
        progress: Progress,
    },
    Tombstone {
        id: JobId,
    },
    Setting {
        key: &'a [u8],
        value: &'a [u8],
    },
}

/// Iterates over the entries of a commit group. Ends after the first error.
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    group: &'a [u8],
    rest: &'a [u8],
    /// The queue's time at which the group was written.
    pub(crate) at_ms: Millis,
}

impl<'a> Entries<'a> {
    /// Reads the head of a commit group.
    ///
    /// # Errors
    /// Returns a description if the group is empty or has another format.
    pub(crate) fn of(group: &'a [u8]) -> Result<Self, String> {
        match group.split_first() {
            Some((&FORMAT, mut rest)) => {
                let at_ms = take(&mut rest)?;
                Ok(Self { group, rest, at_ms })
            }
            Some((other, _)) => Err(format!("it has format {other}, this version reads format {FORMAT}")),
            None => Err("it is empty".to_owned()),
        }
    }

    fn read(&mut self) -> Result<Entry<'a>, String> {
        let (tag, rest) = self.rest.split_first().ok_or("an entry is empty")?;
        self.rest = rest;
        match *tag {
            FULL => {
                let (origin, progress) = (take(&mut self.rest)?, take(&mut self.rest)?);
                let length =
                    usize::try_from(take::<u64>(&mut self.rest)?).map_err(|error| error.to_string())?;
                let content_offset = offset_u32(self.group.len() - self.rest.len());
                let (content, rest) =
                    self.rest.split_at_checked(length).ok_or("the content of a job is cut off")?;
                // The content is not decoded here: most readers need only its key, or nothing of it.
                self.rest = rest;
                Ok(Entry::Full { origin, progress, content_offset, content })
            }
            DELTA => Ok(Entry::Delta { id: self.id()?, progress: take(&mut self.rest)? }),
            TOMBSTONE => Ok(Entry::Tombstone { id: self.id()? }),
            SETTING => {
                let (key, value) = take(&mut self.rest)?;
                Ok(Entry::Setting { key, value })
            }
            other => Err(format!("an entry has the unknown tag {other}")),
        }
    }

    fn id(&mut self) -> Result<JobId, String> {
        let (id, rest) = self.rest.split_first_chunk().ok_or("a job id is cut off")?;
        self.rest = rest;
        Ok(JobId::from_bytes(*id))
    }
}

impl<'a> Iterator for Entries<'a> {
    /// The offset of an entry in the group, its bytes, and what it says.
    type Item = Result<(u32, &'a [u8], Entry<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let before = self.rest;
        let offset = offset_u32(self.group.len() - before.len());
        let entry = self.read();
        let bytes = &before[..before.len() - self.rest.len()];
        if entry.is_err() {
            // The end of a damaged entry is unknown, and so is the beginning of the next one.
            self.rest = &[];
        }
        Some(entry.map(|entry| (offset, bytes, entry)))
    }
}

/// Converts an offset in a commit group.
pub(crate) fn offset_u32(offset: usize) -> u32 {
    u32::try_from(offset).expect("a commit group is bounded far below 4 GiB")
}

fn take<'a, T: Deserialize<'a>>(bytes: &mut &'a [u8]) -> Result<T, String> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|error| error.to_string())?;
    *bytes = rest;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use flow::failure::{Failure, Reason};

    use super::*;

    fn origin() -> Origin<'static> {
        let (lane, priority) = (Lane::Store, Priority(7));
        Origin { lane, group: Some("h"), priority, sequence: 300, pushed_ms: 5, attempts_before: 0 }
    }

    fn failing() -> Progress {
        let mut retry_state = RetryState { failed_attempt: 2, failures: 1, ..RetryState::default() };
        retry_state.failing_since_ms = Some(8);
        retry_state.record(7, 2, JobEventKind::Failed(Failure::new(Reason::Timeout, "t")));
        let phase = Phase::Leased { session: Session { pid: 1, started: 2, nonce: 3 } };
        Progress { phase, changed_ms: 9, attempts: 4, retry_state: Some(Box::new(retry_state)) }
    }

    #[test]
    fn the_stored_bytes_of_format_2_do_not_change() {
        let id = JobId::from_bytes([0xAB; 16]);
        let fresh =
            Progress { phase: Phase::Delayed { due_ms: 6 }, changed_ms: 5, attempts: 0, retry_state: None };
        let content = Content { key: "k", payload: b"{}", as_pushed: None }.encode();
        let mut group = begin_group(128);
        let content_offset = offset_u32(put_full(&mut group, &origin(), &fresh, &content));
        put_delta(&mut group, id, &failing());
        put_tombstone(&mut group, id);
        put_setting(&mut group, b"a", &[8, 9]);
        let full = [0, 1, 1, 1, b'h', 7, 172, 2, 5, 0, 1, 6, 5, 0, 0, 6, 1, b'k', 2, b'{', b'}', 0];
        let delta = [2, 1, 2, 3, 9, 4, 1, 2, 1, 1, 8, 0, 0, 1, 7, 2, 0, 3, 1, b't'];
        let golden =
            [&[2, 128, 1][..], &full, &[1], &[0xAB; 16], &delta, &[2], &[0xAB; 16], &[3, 1, b'a', 2, 8, 9]]
                .concat();
        assert_eq!(group, golden);

        let entries = Entries::of(&golden).unwrap();
        assert_eq!(entries.at_ms, 128);
        let read: Vec<_> = entries.map(Result::unwrap).collect();
        let first = Entry::Full { origin: origin(), progress: fresh, content_offset, content: &content };
        assert_eq!(read[0], (3, &full[..], first));
        assert_eq!(read[1].2, Entry::Delta { id, progress: failing() });
        assert_eq!((read[2].1.len(), &read[2].2), (TOMBSTONE_BYTES as usize, &Entry::Tombstone { id }));
        assert_eq!(read[3].2, Entry::Setting { key: b"a", value: &[8, 9] });
    }

    #[test]
    fn the_stored_bytes_of_a_revised_content_do_not_change() {
        let as_pushed = Some(AsPushed { group: None, priority: Priority(1), payload: b"x" });
        let content = Content { key: "k", payload: b"yz", as_pushed };
        let golden = [1, b'k', 2, b'y', b'z', 1, 0, 1, 1, b'x'];
        assert_eq!(*content.encode(), golden);
        assert_eq!(decode_content(&golden), Ok(content));
    }

    #[test]
    fn other_formats_and_cut_entries_are_refused() {
        assert!(Entries::of(&[1, 1, 4]).unwrap_err().contains("format 1"));
        assert!(Entries::of(&[]).is_err());
        let mut group = begin_group(1);
        put_delta(&mut group, JobId::from_bytes([1; 16]), &failing());
        for length in 3..group.len() {
            let cut: Vec<_> = Entries::of(&group[..length]).unwrap().collect();
            assert!(matches!(cut[..], [Err(_)]), "{length}: {cut:?}");
        }
        assert!(Entries::of(&[FORMAT, 1, 9]).unwrap().next().unwrap().is_err());
    }
}
