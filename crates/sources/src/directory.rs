//! Reads a directory as a source: the texts in it and in its subdirectories, ordered by name.
//!
//! A text is a regular file with a text extension (such as `.txt`) or without an extension. Hidden files,
//! temporary files of other programs, run directories of juggle and source lists are left out, and so are
//! links that lead out of the directory or to a text that is taken itself. The numbers of texts taken and
//! left out are reported at the end.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use url::Url;
use walkdir::{DirEntry, FilterEntry, WalkDir};

use crate::{
    config::ReadContext,
    entry::Entry,
    error::{SourceError, shown},
    formats::{
        columns::{self, Column},
        detect::{self, FirstLine},
        row::SourceRow,
        separator::Separator,
        table,
    },
    ignore_patterns::is_temporary,
    input::{
        head::ListHead,
        lines::{LineEnds, Lines},
    },
    resolve::{self, LocalFiles, UrlResolver},
};

/// The extensions of texts.
const ENDINGS: [&str; 7] = ["txt", "text", "md", "markdown", "asc", "utf8", "utf-8"];
/// The maximum length of an extension, in bytes. Anything longer is part of the name.
const ENDING_BYTES_MAX: usize = 8;
/// The number of bytes read to distinguish a list from a text.
const FIRST_BYTES: u64 = 4096;
/// The maximum number of left-out files that are named.
const EXAMPLES: usize = 3;

/// Returns whether a directory is a run directory of juggle, which has a queue of this name.
pub(crate) fn has_run(directory: &Path) -> bool {
    fs::symlink_metadata(directory.join("queue/VERSION")).is_ok()
}

/// Iterates over the texts of a directory.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// `path`, absolute and without symbolic links.
    root: PathBuf,
    walk: FilterEntry<walkdir::IntoIter, fn(&DirEntry) -> bool>,
    resolver: UrlResolver,
    taken: u64,
    left_out: u64,
    examples: Vec<String>,
}

impl Directory {
    /// Opens a directory.
    ///
    /// # Errors
    /// Returns [`SourceError::Read`] if the directory cannot be read, and [`SourceError::NotAList`] if it is
    /// a run directory of juggle.
    pub(crate) fn open(path: &Path, context: &ReadContext) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Read { path: path.to_owned(), source };
        let root = fs::canonicalize(path).map_err(failed)?;
        if has_run(&root) {
            let message = "it is a run directory of juggle, not a directory of texts. Use its directory \
                text/, or the sources of the texts"
                .to_owned();
            return Err(SourceError::NotAList { path: path.to_owned(), message });
        }
        let local = LocalFiles::relative_to(&root).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            // Hidden directories hold no texts of the user, such as `.git`.
            walk: WalkDir::new(&root)
                .min_depth(1)
                .sort_by_file_name()
                .into_iter()
                .filter_entry(|found| !is_hidden(found.file_name())),
            root,
            resolver: UrlResolver { local, gutenberg: Arc::clone(&context.gutenberg) },
            taken: 0,
            left_out: 0,
            examples: Vec::new(),
        })
    }

    /// Returns the text at a directory entry, or `None` if there is none.
    fn look(&mut self, found: &DirEntry) -> Option<Entry> {
        if found.file_type().is_dir() {
            if has_run(found.path()) {
                self.walk.skip_current_dir();
                self.leave_out(found.path(), "a run directory of juggle");
            }
            return None;
        }
        match self.entry(found) {
            Ok(entry) => {
                self.taken += 1;
                Some(entry)
            }
            Err(why) => {
                self.leave_out(found.path(), &why);
                None
            }
        }
    }

    fn entry(&self, found: &DirEntry) -> Result<Entry, String> {
        let path = found.path();
        if !is_text_name(path) {
            return Err("not the name of a text".to_owned());
        }
        if found.path_is_symlink() {
            self.check_link(path)?;
        } else if !found.file_type().is_file() {
            return Err("not a regular file".to_owned());
        }
        // A list among the texts would be stored as a text.
        if is_list(path) {
            return Err("a source list; use it as a source of its own".to_owned());
        }
        let url = Url::from_file_path(path).map_err(|()| "its path cannot be written as a URL".to_owned())?;
        let mut texts = SourceRow::of_urls(std::iter::once(url.into())).expand(&self.resolver)?;
        texts.next().ok_or_else(|| "its path cannot be written as a URL".to_owned())
    }

    /// Checks that a link stands for a text of this directory that is not taken under its own name.
    ///
    /// # Errors
    /// Returns the reason why the link is left out.
    fn check_link(&self, link: &Path) -> Result<(), String> {
        let target = fs::canonicalize(link).map_err(|error| format!("a broken link: {error}"))?;
        let Ok(inside) = target.strip_prefix(&self.root) else {
            return Err("a link to a file outside the directory".to_owned());
        };
        if !target.is_file() {
            return Err("a link to something that is not a file".to_owned());
        }
        // The target is found on its own, so the link would list it twice.
        let is_taken = is_text_name(&target) && !inside.components().any(|part| is_hidden(part.as_os_str()));
        if is_taken { Err("a link to a text that is already added".to_owned()) } else { Ok(()) }
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        self.left_out += 1;
        if self.examples.len() < EXAMPLES {
            let inside = path.strip_prefix(&self.root).unwrap_or(path);
            self.examples.push(format!("{} ({why})", shown(&inside.to_string_lossy())));
        }
    }

    fn report(&self) {
        let (path, taken) = (self.path.display(), self.taken);
        tracing::info!("'{path}': texts found: {taken}");
        if self.left_out > 0 {
            let more = if self.left_out > self.examples.len() as u64 { ", …" } else { "" };
            tracing::warn!(
                "'{path}': files skipped: {}. Examples: {}{more}",
                self.left_out,
                self.examples.join(", ")
            );
        }
    }
}

impl Iterator for Directory {
    type Item = Result<Entry, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(found) = self.walk.next() {
            let found = match found {
                Ok(found) => self.look(&found).map(Ok),
                Err(error) => Some(Err(SourceError::Read { path: self.path.clone(), source: error.into() })),
            };
            if found.is_some() {
                return found;
            }
        }
        self.report();
        None
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Returns whether a file is a text by its name: it has a text extension, or none. `Vol. 2` and `part.1` have
/// none.
pub(crate) fn is_text_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let Some((_, ending)) = name.rsplit_once('.') else { return !is_temporary(path) };
    let is_ending = (1..=ENDING_BYTES_MAX).contains(&ending.len())
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && ending.bytes().any(|byte| byte.is_ascii_alphabetic());
    !is_temporary(path) && (ENDINGS.contains(&ending) || !is_ending)
}

/// Returns whether a file is a source list by its first line that is neither blank nor a comment: the line
/// names a source or the columns of a table, or declares a separator. Returns `false` if the file cannot be
/// read.
pub(crate) fn is_list(path: &Path) -> bool {
    let first = first_line(path);
    first.is_ok_and(|FirstLine { declared, line, unreadable }| {
        let text = line.as_ref().and_then(|line| line.text.as_deref().ok());
        unreadable.is_empty() && (declared.is_some() || text.is_some_and(begins_list))
    })
}

fn first_line(path: &Path) -> io::Result<FirstLine> {
    let head = ListHead::read(Box::new(BufReader::new(File::open(path)?.take(FIRST_BYTES))))?;
    let ends = LineEnds::of(&head.bytes);
    detect::first_line(&mut Lines::new(head.into_list(), ends))
}

/// Returns whether a list may begin with a line.
fn begins_list(line: &str) -> bool {
    let is_header = |separator: Separator| {
        let cells = table::cells(line, separator);
        // A single cell may be the title of a text, such as "Address".
        let is_sure = cells.len() > 1 || line.trim().eq_ignore_ascii_case("url");
        is_sure && columns::of_names(&cells, None).is_ok_and(|columns| columns.contains(&Column::Url))
    };
    resolve::names_source(line)
        || Separator::declared(line).is_some()
        || (!resolve::is_url(line) && Separator::USUAL.into_iter().any(is_header))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::Config;

    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn new(files: &[(&str, &str)]) -> Self {
            let fixture = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                let path = fixture.path(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            fixture
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join("shelf").join(name)
        }

        fn read(&self) -> (Vec<String>, Directory) {
            let context = ReadContext::new(&Config::default());
            let mut directory = Directory::open(&self.path(""), &context).unwrap();
            let root = Url::from_directory_path(&directory.root).unwrap().to_string();
            let texts = directory.by_ref().map(|entry| {
                let entry = entry.unwrap();
                entry.urls[0].strip_prefix(&root).unwrap().to_owned()
            });
            (texts.collect(), directory)
        }
    }

    #[test]
    fn texts_are_taken_in_the_order_of_their_names_and_the_rest_is_counted() {
        let fixture = Fixture::new(&[
            ("b.txt", "b"),
            ("a/2.TXT", "2"),
            ("a/10.md", "10"),
            ("c d#ü", "c"),
            ("cover.jpg", "\u{1}"),
            ("list.tsv", "url\nhttp://a.example/1\n"),
            ("more.txt", "# books\r\rhttp://a.example/1\r"),
            (".hidden.txt", "x"),
            (".git/HEAD.txt", "x"),
            ("b.txt~", "x"),
            ("out/queue/VERSION", "1"),
            ("out/text/x.txt", "x"),
        ]);
        let (texts, directory) = fixture.read();
        assert_eq!(texts, ["a/10.md", "a/2.TXT", "b.txt", "c%20d%23%C3%BC"]);
        assert_eq!((directory.taken, directory.left_out), (4, 5));
        assert!(directory.examples[0].starts_with("b.txt~ ("), "{:?}", directory.examples);
        assert_eq!(directory.examples.len(), EXAMPLES);
    }

    #[test]
    fn links_are_followed_only_to_texts_of_the_directory_that_are_not_taken_themselves() {
        let fixture = Fixture::new(&[("a.txt", "a"), (".store/key", "b"), ("../secret.txt", "s")]);
        for (target, link) in [
            ("a.txt", "again.txt"),
            (".store/key", "b.txt"),
            ("../secret.txt", "out.txt"),
            ("nowhere", "dangling.txt"),
            (".", "loop.txt"),
        ] {
            symlink(fixture.path(target), fixture.path(link)).unwrap();
        }
        let (texts, directory) = fixture.read();
        assert_eq!((texts, directory.left_out), (vec!["a.txt".to_owned(), "b.txt".to_owned()], 4));
    }

    #[test]
    fn a_run_directory_is_no_directory_of_texts() {
        let fixture = Fixture::new(&[("queue/VERSION", "1"), ("text/a.txt", "a")]);
        let context = ReadContext::new(&Config::default());
        let error = Directory::open(&fixture.path(""), &context).unwrap_err().to_string();
        assert!(error.contains("run directory of juggle"), "{error}");
        assert!(Directory::open(&fixture.path("text"), &context).is_ok());
    }

    #[test]
    fn names_of_texts_are_told_by_their_ending() {
        for name in ["a.txt", "A.TXT", "README", "Vol. 2", "part.1", "84.txt.utf-8", "x.md", "Dr. No"] {
            assert!(is_text_name(Path::new(name)), "{name}");
        }
        for name in ["a.jpg", "a.txt.gz", "list.csv", "a.html", "a.part", "~$a.txt", "a.tar"] {
            assert!(!is_text_name(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn lists_are_distinguished_from_texts_by_their_first_line() {
        for line in ["http://a/", "PG:84", "url", "id;link", "sep=;", "Text URL\tTitle", "file:a.txt"] {
            assert!(begins_list(line), "{line}");
        }
        for line in ["It was dark.", "Address", "Note: this, the url", "Links, the address, and so on", "a|b"]
        {
            assert!(!begins_list(line), "{line}");
        }
    }
}
