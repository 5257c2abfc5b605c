//! Reports on a list after it was read: its first invalid lines, the number of further invalid lines, and
//! whether it names nothing.

use crate::{
    arguments::Input,
    entry::Entry,
    error::{BadLine, ReadError},
    filters::Filters,
    formats::ListKind,
    reader::EntryReader,
};

/// The maximum number of invalid lines of a list that are reported one by one; the others are counted.
const BAD_LINES_MAX: usize = 10;

/// Collects the report on a list.
#[derive(Debug)]
pub struct ListReport {
    input: Input,
    kind: ListKind,
    entries: u64,
    bad: u64,
    first_bad: Vec<BadLine>,
}

impl ListReport {
    /// Creates a report on the list that `reader` is going to read.
    #[must_use]
    pub fn new(reader: &EntryReader) -> Self {
        let (input, kind) = (reader.input().clone(), reader.kind());
        Self { input, kind, entries: 0, bad: 0, first_bad: Vec::new() }
    }

    /// Counts an entry or records an invalid line.
    pub fn add(&mut self, item: &Result<Entry, ReadError>) {
        match item {
            Ok(_) => self.entries += 1,
            Err(ReadError::Line(bad)) => {
                self.bad += 1;
                if self.first_bad.len() < BAD_LINES_MAX {
                    self.first_bad.push(bad.clone());
                }
            }
            // The reading ends with this error, which is reported by itself.
            Err(ReadError::Source(_)) => {}
        }
    }

    /// Logs the report as warnings. `filters` are the filters of the catalogue.
    pub fn warn(&self, filters: &Filters) {
        for message in self.messages(filters) {
            tracing::warn!("{message}");
        }
    }

    fn messages(&self, filters: &Filters) -> Vec<String> {
        let label = self.input.label();
        let mut messages: Vec<String> = self.first_bad.iter().map(|bad| format!("{label}{bad}")).collect();
        let more = self.bad - self.first_bad.len() as u64;
        if more > 0 {
            messages.push(format!("{label}and {more} more invalid lines, {} in total", self.bad));
        }
        // A list without entries is often a mistake, but not an error: a watched list may be filled later.
        if self.entries == 0 && self.bad == 0 {
            messages.push(self.nothing(filters));
        }
        messages
    }

    /// Returns the reason why a list without an invalid line names nothing.
    fn nothing(&self, filters: &Filters) -> String {
        let list = self.input.path();
        let list =
            if list.as_os_str() == "-" { "standard input".into() } else { format!("'{}'", list.display()) };
        match (&self.input, self.kind) {
            (Input::Directory(_), _) => {
                format!("{list} names no text: no file has the name of a text (.txt, .md or no extension)")
            }
            (_, ListKind::Catalog) if !filters.is_empty() => {
                format!("{list} names no text: none of its books matches {filters}")
            }
            _ => format!("{list} names no text: it is empty, or has only comments, blank lines or a header"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arguments::ListLocation,
        config::{Config, ReadContext},
    };

    fn messages(list: &str, filters: &Filters) -> Vec<String> {
        let rules = Config { filters: filters.clone(), ..Config::default() };
        let mut reader =
            EntryReader::of_bytes(std::io::Cursor::new(list.to_owned()), &ReadContext::new(&rules)).unwrap();
        let mut report = ListReport {
            input: Input::List(ListLocation::File("list.txt".into()), ListKind::List),
            ..ListReport::new(&reader)
        };
        for item in reader.by_ref() {
            assert!(!matches!(item, Err(ReadError::Source(_))), "{item:?}");
            report.add(&item);
        }
        report.messages(filters)
    }

    #[test]
    fn ten_bad_lines_are_told_and_the_others_are_counted() {
        let list = |bad: usize| format!("https://a.example/1\n{}", "ftp://a.example/2\n".repeat(bad));
        assert_eq!(messages(&list(10), &Filters::default()).len(), 10);
        let told = messages(&list(602), &Filters::default());
        assert_eq!(told.len(), 11);
        assert!(told[0].starts_with("list.txt, line 2: "), "{}", told[0]);
        assert_eq!(told[10], "list.txt, and 592 more invalid lines, 602 in total");
    }

    #[test]
    fn a_list_that_names_nothing_is_told() {
        for list in ["", "# nothing\n\n", "url,title\n", "sep=;\nurl;title\n", "\u{feff}"] {
            let told = messages(list, &Filters::default());
            assert!(told.len() == 1 && told[0].starts_with("'list.txt' names no text: "), "{told:?}");
        }
        assert_eq!(messages("pg:84\n", &Filters::default()), [] as [String; 0]);
    }

    #[test]
    fn filters_that_fit_nothing_are_named() {
        let catalog = "Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves\n1,Text,1971-12-01,X,en,Y,,,\n";
        let filters = Filters {
            languages: vec!["xx".to_owned()],
            authors: vec!["Mary Shelley".to_owned()],
            ..Filters::default()
        };
        let told = messages(catalog, &filters);
        assert!(
            told[0].ends_with("none of its books matches --language xx --author 'Mary Shelley'"),
            "{told:?}"
        );
    }
}
