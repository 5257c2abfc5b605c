//! The lines of the event log about a document.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use event_log::{line::Line, reader::LogReader};
use flow::document::DocumentId;

/// The number of documents whose lines are kept, so that a page that is looked at reads only what is new.
const DOCUMENTS_MAX: usize = 8;
/// The maximum number of lines of a document that are shown.
const LINES_MAX: usize = 200;

/// The lines of the event log by document.
#[derive(Clone)]
pub(crate) struct AttemptLogs {
    path: PathBuf,
    kept: Arc<Mutex<VecDeque<AttemptLog>>>,
}

struct AttemptLog {
    document: DocumentId,
    reader: LogReader,
    lines: VecDeque<Line>,
    left_out: usize,
}

impl AttemptLogs {
    pub(crate) fn new(run: &Path) -> Self {
        Self { path: event_log::path_in(run), kept: Arc::default() }
    }

    /// Returns the last lines about a document, and the number of lines before them. Blocking.
    pub(crate) fn of(&self, document: &DocumentId) -> io::Result<(Vec<Line>, usize)> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that others do not wait while this one reads.
        let at = kept().iter().position(|log| log.document == *document);
        let log = at.and_then(|at| kept().remove(at)).filter(|log| log.document == *document);
        let mut log = match log {
            Some(log) => log,
            None => AttemptLog {
                document: document.clone(),
                reader: LogReader::open(&self.path)?,
                lines: VecDeque::new(),
                left_out: 0,
            },
        };
        while let Some(line) = log.reader.next_line()? {
            if line.document.as_deref() == Some(document.as_str()) {
                log.lines.push_back(line);
                if log.lines.len() > LINES_MAX {
                    log.lines.pop_front();
                    log.left_out += 1;
                }
            }
        }
        let result = (log.lines.iter().cloned().collect(), log.left_out);
        let mut kept = kept();
        kept.push_front(log);
        kept.truncate(DOCUMENTS_MAX);
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn only_what_is_new_is_read_and_the_last_lines_are_kept() {
        let run = tempfile::tempdir().unwrap();
        let path = event_log::path_in(run.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let write = |document: &str, count: usize| {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
            for second in 0..count {
                writeln!(
                    file,
                    r#"{{"time":"2026-11-30T10:00:{:02}Z","event":"done","lane":"store","document":"{document}"}}"#,
                    second % 60
                )
                .unwrap();
            }
        };
        write("PG84", 2);
        write("PG85", 3);
        let logs = AttemptLogs::new(run.path());
        let of = |id: &str| {
            let (lines, left_out) = logs.of(&id.parse().unwrap()).unwrap();
            (lines.len(), left_out)
        };
        assert_eq!((of("PG84"), of("PG85"), of("PG86")), ((2, 0), (3, 0), (0, 0)));
        write("PG84", 199);
        assert_eq!((of("PG84"), of("PG84"), of("PG85")), ((200, 1), (200, 1), (3, 0)));
        for number in 0..20 {
            of(&format!("PG{number}"));
        }
        assert_eq!(logs.kept.lock().unwrap().len(), DOCUMENTS_MAX);
    }
}
