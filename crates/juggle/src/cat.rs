//! `juggle cat`: the bytes of one stored blob.

use std::{
    io::{self, Write},
    str::FromStr,
};

use flow::blobs::{BlobError, BlobKind, BlobName, BlobStore};

use crate::{
    blocking::blocking,
    cli::CatArgs,
    directory,
    exit::{CliError, Exit},
};
use settings::resolved::Settings;

/// The name of a blob as people write it: `text/PG84`, or the path of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBlob(BlobName);

impl FromStr for NamedBlob {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let kinds = BlobKind::ALL.map(word);
        let refused = || format!("use KIND/ID, such as text/PG84. KIND is one of {}", kinds.join(", "));
        // The path of the file of an arrival begins with that of the logs.
        let name = typed.strip_prefix("logs/").unwrap_or(typed);
        let (first, id) = name.split_once('/').ok_or_else(refused)?;
        let kind = BlobKind::ALL.into_iter().find(|kind| word(*kind) == first).ok_or_else(refused)?;
        let id = id.strip_suffix(kind.suffix()).unwrap_or(id);
        let document = id.parse().map_err(|_| format!("'{id}' is no document ID"))?;
        Ok(Self(BlobName::new(kind, document)))
    }
}

/// Returns the word for a kind: the last part of its directory.
fn word(kind: BlobKind) -> &'static str {
    kind.directory().rsplit('/').next().unwrap_or_default()
}

/// Runs `juggle cat`. Writes the bytes also with `--quiet`: nothing else is the result.
///
/// # Errors
/// Returns an error with [`Exit::File`] if there is no run or no such blob, or if it is damaged.
pub async fn run(args: &CatArgs, settings: &Settings) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let blobs = directory::open_blobs(settings).await?;
    let NamedBlob(name) = args.blob.clone();
    blocking(move || write(&blobs, &name)).await?
}

fn write(blobs: &dyn BlobStore, name: &BlobName) -> Result<Exit, CliError> {
    let mut blob = match blobs.open(name) {
        Err(BlobError::NotFound(path)) => {
            return Err(CliError::new(Exit::File, format!("'{}' is not stored", path.display()))
                .advise("To list the documents that are: juggle export metadata"));
        }
        opened => opened?,
    };
    let mut stdout = io::stdout().lock();
    match io::copy(&mut blob, &mut stdout).and_then(|_| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(BlobError::at(&name.relative_path(), error).into())
        }
        // The reader has all that it wanted, such as `head`: no reason for an error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::caused(Exit::File, &error).advise("Standard output cannot be written."))
        }
        _ => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_named_by_kind_and_id_or_by_its_path() {
        for typed in ["text/PG84", "text/PG84_text.txt"] {
            assert_eq!(
                typed.parse::<NamedBlob>().unwrap().0.relative_path().to_str(),
                Some("text/PG84_text.txt")
            );
        }
        for typed in ["arrival/a", "logs/arrival/a.json"] {
            let path = typed.parse::<NamedBlob>().unwrap().0.relative_path();
            assert_eq!(path.to_str(), Some("logs/arrival/a.json"), "{typed}");
        }
        for typed in ["", "PG84", "texts/PG84", "text/", "text/../a", "/text/PG84"] {
            assert!(typed.parse::<NamedBlob>().is_err(), "{typed}");
        }
    }
}
