//! Reads the lines of a run, and follows them.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use flow::safe_file;
use jiff::Timestamp;

use crate::{KEPT, line::Line, older};

/// Selects lines. Each field that is set excludes lines.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only requests to this host, with or without its port.
    pub host: Option<String>,
    /// Only events of this document.
    pub document: Option<String>,
    /// Only events from this time on.
    pub since: Option<Timestamp>,
}

impl Filter {
    /// Returns whether the filter takes a line.
    #[must_use]
    pub fn takes(&self, line: &Line) -> bool {
        let is_host = |wanted: &String| {
            line.host.as_ref().is_some_and(|host| {
                let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
                host.eq_ignore_ascii_case(wanted) || name.eq_ignore_ascii_case(wanted)
            })
        };
        self.host.as_ref().is_none_or(is_host)
            && self.document.as_ref().is_none_or(|wanted| line.document.as_ref() == Some(wanted))
            && self.since.is_none_or(|since| line.time >= since)
    }
}

/// The log of a run, from its oldest line on. After the last line it continues where it ended as soon as more
/// is written.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    /// The files that are still to be read, the newest first.
    waiting: Vec<BufReader<File>>,
    /// The file that is being read, and the beginning of a line without its end.
    current: Option<BufReader<File>>,
    partial: Vec<u8>,
}

impl LogReader {
    /// Opens the log at a path. A log that does not exist is empty.
    ///
    /// # Errors
    /// Returns an error if a file cannot be opened, or is a link or a special file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut waiting = Vec::new();
        let all = std::iter::once(path.to_owned()).chain((1..=KEPT).map(|number| older(path, number)));
        for path in all {
            waiting.extend(open(&path)?);
        }
        let current = waiting.pop();
        Ok(Self { path: path.to_owned(), waiting, current, partial: Vec::new() })
    }

    /// Returns the next line, or `None` if there is none yet. Lines that cannot be read are skipped.
    ///
    /// # Errors
    /// Returns the errors of reading.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            let Some(file) = &mut self.current else {
                self.current = open(&self.path)?;
                if self.current.is_none() {
                    return Ok(None);
                }
                continue;
            };
            file.read_until(b'\n', &mut self.partial)?;
            if self.partial.last() != Some(&b'\n') {
                if !self.step()? {
                    return Ok(None);
                }
                continue;
            }
            let line = serde_json::from_slice(&self.partial);
            self.partial.clear();
            if let Ok(line) = line {
                return Ok(Some(line));
            }
        }
    }

    /// Goes on to the next file, if this one has ended for good.
    fn step(&mut self) -> io::Result<bool> {
        if let Some(next) = self.waiting.pop() {
            (self.current, _) = (Some(next), self.partial.clear());
            return Ok(true);
        }
        let identity = |file: &BufReader<File>| file.get_ref().metadata().map(|it| (it.dev(), it.ino()));
        let Some(newest) = open(&self.path)? else { return Ok(false) };
        let is_rotated = match &self.current {
            Some(current) => identity(current)? != identity(&newest)?,
            None => true,
        };
        if is_rotated {
            // What was written to the old file after the last read comes first.
            let more = self.current.as_mut().map_or(Ok(0), |file| file.fill_buf().map(<[u8]>::len))?;
            if more == 0 {
                (self.current, _) = (Some(newest), self.partial.clear());
            }
        }
        Ok(is_rotated)
    }
}

fn open(path: &Path) -> io::Result<Option<BufReader<File>>> {
    match safe_file::open(path) {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    fn write(path: &Path, count: std::ops::Range<u64>) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        for number in count {
            let line = Line { document: Some(number.to_string()), ..Line::missing(0, number * 1_000) };
            writeln!(file, "{}", serde_json::to_string(&line).unwrap()).unwrap();
        }
    }

    fn read(reader: &mut LogReader) -> Vec<String> {
        std::iter::from_fn(|| reader.next_line().unwrap()).map(|line| line.document.unwrap()).collect()
    }

    #[test]
    fn the_oldest_file_comes_first_and_a_rotation_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        let mut reader = LogReader::open(&path).unwrap();
        assert!(read(&mut reader).is_empty());
        write(&older(&path, 2), 0..2);
        write(&older(&path, 1), 2..4);
        write(&path, 4..6);
        let mut reader = LogReader::open(&path).unwrap();
        assert_eq!(read(&mut reader), ["0", "1", "2", "3", "4", "5"]);
        write(&path, 6..7);
        assert_eq!(read(&mut reader), ["6"]);
        write(&path, 7..8);
        fs::rename(&path, older(&path, 1)).unwrap();
        write(&path, 8..9);
        assert_eq!(read(&mut reader), ["7", "8"]);
    }

    #[test]
    fn half_a_line_waits_for_its_end_and_nonsense_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        write(&path, 0..1);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"nonsense\n", &whole[..10]].concat()).unwrap();
        let mut reader = LogReader::open(&path).unwrap();
        assert_eq!(read(&mut reader), ["0"]);
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&whole[10..]).unwrap();
        assert_eq!(read(&mut reader), ["0"]);
    }

    #[test]
    fn a_filter_takes_a_host_a_document_and_a_time() {
        let line = Line {
            host: Some("a.example:8080".into()),
            document: Some("PG84".into()),
            ..Line::missing(0, 5_000)
        };
        let takes = |host: Option<&str>, document: Option<&str>, since: Option<i64>| {
            let since = since.map(|at| Timestamp::from_second(at).unwrap());
            Filter { host: host.map(Into::into), document: document.map(Into::into), since }.takes(&line)
        };
        assert!(takes(None, None, None) && takes(Some("A.example"), Some("PG84"), Some(5)));
        assert!(takes(Some("a.example:8080"), None, None));
        assert!(
            !takes(Some("example"), None, None)
                && !takes(None, Some("PG8"), None)
                && !takes(None, None, Some(6))
        );
    }
}
