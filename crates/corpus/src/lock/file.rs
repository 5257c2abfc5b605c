//! Writes locks and reads them.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use flow::{atomic_file::AtomicFile, json_line, safe_file};
use serde::{Serialize, de::DeserializeOwned};

use super::{FORM, LockError, LockHead, LockedDocument, RootHasher, Seal};

/// The maximum length of a line that is read, in bytes.
// Keeps a file that is no lock from filling the memory.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Writes a lock durably, in place of an earlier one, and returns its seal. Holds one document in memory.
/// After an error the earlier lock is unchanged.
///
/// # Errors
/// Returns the first error of `documents`; [`LockError::Write`] if the file cannot be written.
pub(super) fn write(
    path: &Path,
    head: &LockHead,
    documents: impl Iterator<Item = Result<LockedDocument, LockError>>,
) -> Result<Seal, LockError> {
    let unwritten = |source: io::Error| LockError::Write { path: path.to_owned(), source };
    let mut file = AtomicFile::create(path).map_err(unwritten)?;
    let mut root = RootHasher::default();
    line(&mut file, head).map_err(unwritten)?;
    for document in documents {
        let document = document?;
        root.add(&document);
        line(&mut file, &document).map_err(unwritten)?;
    }
    let seal = root.seal();
    line(&mut file, &seal).map_err(unwritten)?;
    file.commit().map_err(unwritten)?;
    Ok(seal)
}

fn line(file: &mut dyn Write, record: &impl Serialize) -> io::Result<()> {
    file.write_all(&json_line::to_vec(record)?)?;
    file.write_all(b"\n")
}

/// Reads a lock, line by line.
pub(super) struct LockReader {
    pub(super) head: LockHead,
    lines: LockLines,
    root: RootHasher,
    seal: Option<Seal>,
}

impl LockReader {
    /// Opens a lock and reads its head.
    ///
    /// # Errors
    /// [`LockError::Read`] if it cannot be opened or is no regular file; [`LockError::Damaged`] if it is no
    /// lock that this version knows.
    pub(super) fn open(path: &Path) -> Result<Self, LockError> {
        let file =
            safe_file::open(path).map_err(|source| LockError::Read { path: path.to_owned(), source })?;
        let mut lines = LockLines { path: path.to_owned(), from: BufReader::new(file), number: 0 };
        // An empty file gives an empty line, which is reported as line 1.
        let first = lines.next()?.unwrap_or_default();
        let head: LockHead = lines.parse(&first)?;
        if head.lock != FORM {
            return Err(lines.damaged(&format!(
                "it has format {}, but this version reads format \
                {FORM}",
                head.lock
            )));
        }
        Ok(Self { head, lines, root: RootHasher::default(), seal: None })
    }

    /// Reads the next document. Returns `None` at the end, if the seal matches.
    fn read(&mut self) -> Result<Option<LockedDocument>, LockError> {
        // The seal is the last line. Nothing after it is read.
        if self.seal.is_some() {
            return Ok(None);
        }
        let Some(line) = self.lines.next()? else {
            return Err(self.lines.damaged("it is truncated"));
        };
        // The line of a document has no field of the seal, so it does not parse as one.
        if let Ok(seal) = serde_json::from_str::<Seal>(&line) {
            if seal != self.root.seal() {
                return Err(self.lines.damaged("its lines do not match its root hash"));
            }
            self.seal = Some(seal);
            return Ok(None);
        }
        let one: LockedDocument = self.lines.parse(&line)?;
        self.root.add(&one);
        Ok(Some(one))
    }
}

impl Iterator for LockReader {
    type Item = Result<LockedDocument, LockError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

struct LockLines {
    path: PathBuf,
    from: BufReader<File>,
    /// The number of the line that was read last.
    number: u64,
}

impl LockLines {
    fn next(&mut self) -> Result<Option<String>, LockError> {
        self.number += 1;
        let mut line = String::new();
        match self.from.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(0) => Ok(None),
            // Every line is written with its end, so a line without one was cut off.
            Ok(_) if line.ends_with('\n') => Ok(Some(line)),
            Ok(_) => Err(self.damaged("the line is truncated or too long")),
            Err(error) => Err(self.damaged(&error.to_string())),
        }
    }

    fn parse<T: DeserializeOwned>(&self, line: &str) -> Result<T, LockError> {
        serde_json::from_str(line).map_err(|error| self.damaged(&error.to_string()))
    }

    fn damaged(&self, message: &str) -> LockError {
        LockError::Damaged { path: self.path.clone(), line: self.number, message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fingerprint::Fingerprint;

    fn documents() -> impl Iterator<Item = Result<LockedDocument, LockError>> {
        ["a", "b"].into_iter().map(|id| {
            let bytes = || Fingerprint { bytes: 1, blake3: "00".repeat(32) };
            Ok(LockedDocument {
                id: id.parse().unwrap(),
                url: "https://a.example/".to_owned(),
                raw: bytes(),
                text: bytes(),
                encoding: "UTF-8".to_owned(),
                tokens: "11".repeat(32),
                counts: "22".repeat(32),
            })
        })
    }

    fn head() -> LockHead {
        LockHead::new(crate::boilerplate::Strip::Full, crate::stats::ProcessorIdentity::new("words", 1))
    }

    #[test]
    fn the_disk_form_is_stable() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("corpus.lock");
        let written = write(&path, &head(), documents()).unwrap();
        let (zero, one, two) = ("00".repeat(32), "11".repeat(32), "22".repeat(32));
        let document = |id| {
            format!(
                "{{\"id\":\"{id}\",\"url\":\"https://a.example/\",\"raw\":{{\"bytes\":1,\"blake3\":\"{zero}\"}},\
                 \"text\":{{\"bytes\":1,\"blake3\":\"{zero}\"}},\"encoding\":\"UTF-8\",\"tokens\":\"{one}\",\
                 \"counts\":\"{two}\"}}\n"
            )
        };
        let words = ["a", "b"].map(|id| format!("{id}\n{zero}\n{zero}\nUTF-8\n{one}\n{two}\n")).concat();
        let root = blake3::hash(words.as_bytes()).to_hex();
        let expected = [
            format!(
                "{{\"lock\":1,\"juggle\":\"{}\",\"strip\":\"full\",\"processor\":{{\"name\":\"words\",\
                 \"version\":1,\"parameters\":{{}}}}}}\n",
                env!("CARGO_PKG_VERSION")
            ),
            document("a"),
            document("b"),
            format!("{{\"documents\":2,\"root\":\"{root}\"}}\n"),
        ];
        assert_eq!(fs::read_to_string(&path).unwrap(), expected.concat());
        assert_eq!(written, Seal { documents: 2, root: root.to_string() });
        let mut lock = LockReader::open(&path).unwrap();
        assert_eq!(lock.head, head());
        let read: Vec<LockedDocument> = lock.by_ref().map(Result::unwrap).collect();
        assert_eq!(read, documents().map(Result::unwrap).collect::<Vec<_>>());
    }

    #[test]
    fn a_lock_that_was_cut_off_or_changed_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("corpus.lock");
        write(&path, &head(), documents()).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let read = |text: &str| -> Result<Vec<LockedDocument>, LockError> {
            fs::write(&path, text).unwrap();
            LockReader::open(&path)?.collect()
        };
        assert_eq!(read(&whole).unwrap().len(), 2);
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        for (text, said) in [
            (String::new(), "line 1"),
            (lines[..3].concat(), "truncated"),
            (whole[..whole.len() - 1].to_owned(), "too long"),
            ([lines[0], lines[1], lines[3]].concat(), "root hash"),
            (whole.replacen("UTF-8", "UTF-9", 1), "root hash"),
            (whole.replacen("\"lock\":1", "\"lock\":2", 1), "format 2"),
            (format!("{}not JSON\n", lines[0]), "line 2"),
        ] {
            let error = read(&text).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_lock_that_cannot_be_written_leaves_the_one_that_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("corpus.lock");
        write(&path, &head(), documents()).unwrap();
        let whole = fs::read(&path).unwrap();
        let broken = documents().take(1).chain([Err(LockError::Damaged {
            path: path.clone(),
            line: 1,
            message: "gone".to_owned(),
        })]);
        assert!(write(&path, &head(), broken).is_err());
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
