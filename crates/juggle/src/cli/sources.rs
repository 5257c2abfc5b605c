//! Sources and what is chosen of them, as `pipeline` and `add` take them.

use std::ffi::OsString;

use clap::{Args, builder::NonEmptyStringValueParser as Words};

use sources::{formats::catalog::Filters, refresh::Refresh};

/// Sources.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceArgs {
    /// Source lists (files), directories of texts, URLs of texts (also file:PATH), pg:NUMBER or pg:FIRST-LAST.
    pub sources: Vec<OsString>,
    /// The catalogue of Project Gutenberg, pg_catalog.csv, also packed; may be repeated.
    #[arg(long, value_name = "FILE|URL", help_heading = "Catalogue")]
    pub catalog: Vec<OsString>,
    /// Of the catalogue, only books in this language, such as en; may be repeated.
    #[arg(long, value_name = "TAG", help_heading = "Catalogue", value_parser = Words::new())]
    pub language: Vec<String>,
    /// Only books whose authors have all these words, as in 'mary shelley'; may be repeated.
    #[arg(long, value_name = "TEXT", help_heading = "Catalogue", value_parser = Words::new())]
    pub author: Vec<String>,
    /// Only books whose title has all these words; may be repeated.
    #[arg(long, value_name = "TEXT", help_heading = "Catalogue", value_parser = Words::new())]
    pub title: Vec<String>,
    /// Only books whose subjects have all these words; may be repeated.
    #[arg(long, value_name = "TEXT", help_heading = "Catalogue", value_parser = Words::new())]
    pub subject: Vec<String>,
    /// Only books whose bookshelves have all these words; may be repeated.
    #[arg(long, value_name = "TEXT", help_heading = "Catalogue", value_parser = Words::new())]
    pub bookshelf: Vec<String>,
    /// Only so many books, the first that fit.
    #[arg(long, value_name = "N", help_heading = "Catalogue", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Ask for stored texts again, only for those that changed; without sources, for those of all lists added before.
    #[arg(long)]
    pub refresh: bool,
}

impl SourceArgs {
    /// Whether what is stored is asked for again.
    #[must_use]
    pub const fn refresh(&self) -> Refresh {
        if self.refresh { Refresh::Yes } else { Refresh::No }
    }

    /// Which books of a catalogue are meant.
    #[must_use]
    pub fn filters(&self) -> Filters {
        Filters {
            languages: self.language.clone(),
            authors: self.author.clone(),
            titles: self.title.clone(),
            subjects: self.subject.clone(),
            bookshelves: self.bookshelf.clone(),
            limit: self.limit,
        }
    }
}
