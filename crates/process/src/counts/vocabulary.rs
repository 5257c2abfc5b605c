//! Adds up the counts of all documents.

use std::io::{BufRead, BufReader};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
};

use uax29::token_counts::TokenCounts;

use crate::error::ProcessError;

// Most counts are shorter, and a larger buffer would be new memory of the system each time.
const BUFFER_BYTES: usize = 32 << 10;

/// The totals of all documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// The number of tokens.
    pub tokens: u64,
    /// The number of distinct tokens.
    pub distinct: u64,
}

/// Adds up the counts of `documents`. Holds every distinct token in memory once, but no whole file. Blocks.
///
/// # Errors
/// Returns [`ProcessError::Blob`] if the counts of a document are missing or cannot be read, and
/// [`ProcessError::BadCounts`] if a line is not a token, a TAB and a number.
pub fn merge(
    blobs: &dyn BlobStore,
    documents: impl IntoIterator<Item = DocumentId>,
) -> Result<Vocabulary, ProcessError> {
    let counts = add_up(blobs, documents, |_| {})?;
    Ok(Vocabulary { tokens: counts.total(), distinct: counts.distinct() })
}

/// Returns the sum of the counts of `documents`. Calls `after_each` with the sum so far after each document.
/// Memory, blocking and errors are those of [`merge`].
///
/// # Errors
/// Returns the errors of [`merge`].
pub fn add_up(
    blobs: &dyn BlobStore,
    documents: impl IntoIterator<Item = DocumentId>,
    mut after_each: impl FnMut(&TokenCounts),
) -> Result<TokenCounts, ProcessError> {
    let mut counts = TokenCounts::default();
    for document in documents {
        add_document(blobs, &BlobName::new(BlobKind::Counts, document), &mut counts)?;
        after_each(&counts);
    }
    Ok(counts)
}

/// Adds the counts of one document.
fn add_document(
    blobs: &dyn BlobStore,
    name: &BlobName,
    counts: &mut TokenCounts,
) -> Result<(), ProcessError> {
    let path = name.relative_path();
    let mut file = BufReader::with_capacity(BUFFER_BYTES, blobs.open(name)?);
    let (mut number, mut line) = (0, Vec::new());
    loop {
        line.clear();
        number += 1;
        // By bytes: the file may have been changed, and an invalid line is reported with its number.
        let read = file.read_until(b'\n', &mut line).map_err(|error| BlobError::at(&path, error))?;
        if read == 0 {
            return Ok(());
        }
        let (token, n) =
            parse(&line).ok_or_else(|| ProcessError::BadCounts { path: path.clone(), line: number })?;
        counts.add(token.as_bytes(), n);
    }
}

/// Parses a line. A token may contain a TAB, because UAX #29 puts one before U+0345 into a word: the last one
/// separates.
fn parse(line: &[u8]) -> Option<(&str, u64)> {
    let (token, n) = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.rsplit_once('\t')?;
    (!token.is_empty()).then_some((token, n.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use flow::testing::memory_blobs::MemoryBlobs;

    use super::*;

    fn counts(number: u32) -> BlobName {
        BlobName::new(BlobKind::Counts, DocumentId::gutenberg(number))
    }

    #[test]
    fn counts_of_documents_add_up() {
        let blobs = MemoryBlobs::default();
        blobs.put(counts(1), "the\t3\ncat\t1\n\t\u{345}\t2\n".as_bytes());
        blobs.put(counts(2), b"the\t5\ndog\t1\n");
        blobs.put(counts(3), b"");
        let total = merge(&blobs, blobs.list(BlobKind::Counts).unwrap()).unwrap();
        assert_eq!(total, Vocabulary { tokens: 12, distinct: 4 });
        assert_eq!(merge(&blobs, []).unwrap(), Vocabulary::default());
    }

    #[test]
    fn an_invalid_line_is_named() {
        for bad in
            [&b"the\t3\ncat\n"[..], b"a\t1\nb\t-1\n", b"a\t1\nb\t2", b"a\t1\n\xff\t1\n", b"a\t1\n\t1\n"]
        {
            let blobs = MemoryBlobs::default();
            blobs.put(counts(1), bad);
            let error = merge(&blobs, [DocumentId::gutenberg(1)]).unwrap_err().to_string();
            assert!(error.contains("line 2 of 'counts/PG1_counts.txt'"), "{error}");
        }
        let missing = merge(&MemoryBlobs::default(), [DocumentId::gutenberg(1)]);
        assert!(matches!(missing, Err(ProcessError::Blob(BlobError::NotFound(_)))));
    }
}
