//! Refuses to fetch many texts from the main site of Project Gutenberg.
//!
//! The site is for people only. It answers a suspected robot with a captcha and then blocks the address for
//! days, for everybody who shares it. Such a list would end in failures and do harm. The mirrors are for bulk
//! downloads.

use fetch::config::mirror::Mirror;

use crate::{entry::Entry, error::SourceError, resolve::gutenberg_sites};

/// The maximum number of texts of one command that are fetched from the main site first. At 2 s each, a
/// diligent person fetches as many in an afternoon; the site takes much more for a robot.
pub const BULK_MAX: u64 = 100;

/// Returns whether a text is fetched from the main site first. `rewrites` are the URL rewrites of `--mirror`,
/// because the contacted host counts.
pub(crate) fn is_from_main_site(entry: &Entry, rewrites: &[Mirror]) -> bool {
    // Only the first URL counts, because the others are requested only if it fails.
    entry.urls.first().is_some_and(|url| gutenberg_sites::is_main_site(url, rewrites))
}

/// Refuses bulk.
///
/// # Errors
/// Returns [`SourceError::Bulk`] for more than [`BULK_MAX`] texts from the main site.
pub(crate) fn check(texts: u64) -> Result<(), SourceError> {
    if texts > BULK_MAX { Err(SourceError::Bulk { texts, max: BULK_MAX }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, count: u64, rewrites: &[Mirror]) -> Result<(), SourceError> {
        let urls = vec![url.to_owned(), "https://m.example/x".to_owned()];
        let entry = Entry { id: "x".parse().expect("an id"), urls, listed: flow::payload::Listed::default() };
        super::check(if is_from_main_site(&entry, rewrites) { count } else { 0 })
    }

    #[test]
    fn only_bulk_for_the_main_site_is_refused() {
        for url in ["https://www.gutenberg.org/files/84/84-0.txt", "http://gutenberg.org/ebooks/84.txt.utf-8"]
        {
            assert!(check(url, BULK_MAX, &[]).is_ok());
            let error = check(url, BULK_MAX + 1, &[]).expect_err("refused");
            assert!(matches!(error, SourceError::Bulk { texts: 101, .. }), "{error}");
        }
        assert!(check("https://gutenberg.pglaf.org/8/84/84-0.txt", 1000, &[]).is_ok());
        assert!(check("https://notgutenberg.org/x", 1000, &[]).is_ok());
    }

    #[test]
    fn what_counts_is_the_host_after_the_rewrites() {
        let away = ["https://www.gutenberg.org=https://m.example".parse().expect("a mirror")];
        assert!(check("https://www.gutenberg.org/files/84/84-0.txt", 1000, &away).is_ok());
        let towards = ["https://m.example=https://www.gutenberg.org".parse().expect("a mirror")];
        assert!(check("https://m.example/84", 1000, &towards).is_err());
    }
}
