//! Writes the log without making the stages wait.
//!
//! A bounded number of events waits in memory. A thread takes them in bursts and appends whole lines. If the
//! disk is full or slower than the stages, lines are left out, and the next line that can be written says how
//! many.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    mem,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use flow::{
    clock::{Clock, Millis},
    events::{Event, EventSink},
    json_line,
    lane::Lane,
    safe_file,
};

use crate::{
    KEPT,
    line::{Kind, Line},
    older, path_in,
};

/// A file that is larger is rotated.
pub const BYTES_MAX: u64 = 64 << 20;
/// The number of events that wait for the disk, at most.
const WAITING_MAX: usize = 16_384;
/// The number of events that end a burst.
const BURST_MAX: usize = 512;
/// The maximum time that an event waits for others before it is written.
const LINGER: Duration = Duration::from_millis(50);

/// The log of a run. Dropping it writes what is left.
#[derive(Debug)]
pub struct EventLog {
    inbox: Arc<Inbox>,
    clock: Clock,
    thread: Option<JoinHandle<()>>,
}

impl EventLog {
    /// Opens the log at a path, whose directory is created if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened, or is a link or a special file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, BYTES_MAX)
    }

    fn open_with(path: &Path, bytes_max: u64) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = LogFile { file: append(path)?, path: path.to_owned(), bytes_max };
        let (inbox, clock) = (Arc::new(Inbox::default()), Clock::start());
        let taken = Arc::clone(&inbox);
        let write = move || write_all(file, &taken, clock);
        let thread = std::thread::Builder::new().name("event-log".to_owned()).spawn(write)?;
        Ok(Self { inbox, clock, thread: Some(thread) })
    }
}

impl EventSink for EventLog {
    fn record(&self, event: Event) {
        self.inbox.put(self.clock.now_ms(), event);
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        self.inbox.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the log of events ended early");
        }
    }
}

/// The events that wait to be written.
///
/// A channel would wake the writer for each event, which costs more than to write the line.
#[derive(Debug, Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<(Millis, Event)>,
    /// The number of events that were left out.
    missing: u64,
    is_closed: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, at_ms: Millis, event: Event) {
        let mut waiting = self.lock();
        if waiting.events.len() == WAITING_MAX {
            waiting.missing += 1;
            return;
        }
        waiting.events.push((at_ms, event));
        let count = waiting.events.len();
        drop(waiting);
        if count == 1 || count == BURST_MAX {
            self.changed.notify_one();
        }
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Waits for a burst of events, and takes it with the number of events that were left out. Returns `None`
    /// if it is closed and empty.
    fn take(&self) -> Option<(Vec<(Millis, Event)>, u64)> {
        let is_quiet = |waiting: &mut Waiting| waiting.events.is_empty() && !waiting.is_closed;
        let begun = self.changed.wait_while(self.lock(), is_quiet).unwrap_or_else(PoisonError::into_inner);
        let is_short = |waiting: &mut Waiting| waiting.events.len() < BURST_MAX && !waiting.is_closed;
        let burst = self.changed.wait_timeout_while(begun, LINGER, is_short);
        let (mut waiting, _) = burst.unwrap_or_else(PoisonError::into_inner);
        if waiting.events.is_empty() {
            return None;
        }
        Some((mem::take(&mut waiting.events), mem::take(&mut waiting.missing)))
    }
}

fn write_all(mut file: LogFile, inbox: &Inbox, clock: Clock) {
    let mut warned = false;
    while let Some((events, missing)) = inbox.take() {
        let count = events.len() as u64;
        let gap = (missing > 0).then(|| Line::missing(missing, clock.now_ms()));
        let lines = gap.into_iter().chain(events.into_iter().map(|(at_ms, event)| Line::of(event, at_ms)));
        let mut bytes = Vec::new();
        for line in lines {
            tracing::info!("{line}");
            bytes.extend(json_line::to_vec(&line).expect("a line is a struct of strings and numbers"));
            bytes.push(b'\n');
        }
        if let Err(error) = file.append(&bytes) {
            inbox.lock().missing += missing + count;
            if !warned {
                warned = true;
                let path = file.path.display();
                tracing::warn!(
                    "failed to write the log of events {path}: {error}. The run continues without it."
                );
            }
        }
    }
}

/// Writes a change by a person to the log of a run, if the run has a log. Logs a warning if that fails.
pub fn note_change(run: &Path, event: Kind, lane: Option<Lane>, count: Option<u64>) {
    let path = path_in(run);
    if let Err(error) = note(&path, &Line::by_person(event, lane, count, Clock::start().now_ms())) {
        tracing::warn!("the change is not in the log of events: {}: {error}", path.display());
    }
}

/// Appends one line to the log at a path, if there is one.
fn note(path: &Path, line: &Line) -> io::Result<()> {
    let file = match safe_file::open_with(path, OpenOptions::new().append(true)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut bytes = json_line::to_vec(line).expect("a line is a struct of strings and numbers");
    bytes.push(b'\n');
    LogFile { file, path: path.to_owned(), bytes_max: BYTES_MAX }.append(&bytes)
}

/// The file that lines are appended to.
#[derive(Debug)]
struct LogFile {
    file: File,
    path: PathBuf,
    bytes_max: u64,
}

impl LogFile {
    /// Appends whole lines, and rotates the file if it has become too large.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        // Another process may have rotated it.
        if !self.is_current() {
            self.file = append(&self.path)?;
        }
        let before = self.file.metadata()?.len();
        // One write, so that the lines of other processes are not mixed into these.
        match self.file.write(lines)? {
            written if written == lines.len() => {}
            // The disk became full in between. Half a line must not stay.
            _ => {
                self.file.set_len(before)?;
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        if before + lines.len() as u64 > self.bytes_max { self.rotate() } else { Ok(()) }
    }

    fn is_current(&self) -> bool {
        let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        match (self.file.metadata(), fs::symlink_metadata(&self.path)) {
            (Ok(ours), Ok(there)) => same(ours, there),
            _ => false,
        }
    }

    /// Renames the file and begins another, unless another process is doing so.
    fn rotate(&mut self) -> io::Result<()> {
        if self.file.try_lock().is_err() || !self.is_current() {
            return Ok(());
        }
        for number in (1..KEPT).rev() {
            rename(&older(&self.path, number), &older(&self.path, number + 1))?;
        }
        rename(&self.path, &older(&self.path, 1))?;
        self.file = append(&self.path)?;
        Ok(())
    }
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

fn append(path: &Path) -> io::Result<File> {
    safe_file::open_with(path, OpenOptions::new().append(true).create(true))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use flow::events::EventKind;

    use super::*;

    fn event(number: usize) -> Event {
        Event {
            lane: Lane::Store,
            key: format!("document-{number}"),
            attempt: 1,
            took_ms: 5,
            what: EventKind::Done,
            failure: None,
            request: None,
        }
    }

    fn lines(path: &Path) -> Vec<Line> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn all_events_are_written_in_order_when_the_log_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/events.jsonl");
        let log = EventLog::open(&path).unwrap();
        (0..2_000).for_each(|number| log.record(event(number)));
        drop(log);
        let written = lines(&path);
        let names: Vec<_> = written.iter().map(|line| line.document.clone().unwrap()).collect();
        assert_eq!(names, (0..2_000).map(|number| format!("document-{number}")).collect::<Vec<_>>());
    }

    #[test]
    fn a_large_file_is_rotated_and_two_older_ones_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        for round in 0..5 {
            // Each log writes more than the limit at once.
            let log = EventLog::open_with(&path, 100).unwrap();
            (0..3).for_each(|number| log.record(event(10 * round + number)));
        }
        let documents = |path: &Path| -> Vec<String> {
            lines(path).into_iter().filter_map(|line| line.document).collect()
        };
        let all: Vec<String> = [older(&path, 2), older(&path, 1), path.clone()]
            .iter()
            .flat_map(|path| documents(path))
            .collect();
        // What is kept is the newest, without a gap.
        let expected: Vec<String> = (0..5)
            .flat_map(|round| (0..3).map(move |number| format!("document-{}", 10 * round + number)))
            .collect();
        assert!(all.len() >= 6 && expected.ends_with(&all), "{all:?}");
        assert!(!older(&path, 3).exists());
    }

    #[test]
    fn two_logs_write_to_the_same_file_and_follow_a_rotation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        let (a, b) = (EventLog::open(&path).unwrap(), EventLog::open(&path).unwrap());
        (0..50).for_each(
            |number| if number % 2 == 0 { a.record(event(number)) } else { b.record(event(number)) },
        );
        drop(a);
        fs::rename(&path, older(&path, 1)).unwrap();
        b.record(event(99));
        drop(b);
        let (old, new) = (lines(&older(&path, 1)), lines(&path));
        assert_eq!(old.len() + new.len(), 51);
        assert_eq!(new.last().unwrap().document.as_deref(), Some("document-99"));
    }

    #[test]
    fn what_could_not_be_written_is_counted_in_the_next_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        // A directory in the place of the file refuses lines.
        let full = LogFile {
            file: append(&path).unwrap(),
            path: directory.path().join("absent/x"),
            bytes_max: 1 << 20,
        };
        let inbox = Inbox::default();
        (0..3).for_each(|number| inbox.put(0, event(number)));
        inbox.close();
        write_all(full, &inbox, Clock::start());
        assert_eq!(inbox.lock().missing, 3);
        inbox.put(0, event(3));
        let whole = LogFile { file: append(&path).unwrap(), path: path.clone(), bytes_max: 1 << 20 };
        write_all(whole, &inbox, Clock::start());
        let written = lines(&path);
        assert_eq!((written[0].event, written[0].count), (Kind::Missing, Some(3)));
        assert_eq!(written[1].document.as_deref(), Some("document-3"));
    }

    #[test]
    fn what_does_not_fit_into_memory_is_counted() {
        let inbox = Inbox::default();
        (0..WAITING_MAX + 2).for_each(|number| inbox.put(0, event(number)));
        let (events, missing) = inbox.take().unwrap();
        assert_eq!((events.len(), missing), (WAITING_MAX, 2));
        inbox.close();
        assert!(inbox.take().is_none());
    }

    #[test]
    fn a_note_is_written_only_if_there_is_a_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        let line = Line::by_person(Kind::Retried, None, Some(3), 0);
        note(&path, &line).unwrap();
        assert!(!path.exists());
        drop(EventLog::open(&path).unwrap());
        note(&path, &line).unwrap();
        assert_eq!(lines(&path), std::slice::from_ref(&line));
        assert_eq!(line.to_string(), "retried  by a person, jobs: 3");
    }

    #[test]
    fn a_link_in_its_place_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        symlink("/dev/null", &path).unwrap();
        assert!(EventLog::open(&path).is_err());
    }
}
