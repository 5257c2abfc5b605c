//! Bulk aimed at the main site of Project Gutenberg is refused.
//!
//! The site is for people only: it answers what it takes for a robot with a captcha, and then blocks the address, for
//! days and for everybody behind it. So such a list would end in failures and do harm on the way. Its mirrors are there
//! for bulk.

use fetch::config::mirror::Mirror;

use crate::{entry::Entry, error::SourceError, resolve::gutenberg_sites};

/// So many texts of one command may go to the main site first: at 2 s each, what a diligent person fetches in an
/// afternoon, and far below what the site takes for a robot.
pub const BULK_MAX: u64 = 100;

/// Counts the texts whose first host is the main site.
#[derive(Debug)]
pub struct BulkCounter<'a> {
    rewrites: &'a [Mirror],
    site: u64,
}

impl<'a> BulkCounter<'a> {
    /// `rewrites` are those of `--mirror`: what counts is who is contacted.
    pub const fn new(rewrites: &'a [Mirror]) -> Self {
        Self { rewrites, site: 0 }
    }

    /// Counts an entry.
    pub fn count(&mut self, entry: &Entry) {
        let is_site = entry.urls.first().is_some_and(|url| gutenberg_sites::is_site(url, self.rewrites));
        self.site += u64::from(is_site);
    }

    /// Refuses bulk.
    ///
    /// # Errors
    /// [`SourceError::Bulk`] where there are more than [`BULK_MAX`].
    pub fn judge(&self) -> Result<(), SourceError> {
        if self.site > BULK_MAX { Err(SourceError::Bulk { texts: self.site }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(url: &str, count: u64, rewrites: &[Mirror]) -> Result<(), SourceError> {
        let urls = vec![url.to_owned(), "https://m.example/x".to_owned()];
        let entry = Entry { id: "x".parse().expect("an id"), urls, listed: flow::payload::Listed::default() };
        let mut tally = BulkCounter::new(rewrites);
        (0..count).for_each(|_| tally.count(&entry));
        tally.judge()
    }

    #[test]
    fn only_bulk_for_the_main_site_is_refused() {
        for url in ["https://www.gutenberg.org/files/84/84-0.txt", "http://gutenberg.org/ebooks/84.txt.utf-8"]
        {
            assert!(judged(url, BULK_MAX, &[]).is_ok());
            let error = judged(url, BULK_MAX + 1, &[]).expect_err("refused");
            assert!(matches!(error, SourceError::Bulk { texts: 101 }), "{error}");
        }
        assert!(judged("https://gutenberg.pglaf.org/8/84/84-0.txt", 1000, &[]).is_ok());
        assert!(judged("https://notgutenberg.org/x", 1000, &[]).is_ok());
    }

    #[test]
    fn what_counts_is_the_host_after_the_rewrites() {
        let away = ["https://www.gutenberg.org=https://m.example".parse().expect("a mirror")];
        assert!(judged("https://www.gutenberg.org/files/84/84-0.txt", 1000, &away).is_ok());
        let towards = ["https://m.example=https://www.gutenberg.org".parse().expect("a mirror")];
        assert!(judged("https://m.example/84", 1000, &towards).is_err());
    }
}
