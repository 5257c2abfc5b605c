//! The author and the language of a text in the columns of its source list.

use std::collections::BTreeMap;

/// The columns of a source list that name the author, in any case. The first that is not empty is used. The
/// second is the column's name in a catalogue of Project Gutenberg.
const AUTHOR_COLUMNS: [&str; 2] = ["author", "authors"];
/// The columns of a source list that name the language, in any case. The first that is not empty is used.
const LANGUAGE_COLUMNS: [&str; 2] = ["language", "lang"];

/// Returns the author that the source list gives.
pub(crate) fn author(columns: &BTreeMap<String, String>) -> Option<&str> {
    column(columns, &AUTHOR_COLUMNS)
}

/// Returns the first cell of these columns that is not empty, without white space around it.
fn column<'c>(columns: &'c BTreeMap<String, String>, names: &[&str]) -> Option<&'c str> {
    let cell = |name: &&str| {
        columns.iter().find(|(column, value)| column.eq_ignore_ascii_case(name) && !value.trim().is_empty())
    };
    names.iter().find_map(cell).map(|(_, value)| value.trim())
}

/// Returns the language that the source list gives.
pub(crate) fn language(columns: &BTreeMap<String, String>) -> Option<&str> {
    column(columns, &LANGUAGE_COLUMNS)
}
