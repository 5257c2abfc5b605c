//! Chooses the URLs of a book among the main site and the mirrors of Project Gutenberg.
//!
//! A book is available in several formats: generated (`cache/epub/84/pg84.txt`, in UTF-8, for every text),
//! and as it was submitted, in UTF-8 (`84-0.txt`), ISO 8859-1 (`84-8.txt`) or ASCII (`84.txt`). Mirrors keep
//! the submitted formats in the main tree `8/84/` (`1/2/3/4/12345/`; books of one digit below `0/`), the main
//! site in `files/84/`.
//!
//! The main site is for people and blocks suspected robots; mirrors are for bulk. So the site is used for a
//! few books at most, and never for those of a range or of the catalogue.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

use fetch::{candidate, config::mirror::Mirror};
use url::Url;

use crate::resolve::{gutenberg, normalize_url::normalize};

/// The main site.
const SITE: &str = "https://www.gutenberg.org";
/// The built-in mirrors. Such lists become outdated; <https://www.gutenberg.org/MIRRORS.ALL> is the current
/// one.
const MIRRORS: [&str; 3] =
    ["https://gutenberg.pglaf.org", "https://aleph.pglaf.org", "http://aleph.gutenberg.org"];
/// The maximum number of books of one command, each named on its own, that are fetched from the main site.
const MAIN_SITE_MAX: u32 = 10;
/// The maximum number of hosts for a book. Together with the formats it limits the requests for a missing
/// book to eight.
const HOSTS_MAX: usize = 3;
const BASE_BYTES_MAX: usize = 512;

/// The base URL of a mirror of Project Gutenberg: `http`, `https`, or `file` for a local copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GutenbergMirror(String);

/// The error for an invalid base URL of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not the base of a mirror: {0}. Write it as https://HOST/PATH or file:///PATH")]
pub struct InvalidGutenbergMirror(String);

impl FromStr for GutenbergMirror {
    type Err = InvalidGutenbergMirror;

    fn from_str(text: &str) -> Result<Self, InvalidGutenbergMirror> {
        let refuse = |why: &str| Err(InvalidGutenbergMirror(why.to_owned()));
        let url = Url::parse(text).map_err(|error| InvalidGutenbergMirror(error.to_string()))?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        match url.scheme() {
            "http" | "https" => {}
            "file" if url.host().is_none() && url.path() != "/" => {}
            _ => return refuse("it is neither http nor https nor a path on this machine"),
        }
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return refuse("it has a user, a query or a fragment");
        }
        let url = if url.scheme() == "file" { url } else { normalize(url) };
        let base = url.as_str().trim_end_matches('/');
        if base.len() > BASE_BYTES_MAX {
            return refuse("it is too long");
        }
        Ok(Self(base.to_owned()))
    }
}

impl fmt::Display for GutenbergMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of books that are named at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BookRequest {
    /// One.
    Single,
    /// A range, or the books of a catalogue.
    Bulk,
}

/// The use of the main site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MainSite {
    /// For a few books, before the mirrors.
    First,
    /// For a few books, after the mirrors that the user has named.
    Last,
    /// Always, because `--mirror` replaces it by another host.
    Rewritten,
}

/// The main site and its mirrors. It counts the books that are named on their own, so each reading of the
/// sources of a command needs a value of its own.
#[derive(Debug)]
pub struct GutenbergSites {
    mirrors: Vec<String>,
    site: MainSite,
    singles: AtomicU32,
}

impl GutenbergSites {
    /// Creates the sites from the named mirrors, or the built-in ones if none is named. `rewrites` are those
    /// of `--mirror`.
    #[must_use]
    pub fn new(named: &[GutenbergMirror], rewrites: &[Mirror]) -> Self {
        let is_rewritten = !is_main_site(SITE, rewrites);
        let (mirrors, site) = match named {
            [] => (MIRRORS.map(str::to_owned).to_vec(), MainSite::First),
            named => (named.iter().map(GutenbergMirror::to_string).collect(), MainSite::Last),
        };
        let site = if is_rewritten { MainSite::Rewritten } else { site };
        Self { mirrors, site, singles: AtomicU32::new(0) }
    }

    /// Returns the URLs of a book, at most eight, in order of preference. Bulk uses the mirrors in turn, so
    /// that they share the load.
    pub(crate) fn book_urls(&self, number: u32, amount: BookRequest) -> Vec<String> {
        let is_few =
            amount == BookRequest::Single && self.singles.fetch_add(1, Ordering::Relaxed) < MAIN_SITE_MAX;
        // Few books go to the first mirror, which is the best one.
        let turn = if is_few { 0 } else { number as usize % self.mirrors.len() };
        let mirrors = self.mirrors[turn..].iter().chain(&self.mirrors[..turn]).map(String::as_str);
        let hosts: Vec<&str> = match (self.site, is_few) {
            (MainSite::Rewritten, _) | (MainSite::First, true) => {
                std::iter::once(SITE).chain(mirrors).take(HOSTS_MAX).collect()
            }
            (MainSite::Last, true) => mirrors.take(HOSTS_MAX - 1).chain([SITE]).collect(),
            (MainSite::First | MainSite::Last, false) => mirrors.take(HOSTS_MAX).collect(),
        };
        let generated = hosts.iter().map(|host| format!("{host}/cache/epub/{number}/pg{number}.txt"));
        let submitted = |host: &&str, form| {
            let folder =
                if *host == SITE { "files".to_owned() } else { gutenberg::tree(&number.to_string()) };
            format!("{host}/{folder}/{number}/{number}{form}.txt")
        };
        let utf_8 = hosts.iter().map(|host| submitted(host, "-0"));
        // Few books have only an older format, in ISO 8859-1 or ASCII: one host is enough.
        let older = ["-8", ""].map(|form| submitted(&hosts[0], form));
        generated.chain(utf_8).chain(older).collect()
    }
}

/// Returns whether the main site is contacted for a listed URL, after the rewrites of `--mirror`.
#[must_use]
pub fn is_main_site(listed: &str, rewrites: &[Mirror]) -> bool {
    candidate::parse(listed, rewrites).is_ok_and(|url| url.host_str().is_some_and(gutenberg::is_main_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(named: &[&str]) -> GutenbergSites {
        let named: Vec<GutenbergMirror> = named.iter().map(|base| base.parse().expect("a base")).collect();
        GutenbergSites::new(&named, &[])
    }

    #[test]
    fn a_handful_is_asked_of_the_site_and_no_more() {
        let library = library(&[]);
        for number in 1..=MAIN_SITE_MAX {
            assert!(library.book_urls(number, BookRequest::Single)[0].starts_with(SITE), "{number}");
        }
        let urls = library.book_urls(11, BookRequest::Single);
        assert!(!urls.iter().any(|url| is_main_site(url, &[])), "{urls:?}");
        let urls = GutenbergSites::new(&[], &[]).book_urls(84, BookRequest::Bulk);
        assert!(!urls.iter().any(|url| is_main_site(url, &[])), "{urls:?}");
    }

    #[test]
    fn the_candidates_of_a_book_stand_in_order_of_form_then_host() {
        let urls = library(&[]).book_urls(12345, BookRequest::Single);
        let paths = [
            "https://www.gutenberg.org/cache/epub/12345/pg12345.txt",
            "https://gutenberg.pglaf.org/cache/epub/12345/pg12345.txt",
            "https://aleph.pglaf.org/cache/epub/12345/pg12345.txt",
            "https://www.gutenberg.org/files/12345/12345-0.txt",
            "https://gutenberg.pglaf.org/1/2/3/4/12345/12345-0.txt",
            "https://aleph.pglaf.org/1/2/3/4/12345/12345-0.txt",
            "https://www.gutenberg.org/files/12345/12345-8.txt",
            "https://www.gutenberg.org/files/12345/12345.txt",
        ];
        assert_eq!(urls, paths);
    }

    #[test]
    fn named_mirrors_stand_in_place_of_the_built_in_ones_and_take_turns_in_bulk() {
        let library = library(&["http://a.example/pg/", "file:///srv/pg"]);
        let first = |number| library.book_urls(number, BookRequest::Bulk)[0].clone();
        assert_eq!(first(4), "http://a.example/pg/cache/epub/4/pg4.txt");
        assert_eq!(first(5), "file:///srv/pg/cache/epub/5/pg5.txt");
        assert_eq!(library.book_urls(5, BookRequest::Bulk)[2], "file:///srv/pg/0/5/5-0.txt");
        let single = library.book_urls(5, BookRequest::Single);
        assert_eq!(single[0], "http://a.example/pg/cache/epub/5/pg5.txt");
        assert_eq!(single[2], "https://www.gutenberg.org/cache/epub/5/pg5.txt");
    }

    #[test]
    fn a_site_that_is_rewritten_is_asked_for_everything() {
        let rewrite = "https://www.gutenberg.org=http://m.example/pg".parse().expect("a mirror");
        let library = GutenbergSites::new(&[], &[rewrite]);
        assert!(library.book_urls(84, BookRequest::Bulk)[0].starts_with(SITE));
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for text in
            ["", "m.example", "ftp://m.example", "file://host/x", "http://u@m/", "http://m/?q", "http://m/#f"]
        {
            let error = text.parse::<GutenbergMirror>().expect_err(text).to_string();
            assert!(error.contains("https://HOST/PATH"), "{error}");
        }
        assert_eq!(
            "HTTP://M.example:80/a/".parse::<GutenbergMirror>().expect("valid").to_string(),
            "http://m.example/a"
        );
    }
}
