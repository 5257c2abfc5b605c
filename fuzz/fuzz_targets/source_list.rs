//! Source lists of any form, packed or not.
//!
//! * Every entry keeps its guarantee (`check`), and reads back from its JSON as itself.
//! * The bytes decide: cut into other pieces, or read again, they say the same.
//! * Bad lines come in order and are told safely.
//! * An entry written as a table of its own gives the same URLs again: normalising a URL twice changes
//!   nothing.
//! * The same list in UTF-16, or with CR instead of LF as its line end, gives the same result.
//! * No value of `--url-column` causes a panic.
#![no_main]

#[path = "../src/entries.rs"]
mod entries;

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use sources::{
    config::Config,
    in_memory::{self, ParsedList},
};

/// Gives at most so many bytes at a time.
struct Drip(io::Cursor<Vec<u8>>, usize);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = buffer.len().min(self.1);
        self.0.read(&mut buffer[..bytes])
    }
}

fuzz_target!(|list: &[u8]| {
    let rules = Config::default();
    let said = in_memory::parse(list, &rules).ok();
    // A range of books is a hundred thousand entries: once is enough.
    let pieces: &[usize] =
        if said.as_ref().is_some_and(|said| said.entries.len() > 1000) { &[] } else { &[1, 3, 100] };
    for &piece in pieces {
        let dripped = in_memory::read(Drip(io::Cursor::new(list.to_vec()), piece), &rules).ok();
        assert_eq!(dripped, said, "in pieces of {piece}");
    }
    check_other_forms(list, said.as_ref(), &rules);
    let chosen = Config { url_column: Some("link".to_owned()), ..Config::default() };
    if let Ok(said) = in_memory::parse(list, &chosen) {
        entries::check_bad(&said.bad);
    }
    let Some(ParsedList { entries, bad }) = said else { return };
    entries.iter().take(200).for_each(entries::check);
    entries::check_bad(&bad);
    for entry in entries.iter().take(20) {
        let (first, mirrors) = entry.urls.split_first().expect("every entry has a URL");
        let table = format!("url\tmirror\n{first}\t{}\n", mirrors.join(" "));
        let again = in_memory::parse(table.as_bytes(), &rules).expect("a list");
        assert!(again.bad.is_empty(), "{:?}", again.bad);
        assert_eq!(again.entries[0].urls, entry.urls, "the same URLs again");
    }
});

/// Checks that a list gives the same result in two other forms. Long lists are left out, because heads and
/// lines are counted in bytes. Lists with characters that mean something else in the other form are left out
/// too (U+0018 begins a frame of Zstandard).
fn check_other_forms(list: &[u8], said: Option<&ParsedList>, rules: &Config) {
    let Ok(text) = str::from_utf8(list) else { return };
    let is_plain = list.len() < 30_000 && !text.contains(['\0', '\u{feff}', '\r', '\u{18}']);
    if !is_plain || text.is_empty() || said.is_some_and(|said| said.entries.len() > 1000) {
        return;
    }
    let utf_16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(in_memory::parse(&utf_16, rules).ok().as_ref(), said, "in UTF-16");
    let ends = text.replace('\n', "\r");
    assert_eq!(in_memory::parse(ends.as_bytes(), rules).ok().as_ref(), said, "with CR");
}
