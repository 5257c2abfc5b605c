//! The texts that are compared with.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use flow::document::DocumentId;
use serde::Serialize;

use crate::exit::{CliError, Exit};

/// How many are taken.
const TEXTS_MAX: usize = 1_000;

/// The texts of a directory.
#[derive(Debug, Serialize)]
pub(super) struct InputTexts {
    /// Where they lie.
    pub(super) directory: PathBuf,
    /// How many are taken.
    #[serde(rename = "texts")]
    count: usize,
    /// Their bytes, all together.
    pub(super) bytes: u64,
    /// How many are not.
    pub(super) left_out: usize,
    #[serde(skip)]
    pub(super) list: Vec<Text>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Text {
    /// The name of its file.
    pub(super) file: String,
    /// Its id in the runs.
    pub(super) document: DocumentId,
    /// The BLAKE3 of its bytes, as 64 hex digits.
    pub(super) blake3: String,
}

impl InputTexts {
    /// Those in a directory, by name. Blocking.
    ///
    /// # Errors
    /// Where it cannot be read, or has none.
    pub(super) fn read(directory: &Path) -> Result<Self, CliError> {
        let refuse = |error: io::Error| {
            let message = format!("cannot read texts from '{}': {error}", directory.display());
            CliError::new(Exit::File, message).advise("name a directory with texts: juggle compare DIR")
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).map_err(refuse)? {
            let path = entry.map_err(refuse)?.path();
            if path.extension().is_some_and(|extension| extension == "txt") && path.is_file() {
                files.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
            }
        }
        files.sort();
        let left_out = files.len().saturating_sub(TEXTS_MAX);
        files.truncate(TEXTS_MAX);
        let (mut list, mut bytes) = (Vec::new(), 0);
        for file in files {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(fs::File::open(directory.join(&file)).map_err(refuse)?).map_err(refuse)?;
            bytes += hasher.count();
            let document = DocumentId::derived("text", &file, &file);
            list.push(Text { document, blake3: hasher.finalize().to_hex().to_string(), file });
        }
        if list.is_empty() {
            let message = format!("there is no text (*.txt) in '{}'", directory.display());
            return Err(
                CliError::new(Exit::File, message).advise("name a directory with texts: juggle compare DIR")
            );
        }
        Ok(Self { directory: directory.to_owned(), count: list.len(), bytes, left_out, list })
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }
}
