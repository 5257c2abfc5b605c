//! What a commit group says of jobs.
//!
//! A group is [`FORMAT`], the queue's time in milliseconds (varint), and entries one after another:
//!
//! | tag | entry | content |
//! |---|---|---|
//! | 0 | whole | [`Origin`], [`Progress`], length of what follows (varint), [`Content`] |
//! | 1 | course | job id (16 bytes), [`Progress`] |
//! | 2 | gone | job id (16 bytes) |
//! | 3 | setting | key and value, each with its length (varint) before it |
//!
//! A later entry of a job counts, an earlier one does not; a course belongs to the last whole entry before it. All in
//! postcard: enum variants are stored by position, so new ones go to the end. The tests hold the bytes of this format.

use flow::{
    clock::Millis,
    job::{Event, HISTORY_MAX, Happened, JobId, Priority, State},
    lane::Lane,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::session::Session;

/// The format of groups that this version reads and writes.
pub(crate) const FORMAT: u8 = 2;

const FULL: u8 = 0;
const DELTA: u8 = 1;
const TOMBSTONE: u8 = 2;
const SETTING: u8 = 3;

/// What a job is from its push on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin<'a> {
    pub(crate) lane: Lane,
    pub(crate) group: Option<&'a str>,
    pub(crate) priority: Priority,
    /// Order of pushes within the ledger.
    pub(crate) sequence: u64,
    pub(crate) pushed_ms: Millis,
    /// Attempts up to this number belong to an earlier job of the same name.
    pub(crate) attempts_before: u32,
}

/// What has become of it since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) changed_ms: Millis,
    /// Claims so far.
    pub(crate) attempts: u32,
    /// None as long as nothing went wrong.
    pub(crate) retry_state: Option<Box<RetryState>>,
}

/// What went wrong with a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetryState {
    /// The latest attempt (counted from 1) that ended by `fail`, so that a repeated `fail` is known as such.
    pub(crate) failed_attempt: u32,
    pub(crate) failures: u32,
    pub(crate) failing_since_ms: Option<Millis>,
    /// Attempts that ended with the death of their worker.
    pub(crate) lost: u32,
    /// No job of its group may be claimed before this.
    pub(crate) group_paused_until_ms: Millis,
    pub(crate) history: Vec<Event>,
}

impl RetryState {
    /// Adds to the history, which keeps the last [`HISTORY_MAX`] events.
    pub(crate) fn remember(&mut self, at_ms: Millis, attempt: u32, what: Happened) {
        if self.history.len() == HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(Event { at_ms, attempt, what });
    }

    /// Counts anew; the history stays.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
        self.failing_since_ms = None;
        self.lost = 0;
    }
}

/// Where a job stands, with what belongs to it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Ready,
    Delayed {
        due_ms: Millis,
    },
    /// When the lease ends is not stored: after a start every lease gets its time anew.
    Leased {
        session: Session,
    },
    Done,
    Dead,
}

impl Phase {
    pub(crate) const fn state(self) -> State {
        match self {
            Self::Ready => State::Ready,
            Self::Delayed { .. } => State::Delayed,
            Self::Leased { .. } => State::Leased,
            Self::Done => State::Done,
            Self::Dead => State::Dead,
        }
    }
}

/// What a job says; memory holds it only while it is small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content<'a> {
    pub(crate) key: &'a str,
    #[serde(with = "serde_bytes")]
    pub(crate) payload: &'a [u8],
    /// As it was pushed, where it was revised since.
    #[serde(borrow)]
    pub(crate) as_pushed: Option<AsPushed<'a>>,
}

/// What a revision changes of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AsPushed<'a> {
    pub(crate) group: Option<&'a str>,
    pub(crate) priority: Priority,
    #[serde(with = "serde_bytes")]
    pub(crate) payload: &'a [u8],
}

impl Content<'_> {
    pub(crate) fn encode(&self) -> Box<[u8]> {
        let mut small = [0; 640];
        match postcard::to_slice(self, &mut small) {
            Ok(bytes) => (&*bytes).into(),
            Err(_) => {
                postcard::to_allocvec(self).expect("texts hold nothing that postcard cannot write").into()
            }
        }
    }
}

/// Reads a [`Content`].
pub(crate) fn decode_content(bytes: &[u8]) -> Result<Content<'_>, String> {
    postcard::from_bytes(bytes).map_err(|error| format!("a job's text cannot be read: {error}"))
}

/// Begins a group.
pub(crate) fn begin_group(at_ms: Millis) -> Vec<u8> {
    put(vec![FORMAT], &at_ms)
}

/// Appends a whole entry; returns where its text begins.
pub(crate) fn put_full(group: &mut Vec<u8>, origin: &Origin<'_>, course: &Progress, text: &[u8]) -> usize {
    group.push(FULL);
    let mut bytes = put(std::mem::take(group), origin);
    bytes = put(bytes, course);
    bytes = put(bytes, &(text.len() as u64));
    let begins = bytes.len();
    bytes.extend_from_slice(text);
    *group = bytes;
    begins
}

/// Appends the course of a job.
pub(crate) fn put_delta(group: &mut Vec<u8>, id: JobId, course: &Progress) {
    group.push(DELTA);
    group.extend_from_slice(id.as_bytes());
    *group = put(std::mem::take(group), course);
}

/// Appends that a job was dropped.
pub(crate) fn put_tombstone(group: &mut Vec<u8>, id: JobId) {
    group.push(TOMBSTONE);
    group.extend_from_slice(id.as_bytes());
}

/// Appends a setting and its new value.
pub(crate) fn put_setting(group: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    group.push(SETTING);
    *group = put(std::mem::take(group), &(key, value));
}

/// How long the entry of a dropped job is.
pub(crate) const TOMBSTONE_BYTES: u32 = 17;

fn put(bytes: Vec<u8>, value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, bytes).expect("entries hold nothing that postcard cannot write")
}

/// An entry as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    Full {
        origin: Origin<'a>,
        course: Progress,
        /// Of the text, within the group.
        text_offset: u32,
        text: &'a [u8],
    },
    Delta {
        id: JobId,
        course: Progress,
    },
    Tombstone {
        id: JobId,
    },
    Setting {
        key: &'a [u8],
        value: &'a [u8],
    },
}

/// The entries of a group, each with where it lies in it and its bytes.
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    group: &'a [u8],
    rest: &'a [u8],
    /// The queue's time when it was written.
    pub(crate) at_ms: Millis,
}

impl<'a> Entries<'a> {
    /// Reads the head of a group.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn of(group: &'a [u8]) -> Result<Self, String> {
        match group.split_first() {
            Some((&FORMAT, mut rest)) => {
                let at_ms = take(&mut rest)?;
                Ok(Self { group, rest, at_ms })
            }
            Some((other, _)) => Err(format!("it has format {other}, this version knows format {FORMAT}")),
            None => Err("it is empty".to_owned()),
        }
    }

    fn read(&mut self) -> Result<Entry<'a>, String> {
        let (tag, rest) = self.rest.split_first().ok_or("an entry is empty")?;
        self.rest = rest;
        match *tag {
            FULL => {
                let (origin, course) = (borrow(&mut self.rest)?, take(&mut self.rest)?);
                let length =
                    usize::try_from(take::<u64>(&mut self.rest)?).map_err(|error| error.to_string())?;
                let text_offset = place(self.group.len() - self.rest.len());
                let (text, rest) = self.rest.split_at_checked(length).ok_or("a text is cut off")?;
                self.rest = rest;
                Ok(Entry::Full { origin, course, text_offset, text })
            }
            DELTA => Ok(Entry::Delta { id: self.id()?, course: take(&mut self.rest)? }),
            TOMBSTONE => Ok(Entry::Tombstone { id: self.id()? }),
            SETTING => {
                let (key, value) = borrow(&mut self.rest)?;
                Ok(Entry::Setting { key, value })
            }
            other => Err(format!("there is no entry {other}")),
        }
    }

    fn id(&mut self) -> Result<JobId, String> {
        let (id, rest) = self.rest.split_first_chunk().ok_or("a job id is cut off")?;
        self.rest = rest;
        Ok(JobId::from_bytes(*id))
    }
}

impl<'a> Iterator for Entries<'a> {
    /// Offset within the group, bytes, entry.
    type Item = Result<(u32, &'a [u8], Entry<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let before = self.rest;
        let offset = place(self.group.len() - before.len());
        let entry = self.read();
        let bytes = &before[..before.len() - self.rest.len()];
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry.map(|entry| (offset, bytes, entry)))
    }
}

/// A place within a group.
pub(crate) fn place(at: usize) -> u32 {
    u32::try_from(at).expect("groups are bounded far below 4 GiB")
}

fn take<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, String> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|error| error.to_string())?;
    *bytes = rest;
    Ok(value)
}

fn borrow<'a, T: Deserialize<'a>>(bytes: &mut &'a [u8]) -> Result<T, String> {
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

    fn troubled() -> Progress {
        let mut retry_state = RetryState { failed_attempt: 2, failures: 1, ..RetryState::default() };
        retry_state.failing_since_ms = Some(8);
        retry_state.remember(7, 2, Happened::Failed(Failure::new(Reason::Timeout, "t")));
        let phase = Phase::Leased { session: Session { pid: 1, started: 2, nonce: 3 } };
        Progress { phase, changed_ms: 9, attempts: 4, retry_state: Some(Box::new(retry_state)) }
    }

    #[test]
    fn the_stored_bytes_of_format_2_do_not_change() {
        let id = JobId::from_bytes([0xAB; 16]);
        let fresh =
            Progress { phase: Phase::Delayed { due_ms: 6 }, changed_ms: 5, attempts: 0, retry_state: None };
        let text = Content { key: "k", payload: b"{}", as_pushed: None }.encode();
        let mut group = begin_group(128);
        let text_offset = place(put_full(&mut group, &origin(), &fresh, &text));
        put_delta(&mut group, id, &troubled());
        put_tombstone(&mut group, id);
        put_setting(&mut group, b"a", &[8, 9]);
        let whole = [0, 1, 1, 1, b'h', 7, 172, 2, 5, 0, 1, 6, 5, 0, 0, 6, 1, b'k', 2, b'{', b'}', 0];
        let course = [2, 1, 2, 3, 9, 4, 1, 2, 1, 1, 8, 0, 0, 1, 7, 2, 0, 3, 1, b't'];
        let golden =
            [&[2, 128, 1][..], &whole, &[1], &[0xAB; 16], &course, &[2], &[0xAB; 16], &[3, 1, b'a', 2, 8, 9]]
                .concat();
        assert_eq!(group, golden);

        let entries = Entries::of(&golden).unwrap();
        assert_eq!(entries.at_ms, 128);
        let read: Vec<_> = entries.map(Result::unwrap).collect();
        assert_eq!(
            read[0],
            (3, &whole[..], Entry::Full { origin: origin(), course: fresh, text_offset, text: &text })
        );
        assert_eq!(read[1].2, Entry::Delta { id, course: troubled() });
        assert_eq!((read[2].1.len(), &read[2].2), (TOMBSTONE_BYTES as usize, &Entry::Tombstone { id }));
        assert_eq!(read[3].2, Entry::Setting { key: b"a", value: &[8, 9] });
    }

    #[test]
    fn the_stored_bytes_of_a_revised_text_do_not_change() {
        let as_pushed = Some(AsPushed { group: None, priority: Priority(1), payload: b"x" });
        let text = Content { key: "k", payload: b"yz", as_pushed };
        let golden = [1, b'k', 2, b'y', b'z', 1, 0, 1, 1, b'x'];
        assert_eq!(*text.encode(), golden);
        assert_eq!(decode_content(&golden), Ok(text));
    }

    #[test]
    fn other_formats_and_cut_entries_are_refused() {
        assert!(Entries::of(&[1, 1, 4]).unwrap_err().contains("format 1"));
        assert!(Entries::of(&[]).is_err());
        let mut group = begin_group(1);
        put_delta(&mut group, JobId::from_bytes([1; 16]), &troubled());
        for length in 3..group.len() {
            let cut: Vec<_> = Entries::of(&group[..length]).unwrap().collect();
            assert!(matches!(cut[..], [Err(_)]), "{length}: {cut:?}");
        }
        assert!(Entries::of(&[FORMAT, 1, 9]).unwrap().next().unwrap().is_err());
    }
}
