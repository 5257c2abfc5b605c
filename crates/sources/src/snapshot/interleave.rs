//! Orders the entries of a long list so that hosts alternate.
//!
//! The feeder fills the fetch lane only as far as there is room. If a long list were fed in its own order, a
//! host with very many texts would fill the lane, and the texts of other hosts would wait for the delays of
//! that host. So the entries of a long list are written in rounds: the first entry of each host in the order
//! in which the hosts occur, then the second entry of each host, and so on. The order within a host does not
//! change. The result depends only on the list, so the same list gives the same snapshot.
//!
//! Entries are ordered in windows of [`WINDOW`], which bounds the memory to about 16 bytes per entry and 100
//! per host of a window.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
};

use crate::entry::Entry;

/// The number of entries that are ordered together.
const WINDOW: usize = 1 << 20;
/// The minimum number of entries that are ordered. The lane has room for all entries of a shorter window.
const ORDERED_MIN: usize = 5_000;

/// The entries of one window, by their position in the listed order.
#[derive(Debug, Default)]
pub(super) struct Interleaver {
    lines: Vec<ListedLine>,
    /// The number of entries of each host so far.
    rounds: HashMap<String, u32>,
}

#[derive(Debug, Clone, Copy)]
struct ListedLine {
    offset: u64,
    bytes: u32,
    round: u32,
}

impl Interleaver {
    /// Adds the next entry, whose line has `bytes` bytes and starts at `offset`.
    pub(super) fn add(&mut self, entry: &Entry, offset: u64, bytes: u32) {
        let host = entry.urls.first().map_or("", |url| host(url));
        let round = self.rounds.entry(host.to_owned()).or_default();
        self.lines.push(ListedLine { offset, bytes, round: *round });
        *round += 1;
    }

    /// Returns whether the window is full.
    pub(super) const fn is_full(&self) -> bool {
        self.lines.len() >= WINDOW
    }

    /// Returns whether the entries of the window must be reordered.
    pub(super) fn is_needed(&self) -> bool {
        self.lines.len() >= ORDERED_MIN && self.rounds.len() > 1
    }

    /// Writes the lines of the window, reordered if that is needed, and starts a new window.
    pub(super) fn write(&mut self, list: &File, into: &mut impl Write) -> io::Result<()> {
        if self.is_needed() {
            // The sort is stable: within a round, hosts keep their order.
            self.lines.sort_by_key(|line| line.round);
        }
        let mut buffer = Vec::new();
        for line in std::mem::take(&mut self.lines) {
            buffer.resize(line.bytes as usize, 0);
            list.read_exact_at(&mut buffer, line.offset)?;
            into.write_all(&buffer)?;
        }
        self.rounds.clear();
        Ok(())
    }
}

/// Returns the host and port of a normalised URL.
fn host(url: &str) -> &str {
    // A normalised URL has no user, so the authority is the host and port.
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_alternate_in_a_long_list_and_not_in_a_short_one() {
        let order = |texts: usize| -> Vec<String> {
            let mut list = tempfile::tempfile().unwrap();
            let (mut interleaver, mut offset) = (Interleaver::default(), 0);
            for n in 0..texts {
                // One host has nine of ten.
                let name =
                    if n % 10 == 9 { format!("h{}.example", n % 30) } else { "big.example".to_owned() };
                let url = format!("https://{name}/{n}");
                let line = format!("{url}\n");
                list.write_all(line.as_bytes()).unwrap();
                let entry = Entry { id: "x".parse().unwrap(), urls: vec![url], listed: Default::default() };
                interleaver.add(&entry, offset, u32::try_from(line.len()).unwrap());
                offset += line.len() as u64;
            }
            let mut lines = Vec::new();
            interleaver.write(&list, &mut lines).unwrap();
            String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect()
        };
        let number = |line: &String| -> usize { line.trim().rsplit_once('/').unwrap().1.parse().unwrap() };
        let short = order(ORDERED_MIN - 1);
        assert!(short.iter().map(number).eq(0..ORDERED_MIN - 1));
        let long = order(6_000);
        assert_eq!(long.len(), 6_000);
        assert!(long[..4].iter().map(number).eq([0, 9, 19, 29]), "{:?}", &long[..4]);
        assert!(long[4..8].iter().map(number).eq([1, 39, 49, 59]), "{:?}", &long[4..8]);
        let of_big: Vec<usize> = long.iter().filter(|line| line.contains("big")).map(number).collect();
        assert!(of_big.is_sorted());
        assert!(long[800..].iter().all(|line| line.contains("big")), "the others are over by then");
    }
}
