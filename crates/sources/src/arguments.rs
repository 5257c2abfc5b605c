//! The sources that can be named on the command line.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use fetch::{config::FetchConfig, list_download::download_list};
use flow::shell;
use tempfile::TempPath;
use url::Url;

use crate::{
    error::{SourceError, shown},
    formats::{ListKind, catalog},
    input::compression::is_packed_name,
    resolve,
};

/// A source that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A source list: plain, TSV, CSV, JSON Lines or the catalogue of Project Gutenberg, also compressed with
    /// gzip or zstd.
    List(ListLocation, ListKind),
    /// The texts in a directory.
    Directory(PathBuf),
    /// URLs, `pg:N` and `pg:N-M`, as typed. Relative `file:` URLs start from the current directory.
    Texts(Vec<String>),
}

/// The location of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListLocation {
    /// A file of the user.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A list that was downloaded.
    Web(Download),
}

/// A downloaded list in a temporary file, which is removed with the last clone.
#[derive(Debug, Clone)]
pub struct Download {
    /// The URL of the list.
    pub url: String,
    /// The temporary file.
    pub file: Arc<TempPath>,
}

impl Download {
    /// Downloads a list into a temporary file.
    ///
    /// # Errors
    /// Returns [`SourceError::Download`] if the list cannot be downloaded, and [`SourceError::Write`] if it
    /// cannot be written.
    pub async fn get(url: String, config: &FetchConfig) -> Result<Self, SourceError> {
        tracing::info!("fetching the list {url}");
        let failed = |source| SourceError::Write { path: std::env::temp_dir(), source };
        let mut file = tempfile::Builder::new().prefix("juggle-list-").tempfile().map_err(failed)?;
        download_list(config, &url, &mut file).await?;
        file.flush().map_err(failed)?;
        Ok(Self { url, file: Arc::new(file.into_temp_path()) })
    }
}

impl PartialEq for Download {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Download {}

/// A source as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputArgument {
    /// A source that can be read.
    Here(Input),
    /// The URL of a list that must be downloaded first.
    Web(ListKind, String),
}

impl InputArgument {
    /// Returns the sources that arguments name.
    ///
    /// `-` is standard input. An argument with a scheme (`https://…`, `file:…`, `pg:84`) is a text, except
    /// that a URL with the file name of the catalogue is the catalogue, and a `file:` URL of a directory is
    /// that directory. Any other argument is the path of a source list or of a directory of texts. All texts
    /// are one input, after the other inputs. Repeated inputs are left out.
    ///
    /// # Errors
    /// Returns the errors of [`InputArgument::list`].
    pub fn of_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<Self>, SourceError> {
        let (mut all, mut texts) = (Vec::new(), Vec::new());
        for argument in arguments {
            let named = match argument.to_str() {
                Some(text) if resolve::is_url(text) && !Path::new(&argument).is_file() => {
                    if let Some(path) = directory(text) {
                        Self::Here(Input::Directory(path))
                    } else if is_catalog(text) {
                        Self::list(&argument, ListKind::Catalog)?
                    } else {
                        texts.push(text.to_owned());
                        continue;
                    }
                }
                Some(_) | None => Self::Here(Input::file(Path::new(&argument), ListKind::List)?),
            };
            if !all.contains(&named) {
                all.push(named);
            }
        }
        if !texts.is_empty() {
            all.push(Self::Here(Input::Texts(texts)));
        }
        Ok(all)
    }

    /// Returns the list at a path or at an `http`, `https` or `file` URL, or the directory of texts; `-` is
    /// standard input.
    ///
    /// # Errors
    /// Returns [`SourceError::Read`] if the file does not exist, or if it is a directory and must be the
    /// catalogue.
    pub fn list(at: &OsStr, kind: ListKind) -> Result<Self, SourceError> {
        // An existing file may have a name that looks like a URL.
        let is_file = Path::new(at).is_file();
        let url = at.to_str().filter(|_| !is_file).and_then(|text| Url::parse(text).ok());
        match url {
            Some(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::Web(kind, url.into())),
            url => {
                // Other schemes are tried as a path, whose error explains what is allowed.
                let path = url.filter(|url| url.scheme() == "file").and_then(|url| url.to_file_path().ok());
                Input::file(path.as_deref().unwrap_or(Path::new(at)), kind).map(Self::Here)
            }
        }
    }
}

/// Returns the directory that a `file:` URL names, or `None` if it names none. A relative URL starts from the
/// current directory.
fn directory(text: &str) -> Option<PathBuf> {
    let here = Url::from_directory_path(std::env::current_dir().ok()?).ok()?;
    let path = here.join(text).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()?;
    path.is_dir().then_some(path)
}

fn is_catalog(text: &str) -> bool {
    let url = Url::parse(text).ok();
    let name = url.as_ref().and_then(|url| url.path_segments()?.next_back());
    name.is_some_and(catalog::is_name)
}

impl Input {
    /// Returns the list at a path, or the texts in the directory there; `-` is standard input.
    ///
    /// # Errors
    /// Returns [`SourceError::Read`] if the file does not exist, or if it is a directory and must be the
    /// catalogue.
    pub fn file(path: &Path, kind: ListKind) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Ok(Self::List(ListLocation::Stdin, kind));
        }
        let failed = |source| SourceError::Read { path: path.to_owned(), source };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => match kind {
                ListKind::List => Ok(Self::Directory(path.to_owned())),
                ListKind::Catalog => {
                    let message = "it is a directory. Name a file";
                    Err(failed(io::Error::new(io::ErrorKind::IsADirectory, message)))
                }
            },
            Ok(_) => Ok(Self::List(ListLocation::File(path.to_owned()), kind)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!(
                    "there is no file '{}'. A URL begins with http:// or https://, and a book is written \
                     as pg:84",
                    shown(&path.to_string_lossy())
                );
                Err(failed(io::Error::new(error.kind(), message)))
            }
            Err(source) => Err(failed(source)),
        }
    }

    /// Returns the name that a snapshot of this input begins with.
    pub(crate) fn name(&self) -> String {
        let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        match self {
            Self::Texts(_) => "arguments".to_owned(),
            Self::Directory(path) => {
                // The paths `.` and `..` do not contain the name of the directory.
                let whole = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                last(&whole).unwrap_or_else(|| "directory".to_owned())
            }
            Self::List(ListLocation::Stdin, _) => "stdin".to_owned(),
            Self::List(ListLocation::File(path), _) => last(path).unwrap_or_else(|| "list".to_owned()),
            Self::List(ListLocation::Web(download), _) => {
                let url = Url::parse(&download.url).ok();
                url.and_then(|url| last(Path::new(url.path()))).unwrap_or_else(|| "list".to_owned())
            }
        }
    }

    /// Returns the path that messages name, or the URL of a downloaded list; `-` for standard input and
    /// arguments.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Texts(_) | Self::List(ListLocation::Stdin, _) => PathBuf::from("-"),
            Self::Directory(path) | Self::List(ListLocation::File(path), _) => path.clone(),
            Self::List(ListLocation::Web(download), _) => PathBuf::from(&download.url),
        }
    }

    /// Returns the beginning of a message about one of the lines.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Texts(_) => String::new(),
            Self::List(ListLocation::Stdin, _) => "standard input, ".to_owned(),
            Self::Directory(_) | Self::List(ListLocation::File(_) | ListLocation::Web(_), _) => {
                format!("{}, ", self.path().display())
            }
        }
    }

    /// Returns the message for a list that turns out to be a text: what it is, and how to add it as a text.
    pub(crate) fn not_a_list_message(&self, what: &str) -> String {
        let advice = match self {
            Self::List(ListLocation::File(path), _) => {
                let url = fs::canonicalize(path).ok().and_then(|path| Url::from_file_path(path).ok());
                let url = url.map_or_else(|| "file:PATH".to_owned(), |url| shell::quoted(url.as_str()));
                let unpack = if is_packed_name(&path.to_string_lossy()) { "Unpack it. " } else { "" };
                format!("{unpack}To add it as a text, use {url}. To add many texts, use their directory")
            }
            Self::List(ListLocation::Web(download), _) => {
                let url = shell::quoted(&download.url);
                format!("To add it as a text, use {url} as a source, without -i")
            }
            Self::List(ListLocation::Stdin, _) | Self::Directory(_) | Self::Texts(_) => {
                "To add it as a text, save it to a file and use file:PATH".to_owned()
            }
        };
        format!("{what}. {advice}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_lists_texts_or_standard_input() {
        let list = tempfile::NamedTempFile::new().expect("a file");
        let path = list.path().as_os_str().to_owned();
        let arguments =
            ["pg:84".into(), "-".into(), path.clone(), "https://a.example/x".into(), path.clone()];
        let catalog = "https://m.example/cache/epub/feeds/pg_catalog.csv.gz";
        let texts = vec!["pg:84".to_owned(), "https://a.example/x".to_owned()];
        assert_eq!(
            InputArgument::of_arguments(arguments.into_iter().chain([catalog.into()])).expect("all exist"),
            [
                InputArgument::Here(Input::List(ListLocation::Stdin, ListKind::List)),
                InputArgument::Here(Input::List(ListLocation::File(path.into()), ListKind::List)),
                InputArgument::Web(ListKind::Catalog, catalog.to_owned()),
                InputArgument::Here(Input::Texts(texts)),
            ]
        );
    }

    #[test]
    fn a_missing_list_is_an_error_and_a_directory_is_one_of_texts() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("nope.tsv");
        let error = InputArgument::of_arguments([path.clone().into_os_string()]).expect_err("refused");
        let SourceError::Read { path: named, source } = error else { panic!("{error}") };
        assert_eq!(named, path);
        assert!(source.to_string().contains("there is no file"), "{source}");

        let here = InputArgument::Here(Input::Directory(directory.path().to_owned()));
        let url = Url::from_directory_path(directory.path()).expect("absolute").to_string();
        let relative = InputArgument::of_arguments(["file:src".into()]).expect("the crate has one");
        let src = std::env::current_dir().expect("is there").join("src");
        assert_eq!(relative, [InputArgument::Here(Input::Directory(src))]);
        for name in [directory.path().as_os_str().to_owned(), url.into()] {
            assert_eq!(InputArgument::list(&name, ListKind::List).expect("is there"), here);
            assert!(InputArgument::list(&name, ListKind::Catalog).is_err());
            let named = InputArgument::of_arguments([name]).expect("is there");
            assert_eq!(named.as_slice(), std::slice::from_ref(&here));
        }
    }

    #[test]
    fn a_list_may_be_a_url() {
        let list = tempfile::NamedTempFile::new().expect("a file");
        let here =
            InputArgument::Here(Input::List(ListLocation::File(list.path().to_owned()), ListKind::Catalog));
        let url = Url::from_file_path(list.path()).expect("absolute").to_string();
        assert_eq!(InputArgument::list(url.as_ref(), ListKind::Catalog).expect("is there"), here);
        let web = InputArgument::list("HTTPS://A.example/books.tsv".as_ref(), ListKind::List).expect("a URL");
        assert_eq!(web, InputArgument::Web(ListKind::List, "https://a.example/books.tsv".to_owned()));
        for nothing in ["pg:84", "file:///nowhere/list", "ftp://a.example/list"] {
            assert!(InputArgument::list(nothing.as_ref(), ListKind::List).is_err(), "{nothing}");
        }
    }
}
