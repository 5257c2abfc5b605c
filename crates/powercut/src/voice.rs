//! Lines in which a process that may be killed says what it does.
//!
//! One JSON text a line after a record separator (RFC 7464), in a single write: a line is there whole or it is the last.

use std::{fs::File, io::Write, os::fd::AsFd, sync::Mutex};

use serde::{Serialize, de::DeserializeOwned};

const RECORD_SEPARATOR: char = '\u{1e}';

/// Says lines on the standard output, past every buffer.
#[derive(Debug)]
pub struct Voice(Mutex<File>);

impl Default for Voice {
    fn default() -> Self {
        Self(Mutex::new(File::from(std::io::stdout().as_fd().try_clone_to_owned().unwrap())))
    }
}

impl Voice {
    /// Says a line; it has been written when this returns.
    pub fn say(&self, line: &impl Serialize) {
        let text = format!("{RECORD_SEPARATOR}{}\n", serde_json::to_string(line).unwrap());
        // A longer one could be cut by that of another process on the same pipe (pipe(7), PIPE_BUF).
        assert!(text.len() <= 4096, "{text}");
        self.0.lock().unwrap().write_all(text.as_bytes()).unwrap();
    }
}

/// Reads a line. `None` for what others write to the same stream, and for a line that was cut off.
#[must_use]
pub fn read<L: DeserializeOwned>(line: &str) -> Option<L> {
    let (_, json) = line.strip_suffix('\n')?.split_once(RECORD_SEPARATOR)?;
    Some(serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")))
}
