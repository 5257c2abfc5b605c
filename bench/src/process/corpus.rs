//! Run directories whose texts are placed, for the stage to begin with.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use blob_store::local::LocalBlobs;
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    durability::Durability,
};

use super::{
    changed::change,
    texts::{Text, Texts},
};
use crate::table::grouped;

/// Texts that are placed together.
const GROUP: usize = 256;
const SMALL: usize = 999;
const SMALL_BYTES: usize = 16 << 10;
const HUGE_BYTES: usize = 64 << 20;

/// The texts of a corpus.
#[derive(Debug, Clone, Copy)]
pub enum Corpus<'a> {
    /// The texts as they are.
    All(&'a Texts),
    /// One huge text, the `divisor`-th part of 64 MiB, in the middle of 999 small ones; cut from the texts.
    HugeAmongSmall {
        /// The texts that they are cut from.
        texts: &'a Texts,
        /// The part.
        divisor: usize,
    },
    /// The texts so many times, each time with some words changed.
    Copies {
        /// The texts that are copied.
        texts: &'a Texts,
        /// Number of runs.
        copies: u64,
    },
}

impl Corpus<'_> {
    /// In words.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::All(texts) => texts.described(),
            Self::HugeAmongSmall { divisor, .. } => {
                let [huge, small] = [HUGE_BYTES / divisor, SMALL_BYTES].map(|bytes| bytes >> 10);
                format!("a text of {} KiB among {SMALL} of {small} KiB", grouped(huge as u64))
            }
            Self::Copies { texts, copies: 1 } => texts.described(),
            Self::Copies { texts, copies } => format!("{copies} times {}", texts.described()),
        }
    }

    /// Places the texts into a run directory. Says how many, and the bytes of all.
    ///
    /// # Errors
    /// If a text cannot be read, or not be placed.
    pub fn place(&self, directory: &Path) -> anyhow::Result<(u64, u64)> {
        let mut placing = Placing::begin(directory)?;
        match self {
            Self::All(texts) => texts.all().iter().try_for_each(|text| placing.add(&read(text)?))?,
            Self::HugeAmongSmall { texts, divisor } => {
                let mut pieces = Pieces::of(texts);
                for number in 0..=SMALL {
                    let bytes = if number == SMALL / 2 { HUGE_BYTES / divisor } else { SMALL_BYTES };
                    placing.add(&pieces.next(bytes)?)?;
                }
            }
            Self::Copies { texts, copies } => {
                for copy in 0..*copies {
                    for text in texts.all() {
                        let mut bytes = read(text)?;
                        change(&mut bytes, copy);
                        placing.add(&bytes)?;
                    }
                }
            }
        }
        placing.end()
    }
}

/// Returns the directory of the texts in a run directory.
#[must_use]
pub fn placed(directory: &Path) -> PathBuf {
    directory.join(BlobKind::Text.directory())
}

fn read(text: &Text) -> anyhow::Result<Vec<u8>> {
    fs::read(&text.path).with_context(|| format!("failed to read '{}'", text.path.display()))
}

/// Texts being placed.
struct Placing {
    blobs: LocalBlobs,
    staged: Vec<flow::blobs::StagedBlob>,
    documents: u64,
    bytes: u64,
}

impl Placing {
    fn begin(directory: &Path) -> anyhow::Result<Self> {
        let blobs = LocalBlobs::open(directory, Durability::Process)?;
        Ok(Self { blobs, staged: Vec::new(), documents: 0, bytes: 0 })
    }

    fn add(&mut self, text: &[u8]) -> anyhow::Result<()> {
        let document = format!("text-{:06}", self.documents).parse()?;
        let mut blob = self.blobs.stage(&BlobName::new(BlobKind::Text, document))?;
        blob.write_all(text)?;
        self.staged.push(blob);
        self.documents += 1;
        self.bytes += text.len() as u64;
        if self.staged.len() == GROUP {
            self.blobs.publish(std::mem::take(&mut self.staged))?;
        }
        Ok(())
    }

    fn end(self) -> anyhow::Result<(u64, u64)> {
        self.blobs.publish(self.staged)?;
        Ok((self.documents, self.bytes))
    }
}

/// All texts as one that has no end, in pieces.
struct Pieces<'a> {
    texts: std::iter::Cycle<std::slice::Iter<'a, Text>>,
    rest: Vec<u8>,
}

impl<'a> Pieces<'a> {
    fn of(texts: &'a Texts) -> Self {
        Self { texts: texts.all().iter().cycle(), rest: Vec::new() }
    }

    /// The next of at least so many bytes, up to the end of a line.
    fn next(&mut self, bytes: usize) -> anyhow::Result<Vec<u8>> {
        while self.rest.len() < bytes {
            let text = self.texts.next().context("there is no text")?;
            self.rest.append(&mut read(text)?);
        }
        let from = bytes.saturating_sub(1);
        let line_end = self.rest[from..].iter().position(|byte| *byte == b'\n');
        let rest = self.rest.split_off(line_end.map_or(self.rest.len(), |at| from + at + 1));
        Ok(std::mem::replace(&mut self.rest, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(directory: &Path) -> Texts {
        for (name, text) in [("a.txt", "one line\nanother\n"), ("b.txt", "wörds elsewhere\n")] {
            fs::write(directory.join(name), text).unwrap();
        }
        Texts::below(directory).unwrap()
    }

    #[test]
    fn pieces_are_whole_lines_and_go_on_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let texts = texts(directory.path());
        let mut pieces = Pieces::of(&texts);
        let mut next = |bytes| String::from_utf8(pieces.next(bytes).unwrap()).unwrap();
        assert_eq!(next(1), "one line\n");
        assert_eq!(next(8), "another\n");
        assert_eq!(next(20), "wörds elsewhere\none line\n");
        assert_eq!(next(100).len(), 102);
    }

    #[test]
    fn texts_are_placed_with_their_bytes() {
        let (source, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let texts = texts(source.path());
        let corpus = Corpus::Copies { texts: &texts, copies: 200 };
        assert_eq!(corpus.place(run.path()).unwrap(), (400, 200 * texts.bytes()));
        assert_eq!(Texts::below(&placed(run.path())).unwrap().bytes(), 200 * texts.bytes());
        assert_eq!(corpus.described(), "200 times 2 texts, 0.0 MB");
    }

    #[test]
    fn a_huge_text_stands_in_the_middle_of_the_small_ones() {
        let (source, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let texts = texts(source.path());
        let corpus = Corpus::HugeAmongSmall { texts: &texts, divisor: 1024 };
        assert_eq!(corpus.place(run.path()).unwrap().0, 1000);
        let placed = Texts::below(&placed(run.path())).unwrap();
        let huge = placed.all().iter().position(|text| text.bytes >= 64 << 10);
        assert_eq!(huge, Some(SMALL / 2));
        assert_eq!(corpus.described(), "a text of 64 KiB among 999 of 16 KiB");
    }
}
