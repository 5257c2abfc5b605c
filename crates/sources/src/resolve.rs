//! Resolves a cell of a list to normalised, absolute URLs.
//!
//! Invariant: a resolved URL is `http`, `https` or `file`, has at most 4,096 bytes, has no user,
//! password or fragment, and is normalised (`normalize_url`).

pub mod gutenberg_sites;

pub(crate) mod gutenberg;

mod normalize_url;

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use url::Url;

use self::{
    gutenberg_sites::{BookRequest, GutenbergSites},
    normalize_url::normalize,
};
use crate::error::shown;

/// The maximum length of a URL, in bytes.
pub(crate) const URL_BYTES_MAX: usize = 4096;

/// Resolves cells to URLs.
#[derive(Debug)]
pub(crate) struct UrlResolver {
    pub(crate) local: LocalFiles,
    pub(crate) gutenberg: Arc<GutenbergSites>,
}

/// The local texts that a list may name.
#[derive(Debug, Clone)]
pub(crate) enum LocalFiles {
    /// All. Relative paths start from this directory: that of the list, or the current one for arguments.
    RelativeTo { path: PathBuf, url: Url },
    /// None, because the list is not the user's own and must not access this machine.
    Refused,
}

impl LocalFiles {
    /// Allows all local texts; relative paths start from `directory`.
    pub(crate) fn relative_to(directory: &Path) -> io::Result<Self> {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let path = fs::canonicalize(directory)?;
        let url = Url::from_directory_path(&path)
            .map_err(|()| io::Error::new(io::ErrorKind::InvalidInput, "the path is not absolute"))?;
        Ok(Self::RelativeTo { path, url })
    }

    /// Returns whether a path names anything that exists, such as a directory.
    pub(crate) fn exists(&self, path: &str) -> bool {
        match self {
            Self::RelativeTo { path: directory, .. } => directory.join(path.trim()).exists(),
            Self::Refused => false,
        }
    }
}

/// Returns whether a cell must be a URL or a book, because a path has no scheme.
pub(crate) fn is_url(cell: &str) -> bool {
    scheme(cell).is_some()
}

impl UrlResolver {
    /// Returns the URLs that a cell stands for: one, or the candidates of a book `pg:N`.
    ///
    /// # Errors
    /// Returns a message that says what to write instead.
    pub(crate) fn resolve(&self, cell: &str) -> Result<Vec<String>, String> {
        let cell = cell.trim();
        if cell.len() > URL_BYTES_MAX {
            return Err(format!(
                "the URL has {} bytes, more than the maximum of {URL_BYTES_MAX}",
                cell.len()
            ));
        }
        let Some((scheme, rest)) = scheme(cell) else { return Ok(vec![path_url(cell, &self.local)?]) };
        let url = match scheme.as_str() {
            "pg" => return Ok(self.gutenberg.book_urls(gutenberg::named(rest)?, BookRequest::Single)),
            "http" | "https" => web_url(cell, rest)?,
            "file" => file_url(cell, &self.local)?,
            other => {
                return Err(format!(
                    "'{}:' is not supported. Use http, https, file or pg. A file with this name is written \
                     as ./{}",
                    shown(other),
                    shown(cell)
                ));
            }
        };
        // Percent-encoding makes a URL longer.
        if url.len() > URL_BYTES_MAX {
            return Err(format!(
                "the normalised URL has {} bytes, more than the maximum of {URL_BYTES_MAX}",
                url.len()
            ));
        }
        Ok(vec![url])
    }
}

/// Returns the scheme in lower case and the text after its colon. A letter alone is a drive, not a scheme.
fn scheme(cell: &str) -> Option<(String, &str)> {
    let (scheme, rest) = cell.trim_start().split_once(':')?;
    // RFC 3986 §3.1.
    let valid = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    valid.then(|| (scheme.to_ascii_lowercase(), rest))
}

fn web_url(cell: &str, rest: &str) -> Result<String, String> {
    if !rest.starts_with("//") {
        return Err("a URL begins with http:// or https://".to_owned());
    }
    // The URL parser would remove TABs and encode spaces.
    if cell.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(
            "a URL cannot contain spaces. Write a space as %20. Separate several URLs of one text with a \
             TAB"
            .into(),
        );
    }
    let url = Url::parse(cell).map_err(|error| format!("not a URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the URL contains a user or password, which would be stored with the text. Remove it".into()
        );
    }
    Ok(normalize(url).into())
}

fn file_url(cell: &str, local: &LocalFiles) -> Result<String, String> {
    let LocalFiles::RelativeTo { url: directory, .. } = local else { return Err(refused(cell)) };
    let url = directory.join(cell).map_err(|error| format!("not a URL: {error}"))?;
    if url.host_str().is_some() {
        return Err("a file: URL names a file on this machine, such as file:///books/book.txt".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("in a file: URL, '?' is written as %3F and '#' as %23".to_owned());
    }
    let path = url.to_file_path().map_err(|()| "the file: URL names no path".to_owned())?;
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err("a path cannot contain NUL".to_owned());
    }
    if url.path().ends_with('/') {
        return Err("the file: URL names a directory. Name the texts in it, or use the directory as a \
             source"
            .to_owned());
    }
    // The URL is made from the path again, so that every spelling of a path is the same URL.
    let url = Url::from_file_path(path).map_err(|()| "the file: URL names no path".to_owned())?;
    Ok(url.into())
}

/// Returns the message about a local text in a list from elsewhere.
fn refused(cell: &str) -> String {
    format!(
        "'{}' would be a file on this machine, which only a local list can name. A URL begins with http:// \
         or https://",
        shown(cell)
    )
}

fn path_url(cell: &str, local: &LocalFiles) -> Result<String, String> {
    let LocalFiles::RelativeTo { path: directory, .. } = local else { return Err(refused(cell)) };
    let full = directory.join(cell);
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no file '{}'. A URL begins with http:// or https://", shown(cell))
        }
        _ => format!("cannot access '{}': {error}", shown(cell)),
    };
    let metadata = fs::metadata(&full).map_err(missing)?;
    if metadata.is_dir() {
        return Err(format!(
            "'{}' is a directory. Name the texts in it, or use the directory as a source",
            shown(cell)
        ));
    }
    // Only `..` needs the file system: `a/../b` is not `b` if `a` is a link.
    let climbs = full.components().any(|part| part == Component::ParentDir);
    let full = if climbs { fs::canonicalize(&full).map_err(missing)? } else { full };
    let plain: PathBuf = full.components().collect();
    let url = Url::from_file_path(plain).map_err(|()| format!("'{}' is not a path", shown(cell)))?;
    let url = String::from(url);
    if url.len() > URL_BYTES_MAX {
        return Err(format!(
            "the path has {} bytes as a URL, more than the maximum of \
            {URL_BYTES_MAX}",
            url.len()
        ));
    }
    Ok(url)
}

/// Returns whether a cell begins with a scheme that is read.
pub(crate) fn names_source(cell: &str) -> bool {
    scheme(cell).is_some_and(|(scheme, rest)| match scheme.as_str() {
        "http" | "https" => rest.starts_with("//"),
        scheme => matches!(scheme, "file" | "pg"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver() -> (tempfile::TempDir, UrlResolver) {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("sub")).expect("writable");
        fs::write(directory.path().join("a b#1.txt"), "text").expect("writable");
        let base = LocalFiles::relative_to(directory.path()).expect("exists");
        (directory, UrlResolver { local: base, gutenberg: Arc::new(GutenbergSites::new(&[], &[])) })
    }

    #[test]
    fn web_urls_are_normalised() {
        let (_keep, resolver) = resolver();
        for (cell, expected) in [
            ("HTTP://Example.ORG:80/A/../b?q=1#part", "http://example.org/b?q=1"),
            (" https://example.org:443 ", "https://example.org/"),
            ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
            ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ] {
            assert_eq!(resolver.resolve(cell), Ok(vec![expected.to_owned()]), "{cell}");
        }
        assert_eq!(resolver.resolve("pg:84").expect("a book").len(), 8);
        assert_eq!(resolver.resolve("PG:84"), resolver.resolve("pg:84"));
    }

    #[test]
    fn what_is_no_source_is_refused_with_advice() {
        let (_keep, resolver) = resolver();
        let long = format!("http://example.org/{}", "x".repeat(URL_BYTES_MAX));
        let grows = format!("http://example.org/{}", "ü".repeat(1000));
        for (cell, advice) in [
            ("ftp://example.org/x", "Use http, https, file or pg"),
            ("javascript:alert(1)", "Use http, https, file or pg"),
            ("http:/example.org", "begins with http://"),
            ("http://", "not a URL"),
            ("http://a b/", "cannot contain spaces"),
            ("http://a/x http://b/y", "TAB"),
            ("http://me:secret@example.org/", "Remove it"),
            ("http://me@example.org/", "Remove it"),
            ("http://example.org:99999/", "not a URL"),
            ("file://server/share.txt", "this machine"),
            ("file:///a%00b", "NUL"),
            ("file:///a?b", "%3F"),
            ("file:///etc/", "directory"),
            ("pg:0", "pg:84"),
            ("www.example.org/x.txt", "A URL begins with"),
            ("missing.txt", "no file 'missing.txt'"),
            ("sub", "directory"),
            (long.as_str(), "4096"),
            (grows.as_str(), "4096"),
        ] {
            let message = resolver.resolve(cell).expect_err(cell);
            assert!(message.contains(advice), "{cell}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn paths_become_absolute_file_urls() {
        let (keep, resolver) = resolver();
        let root = fs::canonicalize(keep.path()).expect("exists");
        let expected = Url::from_file_path(root.join("a b#1.txt")).expect("absolute").to_string();
        assert!(expected.ends_with("/a%20b%231.txt"));
        for cell in
            ["a b#1.txt", "./a b#1.txt", "sub/../a b#1.txt", "file:a b%231.txt", "FILE:./a%20b%231.txt"]
        {
            assert_eq!(resolver.resolve(cell), Ok(vec![expected.clone()]), "{cell}");
        }
        let absolute = root.join("a b#1.txt");
        assert_eq!(resolver.resolve(absolute.to_str().expect("UTF-8")), Ok(vec![expected.clone()]));
        assert_eq!(resolver.resolve(&expected.replace("file://", "file://localhost")), Ok(vec![expected]));
    }

    #[test]
    fn a_list_from_elsewhere_names_no_local_file() {
        let (keep, resolver) = resolver();
        let resolver = UrlResolver { local: LocalFiles::Refused, ..resolver };
        let absolute = keep.path().join("a b#1.txt").to_string_lossy().into_owned();
        for cell in ["a b#1.txt", absolute.as_str(), "/etc/passwd", "file:///etc/passwd", "file:x"] {
            let message = resolver.resolve(cell).expect_err(cell);
            assert!(message.contains("only a local list"), "{message}");
        }
        assert!(resolver.resolve("https://a.example/x").is_ok() && resolver.resolve("pg:84").is_ok());
    }
}
