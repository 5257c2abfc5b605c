//! What can be named as a source on the command line.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    error::{SourceError, shown},
    location,
};

/// Where entries come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A source list: plain, TSV, CSV or JSONL, also packed with gzip or zstd.
    List(PathBuf),
    /// A source list on standard input.
    Stdin,
    /// URLs and `pg:N`, one text each, as typed. Relative `file:` URLs start from the current directory.
    Texts(Vec<String>),
}

impl Input {
    /// The inputs that `arguments` name: `-` is standard input; what has a scheme (`https://…`, `file:…`, `pg:84`)
    /// is a text; all else is the path of a source list. All texts come as one input, after the lists.
    ///
    /// # Errors
    /// As for [`Input::file`].
    pub fn of_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<Self>, SourceError> {
        let (mut inputs, mut texts) = (Vec::new(), Vec::new());
        for argument in arguments {
            match argument.to_str() {
                Some(text) if location::is_url(text) && !Path::new(&argument).is_file() => {
                    texts.push(text.to_owned());
                }
                Some(_) | None => {
                    let input = Self::file(Path::new(&argument))?;
                    if !inputs.contains(&input) {
                        inputs.push(input);
                    }
                }
            }
        }
        if !texts.is_empty() {
            inputs.push(Self::Texts(texts));
        }
        Ok(inputs)
    }

    /// The list at `path`; `-` is standard input.
    ///
    /// # Errors
    /// [`SourceError::Read`] where there is no such file, or a directory.
    pub fn file(path: &Path) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Ok(Self::Stdin);
        }
        let refuse = |kind, message: String| SourceError::Read {
            path: path.to_owned(),
            source: io::Error::new(kind, message),
        };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(refuse(io::ErrorKind::IsADirectory, "it is a directory: name a list in it".to_owned()))
            }
            Ok(_) => Ok(Self::List(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(refuse(
                error.kind(),
                format!(
                    "there is no file '{}'; a URL begins with http:// or https://, a book is written pg:84",
                    shown(&path.to_string_lossy())
                ),
            )),
            Err(source) => Err(SourceError::Read { path: path.to_owned(), source }),
        }
    }

    /// The name that its snapshot begins with.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::List(path) => {
                path.file_name().map_or_else(|| "list".into(), |name| name.to_string_lossy().into_owned())
            }
            Self::Stdin => "stdin".to_owned(),
            Self::Texts(_) => "arguments".to_owned(),
        }
    }

    /// The path that messages name.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::List(path) => path.clone(),
            Self::Stdin | Self::Texts(_) => PathBuf::from("-"),
        }
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
        let texts = vec!["pg:84".to_owned(), "https://a.example/x".to_owned()];
        assert_eq!(
            Input::of_arguments(arguments).expect("all exist"),
            [Input::Stdin, Input::List(path.into()), Input::Texts(texts)]
        );
    }

    #[test]
    fn a_missing_list_and_a_directory_are_told_apart() {
        let directory = tempfile::tempdir().expect("a directory");
        for (path, part) in
            [(directory.path().join("nope.tsv"), "there is no file"), (directory.path().into(), "directory")]
        {
            let error = Input::of_arguments([path.clone().into_os_string()]).expect_err("refused");
            let SourceError::Read { path: named, source } = error else { panic!("{error}") };
            assert_eq!(named, path);
            assert!(source.to_string().contains(part), "{source}");
        }
    }
}
