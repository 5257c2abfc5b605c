//! What holds for all sources of one command, and one reading of them.

use std::sync::Arc;

use fetch::config::mirror::Mirror;

use crate::{
    formats::catalog::Filters,
    resolve::gutenberg_sites::{GutenbergMirror, GutenbergSites},
};

/// What the user said that decides how sources are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Mirrors of Project Gutenberg; none for the built-in ones.
    pub gutenberg_mirrors: Vec<GutenbergMirror>,
    /// The rewrites of `--mirror`.
    pub rewrites: Vec<Mirror>,
    /// Which books of a catalogue are meant.
    pub filters: Filters,
    /// The name of the table column that holds the URLs; `None` for the usual names.
    pub url_column: Option<String>,
}

/// One reading of all sources of a command. A second one of the same sources gives the same entries.
#[derive(Debug, Clone)]
pub struct ReadContext {
    pub(crate) library: Arc<GutenbergSites>,
    pub(crate) filters: Filters,
    pub(crate) url_column: Option<String>,
}

impl ReadContext {
    /// Begins one.
    #[must_use]
    pub fn new(rules: &Config) -> Self {
        let library = Arc::new(GutenbergSites::new(&rules.gutenberg_mirrors, &rules.rewrites));
        Self { library, filters: rules.filters.clone(), url_column: rules.url_column.clone() }
    }
}
