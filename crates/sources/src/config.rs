//! Configures how sources are read.

use std::sync::Arc;

use fetch::config::mirror::Mirror;

use crate::{
    filters::Filters,
    resolve::gutenberg_sites::{GutenbergMirror, GutenbergSites},
};

/// The options that decide how sources are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The mirrors of Project Gutenberg; empty for the built-in ones.
    pub gutenberg_mirrors: Vec<GutenbergMirror>,
    /// The URL rewrites of `--mirror`.
    pub rewrites: Vec<Mirror>,
    /// The filters for the books of a catalogue.
    pub filters: Filters,
    /// The name of the table column that holds the URLs; `None` for the usual names.
    pub url_column: Option<String>,
}

/// The shared state of one reading of all sources of a command.
///
/// Another context made from the same configuration reads the same entries from the same sources.
#[derive(Debug, Clone)]
pub struct ReadContext {
    pub(crate) gutenberg: Arc<GutenbergSites>,
    pub(crate) config: Config,
}

impl ReadContext {
    /// Creates the context of a new reading.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let gutenberg = Arc::new(GutenbergSites::new(&config.gutenberg_mirrors, &config.rewrites));
        Self { gutenberg, config: config.clone() }
    }
}
