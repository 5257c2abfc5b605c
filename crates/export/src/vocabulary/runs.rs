//! Sorted runs on disk, and their merge.
//!
//! Runs have levels. When a level has [`FAN_IN`] runs, they are merged into one run of the next level. So
//! fewer files than that are open for each level, and every entry is written once a level.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Seek, Write},
};

use super::entry::{Order, VocabularyEntry, held_bytes};
use crate::{directory::ExportDirectory, error::ExportError};

/// The number of runs that are merged at a time. It bounds the open files.
const FAN_IN: usize = 64;
const BUFFER_BYTES: usize = 32 << 10;

/// Runs with the same order.
pub(super) struct Runs<'d> {
    directory: &'d ExportDirectory,
    order: Order,
    levels: Vec<Vec<File>>,
    /// Entries of the next run, not sorted yet.
    waiting: Vec<VocabularyEntry>,
    waiting_bytes: u64,
    /// The memory of entries that ends a run.
    bytes_max: u64,
}

impl<'d> Runs<'d> {
    pub(super) const fn new(directory: &'d ExportDirectory, order: Order, bytes_max: u64) -> Self {
        Self { directory, order, levels: Vec::new(), waiting: Vec::new(), waiting_bytes: 0, bytes_max }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Adds an entry, in any order. Entries wait in memory until they are a run.
    pub(super) fn push(&mut self, entry: VocabularyEntry) -> Result<(), ExportError> {
        self.waiting_bytes += held_bytes(&entry.token);
        self.waiting.push(entry);
        if self.waiting_bytes < self.bytes_max { Ok(()) } else { self.add_waiting() }
    }

    fn add_waiting(&mut self) -> Result<(), ExportError> {
        self.waiting_bytes = 0;
        let mut full = std::mem::take(&mut self.waiting);
        full.sort_unstable_by(|one, other| self.order.compare(one, other));
        self.add(full)
    }

    /// Writes sorted entries as a run, and merges each level that is full.
    pub(super) fn add(&mut self, sorted: Vec<VocabularyEntry>) -> Result<(), ExportError> {
        let mut run = self.create_run()?;
        sorted.iter().try_for_each(|entry| entry.write(&mut run)).map_err(self.failed())?;
        let mut run = self.finish_run(run)?;
        // A merged run may fill the next level in turn.
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < FAN_IN {
                break;
            }
            let full = std::mem::take(&mut self.levels[level]);
            let mut merged = self.create_run()?;
            let failed = self.failed();
            merge(full, self.order, &failed, |entry| entry.write(&mut merged).map_err(&failed))?;
            run = self.finish_run(merged)?;
        }
        Ok(())
    }

    /// Passes all entries to `visit` in order.
    pub(super) fn merge(
        mut self,
        visit: impl FnMut(VocabularyEntry) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        if !self.waiting.is_empty() {
            self.add_waiting()?;
        }
        let failed = ExportError::writing(self.directory.path());
        merge(self.levels.into_iter().flatten().collect(), self.order, &failed, visit)
    }

    fn create_run(&self) -> Result<BufWriter<File>, ExportError> {
        Ok(BufWriter::with_capacity(BUFFER_BYTES, self.directory.create_unnamed_file()?))
    }

    fn finish_run(&self, mut run: BufWriter<File>) -> Result<File, ExportError> {
        let ended = run.flush().and_then(|()| run.rewind());
        ended.and_then(|()| run.into_inner().map_err(io::IntoInnerError::into_error)).map_err(self.failed())
    }

    fn failed(&self) -> impl Fn(io::Error) -> ExportError + use<> {
        ExportError::writing(self.directory.path())
    }
}

/// Merges runs. In [`Order::Token`], entries of the same token become one.
fn merge(
    runs: Vec<File>,
    order: Order,
    failed: &impl Fn(io::Error) -> ExportError,
    mut visit: impl FnMut(VocabularyEntry) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    // The next entry of each run, in order. The number keeps equal entries of several runs apart.
    let mut heads = BTreeMap::new();
    let advance = |heads: &mut BTreeMap<_, _>, number: usize, mut run: BufReader<File>| {
        if let Some(entry) = VocabularyEntry::read(&mut run).map_err(failed)? {
            let VocabularyEntry { token, n, documents } = entry;
            heads.insert((order.rank(n), token, number), (n, documents, run));
        }
        Ok::<(), ExportError>(())
    };
    for (number, run) in runs.into_iter().enumerate() {
        advance(&mut heads, number, BufReader::with_capacity(BUFFER_BYTES, run))?;
    }
    // An entry is passed on only when the next one has another token.
    let mut last: Option<VocabularyEntry> = None;
    while let Some(((_, token, number), (n, documents, run))) = heads.pop_first() {
        advance(&mut heads, number, run)?;
        match &mut last {
            Some(last) if order == Order::Token && last.token == token => {
                last.n += n;
                last.documents += documents;
            }
            _ => last.replace(VocabularyEntry { token, n, documents }).map_or(Ok(()), &mut visit)?,
        }
    }
    last.map_or(Ok(()), visit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(token: u32, n: u64) -> VocabularyEntry {
        VocabularyEntry { token: format!("{token:05}").into(), n, documents: 1 }
    }

    #[test]
    fn runs_of_several_levels_add_up() {
        let place = tempfile::tempdir().unwrap();
        let directory = ExportDirectory::open(place.path()).unwrap();
        let mut runs = Runs::new(&directory, Order::Token, u64::MAX);
        let count = FAN_IN as u32 * FAN_IN as u32 + 5;
        for number in 0..count {
            runs.add(vec![entry(0, 2), entry(number + 1, 1)]).unwrap();
        }
        assert_eq!(runs.levels.iter().map(Vec::len).collect::<Vec<_>>(), [5, 0, 1]);
        let mut merged = Vec::new();
        runs.merge(|entry| {
            merged.push(entry);
            Ok(())
        })
        .unwrap();
        assert_eq!(merged.len(), count as usize + 1);
        assert_eq!((merged[0].n, merged[0].documents), (2 * u64::from(count), u64::from(count)));
        assert!(merged.is_sorted_by(|one, other| one.token < other.token));
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "runs have no names");
    }
}
