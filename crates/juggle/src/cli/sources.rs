//! The sources of `pipeline`, `add` and `plan`.

use std::ffi::OsString;

use clap::{Args, builder::NonEmptyStringValueParser as Words};

use sources::{filters::Filters, refresh::Refresh};

/// Sources.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceArgs {
    /// Source lists, directories of texts, URLs, pg:NUMBER or pg:FIRST-LAST
    pub sources: Vec<OsString>,
    /// Project Gutenberg's catalogue, pg_catalog.csv; can be repeated
    #[arg(long, value_name = "FILE|URL", help_heading = "Sources")]
    pub catalog: Vec<OsString>,
    /// Only books in this language, such as en; can be repeated
    #[arg(long, value_name = "TAG", help_heading = "Sources", value_parser = Words::new(), hide_short_help = true)]
    pub language: Vec<String>,
    /// Only books whose authors contain these words; can be repeated
    #[arg(long, value_name = "TEXT", help_heading = "Sources", value_parser = Words::new(), hide_short_help = true)]
    pub author: Vec<String>,
    /// Only books whose title contains these words; can be repeated
    #[arg(long, value_name = "TEXT", help_heading = "Sources", value_parser = Words::new(), hide_short_help = true)]
    pub title: Vec<String>,
    /// Only books whose subjects contain these words; can be repeated
    #[arg(long, value_name = "TEXT", help_heading = "Sources", value_parser = Words::new(), hide_short_help = true)]
    pub subject: Vec<String>,
    /// Only books whose bookshelves contain these words; can be repeated
    #[arg(long, value_name = "TEXT", help_heading = "Sources", value_parser = Words::new(), hide_short_help = true)]
    pub bookshelf: Vec<String>,
    /// Maximum number of books
    #[arg(
        long, value_name = "N", help_heading = "Sources",
        value_parser = clap::value_parser!(u64).range(1..), hide_short_help = true
    )]
    pub limit: Option<u64>,
    /// Request stored texts again, and fetch those that have changed
    ///
    /// Without sources, the texts of all lists that were added before.
    #[arg(long)]
    pub refresh: bool,
}

impl SourceArgs {
    /// Returns whether stored texts are requested again.
    #[must_use]
    pub const fn refresh(&self) -> Refresh {
        if self.refresh { Refresh::Yes } else { Refresh::No }
    }

    /// Returns the filters of catalogues.
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
