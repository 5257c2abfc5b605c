//! Sorted runs on the disk, and their merge.
//!
//! Runs lie in levels: when a level is full its runs are merged into one of the next, so at most [`FAN_IN`] − 1 of each
//! level are open at a time, and every entry is written once a level.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, binary_heap::PeekMut},
    fs::File,
    io::{self, BufReader, BufWriter, Seek, Write},
};

use super::entry::{Order, VocabularyEntry};
use crate::{directory::ExportDirectory, error::ExportError};

/// How many runs are merged at a time.
const FAN_IN: usize = 64;
const BUFFER_BYTES: usize = 32 << 10;

/// Runs in one order.
pub(super) struct Runs<'d> {
    directory: &'d ExportDirectory,
    order: Order,
    levels: Vec<Vec<File>>,
}

impl<'d> Runs<'d> {
    pub(super) const fn new(directory: &'d ExportDirectory, order: Order) -> Self {
        Self { directory, order, levels: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Writes entries that are in order as a run.
    pub(super) fn add(&mut self, sorted: Vec<VocabularyEntry>) -> Result<(), ExportError> {
        let mut run = self.begin()?;
        sorted.iter().try_for_each(|entry| entry.write(&mut run)).map_err(self.failed())?;
        let mut run = self.end(run)?;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < FAN_IN {
                break;
            }
            let full = std::mem::take(&mut self.levels[level]);
            let mut merged = self.begin()?;
            let failed = self.failed();
            merge(full, self.order, &failed, |entry| entry.write(&mut merged).map_err(&failed))?;
            run = self.end(merged)?;
        }
        Ok(())
    }

    /// Shows all entries in order.
    pub(super) fn merge(
        self,
        take: impl FnMut(VocabularyEntry) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let failed = ExportError::writing(self.directory.path());
        merge(self.levels.into_iter().flatten().collect(), self.order, &failed, take)
    }

    fn begin(&self) -> Result<BufWriter<File>, ExportError> {
        Ok(BufWriter::with_capacity(BUFFER_BYTES, self.directory.create_unnamed_file()?))
    }

    fn end(&self, mut run: BufWriter<File>) -> Result<File, ExportError> {
        let ended = run.flush().and_then(|()| run.rewind());
        ended.and_then(|()| run.into_inner().map_err(io::IntoInnerError::into_error)).map_err(self.failed())
    }

    fn failed(&self) -> impl Fn(io::Error) -> ExportError + use<> {
        ExportError::writing(self.directory.path())
    }
}

fn merge(
    runs: Vec<File>,
    order: Order,
    failed: &impl Fn(io::Error) -> ExportError,
    mut take: impl FnMut(VocabularyEntry) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut heads = BinaryHeap::with_capacity(runs.len());
    for run in runs {
        let mut run = BufReader::with_capacity(BUFFER_BYTES, run);
        heads.extend(VocabularyEntry::read(&mut run).map_err(failed)?.map(|entry| Head {
            entry,
            run,
            order,
        }));
    }
    let mut last: Option<VocabularyEntry> = None;
    while let Some(mut head) = heads.peek_mut() {
        let entry = match VocabularyEntry::read(&mut head.run).map_err(failed)? {
            Some(next) => std::mem::replace(&mut head.entry, next),
            None => PeekMut::pop(head).entry,
        };
        match &mut last {
            Some(last) if order == Order::Token && last.token == entry.token => {
                last.n += entry.n;
                last.documents += entry.documents;
            }
            _ => last.replace(entry).map_or(Ok(()), &mut take)?,
        }
    }
    last.map_or(Ok(()), take)
}

/// A run, and the entry that comes next of it. The greatest of a heap is the one whose entry comes first.
struct Head {
    entry: VocabularyEntry,
    run: BufReader<File>,
    order: Order,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.compare(&other.entry, &self.entry)
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(token: u32, n: u64) -> VocabularyEntry {
        VocabularyEntry { token: format!("{token:05}").into(), n, documents: 1 }
    }

    #[test]
    fn more_runs_than_are_merged_at_a_time_add_up() {
        let place = tempfile::tempdir().unwrap();
        let directory = ExportDirectory::open(place.path()).unwrap();
        let mut runs = Runs::new(&directory, Order::Token);
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
