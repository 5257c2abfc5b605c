//! The catalogue of Project Gutenberg. The first byte says which filter there is, the rest is the catalogue,
//! with or without its header.
//!
//! * Every entry keeps its guarantee, is a book by its number, and asks no main site.
//! * A filter lets through a part of what is there without it, in the same order; a limit its beginning.
#![no_main]

#[path = "../src/entries.rs"]
mod entries;

use libfuzzer_sys::fuzz_target;
use sources::{
    config::Config,
    filters::Filters,
    in_memory::{self, ParsedList},
};

fn filters(which: u8) -> Filters {
    let (one, none) = (|text: &str| vec![text.to_owned()], Filters::default());
    match which % 8 {
        0 => Filters { languages: one("en"), ..none },
        1 => Filters { authors: one("mary SHELLEY"), ..none },
        2 => Filters { titles: one("i"), ..none },
        3 => Filters { subjects: one("fiction"), bookshelves: one("a"), ..none },
        4 => Filters { limit: Some(0), ..none },
        5 => Filters { limit: Some(1), ..none },
        6 => Filters { languages: one("De"), limit: Some(2), ..none },
        _ => none,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, catalog)) = bytes.split_first() else { return };
    let filters = filters(which);
    let rules = |filters| Config { filters, ..Config::default() };
    let all = in_memory::parse_catalog(catalog, &rules(Filters::default()));
    let (limit, is_limit_alone) = (filters.limit, Filters { limit: None, ..filters.clone() }.is_empty());
    let some = in_memory::parse_catalog(catalog, &rules(filters));
    let Ok(ParsedList { entries, bad }) = all else {
        // A limit may end the reading before what is wrong.
        assert!(some.is_err() || limit.is_some(), "what cannot be read with no filter is read with one");
        return;
    };
    entries::check_bad(&bad);
    entries.iter().take(200).for_each(entries::check);
    let Ok(some) = some else { panic!("a filter makes it unreadable: {some:?}") };
    let mut rest = entries.iter();
    for entry in &some.entries {
        assert!(rest.any(|other| other == entry), "{} is not there without the filter", entry.id);
    }
    if let Some(limit) = limit {
        assert!(some.entries.len() as u64 <= limit);
        let begin = entries.len().min(usize::try_from(limit).expect("it is small"));
        assert!(!is_limit_alone || some.entries == entries[..begin], "a limit takes the beginning");
    }
});
