//! The texts that are measured with.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use flow::document::DocumentId;
use serde::Serialize;

use crate::error::CompareError;

/// The maximum number of texts that are used.
const TEXTS_MAX: usize = 1_000;

/// The texts of a directory.
#[derive(Debug, Serialize)]
pub struct InputTexts {
    /// The directory, unless the program brought the texts with it.
    pub(crate) directory: Option<PathBuf>,
    /// The directory that they are read from.
    #[serde(skip)]
    pub(crate) path: PathBuf,
    /// The number of texts that are used.
    #[serde(rename = "texts")]
    pub(crate) count: usize,
    /// Their size.
    pub(crate) bytes: u64,
    /// The number of texts that are not used.
    pub(crate) left_out: usize,
    #[serde(skip)]
    pub(crate) list: Vec<InputText>,
}

/// One of the texts.
#[derive(Debug)]
pub(crate) struct InputText {
    /// The name of the file.
    pub(crate) file: String,
    /// The id of the text in the runs.
    pub(crate) document: DocumentId,
    /// The BLAKE3 of the bytes, 64 hex digits.
    pub(crate) blake3: String,
}

impl InputTexts {
    /// Reads the texts (`*.txt`) of a directory, by name. Blocking.
    ///
    /// # Errors
    /// Returns [`CompareError::ReadTexts`] if the directory cannot be read, and [`CompareError::NoTexts`] if
    /// it has no text.
    pub fn read(directory: &Path) -> Result<Self, CompareError> {
        let refuse = |source: io::Error| CompareError::ReadTexts { path: directory.to_owned(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).map_err(refuse)? {
            let path = entry.map_err(refuse)?.path();
            if path.extension().is_some_and(|extension| extension == "txt") && path.is_file() {
                files.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
            }
        }
        // The order of a directory is arbitrary; two comparisons should use the same texts.
        files.sort();
        let left_out = files.len().saturating_sub(TEXTS_MAX);
        files.truncate(TEXTS_MAX);
        let (mut list, mut bytes) = (Vec::new(), 0);
        for file in files {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(fs::File::open(directory.join(&file)).map_err(refuse)?).map_err(refuse)?;
            bytes += hasher.count();
            let document = DocumentId::derived("text", &file, &file);
            list.push(InputText { document, blake3: hasher.finalize().to_hex().to_string(), file });
        }
        if list.is_empty() {
            return Err(CompareError::NoTexts(directory.to_owned()));
        }
        let (path, count) = (directory.to_owned(), list.len());
        Ok(Self { directory: Some(path.clone()), path, count, bytes, left_out, list })
    }

    /// Returns the same texts as those of the bundled sample. Their directory is of no interest to people.
    #[must_use]
    pub fn of_the_sample(self) -> Self {
        Self { directory: None, ..self }
    }

    /// Returns the origin of the texts for people.
    pub(crate) fn origin(&self) -> String {
        let directory = self.directory.as_ref();
        directory
            .map_or_else(|| "the bundled sample".to_owned(), |directory| format!("'{}'", directory.display()))
    }
}
