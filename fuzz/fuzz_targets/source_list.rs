//! Source lists of any form, packed or not.
//!
//! * Every entry keeps its guarantee (`check`), and reads back from its JSON as itself.
//! * The bytes decide: cut into other pieces, or read again, they say the same.
//! * Bad lines come in order and are told safely.
//! * An entry written as a list of its own gives the same URLs again: what is normalised stays as it is.
#![no_main]

#[path = "../src/entries.rs"]
mod entries;

use std::io::{self, Read};

use juggle::source::{
    bytes::{self, Said},
    reading::Rules,
};
use libfuzzer_sys::fuzz_target;

/// Gives at most so many bytes at a time.
struct Drip(io::Cursor<Vec<u8>>, usize);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = buffer.len().min(self.1);
        self.0.read(&mut buffer[..bytes])
    }
}

fuzz_target!(|list: &[u8]| {
    let rules = Rules::default();
    let said = bytes::parse(list, &rules).ok();
    // A range of books is a hundred thousand entries: once is enough.
    let pieces: &[usize] =
        if said.as_ref().is_some_and(|said| said.entries.len() > 1000) { &[] } else { &[1, 3, 100] };
    for &piece in pieces {
        let dripped = bytes::read(Drip(io::Cursor::new(list.to_vec()), piece), &rules).ok();
        assert_eq!(dripped, said, "in pieces of {piece}");
    }
    let Some(Said { entries, bad }) = said else { return };
    entries.iter().take(200).for_each(entries::check);
    entries::check_bad(&bad);
    for entry in entries.iter().take(20) {
        let line = entry.urls.join("\t");
        let again = bytes::parse(format!("{line}\n").as_bytes(), &rules).expect("a list");
        assert!(again.bad.is_empty(), "{:?}", again.bad);
        assert_eq!(again.entries[0].urls, entry.urls, "the same URLs again");
    }
});
