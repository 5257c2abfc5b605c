//! The order of a long list: hosts take turns.
//!
//! A list is fed into the fetch lane as far as there is room. Were it fed as it stands, a host with very many texts would
//! fill the lane, and the others, behind it, would wait for its politeness. So the entries of a long list are laid down in
//! rounds: the first of every host in the order in which the hosts come, then the second, and so on; within a host the
//! order stays. That depends on the list only, so the same list gives the same snapshot.
//!
//! Long lists are ordered in windows of [`WINDOW`] entries, which bounds the memory: about 40 bytes an entry of one window.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
};

use crate::entry::Entry;

/// Entries that are ordered together.
const WINDOW: usize = 1 << 20;
/// Shorter windows are left as they are: all of them has room in the lane.
const ORDERED_FROM: usize = 5_000;

/// Where the entries of a window lie in the list as it stands, and in which round each is.
#[derive(Debug, Default)]
pub(super) struct Interleaver {
    lines: Vec<ListedLine>,
    /// Rounds so far by host, which is known by its hash: a collision only makes two hosts take turns as one.
    rounds: HashMap<u64, u32>,
}

#[derive(Debug, Clone, Copy)]
struct ListedLine {
    offset: u64,
    bytes: u32,
    round: u32,
}

impl Interleaver {
    /// The next entry, and where its line lies.
    pub(super) fn add(&mut self, entry: &Entry, offset: u64, bytes: u32) {
        let host = entry.urls.first().map_or("", |url| host(url));
        let round = self.rounds.entry(hash(host)).or_default();
        self.lines.push(ListedLine { offset, bytes, round: *round });
        *round += 1;
    }

    /// Whether the window is full.
    pub(super) const fn is_full(&self) -> bool {
        self.lines.len() >= WINDOW
    }

    /// Whether the window must be ordered anew.
    pub(super) fn is_needed(&self) -> bool {
        self.lines.len() >= ORDERED_FROM && self.rounds.len() > 1
    }

    /// Gives the lines of the window in their new order, or as they stand, and begins a new one.
    pub(super) fn write(
        &mut self,
        list: &File,
        mut into: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.is_needed() {
            self.lines.sort_by_key(|line| line.round);
        }
        let mut buffer = Vec::new();
        for line in std::mem::take(&mut self.lines) {
            buffer.resize(line.bytes as usize, 0);
            list.read_exact_at(&mut buffer, line.offset)?;
            into(&buffer)?;
        }
        self.rounds.clear();
        Ok(())
    }
}

/// The host and port of a normalised URL.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

fn hash(host: &str) -> u64 {
    let mut low = [0; 8];
    low.copy_from_slice(&blake3::hash(host.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(low)
}

/// Copies the first bytes of a list.
pub(super) fn copy_start(list: &File, bytes: u64, mut into: impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut at = 0;
    while at < bytes {
        let want = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(buffer.len());
        list.read_exact_at(&mut buffer[..want], at)?;
        into.write_all(&buffer[..want])?;
        at += want as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_take_turns_in_a_long_list_and_not_in_a_short_one() {
        let order = |texts: usize| -> Vec<String> {
            let mut list = tempfile::tempfile().unwrap();
            let (mut turns, mut offset) = (Interleaver::default(), 0);
            for n in 0..texts {
                // One host has nine of ten.
                let name =
                    if n % 10 == 9 { format!("h{}.example", n % 30) } else { "big.example".to_owned() };
                let url = format!("https://{name}/{n}");
                let line = format!("{url}\n");
                list.write_all(line.as_bytes()).unwrap();
                let entry = Entry { id: "x".parse().unwrap(), urls: vec![url], listed: Default::default() };
                turns.add(&entry, offset, u32::try_from(line.len()).unwrap());
                offset += line.len() as u64;
            }
            let mut lines = Vec::new();
            turns
                .write(&list, |line| {
                    lines.push(String::from_utf8(line.to_vec()).unwrap());
                    Ok(())
                })
                .unwrap();
            lines
        };
        let number = |line: &String| -> usize { line.trim().rsplit_once('/').unwrap().1.parse().unwrap() };
        let short = order(ORDERED_FROM - 1);
        assert!(short.iter().map(number).eq(0..ORDERED_FROM - 1));
        let long = order(6_000);
        assert_eq!(long.len(), 6_000);
        assert!(long[..4].iter().map(number).eq([0, 9, 19, 29]), "{:?}", &long[..4]);
        assert!(long[4..8].iter().map(number).eq([1, 39, 49, 59]), "{:?}", &long[4..8]);
        let of_big: Vec<usize> = long.iter().filter(|line| line.contains("big")).map(number).collect();
        assert!(of_big.is_sorted());
        assert!(long[800..].iter().all(|line| line.contains("big")), "the others are over by then");
    }
}
