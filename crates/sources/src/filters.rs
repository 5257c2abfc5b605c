//! Selects the books of a catalogue.

use std::fmt;

use flow::shell;

/// A selection of the books of a catalogue.
///
/// A book must match all filters that have values, and of each filter at least one value. Case is ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Language tags, such as `en`. A book of several languages has each of them.
    pub languages: Vec<String>,
    /// Words that must all occur in the authors, in any order.
    pub authors: Vec<String>,
    /// Words that must all occur in the title.
    pub titles: Vec<String>,
    /// Words that must all occur in the subjects.
    pub subjects: Vec<String>,
    /// Words that must all occur in the bookshelves.
    pub bookshelves: Vec<String>,
    /// The maximum number of books of each catalogue.
    pub limit: Option<u64>,
}

impl Filters {
    /// Returns whether every book is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Formats the filters as they are typed.
impl fmt::Display for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            ("--language", &self.languages),
            ("--author", &self.authors),
            ("--title", &self.titles),
            ("--subject", &self.subjects),
            ("--bookshelf", &self.bookshelves),
        ];
        let typed = |(flag, values): (&str, &Vec<String>)| {
            values.iter().map(|value| format!("{flag} {}", shell::quoted(value))).collect::<Vec<_>>()
        };
        let mut flags: Vec<String> = all.into_iter().flat_map(typed).collect();
        flags.extend(self.limit.map(|limit| format!("--limit {limit}")));
        f.write_str(&flags.join(" "))
    }
}
