//! The lines in which a process that may be killed reports what it does.
//!
//! Each line is a record separator and a JSON text (RFC 7464), in a single write: only the last line may be
//! incomplete.

use std::{fs::File, io::Write, os::fd::AsFd, sync::Mutex};

use serde::{Serialize, de::DeserializeOwned};

const RECORD_SEPARATOR: char = '\u{1e}';

/// Writes lines to the standard output, without a buffer.
#[derive(Debug)]
pub struct EventWriter(Mutex<File>);

impl Default for EventWriter {
    fn default() -> Self {
        Self(Mutex::new(File::from(std::io::stdout().as_fd().try_clone_to_owned().unwrap())))
    }
}

impl EventWriter {
    /// Writes a line. It has been written when this returns.
    pub fn write(&self, line: &impl Serialize) {
        let text = format!("{RECORD_SEPARATOR}{}\n", serde_json::to_string(line).unwrap());
        // A longer line could be split by one of another process on the same pipe (pipe(7), PIPE_BUF).
        assert!(text.len() <= 4096, "{text}");
        self.0.lock().unwrap().write_all(text.as_bytes()).unwrap();
    }
}

/// Parses a line. Returns `None` for other output on the same stream, and for an incomplete line.
#[must_use]
pub fn parse<L: DeserializeOwned>(line: &str) -> Option<L> {
    let (_, json) = line.strip_suffix('\n')?.split_once(RECORD_SEPARATOR)?;
    Some(serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")))
}
