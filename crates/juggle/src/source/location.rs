//! From what stands in a cell to normalised, absolute URLs.
//!
//! Invariant: what comes out is `http`, `https` or `file`, at most [`URL_BYTES_MAX`] bytes, without user, password
//! and fragment, with the host in lower case and the default port left out (RFC 3986 §6.2, WHATWG URL).

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use url::Url;

use super::{error::shown, gutenberg};

/// The longest URL, in bytes.
pub(crate) const URL_BYTES_MAX: usize = 4096;

/// The directory that relative paths start from: the list's, or the current one for arguments.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    directory: PathBuf,
    url: Url,
}

impl Base {
    /// `directory` made absolute.
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let directory = fs::canonicalize(directory)?;
        let url = Url::from_directory_path(&directory)
            .map_err(|()| io::Error::new(io::ErrorKind::InvalidInput, "the path is not absolute"))?;
        Ok(Self { directory, url })
    }
}

/// Whether `cell` can only be meant as a URL or a book, not as a path.
pub(crate) fn is_url(cell: &str) -> bool {
    scheme(cell).is_some()
}

/// The URLs that `cell` stands for: one, or the candidates of a book `pg:N`. The error says what to write instead.
pub(crate) fn resolve(cell: &str, base: &Base) -> Result<Vec<String>, String> {
    let cell = cell.trim();
    if cell.len() > URL_BYTES_MAX {
        return Err(format!("the URL has {} bytes; {URL_BYTES_MAX} are allowed", cell.len()));
    }
    let Some((scheme, rest)) = scheme(cell) else { return Ok(vec![path(cell, base)?]) };
    let url = match scheme.as_str() {
        "pg" => return gutenberg::candidates(rest),
        "http" | "https" => web(cell, rest)?,
        "file" => file(cell, base)?,
        other => {
            return Err(format!(
                "'{}:' is not read: use http, https, file or pg; a file of that name is written ./{}",
                shown(other),
                shown(cell)
            ));
        }
    };
    if url.len() > URL_BYTES_MAX {
        return Err(format!("the URL has {} bytes when written out; {URL_BYTES_MAX} are allowed", url.len()));
    }
    Ok(vec![url])
}

/// The scheme, lower-cased, and what follows its colon.
fn scheme(cell: &str) -> Option<(String, &str)> {
    let (scheme, rest) = cell.trim_start().split_once(':')?;
    let valid = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    valid.then(|| (scheme.to_ascii_lowercase(), rest))
}

fn web(cell: &str, rest: &str) -> Result<String, String> {
    if !rest.starts_with("//") {
        return Err("a URL begins with http:// or https://".to_owned());
    }
    if cell.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(
            "a URL has no spaces in it (write %20); URLs of the same text are separated by a TAB".into()
        );
    }
    let mut url = Url::parse(cell).map_err(|error| format!("not a URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the URL carries a user or password, which would be stored with the text: remove it".into()
        );
    }
    url.set_fragment(None);
    Ok(url.into())
}

fn file(cell: &str, base: &Base) -> Result<String, String> {
    let url = base.url.join(cell).map_err(|error| format!("not a URL: {error}"))?;
    if url.host_str().is_some() {
        return Err("a file: URL names a file of this machine, as in file:///books/book.txt".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("in a file: URL '?' is written %3F and '#' is written %23".to_owned());
    }
    let path = url.to_file_path().map_err(|()| "the file: URL names no path".to_owned())?;
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err("a path holds no NUL".to_owned());
    }
    if url.path().ends_with('/') {
        return Err("the file: URL names a directory: name the text in it".to_owned());
    }
    Ok(url.into())
}

fn path(cell: &str, base: &Base) -> Result<String, String> {
    let full = base.directory.join(cell);
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no file '{}'; a URL begins with http:// or https://", shown(cell))
        }
        _ => format!("cannot look at '{}': {error}", shown(cell)),
    };
    let metadata = fs::metadata(&full).map_err(missing)?;
    if metadata.is_dir() {
        return Err(format!("'{}' is a directory: name the text in it", shown(cell)));
    }
    let climbs = full.components().any(|part| part == Component::ParentDir);
    let full = if climbs { fs::canonicalize(&full).map_err(missing)? } else { full };
    let plain: PathBuf = full.components().collect();
    let url = Url::from_file_path(plain).map_err(|()| format!("'{}' is not a path", shown(cell)))?;
    let url = String::from(url);
    if url.len() > URL_BYTES_MAX {
        return Err(format!("the path has {} bytes as a URL; {URL_BYTES_MAX} are allowed", url.len()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> (tempfile::TempDir, Base) {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("sub")).expect("writable");
        fs::write(directory.path().join("a b#1.txt"), "text").expect("writable");
        let base = Base::new(directory.path()).expect("exists");
        (directory, base)
    }

    #[test]
    fn web_urls_are_normalised() {
        let (_keep, base) = base();
        for (cell, expected) in [
            ("HTTP://Example.ORG:80/A/../b?q=1#part", "http://example.org/b?q=1"),
            (" https://example.org:443 ", "https://example.org/"),
            ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
            ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ] {
            assert_eq!(resolve(cell, &base), Ok(vec![expected.to_owned()]), "{cell}");
        }
        assert_eq!(resolve("pg:84", &base).expect("a book").len(), 3);
        assert_eq!(resolve("PG:84", &base), resolve("pg:84", &base));
    }

    #[test]
    fn what_is_no_source_is_refused_with_advice() {
        let (_keep, base) = base();
        let long = format!("http://example.org/{}", "x".repeat(URL_BYTES_MAX));
        let grows = format!("http://example.org/{}", "ü".repeat(1000));
        for (cell, advice) in [
            ("ftp://example.org/x", "use http, https, file or pg"),
            ("javascript:alert(1)", "use http, https, file or pg"),
            ("http:/example.org", "begins with http://"),
            ("http://", "not a URL"),
            ("http://a b/", "no spaces"),
            ("http://a/x http://b/y", "TAB"),
            ("http://me:secret@example.org/", "remove it"),
            ("http://me@example.org/", "remove it"),
            ("http://example.org:99999/", "not a URL"),
            ("file://server/share.txt", "this machine"),
            ("file:///a%00b", "NUL"),
            ("file:///a?b", "%3F"),
            ("file:///etc/", "directory"),
            ("pg:0", "pg:84"),
            ("www.example.org/x.txt", "a URL begins with"),
            ("missing.txt", "no file 'missing.txt'"),
            ("sub", "directory"),
            (long.as_str(), "4096"),
            (grows.as_str(), "4096"),
        ] {
            let message = resolve(cell, &base).expect_err(cell);
            assert!(message.contains(advice), "{cell}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn paths_become_absolute_file_urls() {
        let (keep, base) = base();
        let root = fs::canonicalize(keep.path()).expect("exists");
        let expected = Url::from_file_path(root.join("a b#1.txt")).expect("absolute").to_string();
        assert!(expected.ends_with("/a%20b%231.txt"));
        for cell in
            ["a b#1.txt", "./a b#1.txt", "sub/../a b#1.txt", "file:a b%231.txt", "FILE:./a%20b%231.txt"]
        {
            assert_eq!(resolve(cell, &base), Ok(vec![expected.clone()]), "{cell}");
        }
        let absolute = root.join("a b#1.txt");
        assert_eq!(resolve(absolute.to_str().expect("UTF-8"), &base), Ok(vec![expected.clone()]));
        assert_eq!(resolve(&expected.replace("file://", "file://localhost"), &base), Ok(vec![expected]));
    }
}
