//! Finds documents by the ids that people type.

use std::path::Path;

use distance::suggestions;
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    document::{DocumentId, folded},
};

use crate::exit::{CliError, Exit, MEND};

use flow::shell::quoted_path;

/// Returns the processed document of this id, in any spelling.
///
/// # Errors
/// Returns an error with similar ids if there is none, and an error if it has no tokens yet.
pub(super) fn find_processed(blobs: &dyn BlobStore, run: &Path, id: &str) -> Result<DocumentId, CliError> {
    let document = find_stored(blobs, run, id)?;
    let has = |kind| blobs.len(&BlobName::new(kind, document.clone()));
    if has(BlobKind::Tokens)?.is_some() {
        return Ok(document);
    }
    // The stats are published with the tokens: a document with only one of them is damaged.
    if has(BlobKind::Stats)?.is_some() {
        let message = format!("the tokens of '{document}' are missing or damaged");
        return Err(CliError::new(Exit::File, message).advise(MEND));
    }
    let message = format!("'{document}' is stored but not processed yet");
    let advice = format!("process it: juggle process -o {}", quoted_path(run));
    Err(CliError::new(Exit::File, message).advise(advice))
}

fn find_stored(blobs: &dyn BlobStore, run: &Path, id: &str) -> Result<DocumentId, CliError> {
    if let Ok(document) = id.parse::<DocumentId>()
        && blobs.len(&BlobName::new(BlobKind::Meta, document.clone()))?.is_some()
    {
        return Ok(document);
    }
    // Only if the exact id is unknown: listing reads the directory of all documents.
    let documents = blobs.list(BlobKind::Meta)?;
    let is_meant = |document: &&DocumentId| folded(document.as_str()) == folded(id);
    documents.iter().find(is_meant).cloned().ok_or_else(|| unknown(id, run, &documents))
}

fn unknown(id: &str, run: &Path, documents: &[DocumentId]) -> CliError {
    // A pasted text could fill the screen or control the terminal.
    let shown: String = id.chars().take(60).flat_map(char::escape_debug).collect();
    let message = format!("no document '{shown}' is stored in '{}'", run.display());
    let closest: Vec<String> =
        suggestions::suggest(id, documents).iter().map(|id| format!("'{id}'")).collect();
    let advice = match (&closest[..], documents) {
        (_, []) => "no document is stored yet; see the progress with 'juggle status'".to_owned(),
        ([], _) => "ids are the names of the files in meta/; 'juggle queue ls' lists documents in progress"
            .to_owned(),
        (closest, _) => format!("did you mean {}?", closest.join(" or ")),
    };
    CliError::new(Exit::File, message).advise(advice)
}
