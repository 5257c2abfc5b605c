//! Bibliographic facts about a document, as readers of the exported forms expect them: from its text, its
//! source list and its server.

use corpus::meta::Meta;

use crate::{author::Author, date, language};

/// The columns of source lists. A catalogue of Project Gutenberg has `authors`, `language`, `subjects` and
/// `issued`.
const AUTHORS: &str = "authors";
const AUTHOR: &str = "author";
const LANGUAGE: &str = "language";
const SUBJECTS: &str = "subjects";
const ISSUED: &str = "issued";

/// The bibliographic facts in a meta.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bibliography<'m>(pub(crate) &'m Meta);

impl Bibliography<'_> {
    /// Returns the author: from a catalogue, which has the years; otherwise from the text; otherwise from
    /// another list.
    pub(crate) fn author(&self) -> Author {
        let listed = self.listed(AUTHOR);
        match (self.listed(AUTHORS), self.0.author.as_deref()) {
            (Some(authors), _) => Author::first_of(authors),
            // A name in a header has no years, and its commas and semicolons may mean anything.
            (None, Some(said)) if Some(said) != listed => {
                Author { name: said.to_owned(), ..Author::default() }
            }
            (None, _) => listed.map(Author::first_of).unwrap_or_default(),
        }
    }

    /// Returns the name of the author, if it is known.
    pub(crate) fn author_name(&self) -> Option<String> {
        // Formats with nulls omit an unknown author instead of an empty name.
        Some(self.author().name).filter(|name| !name.is_empty())
    }

    /// Returns the languages in one string, such as `en;fr`, if any is known.
    pub(crate) fn language(&self) -> Option<String> {
        Some(self.languages().join(";")).filter(|all| !all.is_empty())
    }

    /// Returns the languages in a source list, or otherwise in the text, as codes of ISO 639 if they have
    /// one.
    pub(crate) fn languages(&self) -> Vec<String> {
        let said = self.listed(LANGUAGE).or(self.0.language.as_deref());
        said.map(language::codes).unwrap_or_default()
    }

    /// Returns the subjects in a catalogue.
    pub(crate) fn subjects(&self) -> Vec<&str> {
        let parts = self.listed(SUBJECTS).into_iter().flat_map(|all| all.split(';'));
        parts.map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    /// Returns the time of release in the text, or otherwise in a catalogue, or otherwise the time of the
    /// last change on the server.
    pub(crate) fn created(&self) -> Option<String> {
        let said = [self.0.release_date.as_deref(), self.listed(ISSUED)];
        said.into_iter().flatten().find_map(date::parse_text).or_else(|| self.changed())
    }

    /// Returns the time of the last change of the file on its server.
    pub(crate) fn changed(&self) -> Option<String> {
        self.0.last_modified.as_deref().and_then(date::parse_http)
    }

    /// Returns the first cell of a column that is not empty, ignoring the case of the column's name.
    fn listed(&self, column: &str) -> Option<&str> {
        let mut cells = self.0.listed.iter().filter(|(name, _)| name.eq_ignore_ascii_case(column));
        cells.find_map(|(_, value)| Some(value.trim()).filter(|value| !value.is_empty()))
    }
}
